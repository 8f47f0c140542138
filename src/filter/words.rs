//! A filter in words, the same for equal filters.

use std::fmt::Write as _;

use xxhash_rust::xxh3::Xxh3Default;

/// More names than this are counted, not listed.
const LISTED: usize = 3;

/// The parts of a filter in words; empty where a part keeps everything.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    pub(super) kinds: String,
    pub(super) collections: String,
    pub(super) operations: String,
    pub(super) dids: String,
}

impl Words {
    /// The same as in cursors that are saved already.
    pub(super) fn sentence(&self) -> String {
        let mut text = match self.kinds.as_str() {
            "" => "all kinds of events".to_owned(),
            kinds => format!("{kinds} events"),
        };
        let parts = [
            ("collections", &self.collections),
            ("operations", &self.operations),
            ("accounts", &self.dids),
        ];
        for (what, words) in parts.iter().filter(|(_, words)| !words.is_empty()) {
            // Writing to a String cannot fail.
            write!(text, ", {what} {words}").ok();
        }
        text
    }
}

/// The words in order, each once.
pub(super) fn set_of<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut words: Vec<_> = words.collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// The names, or how many they are and which set of names it is.
pub(super) fn listed(names: &[&str]) -> String {
    if names.len() <= LISTED {
        return names.join(", ");
    }
    let mut all = Xxh3Default::new();
    for name in names {
        all.update(name.as_bytes());
        all.update(&[0]);
    }
    let first = names.first().copied().unwrap_or_default();
    format!(
        "{first} and {} more (set {:08x})",
        names.len() - 1,
        all.digest() >> 32
    )
}
