//! Programs that take events: the line on their stdin, no shell anywhere.
//!
//! One program for each event, or programs that live on and take one event after the other. Several
//! run at the same time if so wished, and those of one account still follow each other. An event
//! counts as accepted when its program took it, or when it was given up in the way that was chosen.

mod arguments;
mod context;
mod error;
mod per_event;
mod process;
mod runner;
mod settings;
mod stderr_log;
mod stdout_mux;
mod stream;
mod variables;

use std::{ffi::OsString, num::NonZeroUsize};

use tracing::info;

pub(crate) use self::error::ExecError;
pub use self::settings::ExecSettings;
use self::{
    context::{Delivery, ExecContext, Outcome, name_for_people},
    process::Groups,
    runner::Runner,
    stdout_mux::StdoutMux,
};
use super::{
    Fate, Sink, SinkContext,
    delivery::{DeliveryPolicy, Recipient},
    lanes::{Lanes, Ticket},
    writer::HAS_BEGUN,
};
use crate::{
    error::MemberError,
    event::{Batch, FileMark},
    log::STATE,
};

/// Gives events to programs.
#[derive(Debug)]
pub struct ExecSink {
    program: OsString,
    arguments: Vec<OsString>,
    settings: ExecSettings,
    fate: Option<Fate>,
    lanes: Lanes<Delivery>,
    groups: Groups,
    context: SinkContext,
    stdout_mux: Option<StdoutMux>,
    runner: Option<Runner>,
    /// Something ended the run.
    is_over: bool,
}

impl ExecSink {
    /// Runs `program` for each event. In `arguments`, `{did}`, `{collection}`, `{rkey}`, `{uri}`
    /// and `{time_us}` are replaced by those of the event.
    pub fn new(program: OsString, arguments: Vec<OsString>) -> Self {
        let settings = ExecSettings::default();
        Self {
            program,
            arguments,
            lanes: Lanes::new(settings.limits()),
            settings,
            fate: None,
            groups: Groups::default(),
            context: SinkContext::default(),
            stdout_mux: None,
            runner: None,
            is_over: false,
        }
    }

    /// Uses these settings.
    #[must_use]
    pub fn settings(mut self, settings: ExecSettings) -> Self {
        self.lanes = Lanes::new(settings.limits());
        self.settings = settings;
        self
    }

    /// Has deliveries fail on purpose, after a program has succeeded; each is then one that failed
    /// like any other.
    #[must_use]
    pub fn fate(mut self, fate: Option<Fate>) -> Self {
        self.fate = fate;
        self
    }

    /// Takes the first event of the batch into its lane.
    fn take(&mut self, batch: &mut Batch) {
        if let Some(event) = batch.events().next() {
            let fate = self.fate.as_ref().map(Fate::of_next);
            let delivery = Delivery::new(event, fate);
            // A program that lives on keeps the order by itself, unless an event is tried again
            // later.
            let is_free = self.settings.lives_on() && self.settings.retries == 0;
            let lane = (!is_free).then_some(delivery.lane);
            self.lanes.push(lane, delivery.event.line().len(), delivery);
            batch.take(1);
        }
    }

    /// Whether it is worth while to take more.
    fn is_ready(&self) -> bool {
        if self.settings.lives_on() {
            self.lanes.is_half_empty()
        } else {
            self.lanes.has_room() && self.lanes.has_free_job()
        }
    }

    /// Begins with all that may begin.
    fn begin_ready(&mut self) {
        let runner = self.runner.as_mut().expect(HAS_BEGUN);
        while let Some((ticket, delivery)) = self.lanes.begin() {
            runner.begin(ticket, delivery);
        }
    }

    /// Waits for something to happen, and does what follows from it.
    ///
    /// Cancel safety: dropped and asked again at any time.
    async fn step(&mut self) -> Result<(), MemberError> {
        self.flush().await?;
        let runner = self.runner.as_mut().expect(HAS_BEGUN);
        let mut through = Vec::new();
        tokio::select! {
            happened = runner.next(&mut through) => {
                self.is_over |= happened.is_err();
                happened?;
            }
            printed = stdout_changed(&mut self.stdout_mux) => printed?,
        }
        let mut result = Ok(());
        for (ticket, outcome) in through {
            result = result.and(self.settle(ticket, outcome));
        }
        self.context.set_at_work(self.lanes.n_open());
        // Returned before anything is waited for, since a wait may be dropped.
        result?;
        self.flush().await
    }

