//! A record to its text and back, beside what other libraries make of it.
//!
//! Input: DAG-CBOR, or JSON; both are tried.

#![no_main]

use ipld_core::ipld::Ipld;
use libfuzzer_sys::fuzz_target;
use rocketman::fuzzing::{encoded, printed};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    let text = printed(bytes);
    match (&text, record(bytes)) {
        (Some(text), Some(record)) => {
            let text = std::str::from_utf8(text).expect("a text");
            assert_eq!(text, text_of(&record));
        }
        (None, None) => {}
        (ours, theirs) => panic!("{ours:?}, and another library reads {theirs:?}"),
    }
    if let Some(text) = text {
        // A record has one form only; but a map may look like what stands for a link or bytes.
        match encoded(&text) {
            Some(record) if record == bytes => {}
            _ => assert!(has_stand_in(bytes), "another record"),
        }
    }
    if let Some(record) = encoded(bytes) {
        is_json(bytes);
        let text = printed(&record).expect("what is encoded can be printed");
        assert_eq!(encoded(&text), Some(record));
    }
});

/// What another library reads, where it is canonical and something that a server prints.
fn record(bytes: &[u8]) -> Option<Ipld> {
    let record: Ipld = serde_ipld_dagcbor::from_slice(bytes).ok()?;
    let is_canonical = serde_ipld_dagcbor::to_vec(&record).ok()? == bytes;
    (is_canonical && is_printed(&record, 1)).then_some(record)
}

fn is_printed(value: &Ipld, depth: usize) -> bool {
    let is_of_record = |value| is_printed(value, depth + 1);
    let is_itself = match value {
        Ipld::Float(_) => false,
        Ipld::Integer(number) => i64::try_from(*number).is_ok(),
        Ipld::Link(cid) => {
            let hash = cid.hash();
            matches!(cid.codec(), 0x55 | 0x71)
                && hash.code() == 0x12
                && hash.size() == 32
                && cid.version() == ipld_core::cid::Version::V1
        }
        Ipld::List(values) => values.iter().all(is_of_record),
        Ipld::Map(members) => members.values().all(is_of_record),
        Ipld::Null | Ipld::Bool(_) | Ipld::String(_) | Ipld::Bytes(_) => true,
    };
    is_itself && depth <= 128
}

/// Its text by `serde_json`, with what browsers could take for markup escaped.
fn text_of(record: &Ipld) -> String {
    let text = serde_json::to_string(&json_of(record)).expect("JSON");
    [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('&', "\\u0026"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ]
    .into_iter()
    .fold(text, |text, (from, to)| text.replace(from, to))
}

fn json_of(value: &Ipld) -> Value {
    match value {
        Ipld::Null => Value::Null,
        Ipld::Bool(value) => json!(value),
        Ipld::Integer(value) => json!(i64::try_from(*value).expect("one of 64 bits")),
        Ipld::Float(_) => unreachable!("no record has one"),
        Ipld::String(value) => json!(value),
        Ipld::Bytes(value) => json!({ "$bytes": data_encoding::BASE64_NOPAD.encode(value) }),
        Ipld::Link(value) => json!({ "$link": value.to_string() }),
        Ipld::List(values) => values.iter().map(json_of).collect(),
        Ipld::Map(members) => {
            let members = members.iter();
            Value::Object(
                members
                    .map(|(key, value)| (key.clone(), json_of(value)))
                    .collect(),
            )
        }
    }
}

fn is_json(text: &[u8]) {
    let mut json = serde_json::Deserializer::from_slice(text);
    IgnoredAny::deserialize(&mut json).expect("JSON");
    json.end().expect("nothing else");
}

fn has_stand_in(record: &[u8]) -> bool {
    record.windows(5).any(|key| key == b"$link") || record.windows(6).any(|key| key == b"$bytes")
}
