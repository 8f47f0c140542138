//! Programs that live on: each event is a line on the stdin of one of them, and one line back accepts it.
//!
//! The events of an account always go to the same program, which takes them in their order. Here they are handed out and their
//! answers collected; `life` is one program from its start to its end.

mod desk;
mod life;
mod work;

use std::{future::pending, sync::Arc};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::sleep;

use self::{
    desk::{Answer, Answers, Desk, Item},
    work::work,
};
use super::context::{Delivery, ExecContext, Failure, NextStep, Outcome};
use crate::sink::{SinkError, lanes::Ticket};

/// All programs, and the events that they have.
#[derive(Debug)]
pub(super) struct Stream {
    context: Arc<ExecContext>,
    desks: Vec<Arc<Desk>>,
    answers: Arc<Answers>,
    workers: FuturesUnordered<BoxFuture<'static, Result<(), SinkError>>>,
    /// Events that failed, until it is decided what follows, or they are tried again.
    failed: FuturesUnordered<BoxFuture<'static, Decided>>,
    /// Events that have begun and are not through.
    n_open: usize,
}

/// What follows from a failure.
enum Decided {
    Again(Item),
    Through(Ticket, Outcome),
}

impl Stream {
    /// No program is started before it gets an event.
    pub(super) fn new(context: &Arc<ExecContext>, in_flight: usize) -> Self {
        let answers = Arc::new(Answers::default());
        let desks: Vec<_> = (0..context.settings.jobs.get())
            .map(|_| Arc::new(Desk::new(in_flight)))
            .collect();
        let workers = FuturesUnordered::new();
        for desk in &desks {
            let (context, desk) = (Arc::clone(context), Arc::clone(desk));
            let answers = Arc::clone(&answers);
            let worker: BoxFuture<'static, _> =
                Box::pin(async move { work(&context, &desk, &answers).await });
            workers.push(worker);
        }
        Self {
            context: Arc::clone(context),
            desks,
            answers,
            workers,
            failed: FuturesUnordered::new(),
            n_open: 0,
        }
    }

    /// Hands an event out.
    pub(super) fn begin(&mut self, ticket: Ticket, delivery: Delivery) {
        self.n_open += 1;
        self.hand_out(Item { ticket, delivery });
    }

    /// Whether every event that has begun is through.
    pub(super) fn is_idle(&self) -> bool {
        self.n_open == 0
    }

    /// Takes back what no program has got yet, and has none started any more.
    pub(super) fn leave_rest(&mut self) {
        for desk in &self.desks {
            self.n_open -= desk.leave().len();
        }
    }

    /// Lets all programs see the end of their stdin.
    pub(super) fn close(&mut self) {
        for desk in &self.desks {
            desk.close();
        }
    }

    /// Whether all programs have ended after that.
    pub(super) fn is_closed(&self) -> bool {
        self.workers.is_empty()
    }

    /// Adds what has become of events that are through, as soon as something has happened.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(super) async fn next(
        &mut self,
        through: &mut Vec<(Ticket, Outcome)>,
    ) -> Result<(), SinkError> {
        tokio::select! {
            () = self.answers.news() => self.collect(through),
            decided = next_of(&mut self.failed) => match decided {
                Decided::Again(item) => self.hand_out(item),
                Decided::Through(ticket, outcome) => self.end(ticket, outcome, through),
            },
            ended = next_of(&mut self.workers) => ended?,
        }
        Ok(())
    }

    fn collect(&mut self, through: &mut Vec<(Ticket, Outcome)>) {
        for answer in self.answers.take() {
            match answer {
                Answer::Taken(mut item) => {
                    if item.delivery.is_struck() {
                        self.fail(item, Failure::fate());
                    } else {
                        self.end(item.ticket, Outcome::Done, through);
                    }
                }
                Answer::Failed(item, failure) => self.fail(item, failure),
                Answer::Left(item) => self.end(item.ticket, Outcome::Left, through),
            }
        }
    }

    fn end(&mut self, ticket: Ticket, outcome: Outcome, through: &mut Vec<(Ticket, Outcome)>) {
        self.n_open -= 1;
        through.push((ticket, outcome));
    }

    fn fail(&mut self, item: Item, failure: Failure) {
        let context = Arc::clone(&self.context);
        self.failed.push(Box::pin(
            async move { decide(&context, item, failure).await },
        ));
    }

    fn hand_out(&mut self, item: Item) {
        let n_desks = self.desks.len() as u64;
        let at = usize::try_from(item.delivery.lane % n_desks).unwrap_or_default();
        if let Some(desk) = self.desks.get(at)
            && let Some(item) = desk.put(item)
        {
            self.answers.put([Answer::Left(item)]);
        }
    }
}

async fn decide(context: &ExecContext, mut item: Item, failure: Failure) -> Decided {
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
