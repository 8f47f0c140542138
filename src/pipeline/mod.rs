//! Source → filter → sink → cursor, in one task, and the order in which they stop.
//!
//! The pipeline pulls: it asks the source for what is ready, drops what was not asked for, gives the rest to the sink, and
//! saves the position up to which the sink has accepted everything. Nothing is pushed, so nothing can pile up.

mod clock;
mod ending;
mod error;
mod ingest;
mod limit;
mod settings;
mod watch;

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::{
    clock::{SaveClock, count_save, note_save, save_beginning},
    ending::Ending,
    limit::Limit,
    watch::Watch,
};
pub use self::{
    error::Error,
    settings::{Ended, PipelineSettings, Summary},
};
use crate::{
    cursor::{CursorStore, CursorWriter, NoCursor, Saved},
    event::{Batch, Place},
    filter::Filter,
    log::{STATE, chain},
    sink::{CursorMode, Sink, SinkContext, SinkError},
    source::{Flow, Outlook, RunContext, Source},
    stats::Stats,
};

/// How many of the events that were read last a cursor knows after a run that came to an end.
const MAX_KNOWN: usize = 10_000;

/// How long a sink that was slow may take for the next event before the run counts as dead: the frame limit's own default.
const SLOW_SINK: Duration = Duration::from_secs(75);

/// One run, from a source to a sink.
///
/// Delivery is at least once, in the source's order: the saved cursor never passes an event that the sink has not accepted.
/// What a sink makes of a repeat after a crash is its own promise.
#[derive(Debug)]
pub struct Pipeline<S, K, C = NoCursor> {
    source: S,
    filter: Filter,
    sink: K,
    cursor: CursorWriter<C>,
    settings: PipelineSettings,
    stats: Arc<Stats>,
    context: SinkContext,
    /// The source yields no more than the sink works on at once, which is this much.
    held_to: Option<usize>,
    limit: Limit,
}

impl<S: Source, K: Sink> Pipeline<S, K> {
    /// Everything from `source` to `sink`, without a cursor.
    pub fn new(source: S, sink: K) -> Self {
        Self {
            source,
            filter: Filter::default(),
            sink,
            cursor: CursorWriter::new(NoCursor),
            settings: PipelineSettings::default(),
            stats: Arc::default(),
            context: SinkContext::default(),
            held_to: None,
            limit: Limit::default(),
        }
    }
}

impl<S: Source, K: Sink, C: CursorStore> Pipeline<S, K, C> {
    /// Keeps only what the filter keeps.
    #[must_use]
    pub fn filter(self, filter: Filter) -> Self {
        Self { filter, ..self }
    }

    /// Goes on from this store, and saves to it.
    #[must_use]
    pub fn cursor<D: CursorStore>(self, store: D) -> Pipeline<S, K, D> {
        let Self {
            source,
            filter,
            sink,
            cursor: _,
            settings,
            stats,
            context,
            held_to,
            limit,
        } = self;
        Pipeline {
            source,
            filter,
            sink,
            cursor: CursorWriter::new(store),
            settings,
            stats,
            context,
            held_to,
            limit,
        }
    }

    /// Uses these settings.
    #[must_use]
    pub fn settings(self, settings: PipelineSettings) -> Self {
        Self { settings, ..self }
    }

    /// Counts into these stats, and gives source and sink the same.
    #[must_use]
    pub fn stats(self, stats: Arc<Stats>) -> Self {
        Self { stats, ..self }
    }

