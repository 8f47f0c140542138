//! Frames as servers send them, and as they do not; laws that hold whatever is in them.

mod laws;

use super::*;
use crate::event::{Batch, LineRules};

const CREATE: &str = r#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit","cid":"bafy","collection":"app.bsky.feed.like","did":"did:plc:a","operation":"create","record":{"$type":"app.bsky.feed.like","subject":{"uri":"at://x"}},"rev":"3mp","rkey":"3mq","seq":12345,"time":"2026-07-04T14:38:08.085434Z"}}"#;
const CREATED: &str = r#"{"did":"did:plc:a","time_us":1783175888085434,"cursor":12345,"kind":"commit","commit":{"rev":"3mp","operation":"create","collection":"app.bsky.feed.like","rkey":"3mq","record":{"$type":"app.bsky.feed.like","subject":{"uri":"at://x"}},"cid":"bafy"}}"#;
const DELETE: &str = r#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit","collection":"app.bsky.graph.follow","did":"did:plc:a","operation":"delete","rev":"3mp","rkey":"3mq","seq":12346,"time":"2026-07-04T14:38:08.085434Z"}}"#;
const DELETED: &str = r#"{"did":"did:plc:a","time_us":1783175888085434,"cursor":12346,"kind":"commit","commit":{"rev":"3mp","operation":"delete","collection":"app.bsky.graph.follow","rkey":"3mq"}}"#;
const IDENTITY: &str = r#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#identity","did":"did:plc:a","identity":{"did":"did:plc:a","handle":"alice.example","seq":31527015470,"time":"2026-07-04T14:38:07.877Z"},"seq":12347,"time":"2026-07-04T14:38:08.384849Z"}}"#;
const ACCOUNT: &str = r#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#account","account":{"active":false,"did":"did:plc:a","seq":1,"status":"deleted","time":"x"},"did":"did:plc:a","seq":12348,"time":"2026-07-04T14:38:08.384849Z"}}"#;
const SYNC: &str = r#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#sync","did":"did:plc:a","seq":12349,"sync":{"blocks":{"$bytes":""},"did":"did:plc:a","rev":"3m","seq":0,"time":""},"time":"2026-07-04T14:38:08.384849Z"}}"#;

/// The line of a frame; behind something else, which has to stay.
fn line(frame: &str) -> Result<String, BadEvent> {
    let mut lines = Vec::new();
    for validate in [false, true] {
        let mut out = b"before".to_vec();
        let cut = cut(frame.as_bytes(), &mut out, validate);
        if cut != Ok(Frame::Event) {
            assert_eq!(out, b"before", "{frame}");
        }
        let cut = cut.map(|_| String::from_utf8(out.split_off(6)).unwrap());
        lines.push(cut);
    }
    assert_eq!(lines[0], lines[1], "{frame}");
    lines.remove(0)
}

fn is_fast(frame: &str) -> bool {
    cut_fast(frame.as_bytes(), &mut Vec::new())
}

#[test]
fn a_commit_becomes_the_line_of_the_v1_wire() {
    for (frame, expected) in [(CREATE, CREATED), (DELETE, DELETED)] {
        assert!(is_fast(frame), "{frame}");
        assert_eq!(line(frame).as_deref(), Ok(expected));
    }
    let update = CREATE.replace("\"create\"", "\"update\"");
    assert!(is_fast(&update));
    assert_eq!(
        line(&update),
        Ok(CREATED.replace("\"create\"", "\"update\""))
    );
}

/// What nearly all frames are.
const USUAL: &str = r#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit","cid":"bafyreidx5imgxb4qw7pxyvjbcx3oem2ta3ppt5wkqze76ufsuv4kvsq52u","collection":"app.bsky.feed.like","did":"did:plc:aundg2bbjkngd7rfn2p64wkp","operation":"create","record":{"$type":"app.bsky.feed.like","text":"\u00e9"},"rev":"3ke6kg3wkel22","rkey":"22apbtm6h4o7g","seq":24589902470,"time":"2026-07-04T14:38:08.085434Z"}}"#;

