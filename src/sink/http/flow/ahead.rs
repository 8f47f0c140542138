//! Requests that are made ahead, and announced in the cursor before they are first sent.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::{debug, warn};

use super::{Flow, Mode};
use crate::{
    event::Event,
    log::STATE,
    sink::{
        CursorMode, SinkContext,
        http::{
            HttpSettings,
            bounds::{Announced, Plan, Replay, Replayed},
            parcel::Parcel,
        },
    },
};

/// How many requests are made ahead for each that may be under way, and at least so many events.
const MADE_PER_JOB: usize = 8;
const MADE_EVENTS: usize = 1024;

/// The least time between two wishes for a save, and where nothing can be sent before it.
const BETWEEN_WISHES: Duration = Duration::from_millis(20);
const BETWEEN_URGENT_WISHES: Duration = Duration::from_millis(5);

/// How long a request waits for the cursor, and how long after a stop.
const PATIENCE: Duration = Duration::from_secs(10);
const PATIENCE_AT_STOP: Duration = Duration::from_secs(2);

/// Requests on their way into the cursor.
#[derive(Debug)]
pub(super) struct Announcing {
    announced: Arc<Announced>,
    /// Never sent yet, in the order in which they were announced.
    made: VecDeque<Parcel>,
    max_made: usize,
    replay: Option<Replay>,
    /// When a save was last wished for.
    wished: Option<Instant>,
    /// Requests are not held up until more is saved than this.
    waived: Option<u64>,
}

impl Announcing {
    /// Nothing is announced where there is no cursor.
    pub(super) fn new(settings: &HttpSettings, context: &SinkContext) -> Option<Self> {
        if context.cursor_mode() == CursorMode::Off {
            return None;
        }
        let earlier = context.earlier_note();
        let plan = earlier
            .as_deref()
            .and_then(|text| Plan::parse(text, &settings.address));
        if earlier.is_some() && plan.is_none() {
            debug!(target: STATE, "the requests that the cursor announces are for another endpoint, or of another version");
        }
        let announced = Arc::new(Announced::new(
            &settings.address,
            earlier.filter(|_| plan.is_some()),
        ));
        context.keep_note(Arc::<Announced>::clone(&announced));
        let by_events = MADE_EVENTS / settings.batch.events.get();
        Some(Self {
            announced,
            made: VecDeque::new(),
            max_made: by_events.max(MADE_PER_JOB * settings.jobs.get()),
            replay: plan.map(|plan| Replay::new(plan, settings.max_unanswered)),
            wished: None,
            waived: None,
        })
    }

    /// How many events are held until it is known in which requests they were.
    pub(super) fn n_held(&self) -> usize {
        self.replay.as_ref().map_or(0, Replay::len)
    }

    /// Resolves once more of what is announced is saved.
    pub(super) async fn changed(&self) {
        self.announced.changed().await;
    }

    /// Whether one more event may be taken.
    pub(super) fn has_room(&self) -> bool {
        self.replay.as_ref().is_none_or(Replay::has_room)
    }

    fn n_saved(&self) -> usize {
        let saved = self.announced.saved();
        self.made
            .partition_point(|parcel| parcel.announcement() <= saved)
    }

    /// From when on the next request may be sent.
    fn opens(&self, now: Instant) -> Option<Instant> {
        let first = self.made.front()?;
        Some(self.opens_for(first).max(now))
    }

    /// From when on this one may.
    fn opens_for(&self, parcel: &Parcel) -> Instant {
        let saved = self.announced.saved();
        let is_open = parcel.announcement() <= saved || self.waived == Some(saved);
        if is_open {
            parcel.due
        } else {
            parcel.due + PATIENCE
        }
    }

    /// When a save is to be wished for, which is late enough for it to announce several.
    fn wish(&self, now: Instant) -> Option<Instant> {
        let n_saved = self.n_saved();
        let between = if n_saved == 0 {
            BETWEEN_URGENT_WISHES
        } else {
            BETWEEN_WISHES
        };
        let is_needed = n_saved * 2 < self.max_made && self.announced.is_news();
        is_needed.then(|| self.wished.map_or(now, |at| at + between))
    }
}

impl Flow {
    /// Takes an event: into the queue, or with those that came before the restart.
    pub(super) fn put_in(&mut self, event: Event<'_>, now: Instant) {
        if let Some(announcing) = &mut self.announcing {
            if let Some(replay) = &mut announcing.replay {
                for event in replay.add(&event, now) {
                    announcing.announced.add(&event.event());
                    self.queue.push(event, now);
                }
                self.take_up(Mode::Usual, now);
                return;
            }
            announcing.announced.add(&event);
        }
        self.queue.push(event.into_owned(), now);
    }

    /// Goes on with the requests that the run before announced, once their events are there.
    fn take_up(&mut self, mode: Mode, now: Instant) {
        let Some(announcing) = &mut self.announcing else {
            return;
        };
        let n_done = self.queue.n_done();
        let is_over = |replay: &mut Replay| {
            let is_over = mode != Mode::Usual || replay.is_over(now);
            is_over && n_done >= replay.n_passed()
        };
        let Some(replay) = announcing.replay.take_if(is_over) else {
            return;
        };
        let (events, n_parcels) = replay.resolve();
        let (mut n_answered, mut n_free) = (0_usize, 0_usize);
        let mut parcels: Vec<_> = (0..n_parcels)
            .map(|_| (self.queue.new_holder(), Vec::new()))
            .collect();
        for event in events {
            match event {
                Replayed::Answered(known) => {
                    announcing.announced.add_known(known, true);
                    self.queue.push_done();
                    n_answered += 1;
                }
                Replayed::Free(event) => {
                    announcing.announced.add(&event.event());
                    self.queue.push(event, now);
                    n_free += 1;
                }
                Replayed::Announced(event, parcel) => {
                    announcing.announced.add(&event.event());
                    if let Some((holder, items)) = parcels.get_mut(parcel) {
                        items.push(self.queue.push_held(event, *holder, now));
                    }
                }
            }
        }
        debug!(target: STATE, n_parcels, n_answered, n_free, "of the run before {n_parcels} requests go as they were announced, {n_answered} events were answered behind the cursor, {n_free} are new");
        let parcels = parcels.into_iter().map(|(holder, items)| {
            let mut parcel = Parcel::new(items, now);
            announcing.announced.announce(&mut parcel);
            (holder, parcel)
        });
        // What waits for another is put aside behind it, the last first.
        for (holder, parcel) in parcels.collect::<Vec<_>>().into_iter().rev() {
            if self.queue.is_behind(&parcel, holder) {
                self.queue.put_aside(parcel);
            } else {
                announcing.made.push_front(parcel);
            }
        }
        announcing.announced.take_up();
        self.context.accept(self.queue.count_done());
    }

