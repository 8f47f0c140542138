//! The list of files, page by page.

use serde::Serialize;

use super::shelf::{Edition, Named, Shelf};
use crate::segment::{SegmentError, segment_name};

/// A page of the list.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    /// Where the next one begins, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    segments: Vec<Listed>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    index: u64,
    size_bytes: u64,
    checksum: String,
    event_count: u32,
    min_seq: u64,
    max_seq: u64,
    min_witnessed_at: i64,
    max_witnessed_at: i64,
}

/// This many files at most, from this one on.
pub(super) fn page(
    shelf: &Shelf,
    from: u64,
    limit: usize,
    edition: Edition,
) -> Result<Page, SegmentError> {
    let files = shelf.from(from);
    let listed = files.iter().take(limit);
    let listed = listed.map(|named| Listed::of(named, edition));
    Ok(Page {
        cursor: files.get(limit).map(|next| next.index.to_string()),
        segments: listed.collect::<Result<_, _>>()?,
    })
}

impl Listed {
    fn of(named: &Named, edition: Edition) -> Result<Self, SegmentError> {
        let known = named.known()?;
        let header = known.header;
        Ok(Self {
            name: segment_name(named.index),
            index: named.index,
            size_bytes: known.bytes(),
            checksum: named.shown(header.checksum, edition)?,
            event_count: header.events,
            min_seq: header.min_seq,
            max_seq: header.max_seq,
            min_witnessed_at: header.min_witnessed,
            max_witnessed_at: header.max_witnessed,
        })
    }
}
