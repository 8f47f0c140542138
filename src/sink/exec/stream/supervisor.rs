//! Keeps one job going: starts a program, and another one when it ends too early, with all that was
//! not answered.

use std::{collections::VecDeque, time::Duration};

use tokio::time::sleep;
use tracing::{debug, warn};

use super::{
    super::context::{ExecContext, Failure},
    work_queue::{InFlight, Replies, Reply, WorkQueue},
    worker::{End, Worker},
};
use crate::{
    backoff::Backoff,
    error::MemberError,
    log::STATE,
    log::throttle,
    sink::{delivery::MAX_BACKOFF, lanes::Ticket},
};

/// Works until nothing more will come.
///
/// A program that ends too early is not the fault of the event that it had before it, unless the
/// next one ends at the same event too: then that event has failed, so that a single one cannot
/// hold up all others for ever.
pub(super) async fn supervise(
    context: &ExecContext,
    queue: &WorkQueue,
    replies: &Replies,
) -> Result<(), MemberError> {
    let mut supervisor = Supervisor {
        context,
        queue,
        replies,
        in_flight: VecDeque::new(),
        backoff: Backoff::new(MAX_BACKOFF),
        crashed_at: None,
    };
    while supervisor.has_work().await {
        let mut worker = match Worker::begin(context, queue, replies) {
            Ok(worker) => worker,
            Err(source) if supervisor.backoff.tries() >= context.settings.retries => {
                return Err(context.start_error(source));
            }
            Err(error) => {
                supervisor
                    .wait(&format!("cannot be started ({error})"))
                    .await;
                continue;
            }
        };
        let end = worker.run(&mut supervisor.in_flight).await;
        if worker.has_answered() {
            supervisor.backoff.reset();
            supervisor.crashed_at = None;
        }
        match end {
            End::Closed => return Ok(()),
            End::Broken(error) => return Err(error),
            End::Failed(failure) => supervisor.fail_first(failure),
            End::Died(failure) => supervisor.on_death(failure).await,
        }
    }
    Ok(())
}

struct Supervisor<'a> {
    context: &'a ExecContext,
    queue: &'a WorkQueue,
    replies: &'a Replies,
    /// What the program has and has not answered, in order.
    in_flight: VecDeque<InFlight>,
    backoff: Backoff,
    /// The event at which the program before has ended.
    crashed_at: Option<Ticket>,
}

impl Supervisor<'_> {
    /// Waits for something to do; false when nothing more will come, or the program is gone and a
    /// stop or an error has come.
    async fn has_work(&mut self) -> bool {
        while self.in_flight.is_empty() && self.queue.is_empty() {
            if self.queue.is_closing() {
                return false;
            }
            self.queue.changed().await;
        }
        let is_stopped = self.backoff.tries() > 0 && self.context.run.is_stopped();
        let is_left = is_stopped || self.queue.is_left();
        if is_left {
            let rest = self.queue.leave();
            let all = self.in_flight.drain(..).chain(rest);
            self.replies.put(all.map(Reply::Left));
        }
        !is_left
    }

    /// The first event is what went wrong.
    fn fail_first(&mut self, failure: Failure) {
        self.crashed_at = None;
        if let Some(item) = self.in_flight.pop_front() {
            self.replies.put([Reply::Failed(item, failure)]);
        }
    }

    /// The program has ended by itself.
    async fn on_death(&mut self, failure: Failure) {
        let Some(first) = self.in_flight.front().map(|item| item.ticket) else {
            // Nothing is missing, and the next one is started when it is needed.
            let (program, why) = (self.context.name(), failure.why);
            debug!(program, why, "'{program}' has ended with nothing to do");
            return;
        };
        let n_held = self.in_flight.len();
        let what = format!("has ended ({}), unanswered events: {n_held}", failure.why);
        if self.crashed_at == Some(first) {
            self.fail_first(failure);
        } else {
            self.crashed_at = Some(first);
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
            () = left(self.queue) => {}
        }
    }
}

/// Resolves once the queue takes nothing any more. Other changes are seen when work is looked for.
async fn left(queue: &WorkQueue) {
    while !queue.is_left() {
        queue.changed().await;
    }
}
