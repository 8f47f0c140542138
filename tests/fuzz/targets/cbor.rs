//! A record to its text and back.
//!
//! Input: DAG-CBOR, or JSON; both are tried.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rocketman::fuzzing::{encoded, printed};
use serde::{Deserialize, de::IgnoredAny};

fuzz_target!(|bytes: &[u8]| {
    if let Some(text) = printed(bytes) {
        is_json(&text);
        assert!(!text.iter().any(|byte| matches!(byte, b'<' | b'>' | b'&')));
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

fn is_json(text: &[u8]) {
    let mut json = serde_json::Deserializer::from_slice(text);
    IgnoredAny::deserialize(&mut json).expect("JSON");
    json.end().expect("nothing else");
}

fn has_stand_in(record: &[u8]) -> bool {
    record.windows(5).any(|key| key == b"$link") || record.windows(6).any(|key| key == b"$bytes")
}
