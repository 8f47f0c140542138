//! The wire from the consumer's side: raw sockets, and a client of the WebSocket library.

use std::{collections::VecDeque, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::Request},
};

use super::*;

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// Three hundred events, a millisecond apart.
struct Numbers {
    pace: Pace,
}

const FIRST_US: u64 = 1_790_000_000_000_000;
const COUNT: u64 = 300;
const ALL: usize = 300;
const PER_BLOCK: u64 = 7;

fn time_of(n: u64) -> u64 {
    FIRST_US + n * 1000
}

impl Feed for Numbers {
    fn describe(&self) -> String {
        "numbers <1 & 2>".to_owned()
    }

    fn read(&self, index: u64, _: u64, block: &mut BlockBuilder) -> Result<bool, FeedError> {
        let first = index * PER_BLOCK;
        for n in first..COUNT.min(first + PER_BLOCK) {
            let collection = if n % 2 == 0 {
                "app.bsky.feed.post"
            } else {
                "app.bsky.feed.like"
            };
            let filler = "x".repeat(if n % 10 == 0 { 2000 } else { 300 });
            let line = format!(
                r#"{{"did":"did:plc:a{}","time_us":1,"kind":"commit","commit":{{"rev":"r","operation":"create","collection":"{collection}","rkey":"{n}","record":{{"text":"{filler}"}}}}}}"#,
                n % 3
            );
            block.push(line.as_bytes(), n + 1, time_of(n)).unwrap();
        }
        Ok(first < COUNT)
    }

    fn find(&self, place: Place, _: u64) -> u64 {
        match place {
            Place::Beginning => 0,
            Place::Seq(seq) => seq.saturating_sub(1).min(COUNT) / PER_BLOCK,
            Place::Time(time_us) => {
                (time_us.saturating_sub(FIRST_US) / 1000).min(COUNT) / PER_BLOCK
            }
        }
    }

    fn pace(&self, _: u64) -> Pace {
        self.pace
    }
}

/// A server under way. Its task ends with the test's runtime.
struct World {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<Served>,
}

impl World {
    async fn with(pace: Pace, settings: ServerSettings) -> Self {
        let feed = Numbers { pace };
        let server = Server::bind(([127, 0, 0, 1], 0).into(), feed, settings);
        let server = server.await.unwrap();
        let stop = CancellationToken::new();
        let address = server.address().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(server.run(stop.clone()));
        Self {
            address,
            stop,
            tasks,
        }
    }

    async fn new() -> Self {
        Self::with(Pace::Max, ServerSettings::default()).await
    }

    async fn connect(&self, query: &str) -> Client {
        self.connect_with(query, &[]).await.unwrap()
    }

    async fn connect_with(&self, query: &str, headers: &[(&str, &str)]) -> Result<Client, Error> {
        let url = format!("ws://{}/subscribe?{query}", self.address);
        let mut request: Request<()> = url.into_client_request().unwrap();
        for (name, value) in headers {
            let name: tokio_tungstenite::tungstenite::http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let (socket, _) = connect_async(request).await?;
        Ok(Client(socket))
    }

    /// Sends bytes, and returns all that comes back.
    async fn ask(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        timeout(DEADLINE, stream.read_to_end(&mut answer))
            .await
            .unwrap()
            .unwrap();
        String::from_utf8(answer).unwrap()
    }

    async fn served(mut self) -> Served {
        timeout(DEADLINE, self.tasks.join_next())
            .await
            .unwrap()
            .unwrap()
            .unwrap()
    }
}

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn message(&mut self) -> Option<Result<Message, Error>> {
        timeout(DEADLINE, self.0.next())
            .await
            .expect("nothing came")
    }

    /// The next event.
    async fn event(&mut self) -> Value {
        let message = self.message().await.unwrap().unwrap();
        let text = match &message {
            Message::Text(text) => text.as_bytes().to_vec(),
            #[cfg(feature = "zstd")]
            Message::Binary(frame) => {
                let dictionary = crate::source::jetstream::DICTIONARY;
                let mut decompressor =
                    zstd::bulk::Decompressor::with_dictionary(dictionary).unwrap();
                decompressor.decompress(frame, 100_000).unwrap()
            }
            other => panic!("{other:?}"),
        };
        serde_json::from_slice(&text).unwrap()
    }

    async fn numbers(&mut self, n: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        while numbers.len() < n {
            let event = self.event().await;
            let number: u64 = event["commit"]["rkey"].as_str().unwrap().parse().unwrap();
            assert_eq!(event["time_us"], time_of(number));
            numbers.push(number);
        }
        numbers
    }

    async fn send(&mut self, message: impl Into<Message>) {
        self.0.send(message.into()).await.unwrap();
    }

