//! What holds for all programs of a run: how they are started, and what becomes of an event that one of them fails on.

use std::{
    ffi::OsString,
    io, mem,
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::Signal;
use tokio::process::Command;
use tracing::warn;

use super::{
    ExecSettings, OnExecError,
    arguments::Argument,
    outlet::Basket,
    process::Groups,
    variables::{NAMES, variables},
};
use crate::{
    backoff::Backoff,
    event::{Event, OwnedEvent},
    log::{STATE, printable},
    sink::{DeadLetter, ExecError, Fate, SinkContext, SinkError, fate, lanes::lane_of, stdout},
    stats::Stats,
    throttle::Throttle,
};

/// The longest wait before a program is tried once more, as for connections.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What a person, a shell or a service manager stops a whole process group with.
const STOPS: [Signal; 3] = [Signal::HUP, Signal::INT, Signal::TERM];

/// What holds for all programs of a run.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
    pub(super) settings: ExecSettings,
    pub(super) groups: Groups,
    pub(super) context: SinkContext,
    pub(super) stats: Arc<Stats>,
    /// Where what programs print goes; without it they have our own stdout, or none.
    pub(super) basket: Option<Basket>,
    pub(super) pace: Mutex<Throttle>,
}

/// An event on its way to a program.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) event: OwnedEvent,
    /// Which events it has to keep its order with.
    pub(super) lane: u64,
    fate: Option<Fate>,
    /// How often it has failed.
    failures: u32,
    /// A program for it was met by a signal that was not meant for it.
    was_met: bool,
    backoff: Backoff,
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
    Fatal(SinkError),
}

/// What follows from a failure.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is tried again after this time.
    Again(Duration),
    Final(Outcome),
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
        let signal = status.signal().and_then(Signal::from_named_raw);
        Self {
            status: status.code(),
            is_stray: signal.is_some_and(|signal| STOPS.contains(&signal)),
            ..Self::new(status.to_string())
        }
    }

    pub(super) fn timeout(limit: Duration) -> Self {
        let limit = humantime::format_duration(limit);
        Self::new(format!("it took longer than {limit}"))
    }

    pub(super) fn fate() -> Self {
        Self::new("on purpose, by --fate")
    }
}

impl Parcel {
    pub(super) fn new(event: Event<'_>, fate: Option<Fate>) -> Self {
        Self {
            lane: lane_of(event.key()),
            event: event.into_owned(),
            fate,
            failures: 0,
            was_met: false,
            backoff: Backoff::new(LONGEST_WAIT),
        }
    }

    /// The event as messages name it.
    pub(super) fn name(&self) -> String {
        fate::name_of(&self.event.event())
    }

    /// Whether the failure is no fault of the program: a Ctrl-C at a terminal, or `timeout`, signals
    /// our whole process group, and a program is in it until it has one of its own. Once for each
    /// event, for whoever kills a program twice means it.
    pub(super) fn is_met(&mut self, failure: &Failure) -> bool {
        failure.is_stray && !mem::replace(&mut self.was_met, true)
    }

    /// Whether the delivery that has just succeeded is to fail all the same.
    pub(super) fn is_struck(&mut self) -> bool {
        self.fate.as_mut().is_some_and(Fate::strikes)
    }
}

impl Terms {
    /// The program's name, for people.
    pub(super) fn name(&self) -> String {
        printable(&self.program.to_string_lossy())
    }

    /// The program, with what it is told of the event, if it is for one event.
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
        self.settings.has_output && self.basket.is_none() && stdout::is_closed()
    }

    /// Counts a failure, and decides what follows from it.
    pub(super) async fn judge(&self, parcel: &mut Parcel, failure: Failure) -> Verdict {
        parcel.failures += 1;
        self.stats.add_delivery_failures(1);
        if parcel.failures <= self.settings.retries {
            if self.context.is_stopped() {
                return Verdict::Final(Outcome::Left);
            }
            let wait = parcel.backoff.next_wait();
            self.tell(
                parcel,
                &failure,
                &format!("trying again in {:.1} s", wait.as_secs_f64()),
            );
            return Verdict::Again(wait);
        }
        Verdict::Final(self.give_up(parcel, failure).await)
    }

    async fn give_up(&self, parcel: &Parcel, failure: Failure) -> Outcome {
        if let Some(source) = failure.start {
            return Outcome::Fatal(
                ExecError::Start {
                    program: self.name(),
                    source,
                }
                .into(),
            );
        }
        match &self.settings.on_error {
            OnExecError::Stop => Outcome::Fatal(
                ExecError::Program {
                    program: self.name(),
                    event: parcel.name(),
                    why: failure.why,
                }
                .into(),
            ),
            OnExecError::Skip => {
                self.stats.add_given_up(1);
                self.tell(parcel, &failure, "it is skipped");
                Outcome::Done
            }
            OnExecError::DeadLetter(file) => {
                let letter = DeadLetter {
                    event: parcel.event.line(),
                    error: &failure.why,
                    status: failure.status,
                    stderr: failure.stderr.as_deref(),
                    tries: parcel.failures,
                };
                if let Err(error) = file.append(letter).await {
                    return Outcome::Fatal(error);
                }
                self.stats.add_given_up(1);
                let path = file.path().display();
                self.tell(parcel, &failure, &format!("it is kept in '{path}'"));
                Outcome::Done
            }
        }
    }

    /// Whether there is room for one more message about failures, and how many were left out before it.
    pub(super) fn may_tell(&self) -> Option<u64> {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.allow()
    }

    /// Tells a failure, at a readable pace.
    fn tell(&self, parcel: &Parcel, failure: &Failure, what_follows: &str) {
        let Some(left_out) = self.may_tell() else {
            return;
        };
        let (program, event) = (self.name(), parcel.name());
        let why = match &failure.start {
            Some(error) => format!("{}: {error}", failure.why),
            None => failure.why.clone(),
        };
        let others = match left_out {
            0 => String::new(),
            n => format!(" ({n} more messages were left out)"),
        };
        warn!(target: STATE, program, event, why, "'{program}' failed on {event}: {why}; {what_follows}{others}");
    }
}
