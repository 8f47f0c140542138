//! Programs that live on: each event is a line on the stdin of one of them, and one line back
//! accepts it.
//!
//! The events of an account always go to the same program, which takes them in their order. Here
//! they are handed out and their answers collected; `worker` is one program from its start to its
//! end.

mod pipes;
mod supervisor;
mod work_queue;
mod worker;

use std::{future::pending, sync::Arc};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::sleep;

use self::{
    supervisor::supervise,
    work_queue::{InFlight, Replies, Reply, WorkQueue},
};
use super::context::{Delivery, ExecContext, Failure, NextStep, Outcome};
use crate::{error::MemberError, sink::lanes::Ticket};

/// All programs, and the events that they have.
#[derive(Debug)]
pub(super) struct Stream {
    context: Arc<ExecContext>,
    queues: Vec<Arc<WorkQueue>>,
    replies: Arc<Replies>,
    supervisors: FuturesUnordered<BoxFuture<'static, Result<(), MemberError>>>,
    /// Events that failed, until it is decided what follows, or they are tried again.
    failed: FuturesUnordered<BoxFuture<'static, Decided>>,
    /// Events that have begun and are not through.
    n_open: usize,
}

/// What follows from a failure.
enum Decided {
    Again(InFlight),
    Through(Ticket, Outcome),
}

impl Stream {
    /// No program is started before it gets an event.
    pub(super) fn new(context: &Arc<ExecContext>, in_flight: usize) -> Self {
        let replies = Arc::new(Replies::default());
        let queues: Vec<_> = (0..context.settings.jobs.get())
            .map(|_| Arc::new(WorkQueue::new(in_flight)))
            .collect();
        let supervisors = FuturesUnordered::new();
        for queue in &queues {
            let (context, queue) = (Arc::clone(context), Arc::clone(queue));
            let replies = Arc::clone(&replies);
            let supervisor: BoxFuture<'static, _> =
                Box::pin(async move { supervise(&context, &queue, &replies).await });
            supervisors.push(supervisor);
        }
        Self {
            context: Arc::clone(context),
            queues,
            replies,
            supervisors,
            failed: FuturesUnordered::new(),
            n_open: 0,
        }
    }

    /// Hands an event out.
    pub(super) fn begin(&mut self, ticket: Ticket, delivery: Delivery) {
        self.n_open += 1;
        self.hand_out(InFlight { ticket, delivery });
    }

    /// Whether every event that has begun is through.
    pub(super) fn is_idle(&self) -> bool {
        self.n_open == 0
    }

    /// Takes back what no program has got yet, and has none started any more.
    pub(super) fn leave_rest(&mut self) {
        for queue in &self.queues {
            self.n_open -= queue.leave().len();
        }
    }

    /// Lets all programs see the end of their stdin.
    pub(super) fn close(&mut self) {
        for queue in &self.queues {
            queue.close();
        }
    }

    /// Whether all programs have ended after that.
    pub(super) fn is_closed(&self) -> bool {
        self.supervisors.is_empty()
    }

    /// Adds what has become of events that are through, as soon as something has happened.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(super) async fn next(
        &mut self,
        through: &mut Vec<(Ticket, Outcome)>,
    ) -> Result<(), MemberError> {
        tokio::select! {
            () = self.replies.changed() => self.collect(through),
            decided = next_of(&mut self.failed) => match decided {
                Decided::Again(item) => self.hand_out(item),
                Decided::Through(ticket, outcome) => self.end(ticket, outcome, through),
            },
            ended = next_of(&mut self.supervisors) => ended?,
        }
        Ok(())
    }

    fn collect(&mut self, through: &mut Vec<(Ticket, Outcome)>) {
        for reply in self.replies.take() {
            match reply {
                Reply::Taken(mut item) => {
                    if item.delivery.is_struck() {
                        self.fail(item, Failure::fate());
                    } else {
                        self.end(item.ticket, Outcome::Done, through);
                    }
                }
                Reply::Failed(item, failure) => self.fail(item, failure),
                Reply::Left(item) => self.end(item.ticket, Outcome::Left, through),
            }
        }
    }

    fn end(&mut self, ticket: Ticket, outcome: Outcome, through: &mut Vec<(Ticket, Outcome)>) {
        self.n_open -= 1;
        through.push((ticket, outcome));
    }

    fn fail(&mut self, item: InFlight, failure: Failure) {
        let context = Arc::clone(&self.context);
        self.failed.push(Box::pin(
            async move { decide(&context, item, failure).await },
        ));
    }

    fn hand_out(&mut self, item: InFlight) {
        let n_queues = self.queues.len() as u64;
        let at = usize::try_from(item.delivery.lane % n_queues).unwrap_or_default();
        if let Some(queue) = self.queues.get(at)
            && let Some(item) = queue.put(item)
        {
            self.replies.put([Reply::Left(item)]);
        }
    }
}

async fn decide(context: &ExecContext, mut item: InFlight, failure: Failure) -> Decided {
    match context.on_failure(&mut item.delivery, failure).await {
        NextStep::End(outcome) => Decided::Through(item.ticket, outcome),
        NextStep::Retry(wait) => tokio::select! {
            () = sleep(wait) => Decided::Again(item),
            () = context.run.stopped() => Decided::Through(item.ticket, Outcome::Left),
        },
    }
}

/// The next that comes to an end; waits for ever when there is none.
async fn next_of<T>(all: &mut FuturesUnordered<BoxFuture<'static, T>>) -> T {
    match all.next().await {
        Some(result) => result,
        None => pending().await,
    }
}
