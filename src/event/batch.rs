//! All that was ready at once: events in order, their lines in one reused buffer.
//!
//! Nothing here allocates per event. Dropping events closes the gaps, so that what is kept can
//! leave in one write.

mod events;
mod frame;
mod left_out;

use std::sync::Arc;

pub use self::events::Events;
#[cfg(feature = "nats")]
use super::Span;
use super::{BadEvent, Envelope, Event, Identity, LineRules, Origin, Point, decode, v2};

/// How many bytes of lines make a batch full: twice the socket's read buffer, and with the sink's
/// queue a bound on memory. Half and twice as much were measured: no difference.
const FULL_BYTES: usize = 256 * 1024;

/// Few lines are longer; the last one of a batch may lie across its end.
const LONG_LINE_BYTES: usize = 64 * 1024;

/// A buffer that one large event has grown past this is given back.
const KEPT_BYTES: usize = FULL_BYTES + LONG_LINE_BYTES;

#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u32,
    /// Without the line end.
    len: u32,
    envelope: Envelope,
}

/// Events of one origin, in its order, and how far in the stream they reach.
///
/// Every line ends in `\n`. [`Batch::reached`] also counts events that were dropped since.
#[derive(Debug, Default)]
pub struct Batch {
    lines: Vec<u8>,
    unescaped: Vec<u8>,
    entries: Vec<Entry>,
    origin: Option<Arc<Origin>>,
    /// The places that the entries do not tell: set before the first or the last of them goes.
    first: Option<Point>,
    reached: Option<Point>,
    /// Events at the front that were taken already.
    taken: usize,
    /// How many events lie before the first one that was left out: how far the batch reaches ends
    /// with them.
    held: Option<usize>,
    /// Its events lie before the place of the stream, and have none that counts.
    is_aside: bool,
    /// Events that may have come before.
    doubtful: Vec<Identity>,
    /// How long `unescaped` was before the latest line was read.
    unescaped_before: usize,
    /// The second of the latest usual frame of the v2 wire.
    second: Option<v2::Second>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch with room for what is ready at once: what a buffer grows through on its way
    /// is not always given back.
    pub(crate) fn with_room() -> Self {
        Self {
            lines: Vec::with_capacity(FULL_BYTES + LONG_LINE_BYTES),
            ..Self::default()
        }
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        let Self {
            lines,
            unescaped,
            entries,
            origin: _,
            first,
            reached,
            taken,
            held,
            is_aside,
            doubtful,
            unescaped_before,
            second: _,
        } = self;
        lines.clear();
        // One that grows from nothing with its lines ends up larger than what is kept, and so would
        // be made anew each time.
        if !(1..=KEPT_BYTES).contains(&lines.capacity()) {
            *lines = Vec::with_capacity(KEPT_BYTES);
        }
        unescaped.clear();
        unescaped.shrink_to(KEPT_BYTES);
        entries.clear();
        *first = None;
        *reached = None;
        *taken = 0;
        *held = None;
        *is_aside = false;
        doubtful.clear();
        *unescaped_before = 0;
    }

    /// Says which stream the events come from; all events of one batch come from the same.
    pub fn set_origin(&mut self, origin: &Arc<Origin>) {
        debug_assert!(
            self.entries.is_empty(),
            "a batch holds events of one origin"
        );
        self.origin = Some(Arc::clone(origin));
    }

    /// The stream the events come from.
    pub fn origin(&self) -> Option<&Arc<Origin>> {
        self.origin.as_ref()
    }

    /// Whether a source should hand the batch over rather than read on.
    pub fn is_full(&self) -> bool {
        self.lines.len() >= FULL_BYTES
    }

    /// How many events are in it, and not taken yet.
    pub fn len(&self) -> usize {
        self.entries.len() - self.taken
    }

    /// Whether no event is in it, or all are taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The lines of the events, each ended by `\n`, back to back.
    pub fn lines(&self) -> &[u8] {
        let start = self
            .entries
            .get(self.taken)
            .map_or(self.lines.len(), |entry| entry.start as usize);
        self.lines.get(start..).unwrap_or_default()
    }

