//! How long accounts that are not affected wait while an endpoint fails others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    events::post,
    jetstream::Server,
    program::Rocketman,
    receiver::{Received, Receiver, Reply},
    wait_until,
};

/// Events a millisecond, and how many there are.
const RATE: u64 = 2;
const EVENTS: u64 = 60_000;

/// The first of a hundred accounts whose events nothing goes wrong with.
const FIRST_GOOD: u64 = 5;

/// Beyond that of a run without faults.
const MOST: f64 = 1.5;

/// When each event was sent, and when it was accepted first.
#[derive(Default)]
struct Times {
    sent: Vec<Instant>,
    accepted: HashMap<u64, Instant>,
}

/// The wait of each event of the accounts that are not affected, in order of size.
fn waits(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Vec<Duration> {
    let times = Arc::<Mutex<Times>>::default();
    let sending = Arc::clone(&times);
    let server = Server::one(move |request| {
        let mut connection = request.accept();
        let began = Instant::now();
        for n in 0..EVENTS {
            let due = began + Duration::from_millis(n / RATE);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            sending.lock().unwrap().sent.push(Instant::now());
            connection.send(post(n));
        }
        connection.until_closed();
    });
    let accepting = Arc::clone(&times);
    let receiver = Receiver::start(move |request| {
        let reply = answer(request);
        if reply.is_good() {
            let (now, events) = (Instant::now(), request.events());
            let mut times = accepting.lock().unwrap();
            for event in events {
                times.accepted.entry(event).or_insert(now);
            }
        }
        reply
    });
    let running = Rocketman::tail(&server.url())
        .with("--http-timeout 500ms --http-retries 3 --on-http-error skip -o")
        .arg(receiver.url())
        .start();
    let goods: Vec<_> = (0..EVENTS).filter(|n| n % 100 >= FIRST_GOOD).collect();
    while (times.lock().unwrap().sent.len() as u64) < EVENTS {
        thread::sleep(Duration::from_millis(200));
    }
    wait_until("all good ones are accepted", || {
        let times = times.lock().unwrap();
        goods.iter().all(|n| times.accepted.contains_key(n))
    });
    drop(running);
    let times = times.lock().unwrap();
    let mut waits: Vec<_> = goods
        .iter()
        .map(|n| times.accepted[n] - times.sent[usize::try_from(*n).unwrap()])
        .collect();
    waits.sort_unstable();
    waits
}

/// What the five bad accounts get: errors now and then, errors for good, no answer, a refusal.
fn faults(request: &Received) -> Reply {
    let events = request.events();
    let any = |is_so: &dyn Fn(u64) -> bool| events.iter().any(|n| is_so(*n));
    if any(&|n| n % 100 == 0 && n % 1000 == 0) {
        return Reply::status(500);
    }
    if any(&|n| n % 100 == 1) && request.number.is_multiple_of(3) {
        return Reply::status(503);
    }
    if any(&|n| n % 2000 == 2) {
        return Reply::lost().after(Duration::from_secs(1));
    }
    if any(&|n| n % 500 == 3) {
        return Reply::status(422);
    }
    if any(&|n| n % 100 == 4) && request.number.is_multiple_of(5) {
        return Reply::lost();
    }
    Reply::status(204)
}

#[test]
fn accounts_that_are_not_affected_wait_no_longer() {
    if !super::is_wanted("latency") {
        return;
    }
    let [without, with] = [waits(|_| Reply::status(204)), waits(faults)];
    let of = |waits: &[Duration], percent: usize| waits[waits.len() * percent / 100];
    for percent in [50, 90, 99] {
        println!(
            "p{percent}: {:?} and {:?}",
            of(&without, percent),
            of(&with, percent)
        );
    }
    let ratio = of(&with, 99).as_secs_f64() / of(&without, 99).as_secs_f64();
    println!("p99 is {ratio:.2} times that of a run without faults");
    assert!(ratio <= MOST, "{ratio}");
}
