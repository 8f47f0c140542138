//! Several events at once, those of one account in order.
//!
//! Each event that has begun is a task with a copy of its line. Who may begin, and what counts as
//! accepted, is the lanes' business.

use std::{panic::resume_unwind, sync::Arc};

use tokio::{
    task::{JoinError, JoinSet},
    time::Instant,
};

use super::route::{Route, Routes};
use crate::{
    error::MemberError,
    event::{Batch, OwnedEvent},
    sink::{
        SinkContext,
        lanes::{LaneLimits, Lanes, Ticket, lane_of},
    },
};

/// Events that may be taken for each job, done ones after an unfinished one included: enough that a
/// slow event or an account that is busy does not leave jobs idle, and few enough for the grace
/// period of a stop.
const EVENTS_PER_JOB: usize = 16;

/// Bytes of events in hand. Some eight thousand ordinary ones, far above what any sensible number
/// of jobs holds.
const MAX_BYTES_IN_HAND: usize = 8 * 1024 * 1024;

/// An event and where it goes; `None` where it has no route and is merely counted.
type Item = Option<(Arc<Route>, OwnedEvent)>;

/// The events in hand.
#[derive(Debug)]
pub(super) struct Concurrent {
    lanes: Lanes<Item>,
    running: JoinSet<(Ticket, Result<(), MemberError>)>,
    context: SinkContext,
    /// Nothing more is begun.
    has_failed: bool,
}

impl Concurrent {
    pub(super) fn new(jobs: usize, context: SinkContext) -> Self {
        Self {
            lanes: Lanes::new(LaneLimits {
                jobs,
                events: jobs.saturating_mul(EVENTS_PER_JOB),
                bytes: MAX_BYTES_IN_HAND,
            }),
            running: JoinSet::new(),
            context,
            has_failed: false,
        }
    }

    /// Takes at least one event, and as many as there is room for.
    ///
    /// Cancel safety: an event is taken only when nothing is waited for any more.
    pub(super) async fn take(
        &mut self,
        batch: &mut Batch,
        routes: &Routes,
    ) -> Result<(), MemberError> {
        while let Some(done) = self.running.try_join_next() {
            self.note(done)?;
        }
        while !self.lanes.has_room() {
            self.next_done().await?;
        }
        let mut taken = 0;
        for event in batch.events() {
            if !self.lanes.has_room() {
                break;
            }
            match routes.find(&event).and_then(|idx| routes.get(idx)) {
                Some(route) => {
                    let item = (Arc::clone(route), event.into_owned());
                    let (lane, bytes) = (lane_of(event.key()), event.line().len());
                    self.lanes.push(Some(lane), bytes, Some(item));
                }
                None => self.lanes.push(None, 0, None),
            }
            self.begin_ready();
            taken += 1;
        }
        batch.take(taken);
        self.context.set_at_work(self.lanes.n_open());
        Ok(())
    }

    /// Waits for the end of one event; of none if none has begun. Fails with the first that failed
    /// for good.
    ///
    /// Cancel safety: nothing is lost.
    pub(super) async fn next_done(&mut self) -> Result<bool, MemberError> {
        match self.running.join_next().await {
            Some(done) => self.note(done).map(|()| true),
            None => Ok(false),
        }
    }

    /// Brings everything that was taken to its end; after a failure, what has begun.
    pub(super) async fn finish(&mut self) -> Result<(), MemberError> {
        let mut result = Ok(());
        loop {
            match self.next_done().await {
                Ok(true) => {}
                Ok(false) => return result,
                Err(error) => result = result.and(Err(error)),
            }
        }
    }

    fn begin_ready(&mut self) {
        if self.has_failed {
            return;
        }
        while let Some((ticket, item)) = self.lanes.begin() {
            match item {
                None => self.context.accept(self.lanes.end(ticket)),
                Some((route, event)) => {
                    self.running.spawn(async move {
                        let events = [event.event()];
                        let begin = |work: &mut _| route.ingestor.begin(events[0], work);
                        let (policy, mut work) = (&route.policy, None);
                        let done = policy.deliver(&events, begin, &mut work, Instant::now());
                        (ticket, done.await.map(|_| ()))
                    });
                }
            }
        }
    }

    fn note(
        &mut self,
        done: Result<(Ticket, Result<(), MemberError>), JoinError>,
    ) -> Result<(), MemberError> {
        let (ticket, result) = done.unwrap_or_else(|error| match error.try_into_panic() {
            // What an ingestor's panic means is the user's choice, as where it runs within this
            // task.
            Ok(panic) => resume_unwind(panic),
            Err(_cancelled) => unreachable!("its tasks end before the set does"),
        });
        if let Err(error) = result {
            self.has_failed = true;
            self.lanes.leave_rest();
            return Err(error);
        }
        self.context.accept(self.lanes.end(ticket));
        self.begin_ready();
        self.context.set_at_work(self.lanes.n_open());
        Ok(())
    }
}
