//! A second signal: the same wish said twice, or impatience.

use std::{
    io::Read,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{PROMPT, burst, finish_promptly, saved_seq, stalled};
use crate::support::{events::post, jetstream::Server, program::Rocketman, serve::Serving};

/// How far apart a machine sends two signals for one reason; a person takes longer.
const GAPS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_micros(50),
    Duration::from_millis(1),
    Duration::from_millis(20),
];

/// The longest time in which a signal is the same wish.
const SAME_WISH: Duration = Duration::from_millis(500);

/// Signals whatever it is, for as long as it is there.
fn signal(pid: Pid, signal: Signal) -> bool {
    kill_process(pid, signal).is_ok()
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(id.cast_signed()).unwrap()
}

/// Stops a run that has much left to deliver by two signals, and wants all of it delivered.
fn is_one_wish(signals: [Signal; 2], gap: Duration, code: i32) {
    let server = Server::one(burst(3000));
    let (running, mut reader) = stalled(&server, "--cursor-file cursor");
    running.signal(signals[0]);
    thread::sleep(gap);
    running.signal(signals[1]);
    running.message(": stopping gracefully");
    let mut stdout = String::new();
    reader.read_to_string(&mut stdout).unwrap();
    let n = stdout.lines().count() as u64;
    assert!(stdout.len() > 64 * 1024, "{n} lines after {gap:?}");
    let saved = running.path("cursor");
    let summary = running.message("events delivered");
    assert!(summary.contains("cursor saved at"), "{summary}");
    assert_eq!(saved_seq(&saved), n);
    let output = running.finish();
    assert_eq!(output.code, Some(code), "{gap:?}: {output:#?}");
    assert!(
        !output.stderr.contains("at once by a second signal"),
        "{output:#?}"
    );
}

#[test]
fn the_same_signal_twice_at_once_is_one_wish() {
    for _ in 0..5 {
        for gap in GAPS {
            is_one_wish([Signal::TERM; 2], gap, 0);
        }
    }
    is_one_wish([Signal::INT; 2], GAPS[3], 130);
}

/// A session that ends sends both, in either order.
#[test]
fn sigterm_and_sighup_at_once_are_one_wish() {
    for gap in GAPS {
        is_one_wish([Signal::TERM, Signal::HUP], gap, 0);
        is_one_wish([Signal::HUP, Signal::TERM], gap, 0);
    }
}

/// It signals its child, and then its group with the child in it.
#[test]
fn a_run_under_timeout_always_ends_cleanly() {
    let rounds: Vec<_> = (0..16)
        .map(|round| {
            // A program that lives on, or one that is being started at nearly every moment.
            let (arguments, n) = match round % 2 {
                0 => ("-x sleep 1", 1),
                _ => ("-x true", 20_000),
            };
            let server = Server::one(burst(n));
            let folder = tempfile::tempdir().unwrap();
            let child = Command::new("timeout")
                .args(["--preserve-status", &format!("1.{}", 6 + round % 4)])
                .arg(env!("CARGO_BIN_EXE_rocketman"))
                .args(["tail", &server.url(), "--cursor-file", "cursor"])
                .args(arguments.split(' '))
                .current_dir(folder.path())
                .stderr(std::process::Stdio::piped())
                .spawn();
            child.map(|child| (child, server, folder))
        })
        .collect();
    for round in rounds {
        let Ok((child, _server, _folder)) = round else {
            println!("skipped: there is no timeout");
            return;
        };
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        assert!(stderr.contains("stopped by SIGTERM: "), "{stderr}");
    }
}

#[test]
fn the_same_signal_half_a_second_later_is_impatience() {
    let server = Server::one(burst(3000));
    let (running, _reader) = stalled(&server, "--grace 1h");
    let (begin, pid) = (Instant::now(), pid(running.id()));
    running.signal(Signal::TERM);
    running.message("SIGTERM: stopping gracefully");
    let impatient = thread::spawn(move || {
        // The process is taken away by those who wait for its end.
        while begin.elapsed() < PROMPT && signal(pid, Signal::TERM) {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let output = finish_promptly(running);
    let took = begin.elapsed();
    impatient.join().unwrap();
    assert_eq!(output.code, Some(130), "{output:#?}");
    assert!(took >= SAME_WISH, "{took:?}");
    let said = "stopped at once by a second signal";
    assert!(output.stderr.contains(said), "{output:#?}");
}

#[test]
fn another_signal_is_impatience_at_once() {
    for [first, second] in [[Signal::TERM, Signal::INT], [Signal::INT, Signal::TERM]] {
        let server = Server::one(burst(3000));
        let (running, _reader) = stalled(&server, "--grace 1h");
        running.signal(first);
        running.message(": stopping gracefully");
        running.signal(second);
        let output = finish_promptly(running);
        assert_eq!(output.code, Some(130), "{output:#?}");
        assert!(
            output.stderr.contains("at once by a second signal"),
            "{output:#?}"
        );
    }
}

#[test]
fn a_stop_right_after_a_reopening_is_heeded() {
    let server = Server::one(burst(1));
    let running = Rocketman::tail(&server.url()).with("-o out").start();
    let out = running.path("out");
    crate::support::wait_until("the file is there", || {
        std::fs::read_to_string(&out).is_ok_and(|text| text == format!("{}\n", post(0)))
    });
    for _ in 0..3 {
        running.signal(Signal::HUP);
    }
    running.signal(Signal::TERM);
    let output = finish_promptly(running);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(output.stderr.contains("stopped by SIGTERM"), "{output:#?}");
}

#[test]
fn a_server_takes_signals_by_the_same_rule() {
    for (second, code) in [(Signal::TERM, 0), (Signal::INT, 130)] {
        let server = Serving::new("demo:?rate=1000");
        let mut reader = server.tail("").start();
        reader.lines(3);
        // It does not answer the close frame, so that the server has to wait.
        reader.signal(Signal::STOP);
        server.running.signal(Signal::TERM);
        thread::sleep(GAPS[3]);
        server.running.signal(second);
        let output = server.running.finish();
        assert_eq!(output.code, Some(code), "{output:#?}");
    }
}
