//! Many at once, and some of them with bad manners.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
};

use rustix::process::Signal;

use crate::support::{DEADLINE, serve::Serving, wait_until};

const UPGRADE: &str = "GET /subscribe?requireHello=true HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn connect(server: &Serving) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

#[test]
fn a_thousand_connections_do_not_make_it_grow() {
    let server = Serving::new("demo:?rate=1000");
    assert_eq!(server.tail("-n 50").succeed().lines().len(), 50);
    let before = server.running.peak_kilobytes();
    for round in 0..10 {
        let streams: Vec<_> = (0..100)
            .map(|n| {
                let mut stream = connect(&server);
                // Some upgrade, some send half of a request, some garbage, some nothing.
                let request = match (n + round) % 4 {
                    0 => UPGRADE.as_bytes(),
                    1 => &UPGRADE.as_bytes()[..40],
                    2 => &[0xff; 3000],
                    _ => b"",
                };
                stream.write_all(request).unwrap();
                stream
            })
            .collect();
        drop(streams);
    }
    assert_eq!(server.tail("-n 50").succeed().lines().len(), 50);
    let grown = server.running.peak_kilobytes() - before;
    assert!(grown < 30_000, "{grown} kB more");
}

#[test]
fn many_readers_get_the_same_events_each() {
    let server = Serving::new("demo:?rate=2000");
    let tails: Vec<_> = (0..12)
        .map(|n| {
            server
                .tail(if n % 2 == 0 {
                    "-n 200 --cursor 1000"
                } else {
                    "-n 200 --cursor 1000 --no-compress"
                })
                .start()
        })
        .collect();
    let outputs: Vec<_> = tails.into_iter().map(|tail| tail.finish().stdout).collect();
    assert!(outputs.iter().all(|output| *output == outputs[0]));
    assert_eq!(outputs[0].lines().count(), 200);
}

#[test]
fn a_reader_that_stops_is_cut_and_named_and_others_read_on() {
    let server = Serving::new("demo:?rate=4000");
    let mut stopped = connect(&server);
    stopped
        .write_all(UPGRADE.replace("requireHello=true", "").as_bytes())
        .unwrap();
    let reading = server.tail("-o read.ndjson").start();
    server.running.message("cut off the client at 127.0.0.1:");
    // What the sockets held is still there; then it ends.
    stopped.read_to_end(&mut Vec::new()).unwrap_or_default();
    let read = reading.path("read.ndjson");
    let length = || fs::metadata(&read).map_or(0, |file| file.len());
    let before = length();
    wait_until("the other to read on", || length() > before);
    reading.signal(Signal::TERM);
    let output = reading.finish();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(!output.stderr.contains("lost"), "{}", output.stderr);
}

#[test]
fn a_slow_request_is_given_up() {
    let server = Serving::new("demo:");
    let mut slow = connect(&server);
    slow.write_all(b"GET /subscribe HTTP/1.1\r\n").unwrap();
    let mut trickle = slow.try_clone().unwrap();
    // A byte now and then does not help.
    wait_until("the slow request is given up", || {
        trickle.write_all(b"x").is_err() || slow_has_ended(&slow)
    });
    assert_eq!(slow.read(&mut [0; 10]).unwrap_or_default(), 0);
    assert_eq!(server.tail("-n 1").succeed().lines().len(), 1);
}

fn slow_has_ended(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let ended = matches!(stream.peek(&mut [0]), Ok(0));
    stream.set_nonblocking(false).unwrap();
    ended
}
