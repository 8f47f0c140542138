//! When to end.

use std::time::Duration;

use clap::Args;

use super::units::{at_least_1, duration, interval, yes_or_no};

/// Until when
#[derive(Debug, Args)]
#[command(next_help_heading = "Until when")]
pub(crate) struct StopArgs {
    /// End after this many events
    #[arg(short = 'n', long, value_name = "N", env = "ROCKETMAN_COUNT", value_parser = at_least_1)]
    pub(crate) count: Option<u64>,
    /// End once everything up to the moment of the start was read
    ///
    /// The moment is taken from the first server's clock. As times are not strictly in order, the stream is read until it is ten
    /// seconds beyond the moment; what is later than the moment is left to the next run. On a stream that is so quiet that nothing
    /// later comes (one of a few accounts, for example), a minute of silence counts as the end, and the last message says so.
    #[arg(short, long, env = "ROCKETMAN_EXIT_AT_END", value_parser = yes_or_no)]
    pub(crate) exit_at_end: bool,
    /// End with the events before this time; an age such as 5m is allowed too
    ///
    /// As times are not strictly in order, the stream is read until it is ten seconds beyond that time, or silent for a minute
    /// after it. What is later is left to the next run.
    #[arg(
        long,
        value_name = "TIME",
        env = "ROCKETMAN_UNTIL",
        hide_short_help = true
    )]
    pub(crate) until: Option<String>,
    /// End after this time
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_DURATION", value_parser = interval, hide_short_help = true)]
    pub(crate) duration: Option<Duration>,
    /// End with exit code 5 when no event came for this long
    ///
    /// Any event counts, wanted or not, and time in which no connection stands counts too. Time in which the output takes
    /// nothing does not. By default a quiet stream never ends; see --frame-timeout for a connection that is dead.
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_IDLE_TIMEOUT", value_parser = interval, hide_short_help = true)]
    pub(crate) idle_timeout: Option<Duration>,
    /// End with exit code 5 when the stream is read further behind than this
    ///
    /// By the server's clock. A run that begins further back has to catch up first; from then on the limit holds.
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_MAX_LAG", value_parser = interval, hide_short_help = true)]
    pub(crate) max_lag: Option<Duration>,
    /// Allow this long for the rest to be delivered when asked to stop
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_GRACE", value_parser = duration, default_value = "10s", hide_short_help = true)]
    pub(crate) grace: Duration,
}