    /// The code and reason of the close frame that comes sooner or later.
    async fn close(&mut self) -> (u16, String) {
        loop {
            match self.message().await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(_)) => {}
                other => panic!("no close frame but {other:?}"),
            }
        }
    }
}

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
async fn a_legacy_server_tells_no_numbers_and_takes_every_cursor_for_a_time() {
    let legacy = ServerSettings {
        legacy: true,
        ..ServerSettings::default()
    };
    let world = World::with(Pace::Max, legacy).await;
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
    let pace = Pace::Timed {
        first_us: time_of(200),
        // A millisecond of the stream in ten: the last comes after a second.
        speed: 0.1,
    };
    let world = World::with(pace, ServerSettings::default()).await;
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
    let pace = Pace::Timed {
        first_us: FIRST_US,
        speed: 0.05,
    };
    let world = World::with(pace, ServerSettings::default()).await;
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
    let upgrade = "GET /subscribe?requireHello=true HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
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
        format!("GET {target} HTTP/1.1\r\nHost: my.host:1\r\n{headers}\r\n")
    };
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a\r\n";
    let deflate = format!(
        "{upgrade}Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    );
    for (request, status, words) in [
        (get("/", ""), 200, "rocketman tail ws://my.host:1/subscribe"),
        (get("/", ""), 200, "numbers &lt;1 &amp; 2&gt;"),
        (get("http://my.host:1/?x", ""), 200, "rocketman serve"),
        (
            get("/", "").replace("my.host:1", "<script>"),
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

#[tokio::test]
async fn slow_requests_are_dropped_and_others_are_served_meanwhile() {
    let settings = ServerSettings {
        upgrade_within: Duration::from_millis(300),
        ..ServerSettings::default()
    };
    let world = World::with(Pace::Max, settings).await;
    let mut slow = VecDeque::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(b"GET /subscribe HT").await.unwrap();
        slow.push_back(stream);
    }
    assert_eq!(world.connect("").await.numbers(1).await, [0]);
    for mut stream in slow {
        let end = timeout(DEADLINE, stream.read(&mut [0; 10])).await.unwrap();
        assert!(matches!(end, Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn consumers_over_the_limit_are_told_to_come_back() {
    let settings = ServerSettings {
        max_consumers: 2,
        ..ServerSettings::default()
    };
    let world = World::with(Pace::Max, settings).await;
    let mut first = world.connect("").await;
    let _second = world.connect("").await;
    match world.connect_with("", &[]).await {
        Err(Error::Http(answer)) => {
            assert_eq!(answer.status(), 503);
            assert!(answer.headers().contains_key("retry-after"));
        }
        _ => panic!("a third consumer was served"),
    }
    first.send(Message::Close(None)).await;
    first.close().await;
    drop(first);
    let came_in = async {
        while world.connect_with("", &[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, came_in).await.unwrap();
}

#[tokio::test]
async fn a_consumer_that_takes_nothing_is_cut_and_no_other_notices() {
    let settings = ServerSettings {
        write_within: Duration::from_millis(200),
        ..ServerSettings::default()
    };
    let demo = Demo::parse("demo:?rate=max").unwrap();
    let server = Server::bind(([127, 0, 0, 1], 0).into(), demo, settings)
        .await
        .unwrap();
    let world = World {
        address: server.address().unwrap(),
        stop: CancellationToken::new(),
        tasks: JoinSet::new(),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(server.run(world.stop.clone()));
    let mut stalled = world.connect("").await;
    stalled.message().await.unwrap().unwrap();
    let mut reading = world.connect("").await;
    let began = Instant::now();
    let mut expected = 1;
    while began.elapsed() < Duration::from_secs(2) {
        for _ in 0..1000 {
            assert_eq!(reading.event().await["cursor"], expected);
            expected += 1;
        }
    }
    // What the sockets held is still there, then the connection ends without a word.
    let end = async {
        loop {
            match stalled.0.next().await {
                Some(Ok(message)) if message.is_text() => {}
                other => return other,
            }
        }
    };
    let end = timeout(DEADLINE, end).await.unwrap();
    assert!(matches!(end, None | Some(Err(_))), "{end:?}");
}

#[tokio::test]
async fn a_consumer_that_was_quiet_for_long_is_answered() {
    let settings = ServerSettings {
        write_within: Duration::from_millis(50),
        ..ServerSettings::default()
    };
    let world = World::with(Pace::Max, settings).await;
    let mut client = world.connect("requireHello=true").await;
    for payload in ["once", "twice"] {
        sleep(Duration::from_millis(200)).await;
        client.send(Message::Ping(payload.into())).await;
        let answer = client.message().await.unwrap().unwrap();
        assert_eq!(answer, Message::Pong(payload.into()));
    }
}

#[tokio::test]
async fn a_consumer_that_answers_no_ping_is_cut() {
    let settings = ServerSettings {
        ping_every: Duration::from_millis(50),
        pong_within: Duration::from_millis(200),
        ..ServerSettings::default()
    };
    let world = World::with(Pace::Max, settings).await;
    let mut answering = world.connect("requireHello=true").await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let upgrade = "GET /subscribe?requireHello=true HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    for _ in 0..5 {
        // Reading answers it.
        assert!(answering.message().await.unwrap().unwrap().is_ping());
    }
    let mut received = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut received))
        .await
        .unwrap()
        .ok();
    assert!(received.ends_with(&[0x89, 0]), "{received:?}");
    assert!(answering.message().await.unwrap().unwrap().is_ping());
}

#[tokio::test]
async fn a_server_that_stops_takes_leave() {
    let world = World::new().await;
    let mut client = world.connect("").await;
    assert_eq!(client.numbers(ALL).await.len(), ALL);
    world.stop.cancel();
    assert_eq!(
        client.close().await,
        (1001, "server shutting down".to_owned())
    );
    // Reading on answers the close frame, so that nobody is waited for.
    assert!(
        client
            .message()
            .await
            .is_none_or(|message| message.is_err())
    );
    let served = Served {
        consumers: 1,
        events: COUNT,
    };
    assert_eq!(world.served().await, served);
}

#[tokio::test]
async fn a_server_that_has_served_everything_ends_when_that_was_asked_for() {
    let settings = ServerSettings {
        exit_at_end: true,
        ..ServerSettings::default()
    };
    let world = World::with(Pace::Max, settings).await;
    let mut client = world.connect("").await;
    assert_eq!(client.numbers(ALL).await.len(), ALL);
    assert_eq!(client.close().await.0, 1001);
    assert!(
        client
            .message()
            .await
            .is_none_or(|message| message.is_err())
    );
    assert_eq!(world.served().await.consumers, 1);
}
