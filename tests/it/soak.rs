//! Long runs: thousands of cuts, minutes of failing servers, tens of millions of events.
//!
//! They run with `ROCKETMAN_SOAK=1`, print what they counted, and are meant for a release build:
//! `ROCKETMAN_SOAK=1 cargo test --release --test it soak:: -- --nocapture --test-threads 1`.

mod cluster;
mod compare;
mod cuts;
mod failover;
mod files;
mod latency;
mod live;
mod memory;
mod nats;
mod pause;
mod segments;
mod stopped;
mod volume;

use std::{
    io::{BufRead, BufReader, Read},
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    events::{EPOCH, STEP},
    jetstream::Request,
    program::{Output, Running},
};

/// Whether long runs are wanted.
pub(crate) fn is_soak() -> bool {
    std::env::var_os("ROCKETMAN_SOAK").is_some_and(|value| value == "1")
}

/// Whether long runs are wanted; says so where they are not.
pub(crate) fn is_wanted(test: &str) -> bool {
    if !is_soak() {
        println!("{test}: skipped, for ROCKETMAN_SOAK is not 1");
    }
    is_soak()
}

/// Waits for a condition that may take minutes.
pub(crate) fn wait_for(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for an end that may take minutes.
fn finish(running: Running, limit: Duration) -> Output {
    wait_for("the end of the program", limit, || running.has_ended());
    running.finish()
}

/// Fails on the first line that is not as it should be, and returns how many there are.
fn assert_stream(stream: impl Read, mut expected: impl Iterator<Item = String>) -> u64 {
    let mut n = 0;
    for line in BufReader::with_capacity(64 * 1024, stream).lines() {
        assert_eq!(Some(line.unwrap()), expected.next(), "line {n}");
        n += 1;
    }
    assert_eq!(None, expected.next(), "the lines end after {n}");
    n
}

/// The event that a server has to begin with, whether it is asked by number or by time.
fn asked_for(request: &Request) -> u64 {
    match request.cursor() {
        None => 0,
        Some(seq @ 0..1_000_000_000_000_000) => seq - 1,
        Some(time_us) => time_us.saturating_sub(EPOCH).div_ceil(STEP),
    }
}

/// One unmasked frame; no event here is as long as 64 KiB.
fn push_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    if let Ok(length @ 0..126) = u8::try_from(payload.len()) {
        out.extend([0x80 | opcode, length]);
    } else {
        out.extend([0x80 | opcode, 126]);
        out.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    }
    out.extend_from_slice(payload);
}
