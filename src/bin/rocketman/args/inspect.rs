//! Which segment files to look into, and how far.

use std::path::PathBuf;

use clap::Args;

use super::units::{size, yes_or_no};

/// All that can be typed after `rocketman inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Segment files (.jss), or folders of them
    ///
    /// A folder stands for all files in it that end in .jss, in the order of their numbers; folders within it are not looked
    /// into.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) path: Vec<PathBuf>,
    /// Read every row, and derive counts, ranges and collections anew
    ///
    /// Without it, header and footer are read and have to match their checksum; blocks are not looked at. With it, the
    /// checksum of every block has to match too, numbers have to rise, and everything that header and footer say has to
    /// be what is there: counts, ranges, the collections of each block, and no bloom may deny an account that is there.
    #[arg(long, env = "ROCKETMAN_VERIFY", value_parser = yes_or_no)]
    pub(crate) verify: bool,
    /// Print one JSON object a line, for each file and for each hole
    ///
    /// The keys are listed below.
    #[arg(long, env = "ROCKETMAN_JSON", value_parser = yes_or_no)]
    pub(crate) json: bool,
    /// Refuse blocks that hold more than this inflated
    ///
    /// Blocks of servers hold about 1.3 MB.
    #[arg(long, value_name = "SIZE", env = "ROCKETMAN_MAX_BLOCK_SIZE", value_parser = size, default_value = "256M")]
    pub(crate) max_block_size: u64,
}

pub(super) const AFTER_INSPECT: &str = "\
Numbers and times are ranges as header and footer have them: a server keeps them
as they were when it takes away events that were replaced. A file that is not
sealed has neither; it is read up to its torn end.

A hole is shown where the numbers of a file do not follow those of the file
before, or where names say that a file is missing. Events that are missing
within a file are no hole.

Keys of --json, null for what there is none of:
  type            file, hole, or misplaced
of a file:
  file            as it was given, or as it was found
  state           sealed, active (not sealed yet), or damaged
  why             what is wrong with it, in words
  bytes           how long it is
  checksum        of header and footer, which names the contents as servers do
  blocks, events, accounts
                  how many
  first_number, last_number
                  the range of numbers
  first_time_us, last_time_us
                  the range of times at which the server saw them, in
                  microseconds since 1970
  collections     by name: events, and the blocks that have any ('0-3,7');
                  $account, $identity and $sync are events of these kinds,
                  which are counted where every row was read
  kinds           events of each kind, where every row was read
  torn_bytes      what follows the last whole block of a file that is not sealed
of a hole, and of two files whose numbers are not in the order of their names:
  after, before   the files on either side
  first_number, last_number
                  the numbers that are missing
  files           how many files are missing, by the names

Exit codes:
  0    every file is whole; there may be holes
  1    one is damaged or cannot be read, or files are not in order
  2    wrong usage, or there is no such file";
