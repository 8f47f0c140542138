//! Rows of a group by their columns, some thousand values at a time, so that what a column holds
//! lies together, and memory grows in pieces that are used again.

use std::{io, mem, sync::Mutex};

use ::parquet::{basic::Type, schema::types::SchemaDescriptor};

use crate::table::Cell;

/// How many rows a block has at most: as many as the writer takes at once.
const MAX_ROWS: usize = 1024;

/// How many bytes of text make a block full: twice what that many usual events hold.
const FULL_BYTES: usize = 1024 * 1024;

/// A block that a large event has grown past this is given back to the system.
const MAX_SPARE_BYTES: usize = 4 * FULL_BYTES;

/// The values of one column.
#[derive(Debug)]
pub(super) enum Values {
    Texts(Texts),
    Integers(Series<i64>),
    Reals(Series<f64>),
    Booleans(Series<bool>),
}

/// Values one after the other, and which rows have one.
#[derive(Debug)]
pub(super) struct Series<T> {
    pub(super) present: Vec<T>,
    /// A row each: 1 where it has a value, and else 0.
    pub(super) levels: Vec<i16>,
}

/// Texts one after the other.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) text: Vec<u8>,
    pub(super) ends: Series<u32>,
}

impl<T> Default for Series<T> {
    fn default() -> Self {
        let (present, levels) = (Vec::new(), Vec::new());
        Self { present, levels }
    }
}

impl<T> Series<T> {
    pub(super) fn push(&mut self, value: Option<T>) {
        self.levels.push(i16::from(value.is_some()));
        self.present.extend(value);
    }

    fn like(&self) -> Self {
        Self {
            present: with_room(self.present.len()),
            levels: Vec::with_capacity(self.levels.len()),
        }
    }

    fn clear(&mut self) {
        self.present.clear();
        self.levels.clear();
    }
}

impl Texts {
    pub(super) fn push(&mut self, text: Option<&[u8]>) -> io::Result<()> {
        let Some(text) = text else {
            self.ends.push(None);
            return Ok(());
        };
        self.text.extend_from_slice(text);
        let too_large = |_| io::Error::other("the texts of a row are larger than 4 GiB");
        let end = u32::try_from(self.text.len()).map_err(too_large)?;
        self.ends.push(Some(end));
        Ok(())
    }
}

impl Values {
    pub(super) fn push(&mut self, cell: &Cell<'_>) -> io::Result<()> {
        match (self, cell) {
            (Self::Texts(texts), Cell::Text(text)) => texts.push(Some(text.as_bytes()))?,
            (Self::Texts(texts), _) => texts.push(None)?,
            (Self::Integers(values), Cell::Integer(n) | Cell::Time(n)) => values.push(Some(*n)),
            (Self::Integers(values), _) => values.push(None),
            (Self::Reals(values), Cell::Real(x)) => values.push(Some(*x)),
            (Self::Reals(values), _) => values.push(None),
            (Self::Booleans(values), Cell::Boolean(is)) => values.push(Some(*is)),
            (Self::Booleans(values), _) => values.push(None),
        }
        Ok(())
    }

    fn like(&self) -> Self {
        match self {
            Self::Texts(texts) => Self::Texts(Texts {
                text: with_room(texts.text.len().min(FULL_BYTES)),
                ends: texts.ends.like(),
            }),
            Self::Integers(values) => Self::Integers(values.like()),
            Self::Reals(values) => Self::Reals(values.like()),
            Self::Booleans(values) => Self::Booleans(values.like()),
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Texts(texts) => {
                texts.text.clear();
                texts.ends.clear();
            }
            Self::Integers(values) => values.clear(),
            Self::Reals(values) => values.clear(),
            Self::Booleans(values) => values.clear(),
        }
    }

    fn texts(&self) -> Option<&Texts> {
        match self {
            Self::Texts(texts) => Some(texts),
            _ => None,
        }
    }
}

/// An empty vector with room for an eighth more than so many: one that grows is copied, and what it
/// grew out of is seldom given back.
fn with_room<T>(n: usize) -> Vec<T> {
    Vec::with_capacity(n + n / 8)
}

/// Rows, column by column.
#[derive(Debug)]
pub(super) struct Block {
    /// In the order of the layout.
    pub(super) columns: Vec<Values>,
    n_rows: usize,
}

impl Block {
    /// Of these columns, without a row.
    pub(super) fn empty(schema: &SchemaDescriptor) -> Self {
        let columns = schema.columns().iter();
        let columns = columns.map(|column| match column.physical_type() {
            Type::INT64 => Values::Integers(Series::default()),
            Type::DOUBLE => Values::Reals(Series::default()),
            Type::BOOLEAN => Values::Booleans(Series::default()),
            _ => Values::Texts(Texts::default()),
        });
        Self {
            columns: columns.collect(),
            n_rows: 0,
        }
    }

    /// Of the same columns, without a row, and with room for as much as is in this one, and more.
    pub(super) fn like(&self) -> Self {
        Self {
            columns: self.columns.iter().map(Values::like).collect(),
            n_rows: 0,
        }
    }

    /// One more row is in every column.
    pub(super) fn end_row(&mut self) {
        self.n_rows += 1;
    }

    pub(super) fn is_full(&self) -> bool {
        self.n_rows >= MAX_ROWS || self.text_bytes() >= FULL_BYTES
    }

    fn text_bytes(&self) -> usize {
        let texts = self.columns.iter().filter_map(Values::texts);
        texts.map(|texts| texts.text.len()).sum()
    }

    fn text_capacity(&self) -> usize {
        let texts = self.columns.iter().filter_map(Values::texts);
        texts.map(|texts| texts.text.capacity()).sum()
    }
}

/// Blocks of one layout that are of no use any more, for the rows to come, of whichever file.
#[derive(Debug, Default)]
pub(super) struct Spare(Mutex<Vec<Block>>);

impl Spare {
    pub(super) fn take(&self) -> Option<Block> {
        self.0.lock().ok()?.pop()
    }

    /// Takes these back, and leaves none.
    pub(super) fn put(&self, blocks: &mut Vec<Block>) {
        let Ok(mut spare) = self.0.lock() else {
            return;
        };
        for mut block in mem::take(blocks) {
            if block.text_capacity() <= MAX_SPARE_BYTES {
                block.columns.iter_mut().for_each(Values::clear);
                block.n_rows = 0;
                spare.push(block);
            }
        }
    }
}
