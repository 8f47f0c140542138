//! Laws that hold whatever the values: of filters, batches, cursors and times.

mod batch;
mod cursor;
mod filter;

use std::{collections::BTreeSet, ffi::OsStr, os::unix::ffi::OsStrExt, time::SystemTime};

use proptest::{
    collection::{btree_set, vec},
    option,
    prelude::*,
    sample::{select, subsequence},
    test_runner::RngSeed,
};
use rocketman::{
    cursor::{CursorStore, FileCursor, Saved},
    event::{
        Batch, CollectionPattern, Did, FileMark, Identity, Kind, Operation, Origin, Place, Point,
        Position, Start, Trail,
    },
    filter::{Filter, Shard},
};

/// The same cases on every run, and nothing written down when one fails: it is then made a test of
/// its own.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::default()
    }
}

/// The largest number, and the latest time, that an event can have.
const LARGEST: u64 = i64::MAX as u64;

/// An event before it is a line.
#[derive(Debug, Clone)]
struct Sent {
    did: String,
    time_us: u64,
    seq: Option<u64>,
    kind: &'static str,
    operation: &'static str,
    collection: String,
    rkey: String,
    /// The relay's number in an event that is no commit; 0 stands for none.
    upstream: u64,
    form: Form,
}

/// How an event is written.
#[derive(Debug, Clone, Copy)]
enum Form {
    AsServersDo,
    OtherOrder,
    Escaped,
}

impl Sent {
    fn line(&self) -> String {
        let Self {
            did,
            time_us,
            seq,
            kind,
            operation,
            collection,
            rkey,
            upstream,
            form,
        } = self;
        let escaped = |text: &str| {
            if matches!(form, Form::Escaped) {
                let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
                units.collect::<Vec<_>>().concat()
            } else {
                text.to_owned()
            }
        };
        let (did, collection, rkey) = (escaped(did), escaped(collection), escaped(rkey));
        let cursor = seq.map_or(String::new(), |seq| format!(r#","cursor":{seq}"#));
        let body = match *kind {
            "commit" => format!(
                r#"{{"rev":"r","operation":"{operation}","collection":"{collection}","rkey":"{rkey}"}}"#
            ),
            _ => format!(r#"{{"seq":{upstream}}}"#),
        };
        match form {
            Form::OtherOrder => format!(
                r#"{{"{kind}":{body},"kind":"{kind}","did":"{did}","time_us":{time_us}{cursor}}}"#
            ),
            _ => format!(
                r#"{{"did":"{did}","time_us":{time_us}{cursor},"kind":"{kind}","{kind}":{body}}}"#
            ),
        }
    }
}

/// Few enough that they meet each other.
fn collection() -> impl Strategy<Value = String> {
    let segment = || select(&["a", "fe", "feed"][..]);
    let name = select(&["post", "po"][..]);
    (vec(segment(), 2..4), name).prop_map(|(head, name)| format!("{}.{name}", head.join(".")))
}

fn pattern() -> impl Strategy<Value = CollectionPattern> {
    let prefix = collection().prop_map(|name| {
        let (head, _) = name.rsplit_once('.').unwrap();
        format!("{head}.*")
    });
    prop_oneof![collection(), prefix].prop_map(|text| CollectionPattern::parse(&text).unwrap())
}

fn did() -> impl Strategy<Value = String> {
    (0..6).prop_map(|n| format!("did:plc:{n}"))
}

fn sent() -> impl Strategy<Value = Sent> {
    let kind = select(&["commit", "commit", "identity", "account", "sync", "comet"][..]);
    let operation = select(&["create", "update", "delete", "rename"][..]);
    let form = select(&[Form::AsServersDo, Form::OtherOrder, Form::Escaped][..]);
    let place = (1..=LARGEST, option::of(0..=LARGEST));
    let who = (did(), kind, 0..3_u64);
    let record = (operation, collection(), "[a-z]{1,4}");
    (place, who, record, form).prop_map(|(place, who, record, form)| Sent {
        time_us: place.0,
        seq: place.1,
        did: who.0,
        kind: who.1,
        upstream: who.2,
        operation: record.0,
        collection: record.1,
        rkey: record.2,
        form,
    })
}

fn identity() -> impl Strategy<Value = Identity> {
    any::<u64>().prop_map(|hash| serde_json::from_str(&format!("\"{hash:016x}\"")).unwrap())
}

fn point() -> impl Strategy<Value = Point> {
    (
        option::of(any::<u64>()),
        1..=u64::MAX,
        option::of(identity()),
    )
        .prop_map(|(seq, time_us, identity)| Point {
            seq,
            time_us,
            identity,
        })
}

fn batch<'a>(events: impl IntoIterator<Item = &'a Sent>) -> Batch {
    let mut batch = Batch::new();
    for sent in events {
        let line = sent.line();
        batch.push(line.as_bytes()).unwrap();
    }
    batch
}

fn lines(batch: &Batch) -> Vec<String> {
    let line = |line: &[u8]| String::from_utf8(line.to_vec()).unwrap();
    batch.events().map(|event| line(event.line())).collect()
}
