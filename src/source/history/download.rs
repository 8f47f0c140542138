//! The blocks of an archive in their order: planned page by page, fetched some ahead, and planned
//! anew where a file was rewritten meanwhile.

use std::{collections::VecDeque, sync::Arc};

use futures_util::{
    StreamExt,
    future::{BoxFuture, FutureExt},
    stream::FuturesOrdered,
};
use tokio::time::sleep;
use tracing::{debug, info};

use super::{
    calls::{Asked, Generation, PlanPage, PlannedFile},
    client::Client,
    error::HistoryError,
    fetch::{Fetched, MAX_CHANGES, change_wait},
    ledger::Ledger,
    pieces::{BLOCK_ESTIMATE, Brought, Piece},
};
use crate::{
    error::MemberError,
    log::STATE,
    segment::{BlockEntry, FetchedBlock},
    source::segments::{Job, Part, ReadCounts, Step, Steps, Wanted},
};

/// How much is fetched at the same time.
const MAX_FLYING: usize = 8;

type Flight = BoxFuture<'static, Result<Brought, MemberError>>;

/// What is read of an archive.
pub(super) struct Download {
    client: Arc<Client>,
    asked: Asked,
    wanted: Arc<Wanted>,
    /// Nothing more is to be planned.
    is_planned: bool,
    files: VecDeque<PlannedFile>,
    /// What has to be known before anything more can be fetched.
    preparing: Option<BoxFuture<'static, Result<Prepared, MemberError>>>,
    /// What is to be fetched of the file that was begun last.
    pieces: VecDeque<Piece>,
    flying: FuturesOrdered<Flight>,
    ready: VecDeque<FetchedBlock>,
    pub(super) ledger: Ledger,
    /// The block that comes next of the file of which something was read last.
    place: Option<FilePlace>,
    changes: u32,
    block_bytes: u64,
    n_files: u64,
    counted: u64,
    max_bytes: Option<u64>,
    is_cut_short: bool,
}

/// A block of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FilePlace {
    name: String,
    min_seq: u64,
    block: u32,
}

