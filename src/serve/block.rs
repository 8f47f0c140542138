//! A block of events, encoded once and sent to every consumer: WebSocket frames back to back, of
//! each wire, plain and compressed.

use std::{ops::Range, sync::OnceLock};

use super::{
    deflate::deflate,
    encoding::{Encoding, Wire},
    frames::Frames,
    line::Layout,
    numbering::Numbering,
    v2,
};
use crate::{
    event::{BadEvent, Envelope, Kind, LineRules, Point, Span, read_envelope},
    filter::Filter,
    wire::frame::{Header, Sender, TEXT, push_header},
};

/// A feed ends a block when it has this many bytes. Every consumer may hold a block of its own;
/// larger writes gained nothing.
pub(super) const BLOCK_BYTES: usize = 64 * 1024;

/// One event of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) time_us: u64,
    kind: Kind,
    did: Span,
    collection: Span,
    /// The length of its JSON.
    json_bytes: u32,
    /// Where its plain frame ends.
    end: u32,
}

/// Encoded events, in order.
#[derive(Debug, Default)]
pub(super) struct Block {
    entries: Vec<Entry>,
    /// The block that follows, where that is not the one with the next index.
    next: Option<u64>,
    plain: Vec<u8>,
    /// Whether an event is there that the v1 wire does not have.
    has_sync: bool,
    /// Names that had to be unescaped.
    side: Vec<u8>,
    /// The other encodings, each made when the first consumer asks for it.
    zstd: OnceLock<Frames>,
    v2: OnceLock<Frames>,
    v2_zstd: OnceLock<Frames>,
}

impl Block {
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The block that follows this one, which has the given index.
    pub(super) fn next(&self, index: u64) -> u64 {
        self.next.unwrap_or(index + 1)
    }

    /// The frames of an encoding.
    pub(super) fn frames(&self, encoding: Encoding) -> &[u8] {
        self.other(encoding).map_or(&self.plain, Frames::all)
    }

    /// The place of an event's frame among the frames; empty where the wire has none for it.
    pub(super) fn frame(&self, idx: usize, encoding: Encoding) -> Range<usize> {
        match self.other(encoding) {
            Some(frames) => frames.frame(idx),
            None => self.plain_frame(idx),
        }
    }

    /// The place of the frames of this event and of all that follow it.
    pub(super) fn frames_from(&self, idx: usize, encoding: Encoding) -> Range<usize> {
        self.frame(idx, encoding).start..self.frames(encoding).len()
    }

    /// Whether a wire has a frame for every event.
    pub(super) fn is_whole(&self, wire: Wire) -> bool {
        match wire {
            Wire::V1 => !self.has_sync,
            Wire::V2 => self.v2().is_whole(),
        }
    }

    /// The length of what a wire says of an event before it is compressed, which is what consumers
    /// bound.
    pub(super) fn payload_bytes(&self, idx: usize, wire: Wire) -> usize {
        match wire {
            Wire::V1 => self.json_bytes(idx),
            Wire::V2 => self.payload(idx, wire).len(),
        }
    }

    /// What a wire says of an event before it is compressed; nothing where it has nothing to say.
    pub(super) fn payload(&self, idx: usize, wire: Wire) -> &[u8] {
        match wire {
            Wire::V1 => {
                let end = self.plain_frame(idx).end;
                let range = end.saturating_sub(self.json_bytes(idx))..end;
                self.plain.get(range).unwrap_or_default()
            }
            Wire::V2 => {
                let frames = self.v2();
                let frame = frames.all().get(frames.frame(idx)).unwrap_or_default();
                match Header::parse(frame, Sender::Server) {
                    Ok(Some(header)) => frame.get(header.bytes..).unwrap_or_default(),
                    _ => &[],
                }
            }
        }
    }

    /// Whether a server with this filter sends the event on a wire.
    pub(super) fn is_wanted(&self, idx: usize, filter: &Filter, wire: Wire) -> bool {
        self.entries.get(idx).is_some_and(|entry| {
            let has_frame = match wire {
                Wire::V1 => entry.kind != Kind::Sync,
                Wire::V2 => !self.v2().frame(idx).is_empty(),
            };
            let text = |span: Span| span.of(&self.plain, &self.side);
            let sends = || filter.sends(entry.kind, text(entry.did), text(entry.collection));
            has_frame && (filter.is_everything() || sends())
        })
    }

    /// The collection of an event; empty where it is no commit.
    pub(super) fn collection(&self, idx: usize) -> &[u8] {
        let entry = self.entries.get(idx);
        entry.map_or(&[], |entry| entry.collection.of(&self.plain, &self.side))
    }

