//! What each sink holds while its consumer is slow: with events of a mebibyte no more than six of
//! them beyond what it holds of small ones, and three for each of several programs that run at once.

use std::{thread, time::Duration};

use async_nats::jetstream::stream;

use super::is_wanted;
use crate::support::{
    memory::{Load, MEBIBYTE, peak_of, peaks},
    nats::Nats,
    program::Rocketman,
};

/// Fails where large events take more memory than the small ones by this number of mebibytes.
fn assert_bounded(sink: &str, [small, large]: [u64; 2], most: u64) {
    println!("{sink}: {small} kB with small events, {large} kB with large ones");
    assert!(large <= small + most * 1024, "{sink}");
}

#[test]
fn a_slow_consumer_of_large_events_costs_six_of_them() {
    if !is_wanted("a_slow_consumer_of_large_events") {
        return;
    }
    for (flags, program, n_small, n_large, most) in [
        ("", "", 100_000, 100, 6),
        ("--threads 2", "", 100_000, 100, 6),
        ("-o events.ndjson", "", 100_000, 100, 6),
        ("-o events.ndjson.zst", "", 100_000, 100, 6),
        ("-o events.ndjson.gz", "", 50_000, 30, 6),
        ("-o %Y/{collection}.zst", "", 100_000, 100, 6),
        ("-x", "cat", 300, 100, 6),
        // Each of several has an event, and prints one; what they free leaves holes, one for each.
        ("--jobs 2 -x", "cat", 300, 100, 6 + 3 * 2),
        ("--jobs 8 -x", "cat", 300, 100, 6 + 3 * 8),
        ("--exec-mode stream -x", "cat", 50_000, 100, 6),
        (
            "--exec-mode stream --in-flight 4096 -x",
            "cat",
            100_000,
            200,
            6,
        ),
        ("--exec-mode stream --jobs 2 -x", "cat", 50_000, 100, 12),
        ("--exec-mode stream --jobs 8 -x", "cat", 50_000, 100, 24),
        ("--exec-mode stream -x", "./slow", 5_000, 30, 6),
    ] {
        let found = peaks(flags, program, n_small, n_large);
        assert_bounded(&format!("{flags} {program}"), found, most);
    }
}

#[test]
fn a_slow_stream_of_nats_costs_six_large_events() {
    let test = "a_slow_stream_of_nats_costs_six_large_events";
    if !is_wanted(test) {
        return;
    }
    let found = [(100_000, 300), (200, MEBIBYTE)].map(|(events, bytes)| {
        let Some(nats) = Nats::configured(test, "max_payload: 8MB\njetstream {}") else {
            return 0;
        };
        nats.add_stream(stream::Config {
            name: "EVENTS".to_owned(),
            subjects: vec!["atproto.>".to_owned()],
            ..stream::Config::default()
        });
        let load = Load { events, bytes };
        let server = load.server();
        let call = Rocketman::tail(&server.url())
            .with("-o")
            .arg(nats.address("EVENTS"));
        // It stands still again and again, so that all that may wait does.
        thread::scope(|scope| {
            let run = scope.spawn(|| peak_of(call, load).0);
            while !run.is_finished() {
                nats.freeze();
                thread::sleep(Duration::from_millis(100));
                nats.thaw();
                thread::sleep(Duration::from_millis(20));
            }
            run.join().unwrap()
        })
    });
    assert_bounded("nats", found, 6);
}
