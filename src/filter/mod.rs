//! Which events were asked for.
//!
//! Servers filter too, by collection and DID; everything is applied again here, so that what comes out never depends on them.

mod names;
mod shard;

pub use self::shard::{Shard, ShardError};

use std::fmt::Write as _;

use xxhash_rust::xxh3::Xxh3Default;

use self::names::Names;
use crate::event::{CollectionPattern, Did, Event, Kind, Operation};

/// Keeps the events that were asked for. Each part that is empty keeps everything.
///
/// Collections and operations speak of commits only: an identity event passes them. Restrict `kinds` to leave it out.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    exact: Names,
    prefixes: Vec<Box<[u8]>>,
    dids: Names,
    kinds: Choice,
    operations: Choice,
    shard: Option<Shard>,
    max_bytes: Option<u32>,
    /// The names in words; empty for those of a filter without any.
    names: String,
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

impl Filter {
    /// Builds a filter; an empty part keeps everything.
    pub fn new(
        collections: &[CollectionPattern],
        dids: &[Did],
        kinds: &[Kind],
        operations: &[Operation],
    ) -> Self {
        let (prefixes, exact): (Vec<_>, Vec<_>) = collections
            .iter()
            .partition(|pattern| pattern.prefix().is_some());
        Self {
            exact: Names::new(|| {
                exact
                    .iter()
                    .map(|pattern| pattern.as_str().as_bytes().into())
            }),
            prefixes: prefixes
                .iter()
                .filter_map(|pattern| pattern.prefix())
                .map(|prefix| prefix.as_bytes().into())
                .collect(),
            dids: Names::new(|| dids.iter().map(Did::to_bytes)),
            kinds: Choice::of(kinds.iter().map(|kind| *kind as u8)),
            operations: Choice::of(operations.iter().map(|operation| *operation as u8)),
            shard: None,
            max_bytes: None,
            names: describe(collections, dids, kinds, operations),
            description: describe(collections, dids, kinds, operations),
        }
    }

    /// Keeps of all that only the events of accounts in this shard; the last one that is given counts. The only shard of one has every
    /// account, and is no part of the filter.
    #[must_use]
    pub fn shard(mut self, shard: Shard) -> Self {
        self.shard = (!shard.is_everything()).then_some(shard);
        self.described()
    }

    /// Keeps of all that only the events whose line has at most so many bytes; the last number that is given counts.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: u32) -> Self {
        self.max_bytes = Some(max_bytes);
        self.described()
    }

    fn described(mut self) -> Self {
        let Self {
            shard,
            max_bytes,
            names,
            description,
            ..
        } = &mut self;
        if names.is_empty() && (shard.is_some() || max_bytes.is_some()) {
            *names = describe(&[], &[], &[], &[]);
        }
        description.clone_from(names);
        // Writing to a String cannot fail.
        if let Some(max_bytes) = max_bytes {
            write!(description, ", of at most {max_bytes} bytes").ok();
        }
        if let Some(shard) = shard {
            write!(description, ", shard {shard}").ok();
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
            names: _,
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
                .is_none_or(|shard| shard.has_bytes(event.key_bytes()))
    }

    /// Whether the event is not too large.
    pub(crate) fn fits(&self, event: &Event<'_>) -> bool {
        self.max_bytes
            .is_none_or(|max_bytes| event.line().len() <= max_bytes as usize)
    }

    /// Whether a server with this filter sends the event: a commit without a collection passes; kinds, operations, the shard and the
    /// size are not asked.
    #[cfg(feature = "serve")]
    pub(crate) fn sends(&self, kind: Kind, did: &[u8], collection: &[u8]) -> bool {
        self.keeps_did(did)
            && (kind != Kind::Commit || collection.is_empty() || self.keeps_collection(collection))
    }

    /// The filter in words, the same for equal filters: for people, and to notice that a saved cursor was made with another one.
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

/// More names than this are counted, not listed.
const LISTED: usize = 3;

fn describe(
    collections: &[CollectionPattern],
    dids: &[Did],
    kinds: &[Kind],
    operations: &[Operation],
) -> String {
    let mut text = if kinds.is_empty() {
        "all kinds of events".to_owned()
    } else {
        format!(
            "{} events",
            set_of(kinds.iter().map(|kind| kind.as_str())).join(", ")
        )
    };
    let collections = set_of(collections.iter().map(CollectionPattern::as_str));
    let dids = set_of(dids.iter().map(Did::as_str));
    // Writing to a String cannot fail.
    if !collections.is_empty() {
        write!(text, ", collections {}", listed(&collections)).ok();
    }
    if !operations.is_empty() {
        let operations = set_of(operations.iter().map(|operation| operation.as_str()));
        write!(text, ", operations {}", operations.join(", ")).ok();
    }
    if !dids.is_empty() {
        write!(text, ", accounts {}", listed(&dids)).ok();
    }
    text
}

/// The words in order, each once.
fn set_of<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut words: Vec<_> = words.collect();
    words.sort_unstable();
    words.dedup();
    words
}

