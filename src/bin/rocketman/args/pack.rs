//! Which recordings to make segment files of, and where.

use std::path::PathBuf;

use clap::Args;

use super::units::yes_or_no;

/// All that can be typed after `rocketman pack`.
#[derive(Debug, Args)]
pub(crate) struct PackArgs {
    /// Recordings in the order of the stream; - is stdin
    ///
    /// Files that end in .gz or .zst are inflated.
    #[arg(value_name = "RECORDING", required = true)]
    pub(crate) recording: Vec<PathBuf>,
    /// The folder of the segment files, which may not have any yet
    ///
    /// It is made where it is not there.
    #[arg(value_name = "DIR", required = true)]
    pub(crate) folder: PathBuf,
    /// Count events anew from 1 on
    ///
    /// Without it each event keeps its number, and numbers have to rise: lines of servers that do not count, or of more
    /// than one server, have none that do.
    #[arg(long, env = "ROCKETMAN_RENUMBER", value_parser = yes_or_no)]
    pub(crate) renumber: bool,
}

pub(super) const AFTER_PACK: &str = "\
A file is called seg_0000000000.jss and so on once it is whole and on the disk;
until then its name ends in .partial. It has about 256 MB.

The time of an event becomes that at which a server saw it. An event whose cid
is not that of its record is named and left out, and so is one whose record no
repository can hold: nobody could tell what was changed. Any other line that is
no event ends it; files that are complete by then stay.

Exit codes:
  0    every event was packed
  1    events were left out, a line is no event, or a file cannot be read or written
  2    wrong usage, or DIR has segment files";