    /// How much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let others = [&self.zstd, &self.v2, &self.v2_zstd];
        let made = others.into_iter().filter_map(OnceLock::get);
        let others: usize = made.map(Frames::memory).sum();
        self.plain.len() + others + self.entries.len() * size_of::<Entry>()
    }

    /// Whether nothing is left to do for this encoding.
    pub(super) fn is_made(&self, encoding: Encoding) -> bool {
        match encoding {
            Encoding::Plain => true,
            Encoding::Zstd => self.zstd.get().is_some(),
            Encoding::V2 => self.v2.get().is_some(),
            Encoding::V2Zstd => self.v2_zstd.get().is_some(),
        }
    }

    /// Encodes the events, once. Takes some microseconds for each.
    pub(super) fn make(&self, encoding: Encoding) {
        self.other(encoding);
    }

    /// The frames of an encoding that the block is not read into.
    fn other(&self, encoding: Encoding) -> Option<&Frames> {
        let (wire, made) = match encoding {
            Encoding::Plain => return None,
            Encoding::V2 => return Some(self.v2()),
            Encoding::Zstd => (Wire::V1, &self.zstd),
            Encoding::V2Zstd => (Wire::V2, &self.v2_zstd),
        };
        Some(made.get_or_init(|| {
            deflate(
                wire,
                (0..self.entries.len()).map(|idx| self.payload(idx, wire)),
            )
        }))
    }

    fn v2(&self) -> &Frames {
        self.v2.get_or_init(|| {
            let (mut frames, mut payload) = (Frames::default(), Vec::new());
            for (idx, entry) in self.entries.iter().enumerate() {
                payload.clear();
                let line = self.payload(idx, Wire::V1);
                let has_frame = v2::frame::push(line, entry.seq, entry.time_us, &mut payload);
                frames.push(TEXT, has_frame.then_some(&payload));
            }
            frames
        })
    }

    /// The length of an event's line.
    fn json_bytes(&self, idx: usize) -> usize {
        self.entries
            .get(idx)
            .map_or(0, |entry| entry.json_bytes as usize)
    }

    fn plain_frame(&self, idx: usize) -> Range<usize> {
        let end = |entry: &Entry| entry.end as usize;
        let start = idx
            .checked_sub(1)
            .and_then(|before| self.entries.get(before))
            .map_or(0, end);
        start..self.entries.get(idx).map_or(start, end)
    }
}

/// Takes the lines of a feed and makes a block of them.
#[derive(Debug)]
pub struct BlockBuilder {
    block: Block,
    line: Vec<u8>,
    legacy: bool,
    numbering: Numbering,
}

impl BlockBuilder {
    /// An empty block; with `legacy` its events tell no numbers.
    pub(super) fn new(legacy: bool) -> Self {
        Self::numbered(legacy, Numbering::default())
    }

    /// The same with other numbers than those of the feed.
    pub(super) fn numbered(legacy: bool, numbering: Numbering) -> Self {
        Self {
            block: Block::default(),
            line: Vec::new(),
            legacy,
            numbering,
        }
    }

    /// Whether a feed should end the block.
    pub fn is_full(&self) -> bool {
        self.block.plain.len() >= BLOCK_BYTES
    }

    /// How many events it has.
    pub fn len(&self) -> usize {
        self.block.entries.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.block.entries.is_empty()
    }

    /// Says which block follows, where that is not the one with the next index.
    pub fn set_next(&mut self, index: u64) {
        self.block.next = Some(index);
    }

    /// Adds one event from its line of JSON, under the number and the time that it tells.
    pub(super) fn push_own(&mut self, line: &[u8]) -> Result<(), BadEvent> {
        let side_before = self.block.side.len();
        let envelope = read_envelope(line, &mut self.block.side, LineRules::default())?;
        let Point { seq, time_us, .. } = envelope.point;
        let seq = seq.ok_or(BadEvent::Envelope)?;
        if self.legacy || self.numbering.number(seq, time_us) != (seq, time_us) {
            self.block.side.truncate(side_before);
            return self.push(line, seq, time_us);
        }
        self.add(line, seq, &envelope)
    }

    /// Adds one event from its line of JSON, with this number and time in place of its own.
    ///
    /// Numbers ascend, from one block to the next too.
    pub fn push(&mut self, line: &[u8], seq: u64, time_us: u64) -> Result<(), BadEvent> {
        let (seq, time_us) = self.numbering.number(seq, time_us);
        let layout = Layout::read(line).ok_or(BadEvent::Envelope)?;
        self.line.clear();
        layout.rewrite(line, time_us, (!self.legacy).then_some(seq), &mut self.line);
        let envelope = read_envelope(&self.line, &mut self.block.side, LineRules::default())?;
        let line = std::mem::take(&mut self.line);
        let added = self.add(&line, seq, &envelope);
        self.line = line;
        added
    }