#[test]
fn a_usual_frame_is_read_as_its_line_would_be() {
    let edges = ["1", "99999999", "100000000", "999999999999999999"];
    let seqs = edges.map(|seq| USUAL.replace("24589902470", seq));
    let times = ["2001-09-09T01:46:40.000000Z", "2199-12-31T23:59:59.999999Z"];
    let times = times.map(|time| USUAL.replace("2026-07-04T14:38:08.085434Z", time));
    let names = ["a.b", "app.bsky.a.name.that.is.longer.than.any.usual.one"];
    let names =
        names.map(|name| USUAL.replace("app.bsky.feed.like\",\"did", &format!("{name}\",\"did")));
    let operations = ["delete", "gossip"].map(|name| USUAL.replace("create", name));
    let frames = [seqs.as_slice(), &times, &names, &operations].concat();
    for frame in frames.iter().map(String::as_str).chain([USUAL]) {
        let (mut usual, mut lines) = (Batch::new(), Batch::new());
        let rules = LineRules::default();
        let read = usual.parse_usual_frame(frame.as_bytes(), rules);
        usual.commit_tail(0, read.expect("a usual frame").unwrap());
        lines
            .push_by(line(frame).unwrap().as_bytes(), rules)
            .unwrap();
        assert_eq!(usual.lines(), lines.lines());
        let (usual, line) = (usual.events().next(), lines.events().next());
        assert_eq!(format!("{usual:?}"), format!("{line:?}"));
        assert_eq!(usual.map(|usual| usual.rev()), line.map(|line| line.rev()));
    }
    // Anything else is read in the other ways, and leaves nothing behind.
    for frame in [
        CREATE,
        DELETE,
        IDENTITY,
        &USUAL.replace("4o7g", r"4\u006f7g"),
    ] {
        let mut batch = Batch::new();
        let read = batch.parse_usual_frame(frame.as_bytes(), LineRules::default());
        assert!(read.is_none() && batch.buffer().is_empty(), "{frame}");
    }
    // What is no plain text is looked at as every line is.
    let mut batch = Batch::new();
    let torn = USUAL.replace(r"\u00e9", "\u{e9}").into_bytes();
    let torn: Vec<u8> = torn.into_iter().filter(|byte| *byte != 0xa9).collect();
    let read = batch.parse_usual_frame(&torn, LineRules::default());
    assert_eq!(
        read.map(|read| read.map(drop)),
        Some(Err(BadEvent::NotUtf8))
    );
    let hidden = USUAL.replace("4o7g", "4\n7g");
    let mut batch = Batch::new();
    let read = batch.parse_usual_frame(hidden.as_bytes(), LineRules::default());
    assert!(
        !matches!(read, Some(Ok(envelope)) if envelope.rkey.of(batch.tail(0), &[]).contains(&b'\n'))
    );
}

/// JSON allows no control character in a name; a line end in one is a blank as everywhere, and what
/// else there is makes it no event.
#[test]
fn a_control_character_in_a_name_is_read_alike_in_kept_frames() {
    let raw = LineRules {
        raw: true,
        validate: false,
    };
    for (control, is_event) in [("\r", true), ("\n", true), ("\t", false), ("\u{1}", false)] {
        for name in ["feed", "3mp", "3mq"] {
            let (begin, end) = name.split_at(2);
            let name = format!("{begin}{control}{end}");
            let frame = CREATE.replace(&format!("{begin}{end}"), &name);
            let mut cut_line = Vec::new();
            assert!(cut_fast(frame.as_bytes(), &mut cut_line), "{frame:?}");
            let (mut kept, mut cut) = (Batch::new(), Batch::new());
            let pushed = [kept.push_by(frame.as_bytes(), raw), cut.push(&cut_line)];
            let expected = if is_event {
                Ok(())
            } else {
                Err(BadEvent::Envelope)
            };
            assert_eq!(pushed, [expected, expected], "{frame:?}");
            let [kept, cut] = [&kept, &cut].map(|batch| {
                let event = batch.events().next()?;
                let names = [event.collection(), event.rev(), event.rkey()].map(str::to_owned);
                Some((names, event.point().identity))
            });
            assert_eq!(kept, cut, "{frame:?}");
        }
    }
}

