//! The database as where a pipeline's events go. An event is accepted once it is committed.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Synchronous, job::Job, thread::Worker};
use crate::{
    error::MemberError,
    event::{Batch, FileMark, Place, Point, Position},
    sink::{Sink, SinkContext},
};

/// How long an event waits for others before it is committed, while nothing else comes.
const QUIET: Duration = Duration::from_millis(250);

/// The same where the other side forgets what was acknowledged, and sends no more before.
const QUIET_OF_FORGETFUL: Duration = Duration::from_millis(20);

/// How long it waits at most.
const LONGEST: Duration = Duration::from_secs(1);

/// Adds events to a database, or brings its state up to date.
#[derive(Debug)]
pub struct SqliteSink {
    name: String,
    worker: Worker,
    reached: Option<Position>,
    recent: Vec<Point>,
    /// How many events it was given.
    taken: u64,
    /// Since when something waits to be committed.
    waits_since: Option<Instant>,
    quiet: Duration,
    /// An event was left out that is still wanted, and the place stays before it.
    is_held: bool,
}

impl SqliteSink {
    pub(super) fn new(
        name: String,
        worker: Worker,
        reached: Option<Position>,
        recent: Vec<Point>,
        synchronous: Synchronous,
    ) -> Self {
        Self {
            name,
            worker,
            reached,
            recent,
            taken: 0,
            waits_since: None,
            quiet: match synchronous {
                Synchronous::Normal => QUIET,
                Synchronous::Full => QUIET_OF_FORGETFUL,
            },
            is_held: false,
        }
    }

    /// The place behind the events of a batch that no event before is missing from.
    fn reached(&mut self, batch: &Batch) -> Option<Point> {
        if self.is_held {
            return None;
        }
        self.is_held = batch.held().is_some();
        let events = batch.all().take(batch.n_placed());
        events.last().map(|event| *event.point())
    }

    fn commit(&mut self) {
        self.waits_since = None;
        self.worker.ask(Job::Commit);
    }
}

impl Sink for SqliteSink {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn last_position(&mut self, _: Option<&Place>) -> Result<Option<Position>, MemberError> {
        Ok(self.reached.take())
    }

    fn begin(&mut self, _: &[FileMark], context: &SinkContext) -> Result<(), MemberError> {
        (self.taken, self.waits_since, self.is_held) = (0, None, false);
        self.worker.ask(Job::Begin(context.clone()));
        Ok(())
    }

    async fn recall(&mut self) -> Vec<Point> {
        std::mem::take(&mut self.recent)
    }

    async fn accept(
        &mut self,
        batch: &mut Batch,
        _context: &SinkContext,
    ) -> Result<(), MemberError> {
        let reached = self.reached(batch);
        let mut own = self.worker.spare();
        if let Some(origin) = batch.origin() {
            own.set_origin(origin);
        }
        let permit = self.worker.room().await?;
        self.taken += batch.len() as u64;
        std::mem::swap(batch, &mut *own);
        permit.send(Job::Rows {
            batch: own,
            total: self.taken,
            reached,
        });
        let now = Instant::now();
        let since = *self.waits_since.get_or_insert(now);
        if now - since >= LONGEST {
            self.commit();
        }
        Ok(())
    }

    async fn checkpoint(&mut self) -> Result<(), MemberError> {
        self.commit();
        Ok(())
    }

    async fn finish(&mut self, _context: &SinkContext) -> Result<(), MemberError> {
        self.worker.finish().await
    }

    async fn abandon(&mut self) {
        self.worker.let_go();
    }

    async fn drive(&mut self) -> MemberError {
        loop {
            let Some(since) = self.waits_since else {
                return self.worker.failed().await;
            };
            tokio::select! {
                error = self.worker.failed() => return error,
                () = sleep_until(since + self.quiet) => self.commit(),
            }
        }
    }
}
