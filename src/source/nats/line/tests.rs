//! Messages, and the lines that they become.

use async_nats::HeaderMap;

use super::*;
use crate::source::nats::{Wrapped, message::MessageKey};

const EVENT: &str = r#"{"did":"did:plc:a","time_us":5,"cursor":77,"kind":"commit","commit":{"rev":"r","operation":"create","collection":"c.d.e","rkey":"k","record":{},"cid":"x"}}"#;

fn message(payload: &[u8]) -> NatsMessage<'_> {
    NatsMessage {
        seq: 9,
        time_ns: 1_800_000_000_123_456_789,
        subject: "orders.new",
        headers: None,
        payload,
        key: None,
    }
}

fn written(message: &NatsMessage<'_>, wrap_mode: WrapMode) -> Result<(String, Envelope), BadEvent> {
    let mut batch = Batch::new();
    let envelope = message.write(&mut batch, wrap_mode, LineRules::default())?;
    let line = batch.tail(0).to_vec();
    batch.commit_tail(0, envelope);
    Ok((String::from_utf8(line).unwrap(), envelope))
}

fn data(payload: &[u8]) -> String {
    let (line, _) = written(&message(payload), WrapMode::Auto).unwrap();
    let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(parsed["seq"], 9);
    let (_, data) = line.split_once("\"key\":\"orders.new\",").unwrap();
    data.trim_end_matches('}').to_owned()
}

#[test]
fn an_event_passes_byte_for_byte_with_the_streams_number() {
    for wrap_mode in [WrapMode::Auto, WrapMode::Never] {
        let (line, envelope) = written(&message(EVENT.as_bytes()), wrap_mode).unwrap();
        assert_eq!(line, EVENT);
        assert_eq!(envelope.kind, Kind::Commit);
        assert_eq!((envelope.point.seq, envelope.point.time_us), (Some(9), 5));
    }
    let reordered = r#" {"kind":"identity","time_us":6,"identity":{},"did":"did:plc:b"}"#;
    let (line, envelope) = written(&message(reordered.as_bytes()), WrapMode::Auto).unwrap();
    assert_eq!((line.as_str(), envelope.kind), (reordered, Kind::Identity));
}

