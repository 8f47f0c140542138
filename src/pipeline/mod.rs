//! Source → filter → sink → cursor, in one task, and the order in which they stop.
//!
//! The pipeline pulls: it asks the source for what is ready, drops what was not asked for, gives
//! the rest to the sink, and saves the position up to which the sink has accepted everything.
//! Nothing is pushed, so nothing can pile up.

mod clock;
mod ending;
mod error;
mod flow;
mod forever;
mod jetstream;
mod limit;
mod settings;
mod stopping;
mod stream;
mod watch;

use std::{pin::pin, sync::Arc};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::{ending::Ending, limit::Limit};
pub use self::{
    error::Error,
    settings::{Ended, PipelineSettings, Summary},
    stream::{Deliveries, Delivery},
};
use crate::{
    cursor::{CursorStore, CursorWriter, Saved},
    event::Place,
    filter::Filter,
    sink::{CursorMode, Fate, Fated, Sink, SinkContext},
    source::{RunContext, Saves, Source},
    stats::Stats,
};

/// One run, from a source to a sink.
///
/// Delivery is at least once, in the source's order: the saved cursor never passes an event that
/// the sink has not accepted. What a sink makes of a repeat after a crash is its own promise.
#[derive(Debug)]
pub struct Pipeline<S, K, C = ()> {
    source: S,
    filter: Filter,
    sink: K,
    cursor: CursorWriter<C>,
    settings: PipelineSettings,
    stats: Arc<Stats>,
    context: SinkContext,
    /// The source yields no more than the sink works on at once, which is this much.
    held_to: Option<usize>,
    /// Saves that the source wishes for.
    saves: Saves,
    limit: Limit,
}

impl<S: Source, K: Sink> Pipeline<S, K> {
    /// Everything from `source` to `sink`, without a cursor.
    pub fn new(source: S, sink: K) -> Self {
        Self::of(source, sink)
    }
}

impl<S, K> Pipeline<S, K> {
    fn of(source: S, sink: K) -> Self {
        Self {
            source,
            filter: Filter::default(),
            sink,
            cursor: CursorWriter::new(()),
            settings: PipelineSettings::default(),
            stats: Arc::default(),
            context: SinkContext::default(),
            held_to: None,
            saves: Saves::none(),
            limit: Limit::default(),
        }
    }
}

impl<S, K, C> Pipeline<S, K, C> {
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
            saves,
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
            saves,
            limit,
        }
    }

    /// The same to what is made of its sink.
    fn map_sink<L>(self, made_of: impl FnOnce(K) -> L) -> Pipeline<S, L, C> {
        let Self {
            source,
            filter,
            sink,
            cursor,
            settings,
            stats,
            context,
            held_to,
            saves,
            limit,
        } = self;
        Pipeline {
            source,
            filter,
            sink: made_of(sink),
            cursor,
            settings,
            stats,
            context,
            held_to,
            saves,
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
}

impl<S, K: Sink, C> Pipeline<S, K, C> {
    /// Has deliveries fail on purpose, if there is a fate: after the sink has taken the event, and
    /// before it counts. That ends the run, and the next one begins with the event, or before it
    /// where the sink had not got further.
    #[must_use]
    pub fn fate(self, fate: impl Into<Option<Fate>>) -> Pipeline<S, impl Sink, C> {
        let fate = fate.into();
        self.map_sink(|sink| Fated::new(sink, fate))
    }
}

impl<S: Source, K: Sink, C: CursorStore> Pipeline<S, K, C> {
    /// Runs until `stop` resolves, a limit, the end of the source, or a failure. In every case the
    /// sink is brought to its end and the cursor is saved.
    ///
    /// `stop` is any future: [`pending`](std::future::pending) to run for ever, a signal
    /// (`async { drop(ctrl_c().await) }`), or, for several runs that stop together, a
    /// [watch](tokio::sync::watch) or the `CancellationToken` of tokio-util. The returned future can
    /// be spawned where all members and `stop` are `Send` and `'static`.
    ///
    /// ```no_run
    /// # use rocketman::{Pipeline, source::jetstream::JetstreamSettings, sink::ingest::Ingest};
    /// use tokio::sync::watch;
    ///
    /// # async fn run(likes: Ingest, posts: Ingest) -> Result<(), rocketman::Error> {
    /// let (stop, asked) = watch::channel(());
    /// let stopped = async |mut asked: watch::Receiver<()>| drop(asked.changed().await);
    /// tokio::spawn(async move {
    ///     drop(tokio::signal::ctrl_c().await);
    ///     drop(stop); // which both runs hear of
    /// });
    /// let settings = JetstreamSettings::default();
    /// let likes = Pipeline::ingest(settings.clone(), likes).run(stopped(asked.clone()));
    /// let posts = Pipeline::ingest(settings, posts).run(stopped(asked));
    /// let (likes, posts) = tokio::join!(likes, posts);
    /// likes.and(posts).map(drop)
    /// # }
    /// ```
    ///
    /// Cancel safety: dropping the future ends without any of that, and what is saved stays true.
    /// Have `stop` resolve instead.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<Summary, Error> {
        let token = CancellationToken::new();
        let mut run = pin!(self.run_until(token.clone()));
        tokio::select! {
            biased;
            () = stop => token.cancel(),
            summary = &mut run => return summary,
        }
        run.await
    }

    async fn run_until(mut self, stop: CancellationToken) -> Result<Summary, Error> {
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
        self.end(flowed, &mut ending).await
    }

    async fn begin(&mut self) -> Result<(), Error> {
        self.stats.set_sink(self.sink.name());
        self.context.set_stats(Arc::clone(&self.stats));
        let mut context = RunContext::new(Arc::clone(&self.stats));
        context.accepted = self.cursor.accepted();
        self.saves = Saves::new(self.cursor.saved_point(), self.cursor.keeps());
        context.saves = self.saves.clone();
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
        let saved = self
            .cursor
            .load(self.filter.description())
            .await
            .map_err(Error::Cursor)?;
        let reached = self
            .sink
            .last_position(saved.as_ref().map(|saved| &saved.place));
        let reached = reached.await.map_err(Error::Sink)?;
        if let Some(saved) = Saved::newest(saved, reached) {
            let filter = self.filter.description();
            let same_filter = saved.filter.as_deref().is_none_or(|saved| saved == filter);
            // What a file has beyond the cursor is only cut off when it comes again.
            if self
                .source
                .resume(&saved.place, &saved.trail, same_filter)
                .map_err(Error::Source)?
            {
                files.clone_from(&saved.files);
                // Where somebody set a place, what was written up to then stays, whichever cursor counts it.
                if let Place::Reached(_) = saved.place {
                    // By another filter others come, and what is noted of them is of no use.
                    let note = saved.note.clone().filter(|_| same_filter);
                    self.context.set_earlier_note(note);
                    cursor_mode = CursorMode::Resumed;
                }
                self.cursor.go_on_from(saved);
            }
        }
        self.context.set_cursor_mode(cursor_mode);
        self.sink
            .begin(&files, &self.context)
            .map_err(Error::Sink)?;
        if cursor_mode == CursorMode::Resumed && self.source.may_repeat() {
            let delivered = self.sink.recall().await;
            self.source.recall(&mut delivered.into_iter());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
