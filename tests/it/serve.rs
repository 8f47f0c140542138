//! `rocketman serve`: recordings, live streams and invented events over the real wire.

mod archive;
mod calls;
mod crowd;
mod foreign;
mod live;
mod received;
mod recordings;
mod rehearsal;
mod strangers;
mod v2;

use std::net::TcpListener;

use rustix::process::Signal;

use crate::support::{http::get, program::Rocketman, serve::Serving};

#[test]
fn invented_events_are_served_where_it_says() {
    let server = Serving::new("demo:?rate=5000&seed=3");
    let output = server.tail("-n 100").succeed();
    assert_eq!(output.lines().len(), 100);
    let (_, rest) = output.stdout.split_once("\"cursor\":").unwrap();
    let first = rest.split(',').next().unwrap();
    let own = ["tail", "demo:?rate=5000&seed=3", "-n", "100", "--cursor"];
    let own = Rocketman::new(own).arg(first).succeed();
    assert_eq!(output.stdout, own.stdout);
}

#[test]
fn without_a_source_it_serves_a_demo_and_says_so_on_its_page() {
    let server = Serving::new("");
    let page = get(server.address(), "/");
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("invented events (demo:?rate=300"),
        "{}",
        page.body
    );
    let command = "rocketman tail ws://localhost/subscribe";
    assert!(page.body.contains(command), "{}", page.body);
    assert_eq!(get(server.address(), "/xrpc").status, 404);
}

#[test]
fn with_legacy_events_tell_no_numbers_and_a_cursor_is_a_time() {
    let server = Serving::new("demo: --legacy");
    let output = server.tail("-n 5").succeed();
    assert!(!output.stdout.contains("\"cursor\""), "{}", output.stdout);
    // 0 is whatever comes first; any other number means nothing where none is told.
    let first = server.tail("-n 1 --cursor 0").succeed().stdout;
    assert!(
        first.contains("#demo0") || !first.contains("3mbd45"),
        "{first}"
    );
    let output = server.tail("-n 1 --cursor 5").run();
    output.assert_says(
        2,
        &["does not begin with number 5", "does not count at all"],
    );
}

#[test]
fn signals_end_it_with_the_usual_codes_and_consumers_are_told() {
    for (signal, code, name) in [(Signal::INT, 130, "SIGINT"), (Signal::TERM, 0, "SIGTERM")] {
        // Nobody takes the lines after those, and the pipe has to hold them until it is told.
        let server = Serving::new("demo:?rate=20");
        let mut tail = server.tail("").start();
        tail.lines(10);
        server.running.signal(signal);
        tail.message("the server closed the connection (code 1001: server shutting down)");
        let output = server.running.finish();
        output.assert_says(
            code,
            &[
                &format!("stopped by {name}: "),
                "events sent to ",
                " consumer",
            ],
        );
    }
}

#[test]
fn what_cannot_be_served_is_refused_with_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("--listen {}", taken.local_addr().unwrap());
    for (arguments, words) in [
        (
            "nothing.ndjson",
            [
                "cannot read the recording 'nothing.ndjson'",
                "No such file",
                "tail -o FILE",
            ],
        ),
        (
            ".",
            ["cannot read the recording '.'", "directory", "tail -o FILE"],
        ),
        ("demo:?x=1", ["'x'", "rate and seed", "hint: "]),
        (
            "demo: nothing.ndjson",
            ["stands alone", "'nothing.ndjson'", "two processes"],
        ),
        (
            "demo: --loop",
            [
                "--loop is for recordings",
                "demo: is not one",
                "record it first",
            ],
        ),
        (
            "--speed 2",
            [
                "--speed is for recordings",
                "demo: is not one",
                "demo:?rate=1000",
            ],
        ),
        ("x --speed 0", ["--speed", "10 or 0.5", "max"]),
        (
            "x --loop --exit-at-end",
            ["--loop", "--exit-at-end", "cannot be used with"],
        ),
        (
            "--allow-host http://a.example",
            [
                "--allow-host",
                "'http://a.example' is not a host",
                "NAME:PORT",
            ],
        ),
        (
            "--allow-origin a.example",
            [
                "--allow-origin",
                "'a.example' is not an origin",
                "https://app.example",
            ],
        ),
        (
            "--listen nowhere",
            ["--listen", "nowhere", "an IP address and a port"],
        ),
        (
            &taken,
            [
                "--listen: cannot listen on",
                "in use",
                "0 for any that is free",
            ],
        ),
    ] {
        let output = Rocketman::new(["serve"]).with(arguments).run();
        output.assert_says(2, &words);
    }
}
