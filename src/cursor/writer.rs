//! When a position is saved, and which.
//!
//! Between the pipeline, which knows what was read and what is accepted, and the store, which keeps
//! what it is given. A save runs beside delivery: it is begun here, and makes progress while
//! [`CursorWriter::finished`] is awaited.

mod saving;

use std::{future::pending, time::Duration};

use futures_util::FutureExt;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tracing::{info, warn};

use self::saving::{Done, Saving};
use super::{CursorStore, PendingPositions, Saved, course::Course};
use crate::{
    backoff::Backoff,
    cursor::SaveError,
    error::MemberError,
    event::{Batch, FileMark, Place, Point, Position, Trail},
    log::{STATE, chain},
};

/// How long the last save may take when nothing of the grace period is left.
const LAST_SAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest wait between two saves that fail.
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// Where the store is while nothing is saved.
const AT_HAND: &str = "the store is at hand while nothing is saved";

/// The cursor of a run.
#[derive(Debug)]
pub(crate) struct CursorWriter<C> {
    /// Away while a save is under way.
    store: Option<C>,
    saving: Option<Saving<C>>,
    keeps: bool,
    /// With which filter the place was reached that was settled last.
    filter: String,
    pending: PendingPositions,
    course: Course,
    /// The place up to which every event is accepted, for a source that wants to know.
    accepted: watch::Sender<Option<Point>>,
    /// The place that this run has saved last, for a source that fetches nothing twice.
    saved_point: watch::Sender<Option<Point>>,
    saved: Option<Saved>,
    is_failing: bool,
    backoff: Backoff,
    /// When the next save may begin, after one that failed.
    next_try: Option<Instant>,
    /// Something has changed since the last save, or is still to be accepted.
    is_dirty: bool,
}

impl<C: CursorStore> CursorWriter<C> {
    pub(crate) fn new(store: C) -> Self {
        Self {
            keeps: store.keeps(),
            store: Some(store),
            saving: None,
            filter: String::new(),
            pending: PendingPositions::default(),
            course: Course::default(),
            accepted: watch::channel(None).0,
            saved_point: watch::channel(None).0,
            saved: None,
            is_failing: false,
            backoff: Backoff::new(MAX_BACKOFF),
            next_try: None,
            is_dirty: true,
        }
    }

    /// Returns what an earlier run saved. From now on saves are made with this filter.
    pub(crate) async fn load(&mut self, filter: &str) -> Result<Option<Saved>, MemberError> {
        filter.clone_into(&mut self.filter);
        self.pending.change_filter(filter);
        self.store.as_mut().expect(AT_HAND).load().await
    }

    /// What is added from now on is read with this filter.
    pub(crate) fn change_filter(&mut self, filter: &str) {
        self.pending.change_filter(filter);
        if self.course.position().is_none() {
            filter.clone_into(&mut self.filter);
        }
    }

    /// The source goes on from what was saved, so it stands until something further is accepted. A
    /// place that was set and not reached gives way to the first event, as if there had been none.
    pub(crate) fn go_on_from(&mut self, saved: Saved) {
        self.course.restore(&saved);
        self.saved = Some(saved);
    }

    /// Drops what the run before has delivered although it comes after its place; returns how many
    /// events that were.
    pub(crate) fn drop_ahead(&mut self, batch: &mut Batch) -> u64 {
        let ahead = self.course.ahead();
        if ahead.is_awaited() && !batch.is_aside() {
            ahead.drop_from(batch)
        } else {
            0
        }
    }

    /// Notes a batch that went through the filter. Events after one that was left out are passed by
    /// the stream at `ahead_until_us`.
    ///
    /// Returns whether it holds the first event of all, which is then to be saved as the beginning:
    /// until something is accepted, a crash has to come back to it, and not to a later live tip.
    pub(crate) fn add(&mut self, batch: &Batch, ahead_until_us: u64) -> bool {
        if batch.is_aside() {
            self.pending.add(batch);
            return false;
        }
        let is_beginning = self.course.begin_with(batch);
        let n_given = self.pending.kept();
        self.course.ahead().add(batch, n_given, ahead_until_us);
        self.pending.add(batch);
        self.is_dirty |= batch.reached().is_some() || !batch.is_empty();
        is_beginning
    }

