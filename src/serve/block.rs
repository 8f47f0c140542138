//! A block of events, encoded once and sent to every consumer: WebSocket frames back to back, plain
//! and compressed.

use std::{ops::Range, sync::OnceLock};

use super::{
    deflate::{Deflated, deflate},
    line::Layout,
};
use crate::{
    event::{BadEvent, Kind, LineRules, Span, read_envelope},
    filter::Filter,
    wire::frame::{TEXT, push_header},
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
    plain: Vec<u8>,
    /// Names that had to be unescaped.
    side: Vec<u8>,
    deflated: OnceLock<Deflated>,
}

/// Which of a block's two encodings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Zstd,
}

impl Block {
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The frames of an encoding.
    pub(super) fn frames(&self, encoding: Encoding) -> &[u8] {
        match encoding {
            Encoding::Plain => &self.plain,
            Encoding::Zstd => self.deflated().frames(),
        }
    }

    /// The place of an event's frame among the frames.
    pub(super) fn frame(&self, idx: usize, encoding: Encoding) -> Range<usize> {
        match encoding {
            Encoding::Plain => self.plain_frame(idx),
            Encoding::Zstd => self.deflated().frame(idx),
        }
    }

    /// The length of an event's JSON, which is what consumers bound.
    pub(super) fn json_bytes(&self, idx: usize) -> usize {
        self.entries
            .get(idx)
            .map_or(0, |entry| entry.json_bytes as usize)
    }

    /// Whether a server with this filter sends the event.
    pub(super) fn is_wanted(&self, idx: usize, filter: &Filter) -> bool {
        self.entries.get(idx).is_some_and(|entry| {
            let text = |span: Span| span.of(&self.plain, &self.side);
            filter.sends(entry.kind, text(entry.did), text(entry.collection))
        })
    }

    /// The event's JSON.
    pub(super) fn json(&self, idx: usize) -> &[u8] {
        let end = self.plain_frame(idx).end;
        let range = end.saturating_sub(self.json_bytes(idx))..end;
        self.plain.get(range).unwrap_or_default()
    }

    /// How much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let deflated = self.deflated.get().map_or(0, Deflated::bytes);
        self.plain.len() + deflated + self.entries.len() * size_of::<Entry>()
    }

    pub(super) fn is_deflated(&self) -> bool {
        self.deflated.get().is_some()
    }

    /// Compresses the events, once. Takes some microseconds for each.
    pub(super) fn deflated(&self) -> &Deflated {
        self.deflated
            .get_or_init(|| deflate((0..self.entries.len()).map(|idx| self.json(idx))))
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
}

impl BlockBuilder {
    /// An empty block; with `legacy` its events tell no numbers.
    pub(super) fn new(legacy: bool) -> Self {
        Self {
            block: Block::default(),
            line: Vec::new(),
            legacy,
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

    /// Adds one event from its line of JSON, with this number and time in place of its own.
    ///
    /// Numbers ascend, from one block to the next too. A sync event is left out, for the v1 wire
    /// has none.
    pub fn push(&mut self, line: &[u8], seq: u64, time_us: u64) -> Result<(), BadEvent> {
        let layout = Layout::read(line).ok_or(BadEvent::Envelope)?;
        self.line.clear();
        layout.rewrite(line, time_us, (!self.legacy).then_some(seq), &mut self.line);
        let envelope = read_envelope(&self.line, &mut self.block.side, LineRules::default())?;
        if envelope.kind == Kind::Sync {
            return Ok(());
        }
        let plain = &mut self.block.plain;
        push_header(plain, TEXT, self.line.len());
        let at = plain.len();
        plain.extend_from_slice(&self.line);
        let small = |len: usize| u32::try_from(len).map_err(|_| BadEvent::TooLarge);
        self.block.entries.push(Entry {
            seq,
            time_us,
            kind: envelope.kind,
            did: envelope.did.shifted(at),
            collection: envelope.collection.shifted(at),
            json_bytes: small(self.line.len())?,
            end: small(plain.len())?,
        });
        Ok(())
    }

    pub(super) fn finish(self) -> Block {
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
        let first = String::from_utf8(block.json(0).to_vec()).unwrap();
        assert_eq!(
            first,
            POST.replace(":5,", ":1001,")
                .replace("\"cursor\":9", "\"cursor\":1")
        );
        let second = String::from_utf8(block.json(1).to_vec()).unwrap();
        assert_eq!(second, ACCOUNT.replace(":6,", ":1002,\"cursor\":2,"));
        assert_eq!(block.frame(1, Encoding::Plain).end, block.plain.len());
    }

    #[test]
    fn a_legacy_block_tells_no_numbers() {
        let block = block(&[POST, ACCOUNT], true);
        let first = String::from_utf8(block.json(0).to_vec()).unwrap();
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
                .filter(|idx| block.is_wanted(*idx, &filter))
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
