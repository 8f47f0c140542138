//! What became of rows, and what is to be said of it: noted where they are printed, and counted in
//! their order.

use std::path::Path;

use tracing::{info, warn};

use super::{
    job::Mark,
    settings::{RowSettings, SOURCE},
    steps::ReadCounts,
};
use crate::{
    event::{BadEvent, Origin, Point},
    log::{STATE, printable},
    segment::{Row, USUAL_BYTES},
    stats::{EventClass, Stats},
};

/// A batch ends after this many rows, so that a stop is heard where few become lines.
const MAX_ROWS: usize = 4096;

/// And after so much of rows that have no line.
const MAX_BAD_BYTES: usize = 256 * 1024;

/// What became of the rows of a batch.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) rows: usize,
    pub(super) blocks: u64,
    pub(super) bytes: u64,
    pub(super) line_bytes: u64,
    /// The last row that was looked at.
    pub(super) mark: Option<Mark>,
    events: [u32; EventClass::COUNT],
    bad: Vec<BadRow>,
    bad_bytes: usize,
    /// File, block and size of the largest block, if any is larger than usual.
    large: Option<(String, u32, u64)>,
    /// A file that is not sealed, and how long its torn end is.
    torn: Option<(String, u64)>,
}

/// A row that has no line.
#[derive(Debug)]
pub(super) struct BadRow {
    class: BadEvent,
    why: String,
    place: String,
    after: Option<Point>,
    payload: Vec<u8>,
}

impl BadRow {
    pub(super) fn new(
        class: BadEvent,
        why: String,
        place: String,
        after: Option<Point>,
        payload: &[u8],
    ) -> Self {
        Self {
            class,
            why,
            place,
            after,
            payload: payload.to_vec(),
        }
    }

    /// What it takes, the place of the row itself included.
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.why.len() + self.place.len() + self.payload.len()
    }

    /// Counts it, and keeps it where that was asked for; the first of its class is logged.
    fn tell(self, settings: &RowSettings, stats: &Stats) {
        let Self {
            class, place, why, ..
        } = &self;
        if let Some(file) = &settings.bad_events {
            let origin = Origin {
                source: SOURCE.into(),
                host: place.clone(),
                instance: None,
            };
            file.append(*class, &self.payload, &origin, self.after);
        }
        if stats.add_bad(*class) {
            warn!(
                "left out an event of {place}, of which no server prints a line: {why} (later ones of this class are only counted)"
            );
        }
    }
}

impl Tally {
    /// Whether the batch is to be handed over.
    pub(super) fn is_full(&self) -> bool {
        self.rows >= MAX_ROWS || self.bad_bytes >= MAX_BAD_BYTES
    }

    /// Whether there is nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0 && self.blocks == 0
    }

    /// What it takes besides the lines.
    pub(super) fn held_bytes(&self) -> usize {
        self.bad_bytes
    }

    #[inline]
    pub(super) fn count(&mut self, class: EventClass) {
        if let Some(counter) = self.events.get_mut(class.index()) {
            *counter += 1;
        }
    }

    pub(super) fn bad(&mut self, row: BadRow) {
        self.bad_bytes += row.bytes();
        self.bad.push(row);
    }

    /// Notes a block that is larger than usual.
    pub(super) fn note_size(&mut self, path: &Path, block: u32, bytes: u64) {
        if bytes > USUAL_BYTES && self.large.is_none() {
            self.large = Some((shown(path), block, bytes));
        }
    }

    /// Notes what follows the last whole block of a file that is not sealed.
    pub(super) fn note_torn(&mut self, path: &Path, bytes: u64) {
        self.torn = (bytes > 0).then(|| (shown(path), bytes));
    }

    /// Counts all of it, and says what there is to say.
    pub(super) fn tell(
        self,
        settings: &RowSettings,
        stats: &Stats,
        counts: &mut ReadCounts,
        said_large: &mut bool,
    ) {
        counts.blocks += self.blocks;
        counts.bytes += self.bytes;
        let n = self.events.iter().map(|n| u64::from(*n)).sum();
        stats.add_messages(n);
        stats.add_event_bytes(self.line_bytes);
        for (class, n) in self.events.iter().enumerate() {
            stats.add_events(class, u64::from(*n));
        }
        for row in self.bad {
            row.tell(settings, stats);
        }
        if let Some((path, block, bytes)) = self.large.filter(|_| !*said_large) {
            *said_large = true;
            let limit = settings.max_block_bytes;
            info!(target: STATE, bytes, limit, "block {block} of '{path}' holds {bytes} bytes inflated, and a server's about 1.3 MB: each such block takes the memory that it needs, up to {limit} bytes");
        }
        if let Some((path, torn_bytes)) = self.torn {
            warn!(target: STATE, torn_bytes, "'{path}' is not sealed, and its last {torn_bytes} bytes are no whole block: it is read up to there");
        }
    }
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// The place after a row that is done with, where nothing stands yet.
pub(super) fn point_after(row: &Row<'_>) -> Point {
    Point {
        seq: Some(row.seq.saturating_add(1)),
        time_us: u64::try_from(row.time_us()).unwrap_or_default(),
        identity: None,
    }
}
