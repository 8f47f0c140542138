//! The wire from the consumer's side: raw sockets, and a client of the WebSocket library.

mod faults;
mod limits;
mod memory;
mod strangers;
mod v2;
mod world;

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use self::world::{ALL, COUNT, DEADLINE, FIRST_US, World, time_of};
use super::*;

#[tokio::test]
async fn everything_comes_in_order_plain_and_compressed() {
    let world = World::new().await;
    let all: Vec<u64> = (0..COUNT).collect();
    assert_eq!(world.connect("").await.numbers(ALL).await, all);
    if deflate::AVAILABLE {
        let mut client = world.connect("compress=true").await;
        assert_eq!(client.numbers(ALL).await, all);
        let header = [("socket-encoding", "gzip, zstd")];
        let mut client = world.connect_with("", &header).await.unwrap();
        assert!(matches!(
            client.message().await,
            Some(Ok(Message::Binary(_)))
        ));
    }
}

#[tokio::test]
async fn filters_and_sizes_leave_out_what_was_not_asked_for() {
    let world = World::new().await;
    for (query, wanted) in [
        (
            "wantedCollections=app.bsky.feed.post",
            (|n| n % 2 == 0) as fn(u64) -> bool,
        ),
        ("wantedCollections=app.bsky.*&wantedDids=did:plc:a1", |n| {
            n % 3 == 1
        }),
        ("wantedDids=did:plc:a1&wantedDids=did:plc:a2", |n| {
            n % 3 != 0
        }),
        ("maxMessageSizeBytes=1000", |n| n % 10 != 0),
        ("maxMessageSizeBytes=1000&compress=true", |n| n % 10 != 0),
    ] {
        let expected: Vec<u64> = (0..COUNT).filter(|n| wanted(*n)).collect();
        let mut client = world.connect(query).await;
        assert_eq!(client.numbers(expected.len()).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_cursor_is_a_number_or_a_time() {
    let world = World::new().await;
    for (cursor, first) in [
        (0, 0),
        (1, 0),
        (8, 7),
        (9, 8),
        (300, 299),
        (time_of(44), 44),
        (time_of(44) - 1, 44),
    ] {
        let mut client = world.connect(&format!("cursor={cursor}")).await;
        let event = client.event().await;
        assert_eq!(event["cursor"], first + 1, "{cursor}");
    }
}

#[tokio::test]
async fn a_legacy_server_gives_no_numbers_and_resumes_by_time() {
    let legacy = ServerSettings {
        legacy: true,
        ..ServerSettings::default()
    };
    let world = World::with(Schedule::Max, legacy).await;
    for (cursor, first) in [
        ("8".to_owned(), 0),
        ("-5".to_owned(), 0),
        (time_of(44).to_string(), 44),
    ] {
        let event = world
            .connect(&format!("cursor={cursor}"))
            .await
            .event()
            .await;
        assert_eq!(event.get("cursor"), None);
        assert_eq!(event["time_us"], time_of(first));
    }
}

#[tokio::test]
async fn events_come_when_they_are_due_and_the_future_is_the_live_tip() {
    let schedule = Schedule::Timed {
        first_us: time_of(200),
        // A millisecond of the stream in ten: the last comes after a second.
        speed: 0.1,
    };
    let world = World::with(schedule, ServerSettings::default()).await;
    let began = Instant::now();
    let mut live = world.connect("").await;
    assert_eq!(live.numbers(1).await, [200]);
    assert_eq!(live.numbers(50).await[49], 250);
    assert!(began.elapsed() >= Duration::from_millis(500));
    // History is there at once; behind the tip there is nothing yet.
    let mut history = world.connect("cursor=1").await;
    assert_eq!(history.numbers(200).await[199], 199);
    for future in ["cursor=290".to_owned(), format!("cursor={}", time_of(295))] {
        let first = world.connect(&future).await.numbers(1).await;
        assert!((250..285).contains(&first[0]), "{first:?}");
    }
}

#[tokio::test]
async fn nothing_comes_before_the_hello_that_is_required() {
    let world = World::new().await;
    let mut client = world
        .connect("requireHello=true&wantedDids=did:plc:a0")
        .await;
    client.send(r#"{"type":"unknown"}"#).await;
    client.send(Message::Ping(b"there?".to_vec().into())).await;
    assert_eq!(
        client.message().await.unwrap().unwrap(),
        Message::Pong(b"there?".to_vec().into())
    );
    let hello = r#"{"type":"options_update","payload":{"wantedDids":["did:plc:a2"]}}"#;
    client.send(hello).await;
    assert_eq!(client.numbers(3).await, [2, 5, 8]);
}

#[tokio::test]
async fn an_update_replaces_the_whole_filter() {
    let schedule = Schedule::Timed {
        first_us: FIRST_US,
        speed: 0.05,
    };
    let world = World::with(schedule, ServerSettings::default()).await;
    let mut client = world
        .connect("wantedCollections=app.bsky.feed.post&maxMessageSizeBytes=1000")
        .await;
    assert_eq!(client.numbers(2).await, [2, 4]);
    client
        .send(r#"{"type":"options_update","payload":{"wantedCollections":["app.bsky.feed.like"]}}"#)
        .await;
    let numbers = client.numbers(40).await;
    let likes = numbers.iter().position(|n| n % 2 == 1).unwrap();
    assert!(
        likes < 20 && numbers[likes..].iter().all(|n| n % 2 == 1),
        "{numbers:?}"
    );
}

#[tokio::test]
async fn a_bad_message_ends_the_connection_with_its_code() {
    let world = World::new().await;
    let invalid = format!(
        r#"{{"type":"options_update","payload":{{"wantedCollections":["{}"]}}}}"#,
        "ü".repeat(200)
    );
    for (message, code) in [
        (Message::text("no JSON"), 1007),
        (
            Message::text(r#"{"type":"options_update","payload":{"wantedDids":5}}"#),
            1007,
        ),
        (Message::text(invalid), 1008),
        (Message::binary(vec![0; 10_000_001]), 1009),
    ] {
        let mut client = world.connect("requireHello=true").await;
        client.send(message).await;
        let (found, reason) = client.close().await;
        assert_eq!(found, code);
        assert!(!reason.is_empty() && reason.len() <= 123, "{reason}");
    }
    let largest = format!(
        r#"{{"type":"else","filler":"{}"}}"#,
        "x".repeat(10_000_000 - 27)
    );
    let mut client = world.connect("requireHello=true").await;
    client.send(largest).await;
    client
        .send(r#"{"type":"options_update","payload":{}}"#)
        .await;
    assert_eq!(client.numbers(1).await, [0]);
}

#[tokio::test]
async fn garbage_on_the_socket_is_a_breach_of_the_protocol() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let upgrade = "GET /subscribe?requireHello=true HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream
        .write_all(&[upgrade.as_bytes(), &[0xff; 5000]].concat())
        .await
        .unwrap();
    let mut answer = vec![0; 4096];
    let mut received = Vec::new();
    while !received
        .windows(4)
        .any(|bytes| bytes[..1] == [0x88] && bytes[2..] == [3, 234])
    {
        let n = timeout(DEADLINE, stream.read(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert!(n > 0, "{received:?}");
        received.extend_from_slice(&answer[..n]);
    }
    // The example of RFC 6455.
    let head = String::from_utf8_lossy(&received);
    assert!(
        head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        "{head}"
    );
    assert!(head.contains("\r\nDate: "), "{head}");
}

#[tokio::test]
async fn what_is_no_subscription_gets_its_answer() {
    let world = World::new().await;
    let get = |target: &str, headers: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: localhost:1\r\n{headers}\r\n")
    };
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a\r\n";
    let deflate = format!(
        "{upgrade}Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    );
    for (request, status, words) in [
        (
            get("/", ""),
            200,
            "rocketman tail ws://localhost:1/subscribe",
        ),
        (get("/", ""), 200, "numbers &lt;1 &amp; 2&gt;"),
        (
            get("http://localhost:1/?x", ""),
            200,
            "A Jetstream of your own",
        ),
        (
            get("/", "").replace("localhost:1", ""),
            200,
            "ws://127.0.0.1:6008/subscribe",
        ),
        (get("/else", ""), 404, "/subscribe"),
        (
            get("/subscribe", "").replace("GET", "POST"),
            405,
            "\r\nAllow: GET\r\n",
        ),
        (get("/subscribe", ""), 426, "\r\nUpgrade: websocket\r\n"),
        (
            get("/subscribe", &upgrade.replace("13", "8")),
            426,
            "Sec-WebSocket-Version: 13",
        ),
        (
            get("/subscribe?cursor=x", upgrade),
            400,
            "cursor is not a number",
        ),
        (
            get("/subscribe?wantedCollections=posts", upgrade),
            400,
            "'posts' is not a collection",
        ),
        (
            get("/subscribe?compress=true", &deflate),
            400,
            "permessage-deflate",
        ),
        ("nonsense\r\n\r\n".to_owned(), 400, "not a request"),
        (
            get("/", &format!("X: {}\r\n", "x".repeat(1_100_000))),
            431,
            "1048576",
        ),
    ] {
        let answer = world.ask(request.as_bytes()).await;
        let start: String = request.chars().take(60).collect();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{start}: {answer}"
        );
        assert!(answer.contains(words), "{start}: {answer}");
        assert!(
            answer.contains("text/plain") == (status != 200),
            "{start}: {answer}"
        );
    }
}
