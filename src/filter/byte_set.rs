//! A set of names that every event is looked up in.

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState},
    sync::Arc,
};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A set of names, found by their hashes.
///
/// No two names of a set have the same hash. The seed is random, for names can be those of a
/// stranger: `serve` filters for every client.
#[derive(Debug, Clone, Default)]
pub(super) struct ByteSet {
    seed: u64,
    /// A bit for each name, found by its hash. Few others have one there, and most are known by
    /// that: it lies in the cache of the processor, where ten thousand names do not.
    marks: Box<[u64]>,
    by_hash: HashMap<u64, Arc<[u8]>, BuildHasherDefault<IdentityHasher>>,
}

impl ByteSet {
    /// The set of these names.
    pub(super) fn new<I: Iterator<Item = Arc<[u8]>>>(names: impl Fn() -> I) -> Self {
        loop {
            let seed = RandomState::new().hash_one(0);
            if let Some(set) = Self::seeded(seed, names(), xxh3_64_with_seed) {
                return set;
            }
        }
    }

    /// The set, unless two of the names have the same hash with this seed.
    fn seeded(
        seed: u64,
        all: impl Iterator<Item = Arc<[u8]>>,
        hash: impl Fn(&[u8], u64) -> u64,
    ) -> Option<Self> {
        let (len, _) = all.size_hint();
        let mut by_hash = HashMap::with_capacity_and_hasher(len, BuildHasherDefault::default());
        for name in all {
            match by_hash.insert(hash(&name, seed), Arc::clone(&name)) {
                Some(other) if other != name => return None,
                Some(_) | None => {}
            }
        }
        let n_words = (by_hash.len() * BITS_PER_NAME / 64).next_power_of_two();
        let mut marks = vec![0; n_words].into_boxed_slice();
        for hash in by_hash.keys() {
            let (word, bit) = place(*hash, n_words);
            marks[word] |= bit;
        }
        Some(Self {
            seed,
            marks,
            by_hash,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// Whether it is one of them.
    #[inline]
    pub(super) fn has(&self, name: &[u8]) -> bool {
        if self.is_empty() {
            return false;
        }
        let hash = xxh3_64_with_seed(name, self.seed);
        let (word, bit) = place(hash, self.marks.len());
        self.marks.get(word).is_some_and(|marks| marks & bit != 0)
            && self
                .by_hash
                .get(&hash)
                .is_some_and(|found| **found == *name)
    }
}

/// Of the names that are not among ten thousand, one in fifty has a bit that is set.
const BITS_PER_NAME: usize = 32;

/// The word in which the bit of a hash is, of a power of two of them, and the bit.
#[inline]
fn place(hash: u64, n_words: usize) -> (usize, u64) {
    let word = (hash >> 6) as usize & n_words.wrapping_sub(1);
    (word, 1 << (hash & 63))
}

/// Takes a hash for what it is.
#[derive(Debug, Default)]
struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(names: &'a [&str]) -> impl Iterator<Item = Arc<[u8]>> + use<'a> {
        names.iter().map(|name| name.as_bytes().into())
    }

    #[test]
    fn has_what_was_put_in_and_nothing_else() {
        let all: Vec<String> = (0..20_000).map(|n| format!("did:web:n{n}")).collect();
        let (inside, outside) = all.split_at(10_000);
        let set = ByteSet::new(|| inside.iter().map(|name| name.as_bytes().into()));
        assert!(inside.iter().all(|name| set.has(name.as_bytes())));
        assert!(!outside.iter().any(|name| set.has(name.as_bytes())));
        assert!(!set.is_empty() && ByteSet::default().is_empty());
        assert!(!ByteSet::default().has(b""));
    }

    #[test]
    fn two_names_of_one_hash_take_another_seed() {
        let by_length = |name: &[u8], seed| name.len() as u64 + seed;
        assert!(ByteSet::seeded(0, names(&["a", "b"]), by_length).is_none());
        let set = ByteSet::seeded(0, names(&["a", "bc", "a"]), by_length).unwrap();
        assert_eq!(set.by_hash.len(), 2);
        let set = ByteSet::new(|| names(&["a", "b", "a"]));
        assert!(set.has(b"a") && set.has(b"b") && !set.has(b"c"));
    }
}
