//! A file or a block of one, as its answer: what names its generation, and the part that is sent.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    conditions::{Conditions, Part, Representation},
    reply::{Reply, Stored},
    shelf::{Edition, Generation, Shelf},
};
use crate::{
    segment::{PREFIX_BYTES, SegmentError},
    serve::answer::{Answer, http_date},
    wire::v2::error,
};

const BINARY: &str = "application/octet-stream";

/// A whole file, or a range of it.
pub(super) fn segment(
    shelf: &Shelf,
    index: u64,
    (conditions, edition): (&Conditions, Edition),
) -> Result<Reply, SegmentError> {
    let Some(named) = shelf.named(index) else {
        return Ok(no_segment());
    };
    let generation = named.open()?;
    let (checksum, head) = generation.shown(edition)?;
    let stored = Stored {
        at: 0,
        left: generation.file.bytes(),
        file: Arc::new(generation.file),
        head,
    };
    Ok(part(stored, &format!("\"{checksum}\""), conditions))
}

/// The frame of a block, without the length that stands before it.
pub(super) fn block(
    shelf: &Shelf,
    index: u64,
    block: u64,
    (conditions, edition): (&Conditions, Edition),
) -> Result<Reply, SegmentError> {
    let Some(named) = shelf.named(index) else {
        return Ok(no_segment());
    };
    let generation = named.open()?;
    let (checksum, _) = generation.shown(edition)?;
    let Generation { file, header } = generation;
    let block = u32::try_from(block).ok();
    let Some(block) = block.filter(|block| *block < header.blocks) else {
        let text = format!("it has {} blocks, counted from 0", header.blocks);
        return Ok(Answer::error(404, error::BLOCK_NOT_FOUND, &text).into());
    };
    let entry = file.entry(&header, block)?;
    let stored = Stored {
        at: entry.at + PREFIX_BYTES as u64,
        left: u64::from(entry.frame_bytes),
        file: Arc::new(file),
        head: None,
    };
    Ok(part(stored, &format!("\"{checksum}:{block}\""), conditions))
}

fn no_segment() -> Reply {
    let text = "there is no sealed segment of this name";
    Answer::error(404, error::SEGMENT_NOT_FOUND, text).into()
}

/// The part of a representation that is asked for.
fn part(mut stored: Stored, tag: &str, conditions: &Conditions) -> Reply {
    let modified = stored.file.metadata().modified().ok();
    let modified = modified.and_then(|time| Timestamp::try_from(time).ok());
    let bytes = stored.left;
    let there = Representation {
        tag,
        modified,
        bytes,
    };
    let answer = |status| {
        let answer = Answer::new(status, BINARY, Vec::new())
            .header("ETag", tag)
            .header("Cache-Control", "public, no-cache");
        match modified {
            Some(time) if status != 304 => answer.header("Last-Modified", &http_date(time)),
            _ => answer,
        }
    };
    match conditions.part(&there) {
        Part::NotModified => answer(304).into(),
        Part::Failed => answer(412).into(),
        // Servers say no tag here, and clients have to do without.
        Part::OutOfRange => Answer::text(416, "there are no such bytes")
            .header("Content-Range", &format!("bytes */{bytes}"))
            .into(),
        Part::Whole => Reply::of_file(answer(200).header("Accept-Ranges", "bytes"), stored),
        Part::Range { at, n } => {
            let range = format!("bytes {at}-{}/{bytes}", at + n - 1);
            stored.at += at;
            stored.left = n;
            let answer = answer(206)
                .header("Accept-Ranges", "bytes")
                .header("Content-Range", &range);
            Reply::of_file(answer, stored)
        }
    }
}
