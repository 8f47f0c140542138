//! What holds for all programs of a run: how they are started, and what becomes of an event that
//! one of them fails on.

use std::{
    ffi::OsString,
    io, mem,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::process::Command;

use super::{
    ExecSettings,
    arguments::Argument,
    process::Groups,
    stdout_mux::StdoutBuffer,
    variables::{NAMES, variables},
};
use crate::{
    error::MemberError,
    event::{Event, OwnedEvent},
    log::printable,
    platform,
    sink::{
        ExecError, Fate, SinkContext,
        delivery::{DeliveryPolicy, FailedTries, FailedTry, GivenUp, name_of},
        lanes::lane_of,
    },
};

/// What holds for all programs of a run.
#[derive(Debug)]
pub(super) struct ExecContext {
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
    pub(super) settings: ExecSettings,
    pub(super) groups: Groups,
    pub(super) run: SinkContext,
    pub(super) policy: DeliveryPolicy,
    /// Where what programs print goes; without it they have our own stdout, or none.
    pub(super) stdout_buffer: Option<StdoutBuffer>,
}

/// An event on its way to a program.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) event: OwnedEvent,
    /// Which events it has to keep its order with.
    pub(super) lane: u64,
    fate: Option<Fate>,
    failed_tries: FailedTries,
    /// A signal that was not meant for it has ended a program that had it.
    met_stray_signal: bool,
}

/// Why a program did not take an event.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) why: String,
    pub(super) status: Option<i32>,
    pub(super) stderr: Option<String>,
    /// The program could not even be started, which is no fault of the event.
    pub(super) start: Option<io::Error>,
    /// A signal that asks for a stop ended it, and it did not come from here.
    pub(super) is_stray: bool,
}

/// What has become of an event.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is accepted: a program took it, or it was given up as was asked for.
    Done,
    /// It is to be tried again, but a stop was asked for: the next run begins with it.
    Left,
    /// The run ends.
    Fatal(MemberError),
}

/// What follows from a failure.
#[derive(Debug)]
pub(super) enum NextStep {
    /// It is tried again after this time.
    Retry(Duration),
    End(Outcome),
}

impl Failure {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            status: None,
            stderr: None,
            start: None,
            is_stray: false,
        }
    }

    pub(super) fn start(error: io::Error) -> Self {
        Self {
            start: Some(error),
            ..Self::new("it could not be started")
        }
    }

    pub(super) fn status(status: ExitStatus) -> Self {
        Self {
            status: status.code(),
            is_stray: platform::is_stop(status),
            ..Self::new(status.to_string())
        }
    }

    pub(super) fn timeout(limit: Duration) -> Self {
        let limit = humantime::format_duration(limit);
        Self::new(format!("it took longer than {limit}"))
    }

    pub(super) fn fate() -> Self {
        Self::new("on purpose, by fate")
    }

    /// What went wrong, with its cause.
    fn text(&self) -> String {
        match &self.start {
            Some(error) => format!("{}: {error}", self.why),
            None => self.why.clone(),
        }
    }
}

impl Delivery {
    pub(super) fn new(event: Event<'_>, fate: Option<Fate>) -> Self {
        Self {
            lane: lane_of(event.key()),
            event: event.into_owned(),
            fate,
            failed_tries: FailedTries::default(),
            met_stray_signal: false,
        }
    }

    /// Whether the failure is no fault of the program: a Ctrl-C at a terminal, or `timeout`,
    /// signals our whole process group, and a program is in it until it has one of its own. Once
    /// for each event, since a program that is killed twice is meant.
    pub(super) fn excuses(&mut self, failure: &Failure) -> bool {
        failure.is_stray && !mem::replace(&mut self.met_stray_signal, true)
    }

    /// Whether the delivery that has just succeeded is to fail all the same.
    pub(super) fn is_struck(&mut self) -> bool {
        self.fate.as_ref().is_some_and(Fate::strikes)
    }
}

impl ExecContext {
    /// The program's name, for people.
    pub(super) fn name(&self) -> String {
        name_for_people(&self.program)
    }

    /// The program, with what it is given of the event, if it is for one event.
    pub(super) fn command(&self, event: Option<&Event<'_>>, stdout: Stdio) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(event) = event {
            let arguments = self.arguments.iter();
            command
                .args(arguments.map(|argument| Argument::parse(argument).fill(event)))
                .envs(variables(event));
        } else {
            command.args(&self.arguments);
            for name in NAMES {
                command.env_remove(name);
            }
        }
        command
            // They are between the service manager and us.
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_PID")
            .env_remove("WATCHDOG_USEC")
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::piped());
        command
    }

    /// Whether programs print straight to our stdout, and nobody reads that any more.
    pub(super) fn has_lost_reader(&self) -> bool {
        self.settings.has_output && self.stdout_buffer.is_none() && platform::stdout::is_closed()
    }

    /// Counts a failure, and decides what follows from it.
    pub(super) async fn on_failure(&self, delivery: &mut Delivery, failure: Failure) -> NextStep {
        let error = failure.text();
        let events = [delivery.event.event()];
        let failed = FailedTry {
            stderr: failure.stderr.as_deref(),
            status: failure.status,
            ..FailedTry::new(&events, &error)
        };
        if let Some(wait) = self.policy.next_wait(&mut delivery.failed_tries, true) {
            if self.run.is_stopped() {
                return NextStep::End(Outcome::Left);
            }
            self.policy.log_retry(failed, wait);
            return NextStep::Retry(wait);
        }
        if let Some(source) = failure.start {
            return NextStep::End(Outcome::Fatal(self.start_error(source)));
        }
        NextStep::End(
            match self.policy.give_up(failed, &delivery.failed_tries).await {
                Ok(GivenUp::Accepted) => Outcome::Done,
                Ok(GivenUp::Stops) => {
                    let error = ExecError::Program {
                        program: self.name(),
                        event: name_of(&events),
                        why: failure.why,
                    };
                    Outcome::Fatal(error.into())
                }
                Err(error) => Outcome::Fatal(error),
            },
        )
    }

    /// Why the run ends where its program cannot be started.
    pub(super) fn start_error(&self, source: io::Error) -> MemberError {
        let program = self.name();
        ExecError::Start { program, source }.into()
    }
}

/// A program in messages.
pub(super) fn name_for_people(program: &OsString) -> String {
    printable(&program.to_string_lossy())
}
