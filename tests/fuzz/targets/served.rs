//! What `rocketman serve` reads: requests, messages of consumers, and lines of recordings.
//!
//! Input: which of them, choices, and the bytes themselves.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rocketman::{
    event::{Batch, CollectionPattern, Did},
    fuzzing::{self, served},
};
use rocketman_fuzz::choice;
use serde_json::Value;

/// From here on a cursor is microseconds since 1970.
const FIRST_TIME: u64 = 1_000_000_000_000_000;

fuzz_target!(|input: &[u8]| {
    let mut input = input;
    let which = choice(&mut input);
    let legacy = which & 0x80 != 0;
    match (which & 0x7f) % 5 {
        0 => head(input, legacy),
        1 => query(input, legacy),
        2 => update(input),
        3 => line(input, legacy),
        _ => messages(input),
    }
});

/// A request leads to a consumer or to an answer, and neither can be torn by what was asked.
fn head(bytes: &[u8], legacy: bool) {
    let head = [bytes, b"\r\n\r\n"].concat();
    match served::request(&head, legacy) {
        Ok((asked, switching)) => {
            check(&asked, legacy);
            assert!(switching.starts_with("HTTP/1.1 101 ") && switching.ends_with("\r\n\r\n"));
            assert_eq!(switching.matches("\r\n\r\n").count(), 1);
        }
        Err((status, body)) => {
            assert!(
                [200, 304, 400, 403, 404, 405, 426, 501].contains(&status),
                "{status}"
            );
            let is_clean = |c: char| c == '\n' || !c.is_control();
            assert!(body.chars().all(is_clean) && body.len() < 4096, "{body:?}");
            assert!(!body.contains("<is>"), "{body}");
        }
    }
}

/// A query is refused in words, or says something that a server may be asked for; and what our own
/// client writes is read back.
fn query(bytes: &[u8], legacy: bool) {
    let text = String::from_utf8_lossy(bytes);
    match served::query(&text, legacy) {
        Ok(asked) => check(&asked, legacy),
        Err(why) => {
            assert!(
                !why.chars().any(char::is_control) && why.len() < 2000,
                "{why:?}"
            );
        }
    }
    let collections: Vec<_> = text.lines().flat_map(CollectionPattern::parse).collect();
    let dids: Vec<_> = text.lines().flat_map(Did::parse).collect();
    if collections.len() > 100 || dids.len() > 10_000 {
        return;
    }
    let filter = rocketman::filter::Filter::new()
        .collections(collections.clone())
        .dids(dids.clone());
    let (query, hello, same) = fuzzing::request(collections, dids, 77, true, Some(5));
    let asked = served::query(&query, false).expect("our own request is a good one");
    assert_eq!((asked.seq, asked.is_compressed), (Some(5), true));
    assert_eq!(asked.require_hello, hello.is_some());
    if hello.is_none() {
        assert_eq!(
            (&*asked.filter, asked.max_bytes),
            (filter.description(), 77)
        );
    }
    let updated = served::update(same.as_bytes()).expect("our own message is a good one");
    assert_eq!(updated, Some((filter.description().to_owned(), 77)));
}

fn check(asked: &served::Asked, legacy: bool) {
    assert!(asked.seq.is_none_or(|seq| !legacy && seq < FIRST_TIME));
    assert!(
        asked
            .time_us
            .is_none_or(|time_us| legacy || time_us >= FIRST_TIME)
    );
}

/// A message changes the options only if it is an `options_update`, and is else refused in words
/// that fit into a close frame or passed over.
fn update(message: &[u8]) {
    let json = serde_json::from_slice::<Value>(message);
    match served::update(message) {
        Ok(updated) => {
            // A JSON parser that builds values gives up on deep nesting, where ours skips it.
            if let Ok(Value::Object(object)) = json {
                let is_update =
                    object.get("type").and_then(Value::as_str) == Some("options_update");
                assert_eq!(updated.is_some(), is_update, "{object:?}");
            }
        }
        Err(why) => assert!(
            !why.chars().any(char::is_control) && why.len() < 2000,
            "{why:?}"
        ),
    }
}

/// A line is served as the same event with another number and time, in one frame.
fn line(line: &[u8], legacy: bool) {
    const SEQ: u64 = 77;
    const TIME_US: u64 = 1_790_000_000_000_123;
    let mut batch = Batch::new();
    let is_event = batch.push(line).is_ok();
    let Some((json, frame, of_v2)) = served::served(line, SEQ, TIME_US, legacy) else {
        return;
    };
    // None where its record is not JSON and its members are in no usual order.
    if !of_v2.is_empty() {
        let prefix =
            br#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#"#;
        assert!(of_v2.starts_with(prefix) && of_v2.ends_with(b"}}"));
    }
    assert!(frame.ends_with(&json) && frame.len() - json.len() <= 10);
    let mut sent = Batch::new();
    sent.push(&json).expect("what is served is an event");
    let sent = sent.events().next().expect("it is there");
    assert_eq!(sent.time_us(), TIME_US);
    assert_eq!(sent.seq(), (!legacy).then_some(SEQ));
    let event = batch.events().next().filter(|_| is_event);
    if let Some(event) = event {
        assert_eq!(sent.kind(), event.kind());
        let names = |event: &rocketman::event::Event<'_>| {
            [event.did(), event.collection(), event.rkey(), event.rev()].map(str::to_owned)
        };
        assert_eq!(names(&sent), names(&event));
    }
    let without = |json: &[u8]| {
        let mut value: Value = serde_json::from_slice(json).ok()?;
        let object = value.as_object_mut()?;
        object.remove("cursor");
        object.remove("time_us");
        Some(value)
    };
    if let Some(before) = without(line) {
        assert_eq!(
            without(&json),
            Some(before),
            "{}",
            String::from_utf8_lossy(&json)
        );
    }
}

/// Frames say the same wherever they are torn.
fn messages(input: &[u8]) {
    let mut input = input;
    let n_pieces = usize::from(choice(&mut input) % 8).min(input.len());
    let (pieces, bytes) = input.split_at(n_pieces);
    let pieces: Vec<_> = pieces.iter().map(|piece| usize::from(*piece)).collect();
    assert_eq!(
        served::messages(bytes, &[]),
        served::messages(bytes, &pieces)
    );
}
