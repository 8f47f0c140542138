//! Which events were asked for.
//!
//! Servers filter too, by collection and DID; everything is applied again here, so that what comes
//! out never depends on them.

mod byte_set;
mod shard;
mod words;

pub use self::shard::Shard;

use std::{fmt::Write as _, sync::Arc};

use self::{
    byte_set::ByteSet,
    shard::ShardBy,
    words::{Words, listed, set_of},
};
use crate::event::{CollectionPattern, Did, Event, Kind, Operation};

/// Keeps the events that were asked for. Each part that is empty keeps everything.
///
/// Collections and operations speak of commits only: an identity event passes them. Restrict
/// `kinds` to leave it out.
#[derive(Debug, Clone)]
pub struct Filter {
    exact: ByteSet,
    prefixes: Vec<Box<[u8]>>,
    dids: ByteSet,
    kinds: Choice,
    operations: Choice,
    shard: Option<Box<(Shard, ShardBy)>>,
    max_bytes: Option<u32>,
    words: Box<Words>,
    description: String,
}

/// A set of small enum members as bits; none chosen means all.
#[derive(Debug, Clone, Copy, Default)]
struct Choice(u8);

impl Choice {
    fn of(bits: impl Iterator<Item = u8>) -> Self {
        Self(bits.fold(0, |set, bit| set | 1 << bit))
    }

    fn has(self, bit: u8) -> bool {
        self.0 == 0 || self.0 & (1 << bit) != 0
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            exact: ByteSet::default(),
            prefixes: Vec::new(),
            dids: ByteSet::default(),
            kinds: Choice::default(),
            operations: Choice::default(),
            shard: None,
            max_bytes: None,
            words: Box::default(),
            description: String::new(),
        }
        .described()
    }
}

impl Filter {
    /// A filter that keeps everything; the methods below narrow it down.
    ///
    /// ```
    /// use rocketman::{event::{Kind, Operation}, filter::Filter};
    ///
    /// let filter = Filter::new()
    ///     .collections(["app.bsky.feed.post".parse()?, "app.bsky.graph.*".parse()?])
    ///     .kinds([Kind::Commit])
    ///     .operations([Operation::Create]);
    /// assert_eq!(
    ///     filter.description(),
    ///     "commit events, collections app.bsky.feed.post, app.bsky.graph.*, operations create"
    /// );
    /// # Ok::<(), rocketman::ParseError>(())
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps of commits only those of these collections; no collection means all. The last
    /// collections that are given count.
    #[must_use]
    pub fn collections(mut self, collections: impl IntoIterator<Item = CollectionPattern>) -> Self {
        let collections: Vec<_> = collections.into_iter().collect();
        let (prefixes, exact): (Vec<_>, Vec<_>) = collections
            .iter()
            .partition(|pattern| pattern.prefix().is_some());
        self.exact = ByteSet::new(|| {
            exact
                .iter()
                .map(|pattern| pattern.as_str().as_bytes().into())
        });
        self.prefixes = prefixes
            .iter()
            .filter_map(|pattern| pattern.prefix())
            .map(|prefix| prefix.as_bytes().into())
            .collect();
        let collections = set_of(collections.iter().map(CollectionPattern::as_str));
        self.words.collections = listed(&collections);
        self.described()
    }

    /// Keeps only the events of these accounts; no account means all. The last accounts that are
    /// given count.
    #[must_use]
    pub fn dids(mut self, dids: impl IntoIterator<Item = Did>) -> Self {
        let dids: Vec<_> = dids.into_iter().collect();
        self.dids = ByteSet::new(|| dids.iter().map(Did::to_bytes));
        self.words.dids = listed(&set_of(dids.iter().map(Did::as_str)));
        self.described()
    }

