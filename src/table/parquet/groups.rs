//! Where the row groups of a file are that is still written to.
//!
//! What is behind a group says where it is, and where the one before it ends: so a file is known
//! from any of these ends, however many groups it has, and what was written after that is cut off.
//! A complete file has the footer of Parquet at its end, in which all of them are listed; one that
//! is gone on with has its old footer in its middle, where no reader looks.

use std::{
    fs::File,
    io::{self, Write},
    sync::Arc,
};

use ::parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataReader,
    ParquetMetaDataWriter, RowGroupMetaData,
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{
    failed,
    group::write_group,
    layout::{LAYOUT_KEY, Layout, MAGIC, created_by},
    rows::Rows,
};
use crate::platform::FileExt;

/// What the end of a group is told by.
const LINK_MAGIC: &[u8; 8] = b"rkmgroup";

/// The end of a group: how long its footer is, where the group begins, a hash of both, and the magic.
const LINK_BYTES: usize = 32;

/// What a footer ends with: its length, and the magic.
const TAIL_BYTES: usize = 8;

/// The version of the format, as of its writer here.
const VERSION: i32 = 1;

/// The row groups of a file, in their order.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    all: Vec<RowGroupMetaData>,
    /// The text of the layout that they have, where there are any.
    layout: Option<String>,
    /// They end with a footer that lists them all.
    is_complete: bool,
}

impl Groups {
    /// Those of a file up to here, where it began, or a group or a footer ends.
    pub(crate) fn read(file: &File, end: u64) -> io::Result<Self> {
        let mut found = Self::default();
        let mut parts = Vec::new();
        let mut at = end;
        while at > MAGIC.len() as u64 {
            let part = read_part(file, at)?;
            at = part.begin;
            parts.push(part);
        }
        found.is_complete = parts.first().is_some_and(|part| !part.is_linked);
        for part in parts.into_iter().rev() {
            found.layout = layout_of(&part.metadata).or(found.layout);
            let by = part.begin.saturating_sub(MAGIC.len() as u64).cast_signed();
            let groups = part.metadata.into_builder().take_row_groups();
            for group in groups {
                let moved = if part.is_linked { by } else { 0 };
                found.add(group, moved)?;
            }
        }
        Ok(found)
    }

    /// The text of the layout that all groups have; `None` where there is no group.
    pub(crate) fn layout(&self) -> Option<&str> {
        self.layout.as_deref()
    }

    /// Whether there is a footer at the end that lists them all.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn all(&self) -> &[RowGroupMetaData] {
        &self.all
    }

    /// Makes a group of rows, which are none afterwards, and appends it to a file of this length.
    /// Returns how much that is.
    pub(crate) fn append(
        &mut self,
        rows: &mut Rows,
        length: u64,
        out: &mut (dyn Write + Send),
    ) -> io::Result<u64> {
        let mut out = Counted { out, n: 0 };
        let group = write_group(rows, &mut out).map_err(failed)?;
        let layout = rows.layout();
        let end = end_of(vec![group.clone()], layout)?;
        let footer = footer_of(&end)?;
        out.write_all(footer)?;
        // Without the end of a footer, it is never taken for a file that is complete.
        out.write_all(&Link::new(footer, length).bytes())?;
        self.add(
            group,
            length.saturating_sub(MAGIC.len() as u64).cast_signed(),
        )?;
        self.layout = Some(layout.text());
        rows.clear();
        Ok(out.n)
    }

    /// The footer that makes a file complete.
    pub(crate) fn footer(&self, layout: &Layout) -> io::Result<Vec<u8>> {
        end_of(self.all.clone(), layout)
    }

    /// Adds a group that lies this much further behind than it says.
    fn add(&mut self, group: RowGroupMetaData, by: i64) -> io::Result<()> {
        let ordinal = i32::try_from(self.all.len()).map_err(io::Error::other)?;
        let begin = group.file_offset().unwrap_or_default() + by;
        let mut builder = group.into_builder();
        let columns = builder.take_columns().into_iter();
        let columns = columns.map(|column| moved(column, by));
        let group = builder
            .set_column_metadata(columns.collect::<io::Result<_>>()?)
            .set_file_offset(begin)
            .set_ordinal(ordinal)
            .build()
            .map_err(failed)?;
        self.all.push(group);
        Ok(())
    }
}