    /// Up to this time the source may still bring what was delivered.
    pub(crate) fn note_repeats(&mut self, until_us: Option<u64>) {
        self.course.note_repeats(until_us);
    }

    /// The sink takes the batch that was added last apart, so that every event of it can be the
    /// last one accepted.
    pub(crate) fn note_each(&mut self, batch: &Batch) {
        self.pending.note_each(batch);
    }

    /// What will tell the place up to which every event is accepted.
    pub(crate) fn accepted(&self) -> watch::Receiver<Option<Point>> {
        self.accepted.subscribe()
    }

    /// What will tell the place that was saved last.
    pub(crate) fn saved_point(&self) -> watch::Receiver<Option<Point>> {
        self.saved_point.subscribe()
    }

    /// The sink has accepted this number of events.
    pub(crate) fn settle(&mut self, accepted: u64) {
        let Self {
            pending, course, ..
        } = self;
        let mut settled = None;
        pending.settle(accepted, |origin, point| {
            course.reach(origin, point);
            settled = Some(*point);
        });
        if settled.is_some() {
            if self.filter != self.pending.settled_filter() {
                self.pending.settled_filter().clone_into(&mut self.filter);
            }
            self.accepted.send_replace(settled);
        }
        self.course.accept(accepted);
    }

    /// The point up to which the stream is done.
    pub(crate) fn point(&self) -> Option<&Point> {
        self.course.position().map(|position| &position.point)
    }

    /// What the source knows of what it has read up to there; for the last save.
    pub(crate) fn remember(&mut self, read: Trail) {
        self.course.remember(read);
    }

    /// The sink is about to make durable what it was given so far.
    pub(crate) fn pin(&mut self) {
        self.pending.pin();
    }

    /// Whether there is anything to save, or to ask the sink about.
    pub(crate) fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Whether anything is kept at all.
    pub(crate) fn keeps(&self) -> bool {
        self.keeps
    }

    /// The files of the cursor that was saved last.
    pub(crate) fn saved_files(&self) -> &[FileMark] {
        self.saved.as_ref().map_or(&[], |saved| &saved.files)
    }

    /// Events given to the sink so far.
    pub(crate) fn kept(&self) -> u64 {
        self.pending.kept()
    }

    /// The highest time of all events that are accepted, over all runs.
    pub(crate) fn highest_us(&self) -> Option<u64> {
        self.course.highest_us()
    }

    /// Where the stream is done up to.
    pub(crate) fn position(&self) -> Option<&Position> {
        self.course.position()
    }

    fn is_waiting(&self) -> bool {
        self.pending.are_waiting() || self.course.is_waiting()
    }

    /// Begins to save what changed; what becomes of it, [`CursorWriter::finished`] says. Returns
    /// whether what was saved last still stands for all that is accepted, so that there is nothing
    /// to do. While a save is under way, or waits to be tried again, none is begun.
    ///
    /// `note` says what the sink has saved with a place before the event of the number that it is
    /// given.
    pub(crate) fn begin_save(
        &mut self,
        accepted: u64,
        files: Vec<FileMark>,
        note: impl FnOnce(u64) -> Option<String>,
    ) -> bool {
        if accepted > self.kept() {
            return false;
        }
        self.settle(accepted);
        let now = Instant::now();
        if self.saving.is_some() || self.next_try.is_some_and(|next| now < next) {
            return false;
        }
        let note = note(self.pending.settled_kept());
        let Some(fresh) = self.unsaved(files, note) else {
            self.is_dirty = self.is_waiting();
            return self.keeps;
        };
        self.is_dirty = self.is_waiting();
        let store = self.store.take().expect(AT_HAND);
        self.saving = Some(Saving::begin(store, fresh));
        false
    }