#[test]
fn anything_else_is_put_into_an_envelope() {
    let (line, envelope) = written(&message(b"{\"n\":\n1}\n"), WrapMode::Auto).unwrap();
    assert_eq!(
        line,
        r#"{"seq":9,"subject":"orders.new","time":"2027-01-15T08:00:00.123456789Z","headers":{},"type":0,"key":"orders.new","data":{"n": 1}}"#
    );
    assert_eq!(envelope.kind, Kind::Other);
    assert_eq!(
        (envelope.point.seq, envelope.point.time_us),
        (Some(9), 1_800_000_000_123_456)
    );
    let parsed: Wrapped = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (parsed.seq, parsed.event_type, parsed.encoding),
        (9, Some(0), None)
    );
    let (line, _) = written(&message(EVENT.as_bytes()), WrapMode::Always).unwrap();
    assert!(line.ends_with(&format!(r#""data":{EVENT}}}"#)), "{line}");
}

#[test]
fn a_payload_is_json_or_text_or_base64() {
    for (payload, expected) in [
        (&b"[1, 2]"[..], r#""data":[1, 2]"#),
        (b" 12 ", r#""data":12"#),
        (b"\"a\"", r#""data":"a""#),
        (b"plain\ttext\n", r#""data":"plain\ttext\n""#),
        (b"{\"cut", r#""data":"{\"cut""#),
        (b"", r#""data":"""#),
        (b"\0\x1b[2J", r#""data":"\u0000\u001b[2J""#),
        (b"\xff\xfe", r#""encoding":"base64","data":"//4=""#),
    ] {
        assert_eq!(data(payload), expected);
    }
}

#[test]
fn type_and_headers_are_told_as_rjet_reads_them() {
    let mut headers = HeaderMap::new();
    headers.insert("reflex_type", "7");
    headers.append("Also", "one");
    headers.append("Also", "t\"wo");
    let mut message = message(b"x");
    message.headers = Some(&headers);
    let (line, _) = written(&message, WrapMode::Auto).unwrap();
    let part = r#""headers":{"Also":["one","t\"wo"],"reflex_type":["7"]},"type":7,"#;
    assert!(line.contains(part), "{line}");
    let mut headers = headers.clone();
    headers.insert("reflex_type", "seven");
    message.headers = Some(&headers);
    let (line, _) = written(&message, WrapMode::Auto).unwrap();
    assert!(line.contains(r#""type":null,"#), "{line}");
}

#[test]
fn a_carried_message_keeps_its_bytes_and_what_a_filter_looks_at() {
    let mut headers = HeaderMap::new();
    headers.insert("reflex_type", "7");
    let broken = EVENT.replacen(",\"kind\"", ",\r\n \"kind\"", 1) + "\r\n";
    for payload in [EVENT, &broken, "plain\ntext", ""] {
        let mut message = message(payload.as_bytes());
        message.headers = Some(&headers);
        let mut batch = Batch::new();
        batch.push(EVENT.as_bytes()).unwrap();
        let start = batch.buffer().len();
        let rules = LineRules::default();
        let envelope = message.write(&mut batch, WrapMode::Carried, rules);
        batch.commit_tail(start, envelope.unwrap());
        let event = batch.events().nth(1).unwrap();
        let carried = Carried::parse(event.line()).unwrap();
        assert_eq!(carried.payload, payload.as_bytes());
        assert_eq!(carried.subject, "orders.new");
        assert_eq!(carried.headers, b"reflex_type: 7\r\n");
        let identity = Identity::of_message(9, payload.as_bytes());
        assert_eq!(event.point().identity, Some(identity));
        if payload.starts_with('{') {
            assert_eq!((event.did(), event.collection()), ("did:plc:a", "c.d.e"));
            assert_eq!((event.rkey(), event.time_us()), ("k", 5));
        } else {
            assert_eq!((event.kind(), event.key()), (Kind::Other, "orders.new"));
        }
    }
}

#[test]
fn without_envelope_a_payload_is_a_line() {
    let never = |payload| written(&message(payload), WrapMode::Never).map(|(line, _)| line);
    assert_eq!(never(b"a\r\nb\n").unwrap(), "a  b");
    assert_eq!(never(b"").unwrap(), "");
    assert_eq!(never(b"\xff"), Err(BadEvent::NotUtf8));
}

#[test]
fn a_message_is_known_by_its_number_in_every_form() {
    let one = written(&message(b"tick"), WrapMode::Auto).unwrap().1.point;
    let same = written(&message(b"tick"), WrapMode::Never).unwrap().1.point;
    let mut next = message(b"tick");
    next.seq += 1;
    let other = written(&next, WrapMode::Auto).unwrap().1.point;
    assert_eq!(one.identity, same.identity);
    assert_ne!(one.identity, other.identity);
}

#[test]
fn a_key_of_the_users_own_takes_the_place_of_the_subject() {
    let mut headers = HeaderMap::new();
    headers.insert("reflex_type", "7");
    let key = MessageKey::new(|message| {
        let NatsMessage { seq, .. } = message;
        let event_type = message.event_type();
        format!(
            "{seq} {event_type:?} {}",
            message.header("reflex_type").unwrap()
        )
    });
    let of = |payload| {
        let mut message = message(payload);
        message.headers = Some(&headers);
        message.with_key(Some(&key))
    };
    let (line, _) = written(&of(b"x"), WrapMode::Auto).unwrap();
    let parsed: Wrapped = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&*parsed.key, &*parsed.subject),
        ("9 Some(7) 7", "orders.new")
    );
    for wrap_mode in [WrapMode::Always, WrapMode::Never, WrapMode::Carried] {
        let mut batch = Batch::new();
        let message = of(b"x");
        let envelope = message.write(&mut batch, wrap_mode, LineRules::default());
        batch.commit_tail(0, envelope.unwrap());
        assert_eq!(batch.events().next().unwrap().key(), "9 Some(7) 7");
    }
    // An event of a Jetstream has its account.
    let mut batch = Batch::new();
    let message = of(EVENT.as_bytes());
    let envelope = message.write(&mut batch, WrapMode::Auto, LineRules::default());
    batch.commit_tail(0, envelope.unwrap());
    assert_eq!(batch.events().next().unwrap().key(), "did:plc:a");
}
