//! How events become rows, from what was typed.

mod error;

use std::path::{Path, PathBuf};

use self::error::MAX_COLUMNS;
pub(crate) use self::error::TableFlagError;
use super::{Environment, SettingsError, address::is_nats, filter::or_variable};
use crate::args::{OutputArgs, TableArg, TableArgs, TailArgs};
use rocketman::{
    sink::{FileSettings, http::ClickHouseRows},
    table::{
        Column,
        sqlite::{SqliteSettings, Synchronous, TableKind},
    },
};

/// What was typed about tables, and what it is read with.
pub(super) struct TableFlags<'a> {
    pub(super) args: TableArgs,
    environment: &'a Environment,
    /// What is read forgets what was acknowledged.
    forgets: bool,
}

impl<'a> TableFlags<'a> {
    /// For what is read from these sources.
    pub(super) fn new(args: TableArgs, environment: &'a Environment, sources: &[String]) -> Self {
        Self {
            args,
            environment,
            forgets: sources.iter().any(|source| is_nats(source)),
        }
    }
}

/// The database that an output is.
pub(super) fn database(output: &Path) -> Option<&Path> {
    output.to_str()?.strip_prefix("sqlite:").map(Path::new)
}

/// Whether it is the state that is kept, for which events about accounts are wanted too.
pub(super) fn is_state(args: &TailArgs) -> bool {
    let output = args.output.output.as_deref();
    output.is_some_and(|output| database(output).is_some())
        && args.table.table != Some(TableArg::Events)
}

/// Refuses a second place beside that in the database.
pub(super) fn check_cursor(args: &TailArgs) -> Result<(), SettingsError> {
    let output = args.output.output.as_deref();
    if output.and_then(database).is_none() {
        return Ok(());
    }
    #[cfg(feature = "nats")]
    let has_key = args.kv_cursor.cursor_kv.is_some();
    #[cfg(not(feature = "nats"))]
    let has_key = false;
    match (args.position.cursor_file.is_some(), has_key) {
        (true, _) => Err(TableFlagError::NotForDatabases("--cursor-file").into()),
        (_, true) => Err(TableFlagError::NotForDatabases("--cursor-kv").into()),
        (false, false) => Ok(()),
    }
}

/// Refuses other forms of events, which a database does not hold.
pub(super) fn check_form(output: &OutputArgs) -> Result<(), SettingsError> {
    let unfit = [("--print0", output.print0), ("--raw", output.raw)];
    match unfit.into_iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(TableFlagError::NotForDatabases(flag).into()),
        None => Ok(()),
    }
}

/// What a database at this path is to hold. Which stream it is of, is said later.
pub(super) fn resolve(path: &Path, flags: TableFlags<'_>) -> Result<SqliteSettings, SettingsError> {
    if path.as_os_str().is_empty() {
        return Err(TableFlagError::NoFile.into());
    }
    let TableFlags {
        args,
        environment,
        forgets,
    } = flags;
    let columns = columns(args.column, environment)?;
    let mut settings = SqliteSettings::new(PathBuf::from(path), "", "");
    settings.table = args.table.map(TableKind::from).unwrap_or_default();
    if settings.table == TableKind::Events {
        let of_state = [
            ("--tombstones", args.tombstones),
            ("--on-account-gone", args.on_account_gone.is_some()),
        ];
        if let Some((flag, _)) = of_state.into_iter().find(|(_, is_given)| *is_given) {
            return Err(TableFlagError::ForState(flag).into());
        }
    }
    settings.columns = columns;
    settings.keeps_record = !args.no_record;
    settings.tombstones = args.tombstones;
    settings.on_account_gone = args.on_account_gone.map(Into::into).unwrap_or_default();
    settings.synchronous = match args.synchronous {
        Some(typed) => typed.into(),
        None if forgets => Synchronous::Full,
        None => Synchronous::Normal,
    };
    Ok(settings)
}

/// Which columns files of rows have.
pub(super) fn resolve_files(
    settings: &mut FileSettings,
    flags: TableFlags<'_>,
) -> Result<(), SettingsError> {
    let TableFlags {
        args, environment, ..
    } = flags;
    refuse_of_databases(&args)?;
    settings.columns = columns(args.column, environment)?;
    settings.has_record = !args.no_record;
    Ok(())
}

/// Which columns a table of ClickHouse has.
pub(super) fn resolve_rows(flags: TableFlags<'_>) -> Result<ClickHouseRows, SettingsError> {
    let TableFlags {
        args, environment, ..
    } = flags;
    refuse_of_databases(&args)?;
    let mut rows = ClickHouseRows::default();
    rows.columns = columns(args.column, environment)?;
    rows.has_record = !args.no_record;
    Ok(rows)
}

/// Refuses what is for databases where rows are appended elsewhere.
fn refuse_of_databases(args: &TableArgs) -> Result<(), TableFlagError> {
    let of_databases = [
        ("--table", args.table.is_some()),
        ("--tombstones", args.tombstones),
        ("--on-account-gone", args.on_account_gone.is_some()),
        ("--synchronous", args.synchronous.is_some()),
    ];
    match of_databases.into_iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(TableFlagError::ForDatabases(flag)),
        None => Ok(()),
    }
}

/// The columns of one's own, each name once.
fn columns(typed: Vec<String>, environment: &Environment) -> Result<Vec<Column>, SettingsError> {
    let typed = or_variable(typed, "ROCKETMAN_COLUMN", environment);
    if typed.len() > MAX_COLUMNS {
        return Err(TableFlagError::TooMany(typed.len()).into());
    }
    let mut columns: Vec<Column> = Vec::new();
    for column in typed {
        let column: Column = column.parse().map_err(TableFlagError::Column)?;
        let is_same = |other: &Column| other.name().eq_ignore_ascii_case(column.name());
        if columns.iter().any(is_same) {
            return Err(TableFlagError::Twice(column.name().to_owned()).into());
        }
        columns.push(column);
    }
    Ok(columns)
}

/// Refuses what is for tables where events go elsewhere.
pub(super) fn refuse(args: &TableArgs) -> Result<(), SettingsError> {
    match args.given() {
        Some(flag) => Err(TableFlagError::ForTables(flag).into()),
        None => Ok(()),
    }
}