    fn add(&mut self, line: &[u8], seq: u64, envelope: &Envelope) -> Result<(), BadEvent> {
        self.block.has_sync |= envelope.kind == Kind::Sync;
        let plain = &mut self.block.plain;
        push_header(plain, TEXT, line.len());
        let at = plain.len();
        plain.extend_from_slice(line);
        let small = |len: usize| u32::try_from(len).map_err(|_| BadEvent::TooLarge);
        self.block.entries.push(Entry {
            seq,
            time_us: envelope.point.time_us,
            kind: envelope.kind,
            did: envelope.did.shifted(at),
            collection: envelope.collection.shifted(at),
            json_bytes: small(line.len())?,
            end: small(plain.len())?,
        });
        Ok(())
    }

    pub(super) fn finish(mut self) -> Block {
        // What it counts for is what it takes.
        self.block.plain.shrink_to_fit();
        self.block.entries.shrink_to_fit();
        self.block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CollectionPattern, Did};

    const POST: &str = r#"{"did":"did:plc:a","time_us":5,"cursor":9,"kind":"commit","commit":{"rev":"3k","operation":"create","collection":"app.bsky.feed.post","rkey":"1","record":{}}}"#;
    const ACCOUNT: &str =
        r#"{"did":"did:plc:b","time_us":6,"kind":"account","account":{"active":true}}"#;
    const ESCAPED: &str = r#"{"did":"did:plc:\u0063","time_us":7,"kind":"commit","commit":{"rev":"3k","operation":"create","collection":"fm.te\u0061l.play","rkey":"1"}}"#;

    fn block(lines: &[&str], legacy: bool) -> Block {
        let mut builder = BlockBuilder::new(legacy);
        for (line, seq) in lines.iter().zip(1..) {
            builder.push(line.as_bytes(), seq, 1000 + seq).unwrap();
        }
        builder.finish()
    }

    #[test]
    fn events_get_their_number_and_time_and_keep_the_rest() {
        let block = block(&[POST, ACCOUNT], false);
        let first = String::from_utf8(block.payload(0, Wire::V1).to_vec()).unwrap();
        assert_eq!(
            first,
            POST.replace(":5,", ":1001,")
                .replace("\"cursor\":9", "\"cursor\":1")
        );
        let second = String::from_utf8(block.payload(1, Wire::V1).to_vec()).unwrap();
        assert_eq!(second, ACCOUNT.replace(":6,", ":1002,\"cursor\":2,"));
        assert_eq!(block.frame(1, Encoding::Plain).end, block.plain.len());
    }

    #[test]
    fn a_legacy_block_tells_no_numbers() {
        let block = block(&[POST, ACCOUNT], true);
        let first = String::from_utf8(block.payload(0, Wire::V1).to_vec()).unwrap();
        assert_eq!(first, POST.replace(":5,\"cursor\":9", ":1001"));
    }

    #[test]
    fn filters_follow_the_rules_of_servers() {
        let block = block(&[POST, ACCOUNT, ESCAPED], false);
        let wanted = |collections: &[&str], dids: &[&str]| -> Vec<usize> {
            let collections: Vec<_> = collections
                .iter()
                .map(|text| CollectionPattern::parse_as_server(text).unwrap())
                .collect();
            let dids: Vec<_> = dids.iter().map(|text| Did::parse(text).unwrap()).collect();
            let filter = Filter::new().collections(collections).dids(dids);
            (0..3)
                .filter(|idx| block.is_wanted(*idx, &filter, Wire::V1))
                .collect()
        };
        assert_eq!(wanted(&[], &[]), [0, 1, 2]);
        assert_eq!(wanted(&["app.bsky.feed.post"], &[]), [0, 1]);
        assert_eq!(wanted(&["fm.teal.*"], &[]), [1, 2]);
        assert_eq!(wanted(&["app.bsky.feed.*"], &["did:plc:b"]), [1]);
        assert_eq!(wanted(&[], &["did:plc:c", "did:plc:a"]), [0, 2]);
    }

    #[test]
    fn what_is_no_event_is_refused_and_leaves_nothing_behind() {
        let mut builder = BlockBuilder::new(false);
        for bad in [
            "",
            "{}",
            "nothing",
            r#"{"did":"did:plc:a","time_us":5,"kind":"commit"}"#,
        ] {
            assert_eq!(
                builder.push(bad.as_bytes(), 1, 1),
                Err(BadEvent::Envelope),
                "{bad}"
            );
        }
        assert!(builder.is_empty());
        assert!(builder.block.plain.is_empty());
    }
}