    /// Keeps only the events of these kinds; no kind means all. The last kinds that are given
    /// count.
    #[must_use]
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        let kinds: Vec<_> = kinds.into_iter().collect();
        self.kinds = Choice::of(kinds.iter().map(|kind| *kind as u8));
        self.words.kinds = set_of(kinds.iter().map(|kind| kind.as_str())).join(", ");
        self.described()
    }

    /// Keeps of commits only those with these operations; no operation means all. The last
    /// operations that are given count.
    #[must_use]
    pub fn operations(mut self, operations: impl IntoIterator<Item = Operation>) -> Self {
        let operations: Vec<_> = operations.into_iter().collect();
        self.operations = Choice::of(operations.iter().map(|operation| *operation as u8));
        let names = set_of(operations.iter().map(|operation| operation.as_str()));
        self.words.operations = names.join(", ");
        self.described()
    }

    /// Keeps of all that only the events of accounts in this shard; the last one that is given
    /// counts. The only shard of one has every account, and is no part of the filter.
    #[must_use]
    pub fn shard(self, shard: Shard) -> Self {
        self.sharded(shard, ShardBy::Key)
    }

    /// As [`Filter::shard`], with the shards by the event's number in its stream and not by its
    /// account: they have equally much to do, and the events of an account are spread over all of
    /// them. An event without a number counts by its time.
    #[must_use]
    pub fn shard_by_number(self, shard: Shard) -> Self {
        self.sharded(shard, ShardBy::Number)
    }

    /// As [`Filter::shard`], with the shards by what a function says of an event: those of which it
    /// says the same are in one shard. A saved cursor counts as one of the same filter as long as
    /// the function has the same name.
    ///
    /// ```
    /// use rocketman::{event::Event, filter::Filter};
    ///
    /// let by_record = |event: &Event<'_>| event.rkey().to_owned();
    /// let filter = Filter::new().shard_by("2/4".parse()?, "record", by_record);
    /// assert_eq!(filter.description(), "all kinds of events, shard 2/4 by record");
    /// # Ok::<(), rocketman::ParseError>(())
    /// ```
    #[must_use]
    pub fn shard_by(
        self,
        shard: Shard,
        name: &str,
        key: impl Fn(&Event<'_>) -> String + Send + Sync + 'static,
    ) -> Self {
        self.sharded(shard, ShardBy::Function(name.into(), Arc::new(key)))
    }

    fn sharded(mut self, shard: Shard, by: ShardBy) -> Self {
        self.shard = (!shard.is_everything()).then(|| Box::new((shard, by)));
        self.described()
    }

    /// Keeps of all that only the events whose line is no longer than this in bytes; the last number that
    /// is given counts.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: u32) -> Self {
        self.max_bytes = Some(max_bytes);
        self.described()
    }

    fn described(mut self) -> Self {
        self.description = self.words.sentence();
        // Writing to a String cannot fail.
        if let Some(max_bytes) = self.max_bytes {
            write!(self.description, ", of at most {max_bytes} bytes").ok();
        }
        if let Some((shard, by)) = self.shard.as_deref() {
            write!(self.description, ", shard {shard}{by}").ok();
        }
        self
    }

    /// Names this shard in the description: the source brings no other events.
    #[must_use]
    pub fn of_sharded_source(self, shard: Shard) -> Self {
        Self {
            shard: None,
            ..self.shard(shard)
        }
    }

    /// Whether every event passes.
    pub fn is_everything(&self) -> bool {
        let Self {
            exact,
            prefixes,
            dids,
            kinds,
            operations,
            shard,
            max_bytes,
            words: _,
            description: _,
        } = self;
        exact.is_empty()
            && prefixes.is_empty()
            && dids.is_empty()
            && kinds.0 == 0
            && operations.0 == 0
            && shard.is_none()
            && max_bytes.is_none()
    }

    /// Whether the event was asked for.
    pub fn keeps(&self, event: &Event<'_>) -> bool {
        self.names(event) && self.fits(event)
    }

    /// Whether the event was asked for, as large as it is.
    pub(crate) fn names(&self, event: &Event<'_>) -> bool {
        self.kinds.has(event.kind() as u8)
            // Where there are accounts, most events are of others.
            && self.keeps_did(event.did_bytes())
            && (event.kind() != Kind::Commit || self.keeps_commit(event))
            && self
                .shard
                .as_deref()
                .is_none_or(|(shard, by)| by.has(*shard, event))
    }

    /// Whether the event is not too large.
    pub(crate) fn fits(&self, event: &Event<'_>) -> bool {
        self.max_bytes
            .is_none_or(|max_bytes| event.line().len() <= max_bytes as usize)
    }

    /// Whether a server with this filter sends the event: a commit without a collection passes;
    /// operations, the shard and the size are not asked.
    #[cfg(feature = "serve")]
    pub(crate) fn sends(&self, kind: Kind, did: &[u8], collection: &[u8]) -> bool {
        self.kinds.has(kind as u8)
            && self.keeps_did(did)
            && (kind != Kind::Commit || collection.is_empty() || self.keeps_collection(collection))
    }

    /// The filter in words, the same for equal filters: for people, and to notice that a saved
    /// cursor was made with another one.
    pub fn description(&self) -> &str {
        &self.description
    }

    fn keeps_commit(&self, event: &Event<'_>) -> bool {
        event
            .operation()
            .is_none_or(|operation| self.operations.has(operation as u8))
            && self.keeps_collection(event.collection_bytes())
    }

    fn keeps_did(&self, did: &[u8]) -> bool {
        self.dids.is_empty() || self.dids.has(did)
    }

    fn keeps_collection(&self, collection: &[u8]) -> bool {
        (self.exact.is_empty() && self.prefixes.is_empty())
            || self.exact.has(collection)
            || self
                .prefixes
                .iter()
                .any(|prefix| collection.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests;
