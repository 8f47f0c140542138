//! Whether the archive counts as a saved place does.
//!
//! A server that was killed gives the numbers of its last events to others. What it has sealed
//! keeps its number, so that a place is believed where the archive has its event at its number; or,
//! where that was taken out since, events that were read shortly before it (v2 facts, A 1).

use std::{collections::HashSet, sync::Arc};

use tokio::time::sleep;
use tracing::debug;

use super::{
    calls::{Asked, Generation, PlannedFile},
    client::Client,
    error::HistoryError,
    fetch::{Fetched, MAX_CHANGES, change_wait},
    pieces::{BLOCK_ESTIMATE, Piece},
};
use crate::{
    error::MemberError,
    event::{Batch, Identity, LineRules, Point},
    segment::{BlockReader, FetchedBlock, LinePrinter, Printed},
    source::segments::ReplayError,
};

/// What the archive says of a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts in the same way.
    Same,
    /// It does not go so far yet.
    NotSealed,
    /// It has something else there, or nothing that is known.
    Other,
}

/// Looks whether the archive has this event at its number.
pub(super) async fn verify(
    client: &Arc<Client>,
    place: &Point,
    seq: u64,
    known: &[Identity],
    max_block_bytes: u64,
) -> Result<Verdict, MemberError> {
    let asked = Asked {
        after_seq: seq.saturating_sub(1),
        before_seq: Some(seq.max(1)),
        ..Asked::default()
    };
    for change in 0..MAX_CHANGES {
        sleep(change_wait(change)).await;
        let page = client.plan(&asked).await?;
        if page.sealed_tip_seq < seq {
            return Ok(Verdict::NotSealed);
        }
        let mut rows = Vec::new();
        let mut is_whole = true;
        for file in &page.segments {
            match blocks_at(client, file, seq).await? {
                Fetched::Changed => {
                    debug!(file = file.name, seq, "the file was rewritten meanwhile");
                    is_whole = false;
                }
                Fetched::Here(blocks) => {
                    for block in blocks {
                        read(&block, max_block_bytes, &mut rows)?;
                    }
                }
            }
        }
        if is_whole {
            return Ok(judge(place, seq, known, &rows));
        }
    }
    Err(HistoryError::Restless {
        path: client.url(),
        block: 0,
    }
    .into())
}

/// The blocks of a file that may have this number.
async fn blocks_at(
    client: &Arc<Client>,
    file: &PlannedFile,
    seq: u64,
) -> Result<Fetched<Vec<FetchedBlock>>, MemberError> {
    let generation = Generation::new(&client.url(), file);
    let generation = Arc::new(generation.ok_or_else(|| HistoryError::Plan(client.url()))?);
    let pieces = if file.blocks.is_empty() {
        let entries = match client.entries(&generation, false).await? {
            Fetched::Changed => return Ok(Fetched::Changed),
            Fetched::Here(entries) => entries,
        };
        let at = entries
            .iter()
            .position(|entry| entry.events > 0 && (entry.min_seq..=entry.max_seq).contains(&seq));
        let blocks = at.and_then(|at| Some((u32::try_from(at).ok()?, *entries.get(at)?)));
        let range = blocks.map(|block| Piece::Range {
            generation,
            blocks: vec![block],
        });
        range.into_iter().collect()
    } else {
        file.single_blocks(&generation, 0)
    };
    let mut blocks = Vec::new();
    for piece in pieces {
        let estimate = piece.estimate(BLOCK_ESTIMATE);
        let brought = piece.fetch(Arc::clone(client), estimate).await?;
        match brought.blocks {
            None => return Ok(Fetched::Changed),
            Some(brought) => blocks.extend(brought),
        }
    }
    Ok(Fetched::Here(blocks))
}

/// The events of a block that have a line.
fn read(
    block: &FetchedBlock,
    max_block_bytes: u64,
    points: &mut Vec<Point>,
) -> Result<(), MemberError> {
    let mut reader = BlockReader::new(max_block_bytes);
    let rows = reader.fetched(block).map_err(ReplayError::from)?;
    let mut lines = LinePrinter::default();
    let mut batch = Batch::new();
    let mut line = Vec::new();
    for row in rows {
        line.clear();
        batch.clear();
        let is_line = matches!(lines.append(&row, &mut line), Ok(Printed::Line));
        if is_line && batch.push_by(&line, LineRules::default()).is_ok() {
            points.extend(batch.reached().copied());
        }
    }
    Ok(())
}

fn judge(place: &Point, seq: u64, known: &[Identity], rows: &[Point]) -> Verdict {
    let at = rows.iter().find(|row| row.seq == Some(seq));
    if let Some(at) = at {
        return if at.identity == place.identity {
            Verdict::Same
        } else {
            Verdict::Other
        };
    }
    // It was taken out since. What was read before it is where it was, and nothing of it later.
    let known: HashSet<_> = known.iter().collect();
    let ours = rows.iter().filter(|row| {
        row.identity
            .is_some_and(|identity| known.contains(&identity))
    });
    let (before, after): (Vec<&Point>, Vec<&Point>) = ours.partition(|row| row.seq < Some(seq));
    if !before.is_empty() && after.is_empty() {
        Verdict::Same
    } else {
        Verdict::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seq: u64, name: u8) -> Point {
        Point {
            seq: Some(seq),
            time_us: seq,
            identity: Some(Identity::of_rest(&[name])),
        }
    }

    fn verdict(rows: &[Point], known: &[u8]) -> Verdict {
        let known: Vec<_> = known
            .iter()
            .map(|name| Identity::of_rest(&[*name]))
            .collect();
        judge(&row(5, b'e'), 5, &known, rows)
    }

    #[test]
    fn a_place_is_believed_with_its_event_at_its_number() {
        assert_eq!(verdict(&[row(4, b'd'), row(5, b'e')], b""), Verdict::Same);
        assert_eq!(verdict(&[row(5, b'x'), row(6, b'e')], b"e"), Verdict::Other);
        assert_eq!(verdict(&[], b"d"), Verdict::Other);
    }

    #[test]
    fn where_it_was_taken_out_what_came_before_it_tells() {
        assert_eq!(verdict(&[row(4, b'd'), row(6, b'f')], b"d"), Verdict::Same);
        assert_eq!(verdict(&[row(4, b'd'), row(6, b'f')], b"z"), Verdict::Other);
        assert_eq!(
            verdict(&[row(4, b'd'), row(6, b'c')], b"cd"),
            Verdict::Other
        );
    }
}
