//! kill -9 at random moments, under faults: what comes again comes in the same requests.

use std::{
    collections::{BTreeSet, HashMap},
    thread,
    time::Duration,
};

use super::{has, into, saved_seq};
use crate::support::{
    events::post,
    jetstream::{Request, Server},
    receiver::{Received, Receiver, Reply, assert_all_in_order},
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
fn what_comes_again_comes_in_the_requests_it_was_in() {
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
    let secret = data_encoding::BASE64.encode(&[7; 32]);
    std::fs::write(folder.path().join("secret"), format!("whsec_{secret}")).unwrap();
    let start = |run: u64| {
        into(&server, &receiver)
            .with("--begin oldest --batch 20,10ms --on-http-error dead-letter=dead")
            .with("--http-sign-file secret --http-header")
            .arg(format!("X-Run: {run}"))
            .inside(folder.path())
            .start()
    };
    let (mut n_further, mut before) = (0, 0);
    for round in 1..=rounds() {
        let running = start(round);
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
    let running = start(rounds() + 1);
    wait_until("all count", || saved_seq(folder.path()) == n);
    drop(running);
    println!("{n_further} runs got on");
    assert_all_in_order(&receiver.accepted(), n, &[n / 2]);
    assert_requests_come_again_as_they_were(&receiver.requests());
}

/// Asserts that no id is of two contents, and that an event that came before a restart comes after
/// it first in a request that it was in before, or in a part of one: what fails is divided, and a lost
/// connection takes requests with it that nobody sees.
#[track_caller]
fn assert_requests_come_again_as_they_were(requests: &[Received]) {
    let mut contents = HashMap::new();
    // For each event the requests that it was in, and the run that it came in last.
    let mut seen: HashMap<u64, (u64, Vec<String>)> = HashMap::new();
    let mut n_again = 0;
    for request in requests {
        let run: u64 = request.header("x-run").unwrap().parse().unwrap();
        let id = request.header("webhook-id").unwrap().to_owned();
        let events: BTreeSet<_> = request.events().into_iter().collect();
        let content = contents.entry(id.clone());
        let (known, body) = content.or_insert((events.clone(), &request.body));
        assert_eq!((&*known, *body), (&events, &request.body), "{id}");
        for event in &events {
            let (last_run, ids) = seen.entry(*event).or_insert((run, Vec::new()));
            if *last_run < run {
                let is_part = |of: &String| contents[of].0.is_superset(&events);
                let is_known = ids.iter().any(|before| *before == id || is_part(before));
                assert!(is_known, "{event} came as {id} and before as {ids:?}");
                n_again += 1;
                *last_run = run;
            }
            ids.push(id.clone());
        }
    }
    println!("{n_again} events came again, as before");
}
