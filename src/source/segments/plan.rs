//! What is read of the files: one block after the other, as headers, footers and blooms say.

use std::{collections::VecDeque, sync::Arc};

use tracing::info;

use super::{
    archive::{Hole, ListedFile},
    error::ReplayError,
    job::{Job, Mark, Part},
    steps::{ReadCounts, Step, Steps},
    wanted::{Chosen, Wanted},
};
use crate::{
    error::MemberError,
    log::STATE,
    segment::{
        BlockInflater, Fault, Footer, HEADER_BYTES, Opening, SegmentError, SegmentFile,
        SegmentHeader,
    },
    source::OnGap,
};

/// The files that are left, and the one that is open.
#[derive(Debug)]
pub(super) struct Plan {
    wanted: Arc<Wanted>,
    files: VecDeque<ListedFile>,
    n_files: usize,
    open: Option<OpenFile>,
    on_gap: OnGap,
    /// What the hole leads to that was just met.
    ending: Option<ReplayError>,
    inflater: BlockInflater,
}

#[derive(Debug)]
struct OpenFile {
    file: Arc<SegmentFile>,
    blocks: Blocks,
    end: Option<Mark>,
}

#[derive(Debug)]
enum Blocks {
    /// Those of a footer.
    Sealed(Box<SealedBlocks>),
    /// All of them.
    Active,
    /// Nothing more of it is wanted.
    None,
}

/// The blocks of a sealed file.
#[derive(Debug)]
struct SealedBlocks {
    footer: Footer,
    /// Which collections of the footer are wanted.
    chosen: Chosen,
    /// The block that comes next.
    next: u32,
}

impl Plan {
    pub(super) fn new(files: Vec<ListedFile>, wanted: Arc<Wanted>, on_gap: OnGap) -> Self {
        Self {
            wanted,
            n_files: files.len(),
            files: files.into(),
            open: None,
            on_gap,
            ending: None,
            inflater: BlockInflater::default(),
        }
    }

    /// Whether the run ends at such a hole.
    pub(super) fn ends_at(hole: &Hole, on_gap: OnGap) -> bool {
        hole.is_of_folder && on_gap == OnGap::Fail
    }

    fn advance(&mut self, counts: &mut ReadCounts) -> Result<Option<Step>, ReplayError> {
        if let Some(error) = self.ending.take() {
            return Err(error);
        }
        if let Some(open) = &mut self.open {
            if let Some(part) = open.next_part(&self.wanted, counts)? {
                return Ok(Some(Step::Print(Job {
                    part,
                    wanted: Arc::clone(&self.wanted),
                })));
            }
            let end = open.end;
            self.open = None;
            return Ok(Some(Step::Passed(end)));
        }
        let Some(next) = self.files.front_mut() else {
            return Ok(None);
        };
        if let Some(hole) = next.hole.take() {
            self.ending = Self::ends_at(&hole, self.on_gap).then(|| ReplayError::Hole {
                from: hole.from,
                to: hole.to,
                before: next.path.clone(),
            });
            return Ok(Some(Step::Gap));
        }
        let opened = OpenFile::open(next, &self.wanted, &mut self.inflater, counts);
        self.files.pop_front();
        self.open = Some(opened?);
        self.advance(counts)
    }
}

impl Steps for Plan {
    async fn next(&mut self, counts: &mut ReadCounts) -> Result<Option<Step>, MemberError> {
        Ok(self.advance(counts)?)
    }

    fn want(&mut self, wanted: Arc<Wanted>) {
        self.wanted = wanted;
    }

    fn tell_end(&self, counts: &ReadCounts) {
        let ReadCounts {
            files,
            blocks,
            bytes,
            left_blocks,
            left_bytes,
        } = counts;
        let all = self.n_files;
        info!(target: STATE, files, blocks, bytes, left_blocks, left_bytes, "read {blocks} blocks of {files} of {all} files, {bytes} bytes; {left_blocks} blocks, {left_bytes} bytes, hold nothing that is wanted");
    }
}