    /// Resolves when the save that is under way has come to an end, with the time of what was
    /// saved; never while no save is under way. A failure is logged once, and the next save is put
    /// off.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(crate) async fn finished(&mut self) -> Result<u64, MemberError> {
        let saved = self.outcome().await;
        match &saved {
            Ok(_) if self.is_failing => {
                self.is_failing = false;
                info!(target: STATE, "the cursor is saved again");
            }
            Err(error) if !self.is_failing && !error.is_final() => {
                self.is_failing = true;
                let error = chain(error);
                if self.saved.is_none() {
                    warn!(target: STATE, error, "the cursor could not be saved, and nothing is delivered before it is: {error}; trying again");
                } else {
                    warn!(target: STATE, error, "the cursor could not be saved, trying again: {error}");
                }
            }
            _ => {}
        }
        saved
    }

    /// What has become of the save that is under way, if that is known already.
    pub(crate) fn finished_now(&mut self) -> Option<Result<u64, MemberError>> {
        self.saving.as_ref()?;
        self.finished().now_or_never()
    }

    /// From when on a save may begin; `None` while one is under way, or nothing is kept.
    pub(crate) fn free_at(&self, now: Instant) -> Option<Instant> {
        let is_free = self.keeps && self.saving.is_none();
        is_free.then(|| self.next_try.unwrap_or(now))
    }

    /// When the next save may begin, after one that failed.
    pub(crate) fn next_try(&self) -> Option<Instant> {
        self.next_try
    }

    /// Saves what changed, at the end of a run; `Ok(None)` means that nothing had. What is still
    /// under way comes first.
    pub(crate) async fn save_last(
        &mut self,
        accepted: u64,
        files: Vec<FileMark>,
        note: impl FnOnce(u64) -> Option<String>,
        deadline: Instant,
    ) -> Result<Option<u64>, MemberError> {
        let deadline = deadline.max(Instant::now() + LAST_SAVE_TIMEOUT);
        let save = async {
            if self.saving.is_some()
                && let Err(error) = self.outcome().await
                && error.is_final()
            {
                return Err(error);
            }
            self.next_try = None;
            self.begin_save(accepted, files, note);
            match self.saving {
                Some(_) => self.outcome().await.map(Some),
                None => Ok(None),
            }
        };
        timeout_at(deadline, save)
            .await
            .unwrap_or(Err(SaveError::TimedOut.into()))
    }

    async fn outcome(&mut self) -> Result<u64, MemberError> {
        let Some(saving) = &mut self.saving else {
            return pending().await;
        };
        let Done {
            store,
            saved,
            result,
        } = saving.done().await;
        self.saving = None;
        self.store = Some(store);
        if let Err(error) = result {
            self.next_try = Some(Instant::now() + self.backoff.next_wait());
            self.is_dirty = true;
            return Err(error);
        }
        self.next_try = None;
        self.backoff.reset();
        let highest_us = saved.trail.highest_us;
        if let Place::Reached(position) = &saved.place {
            self.saved_point.send_replace(Some(position.point));
        }
        self.saved = Some(saved);
        Ok(highest_us)
    }

    /// What is to be saved, unless it is saved already.
    fn unsaved(&self, files: Vec<FileMark>, note: Option<String>) -> Option<Saved> {
        let position = self.course.position();
        let position = position.filter(|position| position.point.time_us > 0)?;
        if !self.keeps {
            return None;
        }
        let place = Place::Reached(position.clone());
        let trail = self.course.trail();
        if self.saved.as_ref().is_some_and(|saved| {
            saved.place == place
                && saved.trail == trail
                && saved.files == files
                && saved.note == note
        }) {
            return None;
        }
        Some(Saved {
            place,
            trail,
            filter: Some(self.filter.clone()),
            files,
            note,
        })
    }
}
