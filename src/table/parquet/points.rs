//! Rows read back, as the places of their events.

use std::{fs::File, io, sync::Arc};

use ::parquet::{
    column::{
        page::{Page, PageReader},
        reader::ColumnReaderImpl,
    },
    data_type::{ByteArray, ByteArrayType, DataType, Int64Type},
    errors::{ParquetError, Result},
    file::{
        metadata::{ColumnChunkMetaData, RowGroupMetaData},
        serialized_reader::SerializedPageReader,
        statistics::Statistics,
    },
};
use serde::Deserialize;

use super::{failed, groups::Groups};
use crate::event::{Identity, Kind, Point};

/// What an event that is no commit may say of itself.
#[derive(Default, Deserialize)]
struct Detail {
    #[serde(default)]
    seq: u64,
}

impl Groups {
    /// The places of all events of one group.
    pub(crate) fn points(&self, file: &File, at: usize) -> io::Result<Vec<Point>> {
        let group = self.all().get(at);
        let file = Arc::new(file.try_clone()?);
        group.map_or(Ok(Vec::new()), |group| points(&file, group).map_err(failed))
    }

    /// Reads every page of one group.
    pub(crate) fn check(&self, file: &File, at: usize) -> io::Result<()> {
        let file = Arc::new(file.try_clone()?);
        let columns = self.all().get(at).map(RowGroupMetaData::columns);
        for chunk in columns.unwrap_or_default() {
            check(&file, chunk).map_err(failed)?;
        }
        Ok(())
    }

    /// The latest time of any event of one group, where it says so.
    pub(crate) fn latest_us(&self, at: usize) -> Option<u64> {
        let group = self.all().get(at)?;
        let time = group.columns().get(index(group, "time")?)?;
        match time.statistics()? {
            Statistics::Int64(times) => u64::try_from(*times.max_opt()?).ok(),
            _ => None,
        }
    }
}

fn points(file: &Arc<File>, group: &RowGroupMetaData) -> Result<Vec<Point>> {
    let times = column::<Int64Type>(file, group, "time")?;
    let numbers = column::<Int64Type>(file, group, "seq")?;
    let texts = |name| column::<ByteArrayType>(file, group, name);
    let [mut did, mut rev, mut collection, mut rkey, mut operation] = [
        texts("did")?.into_iter(),
        texts("rev")?.into_iter(),
        texts("collection")?.into_iter(),
        texts("rkey")?.into_iter(),
        texts("operation")?.into_iter(),
    ];
    let (mut kind, mut detail) = (texts("kind")?.into_iter(), texts("detail")?.into_iter());
    let mut next = |texts: &mut std::vec::IntoIter<Option<ByteArray>>| texts.next().flatten();
    let rows = times.into_iter().zip(numbers);
    let points = rows.map(|(time, seq)| {
        let kind = next(&mut kind).map(|kind| Kind::from_wire(kind.data()));
        let did = next(&mut did);
        let parts = [&mut rev, &mut collection, &mut rkey, &mut operation].map(&mut next);
        let detail = next(&mut detail);
        let identity = match (kind, did) {
            (Some(Kind::Commit), Some(did)) => of_commit(&did, &parts),
            (Some(kind), Some(did)) => detail.and_then(|detail| of_other(kind, &did, &detail)),
            _ => None,
        };
        Point {
            seq: seq.and_then(|seq| u64::try_from(seq).ok()),
            time_us: time.and_then(|time| u64::try_from(time).ok()).unwrap_or(0),
            identity,
        }
    });
    Ok(points.collect())
}

fn of_commit(did: &ByteArray, parts: &[Option<ByteArray>; 4]) -> Option<Identity> {
    let [Some(rev), Some(collection), Some(rkey), Some(operation)] = parts else {
        return None;
    };
    let parts = [did, rev, collection, rkey, operation].map(ByteArray::data);
    Some(Identity::of_commit(parts))
}

/// The identity by the upstream's number; without one it is by the line, which is not kept.
fn of_other(kind: Kind, did: &ByteArray, detail: &ByteArray) -> Option<Identity> {
    let detail: Detail = serde_json::from_slice(detail.data()).ok()?;
    let is_numbered = kind != Kind::Other && detail.seq != 0;
    is_numbered.then(|| Identity::of_numbered(kind.as_str(), did.data(), detail.seq))
}

/// Whether as many values are in a column as it says.
fn check(file: &Arc<File>, chunk: &ColumnChunkMetaData) -> Result<()> {
    let n_values = usize::try_from(chunk.num_values()).unwrap_or(0);
    let mut pages = SerializedPageReader::new(Arc::clone(file), chunk, n_values, None)?;
    let mut n_read = 0;
    while let Some(page) = pages.get_next_page()? {
        if !matches!(page, Page::DictionaryPage { .. }) {
            n_read += page.num_values() as usize;
        }
    }
    if n_read != n_values {
        let text = format!("{n_read} of {n_values} values are there");
        return Err(ParquetError::General(text));
    }
    Ok(())
}

/// All values of a column.
pub(super) fn column<D: DataType>(
    file: &Arc<File>,
    group: &RowGroupMetaData,
    name: &str,
) -> Result<Vec<Option<D::T>>> {
    let missing = || ParquetError::General(format!("there is no column '{name}' as of events"));
    let at = index(group, name).ok_or_else(missing)?;
    let chunk = group.columns().get(at).ok_or_else(missing)?;
    if chunk.column_type() != D::get_physical_type() {
        return Err(missing());
    }
    let n_rows = usize::try_from(group.num_rows()).unwrap_or(0);
    let pages = SerializedPageReader::new(Arc::clone(file), chunk, n_rows, None)?;
    let descr = chunk.column_descr_ptr();
    let is_optional = descr.max_def_level() > 0;
    let mut reader = ColumnReaderImpl::<D>::new(descr, Box::new(pages));
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let mut n_read = 0;
    while n_read < n_rows {
        let levels = is_optional.then_some(&mut levels);
        let (n, _, _) = reader.read_records(n_rows - n_read, levels, None, &mut values)?;
        if n == 0 {
            return Err(ParquetError::General("rows are missing".to_owned()));
        }
        n_read += n;
    }
    let mut values = values.into_iter();
    if !is_optional {
        return Ok(values.map(Some).collect());
    }
    let levels = levels.into_iter();
    Ok(levels
        .map(|level| (level > 0).then(|| values.next()).flatten())
        .collect())
}

/// Which column has this name.
pub(super) fn index(group: &RowGroupMetaData, name: &str) -> Option<usize> {
    let mut columns = group.schema_descr().columns().iter();
    columns.position(|column| column.name() == name)
}
