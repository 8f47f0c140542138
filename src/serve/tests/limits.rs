//! What a server does with those that are slow, silent or too many, and how it ends.

use std::{collections::VecDeque, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::world::{ALL, COUNT, DEADLINE, World, time_of};
use crate::serve::*;

const UPGRADE: &str = "GET /subscribe HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a\r\n\r\n";

#[tokio::test]
async fn slow_requests_are_dropped_and_others_are_served_meanwhile() {
    let settings = ServerSettings {
        upgrade_within: Duration::from_millis(300),
        ..ServerSettings::default()
    };
    let world = World::with(Schedule::Max, settings).await;
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
    let world = World::with(Schedule::Max, settings).await;
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
        write_within: Duration::from_secs(1),
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
    tasks.spawn(server.run(world.stop.clone().cancelled_owned()));
    // A small buffer, which is full at once.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stalled = socket.connect(world.address).await.unwrap();
    stalled.write_all(UPGRADE.as_bytes()).await.unwrap();
    let mut reading = world.connect("").await;
    let others = async {
        for expected in 1.. {
            assert_eq!(reading.event().await["cursor"], expected);
        }
    };
    let cut = async {
        let mut taken = vec![0; 64 * 1024];
        for n in 1.. {
            sleep(Duration::from_secs(2) * n).await;
            // More than the sockets hold: the end is behind that, or a busy machine has not filled
            // them yet.
            for _ in 0..1000 {
                if !matches!(stalled.read(&mut taken).await, Ok(1..)) {
                    return;
                }
            }
        }
    };
    tokio::select! {
        end = timeout(3 * DEADLINE, cut) => end.unwrap(),
        () = others => unreachable!(),
    }
}

#[tokio::test]
async fn a_slow_consumer_far_behind_is_cut_although_it_still_reads() {
    let settings = ServerSettings {
        slow_window: Duration::from_millis(400),
        slow_behind: 1000,
        write_within: DEADLINE,
        ..ServerSettings::default()
    };
    let demo = Demo::parse("demo:?rate=100000").unwrap();
    let server = Server::bind(([127, 0, 0, 1], 0).into(), demo, settings);
    let server = server.await.unwrap();
    let address = server.address().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(server.run(std::future::pending()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(UPGRADE.as_bytes()).await.unwrap();
    let until_cut = async {
        let mut taken = vec![0; 64 * 1024];
        for n in 1.. {
            for _ in 0..100 * n {
                stream.read_exact(&mut taken[..64]).await.ok();
                sleep(Duration::from_millis(20)).await;
            }
            // More than the sockets hold: the end is behind that, or there is none yet.
            for _ in 0..1000 {
                if !matches!(stream.read(&mut taken).await, Ok(1..)) {
                    return;
                }
            }
        }
    };
    timeout(3 * DEADLINE, until_cut).await.unwrap();
}

#[tokio::test]
async fn a_consumer_near_the_tip_may_be_as_slow_as_the_stream() {
    let settings = ServerSettings {
        slow_window: Duration::from_millis(50),
        slow_behind: 5,
        ..ServerSettings::default()
    };
    let schedule = Schedule::Timed {
        first_us: time_of(100),
        speed: 0.002,
    };
    // Two events a second, and the first hundred at once.
    let world = World::with(schedule, settings).await;
    let mut client = world.connect("cursor=1").await;
    let numbers = client.numbers(103).await;
    assert_eq!(numbers, (0..103).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_consumer_that_was_quiet_for_long_is_answered() {
    let settings = ServerSettings {
        write_within: Duration::from_millis(50),
        ..ServerSettings::default()
    };
    let world = World::with(Schedule::Max, settings).await;
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
    let world = World::with(Schedule::Max, settings).await;
    let mut answering = world.connect("requireHello=true").await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let upgrade = "GET /subscribe?requireHello=true HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a\r\n\r\n";
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
        over_budget: 0,
        ..Served::default()
    };
    assert_eq!(world.served().await, served);
}

#[tokio::test]
async fn a_server_ends_after_its_last_event_where_asked_to() {
    let settings = ServerSettings {
        exit_at_end: true,
        ..ServerSettings::default()
    };
    let world = World::with(Schedule::Max, settings).await;
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
