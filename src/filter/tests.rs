//! Filters, and what they keep of a few events.

use super::*;
use crate::event::Batch;

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
        batch.push(line.as_bytes()).unwrap();
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
    assert_eq!(filter.description(), "all kinds of events");
    assert_eq!(kept(&filter), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn collections_speak_of_commits_only() {
    let collections = patterns(&["app.bsky.feed.*"]);
    assert_eq!(
        kept(&Filter::new().collections(collections.clone())),
        [1, 2, 4, 5, 6]
    );
    assert_eq!(
        kept(&Filter::new().collections(collections).kinds([Kind::Commit])),
        [1, 2]
    );
}

#[test]
fn a_prefix_ends_at_a_dot() {
    let collections = patterns(&["app.bsky.feed.pos.*", "app.bsky.actor.profile"]);
    assert_eq!(
        kept(&Filter::new().collections(collections).kinds([Kind::Commit])),
        [3]
    );
}

#[test]
fn accounts_and_operations_and_kinds_all_have_to_agree() {
    let dids = || Filter::new().dids(["did:plc:b".parse().unwrap()]);
    assert_eq!(kept(&dids()), [2, 5, 6]);
    let created = dids()
        .kinds([Kind::Commit, Kind::Account])
        .operations([Operation::Create]);
    assert_eq!(kept(&created), [5]);
    let commits = Filter::new()
        .kinds([Kind::Commit])
        .operations([Operation::Create, Operation::Delete]);
    assert_eq!(kept(&commits), [1, 2]);
}

#[test]
fn of_each_part_what_was_given_last_counts() {
    let once = Filter::new()
        .operations([Operation::Create])
        .kinds([Kind::Commit])
        .collections(patterns(&["app.bsky.feed.*"]));
    let expected = "commit events, collections app.bsky.feed.*, operations create";
    assert_eq!((once.description(), kept(&once)), (expected, vec![1]));
    let again = once
        .collections(patterns(&["app.bsky.actor.*"]))
        .operations([]);
    let expected = "commit events, collections app.bsky.actor.*";
    assert_eq!((again.description(), kept(&again)), (expected, vec![3]));
    let all = again.collections([]).kinds([]).dids([]);
    assert!(all.is_everything());
    assert_eq!(all.description(), Filter::default().description());
}

#[test]
fn equal_filters_have_equal_descriptions_whatever_the_order() {
    let [one, two, three, four] =
        ["did:plc:a", "did:plc:b", "did:plc:c", "did:plc:d"].map(|did| Did::parse(did).unwrap());
    let there = [one.clone(), two.clone(), three.clone(), four.clone()];
    let back = [four, three, two, one.clone()];
    let describe = |dids: &[Did]| Filter::new().dids(dids.to_vec()).description().to_owned();
    assert_eq!(describe(&there), describe(&back));
    assert_ne!(describe(&there), describe(&there[..3]));
    assert_eq!(describe(&[one]), "all kinds of events, accounts did:plc:a");
}

#[test]
fn the_hash_of_a_long_list_is_that_of_saved_cursors() {
    let dids: Vec<_> = (0..100)
        .map(|n| Did::parse(&format!("did:web:n{n}.example.com")).unwrap())
        .collect();
    let mut names: Vec<_> = dids.iter().map(|did| format!("{did}\0")).collect();
    names.sort_unstable();
    let set = xxhash_rust::xxh3::xxh3_64(names.concat().as_bytes()) >> 32;
    assert_eq!(
        Filter::new().dids(dids).description(),
        format!("all kinds of events, accounts did:web:n0.example.com and 99 more (set {set:08x})")
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

#[test]
fn a_shard_goes_by_what_was_asked_for() {
    let kept = |filter: Filter| {
        let mut batch = Batch::new();
        for n in 0..60_u64 {
            let line = format!(
                r#"{{"did":"did:plc:a","time_us":{n},"cursor":{n},"kind":"commit","commit":{{"rev":"r","operation":"create","collection":"a.b.c","rkey":"{}"}}}}"#,
                n % 5
            );
            batch.push(line.as_bytes()).unwrap();
        }
        let kept = batch.events().filter(|event| filter.keeps(event));
        kept.map(|event| event.time_us()).collect::<Vec<_>>()
    };
    let shards: Vec<Shard> = (1..=3).map(|n| Shard::new(n, 3).unwrap()).collect();
    // By account one has all; by number each has a part, and all of them together everything once.
    let sizes = shards
        .iter()
        .map(|shard| kept(Filter::new().shard(*shard)).len());
    assert_eq!(sizes.max(), Some(60));
    let parts: Vec<_> = shards
        .iter()
        .map(|shard| kept(Filter::new().shard_by_number(*shard)))
        .collect();
    assert!(parts.iter().all(|part| part.len() > 10), "{parts:?}");
    let mut all = parts.concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..60));
    // By a function those of which it says the same stay together.
    let by_record = |event: &Event<'_>| event.rkey().to_owned();
    let parts = shards.iter().map(|shard| {
        let filter = Filter::new().shard_by(*shard, "record", by_record);
        assert_eq!(
            filter.description(),
            format!("all kinds of events, shard {shard} by record")
        );
        let mut records: Vec<_> = kept(filter).iter().map(|n| n % 5).collect();
        assert_eq!(records.len() % 12, 0, "whole records");
        records.sort_unstable();
        records.dedup();
        records
    });
    let mut records: Vec<_> = parts.flatten().collect();
    records.sort_unstable();
    assert_eq!(records, [0, 1, 2, 3, 4]);
}
