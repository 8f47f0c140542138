//! A message to an event, under each rule.
//!
//! Input: the message.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rocketman::{
    event::{Batch, Event, Operation},
    fuzzing::{self, Read, looked_at, parsed, scanned},
};
use serde_json::Value;

const BEFORE: &str =
    r#"{"did":"did:plc:\u0061","time_us":5,"kind":"identity","identity":{"seq":7}}"#;

fuzz_target!(|message: &[u8]| {
    let (fast, checked) = (scanned(message), parsed(message));
    if let (Some(fast), Some(checked)) = (&fast, &checked) {
        assert_eq!(fast, checked);
    }
    let mut accepted = Vec::new();
    for (raw, validate) in [(false, false), (false, true), (true, false), (true, true)] {
        accepted.push(push(message, raw, validate));
    }
    // What the fast way has read of an event is what the checked one would.
    if let (Some(part), Some(_)) = (looked_at(message), &accepted[0])
        && !message.iter().any(u8::is_ascii_control)
    {
        assert_eq!(fast, parsed(&part));
    }
    // Checking all of it only ever takes away.
    for pair in accepted.chunks(2) {
        assert!(pair[1].is_none() || pair[0] == pair[1], "{pair:?}");
    }
});

/// Pushes the message behind another event, and checks what became of both.
fn push(message: &[u8], raw: bool, validate: bool) -> Option<Read> {
    let mut batch = Batch::new();
    batch.push(BEFORE.as_bytes()).expect("a good line");
    let before = format!("{BEFORE}\n");
    if fuzzing::push(&mut batch, message, raw, validate).is_err() {
        assert_eq!((batch.len(), batch.lines()), (1, before.as_bytes()));
        return None;
    }
    let events: Vec<_> = batch.events().collect();
    let [first, event] = events[..] else {
        panic!("two events, not {}", events.len());
    };
    assert_eq!(
        (first.line(), first.did()),
        (BEFORE.as_bytes(), "did:plc:a")
    );
    assert_eq!(
        batch.lines(),
        [before.as_bytes(), event.line(), b"\n"].concat()
    );
    let expected: Vec<u8> = if raw {
        message.to_vec()
    } else {
        let without_ends = |byte: &u8| {
            if matches!(byte, b'\n' | b'\r') {
                b' '
            } else {
                *byte
            }
        };
        message.trim_ascii_end().iter().map(without_ends).collect()
    };
    assert_eq!(event.line(), expected);
    assert!(str::from_utf8(event.line()).is_ok());
    if validate {
        serde_json::from_slice::<&serde_json::value::RawValue>(event.line()).expect("it is JSON");
    }
    agrees_with_json(&event);
    let read = read(&event);
    // A line stands for its event: read again, it is the same.
    let mut again = Batch::new();
    fuzzing::push(&mut again, event.line(), raw, validate).expect("it was good before");
    let again = again.events().next().expect("it was an event before");
    assert_eq!((self::read(&again), again.line()), (read, event.line()));
    Some(self::read(&event))
}

fn read(event: &Event<'_>) -> Read {
    let names = [event.did(), event.collection(), event.rkey(), event.rev()];
    Read {
        kind: event.kind(),
        operation: event.operation(),
        point: *event.point(),
        names: names.map(|name| name.as_bytes().to_vec()).into(),
    }
}

/// What is read is what a JSON parser reads, wherever the line is one the checked parser takes.
fn agrees_with_json(event: &Event<'_>) {
    if parsed(event.line()).is_none() {
        return;
    }
    let Ok(json) = event.parse::<Value>() else {
        return;
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let commit = &json["commit"];
    assert_eq!(event.did(), text(&json["did"]));
    assert_eq!(Some(event.time_us()), json["time_us"].as_u64());
    assert_eq!(event.seq(), json["cursor"].as_u64());
    let kind = text(&json["kind"]);
    let known = ["commit", "identity", "account", "sync"].contains(&kind.as_str());
    assert_eq!(event.kind().as_str(), if known { &kind } else { "other" });
    if kind != "commit" {
        assert_eq!(
            (event.collection(), event.rkey(), event.rev()),
            ("", "", "")
        );
        assert_eq!((event.operation(), event.uri()), (None, None));
        return;
    }
    let names = ["collection", "rkey", "rev"].map(|name| text(&commit[name]));
    assert_eq!(
        [event.collection(), event.rkey(), event.rev()],
        [&*names[0], &*names[1], &*names[2]]
    );
    let operation = text(&commit["operation"]);
    let known = ["create", "update", "delete"].contains(&operation.as_str());
    let shown = event.operation().map(Operation::as_str);
    assert_eq!(shown, Some(if known { &*operation } else { "other" }));
    // A second record is an error there, and the last one wins here.
    if let Ok(record) = event.record::<Value>() {
        let expected = commit.get("record").filter(|record| !record.is_null());
        assert_eq!(record.as_ref(), expected);
    }
}
