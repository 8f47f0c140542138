//! The loop of a run: batches from the source through the filter to the sink.

use std::{convert::Infallible, pin::pin, time::Duration};

use tokio::time::Instant;

use super::{
    Ended, Error, Pipeline,
    clock::{SaveClock, save_beginning, save_wanted},
    ending::Ending,
    watch::Watch,
};
use crate::{
    cursor::CursorStore,
    error::MemberError,
    event::Batch,
    sink::Sink,
    source::{Flow, Source},
};

/// How long a sink that was slow may take for the next event before the run counts as dead: the
/// frame limit's own default.
const SLOW_SINK_TIMEOUT: Duration = Duration::from_secs(75);

impl<S: Source, K: Sink, C: CursorStore> Pipeline<S, K, C> {
    /// Moves batches until there is a reason to end.
    pub(super) async fn flow(&mut self, ending: &mut Ending) -> Result<Ended, Error> {
        let mut batch = Batch::with_room();
        let mut clock = SaveClock::start(self.settings.save_every);
        let mut watch = Watch::start(&self.settings);
        loop {
            batch.clear();
            let pulled = self.pull(&mut batch, ending, &mut clock, &mut watch).await;
            let came = !batch.is_empty();
            if came && batch.origin().is_none() && self.cursor.keeps() {
                return Err(Error::NoOrigin);
            }
            if let Some(accounts) = self.source.changed_accounts() {
                self.filter = std::mem::take(&mut self.filter).dids(accounts);
                self.cursor.change_filter(self.filter.description());
            }
            let limit = self.sift(&mut batch);
            let had_news = self.cursor.is_dirty();
            let is_beginning = self.cursor.add(&batch, self.limit.passed_us());
            if !had_news && self.cursor.is_dirty() {
                clock.begin_anew();
            }
            if is_beginning && !self.save_beginning(ending).await? {
                return Ok(ending.wanted().await);
            }
            let n_doubtful = batch.n_doubtful();
            self.push(&mut batch, ending, &mut clock, &mut watch)
                .await?;
            let n_doubtful = n_doubtful - batch.n_doubtful();
            self.stats.add_repeats_let_through(n_doubtful);
            let accepted = self.context.accepted();
            self.stats.add_accepted(self.context.uncounted());
            self.cursor.settle(accepted);
            let now = Instant::now();
            watch.begin_wait(came, now);
            let pulled = match (pulled, limit) {
                // What fails behind the last event that is wanted is no failure of this run.
                (Err(_), Some(ended)) if batch.is_empty() => Some(ended),
                (pulled, _) => pulled?,
            };
            if !batch.is_empty() {
                // A stop came first: a limit that lies in the rest is not reached.
                return Ok(ending.wanted().await);
            }
            if let Some(ended) = pulled.or(limit) {
                return Ok(ended);
            }
            watch.look(&self.stats)?;
            if let Some(saved) = self.cursor.finished_now() {
                clock
                    .note(saved, &self.cursor, &self.context, &self.stats)
                    .map_err(Error::Cursor)?;
            }
            clock
                .pass_on_save(&mut self.sink, &self.context)
                .map_err(Error::Sink)?;
            if self.context.is_save_wanted() && self.cursor.free_at(now).is_some_and(|at| at <= now)
            {
                clock.save_as_wanted(&mut self.cursor, &self.context, &self.stats);
            }
            if clock.is_due(now) {
                let (sink, cursor) = (&mut self.sink, &mut self.cursor);
                clock
                    .tick(sink, cursor, &self.context, &self.stats)
                    .await
                    .map_err(Error::Sink)?;
            }
        }
    }

    /// Saves the place of the first event, before anything is accepted. Returns whether it did: a
    /// stop may come first.
    async fn save_beginning(&mut self, ending: &Ending) -> Result<bool, Error> {
        tokio::select! {
            biased;
            saved = save_beginning(&mut self.cursor, &self.context, &self.stats) => {
                saved.map_err(Error::Cursor)?;
                Ok(true)
            }
            () = ending.pressed() => Ok(false),
            error = self.sink.drive() => Err(Error::Sink(error)),
            never = self.source.idle() => match never {},
        }
    }

    /// Waits for the next batch, and does what comes up meanwhile. `Some` means that it is the
    /// last.
    async fn pull(
        &mut self,
        batch: &mut Batch,
        ending: &Ending,
        clock: &mut SaveClock,
        watch: &mut Watch,
    ) -> Result<Option<Ended>, Error> {
        let mut room = self
            .held_to
            .map(|at_once| (at_once, self.context.at_work()));
        // One future across saves: a connect in progress is not begun anew.
        let mut next = pin!(self.source.next_batch(batch));
        let end_silence = self.settings.end_silence;
        let mut silence = pin!(self.limit.silence(&self.stats, end_silence));
        loop {
            let has_news = self.cursor.is_dirty();
            let free_at = self.cursor.free_at(Instant::now());
            let is_full = room
                .as_mut()
                .is_some_and(|(at_once, at_work)| *at_work.borrow_and_update() >= *at_once);
            if is_full {
                self.stats
                    .set_alive_until(Instant::now() + SLOW_SINK_TIMEOUT);
            }
            tokio::select! {
                biased;
                ended = ending.wanted() => return Ok(Some(ended)),
                flow = &mut next => return Ok(match flow.map_err(Error::Source)? {
                    Flow::More => None,
                    Flow::End => Some(Ended::End),
                    Flow::EndAssumed => Some(self.limit.assumed()),
                }),
                ended = &mut silence => return Ok(Some(ended)),
                error = self.sink.drive() => return Err(Error::Sink(error)),
                Some(()) = room_changed(&mut room), if self.held_to.is_some() => {
                    self.cursor.settle(self.context.accepted());
                    watch.begin_wait(true, Instant::now());
                }
                saved = self.cursor.finished() => {
                    clock.note(saved, &self.cursor, &self.context, &self.stats).map_err(Error::Cursor)?;
                    clock.pass_on_save(&mut self.sink, &self.context).map_err(Error::Sink)?;
                }
                () = save_wanted(&self.context, free_at) => {
                    clock.save_as_wanted(&mut self.cursor, &self.context, &self.stats);
                }
                () = self.saves.asked() => clock.hurry(self.cursor.kept()),
                () = clock.due(has_news) => {
                    let (sink, cursor) = (&mut self.sink, &mut self.cursor);
                    clock.tick(sink, cursor, &self.context, &self.stats).await.map_err(Error::Sink)?;
                }
                error = watch.standstill(&self.stats, is_full) => return Err(error),
            }
        }
    }

