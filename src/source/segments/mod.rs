//! Segment files as a source: the history of a server, from the disk.
//!
//! All headers are read first, so that what is missing between files is known before the first
//! event. Files and blocks that cannot hold what is wanted are not read.

mod archive;
mod error;
mod opening;
mod printing;
mod reading;
mod settings;
mod wanted;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::{info, warn};

pub use self::settings::SegmentsSettings;
use self::{
    archive::ListedFile,
    error::ReplayError,
    printing::{Admitted, point_after, print, refuse},
    reading::{NextBlock, ReadCounts, ReadingFile, rows_from},
    settings::SOURCE,
    wanted::Wanted,
};
use super::{Flow, OnGap, ReadError, RunContext, Source};
use crate::{
    error::MemberError,
    event::{Batch, Origin, Place, Start, Trail},
    log::{STATE, printable},
    segment::{BlockReader, LinePrinter, USUAL_BYTES},
    stats::Stats,
};

/// A batch ends after this many rows of which none became a line, so that whoever waits is heard.
const MAX_ROWS: usize = 4096;

/// No batch takes longer, by far.
const BATCH_TIMEOUT: Duration = Duration::from_secs(60);

/// The events of segment files, in the order of their numbers.
///
/// It ends with the last file. A run with a cursor goes on with the first number that is higher,
/// whatever was taken out of the files since.
#[derive(Debug)]
pub struct Segments {
    settings: SegmentsSettings,
    origin: Arc<Origin>,
    /// The beginning that holds: what was given, what was saved, or what is for a new cursor.
    start: Option<Start>,
    open: Option<Open>,
    printer: LinePrinter,
    stats: Arc<Stats>,
}

/// What is being read.
#[derive(Debug)]
struct Open {
    wanted: Wanted,
    files: VecDeque<ListedFile>,
    file: Option<ReadingFile>,
    /// The block at hand, and the row of it that comes next.
    block: Option<(u32, usize)>,
    reader: BlockReader,
    counts: ReadCounts,
    n_files: u64,
    said_large: bool,
}

impl Segments {
    /// A source that opens the files when it is first asked for a batch.
    pub fn new(settings: SegmentsSettings) -> Self {
        let paths = settings.paths.iter().map(|path| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            path.to_string_lossy().into_owned()
        });
        let origin = Origin {
            source: SOURCE.into(),
            host: paths.collect::<Vec<_>>().join(" "),
            instance: None,
        };
        Self {
            start: settings.start.or(settings.start_if_new),
            settings,
            origin: Arc::new(origin),
            open: None,
            printer: LinePrinter::default(),
            stats: Arc::new(Stats::unexported()),
        }
    }

    /// Goes on with the next file; `false` where there is none.
    fn open_next(&mut self) -> Result<bool, MemberError> {
        let Some(open) = &mut self.open else {
            return Ok(false);
        };
        let Some(listed) = open.files.pop_front() else {
            return Ok(false);
        };
        if let Some(hole) = &listed.hole {
            self.stats.add_gaps(1);
            if hole.is_of_folder && self.settings.on_gap == OnGap::Fail {
                let (from, to, before) = (hole.from, hole.to, listed.path);
                return Err(ReplayError::Hole { from, to, before }.into());
            }
        }
        let counts = &mut open.counts;
        open.file = Some(ReadingFile::open(
            &listed,
            &open.wanted,
            &mut open.reader,
            counts,
        )?);
        Ok(true)
    }
}

impl Source for Segments {
    fn attach(&mut self, run: &RunContext) {
        self.stats = Arc::clone(&run.stats);
    }

    fn resume(
        &mut self,
        place: &Place,
        _trail: &Trail,
        same_filter: bool,
    ) -> Result<bool, MemberError> {
        if let Some(origin) = place.origin()
            && origin.source != SOURCE
        {
            return Err(ReadError::Foreign {
                found: printable(&origin.source),
                expected: SOURCE,
            }
            .into());
        }
        if self.settings.start.is_some() {
            info!(target: STATE, saved = %place, "a beginning is given: the saved cursor is not used");
            return Ok(false);
        }
        if place
            .origin()
            .is_some_and(|origin| origin.host != self.origin.host)
        {
            warn!(target: STATE, "the saved cursor is of other files or folders: its number counts here only if they are of the same archive");
        }
        if !same_filter {
            info!(target: STATE, "the saved cursor was made with another filter: what only the new one keeps is read from here on");
        }
        self.start = Some(match (place, place.seq(), place.time_us()) {
            (Place::Reached(position), Some(seq), _) if position.point.identity.is_some() => {
                Start::Seq(seq.saturating_add(1))
            }
            (_, Some(seq), _) => Start::Seq(seq),
            (_, None, time_us) => Start::Time(time_us.unwrap_or_default()),
        });
        Ok(true)
    }

