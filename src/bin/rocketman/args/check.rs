//! Which recordings to check, and how to show what was found.

use std::path::PathBuf;

use clap::Args;

use super::units::yes_or_no;

/// All that can be typed after `rocketman check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Recordings, or folders of them, in the order of the stream
    ///
    /// Files that end in .gz or .zst are read through; so are those of unfinished files, which end in .partial. A folder
    /// stands for all files in it and below, in the order of their names, but for hidden ones.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) path: Vec<PathBuf>,
    /// Cut torn ends off: what lies behind the last whole line, frame or member
    ///
    /// Nothing else is changed, but that an empty compressed file becomes one that can be inflated. What a running rocketman tail has open is left alone; what a cursor file counts on is put
    /// right by the next run with it, and needs no repair.
    #[arg(long, env = "ROCKETMAN_REPAIR", value_parser = yes_or_no)]
    pub(crate) repair: bool,
    /// Print one JSON object a line for each file
    ///
    /// The keys are listed below.
    #[arg(long, env = "ROCKETMAN_JSON", value_parser = yes_or_no)]
    pub(crate) json: bool,
}

pub(super) const AFTER_CHECK: &str = "\
Repeats are told by what events are (account, revision, record), within the last
1,000,000 events of all files in their order: 32 MB of memory.
Repeats, and times or numbers that go back, are shown and are no damage.

Keys of --json, null for what there is none of:
  file            as it was given, or as it was found
  form            plain, gzip or zstd
  state           whole, torn (only its end is), damaged, unreadable, or repaired
  why             what is wrong with it, in words
  unfinished      whether its name ends in .partial
  in_use          whether a running process writes to it
  bytes           how long it is
  whole_bytes     how much of it is good, from its beginning on
  frames          whole frames of zstd, or members of gzip
  events          events in what is good, or in good lines of a damaged plain file
  bad_lines       lines that are not events
  first_bad_line  the number of the first of them, from 1 on
  first_time_us, last_time_us
                  the earliest and the latest time, in microseconds since 1970
  times_back      events with an earlier time than the one before
  numbers_back    events with no greater number than the one before
  repeats         events that were there before

Exit codes:
  0    every file is whole, or was repaired
  1    one is torn, damaged, or cannot be read
  2    wrong usage, or there is no such file";
