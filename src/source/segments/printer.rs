//! Blocks, inflated and printed: what one core does.

use std::{path::Path, sync::Arc};

use super::{
    error::ReplayError,
    job::{Job, Mark, Part},
    settings::RowSettings,
    tally::{BadRow, Tally, point_after},
    wanted::Wanted,
};
use crate::{
    event::{BadEvent, Batch, LineRules},
    log::chain,
    segment::{BlockReader, HEADER_BYTES, LinePrinter, Printed, Row, Rows},
    stats::EventClass,
};

/// Prints the rows of one job after the other.
#[derive(Debug)]
pub(super) struct Printer {
    reader: BlockReader,
    lines: LinePrinter,
    rules: LineRules,
    keeps_bad: bool,
    current: Option<Current>,
}

/// What is being printed.
#[derive(Debug)]
struct Current {
    job: Job,
    block: u32,
    /// The one block was read.
    is_read: bool,
    /// The row that comes next of the block at hand, where one is.
    row: Option<usize>,
    /// Where the next block of a file begins that is not sealed, and the last number before.
    at: u64,
    last: Option<u64>,
}

impl Printer {
    pub(super) fn new(settings: &RowSettings) -> Self {
        Self {
            reader: BlockReader::new(settings.max_block_bytes),
            lines: if settings.sync_events {
                LinePrinter::with_sync()
            } else {
                LinePrinter::default()
            },
            rules: settings.rules,
            keeps_bad: settings.bad_events.is_some(),
            current: None,
        }
    }

    /// Whether there is nothing to print.
    pub(super) fn is_idle(&self) -> bool {
        self.current.is_none()
    }

    pub(super) fn begin(&mut self, job: Job) {
        let block = match &job.part {
            Part::Block(_, block, _) => *block,
            Part::Active(_) => 0,
            Part::Fetched(fetched) => fetched.block,
        };
        self.current = Some(Current {
            job,
            block,
            is_read: false,
            row: None,
            at: HEADER_BYTES as u64,
            last: None,
        });
    }

    /// Rows of other accounts are wanted from the next one on.
    pub(super) fn want(&mut self, wanted: &Arc<Wanted>) {
        if let Some(current) = &mut self.current {
            current.job.wanted = Arc::clone(wanted);
        }
    }

    /// Prints until the batch is full, or the job is done, and says whether it is.
    pub(super) fn fill(
        &mut self,
        batch: &mut Batch,
        tally: &mut Tally,
    ) -> Result<bool, ReplayError> {
        while let Some(current) = &mut self.current {
            if batch.is_full() || tally.is_full() {
                return Ok(false);
            }
            if current.row.is_some() {
                let printing = Printing {
                    lines: &mut self.lines,
                    rules: self.rules,
                    keeps_bad: self.keeps_bad,
                };
                current.print_rows(&self.reader, printing, batch, tally);
                continue;
            }
            match current.next_block(&mut self.reader, tally) {
                Ok(true) => {}
                Ok(false) => self.current = None,
                Err(error) => {
                    self.current = None;
                    return Err(error);
                }
            }
        }
        Ok(true)
    }
}

/// How rows are printed.
struct Printing<'a> {
    lines: &'a mut LinePrinter,
    rules: LineRules,
    keeps_bad: bool,
}

impl Current {
    /// Takes the next block in hand; `false` where there is none.
    fn next_block(
        &mut self,
        reader: &mut BlockReader,
        tally: &mut Tally,
    ) -> Result<bool, ReplayError> {
        let part = &self.job.part;
        match part {
            Part::Block(..) | Part::Fetched(_) if self.is_read => return Ok(false),
            Part::Block(file, block, entry) => {
                tally.bytes += entry.file_bytes();
                reader.sealed(file, *block, entry)?;
            }
            Part::Fetched(block) => {
                reader.fetched(block)?;
            }
            Part::Active(file) => {
                let last = *self.job.wanted.bounds.numbers.end();
                if self.last.is_some_and(|number| number >= last) {
                    return Ok(false);
                }
                let Some((rows, end)) = reader.active(file, self.block, self.at, self.last)? else {
                    tally.note_torn(file.path(), file.bytes().saturating_sub(self.at));
                    return Ok(false);
                };
                self.last = rows.last().map(|row| row.seq).or(self.last);
                tally.bytes += end - self.at;
                self.at = end;
            }
        }
        tally.blocks += 1;
        self.is_read = true;
        tally.note_size(part.path(), self.block, reader.inflated_bytes());
        self.row = Some(0);
        Ok(true)
    }

    /// Prints rows of the block at hand until the batch is full, or there are no more.
    fn print_rows(
        &mut self,
        reader: &BlockReader,
        mut printing: Printing<'_>,
        batch: &mut Batch,
        tally: &mut Tally,
    ) {
        let from = self.row.take().unwrap_or_default();
        let rows = reader.rows().map(|rows: Rows<'_>| rows.after(from));
        let n_left = rows.as_ref().map_or(0, ExactSizeIterator::len);
        let mut n = 0;
        // The place after the last row, where that one became no line.
        let (mut dropped, mut mark) = (None, None);
        for row in rows.into_iter().flatten() {
            n += 1;
            let is_line = self.job.wanted.has(&row)
                && match printing.print(&row, batch, tally) {
                    Ok(is_line) => is_line,
                    Err((class, why)) => {
                        let place = place(self.job.part.path(), self.block, &row);
                        let after = batch.reached().copied();
                        tally.bad(BadRow::new(class, why, place, after, printing.kept(&row)));
                        false
                    }
                };
            dropped = (!is_line).then(|| point_after(&row));
            tally.rows += 1;
            mark = Some(Mark {
                number: row.seq,
                witnessed_at: row.witnessed_at,
            });
            if batch.is_full() || tally.is_full() {
                break;
            }
        }
        tally.mark = mark.or(tally.mark);
        if let Some(point) = dropped {
            batch.advance(point);
        }
        if n < n_left {
            self.row = Some(from + n);
        } else if let Part::Active(_) = self.job.part {
            self.block += 1;
        }
    }
}

impl Printing<'_> {
    /// Adds the line of a row, and says whether the wire shows one of it.
    #[inline]
    fn print(
        &mut self,
        row: &Row<'_>,
        batch: &mut Batch,
        tally: &mut Tally,
    ) -> Result<bool, (BadEvent, String)> {
        let start = batch.buffer().len();
        match self.lines.append(row, batch.buffer()) {
            Ok(Printed::Line) => {}
            Ok(Printed::Hidden) => return Ok(false),
            Err(error) => return Err((BadEvent::Record, chain(&error))),
        }
        let envelope = batch.parse_tail(start, self.rules).map_err(|bad| {
            batch.discard_tail(start);
            (bad, bad.to_string())
        })?;
        tally.count(EventClass::of(envelope.kind, envelope.operation));
        batch.commit_tail(start, envelope);
        tally.line_bytes += (batch.buffer().len() - start) as u64;
        Ok(true)
    }

    /// What is kept of a row that has no line.
    fn kept<'r>(&self, row: &Row<'r>) -> &'r [u8] {
        if self.keeps_bad { row.payload } else { &[] }
    }
}

fn place(path: &Path, block: u32, row: &Row<'_>) -> String {
    let path = crate::log::printable(&path.to_string_lossy());
    format!("'{path}', block {block}, number {}", row.seq)
}
