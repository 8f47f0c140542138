//! Single events that a program of the library inserts, and streams that it makes for them.

use std::time::Duration;

use async_nats::jetstream::stream;
use rocketman::{
    ErrorKind, Reason,
    event::{Batch, Start},
    nats::{EventStream, NatsSettings, StreamPlan},
    source::{
        Flow, Source as _,
        nats::{NatsSource, NatsSourceSettings},
    },
};

use super::{
    connection::{assert_told, settings},
    copies::read,
    source::make,
};
use crate::support::nats::{Nats, block_on};

/// The stream `S`, which takes everything below `s`.
async fn stream_of(settings: &NatsSettings) -> EventStream {
    EventStream::open(settings, "S", None).await.unwrap()
}

#[test]
fn what_is_inserted_is_read_by_rjets_rules() {
    let Some(nats) = Nats::start("what_is_inserted_is_read_by_rjets_rules") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    let events = [
        (3, "s.17.created", &b"{\"id\": 17 }\n"[..]),
        (-1, "s.17.paid", b"\0\xff\r\n"),
        (0, "s.18", b""),
    ];
    block_on(async {
        let stream = stream_of(&settings(&nats)).await;
        for (seq, (event_type, subject, payload)) in (1..).zip(events) {
            let inserted = stream.insert(subject, event_type, payload).await;
            assert_eq!(inserted.unwrap(), seq);
        }
    });
    let read = read(&nats, "S");
    let read: Vec<_> = read
        .iter()
        .map(|event| (event.event_type, &*event.foreign_id, &*event.meta_data))
        .collect();
    assert_eq!(read, events);
}

#[test]
fn any_number_of_writers_insert_at_once() {
    let Some(nats) = Nats::start("any_number_of_writers_insert_at_once") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    let numbers = block_on(async {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..4 {
            let events = stream_of(&settings(&nats)).await;
            for n in 0..25 {
                let events = events.clone();
                writers.spawn(async move {
                    let subject = format!("s.{writer}.{n}");
                    (
                        events.insert(&subject, 1, subject.clone()).await.unwrap(),
                        subject,
                    )
                });
            }
        }
        writers.join_all().await
    });
    let read = read(&nats, "S");
    assert_eq!(read.len(), 100);
    for (seq, subject) in numbers {
        let at = usize::try_from(seq).unwrap() - 1;
        assert_eq!(read[at].foreign_id, subject, "the number is its own");
    }
}

#[test]
fn an_event_with_an_id_is_inserted_once() {
    let Some(nats) = Nats::start("an_event_with_an_id_is_inserted_once") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    block_on(async {
        let quick = NatsSettings {
            request_timeout: Duration::from_millis(700),
            ..settings(&nats)
        };
        let events = stream_of(&quick).await;
        let insert = |id: &'static str| events.insert_once(id, "s.a", 3, id);
        assert_eq!(insert("a").await.unwrap(), 1);
        assert_eq!(insert("b").await.unwrap(), 2);
        assert_eq!(insert("a").await.unwrap(), 1, "the number that it has");
        // A server that hangs may store it all the same.
        nats.freeze();
        let error = insert("c").await.unwrap_err();
        nats.thaw();
        assert_told(
            &error,
            ErrorKind::Failed,
            &["insert 's.a'", "did not answer"],
        );
        assert_eq!(error.reason(), Some(&Reason::NatsSilent), "{error:?}");
        assert_eq!(insert("c").await.unwrap(), 3);
        let error = insert("x\r\ny: z").await.unwrap_err();
        assert_told(&error, ErrorKind::Usage, &["its ID has a line end"]);
    });
    let read = read(&nats, "S");
    let stored: Vec<_> = read.iter().map(|event| &event.meta_data[..]).collect();
    assert_eq!(stored, [b"a", b"b", b"c"]);
}

