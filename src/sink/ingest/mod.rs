//! Your own code, called with each event: what a library user's sink most often is.
//!
//! Events are routed by collection or kind to your [`Ingestor`]s. The cursor moves past an event
//! when its ingestor has returned `Ok`, so after a crash nothing is missing, and the last events
//! may come again: see [`Ingestor`] for what that asks of you.
//!
//! ```no_run
//! use rocketman::{Pipeline, cursor::FileCursor, event::{Change, OwnedEvent}};
//! use rocketman::sink::ingest::{Ingest, Route};
//! use rocketman::source::jetstream::JetstreamSettings;
//!
//! #[derive(serde::Deserialize)]
//! struct Post { text: String }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let ingest = Ingest::new()
//!         .on("app.bsky.feed.post", Route::typed(|change: Change<Post>, event: OwnedEvent| async move {
//!             if let Some(post) = change.into_record() {
//!                 println!("{}: {}", event.did(), post.text);
//!             }
//!             Ok(())
//!         }))
//!         .on("app.bsky.graph.*", Route::new(|event: OwnedEvent| async move {
//!             println!("{} is in touch with somebody", event.did());
//!             Ok(())
//!         }).retries(5).or_skip())
//!         .on_account(|event: OwnedEvent| async move {
//!             println!("forget what was stored of {} if it is gone", event.did());
//!             Ok(())
//!         });
//!     let pipeline = Pipeline::ingest(JetstreamSettings::default(), ingest).cursor(FileCursor::open("posts.cursor")?);
//!     pipeline.run(std::future::pending()).await?;
//!     Ok(())
//! }
//! ```
//!
//! | you have | take |
//! | --- | --- |
//! | a type of your own with an `async fn` that borrows the event | [`Ingestor`] |
//! | a closure | a closure that takes an [`OwnedEvent`](crate::event::OwnedEvent) |
//! | a record type with serde | [`Route::typed`] |
//! | events that take long, and could be done at the same time | [`Ingest::jobs`] |
//! | a database that is best written many rows at a time | [`Batches`] and [`BatchIngestor`] |
//!
//! The folder `examples` has a whole program for each. Failures, retries and slow ingestors are
//! logged through `tracing`.

mod batches;
mod concurrent;
mod deliver;
mod error;
mod ingestor;
mod route;

use std::{num::NonZeroUsize, time::Duration};

use tokio::{task::yield_now, time::Instant};

pub use self::{
    batches::{BatchIngestor, Batches},
    ingestor::{IngestError, Ingestor},
    route::Route,
};
use self::{
    concurrent::Concurrent,
    route::{RouteKey, Routes},
};
use super::{Sink, SinkContext};
use crate::{
    error::{BoxError, Caused, ErrorKind, MemberError},
    event::{Batch, CollectionPattern, FileMark, Kind},
};

/// How long ingestors are at work before the pipeline looks at stops and at the cursor. Short
/// beside the cursor's pace, long beside what looking costs.
const WORK_INTERVAL: Duration = Duration::from_millis(10);

/// A sink that gives each event to the ingestor of its route.
///
/// An event goes to one ingestor: that of its collection, else that of the longest prefix that
/// fits, or that of its kind; else to that of [`Ingest::otherwise`]. Without any it counts as done
/// at once.
#[derive(Debug)]
pub struct Ingest {
    routes: Routes,
    jobs: usize,
    /// The first thing that is wrong with the routes.
    misuse: Option<MemberError>,
    /// What failed after events that were taken.
    failure: Option<MemberError>,
    concurrent: Option<Concurrent>,
}

impl Default for Ingest {
    fn default() -> Self {
        Self::new()
    }
}

impl Ingest {
    /// Without any route yet.
    pub fn new() -> Self {
        Self {
            routes: Routes::default(),
            jobs: 1,
            misuse: None,
            failure: None,
            concurrent: None,
        }
    }

    /// Commits of this collection, or of all collections with a prefix (`app.bsky.feed.*`), go to
    /// this ingestor, or [`Route`].
    ///
    /// An invalid pattern, or one that has a route already, is an error when the pipeline begins.
    #[must_use]
    pub fn on(mut self, pattern: &str, route: impl Into<Route>) -> Self {
        match CollectionPattern::parse(pattern) {
            Ok(parsed) => {
                if !self.routes.add_collection(parsed, route.into()) {
                    self.note_twice(pattern);
                }
            }
            Err(error) => self.note_misuse(Caused::new("an ingestor has no usable route", error)),
        }
        self
    }

    /// Identity events, which announce another handle or DID document, go to this ingestor.
    #[must_use]
    pub fn on_identity(self, route: impl Into<Route>) -> Self {
        self.at(RouteKey::Kind(Kind::Identity), route.into())
    }

