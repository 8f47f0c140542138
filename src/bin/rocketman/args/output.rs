//! Where events go, and in which form.

use std::{ffi::OsString, path::PathBuf};

use clap::{ArgAction, Args};

use super::units::yes_or_no;

/// Where to
#[derive(Debug, Args)]
#[command(next_help_heading = "Where to")]
pub(crate) struct OutputArgs {
    /// Append to this file, or to those of a pattern, and not to stdout
    ///
    /// Files that end in .zst or .gz are compressed. With a cursor file, a restart after a crash cuts files back to what the
    /// cursor counts, so that each event is in them exactly once; without one, events may be in them twice, or be missing. '-' is
    /// stdout.
    ///
    /// In a pattern, %Y %m %d %H %M %S %j %F and a few more are the server's time of the events in UTC, as of strftime,
    /// {collection} is the event's collection, or its kind where it has none, and {n} a number. Folders are made. While a file is
    /// written its name ends in .partial; it gets its name when it is complete and the cursor counts it. At SIGHUP files are
    /// closed, and new ones begun. A percent sign is written %%.
    ///
    /// nats://HOST[:PORT]/STREAM?subject=PREFIX is a stream of NATS JetStream, or nats:STREAM one of the selected context; events are
    /// written below the subject PREFIX, or atproto. Each is in it exactly once, in order, and the stream itself says where to
    /// go on, so that no cursor file is needed. Only one process may write to a stream. Messages of another stream keep subject,
    /// headers and payload; with PREFIX their subjects are put below it.
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "ROCKETMAN_OUTPUT",
        conflicts_with = "exec"
    )]
    pub(crate) output: Option<PathBuf>,
    /// Run this program for each event; takes the rest of the line, up to a lone ';'
    ///
    /// One at a time and in order (see --jobs), without a shell. The program gets the event's line on stdin, and in its
    /// environment ROCKETMAN_EVENT_KIND, _DID, _COLLECTION, _OPERATION, _RKEY, _TIME_US, _CURSOR and _URI. In its arguments {did},
    /// {collection}, {rkey}, {uri} and {time_us} are replaced; put '--' before one that begins with such a name, for it may begin with
    /// a hyphen. Exit status 0 means that it took the event; any other ends the run with status 1 (see --on-exec-error), and a saved cursor
    /// stays before that event. What it prints goes to stdout, and what it says on stderr to stderr, its name before each line.
    #[arg(short = 'x', long, value_name = "PROGRAM", action = ArgAction::Set, num_args = 1.., value_terminator = ";", allow_hyphen_values = true)]
    pub(crate) exec: Vec<OsString>,
    /// Write the server's payload byte for byte
    ///
    /// Otherwise a raw line end inside an event, which would tear its line, becomes a space.
    #[arg(long, env = "ROCKETMAN_RAW", value_parser = yes_or_no, hide_short_help = true)]
    pub(crate) raw: bool,
    /// End each event with NUL instead of a line end
    #[arg(short = '0', long, env = "ROCKETMAN_PRINT0", value_parser = yes_or_no, conflicts_with = "exec", hide_short_help = true)]
    pub print0: bool,
    /// Check that each event is valid JSON to its end, and drop those that are not
    ///
    /// By default only the envelope is read, and what is inside a record is the server's word.
    #[arg(long, env = "ROCKETMAN_VALIDATE", value_parser = yes_or_no, hide_short_help = true)]
    pub(crate) validate: bool,
    /// Append messages from the server that are no events to this file
    ///
    /// One JSON object a line: time, class, why, host, the place of the event before, and the message as text or base64, up to
    /// 64K of it. At 16M the file is put aside as FILE.1, in place of the one before. Without it they are only counted.
    #[arg(
        long,
        value_name = "FILE",
        env = "ROCKETMAN_BAD_EVENTS",
        hide_short_help = true
    )]
    pub(crate) bad_events: Option<PathBuf>,
}
