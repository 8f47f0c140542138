//! Columns of one's own in a database: their values, and how often there was none that fits.

use rusqlite::{Statement, types::Null};
use tracing::info;

use crate::{
    event::Event,
    log::STATE,
    table::{Cell, Column},
};

/// The columns, and what is counted of them.
#[derive(Debug)]
pub(super) struct Columns {
    columns: Vec<(Column, Count)>,
    /// Values that did not fit and were not asked for yet.
    uncounted: u64,
}

#[derive(Debug, Default)]
struct Count {
    missing: u64,
    unfit: u64,
}

impl Columns {
    pub(super) fn new(columns: Vec<Column>) -> Self {
        let counted = columns.into_iter().map(|column| (column, Count::default()));
        Self {
            columns: counted.collect(),
            uncounted: 0,
        }
    }

    /// Their names, in quotes.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.columns
            .iter()
            .map(|(column, _)| format!("\"{}\"", column.name()))
    }

    /// Binds the values of an event to the parameters behind the first `n`.
    pub(super) fn bind(
        &mut self,
        event: &Event<'_>,
        statement: &mut Statement<'_>,
        n: usize,
    ) -> rusqlite::Result<()> {
        for (at, (column, count)) in (n + 1..).zip(&mut self.columns) {
            let unfit = &mut self.uncounted;
            let mut count_unfit = || {
                count.unfit += 1;
                *unfit += 1;
            };
            let cell = column.cell(event);
            match cell {
                Cell::Missing => count.missing += 1,
                // SQLite ends a text there for most of what it does.
                Cell::Text(text) if text.contains('\0') => count_unfit(),
                Cell::Unfit => count_unfit(),
                Cell::Text(text) => {
                    statement.raw_bind_parameter(at, text.as_ref())?;
                    continue;
                }
                Cell::Integer(number) | Cell::Time(number) => {
                    statement.raw_bind_parameter(at, number)?;
                    continue;
                }
                Cell::Real(number) => {
                    statement.raw_bind_parameter(at, number)?;
                    continue;
                }
                Cell::Boolean(is) => {
                    statement.raw_bind_parameter(at, is)?;
                    continue;
                }
            }
            statement.raw_bind_parameter(at, Null)?;
        }
        Ok(())
    }

    /// How many values did not fit since this was asked last.
    pub(super) fn uncounted(&mut self) -> u64 {
        std::mem::take(&mut self.uncounted)
    }

    /// Says how many values did not fit.
    pub(super) fn log(&self) {
        for (column, count) in &self.columns {
            let (name, unfit, missing) = (column.name(), count.unfit, count.missing);
            if unfit > 0 {
                info!(target: STATE, name, unfit, missing, "column '{name}': {unfit} values were of another type or cannot be held, and are null; in {missing} events there was none");
            }
        }
    }
}
