//! An inflated block: columns of fixed width, then the texts of all rows, column by column.
//!
//! Nothing is copied, and nothing allocated: every length is checked against what is there before
//! the first row comes.

use super::{
    bytes::u32_at,
    entry::{MAX_BLOCK_EVENTS, ROW_BYTES},
    error::Damage,
    row::{Kind, Row},
};

/// The columns of a block; a row at a time is taken off their front.
#[derive(Debug, Clone)]
pub(crate) struct Rows<'a> {
    seqs: &'a [[u8; 8]],
    witnessed: &'a [[u8; 8]],
    indexed: &'a [[u8; 8]],
    kinds: &'a [u8],
    collection_lens: &'a [u8],
    did_lens: &'a [[u8; 2]],
    rkey_lens: &'a [u8],
    rev_lens: &'a [u8],
    payload_lens: &'a [[u8; 4]],
    collections: &'a [u8],
    dids: &'a [u8],
    rkeys: &'a [u8],
    revs: &'a [u8],
    payloads: &'a [u8],
}

impl<'a> Rows<'a> {
    /// Reads a block, all of which is there.
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, Damage> {
        let n = u32_at(body, 0);
        let columns = body.get(4..).ok_or(Damage::Columns)?;
        // Both are below 2^32, and their product below 2^64.
        let fixed = u64::from(n) * u64::from(ROW_BYTES);
        if n > MAX_BLOCK_EVENTS || fixed > columns.len() as u64 {
            return Err(Damage::Columns);
        }
        let n = n as usize;
        let mut rest = columns;
        let (seqs, witnessed) = (take(&mut rest, n * 8), take(&mut rest, n * 8));
        let (indexed, kinds) = (take(&mut rest, n * 8), take(&mut rest, n));
        let (collection_lens, did_lens) = (take(&mut rest, n), take(&mut rest, n * 2));
        let (rkey_lens, rev_lens) = (take(&mut rest, n), take(&mut rest, n));
        let payload_lens = take(&mut rest, n * 4).as_chunks().0;
        let did_lens = did_lens.as_chunks().0;
        let sum = |lens: &[u8]| lens.iter().map(|len| u64::from(*len)).sum::<u64>();
        let lens = [
            sum(collection_lens),
            did_lens
                .iter()
                .map(|len| u64::from(u16::from_le_bytes(*len)))
                .sum(),
            sum(rkey_lens),
            sum(rev_lens),
            payload_lens
                .iter()
                .map(|len| u64::from(u32::from_le_bytes(*len)))
                .sum(),
        ];
        // At most 2^18 lengths below 2^32 each.
        if lens.iter().sum::<u64>() != rest.len() as u64 {
            return Err(Damage::Columns);
        }
        if !kinds.iter().all(|kind| Kind::of(*kind).is_some()) {
            return Err(Damage::Kind);
        }
        let mut text = |at: usize| {
            let len = lens.get(at).copied().unwrap_or_default();
            take(&mut rest, usize::try_from(len).unwrap_or(usize::MAX))
        };
        Ok(Self {
            seqs: seqs.as_chunks().0,
            witnessed: witnessed.as_chunks().0,
            indexed: indexed.as_chunks().0,
            kinds,
            collection_lens,
            did_lens,
            rkey_lens,
            rev_lens,
            payload_lens,
            collections: text(0),
            dids: text(1),
            rkeys: text(2),
            revs: text(3),
            payloads: text(4),
        })
    }

    /// Without the first `n` rows.
    pub(crate) fn after(mut self, n: usize) -> Self {
        let n = n.min(self.seqs.len());
        let sum = |lens: &[u8]| lens.iter().map(|len| usize::from(*len)).sum();
        let collections = sum(take_column(&mut self.collection_lens, n));
        let dids = take_column(&mut self.did_lens, n).iter();
        let dids = dids.map(|len| usize::from(u16::from_le_bytes(*len))).sum();
        let rkeys = sum(take_column(&mut self.rkey_lens, n));
        let revs = sum(take_column(&mut self.rev_lens, n));
        let payloads = take_column(&mut self.payload_lens, n).iter();
        let payloads = payloads.map(|len| u32::from_le_bytes(*len) as usize).sum();
        for column in [&mut self.seqs, &mut self.witnessed, &mut self.indexed] {
            take_column(column, n);
        }
        take_column(&mut self.kinds, n);
        take(&mut self.collections, collections);
        take(&mut self.dids, dids);
        take(&mut self.rkeys, rkeys);
        take(&mut self.revs, revs);
        take(&mut self.payloads, payloads);
        self
    }

    /// Number and witnessed time of each row.
    pub(crate) fn places(&self) -> impl Iterator<Item = (u64, i64)> {
        let seqs = self.seqs.iter().map(|seq| u64::from_le_bytes(*seq));
        seqs.zip(self.witnessed.iter().map(|time| i64::from_le_bytes(*time)))
    }
}

/// The next bytes, as far as they are there.
fn take<'a>(rest: &mut &'a [u8], n: usize) -> &'a [u8] {
    take_column(rest, n)
}

fn take_column<'a, T>(column: &mut &'a [T], n: usize) -> &'a [T] {
    let (taken, behind) = column.split_at(n.min(column.len()));
    *column = behind;
    taken
}

fn next<T: Copy>(column: &mut &[T]) -> Option<T> {
    let (first, rest) = column.split_first()?;
    *column = rest;
    Some(*first)
}

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    #[inline]
    fn next(&mut self) -> Option<Row<'a>> {
        let seq = u64::from_le_bytes(next(&mut self.seqs)?);
        let collection_len = usize::from(next(&mut self.collection_lens)?);
        let did_len = usize::from(u16::from_le_bytes(next(&mut self.did_lens)?));
        let rkey_len = usize::from(next(&mut self.rkey_lens)?);
        let rev_len = usize::from(next(&mut self.rev_lens)?);
        let payload_len = u32::from_le_bytes(next(&mut self.payload_lens)?) as usize;
        Some(Row {
            seq,
            witnessed_at: i64::from_le_bytes(next(&mut self.witnessed)?),
            indexed_at: i64::from_le_bytes(next(&mut self.indexed)?),
            kind: Kind::of(next(&mut self.kinds)?)?,
            collection: take(&mut self.collections, collection_len),
            did: take(&mut self.dids, did_len),
            rkey: take(&mut self.rkeys, rkey_len),
            rev: take(&mut self.revs, rev_len),
            payload: take(&mut self.payloads, payload_len),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.seqs.len(), Some(self.seqs.len()))
    }
}

impl ExactSizeIterator for Rows<'_> {}
