//! Names to a request: whatever the names, the server reads the same lists.
//!
//! Input: the largest message, the cursor, and the names, one a line.

#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use rocketman::{
    event::{CollectionPattern, Did},
    fuzzing::request,
};
use rocketman_fuzz::choice;
use serde_json::{Value, json};
use url::form_urlencoded;

fuzz_target!(|input: &[u8]| {
    let mut input = input;
    let max_message_bytes = u32::from(choice(&mut input)) << (choice(&mut input) % 25);
    let cursor = u64::from(choice(&mut input)) << (choice(&mut input) % 57);
    let choices = choice(&mut input);
    let (compress, has_cursor) = (choices & 1 != 0, choices & 2 != 0);
    let times = 1 + usize::from(choices >> 4);
    let names = String::from_utf8_lossy(input);
    let (mut collections, mut dids) = (Vec::new(), Vec::new());
    for name in names.lines() {
        if let Ok(collection) = CollectionPattern::parse(name) {
            assert!(is_collection(name), "{name:?}");
            collections.push(collection);
        }
        if let Ok(did) = Did::parse(name) {
            assert!(is_did(name), "{name:?}");
            dids.extend(std::iter::repeat_n(did, times));
        }
    }
    let cursor = has_cursor.then_some(cursor);
    let (query, hello, same) = request(
        collections.clone(),
        dids.clone(),
        max_message_bytes,
        compress,
        cursor,
    );
    assert!(query.bytes().all(|byte| byte.is_ascii_graphic()), "{query}");
    assert!(!query.contains('#') && query.len() < 2200);
    let mut read: HashMap<String, Vec<String>> = HashMap::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        read.entry(key.into_owned())
            .or_default()
            .push(value.into_owned());
    }
    let mut said = |key: &str| read.remove(key).unwrap_or_default();
    assert_eq!(
        said("cursor"),
        cursor.iter().map(u64::to_string).collect::<Vec<_>>()
    );
    assert_eq!(said("compress"), vec!["true"; usize::from(compress)]);
    assert_eq!(
        said("requireHello"),
        vec!["true"; usize::from(hello.is_some())]
    );
    let collections: Vec<_> = collections.iter().map(CollectionPattern::as_str).collect();
    let dids: Vec<_> = dids.iter().map(Did::as_str).collect();
    let hello_says = serde_json::from_str::<Value>(&same).expect("it is JSON");
    let payload = json!({"wantedCollections": collections, "wantedDids": dids, "maxMessageSizeBytes": max_message_bytes});
    assert_eq!(
        hello_says,
        json!({"type": "options_update", "payload": payload})
    );
    if let Some(hello) = hello {
        assert_eq!(hello, same);
    } else {
        assert_eq!(said("wantedCollections"), collections);
        assert_eq!(said("wantedDids"), dids);
        let max = (max_message_bytes > 0).then(|| max_message_bytes.to_string());
        assert_eq!(
            said("maxMessageSizeBytes"),
            max.into_iter().collect::<Vec<_>>()
        );
    }
    assert!(read.is_empty(), "the query says more: {read:?}");
});

/// The servers' rules (protocol reference, section 1.1), written another way.
fn is_collection(name: &str) -> bool {
    let segments: Vec<_> = name.split('.').collect();
    let is_label = |label: &&str| {
        let bytes = label.as_bytes();
        (1..=63).contains(&bytes.len())
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            && bytes[0] != b'-'
            && bytes[bytes.len() - 1] != b'-'
    };
    let Some((last, head)) = segments.split_last() else {
        return false;
    };
    let is_name = last.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && last.starts_with(|c: char| c.is_ascii_alphabetic())
        && last.len() <= 63
        && head.len() >= 2
        && head[0].starts_with(|c: char| c.is_ascii_alphabetic());
    name.len() <= 317 && !head.is_empty() && head.iter().all(is_label) && (*last == "*" || is_name)
}

fn is_did(name: &str) -> bool {
    let mut parts = name.split(':');
    let is_method =
        |method: &str| !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_lowercase());
    parts.next() == Some("did")
        && parts.next().is_some_and(is_method)
        && parts.next().is_some()
        && name.len() <= 2048
        && !name.ends_with([':', '%'])
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._:%-".contains(&byte))
}
