//! Taking records out of a complete file: its row groups are written anew, with the columns that
//! they have.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write as _},
    sync::Arc,
    vec,
};

use ::parquet::{
    basic::Type,
    data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type},
    errors::Result,
    file::metadata::{ColumnChunkMetaData, RowGroupMetaData},
};

use super::{
    block::Values,
    failed,
    groups::Groups,
    layout::{Layout, MAGIC},
    points::column,
    rows::Rows,
};
use crate::table::{Pruned, RecordVersion};

/// The columns that say which record a row holds.
const NAMES: [&str; 5] = ["did", "collection", "rkey", "rev", "operation"];

/// Counts the records of a complete file that are removed. Where there are any, and a draft, what
/// the file is without them is written there, durably; renaming that to the file is left to the
/// caller.
///
/// A file of other columns than those of events is an error of the kind
/// [`InvalidData`](io::ErrorKind::InvalidData). Blocks on the disk.
pub fn prune_parquet(
    file: &File,
    draft: Option<&File>,
    mut is_removed: impl FnMut(&RecordVersion<'_>) -> bool,
) -> io::Result<Pruned> {
    let groups = Groups::read(file, file.metadata()?.len())?;
    if !groups.is_complete() {
        return Err(foreign("it is not complete"));
    }
    let file = Arc::new(file.try_clone()?);
    let (mut events, mut removed) = (0, 0);
    for group in groups.all() {
        events += u64::try_from(group.num_rows()).unwrap_or_default();
        // With a draft all of them are counted when that is written.
        if removed == 0 || draft.is_none() {
            let kept = kept(&file, group, &mut is_removed).map_err(failed)?;
            removed += kept.iter().filter(|is_kept| !**is_kept).count() as u64;
        }
    }
    if let Some(draft) = draft.filter(|_| removed > 0) {
        removed = write(&file, &groups, draft, &mut is_removed)?;
    }
    Ok(Pruned { events, removed })
}

fn foreign(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn write(
    file: &Arc<File>,
    groups: &Groups,
    draft: &File,
    is_removed: &mut impl FnMut(&RecordVersion<'_>) -> bool,
) -> io::Result<u64> {
    let layout = groups.layout().and_then(Layout::of_text);
    let layout = layout.ok_or_else(|| foreign("it does not say which columns it has"))?;
    let layout = Arc::new(layout);
    let mut out = BufWriter::with_capacity(1 << 20, draft);
    out.seek(SeekFrom::Start(0))?;
    out.write_all(MAGIC)?;
    let mut length = MAGIC.len() as u64;
    let (mut written, mut removed) = (Groups::default(), 0);
    for group in groups.all() {
        let kept = kept(file, group, is_removed).map_err(failed)?;
        let mut rows = rows(file, group, &kept, &layout)?;
        removed += kept.len() as u64 - rows.len();
        if rows.len() > 0 {
            length += written.append(&mut rows, length, &mut out)?;
        }
    }
    out.write_all(&written.footer(&layout)?)?;
    out.flush()?;
    draft.sync_all()?;
    Ok(removed)
}

/// Which rows of a group stay.
fn kept(
    file: &Arc<File>,
    group: &RowGroupMetaData,
    is_removed: &mut impl FnMut(&RecordVersion<'_>) -> bool,
) -> Result<Vec<bool>> {
    let [did, collection, rkey, rev, operation] =
        NAMES.map(|name| column::<ByteArrayType>(file, group, name));
    let names = [did?, collection?, rkey?, rev?, operation?];
    let numbers = column::<Int64Type>(file, group, "seq")?;
    let times = column::<Int64Type>(file, group, "time")?;
    let rows = numbers.into_iter().zip(times).enumerate();
    let is_kept = rows.map(|(at, (seq, time))| {
        let name = |column: &Vec<Option<ByteArray>>| column.get(at).cloned().flatten();
        let names = names.each_ref().map(name);
        let [
            Some(did),
            Some(collection),
            Some(rkey),
            Some(rev),
            Some(operation),
        ] = &names
        else {
            return true;
        };
        let names = [did, collection, rkey, rev].map(ByteArray::as_utf8);
        let [Ok(did), Ok(collection), Ok(rkey), Ok(rev)] = names else {
            return true;
        };
        let writes = matches!(operation.data(), b"create" | b"update");
        !(writes
            && is_removed(&RecordVersion {
                did,
                collection,
                rkey,
                rev,
                seq: seq.map(i64::cast_unsigned),
                time_us: time.unwrap_or_default().cast_unsigned(),
            }))
    });
    Ok(is_kept.collect())
}

/// The rows of a group that stay.
fn rows(
    file: &Arc<File>,
    group: &RowGroupMetaData,
    kept: &[bool],
    layout: &Arc<Layout>,
) -> io::Result<Rows> {
    let columns = group.columns().iter();
    let columns = columns.map(|chunk| Column::read(file, group, chunk));
    let mut columns: Vec<_> = columns.collect::<Result<_>>().map_err(failed)?;
    let mut rows = Rows::new(Arc::clone(layout));
    for is_kept in kept {
        if *is_kept {
            rows.push_row(|values| {
                let mut pairs = columns.iter_mut().zip(values);
                pairs.try_for_each(|(column, values)| column.move_next(values))
            })?;
        } else {
            columns.iter_mut().for_each(Column::skip);
        }
    }
    Ok(rows)
}

/// What is left of the values of a column.
enum Column {
    Integers(vec::IntoIter<Option<i64>>),
    Reals(vec::IntoIter<Option<f64>>),
    Booleans(vec::IntoIter<Option<bool>>),
    Texts(vec::IntoIter<Option<ByteArray>>),
}

impl Column {
    fn read(
        file: &Arc<File>,
        group: &RowGroupMetaData,
        chunk: &ColumnChunkMetaData,
    ) -> Result<Self> {
        let name = chunk.column_descr().name();
        Ok(match chunk.column_type() {
            Type::INT64 => Self::Integers(column::<Int64Type>(file, group, name)?.into_iter()),
            Type::DOUBLE => Self::Reals(column::<DoubleType>(file, group, name)?.into_iter()),
            Type::BOOLEAN => Self::Booleans(column::<BoolType>(file, group, name)?.into_iter()),
            _ => Self::Texts(column::<ByteArrayType>(file, group, name)?.into_iter()),
        })
    }

    fn move_next(&mut self, values: &mut Values) -> io::Result<()> {
        match (self, values) {
            (Self::Integers(all), Values::Integers(values)) => values.push(all.next().flatten()),
            (Self::Reals(all), Values::Reals(values)) => values.push(all.next().flatten()),
            (Self::Booleans(all), Values::Booleans(values)) => values.push(all.next().flatten()),
            (Self::Texts(all), Values::Texts(values)) => {
                values.push(all.next().flatten().as_ref().map(ByteArray::data))?;
            }
            _ => return Err(foreign("its columns are of other types than it says")),
        }
        Ok(())
    }

    fn skip(&mut self) {
        match self {
            Self::Integers(all) => drop(all.next()),
            Self::Reals(all) => drop(all.next()),
            Self::Booleans(all) => drop(all.next()),
            Self::Texts(all) => drop(all.next()),
        }
    }
}
