//! kill -9 of the server, of the program, and a second program beside it.

use std::time::Duration;

use super::{assert_holds, firehose, lines, writing};
use crate::support::{nats::Nats, wait_until};

/// A million under soak.
fn total() -> u64 {
    match std::env::var_os("ROCKETMAN_SOAK") {
        Some(_) => 1_000_000,
        None => 3_500,
    }
}

/// Waits until the stream has at least `n` messages.
fn wait_for(nats: &Nats, n: u64) {
    wait_until("messages in the stream", || nats.last_seq("FIREHOSE") >= n);
}

#[test]
fn a_server_killed_five_times_has_each_event_once_in_order() {
    let Some(mut nats) = Nats::start("a_server_killed_five_times_has_each_event_once_in_order")
    else {
        return;
    };
    let (serving, total) = (firehose(), total());
    let running = writing(&serving.url, &nats, total).start();
    for kill in 1..=5 {
        wait_for(&nats, kill * total / 7);
        nats.kill();
        nats.restart();
    }
    running
        .finish()
        .assert_says(0, &["events delivered", "connected to nats://"]);
    assert_holds(&nats, &lines(&serving.url, usize::try_from(total).unwrap()));
}

#[test]
fn a_program_killed_five_times_leaves_each_event_once() {
    let Some(nats) = Nats::start("a_program_killed_five_times_leaves_each_event_once") else {
        return;
    };
    let (serving, total) = (firehose(), total());
    for kill in 1..=5 {
        let running = writing(&serving.url, &nats, total).start();
        wait_for(&nats, kill * total / 7);
        running.kill();
    }
    let rest = total - nats.last_seq("FIREHOSE");
    writing(&serving.url, &nats, rest).succeed();
    // The server may take what was on its way from a killed program after that was counted.
    let held = nats.last_seq("FIREHOSE");
    assert!(held >= total, "{held}");
    assert_holds(&nats, &lines(&serving.url, usize::try_from(held).unwrap()));
}

/// As it stands in the issue: the stream that is read comes and goes with the program.
#[test]
fn program_and_server_killed_at_once_leave_each_event_once() {
    let Some(mut nats) = Nats::start("program_and_server_killed_at_once_leave_each_event_once")
    else {
        return;
    };
    let (source, total) = ("demo:?rate=max&seed=7", total());
    for kill in 1..=5 {
        let running = writing(source, &nats, total).start();
        wait_for(&nats, kill * total / 7);
        if kill % 2 == 0 {
            running.kill();
            nats.kill();
        } else {
            nats.kill();
            running.kill();
        }
        nats.restart();
    }
    let rest = total - nats.last_seq("FIREHOSE");
    writing(source, &nats, rest).succeed();
    let messages = nats.messages("FIREHOSE");
    let numbers = messages.iter().map(|message| {
        let cursor = &message.headers["rocketman-cursor"];
        cursor.split(' ').nth(1).unwrap().parse::<u64>().unwrap()
    });
    assert!(numbers.eq(1..=total));
}

/// Nothing rests on what the server knows of duplicates: it knows nothing any more when it comes
/// back.
#[test]
fn an_outage_beyond_the_duplicate_window_repeats_nothing() {
    let Some(mut nats) = Nats::start("an_outage_beyond_the_duplicate_window_repeats_nothing")
    else {
        return;
    };
    let serving = firehose();
    let window = Duration::from_millis(100);
    let short = |n| writing(&serving.url, &nats, n).with("--stream-dupe-window 100ms");
    let running = short(4_000).start();
    for kill in 1..=3 {
        wait_for(&nats, kill * 1000);
        nats.kill();
        std::thread::sleep(3 * window);
        nats.restart();
    }
    running.finish().assert_says(0, &["events delivered"]);
    // The program too comes back when nothing is known any more.
    let running = writing(&serving.url, &nats, 4_000).start();
    wait_for(&nats, 5_000);
    running.kill();
    std::thread::sleep(3 * window);
    let rest = 8_000 - nats.last_seq("FIREHOSE");
    writing(&serving.url, &nats, rest).succeed();
    assert_holds(&nats, &lines(&serving.url, 8_000));
}

#[test]
fn of_two_writers_one_is_refused_and_order_and_count_stay() {
    let Some(nats) = Nats::start("of_two_writers_one_is_refused_and_order_and_count_stay") else {
        return;
    };
    let serving = firehose();
    writing(&serving.url, &nats, 100).succeed();
    for round in 0..2 {
        let before = nats.last_seq("FIREHOSE");
        let first = writing(&serving.url, &nats, 1_000_000).start();
        wait_for(&nats, before + 500);
        let second = writing(&serving.url, &nats, 1_000_000).start();
        let deadline = nats.last_seq("FIREHOSE") + 1000;
        wait_for(&nats, deadline);
        let (mut first, mut second) = (Some(first), Some(second));
        // The one that was refused has ended by itself.
        let mut refused = None;
        wait_until("one of them to be refused", || {
            for running in [&mut first, &mut second] {
                if running.as_mut().is_some_and(|running| running.has_ended()) {
                    refused = running.take();
                }
            }
            refused.is_some()
        });
        refused.unwrap().finish().assert_says(
            7,
            &[
                "another process writes to the stream 'FIREHOSE'",
                "a stream of its own",
            ],
        );
        let other = first.or(second).unwrap();
        let now = nats.last_seq("FIREHOSE");
        wait_for(&nats, now + 100);
        other.signal(rustix::process::Signal::TERM);
        other.finish().assert_says(0, &["stopped by SIGTERM"]);
        let n = usize::try_from(nats.last_seq("FIREHOSE")).unwrap();
        assert_holds(&nats, &lines(&serving.url, n));
        assert!(n > 100 * round);
    }
}

/// A program that knows nothing of ours writes in between.
#[test]
fn a_foreign_message_in_between_is_noticed() {
    let Some(nats) = Nats::start("a_foreign_message_in_between_is_noticed") else {
        return;
    };
    let serving = firehose();
    let running = writing(&serving.url, &nats, 1_000_000).start();
    wait_for(&nats, 500);
    nats.with(async |jetstream| {
        let ack = jetstream.publish("at.x", "hello".into()).await.unwrap();
        ack.await.unwrap();
    });
    running
        .finish()
        .assert_says(7, &["another process writes to the stream 'FIREHOSE'"]);
    let messages = nats.messages("FIREHOSE");
    let last = messages.last().unwrap();
    assert_eq!(last.payload, "hello", "nothing was written behind it");
    let output = writing(&serving.url, &nats, 1).run();
    output.assert_says(2, &["was not written by rocketman", "a stream"]);
}
