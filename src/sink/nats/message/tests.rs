//! Events and messages, and what they are in a stream.

use data_encoding::BASE64;

use super::*;
use crate::{event::Batch, nats::NatsSettings};

fn event(line: &str, look: impl FnOnce(&Event<'_>)) {
    let mut batch = Batch::new();
    batch.push(line.as_bytes()).unwrap();
    look(&batch.events().next().unwrap());
}

fn commit(collection: &str) -> String {
    format!(
        r#"{{"did":"did:plc:a","time_us":5,"kind":"commit","commit":{{"rev":"r","operation":"create","collection":"{collection}","rkey":"k"}}}}"#
    )
}

fn format() -> MessageFormat {
    partitioned(None)
}

fn partitioned(partitions: Option<NonZeroU32>) -> MessageFormat {
    let settings = NatsSinkSettings {
        prefix: "at".to_owned(),
        partitions,
        ..NatsSinkSettings::new(NatsSettings::default(), "S")
    };
    MessageFormat::new(&settings, "w")
}

#[test]
fn a_subject_is_made_of_kind_operation_and_collection() {
    event(&commit("app.bsky.feed.post"), |event| {
        assert_eq!(
            format().subject(event).as_str(),
            "at.commit.create.app.bsky.feed.post"
        );
    });
    event(
        r#"{"did":"did:plc:a","time_us":5,"kind":"identity"}"#,
        |event| {
            assert_eq!(format().subject(event).as_str(), "at.identity");
        },
    );
}

#[test]
fn hostile_names_stay_words_of_a_subject() {
    let long = "x".repeat(5000);
    for (collection, expected) in [
        ("a b", "a%20b"),
        ("*", "%2A"),
        ("a.>", "a.%3E"),
        ("..", "_._._"),
        ("", "_"),
        ("\\r\\nPUB x", "%0D%0APUB%20x"),
        ("\\u0000é", "%00%C3%A9"),
        (&*long, "_"),
    ] {
        event(&commit(collection), |event| {
            let subject = format().subject(event);
            assert_eq!(subject.as_str(), format!("at.commit.create.{expected}"));
        });
    }
}

#[test]
fn a_key_never_tears_a_header() {
    event(
        r#"{"did":"did:web:a\r\nb: c","time_us":5,"kind":"account"}"#,
        |event| {
            assert_eq!(&*key(event), "did:web:ab: c");
        },
    );
    let long = format!(
        r#"{{"did":"{}","time_us":5,"kind":"account"}}"#,
        "x".repeat(3000)
    );
    event(&long, |event| assert_eq!(&*key(event), ""));
}

#[test]
fn a_partition_comes_behind_the_prefix_and_is_that_of_the_shard() {
    let format = partitioned(NonZeroU32::new(4));
    event(
        r#"{"did":"did:plc:a","time_us":5,"kind":"identity"}"#,
        |event| {
            let subject = format.subject(event);
            let has = |number| {
                crate::filter::Shard::new(number, 4)
                    .unwrap()
                    .has(event.did())
            };
            let partition = (0..4).find(|partition| has(partition + 1)).unwrap();
            assert_eq!(subject.as_str(), format!("at.{partition}.identity"));
        },
    );
}

#[test]
fn what_is_written_is_read_again() {
    let format = format();
    let mut origin = Origin {
        source: "jetstream".into(),
        host: "wss://host/subscribe".to_owned(),
        instance: None,
    };
    for line in [
        r#"{"did":"did:plc:a","time_us":5,"kind":"identity"}"#,
        r#"{"did":"did:plc:a","time_us":5,"cursor":7,"kind":"identity"}"#,
    ] {
        origin.instance = line
            .contains("cursor")
            .then(|| "2026-11-25T00:00:00Z".to_owned());
        event(line, |event| {
            let source = Arc::new(Source::of(&origin));
            let outgoing = format.outgoing(event, Bytes::new(), &source);
            let headers = format.headers(&outgoing, Link::Sequence(4));
            let mut lines = vec!["NATS/1.0".to_owned()];
            for (name, values) in headers.iter() {
                for value in values {
                    lines.push(format!("{name}: {value}"));
                }
            }
            let stored = StoredMessage::new(&BASE64.encode(lines.join("\r\n").as_bytes()));
            let tail = Tail::read(5, &stored);
            assert_eq!(tail.id, Some(outgoing.id));
            assert_eq!(tail.writer.as_deref(), Some("w"));
            let position = tail.position.unwrap();
            assert_eq!(position.point, *event.point());
            assert_eq!(position.origin, origin);
        });
    }
}

#[test]
fn what_is_not_ours_has_no_position() {
    for text in [
        "",
        "NATS/1.0\r\nNats-Msg-Id: x\r\n",
        "NATS/1.0\r\nNats-Msg-Id: 00000000000000ff\r\nrocketman-source: jetstream h\r\nrocketman-cursor: x\r\n",
        "NATS/1.0\r\nrocketman-source: jetstream h\r\nrocketman-cursor: 5\r\n",
    ] {
        let hdrs = BASE64.encode(text.as_bytes());
        assert_eq!(
            Tail::read(1, &StoredMessage::new(&hdrs)).position,
            None,
            "{text}"
        );
    }
    let hdrs = "not base64".to_owned();
    assert_eq!(Tail::read(1, &StoredMessage::new(&hdrs)).id, None);
}
