//! One row group, from its lines to the bytes that are appended to a file.

use std::io;

use ::parquet::{
    column::writer::ColumnWriterImpl,
    data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    errors::Result,
    file::writer::{SerializedColumnWriter, SerializedFileWriter},
};
use bytes::Bytes;

use super::{
    failed,
    layout::Layout,
    rows::{Place, Rows, Values},
};

/// How many rows are handed over at once.
const BATCH_ROWS: usize = 1024;

/// A file of one row group.
#[derive(Debug)]
pub(super) struct Group {
    /// All of it, from magic to magic.
    pub(super) file: Vec<u8>,
    /// Values that their column cannot hold.
    pub(super) n_unfit: u64,
    /// The memory of the lines, empty.
    pub(super) room: Vec<u8>,
}

impl Group {
    /// Makes columns of lines, each with its line end.
    pub(super) fn of_lines(text: Vec<u8>, layout: &Layout) -> io::Result<Self> {
        Self::of_rows(Rows::read(text, layout)?, layout)
    }

    /// Makes columns of rows.
    pub(super) fn of_rows(rows: Rows, layout: &Layout) -> io::Result<Self> {
        let n_unfit = rows.n_unfit;
        let mut text = Bytes::from(rows.text);
        let file = write(rows.n, rows.columns, &text, layout).map_err(failed)?;
        text.clear();
        // Nothing else has a part of it any more, so that this is no copy.
        let room = text.into();
        Ok(Self {
            file,
            n_unfit,
            room,
        })
    }
}

fn write(n_rows: u64, columns: Vec<Values>, text: &Bytes, layout: &Layout) -> Result<Vec<u8>> {
    let properties = layout.properties(n_rows).into();
    let schema = layout.schema().root_schema_ptr();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties)?;
    let mut group = writer.next_row_group()?;
    for values in columns {
        let Some(mut column) = group.next_column()? else {
            break;
        };
        write_column(&mut column, &values, text)?;
        column.close()?;
    }
    group.close()?;
    writer.into_inner()
}

fn write_column(
    column: &mut SerializedColumnWriter<'_>,
    values: &Values,
    text: &Bytes,
) -> Result<()> {
    let of_place = |place: &Place| {
        let start = place.start as usize;
        ByteArray::from(text.slice(start..start + place.len as usize))
    };
    match values {
        Values::Texts(values) => write_values(column.typed::<ByteArrayType>(), values, of_place),
        Values::Integers(values) => write_values(column.typed::<Int64Type>(), values, |n| *n),
        Values::Reals(values) => write_values(column.typed::<DoubleType>(), values, |x| *x),
        Values::Booleans(values) => write_values(column.typed::<BoolType>(), values, |is| *is),
    }
}

fn write_values<T, D: DataType>(
    column: &mut ColumnWriterImpl<'_, D>,
    values: &[Option<T>],
    convert: impl Fn(&T) -> D::T,
) -> Result<()> {
    let (mut present, mut levels) = (Vec::new(), Vec::new());
    let is_optional = column.get_descriptor().max_def_level() > 0;
    for values in values.chunks(BATCH_ROWS) {
        present.clear();
        present.extend(values.iter().flatten().map(&convert));
        levels.clear();
        levels.extend(values.iter().map(|value| i16::from(value.is_some())));
        column.write_batch(&present, is_optional.then_some(levels.as_slice()), None)?;
    }
    Ok(())
}
