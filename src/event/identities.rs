//! Sets of identities, which are hashes already.

use std::{
    collections::HashSet,
    hash::{BuildHasher, Hasher, RandomState},
};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Identity;

/// A set of identities.
pub(crate) type Identities = HashSet<Identity, Stir>;

/// Finds the place of an identity in a set by one multiplication.
///
/// By a secret number, because identities are the same everywhere, and an author of records can
/// choose those that are alike.
#[derive(Debug, Clone)]
pub(crate) struct Stir {
    secret: u64,
}

impl Default for Stir {
    fn default() -> Self {
        let secret = RandomState::new().hash_one(0) | 1;
        Self { secret }
    }
}

impl BuildHasher for Stir {
    type Hasher = Stirred;

    #[inline]
    fn build_hasher(&self) -> Stirred {
        Stirred(self.secret)
    }
}

/// The secret, and then the hash that was stirred with it.
#[derive(Debug)]
pub(crate) struct Stirred(u64);

impl Hasher for Stirred {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = fold(hash, self.0);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

/// Both halves of the whole product: sets go by the lowest bits, which the higher bits of a hash
/// reach by no multiplication, and one half alone spreads badly under some secrets.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the lower half")]
fn fold(hash: u64, secret: u64) -> u64 {
    let product = u128::from(hash) * u128::from(secret);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_that_are_alike_have_places_of_their_own() {
        const N: usize = 10_000;
        let mut random = fastrand::Rng::with_seed(3);
        // Under the last three the higher bits of the product alone have few values.
        let bad = [
            0xf7f0_8000_0762_fe5b,
            0xa7f4_6ece_540a_b409,
            0x8a75_6a56_a512_15c1,
        ];
        for secret in [random.u64(..) | 1].into_iter().chain(bad) {
            for alike in [0, 0xffff_ffff, 0xffff_ffff << 32, 0xffff_ffff << 16] {
                let places: HashSet<_> = std::iter::repeat_with(|| random.u64(..) | alike)
                    .map(|hash| Stir { secret }.hash_one(hash) & 0x3fff)
                    .take(N)
                    .collect();
                // By chance it would be 7,500 of 16,384.
                assert!(
                    places.len() > 7000,
                    "{secret:x} {alike:x}: {}",
                    places.len()
                );
            }
        }
    }
}
