//! When the cursor is saved.
//!
//! A checkpoint asks the sink to make durable what it has, and does not wait for it; a second save,
//! soon after, picks the outcome up. A save is begun and not waited for either, but for the first
//! one of a new cursor.

use std::{future::pending, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::{
    cursor::{CursorStore, CursorWriter},
    error::MemberError,
    sink::{Sink, SinkContext},
    stats::Stats,
};

/// The part of the pace after which the outcome of a checkpoint is picked up.
const OUTCOME_DIVISOR: u32 = 8;

/// How soon the outcome of a checkpoint is picked up that the source waits for.
const HURRY: Duration = Duration::from_millis(10);

/// The pace of saves.
#[derive(Debug)]
pub(super) struct SaveClock {
    every: Duration,
    next: Instant,
    /// The next save picks up what the sink has accepted since the checkpoint.
    is_second: bool,
    /// The sink was busy when it should have been asked for a checkpoint.
    is_overdue: bool,
    /// The sink has not heard of the last save yet.
    is_unheard: bool,
    /// Saves are made as soon as they can be until this many events are accepted.
    hurried_to: u64,
}

impl SaveClock {
    pub(super) fn start(every: Duration) -> Self {
        Self {
            every,
            next: Instant::now() + every,
            is_second: false,
            is_overdue: false,
            is_unheard: false,
            hurried_to: 0,
        }
    }

    /// The source waits until what it gave so far, which is this many events, is saved.
    pub(super) fn hurry(&mut self, kept: u64) {
        self.hurried_to = kept;
        self.next = self.next.min(Instant::now() + HURRY);
    }

    /// Resolves when a save is due; never while there is nothing to save, so that an idle run
    /// sleeps.
    pub(super) async fn due(&self, has_news: bool) {
        if has_news {
            sleep_until(self.next).await;
        } else {
            pending::<()>().await;
        }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// Something new came after there was nothing to save: it has its time too.
    pub(super) fn begin_anew(&mut self) {
        self.next = Instant::now() + self.every;
        self.is_second = false;
    }

    /// Makes a checkpoint due if the sink could not be asked when it was.
    pub(super) fn catch_up(&mut self) {
        if std::mem::take(&mut self.is_overdue) {
            self.next = Instant::now();
            self.is_second = false;
        }
    }

    /// Has the sink make durable what it was given, or picks up the outcome, and begins to save the
    /// cursor up to what is accepted.
    pub(super) async fn tick<K: Sink, C: CursorStore>(
        &mut self,
        sink: &mut K,
        cursor: &mut CursorWriter<C>,
        context: &SinkContext,
        stats: &Stats,
    ) -> Result<(), MemberError> {
        if !self.is_second {
            cursor.pin();
            sink.checkpoint().await?;
        }
        self.is_unheard |= begin_save(cursor, context, stats);
        self.pass_on_save(sink, context)?;
        let is_hurried = context.accepted() < self.hurried_to;
        self.is_second = is_hurried || (!self.is_second && context.accepted() < cursor.kept());
        let wait = if is_hurried {
            HURRY.min(self.every)
        } else if self.is_second {
            self.every / OUTCOME_DIVISOR
        } else {
            self.every
        };
        self.next = Instant::now() + wait;
        Ok(())
    }

    /// Begins to save the cursor while the sink is busy and cannot be asked.
    pub(super) fn tick_busy<C: CursorStore>(
        &mut self,
        cursor: &mut CursorWriter<C>,
        context: &SinkContext,
        stats: &Stats,
    ) {
        self.is_unheard |= begin_save(cursor, context, stats);
        self.next = Instant::now() + self.every;
        self.is_overdue = true;
    }

    /// Begins to save the cursor because the sink wishes for it.
    pub(super) fn save_as_wanted<C: CursorStore>(
        &mut self,
        cursor: &mut CursorWriter<C>,
        context: &SinkContext,
        stats: &Stats,
    ) {
        self.is_unheard |= begin_save(cursor, context, stats);
    }

    /// Takes what has become of a save. Fails only when it is of no use to try again, as when
    /// another process has the cursor now.
    pub(super) fn note<C: CursorStore>(
        &mut self,
        saved: Result<u64, MemberError>,
        cursor: &CursorWriter<C>,
        context: &SinkContext,
        stats: &Stats,
    ) -> Result<(), MemberError> {
        self.is_unheard |= note_save(saved, cursor, context, stats)?;
        Ok(())
    }

    /// Tells the sink that the cursor was saved, if it has not heard yet.
    pub(super) fn pass_on_save<K: Sink>(
        &mut self,
        sink: &mut K,
        context: &SinkContext,
    ) -> Result<(), MemberError> {
        if std::mem::take(&mut self.is_unheard) {
            sink.on_cursor_saved(context)?;
        }
        Ok(())
    }
}

/// Saves the place of the first event, and tries again until it is saved. Fails only when that is
/// of no use.
///
/// Cancel safety: dropped and asked again at any time.
pub(super) async fn save_beginning<C: CursorStore>(
    cursor: &mut CursorWriter<C>,
    context: &SinkContext,
    stats: &Stats,
) -> Result<(), MemberError> {
    loop {
        if let Some(next) = cursor.next_try() {
            sleep_until(next).await;
        }
        if begin_save(cursor, context, stats) || !cursor.keeps() {
            return Ok(());
        }
        let saved = cursor.finished().await;
        if note_save(saved, cursor, context, stats)? {
            return Ok(());
        }
    }
}

/// Begins to save the cursor up to what is accepted. Returns whether that is saved already.
pub(super) fn begin_save<C: CursorStore>(
    cursor: &mut CursorWriter<C>,
    context: &SinkContext,
    stats: &Stats,
) -> bool {
    let (accepted, files) = context.read();
    stats.add_accepted(context.uncounted());
    let is_saved = cursor.begin_save(accepted, files, |from| context.note(from));
    if is_saved {
        context.note_saved(cursor.saved_files());
    }
    is_saved
}

/// Counts a save, and notes which files it counts as complete. Returns whether it was made. Fails
/// only when it is of no use to try again.
pub(super) fn note_save<C: CursorStore>(
    saved: Result<u64, MemberError>,
    cursor: &CursorWriter<C>,
    context: &SinkContext,
    stats: &Stats,
) -> Result<bool, MemberError> {
    let saved = saved.map(Some);
    count_save(&saved, stats);
    match saved {
        Ok(_) => {
            context.note_saved(cursor.saved_files());
            Ok(true)
        }
        Err(error) if error.is_final() => Err(error),
        Err(_) => {
            context.note_unsaved();
            Ok(false)
        }
    }
}

/// Resolves once the sink wishes for a save, and one may begin, which is then.
///
/// Cancel safety: dropped and asked again at any time.
pub(super) async fn save_wanted(context: &SinkContext, free_at: Option<Instant>) {
    match free_at {
        Some(free_at) => {
            context.save_wanted().await;
            sleep_until(free_at).await;
        }
        None => pending().await,
    }
}

/// Counts a save. `Ok(None)` means that nothing had changed.
pub(super) fn count_save(saved: &Result<Option<u64>, MemberError>, stats: &Stats) {
    match saved {
        Ok(None) => {}
        Ok(Some(time_us)) => {
            stats.add_cursor_saves(1);
            stats.set_cursor(*time_us);
        }
        Err(_) => stats.add_cursor_save_failures(1),
    }
}