fn listed(names: &[&str]) -> String {
    if names.len() <= LISTED {
        return names.join(", ");
    }
    let mut all = Xxh3Default::new();
    for name in names {
        all.update(name.as_bytes());
        all.update(&[0]);
    }
    let first = names.first().copied().unwrap_or_default();
    format!(
        "{first} and {} more (set {:08x})",
        names.len() - 1,
        all.digest() >> 32
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Batch, LineRules};

    const LINES: [&str; 6] = [
        r#"{"did":"did:plc:a","time_us":1,"kind":"commit","commit":{"rev":"r","operation":"create","collection":"app.bsky.feed.post","rkey":"1","record":{},"cid":"c"}}"#,
        r#"{"did":"did:plc:b","time_us":2,"kind":"commit","commit":{"rev":"r","operation":"delete","collection":"app.bsky.feed.like","rkey":"2"}}"#,
        r#"{"did":"did:plc:a","time_us":3,"kind":"commit","commit":{"rev":"r","operation":"update","collection":"app.bsky.actor.profile","rkey":"self","record":{}}}"#,
        r#"{"did":"did:plc:a","time_us":4,"kind":"identity","identity":{"did":"did:plc:a","seq":9,"time":"t"}}"#,
        r#"{"did":"did:plc:b","time_us":5,"kind":"account","account":{"active":true,"did":"did:plc:b","seq":10,"time":"t"}}"#,
        r#"{"did":"did:plc:b","time_us":6,"kind":"comet","comet":{}}"#,
    ];

    fn kept(filter: &Filter) -> Vec<u64> {
        let mut batch = Batch::new();
        for line in LINES {
            batch.push(line.as_bytes(), LineRules::default()).unwrap();
        }
        batch.retain(|event| filter.keeps(&event));
        batch.events().map(|event| event.time_us()).collect()
    }

    fn patterns(patterns: &[&str]) -> Vec<CollectionPattern> {
        patterns
            .iter()
            .map(|pattern| CollectionPattern::parse(pattern).unwrap())
            .collect()
    }

    #[test]
    fn what_is_larger_than_the_limit_is_left_out() {
        let mut lengths = LINES.map(str::len);
        lengths.sort_unstable();
        for limit in [lengths[0], lengths[3], lengths[5] - 1] {
            let filter = Filter::default().max_bytes(u32::try_from(limit).unwrap());
            assert!(!filter.is_everything());
            let expected: Vec<u64> = (1..)
                .zip(LINES)
                .filter_map(|(time_us, line)| (line.len() <= limit).then_some(time_us))
                .collect();
            assert!((1..6).contains(&expected.len()));
            assert_eq!(kept(&filter), expected, "{limit}");
        }
    }

    #[test]
    fn a_description_names_size_and_shard_whichever_came_first() {
        let shards = ["2/3", "1/4"].map(|text| text.parse::<Shard>().unwrap());
        let filters = [
            Filter::default()
                .max_bytes(7)
                .shard(shards[0])
                .shard(shards[1]),
            Filter::default().shard(shards[1]).max_bytes(8).max_bytes(7),
        ];
        for filter in filters {
            let expected = "all kinds of events, of at most 7 bytes, shard 1/4";
            assert_eq!(filter.description(), expected);
        }
    }

    #[test]
    fn nothing_asked_keeps_everything_unknown_kinds_too() {
        let filter = Filter::default();
        assert!(filter.is_everything());
        assert_eq!(kept(&filter), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn collections_speak_of_commits_only() {
        let collections = patterns(&["app.bsky.feed.*"]);
        assert_eq!(
            kept(&Filter::new(&collections, &[], &[], &[])),
            [1, 2, 4, 5, 6]
        );
        assert_eq!(
            kept(&Filter::new(&collections, &[], &[Kind::Commit], &[])),
            [1, 2]
        );
    }

    #[test]
    fn a_prefix_ends_at_a_dot() {
        let collections = patterns(&["app.bsky.feed.pos.*", "app.bsky.actor.profile"]);
        assert_eq!(
            kept(&Filter::new(&collections, &[], &[Kind::Commit], &[])),
            [3]
        );
    }

    #[test]
    fn accounts_and_operations_and_kinds_all_have_to_agree() {
        let did = [Did::parse("did:plc:b").unwrap()];
        assert_eq!(kept(&Filter::new(&[], &did, &[], &[])), [2, 5, 6]);
        assert_eq!(
            kept(&Filter::new(
                &[],
                &did,
                &[Kind::Commit, Kind::Account],
                &[Operation::Create]
            )),
            [5]
        );
        assert_eq!(
            kept(&Filter::new(
                &[],
                &[],
                &[Kind::Commit],
                &[Operation::Create, Operation::Delete]
            )),
            [1, 2]
        );
    }

    #[test]
    fn equal_filters_have_equal_descriptions_whatever_the_order() {
        let [one, two, three, four] = ["did:plc:a", "did:plc:b", "did:plc:c", "did:plc:d"]
            .map(|did| Did::parse(did).unwrap());
        let there = [one.clone(), two.clone(), three.clone(), four.clone()];
        let back = [four, three, two, one.clone()];
        let describe = |dids: &[Did]| Filter::new(&[], dids, &[], &[]).description().to_owned();
        assert_eq!(describe(&there), describe(&back));
        assert_ne!(describe(&there), describe(&there[..3]));
        assert_eq!(describe(&[one]), "all kinds of events, accounts did:plc:a");
    }

    #[test]
    fn a_long_list_is_told_apart_as_in_cursors_that_are_saved_already() {
        let dids: Vec<_> = (0..100)
            .map(|n| Did::parse(&format!("did:web:n{n}.example.com")).unwrap())
            .collect();
        let mut names: Vec<_> = dids.iter().map(|did| format!("{did}\0")).collect();
        names.sort_unstable();
        let set = xxhash_rust::xxh3::xxh3_64(names.concat().as_bytes()) >> 32;
        assert_eq!(
            Filter::new(&[], &dids, &[], &[]).description(),
            format!(
                "all kinds of events, accounts did:web:n0.example.com and 99 more (set {set:08x})"
            )
        );
    }

    #[test]
    fn a_shard_is_a_part_of_the_filter_and_the_only_one_is_none() {
        let shard = |text: &str| text.parse().unwrap();
        let [one, two] = ["1/2", "2/2"].map(|text| Filter::default().shard(shard(text)));
        assert_eq!(one.description(), "all kinds of events, shard 1/2");
        assert!(!one.is_everything());
        let mut both = [kept(&one), kept(&two)].concat();
        both.sort_unstable();
        assert_eq!(both, [1, 2, 3, 4, 5, 6]);
        assert_eq!(kept(&one.shard(shard("2/2"))), kept(&two));
        let whole = two.shard(shard("1/1"));
        assert_eq!(whole.description(), "all kinds of events");
        assert!(whole.is_everything());
    }
}
