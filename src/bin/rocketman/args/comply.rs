//! Which archives to rewrite, and what says which records were deleted.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::units::yes_or_no;

/// All that can be typed after `rocketman comply`.
#[derive(Debug, Args)]
pub(crate) struct ComplyArgs {
    /// Recordings, segment files (.jss), files of Parquet, and folders of them
    ///
    /// Of a folder all files are read that end in .ndjson, .jsonl, .jss or .parquet, lines also compressed. What they say was deleted
    /// is removed from all of them, in whatever order they are.
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) path: Vec<PathBuf>,
    /// Where else to learn what was deleted: a server, files or folders like PATH, or sqlite:FILE
    ///
    /// Can be repeated. Nothing is written there. A server (https://HOST, or HOST) is read from the earliest event of PATH up to now,
    /// by its socket and, where that does not go back as far, its archive; of a database the state is read that --output sqlite:FILE
    /// keeps. ROCKETMAN_DELETIONS lists sources, separated by blanks.
    #[arg(long, value_name = "SOURCE", value_hint = ValueHint::AnyPath)]
    pub(crate) deletions: Vec<String>,
    /// Leave the files alone that this cursor counts on
    ///
    /// Can be repeated: one for each rocketman tail that goes on in these files. A name without a folder lies in STATE_DIRECTORY, as that of tail.
    #[arg(long, value_name = "PATH", env = "ROCKETMAN_CURSOR_FILE", value_hint = ValueHint::FilePath)]
    pub(crate) cursor_file: Vec<PathBuf>,
    /// What becomes of the records of an account that is deleted, taken down, suspended or deactivated
    ///
    /// By default follow: those of a deleted one are removed, and those of the others stay, since they may come back.
    #[arg(long, value_name = "WHAT", env = "ROCKETMAN_ON_ACCOUNT_GONE")]
    pub(crate) on_account_gone: Option<GoneArg>,
    /// Say what would be removed, and change nothing
    #[arg(long, env = "ROCKETMAN_DRY_RUN", value_parser = yes_or_no)]
    pub(crate) dry_run: bool,
    /// Print one JSON object a line for each file
    ///
    /// The keys are listed below.
    #[arg(long, env = "ROCKETMAN_JSON", value_parser = yes_or_no)]
    pub(crate) json: bool,
}

/// What becomes of the records of an account that goes away
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GoneArg {
    /// Remove those of a deleted one
    Follow,
    /// Remove them in any case
    Remove,
}

pub(super) const AFTER_COMPLY: &str = "\
A record is removed where a deletion of it, or of its account, or a reset of its
repository came later than what the file has of it: by revisions, numbers and
times, as in a table of the state. What says that it was deleted stays, and all
else is byte for byte what it was, or row for row. Segment files keep their
blocks, numbers and ranges.

Each file is replaced as a whole, once its new version is on the disk: a run that
is killed leaves every file old or new, and the next one does the rest. Left
alone and named are files that are unfinished (.partial), that a running
rocketman writes to or a cursor counts on, and segment files that are not sealed.
Deletions are kept in a database in the folder of the first PATH meanwhile.

Keys of --json:
  file     as it was given, or as it was found
  state    rewritten, unchanged, due (with --dry-run), spared or failed
  why      why it was spared, or failed; otherwise null
  events   how many events it had, where it was read
  removed  how many of them were removed, or would be
  bad_lines
           lines that are not events, which stay

Exit codes:
  0    all that could be was rewritten
  1    a file cannot be read or written, or has lines that are no events
  2    wrong usage, or no such file
  3    a server of --deletions cannot be reached
  7    another rocketman comply works in the folder";
