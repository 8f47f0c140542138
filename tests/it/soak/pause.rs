//! A reader that does not read for a while, at a rate far above that of the whole network.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Shutdown, TcpStream},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use zstd::bulk::Compressor;

use super::{asked_for, finish, is_wanted, push_frame};
use crate::support::{
    compress::DICTIONARY,
    events::post,
    jetstream::{Request, Server},
    program::Rocketman,
};

/// Events a second.
const RATE: u64 = 20_000;

/// Begins after a second; the stream has some more seconds behind it.
const PAUSE: Duration = Duration::from_secs(15);
const TOTAL: u64 = 25 * RATE;

/// A server that gives a write so long, and then closes the connection, does so in the middle of
/// the pause.
const READER_TIMEOUT: Duration = Duration::from_secs(2);

/// The most memory that it may ever take, in kilobytes.
const MOST: u64 = 16 * 1024;

#[test]
fn a_pause_of_the_reader_costs_neither_events_nor_memory() {
    if !is_wanted("a_pause_of_the_reader") {
        return;
    }
    for (flags, patience) in [
        ("", Some(READER_TIMEOUT)),
        ("--no-compress", Some(READER_TIMEOUT)),
        ("--no-compress", None),
    ] {
        pause(flags, patience);
    }
}

fn pause(flags: &str, patience: Option<Duration>) {
    let begin = OnceLock::new();
    let server = Server::every(move |request| {
        serve(request, *begin.get_or_init(Instant::now), patience);
    });
    let (reader, writer) = std::io::pipe().unwrap();
    let running = Rocketman::tail(&server.url())
        .with(&format!("-n {TOTAL}"))
        .with(flags)
        .stdout(writer)
        .start_elsewhere();
    let mut lines = BufReader::new(reader).lines();
    let mut peak = 0;
    for n in 0..TOTAL {
        assert_eq!(lines.next().unwrap().unwrap(), post(n), "line {n}");
        if n == RATE {
            // Waits for nothing: this is what is tested.
            thread::sleep(PAUSE);
        }
        if n % RATE == RATE / 2 {
            peak = running.peak_kilobytes();
        }
    }
    assert!(lines.next().is_none(), "there are more lines");
    let output = finish(running, PAUSE);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let connections = server.requests().len();
    println!("{flags} patience {patience:?}: {TOTAL} events, 0 lost, 0 repeated, peak {peak} kB");
    println!("{connections} connections\n{}", output.stderr);
    assert_eq!(connections > 1, patience.is_some());
    // Without optimisations the program itself is larger.
    assert!(peak <= MOST || cfg!(debug_assertions), "{peak} kB");
}

/// Sends each event once its time has come, and closes a connection that takes nothing for too
/// long.
fn serve(request: Request, begin: Instant, patience: Option<Duration>) {
    let mut next = asked_for(&request);
    let is_compressed = request.is_compressed();
    let mut stream: TcpStream = request.accept().into_stream();
    stream.set_write_timeout(patience).unwrap();
    let mut compressor = Compressor::with_dictionary(1, DICTIONARY).unwrap();
    let mut frames = Vec::new();
    while next < TOTAL {
        let due = begin.elapsed().as_micros() * u128::from(RATE) / 1_000_000;
        let end = TOTAL.min(u64::try_from(due).unwrap()).min(next + 1000);
        frames.clear();
        for n in next..end {
            if is_compressed {
                let event = compressor.compress(post(n).as_bytes()).unwrap();
                push_frame(&mut frames, 2, &event);
            } else {
                push_frame(&mut frames, 1, post(n).as_bytes());
            }
        }
        if stream.write_all(&frames).is_err() {
            stream.shutdown(Shutdown::Both).ok();
            return;
        }
        next = next.max(end);
        thread::sleep(Duration::from_millis(1));
    }
    std::io::copy(&mut stream, &mut std::io::sink()).ok();
}
