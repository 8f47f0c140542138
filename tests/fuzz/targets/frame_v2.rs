//! A frame of the v2 wire to the line of its event, in the usual way, the fast one and the careful
//! one.
//!
//! Input: the frame.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rocketman::{
    event::Batch,
    fuzzing::{self, cut},
};
use serde_json::Value;

fuzz_target!(|frame: &[u8]| {
    let [usual, fast, careful] = cut(frame);
    // What is usual is fast, and the same.
    if usual.is_some() {
        assert_eq!(usual, fast);
    }
    if let Some(line) = &careful {
        agrees_with_json(frame, line);
    }
    if let (Some(fast), Some(careful)) = (&fast, &careful)
        && is_of_known_members(frame)
    {
        assert_eq!(fast, careful);
    }
    if fast.is_some() && is_of_known_members(frame) {
        assert!(
            careful.is_some() || has_twice(frame),
            "only the fast way takes it"
        );
    }
    // Kept as it came, or cut, it is the same event.
    let Some(line) = fast.or(careful) else {
        return;
    };
    let (mut kept, mut cuts) = (Batch::new(), Batch::new());
    if cuts.push(&line).is_err() || fuzzing::push(&mut kept, frame, true, false).is_err() {
        return;
    }
    let (kept, cuts) = (kept.events().next(), cuts.events().next());
    let (kept, cut) = kept.zip(cuts).expect("one event each");
    assert_eq!(kept.line(), frame);
    assert_eq!(
        (kept.kind(), kept.operation()),
        (cut.kind(), cut.operation())
    );
    assert_eq!((kept.did(), kept.rkey()), (cut.did(), cut.rkey()));
    assert_eq!(
        (kept.collection(), kept.rev()),
        (cut.collection(), cut.rev())
    );
    assert_eq!(kept.point().seq, cut.point().seq);
    assert_eq!(kept.time_us(), cut.time_us());
});

/// What is in the line is what a JSON parser finds in the frame.
fn agrees_with_json(frame: &[u8], line: &[u8]) {
    let (Ok(frame), Ok(line)) = (
        serde_json::from_slice::<Value>(frame),
        serde_json::from_slice::<Value>(line),
    ) else {
        // Too deep for that parser.
        return;
    };
    let payload = &frame["payload"];
    let kind = line["kind"].as_str().expect("a line has a kind");
    let named = payload["$type"].as_str().expect("a payload has a type");
    assert!(named.ends_with(&format!("#{kind}")), "{named} {kind}");
    assert_eq!(line["did"], payload["did"]);
    assert_eq!(
        line["cursor"].as_u64().unwrap_or(0),
        payload["seq"].as_u64().expect("a number")
    );
    if kind == "commit" {
        for key in ["rev", "operation", "collection", "rkey", "record", "cid"] {
            assert_eq!(line["commit"][key], payload[key], "{key}");
        }
    } else {
        assert_eq!(line[kind], payload[kind]);
    }
}

/// Whether the frame is JSON, and has the members of a frame and no others, so that what follows
/// the record is its tail.
fn is_of_known_members(frame: &[u8]) -> bool {
    const MEMBERS: [&str; 10] = [
        "$type",
        "cid",
        "collection",
        "did",
        "operation",
        "record",
        "rev",
        "rkey",
        "seq",
        "time",
    ];
    let Ok(frame) = serde_json::from_slice::<Value>(frame) else {
        return false;
    };
    let outer = frame.as_object().is_some_and(|outer| outer.len() == 2);
    let payload = frame["payload"].as_object();
    outer && payload.is_some_and(|payload| payload.keys().all(|key| MEMBERS.contains(&&**key)))
}

/// Whether a member may be there twice: the fast way looks at the first and the last of them.
fn has_twice(frame: &[u8]) -> bool {
    [
        "did",
        "seq",
        "rev",
        "rkey",
        "cid",
        "time",
        "collection",
        "operation",
        "record",
        "payload",
        "$type",
    ]
    .iter()
    .any(|key| {
        let key = format!("\"{key}\"");
        frame
            .windows(key.len())
            .filter(|part| *part == key.as_bytes())
            .count()
            > 1
    })
}