    async fn next_batch(&mut self, batch: &mut Batch) -> Result<Flow, MemberError> {
        // Nothing below waits: whoever else has something to do comes first.
        tokio::task::yield_now().await;
        if self.open.is_none() {
            self.open = Some(self.open()?);
        }
        batch.set_origin(&self.origin);
        let moment = Instant::now();
        self.stats.set_came(moment);
        self.stats.set_alive_until(moment + BATCH_TIMEOUT);
        let result = self.fill(batch);
        if let Some(point) = batch.reached() {
            self.stats.set_last(point);
        }
        result
    }
}

impl Segments {
    /// Reads on until a batch is full.
    fn fill(&mut self, batch: &mut Batch) -> Result<Flow, MemberError> {
        let mut n_rows = 0;
        while !batch.is_full() && n_rows < MAX_ROWS {
            if self.open.as_ref().is_some_and(|open| open.block.is_some()) {
                n_rows += self.print_rows(batch, MAX_ROWS - n_rows);
            } else if !self.next_block()? && !self.open_next()? {
                self.tell_end();
                return Ok(Flow::End);
            }
        }
        Ok(Flow::More)
    }

    /// Takes the next block of the open file in hand; `false` where it has no more, or none is
    /// open.
    fn next_block(&mut self) -> Result<bool, MemberError> {
        let Some(open) = &mut self.open else {
            return Ok(false);
        };
        let Some(file) = &mut open.file else {
            return Ok(false);
        };
        let next = file.next_block(&open.wanted, &mut open.reader, &mut open.counts);
        match next.map_err(MemberError::from)? {
            NextBlock::Read(block) => {
                open.block = Some((block, 0));
                let (bytes, limit) = (open.reader.inflated_bytes(), self.settings.max_block_bytes);
                if bytes > USUAL_BYTES && !open.said_large {
                    open.said_large = true;
                    let path = printable(&file.file.path().to_string_lossy());
                    info!(target: STATE, bytes, limit, "block {block} of '{path}' holds {bytes} bytes inflated, and a server's about 1.3 MB: each such block takes the memory that it needs, up to {limit} bytes");
                }
                Ok(true)
            }
            NextBlock::Done => {
                let torn_bytes = file.torn_bytes();
                if torn_bytes > 0 {
                    let path = printable(&file.file.path().to_string_lossy());
                    warn!(target: STATE, torn_bytes, "'{path}' is not sealed, and its last {torn_bytes} bytes are no whole block: it is read up to there");
                }
                open.file = None;
                Ok(false)
            }
        }
    }

    /// Prints rows of the block at hand until the batch is full, and returns how many were looked
    /// at.
    fn print_rows(&mut self, batch: &mut Batch, most: usize) -> usize {
        let Some(open) = &mut self.open else { return 0 };
        let Some((block, from)) = open.block else {
            return 0;
        };
        let rows = rows_from(&open.reader, from);
        let n_left = rows.as_ref().map_or(0, ExactSizeIterator::len);
        let mut admitted = Admitted::default();
        let mut n = 0;
        for row in rows.into_iter().flatten().take(most) {
            n += 1;
            if open.wanted.has(&row) {
                match print(
                    &mut self.printer,
                    &row,
                    &self.settings,
                    batch,
                    &mut admitted,
                ) {
                    Ok(()) => {}
                    Err((bad, why)) => {
                        let path = open
                            .file
                            .as_ref()
                            .map(|file| file.file.path().to_string_lossy());
                        let path = printable(&path.unwrap_or_default());
                        let place = format!("'{path}', block {block}, number {}", row.seq);
                        refuse(&self.settings, &self.stats, bad, &why, &place, &row, batch);
                        admitted.dropped = Some(point_after(&row));
                    }
                }
            } else {
                admitted.dropped = Some(point_after(&row));
            }
            if batch.is_full() {
                break;
            }
        }
        if let Some(point) = admitted.dropped {
            batch.advance(point);
        }
        admitted.count(&self.stats);
        open.block = (n < n_left).then_some((block, from + n));
        n.max(1)
    }

    /// Says how much was read, and how much was not.
    fn tell_end(&self) {
        let Some(open) = &self.open else { return };
        let ReadCounts {
            files,
            blocks,
            bytes,
            left_blocks,
            left_bytes,
        } = open.counts;
        let all = open.n_files;
        info!(target: STATE, files, blocks, bytes, left_blocks, left_bytes, "read {blocks} blocks of {files} of {all} files, {bytes} bytes; {left_blocks} blocks, {left_bytes} bytes, hold nothing that is wanted");
    }
}
