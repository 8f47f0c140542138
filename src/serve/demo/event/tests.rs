use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::*;

const N: u64 = 20_000;

fn line(seed: u64, n: u64) -> String {
    let mut line = Vec::new();
    let mut cids = Cids::default();
    Events::new(seed, None).write(n, 1_790_000_000_000_000 + n, &mut cids, &mut line);
    String::from_utf8(line).unwrap()
}

/// What an event is, by its JSON alone.
fn sort_of(event: &Value) -> String {
    match event["kind"].as_str().unwrap() {
        "commit" if event["commit"]["operation"] == "delete" => "delete".to_owned(),
        "commit" => event["commit"]["collection"].as_str().unwrap().to_owned(),
        kind => kind.to_owned(),
    }
}

#[test]
fn the_same_seed_gives_the_same_events() {
    let all = |seed| (0..1000).map(|n| line(seed, n)).collect::<Vec<_>>();
    assert_eq!(all(7), all(7));
    let others = all(8);
    assert!(all(7).iter().zip(&others).all(|(one, other)| one != other));
}

#[test]
fn the_mix_and_the_sizes_are_those_of_the_real_stream() {
    let mut sorts: HashMap<String, (u32, u32)> = HashMap::new();
    for n in 0..N {
        let line = line(7, n);
        let event: Value = serde_json::from_str(&line).unwrap();
        let (count, bytes) = sorts.entry(sort_of(&event)).or_default();
        *count += 1;
        // Servers also tell a number, of ten digits or so.
        *bytes += u32::try_from(line.len()).unwrap() + 20;
    }
    let share = |sort: &str| f64::from(sorts[sort].0) / 200.0;
    for (sort, percent, bytes) in [
        ("app.bsky.feed.like", 60.0, 520),
        ("app.bsky.feed.repost", 13.0, 520),
        ("app.bsky.feed.post", 12.0, 850),
        ("app.bsky.graph.follow", 10.0, 395),
    ] {
        assert!(
            (share(sort) - percent).abs() < 1.0,
            "{sort}: {}",
            share(sort)
        );
        let (count, total) = sorts[sort];
        let average = total / count;
        assert!(
            average.abs_diff(bytes) * 20 < bytes,
            "{sort}: {average} bytes"
        );
    }
    for sort in [
        "app.bsky.graph.block",
        "app.bsky.actor.profile",
        "delete",
        "identity",
        "account",
        "fm.teal.alpha.feed.play",
        "example.demo.note",
    ] {
        assert!((0.2..3.0).contains(&share(sort)), "{sort}: {}", share(sort));
    }
}

#[test]
fn everybody_and_everything_is_recognisable_as_invented() {
    for n in 0..N {
        let line = line(3, n);
        let event: Value = serde_json::from_str(&line).unwrap();
        let did = event["did"].as_str().unwrap();
        assert!(did.starts_with("did:plc:demo"), "{did}");
        assert_eq!(did.len(), 32);
        assert_eq!(
            line.matches("did:").count(),
            line.matches("did:plc:demo").count()
        );
        if let Some(handle) = event["identity"]["handle"].as_str() {
            assert!(handle.ends_with(".demo.example"), "{handle}");
        }
        if let Some(text) = event["commit"]["record"]["text"].as_str() {
            let says_so = LANGUAGES
                .iter()
                .any(|(_, invented, _)| text.starts_with(invented));
            assert!(says_so && text.ends_with(&format!("#demo{n}")), "{text}");
        }
    }
}

#[test]
fn posts_are_written_in_many_scripts() {
    let languages: HashSet<String> = (0..N)
        .filter_map(|n| {
            let event: Value = serde_json::from_str(&line(1, n)).unwrap();
            event["commit"]["record"]["langs"][0]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    assert!(languages.len() >= 14, "{languages:?}");
}

#[test]
fn what_is_deleted_was_made_before() {
    let mut made = HashSet::new();
    let (mut n_deleted, mut n_known) = (0, 0);
    for n in 0..N {
        let event: Value = serde_json::from_str(&line(5, n)).unwrap();
        let commit = &event["commit"];
        let key = format!("{}{}{}", event["did"], commit["collection"], commit["rkey"]);
        match commit["operation"].as_str() {
            Some("create") => assert!(made.insert(key), "made twice"),
            Some("delete") if n > LOOK_BACK => {
                n_deleted += 1;
                n_known += i32::from(made.contains(&key));
            }
            _ => {}
        }
    }
    // The rest are deletions of what was no record, or a profile.
    assert!(
        n_deleted > 100 && n_known * 100 > n_deleted * 90,
        "{n_known} of {n_deleted}"
    );
}

#[test]
fn identifiers_of_content_are_ones_that_clients_can_read() {
    for n in 0..500 {
        let line = line(2, n);
        for (at, _) in line.match_indices("\"bafyrei") {
            let text = line.get(at + 2..at + 60).unwrap().to_uppercase();
            let bytes = data_encoding::BASE32_NOPAD.decode(text.as_bytes()).unwrap();
            assert_eq!(
                (bytes.len(), &bytes[..4]),
                (36, &[1, 0x71, 0x12, 0x20][..]),
                "{text}"
            );
        }
    }
}

#[test]
fn the_identifier_of_a_record_is_that_of_its_content() {
    let mut printer = crate::wire::cbor::Printer::default();
    let mut n_records = 0;
    for n in 0..2000 {
        let line = line(6, n);
        let Some((_, rest)) = line.split_once("\"record\":") else {
            continue;
        };
        let (text, cid) = rest.rsplit_once(",\"cid\":\"").unwrap();
        let (mut record, mut printed) = (Vec::new(), Vec::new());
        Encoder::default()
            .append(text.as_bytes(), &mut record)
            .unwrap();
        assert_eq!(
            cid.as_bytes(),
            [&Cid::of_record(&record).text()[..], b"\"}}"].concat()
        );
        // It is written as a server would print it.
        printer.append(&record, &mut printed).unwrap();
        assert_eq!(String::from_utf8(printed).unwrap(), text);
        n_records += 1;
    }
    assert!(n_records > 1900, "{n_records}");
}
