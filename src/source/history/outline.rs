//! What a file says of its blocks, fetched: its header, and of its footer the index of blocks, or
//! all of it as the proof that the file is whole.

use super::{calls::Generation, client::Client, fetch::Fetched};
use crate::{
    error::MemberError,
    segment::{BlockEntry, Damage, HEADER_BYTES, Outline, SegmentError},
    source::segments::ReplayError,
};

/// The longest index of blocks that is fetched: of a million blocks.
const MAX_INDEX_BYTES: u64 = 52_000_000;

/// How much of a footer is fetched at once.
const CHUNK_BYTES: u64 = 1024 * 1024;

impl Client {
    /// What a file says of its blocks. With `is_proof`, its whole footer is read, and has to have
    /// the checksum.
    pub(super) async fn entries(
        &self,
        generation: &Generation,
        is_proof: bool,
    ) -> Result<Fetched<Vec<BlockEntry>>, MemberError> {
        let path = &generation.path;
        let header = match self.range(generation, 0, HEADER_BYTES as u64).await? {
            Fetched::Here(header) => header,
            Fetched::Changed => return Ok(Fetched::Changed),
        };
        let (header, size) = header;
        let checksum = generation.number().unwrap_or_default();
        let mut outline = Outline::read(path, &header, size, checksum).map_err(failed)?;
        if outline.index_bytes() > MAX_INDEX_BYTES {
            return Err(failed(SegmentError::new(path, None, Damage::Offsets)));
        }
        let index_end = outline.header.footer_at + outline.index_bytes();
        let end = if is_proof { size } else { index_end };
        let mut index = Vec::new();
        let mut at = outline.header.footer_at;
        while at < end {
            // The index is one piece, however long it is.
            let to = if at < index_end {
                index_end
            } else {
                end.min(at + CHUNK_BYTES)
            };
            let chunk = match self.range(generation, at, to).await? {
                Fetched::Here((chunk, _)) => chunk,
                Fetched::Changed => return Ok(Fetched::Changed),
            };
            outline.add(&chunk);
            if at < index_end {
                index = chunk;
            }
            at = to;
        }
        if is_proof {
            outline.check(path).map_err(failed)?;
        }
        let entries = outline.entries(path, &index).map_err(failed)?;
        Ok(Fetched::Here(entries))
    }
}

fn failed(error: SegmentError) -> MemberError {
    ReplayError::from(error).into()
}
