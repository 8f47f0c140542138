//! What a file of a store says between its events: a line at its head, and one behind each batch.
//!
//! Events are objects and these lines arrays, so that none is taken for the other whatever comes
//! from upstream. All of it is lines of JSON.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use xxhash_rust::xxh3::xxh3_64;

use crate::event::Position;

/// The format of the files that this version writes, and the only one that it reads.
pub(super) const FORMAT: u64 = 1;

/// What a line begins with that is no event.
const MARK: &[u8] = b"[";

/// Whether a line stands between the events.
pub(super) fn is_note(line: &[u8]) -> bool {
    line.starts_with(MARK)
}

/// The head of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) format: u64,
    /// No event in it has a lower number.
    pub(super) first: u64,
    /// What tells since which start of the machine it was written, where the system says.
    pub(super) boot: Option<String>,
}

/// What is noted behind a batch: what it is, and where upstream it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BatchNote {
    /// The number of its first event; the others follow one by one.
    pub(super) first: u64,
    pub(super) events: u64,
    /// The length of the events' lines, and a hash of them and of the numbers here.
    pub(super) bytes: u64,
    pub(super) hash: Hash,
    /// The latest time of any event in the store up to here.
    pub(super) latest_us: u64,
    /// When it was written, by our clock.
    pub(super) stored_us: u64,
    /// Where its last event came from, and its place there, where the source says.
    pub(super) upstream: Option<Position>,
}

impl BatchNote {
    /// The same with its hash, for lines of this hash.
    pub(super) fn sealed(mut self, lines: Hash) -> Self {
        self.hash = self.hash_with(lines);
        self
    }

    /// Whether it was written behind lines of this hash.
    pub(super) fn is_of(&self, lines: Hash) -> bool {
        self.hash == self.hash_with(lines)
    }

    fn hash_with(&self, lines: Hash) -> Hash {
        let numbers = [
            lines.0,
            self.first,
            self.events,
            self.bytes,
            self.latest_us,
            self.stored_us,
        ];
        Hash::of(&numbers.map(u64::to_le_bytes).concat())
    }
}

/// A hash of lines, as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hash(pub(super) u64);

impl Hash {
    pub(super) fn of(lines: &[u8]) -> Self {
        Self(xxh3_64(lines))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let hash = u64::from_str_radix(&text, 16);
        hash.map(Self)
            .map_err(|_| D::Error::custom("a hash is hexadecimal digits"))
    }
}

/// A note with the word that says what it is.
pub(super) trait Note: Serialize + for<'de> Deserialize<'de> {
    const WORD: &'static str;

    /// Appends its line.
    fn push(&self, out: &mut Vec<u8>) {
        let line = serde_json::to_vec(&(Self::WORD, self));
        out.extend(line.expect("plain data with string keys is always JSON"));
        out.push(b'\n');
    }

    /// Reads its line; `None` where it is something else.
    fn read(line: &[u8]) -> Option<Self> {
        let (word, note): (std::borrow::Cow<'_, str>, Self) = serde_json::from_slice(line).ok()?;
        (word == Self::WORD).then_some(note)
    }
}

impl Note for Head {
    const WORD: &'static str = "store";
}

impl Note for BatchNote {
    const WORD: &'static str = "batch";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Origin, Point};

    #[test]
    fn a_note_is_read_as_it_was_written_and_is_no_event() {
        let note = BatchNote {
            first: 7,
            events: 2,
            bytes: 9,
            hash: Hash::of(b"x"),
            latest_us: 5,
            stored_us: 6,
            upstream: Some(Position {
                origin: Origin {
                    source: "jetstream".into(),
                    host: "wss://example.com".to_owned(),
                    instance: None,
                },
                point: Point {
                    seq: Some(3),
                    time_us: 5,
                    identity: None,
                },
            }),
        };
        let mut line = Vec::new();
        note.push(&mut line);
        assert!(is_note(&line) && line.ends_with(b"\n"));
        assert_eq!(BatchNote::read(&line), Some(note));
        assert_eq!(Head::read(&line), None);
        for cut in 1..line.len() - 1 {
            assert_eq!(BatchNote::read(&line[..cut]), None, "{cut}");
        }
        assert!(!is_note(br#"{"batch":{"first":7}}"#));
    }
}
