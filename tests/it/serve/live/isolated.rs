//! Consumers of a live stream that take nothing, beside others.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use super::{Piped, number};
use crate::support::events::post;

const UPGRADE: &str = "GET /subscribe HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[test]
fn a_consumer_that_takes_nothing_holds_up_no_other() {
    const N: u64 = 30_000;
    let mut piped = Piped::start("");
    let stopped: Vec<_> = (0..5)
        .map(|_| {
            let mut stream = TcpStream::connect(piped.server.address()).unwrap();
            stream.write_all(UPGRADE.as_bytes()).unwrap();
            // It is served from here on.
            stream.read_exact(&mut [0; 12]).unwrap();
            stream
        })
        .collect();
    let mut tail = piped.server.tail("-v --no-compress").start();
    tail.message("connected");
    let mut stdin = piped.stdin.try_clone().unwrap();
    let writing = std::thread::spawn(move || {
        let lines: String = (0..N).map(|n| post(n) + "\n").collect();
        stdin.write_all(lines.as_bytes()).unwrap();
    });
    let mut last = number(&tail.line());
    for _ in 1..N {
        let next = number(&tail.line());
        assert_eq!(next, last + 1);
        last = next;
    }
    writing.join().unwrap();
    piped.server.running.message("it took nothing for");
    drop(stopped);
    piped.write([post(N)]);
    assert_eq!(number(&tail.line()), last + 1);
}
