//! The lines of rows, and what becomes of rows that have none.

use tracing::warn;

use super::settings::{SOURCE, SegmentsSettings};
use crate::{
    event::{BadEvent, Batch, Origin, Point},
    log::chain,
    segment::{LinePrinter, Printed, Row},
    stats::{EventClass, Stats},
};

/// What became of rows.
#[derive(Debug, Default)]
pub(super) struct Admitted {
    events: [u32; EventClass::COUNT],
    bytes: u64,
    /// The place after the last row, where that one became no line.
    pub(super) dropped: Option<Point>,
}

impl Admitted {
    pub(super) fn count(&self, stats: &Stats) {
        let n = self.events.iter().map(|n| u64::from(*n)).sum();
        stats.add_messages(n);
        stats.add_event_bytes(self.bytes);
        for (class, n) in self.events.iter().enumerate() {
            stats.add_events(class, u64::from(*n));
        }
    }
}

/// Adds the line of a row, if the wire shows one of it.
pub(super) fn print(
    printer: &mut LinePrinter,
    row: &Row<'_>,
    settings: &SegmentsSettings,
    batch: &mut Batch,
    admitted: &mut Admitted,
) -> Result<(), (BadEvent, String)> {
    let start = batch.buffer().len();
    match printer.append(row, batch.buffer()) {
        Ok(Printed::Line) => {}
        Ok(Printed::Hidden) => {
            admitted.dropped = Some(point_after(row));
            return Ok(());
        }
        Err(error) => return Err((BadEvent::Record, chain(&error))),
    }
    let envelope = batch.parse_tail(start, settings.rules).map_err(|bad| {
        batch.discard_tail(start);
        (bad, bad.to_string())
    })?;
    let class = EventClass::of(envelope.kind, envelope.operation);
    if let Some(counter) = admitted.events.get_mut(class.index()) {
        *counter += 1;
    }
    batch.commit_tail(start, envelope);
    admitted.bytes += (batch.buffer().len() - start) as u64;
    admitted.dropped = None;
    Ok(())
}

/// The place after a row that is done with, where nothing stands yet.
pub(super) fn point_after(row: &Row<'_>) -> Point {
    Point {
        seq: Some(row.seq.saturating_add(1)),
        time_us: u64::try_from(row.time_us()).unwrap_or_default(),
        identity: None,
    }
}

/// Counts a row that has no line, and keeps it where that was asked for; the first of its class is
/// logged.
pub(super) fn refuse(
    settings: &SegmentsSettings,
    stats: &Stats,
    bad: BadEvent,
    why: &str,
    place: &str,
    row: &Row<'_>,
    batch: &Batch,
) {
    if let Some(file) = &settings.bad_events {
        let origin = Origin {
            source: SOURCE.into(),
            host: place.to_owned(),
            instance: None,
        };
        file.append(bad, row.payload, &origin, batch.reached().copied());
    }
    if stats.add_bad(bad) {
        warn!(
            "left out an event of {place}, of which no server prints a line: {why} (later ones of this class are only counted)"
        );
    }
}