    /// The events, in order.
    pub fn events(&self) -> Events<'_> {
        Events {
            batch: self,
            at: self.taken,
        }
    }

    /// Takes the first `n` events away: a sink has them now. Their memory is kept until the batch
    /// is cleared.
    pub fn take(&mut self, n: usize) {
        self.taken = (self.taken + n).min(self.entries.len());
    }

    /// Gives back the memory of a large event, if every event is taken.
    pub(crate) fn give_back(&mut self) {
        if self.is_empty() && self.lines.capacity() > KEPT_BYTES {
            self.take_lines(Vec::new());
        }
    }

    /// The place of the first event that was read into it, kept or not.
    pub fn first(&self) -> Option<&Point> {
        let first = self.entries.first().map(|entry| &entry.envelope.point);
        self.first.as_ref().or(first)
    }

    /// How far in the stream the batch reaches: the place of the last event read, kept or not.
    /// Where one was left out that is still wanted, the place before that one; `None` where that
    /// lies before the batch.
    pub fn reached(&self) -> Option<&Point> {
        let last = self.entries.last().map(|entry| &entry.envelope.point);
        let is_told = self.held.is_none() && !self.is_aside;
        self.reached.as_ref().or(last.filter(|_| is_told))
    }

    /// Says that the stream is read up to this place although no event stands there.
    pub fn advance(&mut self, point: Point) {
        self.reached = Some(point).filter(|_| !self.is_aside);
    }

    /// Adds one event from its line of JSON. Line ends within it become spaces.
    pub fn push(&mut self, line: &[u8]) -> Result<(), BadEvent> {
        self.push_by(line, LineRules::default())
    }

    /// The same, by other rules.
    pub(crate) fn push_by(&mut self, line: &[u8], rules: LineRules) -> Result<(), BadEvent> {
        let start = self.lines.len();
        self.lines.extend_from_slice(line);
        let result = self
            .parse_tail(start, rules)
            .map(|envelope| self.commit_tail(start, envelope));
        if result.is_err() {
            self.discard_tail(start);
        }
        result
    }

    /// Adds a copy of an event of another batch, as it was read there.
    pub(crate) fn push_event(&mut self, event: &Event<'_>) {
        let start = self.lines.len();
        let envelope = event.envelope_beside(&mut self.unescaped);
        self.lines.extend_from_slice(event.line());
        self.commit_tail(start, envelope);
    }

    /// Keeps the events that `wanted` says yes to, in place and in order. Comes before any is
    /// taken.
    pub fn retain(&mut self, mut wanted: impl FnMut(Event<'_>) -> bool) {
        self.note_places();
        let Self {
            lines,
            unescaped,
            entries,
            held,
            ..
        } = self;
        let (mut next, mut kept, mut end) = (0, 0, 0);
        let mut kept_before = None;
        // What lies before the first event that was left out is counted apart; `wanted` is called
        // in one place, so that it is inlined.
        for part_end in [held.unwrap_or_default(), entries.len()] {
            while next < part_end
                && let Some(entry) = entries.get(next)
            {
                let (start, len) = (entry.start as usize, entry.len as usize);
                let line = lines.get(start..start + len).unwrap_or_default();
                if wanted(Event {
                    line,
                    unescaped,
                    envelope: &entry.envelope,
                }) {
                    if kept < next {
                        lines.copy_within(start..=start + len, end);
                        entries.copy_within(next..=next, kept);
                        if let Some(entry) = entries.get_mut(kept) {
                            entry.start = crate::event::to_u32(end);
                        }
                    }
                    end += len + 1;
                    kept += 1;
                }
                next += 1;
            }
            kept_before.get_or_insert(kept);
        }
        *held = held.and(kept_before);
        entries.truncate(kept);
        lines.truncate(end);
    }

    /// Keeps the first `len` events, before any is taken; how far the batch reaches ends with them.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.entries.len() {
            return;
        }
        self.entries.truncate(len);
        let last = self.entries.last();
        self.lines
            .truncate(last.map_or(0, |entry| (entry.start + entry.len) as usize + 1));
        if self.is_aside || self.held.is_some_and(|held| held < len) {
            return;
        }
        self.held = None;
        self.reached = last.map(|entry| entry.envelope.point);
        if last.is_none() {
            self.first = None;
        }
    }

    /// Moves the lines out, for a writer, and takes an empty buffer in exchange; the events are
    /// gone with them.
    pub(crate) fn take_lines(&mut self, empty: Vec<u8>) -> Vec<u8> {
        self.note_places();
        self.entries.clear();
        self.unescaped.clear();
        self.taken = 0;
        std::mem::replace(&mut self.lines, empty)
    }

    /// The events, the taken ones too.
    pub(crate) fn all(&self) -> Events<'_> {
        Events { batch: self, at: 0 }
    }

    /// Replaces the byte that ends each line.
    pub(crate) fn end_lines_with(&mut self, end: u8) {
        for entry in &self.entries {
            if let Some(byte) = self.lines.get_mut((entry.start + entry.len) as usize) {
                *byte = end;
            }
        }
    }

    /// The buffer itself, so that a source can write a line straight behind the others.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.lines
    }

    /// Reads what was written behind `start` as one line. It becomes an event by `commit_tail`, or goes by
    /// `discard_tail`.
    pub(crate) fn parse_tail(
        &mut self,
        start: usize,
        rules: LineRules,
    ) -> Result<Envelope, BadEvent> {
        self.unescaped_before = self.unescaped.len();
        if decode::is_plain(self.tail(start)) {
            let line = self.lines.get(start..).unwrap_or_default();
            return decode::plain_envelope(line, &mut self.unescaped, rules, false);
        }
        let line = self.lines.get_mut(start..).unwrap_or_default();
        let has_control = decode::has_control(line);
        if !rules.raw {
            let len = if has_control {
                decode::tidy(line)
            } else {
                line.trim_ascii_end().len()
            };
            self.lines.truncate(start + len);
        }
        let line = self.lines.get(start..).unwrap_or_default();
        decode::text_envelope(line, &mut self.unescaped, rules, has_control)
    }

    /// Keeps a name of the event to come that does not stand in its line.
    #[cfg(feature = "nats")]
    pub(crate) fn add_name(&mut self, name: &str) -> Span {
        self.unescaped_before = self.unescaped.len();
        self.unescaped.extend_from_slice(name.as_bytes());
        Span::in_side(self.unescaped_before, name.len())
    }

    /// Makes what was written behind `start` an event.
    pub(crate) fn commit_tail(&mut self, start: usize, envelope: Envelope) {
        let len = self.lines.len() - start;
        self.lines.push(b'\n');
        self.entries.push(Entry {
            start: crate::event::to_u32(start),
            len: crate::event::to_u32(len),
            envelope,
        });
        // It is told by the entry, unless something else was before.
        self.reached = None;
    }

    /// Notes what the entries tell, before some of them go.
    fn note_places(&mut self) {
        self.first = self.first().copied();
        self.reached = self.reached().copied();
    }

    /// What was written behind `start`.
    pub(crate) fn tail(&self, start: usize) -> &[u8] {
        self.lines.get(start..).unwrap_or_default()
    }

    /// The account of the line behind `start`, as it was read just now.
    pub(crate) fn did(&self, start: usize, envelope: &Envelope) -> &[u8] {
        envelope.did.of(self.tail(start), &self.unescaped)
    }

    /// Drops what was written behind `start` and read just now, with the names that had to be
    /// unescaped.
    pub(crate) fn discard_tail(&mut self, start: usize) {
        self.lines.truncate(start);
        self.unescaped.truncate(self.unescaped_before);
    }
}

#[cfg(test)]
mod tests;
