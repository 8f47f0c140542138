//! Whether a file, or a block of it, may hold an account: by the bytes of a bloom that are about
//! that account, where reading all of it would take longer.

use super::{
    bloom::{AccountHash, Bloom, BloomHead},
    error::{Fault, SegmentError},
    file::{Footer, SegmentFile},
    header::SegmentHeader,
};

/// What one more read costs, in bytes that are read on.
const READ_COST: u64 = 1024;

impl SegmentFile {
    /// Whether any of these accounts may have events in the file, whose checksum was found to be
    /// right. One whose bloom is not understood may hold any.
    pub(crate) fn may_hold(
        &self,
        header: &SegmentHeader,
        accounts: &[AccountHash],
    ) -> Result<bool, SegmentError> {
        let bytes = header.block_blooms_at - header.file_bloom_at;
        self.in_part(header.file_bloom_at, bytes, accounts)
            .map_err(|fault| self.error(None, fault))?
            .map_or_else(|| Ok(is_any(&self.file_bloom(header)?, accounts)), Ok)
    }

    /// The same of one of its blocks.
    pub(crate) fn block_may_hold(
        &self,
        footer: &Footer,
        block: u32,
        accounts: &[AccountHash],
    ) -> Result<bool, SegmentError> {
        let (at, bytes) = footer.bloom_place(block);
        self.in_part(at, bytes, accounts)
            .map_err(|fault| self.error(Some(block), fault))?
            .map_or_else(
                || Ok(is_any(&self.block_bloom(footer, block)?, accounts)),
                Ok,
            )
    }

    /// What a part of a bloom tells; `None` where all of it is as fast to read.
    fn in_part(
        &self,
        at: u64,
        bytes: u64,
        accounts: &[AccountHash],
    ) -> Result<Option<bool>, Fault> {
        let reads = accounts.len() as u64 + 1;
        if bytes <= reads.saturating_mul(READ_COST) {
            return Ok(None);
        }
        let Some(head) = BloomHead::read(&self.read(at, BloomHead::BYTES)?, bytes) else {
            return Ok(Some(true));
        };
        let mut block = Vec::new();
        for account in accounts {
            let (from, n) = head.place(*account);
            self.read_into(at + from, n, &mut block)?;
            if head.may_hold(&block, *account) {
                return Ok(Some(true));
            }
        }
        Ok(Some(false))
    }
}

/// Whether a bloom may hold any of these accounts.
fn is_any(bloom: &[u8], accounts: &[AccountHash]) -> bool {
    let mut accounts = accounts.iter();
    Bloom::read(bloom).is_none_or(|bloom| accounts.any(|account| bloom.may_hold(*account)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{BloomBuilder, BloomSize};

    #[test]
    fn a_part_of_a_bloom_tells_what_all_of_it_tells() {
        let account = |n: u32| AccountHash::of(format!("did:plc:{n}").as_bytes());
        let mut builder = BloomBuilder::new(BloomSize::of(20_000));
        for n in 0..20_000 {
            builder.add(account(n));
        }
        let bytes = builder.finish();
        let whole = Bloom::read(&bytes).unwrap();
        let head = BloomHead::read(&bytes, bytes.len() as u64).unwrap();
        for account in (0..40_000).map(account) {
            let (from, n) = head.place(account);
            let from = usize::try_from(from).unwrap();
            let block = &bytes[from..from + usize::try_from(n).unwrap()];
            assert_eq!(head.may_hold(block, account), whole.may_hold(account));
        }
        assert!(BloomHead::read(&bytes, bytes.len() as u64 + 1).is_none());
        assert!(BloomHead::read(&bytes[..10], bytes.len() as u64).is_none());
    }
}
