//! One row group, from rows to the bytes that are appended to a file.

use std::{
    io::{self, Write},
    mem,
    ops::Range,
};

use ::parquet::{
    column::writer::ColumnWriterImpl,
    data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    errors::{ParquetError, Result},
    file::{
        metadata::RowGroupMetaData,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
};
use bytes::Bytes;

use super::{
    block::{Block, Series, Values},
    layout::MAGIC,
    rows::Rows,
};

/// Writes the columns of rows. What is told of them has places as of a file that begins with this
/// group.
pub(super) fn write_group(
    rows: &mut Rows,
    out: &mut (dyn Write + Send),
) -> Result<RowGroupMetaData> {
    let layout = rows.layout();
    let properties = layout.properties(rows.len()).into();
    let schema = layout.schema().root_schema_ptr();
    let out = BehindMagic {
        out,
        n_left: MAGIC.len(),
    };
    let mut writer = SerializedFileWriter::new(out, schema, properties)?;
    let mut group = writer.next_row_group()?;
    let mut at = 0;
    while let Some(column) = group.next_column()? {
        write_column(column, rows.blocks_mut(), at)?;
        at += 1;
    }
    group.close()?;
    writer.flush()?;
    let written = writer.flushed_row_groups().first();
    written
        .cloned()
        .ok_or_else(|| ParquetError::General("no row group was written".to_owned()))
}

/// A file's writer begins with the magic, which is in the file already.
struct BehindMagic<'a> {
    out: &'a mut (dyn Write + Send),
    n_left: usize,
}

impl Write for BehindMagic<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_skipped = self.n_left.min(bytes.len());
        self.n_left -= n_skipped;
        self.out
            .write_all(bytes.get(n_skipped..).unwrap_or_default())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn write_column(
    mut column: SerializedColumnWriter<'_>,
    blocks: &mut [Block],
    at: usize,
) -> Result<()> {
    let mut lent = Vec::new();
    for block in &mut *blocks {
        match block.columns.get_mut(at) {
            Some(Values::Texts(texts)) => {
                let text = Bytes::from(mem::take(&mut texts.text));
                let present = places(&texts.ends.present).map(|place| text.slice(place).into());
                let present: Vec<ByteArray> = present.collect();
                let levels = &texts.ends.levels;
                write_values(column.typed::<ByteArrayType>(), &present, levels)?;
                lent.push(text);
            }
            Some(Values::Integers(values)) => write_series(column.typed::<Int64Type>(), values)?,
            Some(Values::Reals(values)) => write_series(column.typed::<DoubleType>(), values)?,
            Some(Values::Booleans(values)) => write_series(column.typed::<BoolType>(), values)?,
            None => {}
        }
    }
    column.close()?;
    for (block, mut text) in blocks.iter_mut().zip(lent) {
        if let Some(Values::Texts(texts)) = block.columns.get_mut(at) {
            // Nothing else has a part of it any more, so that this is no copy.
            text.clear();
            texts.text = text.into();
        }
    }
    Ok(())
}

/// Where the texts with these ends lie.
fn places(ends: &[u32]) -> impl Iterator<Item = Range<usize>> {
    ends.iter().scan(0, |start, end| {
        let end = *end as usize;
        Some(mem::replace(start, end)..end)
    })
}

fn write_series<D: DataType>(
    column: &mut ColumnWriterImpl<'_, D>,
    series: &Series<D::T>,
) -> Result<()> {
    write_values(column, &series.present, &series.levels)
}

fn write_values<D: DataType>(
    column: &mut ColumnWriterImpl<'_, D>,
    present: &[D::T],
    levels: &[i16],
) -> Result<()> {
    let is_optional = column.get_descriptor().max_def_level() > 0;
    column.write_batch(present, is_optional.then_some(levels), None)?;
    Ok(())
}