impl OpenFile {
    /// Opens a file that was listed.
    fn open(
        listed: &ListedFile,
        wanted: &Wanted,
        inflater: &mut BlockInflater,
        counts: &mut ReadCounts,
    ) -> Result<Self, ReplayError> {
        let file = SegmentFile::open(&listed.path)?;
        counts.bytes += HEADER_BYTES as u64;
        let mut end = None;
        let blocks = match file.opening() {
            Opening::Sealed(header) => {
                // A server seals the file it writes to, and rewrites sealed ones, as long as they
                // cover the same numbers.
                let covers = header.min_seq == *listed.numbers.start()
                    && header.max_seq >= *listed.numbers.end();
                if !covers {
                    return Err(file.error(None, Fault::Replaced).into());
                }
                end = Some(Mark {
                    number: header.max_seq,
                    witnessed_at: header.max_witnessed,
                });
                sealed(&file, header, wanted, inflater, counts)?
            }
            Opening::Active => Blocks::Active,
        };
        counts.files += 1;
        Ok(Self {
            file: Arc::new(file),
            blocks,
            end,
        })
    }

    /// The next part of it that is wanted.
    fn next_part(
        &mut self,
        wanted: &Wanted,
        counts: &mut ReadCounts,
    ) -> Result<Option<Part>, ReplayError> {
        match &mut self.blocks {
            Blocks::None => Ok(None),
            Blocks::Active => {
                self.blocks = Blocks::None;
                Ok(Some(Part::Active(Arc::clone(&self.file))))
            }
            Blocks::Sealed(blocks) => blocks.next_part(&self.file, wanted, counts),
        }
    }
}

impl SealedBlocks {
    fn next_part(
        &mut self,
        file: &Arc<SegmentFile>,
        wanted: &Wanted,
        counts: &mut ReadCounts,
    ) -> Result<Option<Part>, ReplayError> {
        while let Some(entry) = self.footer.entry(file, self.next)? {
            let block = self.next;
            self.next += 1;
            let numbers = entry.min_seq..=entry.max_seq;
            let (first, last) = (entry.min_witnessed, entry.max_witnessed);
            let is_wanted = entry.events > 0
                && wanted.bounds.meet(numbers, first, last)
                && self.chosen.meets(self.footer.collections.of_block(block))
                && self.has_account(file, block, wanted)?;
            if is_wanted {
                return Ok(Some(Part::Block(Arc::clone(file), block, entry)));
            }
            counts.left_blocks += 1;
            counts.left_bytes += entry.file_bytes();
        }
        Ok(None)
    }

    fn has_account(
        &self,
        file: &SegmentFile,
        block: u32,
        wanted: &Wanted,
    ) -> Result<bool, SegmentError> {
        if wanted.has_all_accounts() {
            return Ok(true);
        }
        Ok(wanted.may_be_in(&file.block_bloom(&self.footer, block)?))
    }
}

/// Reads the footer of a sealed file, and looks whether anything of it is wanted.
fn sealed(
    file: &SegmentFile,
    header: SegmentHeader,
    wanted: &Wanted,
    inflater: &mut BlockInflater,
    counts: &mut ReadCounts,
) -> Result<Blocks, SegmentError> {
    let footer = file.footer(&header, inflater)?;
    counts.bytes += file.bytes() - header.footer_at;
    let chosen = wanted.choose(&footer.collections);
    let may_have_account =
        wanted.has_all_accounts() || wanted.may_be_in(&file.file_bloom(&header)?);
    if chosen.has_any() && may_have_account {
        return Ok(Blocks::Sealed(Box::new(SealedBlocks {
            footer,
            chosen,
            next: 0,
        })));
    }
    counts.left_blocks += u64::from(header.blocks);
    counts.left_bytes += header.footer_at;
    Ok(Blocks::None)
}
