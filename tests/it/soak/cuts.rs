//! Ten thousand cuts, each after a random number of bytes.

use std::{
    fs::File,
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{asked_for, assert_stream, finish, is_wanted, push_frame};
use crate::support::{
    events::{EPOCH, http_date, legacy_post, post},
    jetstream::{End, Request, Server},
    program::Rocketman,
};

const CUTS: u64 = 10_000;

/// How many bytes come before a cut, at the most: about twenty events. The answer to the upgrade is
/// among them.
const LONGEST: usize = 6000;

/// The event that ends the run, behind the time that the program is given.
const END: u64 = 50_000_000_000;
const UNTIL: &str = "--until 2028-01-01T00:00:00Z";

/// What the connections have in common.
struct State {
    random: fastrand::Rng,
    cuts: u64,
    /// How many events were sent at the most, the last of them perhaps in part.
    sent: u64,
}

#[test]
fn ten_thousand_cuts_at_random_places_change_nothing() {
    if !is_wanted("ten_thousand_cuts") {
        return;
    }
    cut_at_random("counting", post);
    cut_at_random("legacy", legacy_post);
}

fn cut_at_random(name: &str, event: fn(u64) -> String) {
    let seed = std::env::var("ROCKETMAN_SEED").map_or_else(
        |_| fastrand::u64(..),
        |seed| seed.parse().expect("ROCKETMAN_SEED is a number"),
    );
    println!("{name}: ROCKETMAN_SEED={seed}");
    let state = Arc::new(Mutex::new(State {
        random: fastrand::Rng::with_seed(seed),
        cuts: 0,
        sent: 0,
    }));
    let shared = Arc::clone(&state);
    let server = Server::every(move |request| serve(request, &shared, event));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let running = Rocketman::tail(&server.url())
        .with(UNTIL)
        .stdout(File::create(&out).unwrap())
        .start_elsewhere();
    let output = finish(running, Duration::from_secs(900));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let sent = state.lock().unwrap().sent;
    let lines = assert_stream(File::open(out).unwrap(), (0..sent).map(event));
    let summary = output.stderr.lines().last().unwrap();
    println!("{name}: {CUTS} cuts, {lines} events, 0 lost, 0 repeated\n{summary}");
}

/// Sends what was asked for up to a random byte, and cuts; when there were enough cuts, sends more
/// and the end.
fn serve(request: Request, state: &Mutex<State>, event: fn(u64) -> String) {
    let first = asked_for(&request);
    // The first connection is to resume at the first event, whenever it is cut.
    let date = format!("Date: {}\r\n", http_date(EPOCH / 1_000_000));
    let mut bytes = request.upgrade(&date).into_bytes();
    let mut stream = request.into_stream();
    let mut state = state.lock().unwrap();
    if state.cuts == CUTS {
        state.sent = state.sent.max(first) + 1000;
        for n in (first..state.sent).chain([END]) {
            push_frame(&mut bytes, 1, event(n).as_bytes());
        }
        stream.write_all(&bytes).unwrap();
        std::io::copy(&mut stream, &mut std::io::sink()).ok();
        return;
    }
    state.cuts += 1;
    let place = state.random.usize(..=LONGEST);
    let is_reset = state.random.bool();
    let mut next = first;
    while bytes.len() < place {
        push_frame(&mut bytes, 1, event(next).as_bytes());
        next += 1;
    }
    state.sent = state.sent.max(next);
    stream.write_all(&bytes[..place]).unwrap();
    let end = if is_reset { End::Reset } else { End::Fin };
    end.apply(&stream);
}
