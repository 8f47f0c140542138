//! Numbers that are the same in every version of this program, on every machine: `SplitMix64`
//! (Steele, Lea and Flood, 2014).

/// A sequence of numbers.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

/// The alphabet of Base32, as DIDs and CIDs use it (RFC 4648, in lower case).
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

impl Random {
    /// The sequence number `n` of a seed.
    pub(super) fn new(seed: u64, n: u64) -> Self {
        let mut start = Self(seed);
        Self(
            start
                .number()
                .wrapping_add(n.wrapping_mul(0xd134_2543_de82_ef95)),
        )
    }

    /// The next number.
    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        // The high half of the product: as even as it has to be.
        let product = u128::from(self.number()) * u128::from(n);
        u64::try_from(product >> 64).unwrap_or_default()
    }

    /// One of several.
    pub(super) fn one_of<T: Copy>(&mut self, choice: &[T]) -> Option<T> {
        let idx = usize::try_from(self.below(choice.len() as u64)).unwrap_or_default();
        choice.get(idx).copied()
    }

    /// Letters of Base32, of the given number.
    pub(super) fn letters(&mut self, n: usize, out: &mut Vec<u8>) {
        let mut bits = 0;
        for i in 0..n {
            if i % 12 == 0 {
                bits = self.number();
            }
            out.push(BASE32.get((bits & 31) as usize).copied().unwrap_or(b'a'));
            bits >>= 5;
        }
    }
}
