//! The v2 wire: its frames, cursors, refusals, and the dictionary.

use serde_json::Value;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::world::{ALL, COUNT, Client, FIRST_US, World, time_of};
use crate::{
    serve::{v2::dictionary, *},
    wire::v2::{DICTIONARY_PATH, SUBSCRIBE_PATH},
};

/// The next frame, inflated.
pub(super) async fn frame(client: &mut Client) -> Value {
    let message = client.message().await.unwrap().unwrap();
    let text = match &message {
        Message::Text(text) => text.as_bytes().to_vec(),
        #[cfg(feature = "zstd")]
        Message::Binary(frame) => {
            let dictionary = dictionary::DICTIONARY;
            let mut decompressor = zstd::bulk::Decompressor::with_dictionary(dictionary).unwrap();
            decompressor.decompress(frame, 100_000).unwrap()
        }
        other => panic!("{other:?}"),
    };
    serde_json::from_slice(&text).unwrap()
}

/// The numbers of the next events.
pub(super) async fn numbers(client: &mut Client, n: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < n {
        let payload = &frame(client).await["payload"];
        let seq = payload["seq"]
            .as_u64()
            .unwrap_or_else(|| panic!("{payload}"));
        numbers.push(seq);
    }
    numbers
}

/// The status and the body that a subscription is refused with.
pub(super) async fn refused(world: &World, query: &str) -> (u16, Value) {
    match world.connect_v2(query, &[]).await {
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            (
                response.status().as_u16(),
                serde_json::from_slice(&body).unwrap(),
            )
        }
        other => panic!("{query}: {other:?}"),
    }
}

#[tokio::test]
async fn everything_comes_in_order_over_v2_plain_and_compressed() {
    let world = World::new().await;
    let all: Vec<u64> = (1..=COUNT).collect();
    let mut queries = vec![String::new()];
    if deflate::AVAILABLE {
        queries.push(format!("zstdDictionary={}", dictionary::ID));
    }
    for query in queries {
        let mut client = world.connect_v2(&query, &[]).await.unwrap();
        let first = frame(&mut client).await;
        assert_eq!(first["$type"], "message");
        let payload = &first["payload"];
        assert_eq!(
            payload["$type"],
            "network.bsky.jetstream.subscribeEvents#commit"
        );
        assert_eq!(
            (&payload["seq"], &payload["rkey"]),
            (&1.into(), &"0".into())
        );
        assert_eq!(payload["time"], "2026-09-21T14:13:20.000000Z");
        assert_eq!(numbers(&mut client, ALL - 1).await, all[1..]);
    }
}

