//! kill -9 at random moments, under faults: nothing is lost, and each account keeps its order.

use std::{thread, time::Duration};

use super::{has, into, letters, saved_seq};
use crate::support::{
    events::post,
    jetstream::{Request, Server},
    receiver::{Receiver, Reply, assert_all_in_order},
    wait_until,
};

/// How often the program is killed in the suite, and once by hand.
fn rounds() -> u64 {
    if std::env::var_os("ROCKETMAN_SOAK").is_some() {
        1000
    } else {
        50
    }
}

#[test]
fn killed_again_and_again_nothing_is_lost_or_out_of_order() {
    let n = 100 * rounds();
    let server = Server::every(move |request: Request| {
        let from = request.cursor().map_or(0, |seq| seq.saturating_sub(1));
        let mut connection = request.accept();
        connection.send_all((from..n).map(post));
        connection.until_closed();
    });
    // A receiver that dies too: before it has taken what it is sent, and behind that.
    let receiver = Receiver::start(move |request| match fastrand::u8(..100) {
        _ if has(request, n / 2) => Reply::status(422),
        0..3 => Reply::lost(),
        3..6 => Reply::status(204).closing(),
        6..10 => Reply::status(500),
        10 => Reply::status(429).header("Retry-After: 0"),
        11 => Reply::status(404),
        _ => Reply::status(204).after(Duration::from_micros(fastrand::u64(..3000))),
    });
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        into(&server, &receiver)
            .with("--begin oldest --batch 20,10ms --on-http-error dead-letter=dead")
            .inside(folder.path())
            .start()
    };
    let (mut n_further, mut before) = (0, 0);
    for round in 1..=rounds() {
        let running = start();
        let goal = (before + 1).max(n * round / rounds() / 2);
        wait_until("it goes on", || saved_seq(folder.path()) >= goal.min(n));
        thread::sleep(Duration::from_micros(fastrand::u64(..20_000)));
        running.kill();
        let now = saved_seq(folder.path());
        n_further += u64::from(now > before);
        before = now;
        if now == n {
            break;
        }
    }
    let running = start();
    wait_until("all count", || saved_seq(folder.path()) == n);
    drop(running);
    println!("{n_further} runs got on");
    assert_all_in_order(&receiver.accepted(), n, &[n / 2]);
    let letters: Vec<_> = letters(folder.path())
        .iter()
        .map(|(event, _)| *event)
        .collect();
    assert!(
        !letters.is_empty() && letters.iter().all(|event| *event == n / 2),
        "{letters:?}"
    );
}
