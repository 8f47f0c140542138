//! Flags of every command: how much is said on stderr, and how.

use clap::{ArgAction, Args, ValueEnum};

use super::units::{times, yes_or_no};

/// How much is said on stderr, and how
#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
pub(crate) struct GlobalArgs {
    /// Say nothing but errors on stderr
    #[arg(short, long, global = true, env = "ROCKETMAN_QUIET", value_parser = yes_or_no, conflicts_with = "verbose", hide_short_help = true, display_order = 901)]
    pub(crate) quiet: bool,
    /// Say more on stderr (can be repeated)
    ///
    /// -v shows progress, -vv also the requests to servers, -vvv everything that the libraries log.
    /// The variable RUST_LOG overrides both -v and -q.
    #[arg(short, long, global = true, action = ArgAction::Count, env = "ROCKETMAN_VERBOSE", value_parser = times, hide_short_help = true, display_order = 902)]
    pub(crate) verbose: u8,
    /// Write messages as text or as JSON, one object a line
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        env = "ROCKETMAN_LOG_FORMAT",
        default_value = "text",
        hide_short_help = true,
        display_order = 903
    )]
    pub(crate) log_format: LogFormat,
    /// Show the status line on stderr
    ///
    /// By default it is shown on a terminal, unless events go to a terminal or into a pipe, or messages are quiet, verbose or JSON.
    /// It is never written anywhere but to a terminal.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        env = "ROCKETMAN_PROGRESS",
        default_value = "auto",
        hide_short_help = true,
        display_order = 904
    )]
    pub(crate) progress: When,
    /// Colour messages
    ///
    /// By default they are coloured on a terminal, unless NO_COLOR is set.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        env = "ROCKETMAN_COLOR",
        default_value = "auto",
        hide_short_help = true,
        display_order = 905
    )]
    pub(crate) color: When,
}

/// A choice that can be left to the program
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// Where it makes sense
    Auto,
    /// Wherever it is possible
    Always,
    /// In no case
    Never,
}

/// How messages are written
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}