    /// Makes requests of what is due, as many as there may be, and has them announced.
    pub(super) fn make_ahead(&mut self, mode: Mode, now: Instant) {
        self.take_up(mode, now);
        let Some(announcing) = &mut self.announcing else {
            return;
        };
        let is_in_trouble = self.health.trouble().is_some();
        let makes_none = self.is_over || (mode == Mode::Stop && is_in_trouble);
        while !makes_none && announcing.made.len() < announcing.max_made {
            let due = self.queue.due();
            if !due.is_some_and(|due| due <= now || mode != Mode::Usual) {
                break;
            }
            let Some(parcel) = self.queue.take(self.max_bytes, now) else {
                break;
            };
            let (others, mut apart) = self.suspects.part(parcel, now);
            for parcel in &mut apart {
                announcing.announced.announce(parcel);
            }
            self.parcels.extend(apart);
            if let Some(mut parcel) = others {
                announcing.announced.announce(&mut parcel);
                announcing.made.push_back(parcel);
            }
        }
        if announcing.wish(now).is_some_and(|wish| wish <= now) {
            announcing.wished = Some(now);
            self.context.want_save();
        }
    }

    /// Whether something may be sent that never was.
    pub(super) fn has_fresh(&mut self, mode: Mode, now: Instant) -> bool {
        let due = match &self.announcing {
            Some(announcing) => announcing.opens(now),
            None => self.queue.due().map(|due| match mode {
                Mode::Usual => due,
                Mode::Drain | Mode::Stop => now,
            }),
        };
        due.is_some_and(|due| due <= now)
    }

    /// What may be sent and never was.
    pub(super) fn take_fresh(&mut self, now: Instant) -> Option<Parcel> {
        let Some(announcing) = &mut self.announcing else {
            let parcel = self.queue.take(self.max_bytes, now)?;
            let (others, apart) = self.suspects.part(parcel, now);
            self.parcels.extend(apart);
            return others;
        };
        let parcel = announcing.made.pop_front()?;
        let saved = announcing.announced.saved();
        if parcel.announcement() > saved && announcing.waived.replace(saved) != Some(saved) {
            let endpoint = self.settings.address.to_string();
            warn!(target: STATE, endpoint, "the cursor was not saved for {} s: requests to '{endpoint}' are sent all the same, and may be made up otherwise after a crash", PATIENCE.as_secs());
        }
        Some(parcel)
    }

    /// When something is to be done that no answer brings about, whether anything may be sent or
    /// not.
    pub(super) fn wake_ahead(&mut self, mode: Mode, now: Instant) -> Option<Instant> {
        let announcing = self.announcing.as_ref()?;
        let replay = announcing.replay.as_ref();
        let replay = replay.filter(|replay| self.queue.n_done() >= replay.n_passed());
        let held = replay.and_then(Replay::due);
        let may_make = mode == Mode::Usual && announcing.made.len() < announcing.max_made;
        let made = may_make.then(|| self.queue.due()).flatten();
        let waits = self.waits_at_stop(now).filter(|_| mode == Mode::Stop);
        let wakes = [held, made, announcing.wish(now), waits];
        wakes.into_iter().flatten().min()
    }

    /// When the next request that may be sent is due.
    pub(super) fn fresh_due(&mut self, now: Instant) -> Option<Instant> {
        match &self.announcing {
            Some(announcing) => announcing.opens(now),
            None => self.queue.due(),
        }
    }

    /// Until when a request waits for the cursor after a stop; `None` where none does.
    pub(super) fn waits_at_stop(&self, now: Instant) -> Option<Instant> {
        let first = self.announcing.as_ref()?.made.front()?;
        let until = first.due + PATIENCE_AT_STOP;
        let waits = self.health.trouble().is_none() && until > now;
        waits.then_some(until)
    }

    /// Notes what a request was divided into.
    pub(super) fn announce_parts(&self, mut parts: Vec<Parcel>) -> Vec<Parcel> {
        if let Some(announcing) = &self.announcing {
            for part in &mut parts {
                announcing.announced.announce(part);
            }
        }
        parts
    }

    /// From when on a request may be sent. One of an account that is apart waits for the cursor
    /// before its first time, as all do.
    pub(super) fn ready_at(&self, parcel: &Parcel) -> Instant {
        let waits = parcel.is_apart && !parcel.is_part && parcel.tried.is_none();
        match self.announcing.as_ref().filter(|_| waits) {
            Some(announcing) => announcing.opens_for(parcel),
            None => parcel.due,
        }
    }

    /// Notes that the events of a request are answered.
    pub(super) fn note_end(&self, parcel: &Parcel) {
        if let Some(announcing) = &self.announcing {
            announcing.announced.end(parcel);
        }
    }
}