    fn settle(&mut self, ticket: Ticket, outcome: Outcome) -> Result<(), MemberError> {
        match outcome {
            Outcome::Done => {
                let n_done = self.lanes.end(ticket);
                if self.stdout_mux.is_none() {
                    self.context.accept(n_done);
                }
                if !self.is_over && !self.context.is_stopped() {
                    self.begin_ready();
                }
                Ok(())
            }
            // It stays where it is, and nothing after it counts.
            Outcome::Left => Ok(()),
            Outcome::Fatal(error) => {
                self.is_over = true;
                Err(error)
            }
        }
    }

    async fn flush(&mut self) -> Result<(), MemberError> {
        match &mut self.stdout_mux {
            Some(stdout_mux) => stdout_mux.flush(self.lanes.n_done()).await,
            None => Ok(()),
        }
    }

    /// Writes what is left of what programs printed.
    async fn close(&mut self) -> Result<(), MemberError> {
        self.flush().await?;
        match &mut self.stdout_mux {
            Some(stdout_mux) => stdout_mux.finish().await,
            None => Ok(()),
        }
    }

    /// Lets end what has begun, and if nothing is wrong also what was taken.
    async fn drain(&mut self) -> Result<(), MemberError> {
        let context = self.context.clone();
        let mut result = Ok(());
        loop {
            if self.is_over || context.is_stopped() {
                self.lanes.leave_rest();
            }
            if !self.is_over {
                self.begin_ready();
            }
            let runner = self.runner.as_mut().expect(HAS_BEGUN);
            if self.is_over {
                runner.leave_rest();
            }
            if runner.is_idle() {
                runner.close();
                if runner.is_closed() {
                    return result;
                }
            }
            let was_stopped = context.is_stopped();
            let stepped = tokio::select! {
                stepped = self.step() => stepped,
                () = context.stopped(), if !was_stopped => Ok(()),
            };
            if result.is_ok() {
                result = stepped;
            }
        }
    }
}

impl Sink for ExecSink {
    fn name(&self) -> String {
        format!("program '{}'", self.program.display())
    }

    fn at_once(&self) -> Option<NonZeroUsize> {
        Some(self.settings.at_once())
    }

    fn begin(&mut self, _files: &[FileMark], context: &SinkContext) -> Result<(), MemberError> {
        self.context = context.clone();
        if self.settings.has_output && !self.settings.prints_alone() {
            self.stdout_mux = Some(StdoutMux::open(context)?);
        }
        let policy = DeliveryPolicy::new(
            Recipient::Program(name_for_people(&self.program)),
            self.settings.retries,
            self.settings.on_error.clone(),
        );
        policy.set_stats(context.stats());
        self.runner = Some(Runner::new(ExecContext {
            program: self.program.clone(),
            arguments: self.arguments.clone(),
            settings: self.settings.clone(),
            groups: self.groups.clone(),
            run: context.clone(),
            policy,
            stdout_buffer: self.stdout_mux.as_ref().map(StdoutMux::stdout_buffer),
        }));
        Ok(())
    }

    /// Takes events as long as there are free jobs, and returns once there is one again: a stop
    /// waits for programs that run, and not for a batch of them. Programs that live on get more
    /// once half of what they may have is answered, so that much changes hands at once.
    async fn accept(
        &mut self,
        batch: &mut Batch,
        context: &SinkContext,
    ) -> Result<(), MemberError> {
        while !batch.is_empty() && self.lanes.has_room() && self.lanes.has_free_job() {
            self.take(batch);
            self.begin_ready();
        }
        context.set_at_work(self.lanes.n_open());
        // There is a copy of it.
        batch.give_back();
        while !self.is_ready() {
            tokio::select! {
                stepped = self.step() => stepped?,
                () = context.stopped() => break,
            }
        }
        Ok(())
    }

    async fn checkpoint(&mut self) -> Result<(), MemberError> {
        match &mut self.stdout_mux {
            Some(stdout_mux) => stdout_mux.sync().await,
            None => Ok(()),
        }
    }

    async fn finish(&mut self, _context: &SinkContext) -> Result<(), MemberError> {
        let drained = self.drain().await;
        if !self.is_over && !self.lanes.is_empty() {
            info!(target: STATE, "events that would be tried again are left to the next run");
        }
        let closed = self.close().await;
        drained.and(closed)
    }

    async fn abandon(&mut self) {
        self.groups.end().await;
    }

    async fn drive(&mut self) -> MemberError {
        loop {
            if let Err(error) = self.step().await {
                return error;
            }
        }
    }
}

impl Drop for ExecSink {
    /// What still runs when a run ends at once has hardly any time left.
    fn drop(&mut self) {
        self.groups.end_at_once();
    }
}

/// Resolves when programs have printed something.
async fn stdout_changed(stdout_mux: &mut Option<StdoutMux>) -> Result<(), MemberError> {
    match stdout_mux {
        Some(stdout_mux) => stdout_mux.changed().await,
        None => std::future::pending().await,
    }
}
