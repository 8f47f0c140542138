//! What was recorded, and the table that it becomes.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{FilterArgs, TableArgs};

/// All that can be typed after `rocketman fold`.
#[derive(Debug, Args)]
pub(crate) struct FoldArgs {
    /// Recordings, segment files (.jss), files of Parquet, and folders of them; - is stdin
    ///
    /// Files that end in .gz or .zst are inflated. Of a folder all files are read that end in .ndjson, .jsonl, .jss or .parquet, lines
    /// also compressed and unfinished (.partial).
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) path: Vec<PathBuf>,
    /// The database, as sqlite:FILE
    #[arg(
        short,
        long,
        value_name = "sqlite:FILE",
        env = "ROCKETMAN_OUTPUT",
        required = true
    )]
    pub(crate) output: PathBuf,
    /// Which events.
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// As which rows.
    #[command(flatten)]
    pub(crate) table: TableArgs,
}

pub(super) const AFTER_FOLD: &str = "\
It does not matter in which order files are read, nor that events are in more
than one of them, nor that the database is there already: of two commits on one
record the one with the later revision counts, and what was removed stays so.
A run that was stopped is done again. With --table events each run adds all of
it once more.

Without --kind, account, identity and sync events count too, whatever the
collections are.

Exit codes:
  0    all of it is in the database
  1    lines are no events, or a file cannot be read
  2    wrong usage, no such file, or a database of something else
  7    another process writes to the database";