#[test]
fn what_cannot_be_inserted_is_refused_in_words() {
    let test = "what_cannot_be_inserted_is_refused_in_words";
    let Some(nats) = Nats::configured(test, "max_payload: 64KB\njetstream {}") else {
        return;
    };
    let limited = stream::Config {
        max_message_size: 1000,
        ..stream::Config::default()
    };
    make(&nats, "S", limited);
    make(&nats, "OTHER", stream::Config::default());
    block_on(async {
        let settings = settings(&nats);
        let error = EventStream::open(&settings, "NONE", None).await;
        assert_told(&error.unwrap_err(), ErrorKind::Usage, &["no stream 'NONE'"]);
        let events = stream_of(&settings).await;
        for (subject, len, words) in [
            ("x.a", 1, &["'x.a'", "no stream takes it", "s.>"][..]),
            ("other.a", 1, &["'other.a'", "another stream takes it"]),
            ("s.*", 1, &["'s.*'", "a subject is words between dots"]),
            ("s.a b", 1, &["a subject is words between dots"]),
            ("s.a", 2000, &["2000 bytes", "exceeds maximum"]),
            ("s.a", 100_000, &["100000 bytes", "the server takes 65536"]),
        ] {
            let error = events.insert(subject, 1, vec![b'x'; len]).await;
            assert_told(&error.unwrap_err(), ErrorKind::Usage, words);
        }
        assert_eq!(events.insert("s.a", 1, "fits").await.unwrap(), 1);
        let client = async_nats::connect(nats.url()).await.unwrap();
        let jetstream = async_nats::jetstream::new(client);
        jetstream.delete_stream("S").await.unwrap();
        let error = events.insert("s.a", 1, "late").await.unwrap_err();
        let stream = "S".to_owned();
        assert_eq!(error.reason(), Some(&Reason::NatsNoStream { stream }));
    });
}

#[test]
fn an_insert_that_is_not_permitted_is_refused_at_once() {
    let users = r#"authorization { users: [
        {user: "all", password: "a"}, {user: "ann", password: "b", permissions: {publish: ["$JS.API.>", "s.mine"]}}
    ] }, jetstream {}"#;
    let test = "an_insert_that_is_not_permitted_is_refused_at_once";
    let Some(nats) = Nats::configured(test, users) else {
        return;
    };
    let login = |user: &str, password: &str| NatsSettings {
        login: rocketman::nats::Login::Password {
            user: user.to_owned(),
            password: password.to_owned(),
        },
        request_timeout: crate::support::DEADLINE,
        ..settings(&nats)
    };
    block_on(async {
        let plan = StreamPlan {
            subjects: vec!["s.>".to_owned()],
            ..StreamPlan::default()
        };
        let made = EventStream::open(&login("all", "a"), "S", Some(&plan)).await;
        assert_eq!(made.unwrap().insert("s.a", 1, "all").await.unwrap(), 1);
        let events = stream_of(&login("ann", "b")).await;
        assert_eq!(events.insert("s.mine", 1, "ann").await.unwrap(), 2);
        let error = events.insert("s.a", 1, "ann").await.unwrap_err();
        assert_told(&error, ErrorKind::Refused, &["does not allow it", "s.a"]);
    });
}

#[test]
fn a_reader_makes_the_stream_that_it_reads() {
    let Some(nats) = Nats::start("a_reader_makes_the_stream_that_it_reads") else {
        return;
    };
    block_on(async {
        let settings = settings(&nats);
        for (name, subjects, expected) in [
            ("A", &[][..], &["A"][..]),
            ("B", &["b.new", "b.paid"], &["b.new", "b.paid"]),
        ] {
            let mut source = NatsSource::new(NatsSourceSettings {
                create: Some(StreamPlan::default()),
                subjects: subjects.iter().map(ToString::to_string).collect(),
                start: Some(Start::Seq(0)),
                ..NatsSourceSettings::new(settings.clone(), name)
            });
            let mut batch = Batch::new();
            let (flow, seq) = tokio::join!(
                source.next_batch(&mut batch),
                inserted(&settings, name, expected[0]),
            );
            assert_eq!((flow.unwrap(), seq), (Flow::More, 1));
            let event = batch.events().next().unwrap();
            assert_eq!((event.key(), event.point().seq), (expected[0], Some(1)));
            let stream = EventStream::open(&settings, name, None).await.unwrap();
            for (subject, seq) in expected.iter().zip(2..) {
                assert_eq!(stream.insert(subject, 1, "again").await.unwrap(), seq);
            }
        }
    });
}

/// Inserts an event as soon as somebody has made the stream.
async fn inserted(settings: &NatsSettings, name: &str, subject: &str) -> u64 {
    let stream = loop {
        match EventStream::open(settings, name, None).await {
            Ok(stream) => break stream,
            Err(error) if matches!(error.reason(), Some(Reason::NatsNoStream { .. })) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    };
    stream.insert(subject, 1, "hello").await.unwrap()
}
