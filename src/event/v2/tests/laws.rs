//! What holds for any frame: it becomes the line that a JSON parser would make of it.

use proptest::{prelude::*, sample::select, test_runner::RngSeed};
use serde_json::{Value, json};

use super::*;

/// Texts that tempt: what ends names, records and frames.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9:._~-]{1,24}",
        ".{0,12}",
        select(vec![
            r#"","rev":"x","rkey":"y","seq":1,"time":"2026-07-04T14:38:08.085434Z"}}"#.to_owned(),
            "}}".to_owned(),
            "\\".to_owned(),
            "\",\"record\":{".to_owned(),
        ]),
    ]
}

fn record() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        text().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
    ];
    let any = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(text(), inner, 0..4)
                .prop_map(|map| map.into_iter().collect()),
        ]
    });
    prop_oneof![
        any.clone(),
        any.prop_map(|value| json!({ "rev": "r", "a": value }))
    ]
}

/// The payload of a commit, and the line that a JSON parser makes of it.
fn commit() -> impl Strategy<Value = (Vec<(&'static str, Value)>, Value)> {
    let names = [text(), text(), text(), text(), text()];
    let time_us = 0..253_402_207_200_000_000_u64;
    let record = proptest::option::of((record(), text()));
    (names, record, 1..=i64::MAX.cast_unsigned(), time_us).prop_map(
        |([did, collection, operation, rev, rkey], record, seq, time_us)| {
            let time = jiff::Timestamp::from_microsecond(time_us.cast_signed()).unwrap();
            let mut payload = vec![(
                "$type",
                json!("network.bsky.jetstream.subscribeEvents#commit"),
            )];
            let mut commit = json!({
                "rev": rev, "operation": operation, "collection": collection, "rkey": rkey,
            });
            if let Some((_, cid)) = &record {
                payload.push(("cid", json!(cid)));
                commit["cid"] = json!(cid);
            }
            payload.push(("collection", json!(collection)));
            payload.push(("did", json!(did)));
            payload.push(("operation", json!(operation)));
            if let Some((record, _)) = record {
                // `null` counts as missing.
                if !record.is_null() {
                    commit["record"] = record.clone();
                }
                payload.push(("record", record));
            }
            payload.push(("rev", json!(rev)));
            payload.push(("rkey", json!(rkey)));
            payload.push(("seq", json!(seq)));
            payload.push(("time", json!(format!("{time:.6}"))));
            let line = json!({
                "did": did, "time_us": time_us, "cursor": seq, "kind": "commit", "commit": commit,
            });
            (payload, line)
        },
    )
}

fn frame(payload: &[(&str, Value)]) -> String {
    let members = payload
        .iter()
        .map(|(key, value)| format!("{key:?}:{value}"));
    let members = members.collect::<Vec<_>>().join(",");
    format!(r#"{{"$type":"message","payload":{{{members}}}}}"#)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_frame_becomes_the_line_that_a_json_parser_makes_of_it(
        (payload, expected) in commit(),
        turn in 0..9_usize,
    ) {
        let line = line(&frame(&payload)).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Value>(&line).unwrap(), &expected);
        // In another order it is the same line.
        let mut turned = payload;
        let turn = turn % turned.len();
        turned.rotate_left(turn);
        prop_assert_eq!(super::line(&frame(&turned)).unwrap(), line);
    }

    #[test]
    fn a_damaged_frame_is_no_panic_and_leaves_nothing_behind(
        (payload, _) in commit(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut frame = frame(&payload).into_bytes();
        let at = at.index(frame.len());
        frame[at] = byte;
        for frame in [&frame[..], &frame[..at]] {
            for validate in [false, true] {
                let mut out = b"before".to_vec();
                let cut = cut(frame, &mut out, validate);
                let is_event = cut == Ok(Frame::Event);
                prop_assert!(out.starts_with(b"before"));
                prop_assert_eq!(out.len() > 6, is_event);
            }
        }
    }
}
