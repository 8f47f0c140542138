//! A file of a store read from its head to its end: which of it is whole.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek},
};

use xxhash_rust::xxh3::Xxh3;

use super::{
    note::{BatchNote, FORMAT, Hash, Head, Note, is_note},
    segment::Part,
};

/// No line is longer: sources take none of more than a few MiB unless they are asked to.
const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;

/// What is whole in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scanned {
    pub(super) head: Head,
    pub(super) parts: Vec<Part>,
    /// No event in it has this number or a later one.
    pub(super) next: u64,
    /// The length of the head and of the batches that are whole.
    pub(super) bytes: u64,
    pub(super) latest_us: u64,
    pub(super) stored_us: u64,
    pub(super) end: End,
}

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With a whole batch.
    Whole,
    /// With one that was not written to its end.
    Torn,
    /// What is not whole lies before what was written to its end.
    Damaged,
}

/// Why a file does not belong to a store.
#[derive(Debug)]
pub(super) enum Unusable {
    Io(io::Error),
    /// It has no head, not even a part of one.
    Foreign,
    /// Its head was not written to its end, so that nothing follows.
    Headless,
    Format(u64),
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads a file.
pub(super) fn scan(file: &File) -> Result<Scanned, Unusable> {
    let mut file = file;
    file.rewind()?;
    let mut lines = Lines {
        reader: BufReader::with_capacity(256 * 1024, file),
        line: Vec::new(),
    };
    let head = read_head(&mut lines)?;
    let mut scanned = Scanned {
        next: head.first,
        head,
        parts: Vec::new(),
        bytes: lines.line.len() as u64,
        latest_us: 0,
        stored_us: 0,
        end: End::Whole,
    };
    let (mut hash, mut bytes) = (Xxh3::new(), 0);
    while lines.next()? {
        let line = lines.line.as_slice();
        if !is_note(line) {
            hash.update(line);
            bytes += line.len() as u64;
            continue;
        }
        let note = BatchNote::read(line).filter(|_| line.ends_with(b"\n"));
        let is_whole = |note: &BatchNote| {
            note.bytes == bytes && note.is_of(Hash(hash.digest())) && note.first >= scanned.next
        };
        match note {
            Some(note) if scanned.end == End::Whole && is_whole(&note) => {
                scanned.add(&note, bytes + line.len() as u64);
            }
            // A note is written behind its batch: before one that is whole all should be.
            Some(_) => scanned.end = End::Damaged,
            None if scanned.end == End::Whole => scanned.end = End::Torn,
            None => {}
        }
        (hash, bytes) = (Xxh3::new(), 0);
    }
    if bytes > 0 && scanned.end == End::Whole {
        scanned.end = End::Torn;
    }
    Ok(scanned)
}

fn read_head(lines: &mut Lines<'_>) -> Result<Head, Unusable> {
    let is_there = lines.next()?;
    let line = lines.line.as_slice();
    if !is_there || (is_note(line) && !line.ends_with(b"\n")) {
        return Err(Unusable::Headless);
    }
    match Head::read(line) {
        Some(head) if head.format == FORMAT => Ok(head),
        Some(head) => Err(Unusable::Format(head.format)),
        None => Err(Unusable::Foreign),
    }
}

impl Scanned {
    fn add(&mut self, note: &BatchNote, bytes: u64) {
        self.parts.push(Part {
            first: note.first,
            offset: self.bytes,
            latest_us: note.latest_us,
        });
        self.next = note.first + note.events;
        self.bytes += bytes;
        self.latest_us = note.latest_us;
        self.stored_us = note.stored_us;
    }
}

struct Lines<'a> {
    reader: BufReader<&'a File>,
    line: Vec<u8>,
}

impl Lines<'_> {
    /// Reads the next line, with its end; false where there is none.
    fn next(&mut self) -> io::Result<bool> {
        self.line.clear();
        let mut reader = (&mut self.reader).take(MAX_LINE_BYTES);
        Ok(reader.read_until(b'\n', &mut self.line)? > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;
    use crate::serve::unnamed;

    fn batch(first: u64, text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        let note = BatchNote {
            first,
            events: text.lines().count() as u64,
            bytes: text.len() as u64,
            hash: Hash(0),
            latest_us: first,
            stored_us: first + 1,
            upstream: None,
        };
        note.sealed(Hash::of(text.as_bytes())).push(&mut bytes);
        bytes
    }

    fn head() -> Vec<u8> {
        let mut head = Vec::new();
        let first = 5;
        Head {
            format: FORMAT,
            first,
            boot: None,
        }
        .push(&mut head);
        head
    }

    fn scanned(bytes: &[u8]) -> Result<Scanned, Unusable> {
        let file = unnamed::file().unwrap();
        file.write_all_at(bytes, 0).unwrap();
        scan(&file)
    }

    #[test]
    fn a_file_is_cut_behind_its_last_whole_batch_wherever_it_ends() {
        let (head, one, two) = (head(), batch(5, "{a}\n{b}\n"), batch(9, "{c}\n"));
        let whole = [head.clone(), one.clone(), two].concat();
        let all = scanned(&whole).unwrap();
        let numbers: Vec<_> = all.parts.iter().map(|part| part.first).collect();
        assert_eq!((numbers, all.next, all.end), (vec![5, 9], 10, End::Whole));
        assert_eq!((all.latest_us, all.stored_us), (9, 10));
        let ends = [head.len(), head.len() + one.len(), whole.len()];
        for cut in head.len()..whole.len() {
            let found = scanned(&whole[..cut]).unwrap();
            let end = ends.into_iter().rfind(|end| *end <= cut).unwrap();
            assert_eq!(found.bytes, end as u64, "{cut}");
            assert_eq!(found.end == End::Whole, end == cut, "{cut}");
            assert_ne!(found.end, End::Damaged, "{cut}");
        }
    }

    #[test]
    fn damage_before_whole_batches_is_no_torn_end() {
        let (head, one, two) = (head(), batch(5, "{a}\n{b}\n"), batch(7, "{c}\n"));
        let whole = [head.clone(), one.clone(), two].concat();
        for at in head.len()..head.len() + one.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            // Not all of a note is looked at: where it came from is.
            let found = scanned(&bytes).unwrap();
            if found.end != End::Whole {
                assert_eq!(found.end, End::Damaged, "{at}");
                assert_eq!(found.bytes, head.len() as u64);
            } else {
                assert!(at > head.len() + 8, "{at}");
            }
        }
    }

    #[test]
    fn what_is_no_file_of_a_store_is_refused() {
        assert!(matches!(scanned(b""), Err(Unusable::Headless)));
        assert!(matches!(scanned(b"[\"store\",{"), Err(Unusable::Headless)));
        assert!(matches!(scanned(b"{}\n"), Err(Unusable::Foreign)));
        let later = b"[\"store\",{\"format\":2,\"first\":1}]\n";
        assert!(matches!(scanned(later), Err(Unusable::Format(2))));
    }
}
