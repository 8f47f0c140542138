//! One job: a program, and another in its place when it ends too early, with all that was not answered.

use std::{collections::VecDeque, time::Duration};

use tokio::time::sleep;
use tracing::{debug, warn};

use super::{
    super::context::{ExecContext, Failure},
    desk::{Answer, Answers, Desk, Item},
    life::{End, Life},
};
use crate::{
    backoff::Backoff,
    log::STATE,
    sink::{SinkError, delivery::MAX_BACKOFF, lanes::Ticket},
    throttle,
};

/// Works until nothing more will come.
///
/// A program that ends too early is not the fault of the event that it had before it, unless the next one ends at the same event
/// too: then that event has failed, so that a single one cannot hold up all others for ever.
pub(super) async fn work(
    context: &ExecContext,
    desk: &Desk,
    answers: &Answers,
) -> Result<(), SinkError> {
    let mut job = Job {
        context,
        desk,
        answers,
        held: VecDeque::new(),
        backoff: Backoff::new(MAX_BACKOFF),
        suspect: None,
    };
    while job.has_work().await {
        let mut life = match Life::begin(context, desk, answers) {
            Ok(life) => life,
            Err(source) if job.backoff.tries() >= context.settings.retries => {
                return Err(context.start_error(source));
            }
            Err(error) => {
                job.wait(&format!("cannot be started ({error})")).await;
                continue;
            }
        };
        let end = life.run(&mut job.held).await;
        if life.has_answered() {
            job.backoff.reset();
            job.suspect = None;
        }
        match end {
            End::Closed => return Ok(()),
            End::Broken(error) => return Err(error),
            End::Failed(failure) => job.fail_first(failure),
            End::Died(failure) => job.bury(failure).await,
        }
    }
    Ok(())
}

struct Job<'a> {
    context: &'a ExecContext,
    desk: &'a Desk,
    answers: &'a Answers,
    /// What the program has and has not answered, in order.
    held: VecDeque<Item>,
    backoff: Backoff,
    /// The event at which the program before has ended.
    suspect: Option<Ticket>,
}

impl Job<'_> {
    /// Waits for something to do; false when nothing more will come, or the program is gone and a stop or an error has come.
    async fn has_work(&mut self) -> bool {
        while self.held.is_empty() && self.desk.is_empty() {
            if self.desk.is_closing() {
                return false;
            }
            self.desk.news().await;
        }
        let is_stopped = self.backoff.tries() > 0 && self.context.run.is_stopped();
        let is_left = is_stopped || self.desk.is_left();
        if is_left {
            let rest = self.desk.leave();
            let all = self.held.drain(..).chain(rest);
            self.answers.put(all.map(Answer::Left));
        }
        !is_left
    }

    /// The first event is what went wrong.
    fn fail_first(&mut self, failure: Failure) {
        self.suspect = None;
        if let Some(item) = self.held.pop_front() {
            self.answers.put([Answer::Failed(item, failure)]);
        }
    }

    /// The program has ended by itself.
    async fn bury(&mut self, failure: Failure) {
        let Some(first) = self.held.front().map(|item| item.ticket) else {
            // Nothing is missing, and the next one is started when it is needed.
            let (program, why) = (self.context.name(), failure.why);
            debug!(program, why, "'{program}' has ended with nothing to do");
            return;
        };
        let n_held = self.held.len();
        let what = format!("has ended ({}), unanswered events: {n_held}", failure.why);
        if self.suspect == Some(first) {
            self.fail_first(failure);
        } else {
            self.suspect = Some(first);
        }
        self.wait(&what).await;
    }

    /// Waits before the next program, and says why.
    async fn wait(&mut self, what: &str) {
        let wait: Duration = self.backoff.next_wait();
        if let Some(left_out) = self.context.policy.may_log() {
            let program = self.context.name();
            let more = throttle::more(left_out);
            warn!(target: STATE, program, "'{program}' {what}; starting it again in {:.1} s{more}", wait.as_secs_f64());
        }
        tokio::select! {
            () = sleep(wait) => {}
            () = self.context.run.stopped() => {}
            () = left(self.desk) => {}
        }
    }
}

/// Resolves once the desk takes nothing on any more. What else there is news of is seen when it is looked for work.
async fn left(desk: &Desk) {
    while !desk.is_left() {
        desk.news().await;
    }
}
