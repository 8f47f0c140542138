//! How much consumers can make a server hold.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::world::{ALL, DEADLINE, World};
use crate::serve::*;

const UPGRADE: &str = "GET /subscribe?requireHello=true HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a\r\n\r\n";

/// A message that wants as many accounts, none of which there is, and did:plc:a1.
fn hello(n_dids: usize, did_bytes: usize) -> Message {
    let mut dids: Vec<_> = (0..n_dids)
        .map(|n| format!("did:plc:{n:0>did_bytes$}"))
        .collect();
    dids.push("did:plc:a1".to_owned());
    let payload = serde_json::json!({ "wantedDids": dids });
    let message = serde_json::json!({ "type": "options_update", "payload": payload });
    Message::text(message.to_string())
}

/// A connection that was upgraded, for frames of the test's own.
async fn upgraded(world: &World) -> TcpStream {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(UPGRADE.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(DEADLINE, stream.read_u8()).await.unwrap().unwrap());
    }
    stream
}

/// The code of the close frame that comes next but for pings.
async fn closed_with(stream: &mut TcpStream) -> u16 {
    let read = async {
        loop {
            let [opcode, len] = [
                stream.read_u8().await.unwrap(),
                stream.read_u8().await.unwrap(),
            ];
            let mut payload = vec![0; usize::from(len)];
            stream.read_exact(&mut payload).await.unwrap();
            if opcode == 0x88 {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    };
    timeout(DEADLINE, read).await.expect("nothing came")
}

/// The beginning of a masked frame: its first byte, and a length of eight bytes.
fn frame_of(first: u8, len: u64) -> Vec<u8> {
    [&[first, 0xff], &len.to_be_bytes()[..], &[0; 4]].concat()
}

fn with_memory(bytes: usize) -> ServerSettings {
    ServerSettings {
        consumer_bytes: bytes,
        ..ServerSettings::default()
    }
}

#[tokio::test]
async fn filters_of_all_consumers_are_bounded_together() {
    let world = World::with(Schedule::Max, with_memory(2_000_000)).await;
    let mut first = world.connect("requireHello=true").await;
    first.send(hello(1000, 1000)).await;
    assert_eq!(first.numbers(ALL / 3).await.len(), ALL / 3);
    let mut second = world.connect("requireHello=true").await;
    second.send(hello(1000, 1000)).await;
    let (code, reason) = second.close().await;
    assert_eq!(code, 1013);
    assert!(reason.contains("try again later"), "{reason}");
    // Others are served as before, and room that is given back is there for the next.
    let small = "wantedDids=did:plc:a1";
    assert_eq!(world.connect(small).await.numbers(1).await, [1]);
    first.send(hello(1, 10)).await;
    let fits = async {
        loop {
            let mut third = world.connect("requireHello=true").await;
            third.send(hello(1000, 1000)).await;
            match third.message().await {
                Some(Ok(Message::Text(_))) => return,
                Some(Ok(Message::Close(_))) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    timeout(DEADLINE, fits).await.unwrap();
    world.stop.cancel();
    drop((first, second));
    assert!(world.served().await.over_budget >= 1);
}

#[tokio::test]
async fn a_filter_in_a_query_counts_as_one_in_a_message() {
    let world = World::with(Schedule::Max, with_memory(100_000)).await;
    let query = |n: usize| {
        (0..n)
            .map(|n| format!("wantedDids=did:plc:{n:0>200}&"))
            .collect::<Vec<_>>()
            .concat()
    };
    let _first = world.connect(&query(200)).await;
    match world.connect_with(&query(200), &[]).await {
        Err(Error::Http(answer)) => {
            assert_eq!(answer.status(), 503);
            assert!(answer.headers().contains_key("retry-after"));
        }
        _ => panic!("there was room for a second one"),
    }
    assert_eq!(world.connect("").await.numbers(1).await, [0]);
}

#[tokio::test]
async fn messages_that_are_not_whole_count_too() {
    let world = World::with(Schedule::Max, with_memory(1_000_000)).await;
    // In one frame, and in parts.
    for first in [0x81, 0x01] {
        let mut stream = upgraded(&world).await;
        let (mut reading, mut writing) = stream.split();
        let send = async {
            let len = 9_000_000;
            writing.write_all(&frame_of(first, len)).await.unwrap();
            // All of it, so that what is not kept is stepped over.
            let part = vec![b' '; 100_000];
            for _ in 0..90 {
                writing.write_all(&part).await.unwrap();
            }
            writing.write_all(&[0x88, 0x80, 0, 0, 0, 0]).await.unwrap();
        };
        let mut answer = Vec::new();
        let read = timeout(DEADLINE, reading.read_to_end(&mut answer));
        let ((), read) = tokio::join!(send, read);
        read.expect("the connection ends").unwrap();
        assert_eq!(answer[..1], [0x88]);
        assert_eq!(answer[2..4], 1013_u16.to_be_bytes());
    }
    assert_eq!(world.connect("").await.numbers(1).await, [0]);
}

#[tokio::test]
async fn a_message_that_is_never_whole_is_given_up() {
    let settings = ServerSettings {
        message_within: Duration::from_millis(300),
        ..ServerSettings::default()
    };
    let world = World::with(Schedule::Max, settings).await;
    let whole = [&frame_of(0x01, 2)[..], b"{}"].concat();
    for begun in [&frame_of(0x81, 100)[..], &[0x81], &whole] {
        let mut stream = upgraded(&world).await;
        stream.write_all(begun).await.unwrap();
        if begun == whole {
            // A ping between the parts is a whole message, and helps nobody.
            stream.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).await.unwrap();
        }
        assert_eq!(closed_with(&mut stream).await, 1008, "{begun:?}");
    }
    // Whole ones may follow each other for as long as they like.
    let mut client = world.connect("requireHello=true").await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(900) {
        client.send(Message::Ping(b"?".as_slice().into())).await;
        assert!(client.message().await.unwrap().unwrap().is_pong());
    }
}

#[tokio::test]
async fn the_oldest_unfinished_request_makes_room() {
    let settings = ServerSettings {
        upgrade_within: Duration::from_secs(3600),
        max_requests: 5,
        ..ServerSettings::default()
    };
    let world = World::with(Schedule::Max, settings).await;
    let mut half = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(b"GET /subscribe HT").await.unwrap();
        half.push(stream);
    }
    assert_eq!(world.connect("").await.numbers(1).await, [0]);
    for stream in &mut half[..15] {
        let end = timeout(DEADLINE, stream.read(&mut [0; 10])).await;
        assert!(matches!(end, Ok(Ok(0) | Err(_))), "{end:?}");
    }
}

#[tokio::test]
async fn large_heads_that_are_not_whole_are_bounded_together() {
    let settings = ServerSettings {
        upgrade_within: Duration::from_secs(3600),
        ..ServerSettings::default()
    };
    let world = World::with(Schedule::Max, settings).await;
    let head = [b"GET / HTTP/1.1\r\nA: ".as_slice(), &vec![b'a'; 1_000_000]].concat();
    let mut half = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        // It may have been closed by now.
        stream.write_all(&head).await.ok();
        half.push(stream);
    }
    for stream in &mut half[..10] {
        let end = timeout(DEADLINE, stream.read(&mut [0; 10])).await;
        assert!(matches!(end, Ok(Ok(0) | Err(_))), "{end:?}");
    }
    assert_eq!(world.connect("").await.numbers(1).await, [0]);
}
