//! How programs are run, and what becomes of events that they fail on.

use std::{ffi::OsStr, num::NonZeroUsize, time::Duration};

use super::arguments;
use crate::{
    log,
    sink::{LineFormat, OnFailure, lanes::LaneLimits},
};

/// How far one may look ahead of an event that is not done. As many places are remembered for the
/// cursor.
const MAX_AHEAD: usize = 4096;

/// The same in bytes, and how much more for each further program: one large event.
const MAX_AHEAD_BYTES: usize = 2 * 1024 * 1024;
const MAX_AHEAD_BYTES_PER_JOB: usize = 1024 * 1024;

/// How much a program that lives on may have and not have answered, in bytes: what it may have of
/// usual events.
const MAX_IN_FLIGHT_BYTES: usize = 512 * 1024;

/// How programs are run.
#[derive(Debug, Clone)]
pub struct ExecSettings {
    /// `None` runs a program for each event, which accepts it with exit status 0. With a number,
    /// `jobs` programs live on: each event is a line on the stdin of one, and one line on its stdout
    /// accepts it, or does not if it begins with `error: `. The events of an account always go to
    /// the same program, and it is how many events each may have and not have answered; fewer where
    /// they are large.
    pub in_flight: Option<NonZeroUsize>,
    /// How events are written to them. Programs that live on always get the line, which they answer
    /// one by one.
    pub format: LineFormat,
    /// How many run at the same time. Events of one account always follow each other.
    pub jobs: NonZeroUsize,
    /// How long a program may take for an event.
    pub timeout: Duration,
    /// How often an event that failed is tried again.
    pub retries: u32,
    /// What becomes of an event that failed as often as it may.
    pub on_error: OnFailure,
    /// Whether what programs print goes to our stdout.
    pub has_output: bool,
}

impl ExecSettings {
    /// The `tracing` target of what programs say on stderr, line by line. Show it from level INFO
    /// on.
    pub const STDERR_TARGET: &str = log::CHILD_STDERR;

    /// How many events a program that lives on may have. A guess: enough that none waits for the
    /// next.
    pub const IN_FLIGHT: NonZeroUsize = NonZeroUsize::new(256).expect("it is not zero");

    /// The first name of an event that an argument holds, such as `{rkey}`.
    pub fn name_in(argument: &OsStr) -> Option<&'static str> {
        arguments::name_in(argument)
    }

    pub(super) fn lives_on(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Whether no program's lines can come between another's.
    pub(super) fn prints_alone(&self) -> bool {
        self.jobs == NonZeroUsize::MIN && !self.lives_on()
    }

    /// How many events have a program at the same time.
    pub(super) fn at_once(&self) -> NonZeroUsize {
        let each = self.in_flight.unwrap_or(NonZeroUsize::MIN);
        each.saturating_mul(self.jobs)
    }

    /// How much may be in hand.
    pub(super) fn limits(&self) -> LaneLimits {
        let jobs = self.jobs.get();
        match self.in_flight {
            None => LaneLimits {
                jobs,
                events: MAX_AHEAD.max(2 * jobs),
                bytes: MAX_AHEAD_BYTES.max(jobs.saturating_mul(MAX_AHEAD_BYTES_PER_JOB)),
            },
            Some(in_flight) => LaneLimits {
                jobs: usize::MAX,
                // Accounts are not spread evenly, so some programs have more than others.
                events: in_flight.get().saturating_mul(jobs).saturating_mul(2),
                bytes: jobs.saturating_mul(MAX_IN_FLIGHT_BYTES),
            },
        }
    }
}

impl Default for ExecSettings {
    fn default() -> Self {
        Self {
            in_flight: None,
            format: LineFormat::default(),
            jobs: NonZeroUsize::MIN,
            timeout: Duration::from_secs(60),
            retries: 0,
            on_error: OnFailure::Stop,
            has_output: true,
        }
    }
}
