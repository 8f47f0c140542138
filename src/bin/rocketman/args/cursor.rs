//! Looking at cursors, and moving them.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

#[cfg(feature = "nats")]
use super::NatsArgs;
use super::units::{interval, yes_or_no};

/// No heading of its own: that of `NatsArgs` would go on to what follows.
const OPTIONS: Option<&str> = None;

/// What to do with a cursor.
#[derive(Debug, Subcommand)]
pub(crate) enum CursorCommand {
    /// Show where a cursor stands
    ///
    /// Its server, its time and number, the filter it was made with, the output files it counts on, and whether a process has it.
    /// Nothing is made or changed, and a process that has it does not notice.
    #[command(
        before_help = "\
Examples:
  rocketman cursor show graph.cursor
  rocketman cursor show graph.cursor --json | jq .age_seconds
  rocketman cursor show nats://localhost/cursors/posts
  rocketman cursor show sqlite:posts.db",
        after_long_help = AFTER_SHOW
    )]
    Show(ShowArgs),
    /// Set a cursor to a time or a number
    ///
    /// The next run begins with the first event of that time or later, or with the event of that
    /// number. The file or key is made when it is missing; the bucket has to be there. A running
    /// process that has it keeps it: stop that one first.
    #[command(
        before_help = "\
Examples:
  rocketman cursor set graph.cursor 2h
  rocketman cursor set graph.cursor 2026-11-23T10:00:00Z
  rocketman cursor set graph.cursor 24589902470 --source jetstream.us-east.bsky.network",
        after_long_help = AFTER_MOVE
    )]
    Set(SetArgs),
    /// Move a cursor back in time
    ///
    /// The next run reads again what lies in between. What is moved is the saved time; a number is forgotten, for it
    /// belongs to the old place. A running process that has it keeps it: stop that one first.
    #[command(
        before_help = "\
Examples:
  rocketman cursor rewind graph.cursor 1h",
        after_long_help = AFTER_MOVE
    )]
    Rewind(RewindArgs),
}

/// Which cursor it is
#[derive(Debug, Args)]
pub(crate) struct CursorAtArgs {
    /// The cursor: a file, a key in a bucket of NATS, or a database, as sqlite:FILE
    ///
    /// A relative path lies in STATE_DIRECTORY where that is set, as it does for rocketman tail.
    /// A key is written as after --cursor-kv: nats://HOST[:PORT]/BUCKET/KEY, or nats:BUCKET/KEY
    /// for the servers of the selected context. Its servers are tried three times, and for a
    /// minute at most. A database has a place for each filter that it was written with, which is
    /// shown, and moved by rocketman tail alone.
    #[arg(value_name = "CURSOR")]
    pub(crate) file: PathBuf,
    /// Who you are on NATS.
    #[cfg(feature = "nats")]
    #[command(flatten)]
    pub(crate) nats: Box<NatsArgs>,
}

/// All that can be typed after `rocketman cursor show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Which cursor it is.
    #[command(flatten)]
    pub(crate) at: CursorAtArgs,
    /// Show it as one JSON object on one line
    #[arg(long, help_heading = OPTIONS, env = "ROCKETMAN_JSON", value_parser = yes_or_no)]
    pub(crate) json: bool,
}

/// All that can be typed after `rocketman cursor set`.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// Which cursor it is.
    #[command(flatten)]
    pub(crate) at: CursorAtArgs,
    /// Where to: a time (2026-11-23T10:00:00Z), an age (2h), microseconds since 1970, or a server's number
    ///
    /// A time is good for any server. A number below 1000000000000000 means an event of one particular server: that of the
    /// cursor, or of --source. It is sent to no other, and the next run ends if that server does not have it.
    #[arg(value_name = "VALUE", help_heading = OPTIONS)]
    pub(crate) value: String,
    /// The server that the number is of, or that is to be read first
    ///
    /// Written as a SOURCE of rocketman tail. Without it, the server stays the one of the cursor. The variable ROCKETMAN_SOURCE
    /// lists the servers of tail and is not looked at here.
    #[arg(long, help_heading = OPTIONS, value_name = "SOURCE")]
    pub(crate) source: Option<String>,
    /// What becomes of output files.
    #[command(flatten)]
    pub(crate) files: FilesArgs,
}

/// All that can be typed after `rocketman cursor rewind`.
#[derive(Debug, Args)]
pub(crate) struct RewindArgs {
    /// Which cursor it is.
    #[command(flatten)]
    pub(crate) at: CursorAtArgs,
    /// How far back: 30s, or 1h 30m
    #[arg(value_name = "DURATION", help_heading = OPTIONS, value_parser = interval)]
    pub(crate) duration: Duration,
    /// What becomes of output files.
    #[command(flatten)]
    pub(crate) files: FilesArgs,
}

/// What becomes of the output files that a cursor counts on
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct FilesArgs {
    /// Move it although it counts on output files, which then may hold events twice, or not at all
    ///
    /// A file of tail --output holds each event exactly once, as long as the cursor stands where the file ends. The files stay
    /// as they are; the cursor counts on them no more, and what is read next is appended.
    #[arg(long, help_heading = OPTIONS, env = "ROCKETMAN_FORGET_FILES", value_parser = yes_or_no)]
    pub(crate) forget_files: bool,
}

// No line is longer than a page of the manual is wide, so that the tables stay tables there.
const AFTER_SHOW: &str = "\
JSON:
  One object; of a database one on a line for each filter. All keys are
  always there, null where there is nothing to say.
  file         the path; null for a key
  key          the address of the key; null for a file
  place        event: behind an event that was delivered, and which the
               next run asks for again; beginning: at an event that is
               still wanted; time, seq: as rocketman cursor set it
  source       the kind of source; null for a time for any server
  host         the server; null for a time for any server
  seq          the server's number
  time_us      the time, in microseconds since 1970
  time         the same, as RFC 3339
  age_seconds  how long ago that is; negative for the future
  identity     which event it is, as 16 hexadecimal digits
  filter       what was read, in words
  files        the unfinished output files. Of each the path; inode;
               bytes, as many as the cursor counts; length, as it is;
               state: same, longer, shorter, missing, other (another
               file of that name), unreadable, or complete (it is not
               there under this name any more, and need not be)
  in_use       whether a process has it; null where that is not known

Exit codes:
  0    shown
  1    it cannot be read, or is no cursor
  2    wrong usage, or there is no such file, key or bucket
  3    the server of the key cannot be reached
  6    the server of the key refuses";

const AFTER_MOVE: &str = "\
Exit codes:
  0    moved
  1    it cannot be read or written, or is no cursor
  2    wrong usage, or there is nothing to move in that way
  3    the server of the key cannot be reached
  6    the server of the key refuses
  7    another process uses the cursor";
