//! Servers that die, connections that break, readers that are slow or killed: nothing is lost, and
//! nothing comes twice.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use async_nats::jetstream::stream;

use super::{make, numbers, numbers_in, publish};
use crate::support::{cable::Cable, nats::Nats, program::Rocketman, wait_until};

/// The client library's own ordered consumer brings the whole stream again here (reference, section
/// 3.1).
#[test]
fn a_reader_at_the_head_gets_only_new_messages_after_an_outage() {
    let test = "a_reader_at_the_head_gets_only_new_messages_after_an_outage";
    let Some(mut nats) = Nats::start(test) else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    publish(&nats, "s.a", numbers(1..1001));
    let mut tail = Rocketman::tail(&nats.address("S")).with("-v -n 3").start();
    tail.message("reading from message 1001 on");
    nats.kill();
    nats.restart();
    let since = Instant::now();
    publish(&nats, "s.a", numbers(1001..1003));
    let lines = tail.lines(2);
    assert_eq!(numbers_in(lines.iter().map(String::as_str)), [1001, 1002]);
    assert!(
        since.elapsed() < Duration::from_secs(5),
        "{:?}",
        since.elapsed()
    );
    publish(&nats, "s.a", numbers(1003..1004));
    let output = tail.finish();
    assert_eq!(numbers_in(output.lines()), [1003]);
    output.assert_says(0, &["lost the connection", "again after"]);
}

#[test]
fn a_connection_cut_again_and_again_loses_and_repeats_nothing() {
    cut_every_400_ms(
        "a_connection_cut_again_and_again_loses_and_repeats_nothing",
        Duration::from_secs(4),
    );
}

/// Reads what is stored meanwhile, and returns how much that was.
pub(crate) fn cut_every_400_ms(test: &str, lasting: Duration) -> u32 {
    let Some(nats) = Nats::start(test) else {
        return 0;
    };
    make(&nats, "S", stream::Config::default());
    let cable = Cable::to(nats.port());
    let mut tail = Rocketman::tail(&format!("nats://127.0.0.1:{}/S", cable.port))
        .with("--cursor 0")
        .start();
    let is_over = Arc::<AtomicBool>::default();
    let cutter = thread::spawn({
        let is_over = Arc::clone(&is_over);
        move || {
            while !is_over.load(SeqCst) {
                thread::sleep(Duration::from_millis(400));
                cable.cut();
            }
        }
    });
    let since = Instant::now();
    let mut n = 1;
    while since.elapsed() < lasting {
        publish(&nats, "s.a", numbers(n..n + 100));
        let lines = tail.lines(100);
        let expected: Vec<_> = (n..n + 100).map(u64::from).collect();
        assert_eq!(numbers_in(lines.iter().map(String::as_str)), expected);
        n += 100;
    }
    is_over.store(true, SeqCst);
    cutter.join().unwrap();
    n - 1
}

/// A reader that sleeps for a second after each thousand messages.
#[test]
fn a_slow_reader_loses_and_repeats_nothing() {
    let Some(nats) = Nats::start("a_slow_reader_loses_and_repeats_nothing") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    let padding = "x".repeat(500);
    publish(
        &nats,
        "s.a",
        (1..5001).map(|n| format!("{{\"n\":{n},\"x\":\"{padding}\"}}")),
    );
    let mut tail = Rocketman::tail(&nats.address("S"))
        .with("--cursor 0 -e")
        .start();
    let mut all = Vec::new();
    for _ in 0..3 {
        all.extend(tail.lines(1000));
        thread::sleep(Duration::from_secs(1));
    }
    let output = tail.finish();
    let all = all.iter().map(String::as_str).chain(output.lines());
    assert_eq!(numbers_in(all), (1..5001).collect::<Vec<_>>());
    assert!(!output.stderr.contains("lost"), "{output:#?}");
}

#[test]
fn a_killed_reader_goes_on_where_its_file_ends() {
    let Some(nats) = Nats::start("a_killed_reader_goes_on_where_its_file_ends") else {
        return;
    };
    make(&nats, "S", stream::Config::default());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let tail = || {
        let call = Rocketman::tail(&nats.address("S")).with("--save-interval 5ms -o");
        let call = call.arg(&file).arg("--cursor-file");
        call.arg(folder.path().join("cursor"))
    };
    let lines = || {
        fs::read_to_string(&file)
            .unwrap_or_default()
            .lines()
            .count()
    };
    publish(&nats, "s.a", numbers(1..10));
    tail().with("--cursor 0 -n 1").succeed();
    for kill in 1..6 {
        let running = tail().start();
        publish(&nats, "s.a", numbers(kill * 1000 - 990..kill * 1000 + 10));
        let enough = kill as usize * 900;
        wait_until("some of it to be written", || lines() > enough);
        running.kill();
    }
    tail().with("-e").succeed();
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(numbers_in(written.lines()), (1..5010).collect::<Vec<_>>());
}