#[tokio::test]
async fn the_wire_is_named_where_its_exact_name_is_offered() {
    let world = World::new().await;
    for (offer, is_named) in [
        ("other, xrpc.v1.json", true),
        ("XRPC.V1.JSON", false),
        ("", false),
    ] {
        let head = format!(
            "GET {SUBSCRIBE_PATH}?cursor=1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a\r\nSec-WebSocket-Protocol: {offer}\r\n\r\n"
        );
        let answer = world.head(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        let named = answer.contains("\r\nSec-WebSocket-Protocol: xrpc.v1.json\r\n");
        assert_eq!(named, is_named, "{offer}: {answer}");
    }
}

#[tokio::test]
async fn v2_filters_are_three_axes_and_a_size() {
    let world = World::new().await;
    // Every tenth frame is longer, and all are longer than their lines.
    for (query, wanted) in [
        (
            "collections=app.bsky.feed.post",
            (|n| n % 2 == 1) as fn(u64) -> bool,
        ),
        ("collections=app.bsky.*&dids=did:plc:a1&kinds=commit", |n| {
            n % 3 == 2
        }),
        ("dids=did:plc:a1&dids=did:plc:a2", |n| n % 3 != 1),
        ("maxMessageSizeBytes=1000", |n| n % 10 != 1),
    ] {
        let expected: Vec<u64> = (1..=COUNT).filter(|n| wanted(*n)).collect();
        let mut client = world.connect_v2(query, &[]).await.unwrap();
        assert_eq!(
            numbers(&mut client, expected.len()).await,
            expected,
            "{query}"
        );
    }
    let v1 = world
        .connect("maxMessageSizeBytes=530")
        .await
        .numbers(1)
        .await;
    let mut v2 = world
        .connect_v2("maxMessageSizeBytes=530", &[])
        .await
        .unwrap();
    v2.send(Message::Ping(b"nothing before".to_vec().into()))
        .await;
    assert_eq!(v1, [1]);
    assert!(matches!(v2.message().await, Some(Ok(Message::Pong(_)))));
}

/// Events 100 to 103, of which 101 is a sync event.
async fn recorded(settings: ServerSettings) -> World {
    let line = |n: u64, kind: &str, body: &str| {
        let time_us = FIRST_US + n;
        format!(
            r#"{{"did":"did:plc:a","time_us":{time_us},"cursor":{n},"kind":"{kind}","{kind}":{{{body}}}}}"#
        )
    };
    let post = r#""rev":"r","operation":"delete","collection":"app.bsky.feed.post","rkey":"1""#;
    let lines = [
        line(100, "commit", post),
        line(
            101,
            "sync",
            r#""did":"did:plc:a","rev":"r","seq":0,"time":"""#,
        ),
        line(102, "identity", r#""did":"did:plc:a","seq":1,"time":"""#),
        line(
            103,
            "account",
            r#""active":true,"did":"did:plc:a","seq":1,"time":"""#,
        ),
    ];
    let playback = Playback {
        speed: None,
        ..Playback::default()
    };
    World::of(Recording::from_lines(lines, playback).unwrap(), settings).await
}

#[tokio::test]
async fn sync_events_come_over_v2_alone() {
    let world = recorded(ServerSettings::default()).await;
    let mut v1 = world.connect("").await;
    for expected in [100, 102, 103] {
        assert_eq!(v1.event().await["cursor"], expected);
    }
    for (query, expected) in [
        ("", &[100, 101, 102, 103][..]),
        ("kinds=sync", &[101]),
        ("kinds=account&kinds=identity", &[102, 103]),
        ("collections=app.bsky.feed.like", &[101, 102, 103]),
    ] {
        let mut v2 = world.connect_v2(query, &[]).await.unwrap();
        assert_eq!(numbers(&mut v2, expected.len()).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_number_before_all_is_refused_and_a_time_is_told() {
    let world = recorded(ServerSettings::default()).await;
    for cursor in [0, 1, 99] {
        let (status, body) = refused(&world, &format!("cursor={cursor}")).await;
        assert_eq!((status, &body["error"]), (400, &"CursorTooOld".into()));
        assert!(body["message"].as_str().unwrap().contains("100"), "{body}");
        // The v1 wire begins at the first without a word.
        assert_eq!(
            world
                .connect(&format!("cursor={cursor}"))
                .await
                .event()
                .await["cursor"],
            100
        );
    }
    for (cursor, first, is_announced) in [
        ("100".to_owned(), 100, false),
        ("102".to_owned(), 102, false),
        ((FIRST_US + 100).to_string(), 100, false),
        ((FIRST_US + 101).to_string(), 101, false),
        ((FIRST_US + 99).to_string(), 100, true),
        ("1000000000000000".to_owned(), 100, true),
    ] {
        let mut queries = vec![format!("cursor={cursor}")];
        if deflate::AVAILABLE {
            queries.push(format!("cursor={cursor}&zstdDictionary={}", dictionary::ID));
        }
        for query in queries {
            let mut client = world.connect_v2(&query, &[]).await.unwrap();
            if is_announced {
                let info = frame(&mut client).await;
                assert_eq!(info["payload"]["name"], "OutdatedCursor", "{query}");
                assert_eq!(info["payload"].get("seq"), None);
            }
            assert_eq!(numbers(&mut client, 1).await, [first], "{query}");
        }
    }
    // There is no event 0, and nothing is missing before 1.
    let world = World::new().await;
    let mut client = world.connect_v2("cursor=0", &[]).await.unwrap();
    assert_eq!(numbers(&mut client, 1).await, [1]);
}

#[tokio::test]
async fn the_future_is_the_live_tip_over_v2_too() {
    let schedule = Schedule::Timed {
        first_us: time_of(200),
        speed: 0.1,
    };
    let world = World::with(schedule, ServerSettings::default()).await;
    for future in ["cursor=290".to_owned(), format!("cursor={}", time_of(295))] {
        let mut client = world.connect_v2(&future, &[]).await.unwrap();
        let first = numbers(&mut client, 1).await[0];
        assert!((200..285).contains(&first), "{first}");
    }
}

#[tokio::test]
async fn a_consumer_of_v2_that_sends_data_is_closed() {
    let world = World::new().await;
    for message in [Message::text("{}"), Message::binary(vec![1])] {
        let mut client = world.connect_v2("", &[]).await.unwrap();
        client.send(Message::Ping(b"fine".to_vec().into())).await;
        client.send(message).await;
        assert_eq!(
            client.close().await,
            (1008, "unexpected data message".to_owned())
        );
    }
}

#[tokio::test]
async fn refusals_of_v2_are_json_with_a_name() {
    let settings = ServerSettings {
        max_consumers: 1,
        ..ServerSettings::default()
    };
    let world = World::with(Schedule::Max, settings).await;
    for (query, name) in [
        ("cursor=-1", "InvalidRequest"),
        ("wantedDids=did:plc:a", "InvalidRequest"),
        ("zstdDictionary=5", "UnknownZstdDictionary"),
    ] {
        let (status, body) = refused(&world, query).await;
        assert_eq!((status, &body["error"]), (400, &name.into()), "{query}");
    }
    let _first = world.connect_v2("", &[]).await.unwrap();
    let (status, body) = refused(&world, "").await;
    assert_eq!(
        (status, &body["error"]),
        (503, &"ServiceUnavailable".into())
    );
    let ask = async |method: &str, path: &str| {
        world
            .ask(format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
            .await
    };
    for (method, path, status, words) in [
        ("GET", SUBSCRIBE_PATH, 426, "ask for an upgrade"),
        ("POST", SUBSCRIBE_PATH, 405, "MethodNotAllowed"),
        ("HEAD", DICTIONARY_PATH, 405, "MethodNotAllowed"),
        (
            "GET",
            "/xrpc/network.bsky.jetstream.listSegments?limit=1",
            501,
            "MethodNotImplemented",
        ),
    ] {
        let answer = ask(method, path).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains(words), "{path}: {answer}");
    }
}

#[tokio::test]
async fn the_dictionary_is_served_by_its_id() {
    let world = World::new().await;
    let get = async |query: &str, headers: &str| {
        let head =
            format!("GET {DICTIONARY_PATH}{query} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        world.ask_bytes(head.as_bytes()).await
    };
    let (tag, id) = (format!("\"zstd-dict-{}\"", dictionary::ID), dictionary::ID);
    for query in [String::new(), format!("?id={id}")] {
        let answer = get(&query, "").await;
        assert!(answer.ends_with(dictionary::DICTIONARY));
        let head = String::from_utf8_lossy(&answer[..answer.len() - dictionary::DICTIONARY.len()]);
        for field in [
            "HTTP/1.1 200 OK\r\n",
            "\r\nContent-Type: application/octet-stream\r\n",
            &format!("\r\nETag: {tag}\r\n"),
            &format!("\r\nX-Zstd-Dictionary-Id: {id}\r\n"),
            "\r\nCache-Control: public, max-age=31536000, immutable\r\n",
        ] {
            assert!(head.contains(field), "{field}: {head}");
        }
    }
    for (query, headers, status, words) in [
        ("", format!("If-None-Match: {tag}\r\n"), 304, tag.as_str()),
        ("?id=5", String::new(), 404, "DictionaryNotFound"),
        ("?id=x", String::new(), 400, "InvalidRequest"),
    ] {
        let answer = String::from_utf8(get(query, &headers).await).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains(words), "{answer}");
    }
}

#[tokio::test]
async fn a_legacy_server_has_no_v2() {
    let settings = ServerSettings {
        legacy: true,
        ..ServerSettings::default()
    };
    let world = World::with(Schedule::Max, settings).await;
    for path in [SUBSCRIBE_PATH, DICTIONARY_PATH] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = world.ask(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }
}
