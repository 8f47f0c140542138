//! Which events are sent when, and what follows from each answer.

mod ahead;
mod settled;
mod suspects;

use std::{panic::resume_unwind, sync::Arc};

use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};

use self::{ahead::Announcing, settled::Ended, suspects::Suspects};
use super::{
    HttpSettings,
    client::Client,
    health::{Health, Trouble},
    parcel::Parcel,
    queue::{Limits, Queue},
};
use crate::{
    error::MemberError,
    event::Batch,
    log::throttle::Throttle,
    sink::{
        SinkContext,
        delivery::{DeliveryPolicy, Recipient},
    },
};

/// Events from the first that is not done on, of which a byte each is kept, or nine where they are
/// announced.
const MAX_AHEAD: usize = 1_000_000;
const MAX_ANNOUNCED: usize = 250_000;

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// What is due.
    Usual,
    /// All that there is, without a wait for more.
    Drain,
    /// What was never sent, once: a stop was asked for.
    Stop,
}

/// Events on their way.
#[derive(Debug)]
pub(super) struct Flow {
    settings: HttpSettings,
    client: Arc<Client>,
    policy: Arc<DeliveryPolicy>,
    pub(super) context: SinkContext,
    queue: Queue,
    /// Where there is a cursor.
    announcing: Option<Announcing>,
    /// What is to be sent again, or was divided.
    parcels: Vec<Parcel>,
    running: JoinSet<Ended>,
    suspects: Suspects,
    /// How many requests are under way of accounts that are apart.
    n_apart: usize,
    health: Health,
    /// How many bytes a request has, as far as the endpoint has taken them.
    max_bytes: usize,
    /// Something ended the run.
    is_over: bool,
    /// How often it is said that the stream waits.
    pace: Throttle,
}

impl Flow {
    pub(super) fn new(settings: HttpSettings, client: Arc<Client>, context: &SinkContext) -> Self {
        let name = Recipient::Endpoint(settings.address.to_string());
        let policy = DeliveryPolicy::new(name, settings.retries, settings.on_error.clone());
        policy.set_stats(context.stats());
        let max_bytes = settings.batch.bytes.get();
        let announcing = Announcing::new(&settings, context);
        Self {
            queue: Queue::new(Limits {
                events: settings.batch.events.get(),
                bytes: max_bytes,
                wait: settings.batch.wait,
                unanswered: settings.max_unanswered,
                ahead: match announcing {
                    Some(_) => MAX_ANNOUNCED,
                    None => MAX_AHEAD,
                },
            }),
            announcing,
            client,
            policy: Arc::new(policy),
            context: context.clone(),
            parcels: Vec::new(),
            running: JoinSet::new(),
            suspects: Suspects::default(),
            n_apart: 0,
            health: Health::new(),
            max_bytes,
            is_over: false,
            pace: Throttle::sparse(),
            settings,
        }
    }

    /// Takes as many events as there is room for.
    pub(super) fn take(&mut self, batch: &mut Batch) -> Result<(), MemberError> {
        let now = Instant::now();
        let mut taken = 0;
        for event in batch.events() {
            if !self.has_room() {
                break;
            }
            self.put_in(event, now);
            taken += 1;
        }
        batch.take(taken);
        batch.give_back();
        while let Some(ended) = self.running.try_join_next() {
            self.settle(joined(ended))?;
        }
        self.begin_ready(Mode::Usual);
        self.context.set_at_work(self.n_open());
        Ok(())
    }

    /// How many events are not answered.
    fn n_open(&self) -> usize {
        let held = self.announcing.as_ref().map_or(0, Announcing::n_held);
        self.queue.n_open() + held
    }

    /// Whether more events may be taken.
    pub(super) fn has_room(&self) -> bool {
        let is_held_up = self.announcing.as_ref();
        let is_held_up = is_held_up.is_some_and(|announcing| !announcing.has_room());
        self.queue.has_room() && !is_held_up
    }

    /// Whether every event is answered.
    pub(super) fn is_empty(&self) -> bool {
        self.n_open() == 0
    }

    /// Whether nothing is under way, and nothing can be begun.
    pub(super) fn is_at_rest(&mut self, mode: Mode) -> bool {
        self.begin_ready(mode);
        let is_left = match mode {
            Mode::Stop => self.waits_at_stop(Instant::now()).is_none(),
            Mode::Usual | Mode::Drain => self.is_empty(),
        };
        self.running.is_empty() && (self.is_over || is_left)
    }

