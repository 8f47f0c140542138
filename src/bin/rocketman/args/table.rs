//! How events become rows of a table.

use clap::{Args, ValueEnum};

use super::units::yes_or_no;
use rocketman::table::sqlite::{OnAccountGone, Synchronous, TableKind};

/// Tables
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Tables")]
pub(crate) struct TableArgs {
    /// Keep the state, a row for each record that there is now, or add a row for each event
    ///
    /// By default the state: creates and updates replace what there was, deletes remove it, and accounts that go away take theirs with
    /// them. What comes twice or late changes nothing, so that replays, live streams and several servers may overlap. The rows
    /// are in the view records; accounts and handles are tables of their own.
    #[arg(
        long,
        value_name = "KIND",
        env = "ROCKETMAN_TABLE",
        hide_short_help = true
    )]
    pub(crate) table: Option<TableArg>,
    /// Add a column with the value at this place of the line, such as text=/commit/record/text
    ///
    /// Can be repeated. As NAME:TYPE=POINTER it is of a type: text (by default), integer, real, boolean, time (of RFC 3339, in
    /// microseconds since 1970), or json. What is missing or of another type is null. ROCKETMAN_COLUMN lists columns, separated by
    /// blanks.
    #[arg(long, value_name = "NAME=POINTER", hide_short_help = true)]
    pub(crate) column: Vec<String>,
    /// Leave the column record empty; files have no such column then
    ///
    /// What is needed of records then has to be in columns of --column.
    #[arg(long, env = "ROCKETMAN_NO_RECORD", value_parser = yes_or_no, hide_short_help = true)]
    pub(crate) no_record: bool,
    /// Show removed records in a view tombstones: their address and when, and nothing of their content
    #[arg(long, env = "ROCKETMAN_TOMBSTONES", value_parser = yes_or_no, hide_short_help = true)]
    pub(crate) tombstones: bool,
    /// What becomes of the rows of an account that is deleted, taken down, suspended or deactivated
    ///
    /// By default follow: those of a deleted one are removed for ever, the others are hidden from the view records until the account
    /// is back.
    #[arg(
        long,
        value_name = "WHAT",
        env = "ROCKETMAN_ON_ACCOUNT_GONE",
        hide_short_help = true
    )]
    pub(crate) on_account_gone: Option<OnAccountGoneArg>,
    /// When rows are on the disk: at the next checkpoint of the database, or before they count
    ///
    /// By default normal: when power is lost the last rows may go, and the place with them, and the next run reads them again.
    /// full for streams of NATS, which forget what was acknowledged.
    #[arg(
        long,
        value_name = "MODE",
        env = "ROCKETMAN_SYNCHRONOUS",
        hide_short_help = true
    )]
    pub(crate) synchronous: Option<SynchronousArg>,
}

impl TableArgs {
    /// One of them that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--table", self.table.is_some()),
            ("--column", !self.column.is_empty()),
            ("--no-record", self.no_record),
            ("--tombstones", self.tombstones),
            ("--on-account-gone", self.on_account_gone.is_some()),
            ("--synchronous", self.synchronous.is_some()),
        ];
        flags
            .into_iter()
            .find_map(|(flag, is_given)| is_given.then_some(flag))
    }
}

/// What a database holds
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableArg {
    /// A row for each record that there is now
    State,
    /// A row for each event
    Events,
}

impl From<TableArg> for TableKind {
    fn from(typed: TableArg) -> Self {
        match typed {
            TableArg::State => Self::State,
            TableArg::Events => Self::Events,
        }
    }
}

/// What becomes of the rows of an account that goes away
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnAccountGoneArg {
    /// Remove those of a deleted one, and hide the others
    Follow,
    /// Hide them in any case
    Hide,
    /// Remove them in any case
    Remove,
    /// Leave them as they are
    Keep,
}

impl From<OnAccountGoneArg> for OnAccountGone {
    fn from(typed: OnAccountGoneArg) -> Self {
        match typed {
            OnAccountGoneArg::Follow => Self::Follow,
            OnAccountGoneArg::Hide => Self::Hide,
            OnAccountGoneArg::Remove => Self::Remove,
            OnAccountGoneArg::Keep => Self::Keep,
        }
    }
}

/// When rows are on the disk
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SynchronousArg {
    /// At the next checkpoint of the database
    Normal,
    /// Before they count
    Full,
}

impl From<SynchronousArg> for Synchronous {
    fn from(typed: SynchronousArg) -> Self {
        match typed {
            SynchronousArg::Normal => Self::Normal,
            SynchronousArg::Full => Self::Full,
        }
    }
}