    /// Account events, which say whether an account is active, deactivated, taken down or deleted,
    /// go to this ingestor. A store of records needs them, to honour deletions.
    #[must_use]
    pub fn on_account(self, route: impl Into<Route>) -> Self {
        self.at(RouteKey::Kind(Kind::Account), route.into())
    }

    /// Sync events, which say that a repository was reset to another state, go to this ingestor.
    #[must_use]
    pub fn on_sync(self, route: impl Into<Route>) -> Self {
        self.at(RouteKey::Kind(Kind::Sync), route.into())
    }

    /// All events without a route of their own go to this ingestor, also those of kinds that this
    /// version does not know.
    #[must_use]
    pub fn otherwise(self, route: impl Into<Route>) -> Self {
        self.at(RouteKey::Otherwise, route.into())
    }

    /// Has this many events in hand at the same time, by tasks of the runtime; those of one account
    /// still come in order, one after the other. By default one, without a task and without a copy
    /// of the event.
    ///
    /// The cursor waits for the earliest that is not done, and not much more is taken after it.
    /// With a runtime of one thread they take turns while one waits; with several they also compute
    /// at the same time.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// The kinds of events that have a route: what a [filter](crate::filter::Filter) is to keep.
    /// Empty for all.
    pub fn kinds(&self) -> Vec<Kind> {
        self.routes.kinds()
    }

    /// The collections to ask the server for: those of the routes; none, which means all, with
    /// [`Ingest::otherwise`] or without a route of a collection.
    pub fn collections(&self) -> &[CollectionPattern] {
        self.routes.collections()
    }

    fn at(mut self, place: RouteKey, route: Route) -> Self {
        if !self.routes.add(place, route) {
            self.note_twice(place.as_str());
        }
        self
    }

    fn note_twice(&mut self, place: &str) {
        self.note_misuse(format!("two ingestors have the route '{place}'"));
    }

    fn note_misuse(&mut self, error: impl Into<BoxError>) {
        self.misuse
            .get_or_insert_with(|| MemberError::new(ErrorKind::Usage, error));
    }

    /// Has events ingested one after the other, as many as fit into a stretch of work, and takes
    /// those that are done.
    async fn one_by_one(
        &mut self,
        batch: &mut Batch,
        context: &SinkContext,
    ) -> Result<(), MemberError> {
        let began = Instant::now();
        let mut now = began;
        let mut taken = 0;
        let mut result = Ok(());
        {
            // The memory of each ingestor's future, for all its events in the batch.
            let mut work: Vec<_> = std::iter::repeat_with(|| None)
                .take(self.routes.len())
                .collect();
            for event in batch.events() {
                let idx = self.routes.find(&event);
                let at = idx.and_then(|idx| Some((self.routes.get(idx)?, work.get_mut(idx)?)));
                if let Some((route, work)) = at {
                    let begin = |work: &mut _| route.ingestor.begin(event, work);
                    match route.policy.deliver(&[event], begin, work, now).await {
                        Ok(done) => now = done,
                        Err(error) => {
                            result = Err(error);
                            break;
                        }
                    }
                }
                context.accept(1);
                taken += 1;
                if now - began > WORK_INTERVAL {
                    break;
                }
            }
        }
        batch.take(taken);
        match result {
            // What was taken before is returned first, so that the cursor gets there.
            Err(error) if taken > 0 => self.failure = Some(error),
            other => return other,
        }
        Ok(())
    }
}

impl Sink for Ingest {
    fn name(&self) -> String {
        "ingestors".to_owned()
    }

    fn at_once(&self) -> Option<NonZeroUsize> {
        NonZeroUsize::new(self.jobs)
    }

    fn begin(&mut self, _files: &[FileMark], context: &SinkContext) -> Result<(), MemberError> {
        if let Some(misuse) = self.misuse.take() {
            return Err(misuse);
        }
        self.routes.set_stats(context.stats());
        if self.jobs > 1 {
            self.concurrent = Some(Concurrent::new(self.jobs, context.clone()));
        }
        Ok(())
    }

    async fn accept(
        &mut self,
        batch: &mut Batch,
        context: &SinkContext,
    ) -> Result<(), MemberError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if let Some(concurrent) = &mut self.concurrent {
            return concurrent.take(batch, &self.routes).await;
        }
        self.one_by_one(batch, context).await?;
        if !batch.is_empty() {
            // Ingestors that never wait would otherwise keep stops, timers and saves from being
            // looked at.
            yield_now().await;
        }
        Ok(())
    }

    async fn finish(&mut self, _context: &SinkContext) -> Result<(), MemberError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        match &mut self.concurrent {
            Some(concurrent) => concurrent.finish().await,
            None => Ok(()),
        }
    }

    async fn drive(&mut self) -> MemberError {
        if let Some(failure) = self.failure.take() {
            return failure;
        }
        if let Some(concurrent) = &mut self.concurrent {
            loop {
                match concurrent.next_done().await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => return error,
                }
            }
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests;