/// What was prepared.
enum Prepared {
    Page(PlanPage),
    Entries(PlannedFile, Arc<Generation>, Vec<BlockEntry>, u64),
    /// The file has another generation by now.
    Changed(Arc<Generation>),
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download")
            .field("asked", &self.asked)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Download {
    /// What `asked` says, beginning with a page that was planned already.
    pub(super) fn new(
        client: Arc<Client>,
        asked: Asked,
        page: PlanPage,
        wanted: Arc<Wanted>,
        ledger: Ledger,
        max_bytes: Option<u64>,
    ) -> Result<Self, MemberError> {
        let mut download = Self {
            client,
            asked,
            wanted,
            is_planned: false,
            files: VecDeque::new(),
            preparing: None,
            pieces: VecDeque::new(),
            flying: FuturesOrdered::new(),
            ready: VecDeque::new(),
            ledger,
            place: None,
            changes: 0,
            block_bytes: BLOCK_ESTIMATE,
            n_files: 0,
            counted: 0,
            max_bytes,
            is_cut_short: false,
        };
        download.take_page(page)?;
        Ok(download)
    }

    /// It ended since as much was read as may be.
    pub(super) fn is_cut_short(&self) -> bool {
        self.is_cut_short
    }

    fn take_page(&mut self, page: PlanPage) -> Result<(), MemberError> {
        let tip = self.asked.before_seq.unwrap_or(page.sealed_tip_seq);
        self.is_planned = page.planned_through_seq >= page.sealed_tip_seq;
        if !self.is_planned && page.planned_through_seq <= self.asked.after_seq {
            return Err(HistoryError::Plan(self.client.url()).into());
        }
        self.asked.after_seq = self.asked.after_seq.max(page.planned_through_seq);
        // The end of the first page is that of all.
        self.asked.before_seq = Some(tip).filter(|tip| *tip > 0);
        self.files.extend(page.segments);
        Ok(())
    }

    /// Begins to prepare what comes next; `false` where there is nothing.
    fn prepare(&mut self) -> Result<bool, MemberError> {
        let client = Arc::clone(&self.client);
        let Some(file) = self.files.pop_front() else {
            if self.is_planned {
                return Ok(false);
            }
            let asked = self.asked.clone();
            let wait = change_wait(self.changes);
            self.preparing = Some(
                async move {
                    sleep(wait).await;
                    Ok(Prepared::Page(client.plan(&asked).await?))
                }
                .boxed(),
            );
            return Ok(true);
        };
        let generation = Generation::new(&client.url(), &file);
        let generation = generation.ok_or_else(|| HistoryError::Plan(client.url()))?;
        let generation = Arc::new(generation);
        self.n_files += 1;
        let from = self.first_block(&file);
        if !file.is_read_in_ranges() {
            self.pieces = file.single_blocks(&generation, from).into();
            return Ok(true);
        }
        let is_whole = from == 0 && self.wanted.bounds().numbers.start() <= &file.min_seq;
        self.preparing = Some(
            async move {
                let before = client.meter.received();
                Ok(match client.entries(&generation, is_whole).await? {
                    Fetched::Changed => Prepared::Changed(generation),
                    Fetched::Here(entries) => {
                        let bytes = client.meter.received() - before;
                        Prepared::Entries(file, generation, entries, bytes)
                    }
                })
            }
            .boxed(),
        );
        Ok(true)
    }

    /// The first block of a file that was not read before it changed.
    fn first_block(&self, file: &PlannedFile) -> u32 {
        let place = self.place.as_ref();
        place
            .filter(|place| place.name == file.name)
            .map_or(0, |place| place.block)
    }

    fn take_prepared(&mut self, prepared: Prepared) -> Result<(), MemberError> {
        match prepared {
            Prepared::Page(page) => self.take_page(page),
            Prepared::Changed(generation) => self.changed(&generation, None),
            Prepared::Entries(file, generation, entries, bytes) => {
                self.ledger.bring(0, bytes);
                let from = self.first_block(&file);
                let bounds = self.wanted.bounds();
                let ranges = file.ranges(&generation, &entries, from, bounds);
                self.pieces = ranges.into();
                Ok(())
            }
        }
    }

    /// Asks for as much more as there is room for.
    fn fetch(&mut self) {
        while self.flying.len() < MAX_FLYING
            && let Some(piece) = self.pieces.front()
        {
            let estimate = piece.estimate(self.block_bytes);
            if !self.ledger.has_room(estimate) {
                return;
            }
            let taken = self.client.meter.received() + self.ledger.flying();
            if self.max_bytes.is_some_and(|most| taken + estimate > most) {
                self.cut_short();
                return;
            }
            if let Some(piece) = self.pieces.pop_front() {
                self.ledger.ask(estimate);
                let flight = piece.fetch(Arc::clone(&self.client), estimate);
                self.flying.push_back(flight.boxed());
            }
        }
    }

    fn cut_short(&mut self) {
        self.is_cut_short = true;
        self.is_planned = true;
        self.pieces.clear();
        self.files.clear();
    }

    fn take_brought(&mut self, brought: Brought) -> Result<(), MemberError> {
        let Brought {
            first,
            generation,
            estimate,
            bytes,
            blocks,
        } = brought;
        self.ledger.bring(estimate, bytes);
        let Some(blocks) = blocks else {
            debug!(path = %generation.path.display(), first, "the file was rewritten meanwhile");
            return self.changed(&generation, Some(first));
        };
        self.changes = 0;
        if let Some(block) = blocks.first() {
            // As long as the largest of late, roughly.
            let one = block.frame().len() as u64;
            self.block_bytes = one.max(self.block_bytes - self.block_bytes / 8);
        }
        if let Some(last) = blocks.last() {
            self.place = Some(FilePlace {
                name: generation.name.clone(),
                min_seq: generation.min_seq,
                block: last.block + 1,
            });
        }
        self.ready.extend(blocks);
        Ok(())
    }

    /// A file is of another generation than was planned: everything behind what was read is planned
    /// anew. Numbers of blocks stay, whatever was taken out of them.
    fn changed(&mut self, file: &Generation, block: Option<u32>) -> Result<(), MemberError> {
        self.changes += 1;
        if self.changes > MAX_CHANGES {
            let next = self.place.as_ref().filter(|place| place.name == file.name);
            let block = block.or(next.map(|place| place.block)).unwrap_or_default();
            let path = file.path.display().to_string();
            return Err(HistoryError::Restless { path, block }.into());
        }
        self.plan_anew();
        Ok(())
    }

    fn plan_anew(&mut self) {
        let begin = *self.wanted.bounds().numbers.start();
        let reached = self.place.as_ref().map_or(0, |place| place.min_seq);
        self.asked.after_seq = begin.max(reached).saturating_sub(1);
        self.is_planned = false;
        self.files.clear();
        self.pieces.clear();
        self.preparing = None;
        self.flying = FuturesOrdered::new();
        self.ledger.forget_flying();
    }

    /// Waits for what is under way.
    async fn advance(&mut self) -> Result<(), MemberError> {
        if self.preparing.is_none() && self.flying.is_empty() {
            // Nothing is under way, so that a save has to come first.
            self.ledger.wait().await;
            return Ok(());
        }
        tokio::select! {
            biased;
            Some(brought) = self.flying.next() => self.take_brought(brought?),
            prepared = prepared(&mut self.preparing) => {
                self.preparing = None;
                self.take_prepared(prepared?)
            }
        }
    }
}

/// What is prepared; never where nothing is.
async fn prepared(
    preparing: &mut Option<BoxFuture<'static, Result<Prepared, MemberError>>>,
) -> Result<Prepared, MemberError> {
    match preparing {
        Some(preparing) => preparing.await,
        None => std::future::pending().await,
    }
}

impl Steps for Download {
    async fn next(&mut self, counts: &mut ReadCounts) -> Result<Option<Step>, MemberError> {
        loop {
            let received = self.client.meter.received();
            counts.bytes += received - self.counted;
            self.counted = received;
            counts.files = self.n_files;
            if let Some(block) = self.ready.pop_front() {
                self.ledger.give();
                return Ok(Some(Step::Print(Job {
                    part: Part::Fetched(block),
                    wanted: Arc::clone(&self.wanted),
                })));
            }
            self.fetch();
            if self.preparing.is_none() && self.pieces.is_empty() && self.prepare()? {
                continue;
            }
            let is_over =
                self.preparing.is_none() && self.pieces.is_empty() && self.flying.is_empty();
            if is_over {
                return Ok(None);
            }
            self.advance().await?;
        }
    }

    fn want(&mut self, wanted: Arc<Wanted>) {
        self.wanted = wanted;
    }

    fn tell_end(&self, counts: &ReadCounts) {
        let ReadCounts {
            files,
            blocks,
            bytes,
            ..
        } = counts;
        info!(target: STATE, files, blocks, bytes, "read {blocks} blocks of {files} files of the archive, {bytes} bytes");
    }
}