    /// Drops what was not asked for, and what lies behind a limit. `Some` means that the limit is
    /// reached.
    fn sift(&mut self, batch: &mut Batch) -> Option<Ended> {
        self.cursor.note_repeats(self.source.repeats_until_us());
        let end_us = self.source.end_us();
        let mut ended = self.limit.leave_out(batch, end_us);
        let n_repeats = self.cursor.drop_ahead(batch);
        self.stats.add_repeats(n_repeats);
        if !self.filter.is_everything() {
            let mut oversized = 0;
            batch.retain(|event| {
                if !self.filter.names(&event) {
                    return false;
                }
                let fits = self.filter.fits(&event);
                oversized += u64::from(!fits);
                fits
            });
            self.stats.add_oversized(oversized);
        }
        if let Some(count) = self.settings.count {
            let left = count.saturating_sub(self.cursor.kept());
            if batch.len() as u64 >= left {
                batch.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                ended = Some(Ended::Count);
            }
        }
        self.stats.add_kept(batch.len() as u64);
        ended
    }

    /// Gives a batch to the sink.
    ///
    /// After a stop the sink is given nothing more; what it then has not taken stays behind the
    /// cursor.
    async fn push(
        &mut self,
        batch: &mut Batch,
        ending: &mut Ending,
        clock: &mut SaveClock,
        watch: &mut Watch,
    ) -> Result<(), Error> {
        let mut is_taken_apart = false;
        while !batch.is_empty() {
            let given = batch.len();
            self.offer(batch, ending, clock, watch).await?;
            self.check_accepted(batch.len() as u64)?;
            if batch.len() == given {
                return Err(Error::Sink(MemberError::other(format!(
                    "{} took no event although it was ready",
                    self.sink.name()
                ))));
            }
            if !batch.is_empty() && !is_taken_apart {
                self.cursor.note_each(batch);
                is_taken_apart = true;
            }
            if ending.is_wanted() {
                break;
            }
        }
        clock.catch_up();
        Ok(())
    }

    /// Fails where the sink accepted more than it has taken, when it was not given these `left`
    /// events.
    pub(super) fn check_accepted(&self, left: u64) -> Result<(), Error> {
        let accepted = self.context.accepted();
        let taken = self.cursor.kept() - left;
        if accepted <= taken {
            return Ok(());
        }
        Err(Error::Overrun {
            sink: self.sink.name(),
            accepted,
            taken,
        })
    }

    /// Waits until the sink has taken something, and does what comes up meanwhile.
    async fn offer(
        &mut self,
        batch: &mut Batch,
        ending: &mut Ending,
        clock: &mut SaveClock,
        watch: &mut Watch,
    ) -> Result<(), Error> {
        let mut waits_since = None;
        let mut accept = pin!(self.sink.accept(batch, &self.context));
        let taken = loop {
            let has_news = self.cursor.is_dirty();
            let free_at = self.cursor.free_at(Instant::now());
            tokio::select! {
                biased;
                result = &mut accept => break result,
                saved = self.cursor.finished() => {
                    clock.note(saved, &self.cursor, &self.context, &self.stats).map_err(Error::Cursor)?;
                }
                _ = ending.wanted(), if ending.deadline.is_none() => {
                    ending.deadline(self.settings.grace);
                    self.context.stop();
                }
                () = ending.expired() => {
                    return Err(Error::Hung {
                        sink: self.stats.sink(),
                        grace: self.settings.grace,
                    });
                }
                () = save_wanted(&self.context, free_at) => {
                    clock.save_as_wanted(&mut self.cursor, &self.context, &self.stats);
                }
                () = clock.due(has_news) => {
                    clock.tick_busy(&mut self.cursor, &self.context, &self.stats);
                }
                error = watch.behind(&self.stats) => return Err(error),
                never = since(&mut waits_since, self.source.idle()) => match never {},
            }
        };
        if let Some(waits_since) = waits_since {
            let now = Instant::now();
            self.stats.add_sink_wait(now - waits_since);
            self.stats.set_alive_until(now + SLOW_SINK_TIMEOUT);
        }
        taken.map_err(Error::Sink)
    }
}

/// Notes when it was first waited.
async fn since(began: &mut Option<Instant>, wait: impl Future<Output = Infallible>) -> Infallible {
    began.get_or_insert_with(Instant::now);
    wait.await
}

/// The sink works on more or fewer events than before; `None` where nobody has to know.
async fn room_changed(
    room: &mut Option<(usize, tokio::sync::watch::Receiver<usize>)>,
) -> Option<()> {
    let (_, at_work) = room.as_mut()?;
    at_work.changed().await.ok()
}
