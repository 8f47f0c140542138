//! A quiet stream costs nothing.

use std::{
    fs,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::support::{
    events::post,
    jetstream::Server,
    program::{Rocketman, Running},
    wait_until,
};

/// Longer than the pace of everything but pings.
const QUIET: Duration = Duration::from_secs(4);

/// How often the threads of the program have gone to sleep of themselves so far.
fn sleeps(running: &Running) -> u64 {
    let threads = fs::read_dir(format!("/proc/{}/task", running.id())).unwrap();
    threads
        .map(|thread| fs::read_to_string(thread.unwrap().path().join("status")).unwrap())
        .map(|status| {
            let count = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            count.unwrap().trim().parse::<u64>().unwrap()
        })
        .sum()
}

fn falls_asleep(call: impl FnOnce(Rocketman) -> Rocketman) {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send_all((0..1000).map(post));
        connection.until_closed();
    });
    let mut running = call(Rocketman::tail(&server.url())).start();
    running.lines(1000);
    let (mut seen, mut since) = (0, Instant::now());
    wait_until("it sleeps on", || {
        let now = sleeps(&running);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        since.elapsed() > QUIET
    });
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code, Some(0));
}

#[test]
fn a_quiet_stream_wakes_nobody() {
    falls_asleep(|call| call);
}

#[test]
fn a_quiet_stream_wakes_nobody_once_its_cursor_is_saved() {
    falls_asleep(|call| call.with("--cursor-file cursor"));
}