    /// Ends what is under way.
    pub(super) fn abort(&mut self) {
        self.running.abort_all();
    }

    /// Waits for something to happen, and does what follows from it.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(super) async fn step(&mut self, mode: Mode) -> Result<(), MemberError> {
        self.begin_ready(mode);
        let wake = self.wake(mode);
        let ended = tokio::select! {
            Some(ended) = self.running.join_next() => ended,
            Some(()) = more_saved(self.announcing.as_ref()) => return Ok(()),
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => return Ok(()),
            else => return std::future::pending().await,
        };
        let settled = self.settle(joined(ended));
        self.context.set_at_work(self.n_open());
        settled
    }

    /// Begins with all that may begin.
    fn begin_ready(&mut self, mode: Mode) {
        let now = Instant::now();
        self.make_ahead(mode, now);
        while self.has_free_job() && self.health.opens(now).is_some_and(|opens| opens <= now) {
            match self.next(mode, now) {
                Some(parcel) => self.send(parcel, now),
                None => break,
            }
        }
    }

    fn has_free_job(&self) -> bool {
        !self.is_over && self.running.len() < self.settings.jobs.get()
    }

    /// When something can be done that cannot be now.
    fn wake(&mut self, mode: Mode) -> Option<Instant> {
        let now = Instant::now();
        let sends = self.wake_to_send(mode, now);
        sends.into_iter().chain(self.wake_ahead(mode, now)).min()
    }

    /// When something can be sent. After a stop nothing is waited for but what is under way.
    fn wake_to_send(&mut self, mode: Mode, now: Instant) -> Option<Instant> {
        if mode == Mode::Stop {
            return None;
        }
        let opens = self.health.opens(now).filter(|_| self.has_free_job())?;
        let parcels = self.parcels.iter();
        let parcels = parcels.filter(|parcel| self.has_room_for(parcel));
        let retried = parcels.map(|parcel| self.ready_at(parcel)).min();
        let first = self.fresh_due(now).into_iter().chain(retried).min()?;
        Some(first.max(opens))
    }

    /// What is sent next. Where the endpoint is in trouble, what was never tried comes first, and
    /// then what was not for the longest time: one event that it chokes on is not all it gets.
    fn next(&mut self, mode: Mode, now: Instant) -> Option<Parcel> {
        let is_in_trouble = self.health.trouble().is_some();
        if mode == Mode::Stop && is_in_trouble {
            return None;
        }
        let is_due = self.has_fresh(mode, now);
        if is_due && is_in_trouble {
            return self.take_fresh(now);
        }
        let retried = if mode == Mode::Stop {
            None
        } else {
            self.retry(now, is_in_trouble)
        };
        match retried {
            None if is_due => self.take_fresh(now),
            retried => retried,
        }
    }

    /// Accounts that are apart have at most half of the requests under way, so that they hold up
    /// nobody who is not.
    fn has_room_for(&self, parcel: &Parcel) -> bool {
        !parcel.is_apart || self.n_apart < self.settings.jobs.get().div_ceil(2)
    }

    fn retry(&mut self, now: Instant, is_in_trouble: bool) -> Option<Parcel> {
        let due = self.parcels.iter().enumerate();
        let due =
            due.filter(|(_, parcel)| self.has_room_for(parcel) && self.ready_at(parcel) <= now);
        let (at, _) = if is_in_trouble {
            due.min_by_key(|(_, parcel)| parcel.tried)?
        } else {
            due.min_by_key(|(_, parcel)| parcel.first())?
        };
        Some(self.parcels.swap_remove(at))
    }

    fn send(&mut self, mut parcel: Parcel, now: Instant) {
        let is_refused = self.health.trouble() == Some(Trouble::Refusing);
        let is_probe = self.health.begin();
        parcel.tried = Some(now);
        self.n_apart += usize::from(parcel.is_apart);
        let client = Arc::clone(&self.client);
        self.running.spawn(async move {
            if is_refused {
                client.reload().await;
            }
            let verdict = client.deliver(&parcel).await;
            Ended::Answered {
                parcel,
                verdict,
                is_probe,
            }
        });
    }
}

async fn more_saved(announcing: Option<&Announcing>) -> Option<()> {
    announcing?.changed().await;
    Some(())
}

fn joined(ended: Result<Ended, JoinError>) -> Ended {
    ended.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(_cancelled) => unreachable!("its tasks end before the set does"),
    })
}