    /// Runs until `stop`, a limit, the end of the source, or a failure. In every case the sink is brought to its end and the cursor is saved.
    ///
    /// Cancel safety: dropping the future ends without any of that, and what is saved stays true. Cancel `stop` instead.
    pub async fn run(mut self, stop: CancellationToken) -> Result<Summary, Error> {
        self.limit = Limit::new(self.settings.until_us);
        tokio::select! {
            biased;
            begun = self.begin() => begun?,
            () = stop.cancelled() => return Ok(Summary {
                ended: Ended::Stopped,
                accepted: 0,
                position: None,
                highest_us: None,
            }),
        }
        let over = self
            .settings
            .duration
            .and_then(|duration| Instant::now().checked_add(duration));
        let mut ending = Ending {
            stop,
            over,
            deadline: None,
        };
        let flowed = self.flow(&mut ending).await;
        self.source.close().await;
        let finished = match &flowed {
            Err(Error::Hung { .. }) => {
                self.sink.abandon().await;
                Ok(())
            }
            _ => self.finish(&mut ending).await,
        };
        let finished = finished.and_then(|()| self.check_accepted(0));
        if let Err(Error::Hung { .. }) = &finished {
            self.sink.abandon().await;
        }
        let deadline = ending.deadline(self.settings.grace);
        let (accepted, files) = self.context.read();
        let is_overrun = |error: &Error| matches!(error, Error::Overrun { .. });
        let saved =
            if flowed.as_ref().is_err_and(is_overrun) || finished.as_ref().is_err_and(is_overrun) {
                // Up to where anything is done is not known.
                Ok(None)
            } else {
                self.cursor.settle(accepted);
                if let Some(point) = self.cursor.point() {
                    let known = self.source.recollect(point, MAX_KNOWN);
                    self.cursor.remember(known);
                }
                self.cursor.save_last(accepted, files, deadline).await
            };
        count_save(&saved, &self.stats);
        let finished = match (&saved, finished) {
            (Ok(_), Ok(()))
                if self.cursor.keeps() && !matches!(flowed, Err(Error::Hung { .. })) =>
            {
                self.context.note_saved(self.cursor.saved_files());
                self.sink
                    .on_cursor_saved(&self.context)
                    .map_err(Error::Sink)
            }
            (_, finished) => finished,
        };
        self.stats.add_accepted(self.context.uncounted());
        self.source
            .ack_rest(flowed.is_ok() && finished.is_ok())
            .await;
        let ended = match (flowed, finished) {
            (Err(Error::Sink(error)), _) | (Ok(_), Err(Error::Sink(error)))
                if error.is_closed() =>
            {
                Ended::OutputClosed
            }
            (Err(error), _) | (Ok(_), Err(error)) => {
                if let Err(unsaved) = saved
                    && !unsaved.is_final()
                {
                    warn!(target: STATE, error = chain(&unsaved), "the cursor could not be saved at the end: {}", chain(&unsaved));
                }
                return Err(error);
            }
            (Ok(ended), Ok(())) => ended,
        };
        saved?;
        Ok(Summary {
            ended,
            accepted,
            position: self.cursor.position().cloned(),
            highest_us: self.cursor.highest_us(),
        })
    }

    async fn begin(&mut self) -> Result<(), Error> {
        self.stats.set_sink(self.sink.name());
        self.context.set_stats(Arc::clone(&self.stats));
        let mut context = RunContext::new(Arc::clone(&self.stats));
        context.accepted = self.cursor.accepted();
        self.source.attach(&context);
        if let Some(at_once) = self.sink.at_once()
            && self.source.hold_to(at_once, self.context.at_work())
        {
            self.held_to = Some(at_once.get());
        }
        let mut files = Vec::new();
        let mut cursor_mode = if self.cursor.keeps() {
            CursorMode::Fresh
        } else {
            CursorMode::Off
        };
        let saved = self.cursor.load(self.filter.description()).await?;
        let reached = self
            .sink
            .last_position(saved.as_ref().map(|saved| &saved.place));
        let reached = reached.await?;
        if let Some(saved) = Saved::newest(saved, reached) {
            let filter = self.filter.description();
            let same_filter = saved.filter.as_deref().is_none_or(|saved| saved == filter);
            // What a file has beyond the cursor is only cut off when it comes again.
            if self
                .source
                .resume(&saved.place, &saved.trail, same_filter)?
            {
                files.clone_from(&saved.files);
                // Where somebody set a place, what was written up to then stays, whoever counts it.
                if let Place::Reached(_) = saved.place {
                    cursor_mode = CursorMode::Resumed;
                }
                self.cursor.go_on_from(saved);
            }
        }
        self.context.set_cursor_mode(cursor_mode);
        self.sink.begin(&files, &self.context)?;
        if cursor_mode == CursorMode::Resumed && self.source.may_repeat() {
            let delivered = self.sink.recall().await;
            self.source.recall(&mut delivered.into_iter());
        }
        Ok(())
    }

    /// Moves batches until there is a reason to end.
    async fn flow(&mut self, ending: &mut Ending) -> Result<Ended, Error> {
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
            let limit = self.sift(&mut batch);
            let had_news = self.cursor.has_news();
            let is_beginning = self.cursor.add(&batch, self.limit.passed_us());
            if !had_news && self.cursor.has_news() {
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
            let pulled = pulled?;
            if !batch.is_empty() {
                // A stop came first: a limit that lies in the rest is not reached.
                return Ok(ending.wanted().await);
            }
            if let Some(ended) = pulled.or(limit) {
                return Ok(ended);
            }
            watch.look(&self.stats)?;
            if let Some(saved) = self.cursor.finished_now() {
                clock.note(saved, &self.cursor, &self.context, &self.stats)?;
            }
            clock.tell(&mut self.sink, &self.context)?;
            if clock.is_due(now) {
                let (sink, cursor) = (&mut self.sink, &mut self.cursor);
                clock.tick(sink, cursor, &self.context, &self.stats).await?;
            }
        }
    }

