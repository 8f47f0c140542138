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
/// By a secret number, for identities are the same everywhere, and whoever writes records can
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

/// Sets go by the lowest bits, where nothing of the higher ones gets by a multiplication: these
/// many bits of the product change places with the rest.
const HIGHEST: u32 = 26;

impl Hasher for Stirred {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash.wrapping_mul(self.0).rotate_left(HIGHEST);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_that_are_alike_have_places_of_their_own() {
        const N: usize = 10_000;
        let mut random = fastrand::Rng::with_seed(3);
        for alike in [0, 0xffff_ffff, 0xffff_ffff << 32, 0xffff_ffff << 16] {
            let mut choose = || random.u64(..) | alike;
            let chosen: Identities = std::iter::repeat_with(&mut choose)
                .map(|hash| Identity::parse(&format!("{hash:016x}")).unwrap())
                .take(N)
                .collect();
            let stir = chosen.hasher();
            let places: HashSet<_> = chosen
                .iter()
                .map(|identity| stir.hash_one(identity) & 0x3fff)
                .collect();
            // By chance it would be 7,500 of 16,384.
            assert!(places.len() > 7000, "{alike:x}: {}", places.len());
        }
    }
}
