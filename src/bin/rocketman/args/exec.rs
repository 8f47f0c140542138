//! How programs are run.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::units::{interval, yes_or_no};

/// How programs are run
#[derive(Debug, Args)]
#[command(next_help_heading = "Programs (--exec)")]
pub(crate) struct ExecArgs {
    /// Run a program for each event, or one that lives on and takes one line after the other
    ///
    /// stream starts one program for each job, the first time there is an event for it. Each event is a line on its stdin, and it
    /// answers each with one line on stdout, in the same order: one that begins with 'error: ' fails the event, any other accepts it and
    /// goes to our stdout. The events of an account always go to the same program. One that ends too early is started again
    /// with all that it has not answered; where it ends at the same event twice in a row, that event has failed.
    #[arg(
        long,
        value_name = "MODE",
        env = "ROCKETMAN_EXEC_MODE",
        requires = "exec",
        hide_short_help = true
    )]
    pub(crate) exec_mode: Option<ExecModeArg>,
    /// Let a program of --exec-mode stream have up to N events that it has not answered
    ///
    /// By default 256, and fewer where they are large: half a mebibyte together, or a single one. It should answer without waiting for
    /// more. A stop waits for all of them.
    #[arg(
        long,
        value_name = "N",
        env = "ROCKETMAN_IN_FLIGHT",
        requires = "exec",
        hide_short_help = true
    )]
    pub(crate) in_flight: Option<NonZeroUsize>,
    /// Run N programs, or send N requests, at the same time
    ///
    /// Events of one account always follow each other: the next begins once the one before it is done. Others may pass an event
    /// that takes its time, at most some thousands of them; the cursor never does. With more than one job, what programs
    /// print goes to stdout as whole lines. By default one program, or four requests.
    #[arg(short, long, value_name = "N", env = "ROCKETMAN_JOBS")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Allow a program this long for an event
    ///
    /// Then it and all that it has started gets SIGTERM, and two seconds later SIGKILL, and has failed. By default 60s.
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_EXEC_TIMEOUT", value_parser = interval, requires = "exec", hide_short_help = true)]
    pub(crate) exec_timeout: Option<Duration>,
    /// Try an event that failed this many times more
    ///
    /// After random waits that grow to 30s. Events of the same account wait for it. Asked to stop, it tries no more, and a saved cursor
    /// stays before the event. By default there is no other try.
    #[arg(
        long,
        value_name = "N",
        env = "ROCKETMAN_EXEC_RETRIES",
        requires = "exec",
        hide_short_help = true
    )]
    pub(crate) exec_retries: Option<u32>,
    /// Do this when an event failed for good: stop, skip or dead-letter=FILE
    ///
    /// stop (the default) ends the run with exit code 1, and a saved cursor stays before the event. skip says so and goes on.
    /// dead-letter=FILE appends one JSON object a line to FILE, with time, error, exit status, tries, the end of stderr and the
    /// event, and goes on once it is on the disk. A program that cannot be started ends the run in any case.
    #[arg(long, value_name = "WHAT", env = "ROCKETMAN_ON_EXEC_ERROR", value_parser = on_exec_error, requires = "exec", hide_short_help = true)]
    pub(crate) on_exec_error: Option<OnExecErrorArg>,
    /// Drop what programs print
    #[arg(long, env = "ROCKETMAN_NO_OUTPUT", value_parser = yes_or_no, requires = "exec", hide_short_help = true)]
    pub(crate) no_output: bool,
}

/// How programs take events
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExecModeArg {
    /// A program for each event
    Event,
    /// Programs that live on
    Stream,
}

/// What becomes of an event that failed for good
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OnExecErrorArg {
    /// The run ends
    Stop,
    /// It is left out
    Skip,
    /// It is kept in a file
    DeadLetter(PathBuf),
}

pub(super) fn on_exec_error(text: &str) -> Result<OnExecErrorArg, String> {
    match text.split_once('=') {
        None if text == "stop" => Ok(OnExecErrorArg::Stop),
        None if text == "skip" => Ok(OnExecErrorArg::Skip),
        Some(("dead-letter", file)) if !file.is_empty() => {
            Ok(OnExecErrorArg::DeadLetter(file.into()))
        }
        _ => Err("write stop, skip, or dead-letter=FILE".to_owned()),
    }
}