    /// Saves the place of the first event, before anything is accepted. Returns whether it did: a stop may come first.
    async fn save_beginning(&mut self, ending: &Ending) -> Result<bool, Error> {
        tokio::select! {
            biased;
            saved = save_beginning(&mut self.cursor, &self.context, &self.stats) => {
                saved?;
                Ok(true)
            }
            () = ending.pressed() => Ok(false),
            error = self.sink.drive() => Err(error.into()),
            never = self.source.idle() => match never {},
        }
    }

    /// Waits for the next batch, and does what comes up meanwhile. `Some` means that it is the last.
    async fn pull(
        &mut self,
        batch: &mut Batch,
        ending: &Ending,
        clock: &mut SaveClock,
        watch: &mut Watch,
    ) -> Result<Option<Ended>, Error> {
        let mut at_work = self.context.at_work();
        // One future across saves: a connect in progress is not begun anew.
        let mut next = pin!(self.source.next_batch(batch));
        let end_silence = self.settings.end_silence;
        let mut silence = pin!(self.limit.silence(&self.stats, end_silence));
        loop {
            let has_news = self.cursor.has_news();
            let n_at_work = *at_work.borrow_and_update();
            let is_full = self.held_to.is_some_and(|at_once| n_at_work >= at_once);
            if is_full {
                self.stats.set_alive_until(Instant::now() + SLOW_SINK);
            }
            tokio::select! {
                biased;
                ended = ending.wanted() => return Ok(Some(ended)),
                flow = &mut next => return Ok(match flow? {
                    Flow::More => None,
                    Flow::End => Some(Ended::End),
                    Flow::EndAssumed => Some(self.limit.assumed()),
                }),
                ended = &mut silence => return Ok(Some(ended)),
                error = self.sink.drive() => return Err(error.into()),
                Ok(()) = at_work.changed(), if self.held_to.is_some() => {
                    self.cursor.settle(self.context.accepted());
                    watch.begin_wait(true, Instant::now());
                }
                saved = self.cursor.finished() => {
                    clock.note(saved, &self.cursor, &self.context, &self.stats)?;
                    clock.tell(&mut self.sink, &self.context)?;
                }
                () = clock.due(has_news) => {
                    let (sink, cursor) = (&mut self.sink, &mut self.cursor);
                    clock.tick(sink, cursor, &self.context, &self.stats).await?;
                }
                error = watch.standstill(&self.stats, is_full) => return Err(error),
            }
        }
    }

    /// Drops what was not asked for, and what lies behind a limit. `Some` means that the limit is reached.
    fn sift(&mut self, batch: &mut Batch) -> Option<Ended> {
        let Outlook {
            end_us,
            repeats_until_us,
        } = self.source.outlook();
        self.cursor.note_repeats(repeats_until_us);
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
    /// After a stop the sink is given nothing more; what it then has not taken stays behind the cursor.
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
                return Err(SinkError::other(format!(
                    "{} took no event although it was ready",
                    self.sink.name()
                ))
                .into());
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

    /// Fails where the sink accepted more than it has taken, when it was not given these `left` events.
    fn check_accepted(&self, left: u64) -> Result<(), Error> {
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
            let has_news = self.cursor.has_news();
            tokio::select! {
                biased;
                result = &mut accept => break result,
                saved = self.cursor.finished() => {
                    clock.note(saved, &self.cursor, &self.context, &self.stats)?;
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
            self.stats.set_alive_until(now + SLOW_SINK);
        }
        Ok(taken?)
    }

    /// Brings the sink to its end. A slow reader has all the time it needs, until somebody asks for a stop.
    async fn finish(&mut self, ending: &mut Ending) -> Result<(), Error> {
        let sink_name = self.sink.name();
        let grace = self.settings.grace;
        if ending.is_wanted() {
            self.context.stop();
        }
        let mut finish = pin!(self.sink.finish(&self.context));
        loop {
            tokio::select! {
                biased;
                result = &mut finish => return result.map_err(Error::Sink),
                saved = self.cursor.finished() => {
                    note_save(saved, &self.cursor, &self.context, &self.stats)?;
                }
                _ = ending.wanted(), if ending.deadline.is_none() => {
                    ending.deadline(grace);
                    self.context.stop();
                }
                () = ending.expired() => return Err(Error::Hung { sink: sink_name, grace }),
            }
        }
    }
}

/// Notes when it was first waited.
async fn since(began: &mut Option<Instant>, wait: impl Future<Output = Infallible>) -> Infallible {
    began.get_or_insert_with(Instant::now);
    wait.await
}

#[cfg(test)]
mod tests;
