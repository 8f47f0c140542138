//! Batches read back from their file, each checked by its hash.

use std::io;

use super::{
    note::{BatchNote, Hash, Note, is_note},
    segment::Stretch,
};
use crate::{platform::FileExt, serve::feed::FeedError};

/// Gives each line of the batches to `line`, with its number, and each note behind its lines to
/// `note`.
pub(super) fn each(
    stretch: &Stretch,
    mut line: impl FnMut(u64, &[u8]),
    mut note: impl FnMut(BatchNote),
) -> Result<(), FeedError> {
    let failed = |source| FeedError {
        what: format!("'{}'", stretch.name),
        source,
    };
    let length = usize::try_from(stretch.bytes).map_err(io::Error::other);
    let mut bytes = vec![0; length.map_err(failed)?];
    let read = stretch.file.read_exact_at(&mut bytes, stretch.offset);
    read.map_err(failed)?;
    let mut from = 0;
    let mut at = 0;
    for end in memchr::memchr_iter(b'\n', &bytes) {
        let text = bytes.get(at..end).unwrap_or_default();
        if is_note(text) {
            let lines = bytes.get(from..at).unwrap_or_default();
            let read = BatchNote::read(text).filter(|note| note.is_of(Hash::of(lines)));
            let read = read.ok_or_else(|| failed(damaged(stretch.offset + from as u64)))?;
            for (text, number) in lines.split(|byte| *byte == b'\n').zip(read.first..) {
                if !text.is_empty() {
                    line(number, text);
                }
            }
            note(read);
            from = end + 1;
        }
        at = end + 1;
    }
    if from == bytes.len() {
        Ok(())
    } else {
        Err(failed(damaged(stretch.offset + from as u64)))
    }
}

fn damaged(offset: u64) -> io::Error {
    io::Error::other(format!(
        "the batch at byte {offset} is damaged; stop, and move the file away: its events are then missing, and others are served"
    ))
}