#[test]
fn other_kinds_keep_their_bodies_as_they_are() {
    let cases = [
        (
            IDENTITY,
            r#"{"did":"did:plc:a","time_us":1783175888384849,"cursor":12347,"kind":"identity","identity":{"did":"did:plc:a","handle":"alice.example","seq":31527015470,"time":"2026-07-04T14:38:07.877Z"}}"#,
        ),
        (
            ACCOUNT,
            r#"{"did":"did:plc:a","time_us":1783175888384849,"cursor":12348,"kind":"account","account":{"active":false,"did":"did:plc:a","seq":1,"status":"deleted","time":"x"}}"#,
        ),
        (
            SYNC,
            r#"{"did":"did:plc:a","time_us":1783175888384849,"cursor":12349,"kind":"sync","sync":{"blocks":{"$bytes":""},"did":"did:plc:a","rev":"3m","seq":0,"time":""}}"#,
        ),
    ];
    for (frame, expected) in cases {
        assert_eq!(line(frame).as_deref(), Ok(expected));
    }
}

#[test]
fn a_record_that_looks_like_the_end_of_a_frame_is_a_record() {
    let end = r#","rev":"x","rkey":"y","seq":1,"time":"2026-07-04T14:38:08.085434Z"}}"#;
    for record in [
        serde_json::json!({ "text": end }).to_string(),
        format!(r#"{{"a":{{"b":"c"{end}"#),
        format!(r#"{{"a":[{{"record":{{"b":"c"{end}]}}"#),
        r#"{"text":"\\"}"#.to_owned(),
        format!(
            "{}{}",
            r#"{"a":"#.repeat(100_000),
            "1".to_owned() + &"}".repeat(100_000)
        ),
        format!("{{\"a\":\"{}\"}}", "x".repeat(1_000_000)),
    ] {
        let original = r#"{"$type":"app.bsky.feed.like","subject":{"uri":"at://x"}}"#;
        let frame = CREATE.replace(original, &record);
        assert!(is_fast(&frame));
        assert!(
            line(&frame) == Ok(CREATED.replace(original, &record)),
            "{record:.100}"
        );
    }
}

#[test]
fn another_order_and_white_space_make_no_difference() {
    let value: serde_json::Value = serde_json::from_str(CREATE).unwrap();
    // `payload` and `$type` change places, and so do the members in it.
    let mut turned = String::from("{ \"payload\" : {");
    let payload = value["payload"].as_object().unwrap();
    let members: Vec<_> = payload
        .iter()
        .map(|(key, value)| format!("{key:?} :\t{value}"))
        .collect();
    turned += &members.into_iter().rev().collect::<Vec<_>>().join(" ,\n");
    turned += "} , \"$type\" : \"message\" } ";
    assert!(!is_fast(&turned));
    let found: serde_json::Value = serde_json::from_str(&line(&turned).unwrap()).unwrap();
    assert_eq!(
        found,
        serde_json::from_str::<serde_json::Value>(CREATED).unwrap()
    );
}

#[test]
fn escapes_stay_as_they_are_written() {
    let escaped = CREATE.replace("3mq", r"3m\u0071");
    assert_eq!(line(&escaped), Ok(CREATED.replace("3mq", r"3m\u0071")));
    let typed = CREATE.replace("#commit", r"#comm\u0069t");
    assert_eq!(line(&typed).as_deref(), Ok(CREATED));
}

#[test]
fn what_is_new_in_a_commit_passes() {
    let new = CREATE.replace(r#""cid":"bafy","#, r#""cid":"bafy","co\"de":[1, 2],"#);
    let expected = CREATED.replace(r#""cid":"bafy""#, r#""cid":"bafy","co\"de":[1, 2]"#);
    assert_eq!(line(&new), Ok(expected));
}

#[test]
fn a_time_of_any_precision_is_read() {
    for (time, time_us) in [
        ("2026-07-04T14:38:08Z", 1_783_175_888_000_000_u64),
        ("2026-07-04T14:38:08.0854349Z", 1_783_175_888_085_434),
        ("2026-07-04T16:38:08.085434+02:00", 1_783_175_888_085_434),
    ] {
        let frame = CREATE.replace("2026-07-04T14:38:08.085434Z", time);
        let expected = CREATED.replace("1783175888085434", &time_us.to_string());
        assert_eq!(line(&frame), Ok(expected));
    }
}

#[test]
fn a_frame_that_lacks_what_an_event_has_is_none() {
    for (part, replacement) in [
        (r#""did":"did:plc:a","#, ""),
        (r#""operation":"create","#, ""),
        (r#""collection":"app.bsky.feed.like","#, ""),
        (r#""rkey":"3mq","#, ""),
        (r#""seq":12345,"#, ""),
        (r#","time":"2026-07-04T14:38:08.085434Z""#, ""),
        ("2026-07-04T14:38:08.085434Z", "1969-07-04T14:38:08.085434Z"),
        ("2026-07-04T14:38:08.085434Z", "yesterday"),
        ("12345", "-1"),
        ("12345", "1.5"),
        ("12345", "18446744073709551616"),
        (r#""did":"did:plc:a""#, r#""did":7"#),
        (
            r#""did":"did:plc:a""#,
            r#""did":"did:plc:a","did":"did:plc:b""#,
        ),
        (r#"{"$type":"message","#, "{"),
        (
            r#""$type":"network.bsky.jetstream.subscribeEvents#commit","#,
            "",
        ),
        (r#""payload":"#, r#""load":"#),
        (r#"434Z"}}"#, r#"434Z"}"#),
    ] {
        assert!(CREATE.contains(part));
        let frame = CREATE.replacen(part, replacement, 1);
        assert_eq!(line(&frame), Err(BadEvent::Envelope), "{frame}");
    }
    for frame in ["", "{}", "[]", "null", "hello", r#"{"$type":7}"#] {
        assert_eq!(line(frame), Err(BadEvent::Envelope), "{frame}");
    }
    let mut out = Vec::new();
    let torn = cut(b"{\"$type\":\"\xff\"}", &mut out, false);
    assert_eq!(torn, Err(BadEvent::NotUtf8));
}

#[test]
fn a_type_that_is_not_known_is_told_from_no_event() {
    for frame in [
        r#"{"$type":"gossip"}"#.to_owned(),
        CREATE.replace("#commit", "#gossip"),
        CREATE.replace("subscribeEvents#", "subscribeOthers#"),
    ] {
        assert_eq!(line(&frame), Err(BadEvent::UnknownType), "{frame}");
    }
}

#[test]
fn what_the_server_says_is_told_from_events() {
    let notice = |name: &str, message: &str| Notice {
        name: name.to_owned(),
        message: message.to_owned(),
    };
    let mut out = Vec::new();
    let info = br#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#info","message":"below","name":"OutdatedCursor"}}"#;
    let expected = Frame::Info(notice("OutdatedCursor", "below"));
    assert_eq!(cut(info, &mut out, false), Ok(expected));
    let error = br#"{"$type":"error","error":"ConsumerTooSlow"}"#;
    let expected = Frame::Error(notice("ConsumerTooSlow", ""));
    assert_eq!(cut(error, &mut out, false), Ok(expected));
    assert!(out.is_empty());
}

#[test]
fn a_frame_that_is_kept_is_the_event_of_its_line() {
    let raw = LineRules {
        raw: true,
        validate: false,
    };
    let escaped = CREATE
        .replace("3mq", r"3m\u0071")
        .replace("did:plc:a", "did:plc:\\u0062");
    let mut kept = Batch::new();
    let mut cuts = Batch::new();
    let frames = [CREATE, DELETE, IDENTITY, ACCOUNT, SYNC, &escaped];
    for frame in frames {
        kept.push_by(frame.as_bytes(), raw).unwrap();
        cuts.push(line(frame).unwrap().as_bytes()).unwrap();
    }
    assert_eq!(kept.len(), frames.len());
    for ((kept, cut), frame) in kept.events().zip(cuts.events()).zip(frames) {
        assert_eq!(kept.line_str(), frame);
        assert_eq!(kept.point(), cut.point());
        assert_eq!(
            (kept.kind(), kept.operation()),
            (cut.kind(), cut.operation())
        );
        let names = |event: crate::event::Event<'_>| {
            [event.did(), event.collection(), event.rkey(), event.rev()].map(str::to_owned)
        };
        assert_eq!(names(kept), names(cut), "{frame}");
    }
    let other = LineRules::default();
    assert_eq!(
        kept.push_by(CREATE.as_bytes(), other),
        Err(BadEvent::Envelope)
    );
    assert_eq!(kept.len(), frames.len());
}
