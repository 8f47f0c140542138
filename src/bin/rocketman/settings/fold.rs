//! What `rocketman fold` needs, from what was typed.

use std::path::PathBuf;

use super::{
    Environment, SettingsError,
    filter::Wanted,
    roles::of_recordings,
    table::{self, TableFlagError, TableFlags},
};
use crate::args::FoldArgs;
use rocketman::{filter::Filter, table::sqlite::SqliteSettings};

/// All that `rocketman fold` needs to begin.
#[derive(Debug)]
pub(crate) struct FoldSettings {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) filter: Filter,
    pub(crate) table: SqliteSettings,
}

impl FoldSettings {
    /// Checks everything that can be checked without opening a file.
    pub(crate) fn resolve(
        args: FoldArgs,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let FoldArgs {
            path,
            output,
            filter,
            table,
        } = args;
        let database = table::database(&output).ok_or(TableFlagError::NoDatabase)?;
        of_recordings(path.iter().map(PathBuf::as_path))?;
        let filter = Wanted::resolve(filter, environment)?.of_state(true);
        let filter = filter.filter(false);
        let flags = TableFlags::new(table, environment, &[]);
        let mut table = table::resolve(database, flags)?;
        "recordings".clone_into(&mut table.source);
        filter.description().clone_into(&mut table.filter);
        Ok(Self {
            paths: path,
            filter,
            table,
        })
    }
}
