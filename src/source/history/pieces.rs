//! What is fetched at once of a file: one block, or blocks that lie beside each other in it.

use std::{ops::RangeInclusive, sync::Arc};

use super::{
    calls::{Generation, Mode, PlannedFile},
    client::Client,
    fetch::Fetched,
};
use crate::{
    error::MemberError,
    segment::{BlockEntry, Expected, FetchedBlock, PREFIX_BYTES},
    source::segments::Bounds,
};

/// How much of a file is fetched at once, unless one block is larger.
const PIECE_BYTES: u64 = 768 * 1024;

/// Ranges save requests, and cost those for header and index, of up to 50 kB for each file.
const MIN_SAVED_REQUESTS: u32 = 16;

/// What a block of a server takes, before one was seen.
pub(super) const BLOCK_ESTIMATE: u64 = 320 * 1024;

/// The longest frame of a block that is fetched: what holds the most that is inflated by default.
const MAX_FRAME_BYTES: u64 = 257 * 1024 * 1024;

/// What is fetched at once.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// One block, by its number.
    Block {
        generation: Arc<Generation>,
        block: u32,
        /// The numbers of its file.
        numbers: RangeInclusive<u64>,
    },
    /// Blocks that follow each other in a file.
    Range {
        generation: Arc<Generation>,
        blocks: Vec<(u32, BlockEntry)>,
    },
}

/// What was fetched.
#[derive(Debug)]
pub(super) struct Brought {
    /// The piece's first block, which comes again where the file has changed.
    pub(super) first: u32,
    pub(super) generation: Arc<Generation>,
    pub(super) estimate: u64,
    pub(super) bytes: u64,
    /// `None` where the file has changed.
    pub(super) blocks: Option<Vec<FetchedBlock>>,
}

impl Piece {
    pub(super) fn first(&self) -> u32 {
        match self {
            Self::Block { block, .. } => *block,
            Self::Range { blocks, .. } => blocks.first().map_or(0, |(block, _)| *block),
        }
    }

    /// How much it takes, as far as that is known.
    pub(super) fn estimate(&self, block_bytes: u64) -> u64 {
        match self {
            Self::Block { .. } => block_bytes,
            Self::Range { blocks, .. } => blocks.iter().map(|(_, entry)| entry.file_bytes()).sum(),
        }
    }

    /// Fetches it.
    pub(super) async fn fetch(
        self,
        client: Arc<Client>,
        estimate: u64,
    ) -> Result<Brought, MemberError> {
        let first = self.first();
        match self {
            Self::Block {
                generation,
                block,
                numbers,
            } => {
                let fetched = client.block(&generation, block, MAX_FRAME_BYTES, estimate);
                let (bytes, blocks) = match fetched.await? {
                    Fetched::Changed => (0, None),
                    Fetched::Here(frame) => {
                        let expected = Expected::Within(numbers);
                        let all = 0..frame.len();
                        let bytes = frame.len() as u64;
                        let block = fetched_block(&generation, block, frame.into(), all, expected);
                        (bytes, Some(vec![block]))
                    }
                };
                Ok(Brought {
                    first,
                    generation,
                    estimate,
                    bytes,
                    blocks,
                })
            }
            Self::Range { generation, blocks } => {
                let from = blocks.first().map_or(0, |(_, entry)| entry.at);
                let fetched = client.range(&generation, from, from + estimate).await?;
                let (bytes, blocks) = match fetched {
                    Fetched::Changed => (0, None),
                    Fetched::Here((bytes, _)) => {
                        let n = bytes.len() as u64;
                        (n, Some(cut(&generation, bytes, blocks)))
                    }
                };
                Ok(Brought {
                    first,
                    generation,
                    estimate,
                    bytes,
                    blocks,
                })
            }
        }
    }
}

/// The blocks of a range.
fn cut(
    generation: &Generation,
    bytes: Vec<u8>,
    blocks: Vec<(u32, BlockEntry)>,
) -> Vec<FetchedBlock> {
    let bytes = Arc::new(bytes);
    let mut end = 0;
    let cut = blocks.into_iter().map(|(block, entry)| {
        let frame = end + PREFIX_BYTES;
        // A range fits into memory.
        end = frame + usize::try_from(entry.frame_bytes).unwrap_or(usize::MAX);
        let expected = Expected::Entry(entry);
        fetched_block(generation, block, Arc::clone(&bytes), frame..end, expected)
    });
    cut.collect()
}

fn fetched_block(
    generation: &Generation,
    block: u32,
    bytes: Arc<Vec<u8>>,
    frame: std::ops::Range<usize>,
    expected: Expected,
) -> FetchedBlock {
    FetchedBlock {
        path: Arc::clone(&generation.path),
        block,
        bytes,
        frame,
        expected,
    }
}

impl PlannedFile {
    /// Whether its index is read first, so that neighbours come as ranges.
    pub(super) fn is_read_in_ranges(&self) -> bool {
        let in_runs = self.blocks.iter().map(|run| run.last - run.first);
        self.mode == Mode::Segment || in_runs.sum::<u32>() >= MIN_SAVED_REQUESTS
    }

    /// How many blocks of it are named.
    pub(super) fn n_blocks(&self) -> u64 {
        let runs = self.blocks.iter();
        runs.map(|run| u64::from(run.last - run.first) + 1).sum()
    }

    fn is_planned(&self, block: u32) -> bool {
        // They rise, and there may be very many.
        let at = self.blocks.partition_point(|run| run.last < block);
        let run = self.blocks.get(at);
        self.mode == Mode::Segment || run.is_some_and(|run| run.first <= block)
    }

    /// Its blocks one by one, from one on.
    pub(super) fn single_blocks(&self, generation: &Arc<Generation>, from: u32) -> Vec<Piece> {
        let blocks = self.blocks.iter().flat_map(|run| run.first..=run.last);
        let pieces = blocks
            .filter(|block| *block >= from)
            .map(|block| Piece::Block {
                generation: Arc::clone(generation),
                block,
                numbers: self.min_seq..=self.max_seq,
            });
        pieces.collect()
    }

    /// Its blocks as ranges, from one on, those left out that cannot hold what is wanted.
    pub(super) fn ranges(
        &self,
        generation: &Arc<Generation>,
        entries: &[BlockEntry],
        from: u32,
        bounds: &Bounds,
    ) -> Vec<Piece> {
        let mut pieces: Vec<Vec<(u32, BlockEntry)>> = Vec::new();
        for (block, entry) in (0..).zip(entries) {
            let numbers = entry.min_seq..=entry.max_seq;
            let is_wanted = block >= from
                && entry.events > 0
                && self.is_planned(block)
                && bounds.meet(numbers, entry.min_witnessed, entry.max_witnessed);
            if !is_wanted {
                continue;
            }
            match pieces.last_mut() {
                Some(piece) if has_room(piece, entry) => piece.push((block, *entry)),
                _ => pieces.push(vec![(block, *entry)]),
            }
        }
        let ranges = pieces.into_iter().map(|blocks| Piece::Range {
            generation: Arc::clone(generation),
            blocks,
        });
        ranges.collect()
    }
}

/// Whether a block lies right after those of a piece, which stays small with it.
fn has_room(piece: &[(u32, BlockEntry)], next: &BlockEntry) -> bool {
    let Some(((_, first), (_, last))) = piece.first().zip(piece.last()) else {
        return false;
    };
    let end = next.at + next.file_bytes();
    last.at + last.file_bytes() == next.at && end - first.at <= PIECE_BYTES
}
