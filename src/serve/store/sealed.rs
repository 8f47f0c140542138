//! What is kept beside a file of a store that nothing more is written to: where its parts lie, so
//! that it is not read at the next start. What is missing or does not fit is made anew.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    note::{FORMAT, Hash, Note},
    segment::{Part, Segment},
};
use crate::platform::paths::regular;

/// The most that is read of it: what a file has of parts takes less than a hundredth of it.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// All about a file but its parts, which follow a line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Summary {
    format: u64,
    /// The length of the file.
    bytes: u64,
    next: u64,
    stored_us: u64,
    /// Of the lines that follow.
    hash: Hash,
}

impl Note for Summary {
    const WORD: &'static str = "index";
}

/// What is known of a file without reading it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) parts: Vec<Part>,
    pub(super) next: u64,
    pub(super) bytes: u64,
    pub(super) stored_us: u64,
}

/// Its name beside that of the file.
pub(super) fn beside(path: &Path) -> PathBuf {
    path.with_extension("index")
}

/// Writes it. A failure costs time at the next start and nothing else.
pub(super) fn write(segment: &Segment) {
    let Some(path) = &segment.path else { return };
    let mut lines = Vec::new();
    for part in &segment.parts {
        // Writing to a Vec cannot fail.
        writeln!(lines, "{} {} {}", part.first, part.offset, part.latest_us).ok();
    }
    let mut text = Vec::new();
    Summary {
        format: FORMAT,
        bytes: segment.bytes,
        next: segment.next,
        stored_us: segment.stored_us,
        hash: Hash::of(&lines),
    }
    .push(&mut text);
    text.extend(lines);
    put(&beside(path), &text).ok();
}

/// Never through a link, for what it leads to would be lost.
fn put(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    let options = options.write(true).create(true).truncate(true);
    regular::open_no_link(options, path)?.write_all(text)
}

/// Reads what is beside a file of this length; `None` where that has to be made anew.
pub(super) fn read(path: &Path, bytes: u64) -> Option<Known> {
    let mut text = Vec::new();
    let file = regular::open_no_link(File::options().read(true), &beside(path)).ok()?;
    file.take(MAX_BYTES).read_to_end(&mut text).ok()?;
    let end = memchr::memchr(b'\n', &text)? + 1;
    let (head, lines) = text.split_at_checked(end)?;
    let summary = Summary::read(head)?;
    let fits = summary.format == FORMAT && summary.bytes == bytes;
    if !fits || summary.hash != Hash::of(lines) {
        return None;
    }
    let part = |line: &str| {
        let mut numbers = line.split(' ').map(|number| number.parse().ok());
        Some(Part {
            first: numbers.next()??,
            offset: numbers.next()??,
            latest_us: numbers.next()??,
        })
    };
    let lines = str::from_utf8(lines).ok()?.lines();
    Some(Known {
        parts: lines.map(part).collect::<Option<_>>()?,
        next: summary.next,
        bytes,
        stored_us: summary.stored_us,
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc};

    use super::*;

    #[test]
    fn nothing_is_written_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let [kept, beside] = ["kept", "1.index"].map(|name| folder.path().join(name));
        fs::write(&kept, "precious").unwrap();
        std::os::unix::fs::symlink(&kept, &beside).unwrap();
        assert!(put(&beside, b"index").is_err());
        assert_eq!(fs::read(&kept).unwrap(), b"precious");
    }

    #[test]
    fn what_does_not_fit_its_file_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.events");
        let part = |first| Part {
            first,
            offset: first * 10,
            latest_us: 7,
        };
        let segment = Segment {
            name: "x".to_owned(),
            file: Arc::new(File::create(&path).unwrap()),
            path: Some(path.clone()),
            parts: vec![part(1), part(5)],
            next: 9,
            bytes: 1000,
            stored_us: 3,
        };
        write(&segment);
        let known = read(&path, 1000).unwrap();
        assert_eq!(known.parts, segment.parts);
        assert_eq!((known.next, known.stored_us), (9, 3));
        assert_eq!(read(&path, 1001), None);
        let text = fs::read(beside(&path)).unwrap();
        for at in 0..text.len() {
            let mut bad = text.clone();
            bad[at] ^= 1;
            fs::write(beside(&path), bad).unwrap();
            let read = read(&path, 1000);
            assert!(read.is_none_or(|read| read.parts == segment.parts), "{at}");
        }
        fs::remove_file(beside(&path)).unwrap();
        assert_eq!(read(&path, 1000), None);
    }
}
