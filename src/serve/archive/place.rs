//! Where a block of the feed begins: a file, a block of it, and a row of that, as one number.

const ROW_BITS: u32 = 18;
const BLOCK_BITS: u32 = 20;

/// A row of an archive, with which a block of the feed begins. Both limits are those of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockPlace {
    pub(super) file: usize,
    pub(super) block: u32,
    pub(super) row: u32,
}

impl BlockPlace {
    /// The first row of a file.
    pub(super) fn of_file(file: usize) -> Self {
        Self {
            file,
            block: 0,
            row: 0,
        }
    }

    pub(super) fn of(index: u64) -> Self {
        let bits = |from: u32, n: u32| (index >> from) & ((1 << n) - 1);
        let small = |bits| u32::try_from(bits).unwrap_or_default();
        Self {
            file: usize::try_from(index >> (ROW_BITS + BLOCK_BITS)).unwrap_or(usize::MAX),
            block: small(bits(ROW_BITS, BLOCK_BITS)),
            row: small(bits(0, ROW_BITS)),
        }
    }

    pub(super) fn index(self) -> u64 {
        let Self { file, block, row } = self;
        (file as u64) << (ROW_BITS + BLOCK_BITS) | u64::from(block) << ROW_BITS | u64::from(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_from_its_number_and_places_rise() {
        let (last_block, last_row) = ((1 << BLOCK_BITS) - 1, (1 << ROW_BITS) - 1);
        let mut before = None;
        for (file, block, row) in [
            (0, 0, 0),
            (0, 0, last_row),
            (0, 1, 0),
            (0, last_block, last_row),
            (1, 0, 0),
            (7_000, 12, 34),
        ] {
            let place = BlockPlace { file, block, row };
            assert_eq!(BlockPlace::of(place.index()), place);
            assert!(before < Some(place.index()), "{place:?}");
            before = Some(place.index());
        }
    }
}
