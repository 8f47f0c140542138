//! Taking records out of a complete file: its row groups are written anew, with the columns that
//! they have.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write as _},
    sync::Arc,
};

use ::parquet::{
    basic::Type,
    data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type},
    errors::Result,
    file::metadata::RowGroupMetaData,
};

use super::{
    failed,
    group::Group,
    groups::{Groups, MAGIC},
    layout::Layout,
    points::column,
    rows::{Place, Rows, Values},
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
    let mut out = BufWriter::with_capacity(1 << 20, draft);
    out.seek(SeekFrom::Start(0))?;
    out.write_all(MAGIC)?;
    let mut length = MAGIC.len() as u64;
    let (mut written, mut removed) = (Groups::default(), 0);
    for group in groups.all() {
        let kept = kept(file, group, is_removed).map_err(failed)?;
        let rows = rows(file, group, &kept)?;
        removed += kept.len() as u64 - rows.n;
        if rows.n > 0 {
            let group = Group::of_rows(rows, &layout)?;
            let appended = written.append_group(group, &layout, length)?;
            out.write_all(&appended.bytes)?;
            length += appended.bytes.len() as u64;
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
fn rows(file: &Arc<File>, group: &RowGroupMetaData, kept: &[bool]) -> io::Result<Rows> {
    let mut text = Vec::new();
    let mut columns = Vec::new();
    for chunk in group.columns() {
        let name = chunk.column_descr().name();
        columns.push(match chunk.column_type() {
            Type::INT64 => {
                let values = column::<Int64Type>(file, group, name).map_err(failed)?;
                Values::Integers(of_kept(values, kept).collect())
            }
            Type::DOUBLE => {
                let values = column::<DoubleType>(file, group, name).map_err(failed)?;
                Values::Reals(of_kept(values, kept).collect())
            }
            Type::BOOLEAN => {
                let values = column::<BoolType>(file, group, name).map_err(failed)?;
                Values::Booleans(of_kept(values, kept).collect())
            }
            _ => {
                let values = column::<ByteArrayType>(file, group, name).map_err(failed)?;
                let places = of_kept(values, kept).map(|value| place(value, &mut text));
                Values::Texts(places.collect::<io::Result<_>>()?)
            }
        });
    }
    Ok(Rows {
        text,
        columns,
        n: kept.iter().filter(|is_kept| **is_kept).count() as u64,
        n_unfit: 0,
    })
}

fn of_kept<T>(values: Vec<T>, kept: &[bool]) -> impl Iterator<Item = T> {
    let kept = values
        .into_iter()
        .zip(kept)
        .filter(|(_, is_kept)| **is_kept);
    kept.map(|(value, _)| value)
}

/// Puts a value among the text of the group, and says where it is.
fn place(value: Option<ByteArray>, text: &mut Vec<u8>) -> io::Result<Option<Place>> {
    let Some(value) = value else {
        return Ok(None);
    };
    let place = u32::try_from(text.len())
        .ok()
        .zip(u32::try_from(value.len()).ok());
    let (start, len) = place.ok_or_else(|| io::Error::other("a row group is larger than 4 GiB"))?;
    text.extend_from_slice(value.data());
    Ok(Some(Place { start, len }))
}
