//! A block that is filled: its columns, one after the other once it is full.

use std::ops::RangeInclusive;

use crate::segment::{entry::ROW_BYTES, row::Row};

#[derive(Debug, Default)]
pub(super) struct Columns {
    /// Numbers, times and lengths, as many bytes a row as each takes.
    fixed: [Vec<u8>; 9],
    /// Collections, DIDs, record keys, revisions, payloads.
    texts: [Vec<u8>; 5],
    n_rows: usize,
    ranges: Option<(RangeInclusive<u64>, RangeInclusive<i64>)>,
}

impl Columns {
    pub(super) fn len(&self) -> usize {
        self.n_rows
    }

    /// How long the block is, inflated.
    pub(super) fn body_bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(Vec::len).sum();
        4 + self.n_rows * ROW_BYTES as usize + texts
    }

    /// The ranges of numbers and times of the rows.
    pub(super) fn ranges(&self) -> Option<(RangeInclusive<u64>, RangeInclusive<i64>)> {
        self.ranges.clone()
    }

    /// Adds a row whose lengths fit.
    pub(super) fn push(&mut self, row: &Row<'_>) {
        let texts = [row.collection, row.did, row.rkey, row.rev, row.payload];
        let [collection, did, rkey, rev, payload] = texts.map(|text| text.len().to_le_bytes());
        let fixed: [&[u8]; 9] = [
            &row.seq.to_le_bytes(),
            &row.witnessed_at.to_le_bytes(),
            &row.indexed_at.to_le_bytes(),
            &[row.kind as u8],
            &collection[..1],
            &did[..2],
            &rkey[..1],
            &rev[..1],
            &payload[..4],
        ];
        for (column, bytes) in self.fixed.iter_mut().zip(fixed) {
            column.extend_from_slice(bytes);
        }
        for (column, text) in self.texts.iter_mut().zip(texts) {
            column.extend_from_slice(text);
        }
        self.n_rows += 1;
        let (seq, time) = (row.seq, row.witnessed_at);
        let (seqs, times) = self.ranges.take().unwrap_or((seq..=seq, time..=time));
        self.ranges = Some((
            *seqs.start().min(&seq)..=*seqs.end().max(&seq),
            *times.start().min(&time)..=*times.end().max(&time),
        ));
    }

    /// Puts the block into `body`; the next one begins empty.
    pub(super) fn finish(&mut self, body: &mut Vec<u8>) {
        body.clear();
        body.extend_from_slice(&u32::try_from(self.n_rows).unwrap_or(u32::MAX).to_le_bytes());
        for column in self.fixed.iter_mut().chain(&mut self.texts) {
            body.extend_from_slice(column);
            column.clear();
        }
        self.n_rows = 0;
        self.ranges = None;
    }
}