/// The end of a file with these groups: the footer, its length and the magic.
fn end_of(groups: Vec<RowGroupMetaData>, layout: &Layout) -> io::Result<Vec<u8>> {
    let n_rows = groups.iter().map(RowGroupMetaData::num_rows).sum();
    let file_metadata = FileMetaData::new(
        VERSION,
        n_rows,
        Some(created_by()),
        Some(layout.key_values()),
        Arc::clone(layout.schema()),
        None,
    );
    let metadata = ParquetMetaData::new(file_metadata, groups);
    let mut bytes = Vec::new();
    let writer = ParquetMetaDataWriter::new(&mut bytes, &metadata);
    writer.finish().map_err(failed)?;
    Ok(bytes)
}

/// Counts what is written.
struct Counted<'a> {
    out: &'a mut (dyn Write + Send),
    n: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.n += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn moved(column: ColumnChunkMetaData, by: i64) -> io::Result<ColumnChunkMetaData> {
    let (data, dictionary, filter) = (
        column.data_page_offset() + by,
        column.dictionary_page_offset().map(|at| at + by),
        column.bloom_filter_offset().map(|at| at + by),
    );
    column
        .into_builder()
        .set_data_page_offset(data)
        .set_dictionary_page_offset(dictionary)
        .set_bloom_filter_offset(filter)
        .build()
        .map_err(failed)
}

/// What a footer in a file says, and where what it is about begins.
struct Part {
    metadata: ParquetMetaData,
    begin: u64,
    /// It is about one group, and knows no others.
    is_linked: bool,
}

/// What is behind the footer of a group.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Link {
    footer_length: u64,
    begin: u64,
    hash: u64,
}

impl Link {
    fn new(footer: &[u8], begin: u64) -> Self {
        Self {
            footer_length: footer.len() as u64,
            begin,
            hash: xxh3_64_with_seed(footer, begin),
        }
    }

    fn bytes(self) -> Vec<u8> {
        let numbers = [self.footer_length, self.begin, self.hash];
        let numbers = numbers.map(u64::to_le_bytes);
        [numbers.as_flattened(), LINK_MAGIC].concat()
    }

    /// Reads the one that ends here, if there is one.
    fn read(file: &File, end: u64) -> io::Result<Option<Self>> {
        let mut bytes = [0; LINK_BYTES];
        let Some(at) = end.checked_sub(LINK_BYTES as u64) else {
            return Ok(None);
        };
        file.read_exact_at(&mut bytes, at)?;
        let (numbers, _) = bytes.as_chunks::<8>();
        Ok(match numbers {
            [footer_length, begin, hash, magic] if magic == LINK_MAGIC => Some(Self {
                footer_length: u64::from_le_bytes(*footer_length),
                begin: u64::from_le_bytes(*begin),
                hash: u64::from_le_bytes(*hash),
            }),
            _ => None,
        })
    }
}

/// Reads what ends here.
fn read_part(file: &File, end: u64) -> io::Result<Part> {
    let link = Link::read(file, end)?;
    let footer = if let Some(link) = link {
        read_before(file, end - LINK_BYTES as u64, link.footer_length)?
    } else {
        let tail = read_before(file, end, TAIL_BYTES as u64)?;
        let length = footer_length(tail.try_into().map_err(|_| no_group())?)?;
        read_before(file, end - TAIL_BYTES as u64, length)?
    };
    let begin = link.map_or(0, |link| link.begin);
    if link.is_some_and(|link| link != Link::new(&footer, begin) || begin >= end) {
        return Err(no_group());
    }
    let metadata = ParquetMetaDataReader::decode_metadata(&footer).map_err(failed)?;
    Ok(Part {
        metadata,
        begin,
        is_linked: link.is_some(),
    })
}

/// Reads so many bytes that end here.
fn read_before(file: &File, end: u64, length: u64) -> io::Result<Vec<u8>> {
    let at = end.checked_sub(length).ok_or_else(no_group)?;
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

/// The footer of a file in memory.
fn footer_of(file: &[u8]) -> io::Result<&[u8]> {
    let (rest, tail) = file.split_last_chunk::<TAIL_BYTES>().ok_or_else(no_group)?;
    let length = usize::try_from(footer_length(*tail)?).map_err(io::Error::other)?;
    let at = rest.len().checked_sub(length).ok_or_else(no_group)?;
    rest.get(at..).ok_or_else(no_group)
}

fn footer_length(tail: [u8; TAIL_BYTES]) -> io::Result<u64> {
    let (length, magic) = tail.split_first_chunk::<4>().ok_or_else(no_group)?;
    if magic != MAGIC {
        return Err(no_group());
    }
    Ok(u32::from_le_bytes(*length).into())
}

fn layout_of(metadata: &ParquetMetaData) -> Option<String> {
    let values = metadata.file_metadata().key_value_metadata()?;
    let found = values.iter().find(|value| value.key == LAYOUT_KEY);
    found?.value.clone()
}

fn no_group() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "no row group or footer of Parquet ends there",
    )
}
