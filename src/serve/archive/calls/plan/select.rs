//! Which blocks of a file hold what is asked for, as far as its footer tells.

use super::{PlanRequest, Range};
use crate::{
    event::Kind,
    segment::{BlockInflater, CollectionIndex, Footer, SegmentError, SegmentFile, SegmentHeader},
    serve::archive::calls::shelf::{Generation, Named},
};

/// Looks into one file after the other.
#[derive(Debug)]
pub(super) struct Selector<'a> {
    request: &'a PlanRequest,
    inflater: BlockInflater,
}

/// What is to be read of a file.
#[derive(Debug)]
pub(super) struct Selection {
    /// Of which generation.
    pub(super) checksum: u64,
    /// How many blocks, of how many.
    pub(super) selected: u32,
    of: u32,
    /// Blocks next to each other, with the highest number that they cover. Empty where a look into
    /// the footer could only have told that the file is dense.
    pub(super) ranges: Vec<(Range, u64)>,
}

impl Selection {
    fn none(header: &SegmentHeader) -> Self {
        Self {
            checksum: header.checksum,
            selected: 0,
            of: header.blocks,
            ranges: Vec::new(),
        }
    }

    /// Whether it is better to read all of the file: three of four blocks, as servers have it.
    pub(super) fn is_dense(&self) -> bool {
        u64::from(self.selected) * 4 >= u64::from(self.of) * 3
    }

    fn add(&mut self, block: u32, max_seq: u64) {
        self.selected += 1;
        match self.ranges.last_mut() {
            Some((range, last_seq)) if range.last + 1 == block => {
                (range.last, *last_seq) = (block, max_seq);
            }
            _ => {
                let range = Range {
                    first: block,
                    last: block,
                };
                self.ranges.push((range, max_seq));
            }
        }
    }
}

impl<'a> Selector<'a> {
    pub(super) fn new(request: &'a PlanRequest) -> Self {
        Self {
            request,
            inflater: BlockInflater::default(),
        }
    }

    /// Selects blocks of a file, and reads no more of it than it has to.
    pub(super) fn select(&mut self, named: &Named) -> Result<Selection, SegmentError> {
        let request = self.request;
        let known = named.known()?;
        if known.header.events == 0 {
            return Ok(Selection::none(&known.header));
        }
        let is_all = request.is_of_all_kinds()
            && request.accounts.is_empty()
            && request.covers(named.min_seq, named.max_seq);
        if let Some(filled) = known.filled.filter(|_| is_all) {
            let selection = Selection {
                selected: filled,
                ..Selection::none(&known.header)
            };
            if selection.is_dense() {
                return Ok(selection);
            }
        }
        let Generation { file, header } = named.open()?;
        let is_whole = named.known()?.filled.is_some();
        let mut footer = if is_whole {
            file.footer_unchecked(&header, &mut self.inflater)?
        } else {
            file.footer(&header, &mut self.inflater)?
        };
        let (selection, filled) = self.look(&file, &header, &mut footer)?;
        named.note_filled(header.checksum, filled);
        Ok(selection)
    }

    /// What is selected, and how many blocks have any events.
    fn look(
        &self,
        file: &SegmentFile,
        header: &SegmentHeader,
        footer: &mut Footer,
    ) -> Result<(Selection, u32), SegmentError> {
        let request = self.request;
        let mut selection = Selection::none(header);
        let mut filled = 0;
        let has_accounts = !request.accounts.is_empty();
        let is_in_file = !has_accounts || file.may_hold(header, &request.accounts)?;
        let candidates = Candidates::of(&footer.collections, request);
        let mut block = 0;
        while let Some(entry) = footer.entry(file, block)? {
            filled += u32::from(entry.events > 0);
            let is_selected = is_in_file
                && entry.events > 0
                && request.reaches(entry.min_seq, entry.max_seq)
                && candidates.are_in(footer.collections.of_block(block))
                && (!has_accounts || file.block_may_hold(footer, block, &request.accounts)?);
            if is_selected {
                selection.add(block, entry.max_seq);
            }
            block += 1;
        }
        Ok((selection, filled))
    }
}

/// The names of a file's index that stand for what is asked for, a bit for each.
#[derive(Debug)]
enum Candidates {
    /// Whatever is in a block.
    All,
    Some(Vec<u8>),
}

impl Candidates {
    fn of(index: &CollectionIndex, request: &PlanRequest) -> Self {
        if request.is_of_all_kinds() {
            return Self::All;
        }
        let mut bits = vec![0; index.len().div_ceil(8)];
        for (at, (name, _)) in index.iter().enumerate() {
            let is_wanted = match marked(name) {
                Some(kind) => request.wants(kind),
                None => request.wants_collection(name),
            };
            if let Some(byte) = bits.get_mut(at / 8).filter(|_| is_wanted) {
                *byte |= 1 << (at % 8);
            }
        }
        Self::Some(bits)
    }

    fn are_in(&self, mask: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Some(bits) => bits.iter().zip(mask).any(|(bit, has)| bit & has != 0),
        }
    }
}

/// The kind whose blocks the index keeps under this name.
fn marked(name: &[u8]) -> Option<Kind> {
    match name {
        b"$account" => Some(Kind::Account),
        b"$identity" => Some(Kind::Identity),
        b"$sync" => Some(Kind::Sync),
        _ => None,
    }
}
