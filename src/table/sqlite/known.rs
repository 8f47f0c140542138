//! Which records and accounts may have been removed from: asked for each record that is written, so
//! that the database hardly ever has to be.
//!
//! A Bloom filter of a fixed size: it may say yes of one that was not, and never no of one that was.

use rusqlite::Connection;
use xxhash_rust::xxh3::xxh3_64;

/// The bits, 4 MiB of them.
const BITS: u64 = 1 << 25;

/// How many bits stand for a name.
const PROBES: u32 = 4;

/// With more names it would say yes of most, and so does of all.
const MAX_NAMES: usize = 4_000_000;

/// The names.
#[derive(Debug)]
pub(super) struct Known {
    bits: Vec<u64>,
    n_names: usize,
}

impl Known {
    /// What finds the names of all that a database knows to be removed from.
    pub(super) const REMOVED: [&str; 2] = [
        "SELECT did FROM rocketman_floors",
        "SELECT uri FROM rocketman_deleted",
    ];

    /// Those that a database finds by these statements.
    pub(super) fn load(connection: &Connection, sql: &[&str]) -> rusqlite::Result<Self> {
        let mut known = Self {
            bits: vec![0; (BITS / 64) as usize],
            n_names: 0,
        };
        for sql in sql {
            let mut rows = connection.prepare(sql)?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                known.add(row.get_ref(0)?.as_str()?);
                if known.n_names > MAX_NAMES {
                    return Ok(known);
                }
            }
        }
        Ok(known)
    }

    /// Adds the address of a record, or an account. One that comes again is counted once.
    pub(super) fn add(&mut self, name: &str) {
        let mut is_new = false;
        for (word, bit) in places(name) {
            if let Some(word) = self.bits.get_mut(word) {
                is_new |= *word & bit == 0;
                *word |= bit;
            }
        }
        self.n_names += usize::from(is_new);
    }

    /// Whether it may have been added.
    pub(super) fn may_have(&self, name: &str) -> bool {
        let is_set =
            |(word, bit): (usize, u64)| self.bits.get(word).is_some_and(|word| word & bit != 0);
        self.n_names > MAX_NAMES || (self.n_names > 0 && places(name).all(is_set))
    }
}

/// The words of the bits that stand for a name, and the bits in them.
fn places(name: &str) -> impl Iterator<Item = (usize, u64)> {
    let hash = xxh3_64(name.as_bytes());
    let (mut at, step) = (hash, (hash >> 32) | 1);
    (0..PROBES).map(move |_| {
        at = at.wrapping_add(step);
        let bit = at % BITS;
        ((bit / 64) as usize, 1 << (bit % 64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_known_and_little_else() {
        let database = Connection::open_in_memory().unwrap();
        database
            .execute_batch(
                "CREATE TABLE rocketman_floors (did TEXT); CREATE TABLE rocketman_deleted (uri TEXT);
                INSERT INTO rocketman_floors VALUES ('did:plc:a');
                INSERT INTO rocketman_deleted VALUES ('at://a/b/c')",
            )
            .unwrap();
        let mut known = Known::load(&database, &Known::REMOVED).unwrap();
        assert!(known.may_have("did:plc:a") && known.may_have("at://a/b/c"));
        assert!(!known.may_have("did:plc:b"));
        let name = |n: u64| format!("at://did:plc:x/a.b.c/{n}");
        (0..100_000).for_each(|n| known.add(&name(n)));
        assert!((0..100_000).all(|n| known.may_have(&name(n))));
        let wrong = (100_000..200_000)
            .filter(|n| known.may_have(&name(*n)))
            .count();
        assert!(wrong < 100, "{wrong}");
        let n_names = known.n_names;
        (0..100_000).for_each(|n| known.add(&name(n)));
        assert_eq!(known.n_names, n_names, "they come again");
        known.n_names = MAX_NAMES + 1;
        assert!(known.may_have("did:plc:b"));
    }
}
