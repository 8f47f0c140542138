//! Taking records out of a sealed segment file, as servers do when they compact: blocks, numbers and
//! ranges stay what they are, so that whoever counts on them finds them again.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write as _},
    path::Path,
};

use super::{
    block::Rows,
    bytes::u64_at,
    entry::BlockEntry,
    error::SegmentError,
    file::SegmentFile,
    header::{CHECKSUM_AT, HEADER_BYTES, Opening, SegmentHeader},
    inflate::MAX_BLOCK_BYTES,
    manifest::{Manifest, ManifestError},
    reader::BlockReader,
    row::{Kind, Row},
    writer::SegmentWriter,
};
use crate::{
    platform::FileExt,
    table::{Pruned, RecordVersion},
};

/// Why records cannot be taken out of a segment file, which is as it was then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PruneError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] SegmentError),
    /// A server has not sealed it, and may write to it.
    #[error("it is not sealed")]
    Unsealed,
    /// The manifest of its folder cannot be read.
    #[error("{0}")]
    Manifest(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The disk refused what was written.
    #[error("its new version cannot be written")]
    Draft(#[source] io::Error),
}

impl From<ManifestError> for PruneError {
    fn from(error: ManifestError) -> Self {
        Self::Manifest(Box::new(error))
    }
}

/// Counts the records of a sealed file that are removed. Where there are any, and a draft, what the
/// file is without them is written there, durably; renaming that to the file is left to the caller.
/// The manifest of the folder knows of both then.
///
/// Blocks on the disk.
pub fn prune(
    path: &Path,
    draft: Option<&File>,
    mut is_removed: impl FnMut(&RecordVersion<'_>) -> bool,
) -> Result<Pruned, PruneError> {
    let file = SegmentFile::open(path)?;
    let Opening::Sealed(header) = file.opening() else {
        return Err(PruneError::Unsealed);
    };
    let mut removed = 0;
    each_block(&file, &header, |_, rows| {
        removed += rows.filter(|row| is_gone(row, &mut is_removed)).count() as u64;
        // With a draft all of them are counted when that is written.
        removed == 0 || draft.is_none()
    })?;
    if let Some(draft) = draft.filter(|_| removed > 0) {
        removed = write(&file, &header, draft, &mut is_removed)?;
        announce(&file, &header, draft)?;
    }
    let events = header.events.into();
    Ok(Pruned { events, removed })
}

fn write(
    file: &SegmentFile,
    header: &SegmentHeader,
    draft: &File,
    is_removed: &mut impl FnMut(&RecordVersion<'_>) -> bool,
) -> Result<u64, PruneError> {
    let mut out = BufWriter::with_capacity(1 << 20, draft);
    out.seek(SeekFrom::Start(0)).map_err(PruneError::Draft)?;
    let mut writer = SegmentWriter::new(out).map_err(PruneError::Draft)?;
    let mut removed = 0;
    let mut failed = None;
    each_block(file, header, |entry, rows| {
        for row in rows {
            if is_gone(&row, is_removed) {
                removed += 1;
            } else {
                writer.keep(&row);
            }
        }
        failed = writer.end_block_like(entry).err();
        failed.is_none()
    })?;
    let written = failed.map_or(Ok(()), Err);
    let written = written.and_then(|()| writer.seal_like(header)?.flush());
    let written = written.and_then(|()| draft.sync_all());
    written.map_err(PruneError::Draft)?;
    Ok(removed)
}

/// Gives away the blocks one after the other, as long as more are wanted.
fn each_block(
    file: &SegmentFile,
    header: &SegmentHeader,
    mut give: impl FnMut(&BlockEntry, Rows<'_>) -> bool,
) -> Result<(), SegmentError> {
    let mut reader = BlockReader::new(MAX_BLOCK_BYTES);
    let mut footer = file.footer(header, reader.inflater())?;
    let mut block = 0;
    while let Some(entry) = footer.entry(file, block)? {
        let rows = reader.sealed(file, block, &entry)?;
        if !give(&entry, rows) {
            return Ok(());
        }
        block += 1;
    }
    Ok(())
}

/// Whether a row holds a record that is removed.
fn is_gone(row: &Row<'_>, is_removed: &mut impl FnMut(&RecordVersion<'_>) -> bool) -> bool {
    let writes = matches!(row.kind, Kind::Create | Kind::Update | Kind::CreateResync);
    let names = [row.did, row.collection, row.rkey, row.rev].map(str::from_utf8);
    let [Ok(did), Ok(collection), Ok(rkey), Ok(rev)] = names else {
        return false;
    };
    writes
        && is_removed(&RecordVersion {
            did,
            collection,
            rkey,
            rev,
            seq: Some(row.seq),
            time_us: u64::try_from(row.time_us()).unwrap_or_default(),
        })
}

/// Tells the manifest of the folder, if it has one, which checksum comes.
fn announce(file: &SegmentFile, header: &SegmentHeader, draft: &File) -> Result<(), PruneError> {
    let path = file.path();
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let Some(mut manifest) = Manifest::read(folder)? else {
        return Ok(());
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut begin = [0; HEADER_BYTES];
    let read = draft.read_exact_at(&mut begin, 0);
    read.map_err(PruneError::Draft)?;
    let becomes = u64_at(&begin, CHECKSUM_AT);
    let has = format!("{:016x}", header.checksum);
    if manifest.prune(&name, &has, format!("{becomes:016x}")) {
        manifest.write(folder).map_err(PruneError::Draft)?;
    }
    Ok(())
}
