//! The metrics page and the health check.

use std::{net::TcpListener, sync::mpsc};

use rustix::process::Signal;

use super::{plenty, read_on, unread};
use crate::support::{
    events::{account, identity, post, unlike},
    http::{ask, get, get_from},
    jetstream::{Request, Server},
    program::{Rocketman, Running},
    wait_until,
};

/// The address that is told on stderr.
pub(super) fn address(running: &Running) -> String {
    let line = running.message("metrics are at http://");
    let rest = line.split_once("http://").unwrap().1;
    rest.split_once("/metrics").unwrap().0.to_owned()
}

/// A program that reads one post and waits for more, and the address of its page.
fn after_one_post() -> (Server, Running, String) {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send(post(0));
        connection.until_closed();
    });
    let running = Rocketman::tail(&server.url())
        .with("--metrics-addr 127.0.0.1:0")
        .start();
    let address = address(&running);
    (server, running, address)
}

/// The value of a line of the page; 0 where there is no such line.
fn value(page: &str, name: &str) -> f64 {
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

type Script = Box<dyn FnOnce(Request) + Send>;

#[test]
fn values_that_do_not_fit_their_column_are_counted() {
    for output in ["-o sqlite:x.db", "-o %Y.parquet --rotate-count 2"] {
        let server = Server::one(|request| {
            let mut connection = request.accept();
            connection.send_all([post(0), post(1), identity(2), post(3)]);
            connection.until_closed();
        });
        let running = Rocketman::tail(&server.url())
            .with("--metrics-addr 127.0.0.1:0 --column n:integer=/commit/record/text")
            .with(output)
            .start();
        let address = address(&running);
        // Those of an open row group are not known yet.
        let expected = if output.contains("sqlite") { 3.0 } else { 2.0 };
        wait_until("they are counted", || {
            let page = get(&address, "/metrics").body;
            (value(&page, "rocketman_unfit_values_total") - expected).abs() < 0.1
        });
    }
}

#[test]
fn the_page_counts_what_happened() {
    let scripts: [Script; 3] = [
        Box::new(|request| request.refuse("503 Service Unavailable", "", "")),
        Box::new(|request| {
            let mut connection = request.accept();
            connection.send_all([post(0), unlike(1), identity(2), account(3), post(4)]);
            connection.send("no event");
            connection.cut();
        }),
        Box::new(|request| {
            let mut connection = request.accept();
            connection.send_all([post(4), post(5)]);
            connection.until_closed();
        }),
    ];
    let server = Server::expecting(scripts);
    let mut running = Rocketman::tail(&server.url())
        .with(
            "--metrics-addr 127.0.0.1:0 -c app.bsky.feed.post --cursor-file c --save-interval 50ms",
        )
        .start();
    let address = address(&running);
    assert_eq!(running.lines(3), [post(0), post(4), post(5)]);
    let page = || get(&address, "/metrics").body;
    wait_until("the cursor is saved", || {
        value(&page(), "rocketman_cursor_saves_total") > 0.0
    });
    let page = page();
    for (name, expected) in [
        (
            r#"rocketman_events_total{kind="commit",operation="create"}"#,
            3.0,
        ),
        (
            r#"rocketman_events_total{kind="commit",operation="delete"}"#,
            1.0,
        ),
        (r#"rocketman_events_total{kind="identity"}"#, 1.0),
        (r#"rocketman_events_total{kind="account"}"#, 1.0),
        ("rocketman_messages_total", 8.0),
        ("rocketman_events_kept_total", 3.0),
        (r#"rocketman_repeats_total{outcome="dropped"}"#, 1.0),
        (r#"rocketman_repeats_total{outcome="let_through"}"#, 0.0),
        (r#"rocketman_bad_events_total{class="envelope"}"#, 1.0),
        (r#"rocketman_reconnects_total{cause="http_5xx"}"#, 1.0),
        (r#"rocketman_reconnects_total{cause="ended"}"#, 1.0),
        ("rocketman_connects_total", 2.0),
        ("rocketman_connected", 1.0),
        ("rocketman_gaps_total", 0.0),
        ("rocketman_cursor_save_failures_total", 0.0),
        ("rocketman_last_event_seq", 6.0),
    ] {
        assert_eq!(
            value(&page, name).to_string(),
            expected.to_string(),
            "{name} in {page}"
        );
    }
    assert!(value(&page, "rocketman_lag_seconds") > 1000.0, "{page}");
    let (wire, inflated) = (
        value(&page, "rocketman_wire_bytes_total"),
        value(&page, "rocketman_event_bytes_total"),
    );
    assert!(wire > inflated && inflated > 1000.0, "{wire} {inflated}");
    assert!(
        page.contains("# HELP rocketman_gaps_total ")
            && page.contains("# TYPE rocketman_gaps_total counter")
    );
}

#[test]
fn compressed_bytes_are_counted_as_they_came_and_inflated() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        for n in 0..50 {
            connection.send_binary(crate::support::compress::compress(&post(n), true));
        }
        connection.until_closed();
    });
    let mut running = Rocketman::tail(&server.url())
        .with("--metrics-addr 127.0.0.1:0")
        .start();
    let address = address(&running);
    running.lines(50);
    let page = get(&address, "/metrics").body;
    let (wire, inflated) = (
        value(&page, "rocketman_wire_bytes_total"),
        value(&page, "rocketman_event_bytes_total"),
    );
    assert!(wire > 1000.0 && wire < inflated, "{wire} {inflated}");
}

#[test]
fn waits_for_the_sink_are_counted() {
    let server = plenty();
    let call = Rocketman::tail(&server.url()).with("--metrics-addr 127.0.0.1:0");
    let (running, reader) = unread(call);
    let address = address(&running);
    let kept = || {
        value(
            &get(&address, "/metrics").body,
            "rocketman_events_kept_total",
        )
    };
    wait_until("the pipe is full", || {
        let before = kept();
        std::thread::sleep(std::time::Duration::from_millis(100));
        before > 0.0 && before.to_bits() == kept().to_bits()
    });
    read_on(reader);
    wait_until("the wait is counted", || {
        let page = get(&address, "/metrics").body;
        value(&page, "rocketman_sink_waits_total") > 0.0
            && value(&page, "rocketman_sink_wait_microseconds_total") > 0.0
    });
}

#[test]
fn healthz_is_false_only_at_a_standstill() {
    let server = plenty();
    let call =
        Rocketman::tail(&server.url()).with("--metrics-addr 127.0.0.1:0 --frame-timeout 500ms");
    let (running, reader) = unread(call);
    let address = address(&running);
    let status = || get(&address, "/healthz").status;
    assert_eq!(status(), 200);
    // Nobody reads: after a while nothing arrives any more.
    wait_until("it is dead", || status() == 503);
    assert!(get(&address, "/healthz").body.starts_with("dead: "));
    read_on(reader);
    wait_until("it is alive again", || status() == 200);
    drop(running);

    let refusing = Server::every(|request| request.refuse("503 Service Unavailable", "", ""));
    let running = Rocketman::tail(&refusing.url())
        .with("--metrics-addr 127.0.0.1:0")
        .start();
    let address = self::address(&running);
    refusing.wait_for_requests(3);
    let answer = get(&address, "/healthz");
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn readyz_is_true_from_the_connection_to_the_end() {
    let (let_in, may_come_in) = mpsc::channel::<()>();
    let server = Server::one(move |request| {
        may_come_in.recv().unwrap();
        let mut connection = request.accept();
        connection.send_all((0..40_000).map(post));
        connection.until_closed();
    });
    let call = Rocketman::tail(&server.url()).with("--metrics-addr 127.0.0.1:0");
    let (running, reader) = unread(call);
    let address = address(&running);
    let says = |status, word| {
        let answer = get(&address, "/readyz");
        answer.status == status && answer.body.starts_with(word)
    };
    server.wait_for_requests(1);
    assert!(says(503, "not ready: "));
    let_in.send(()).unwrap();
    wait_until("it reads", || says(200, "ready: "));
    // Nobody reads what it writes, so that the end takes its time.
    running.signal(Signal::TERM);
    wait_until("the end has begun", || says(503, "ending: "));
    assert_eq!(get(&address, "/healthz").status, 200);
    read_on(reader);
    assert_eq!(running.finish().code, Some(0));
}

#[test]
fn other_requests_get_an_answer_and_the_stream_goes_on() {
    let (_server, mut running, address) = after_one_post();
    assert_eq!(get(&address, "/").status, 404);
    assert_eq!(get(&address, "/metrics?x=1").status, 200);
    assert_eq!(ask(&address, b"POST /metrics HTTP/1.1\r\n\r\n").status, 405);
    let head = ask(&address, b"HEAD /metrics HTTP/1.1\r\n\r\n");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(!head.head.contains("Content-Length: 0"), "{head:?}");
    assert_eq!(ask(&address, b"\x16\x03\x01 hello\r\n\r\n").status, 400);
    let endless = [b"GET / HTTP/1.1\r\n".as_slice(), &b"X: y\r\n".repeat(2000)].concat();
    assert_eq!(ask(&address, &endless).status, 400);
    // Many that say nothing hold up nobody for longer than their time.
    let silent: Vec<_> = (0..40)
        .map(|_| std::net::TcpStream::connect(&address).unwrap())
        .collect();
    assert_eq!(get(&address, "/healthz").status, 200);
    assert_eq!(running.line(), post(0));
    drop(silent);
}

#[test]
fn requests_that_are_never_finished_keep_nobody_out() {
    let (_server, mut running, address) = after_one_post();
    let begin = std::time::Instant::now();
    let half: Vec<_> = (0..200)
        .map(|n| {
            let mut stream = std::net::TcpStream::connect(&address).unwrap();
            if n % 2 == 0 {
                // The oldest ones are closed meanwhile.
                std::io::Write::write_all(&mut stream, b"GET /healthz HTTP/1.1\r\n").ok();
            }
            stream
        })
        .collect();
    assert_eq!(get(&address, "/healthz").status, 200);
    // Had it waited for them, it would have been for the five seconds that a request may take.
    assert!(
        begin.elapsed() < std::time::Duration::from_secs(4),
        "{:?}",
        begin.elapsed()
    );
    running.message("unfinished requests at the metrics page");
    assert_eq!(running.line(), post(0));
    drop(half);
}

#[test]
fn a_name_is_refused_unless_it_is_allowed() {
    let server = Server::every(|request| {
        let connection = request.accept();
        connection.until_closed();
    });
    let with = |flags: &str| {
        let flags = format!("--metrics-addr 127.0.0.1:0 {flags}");
        let running = Rocketman::tail(&server.url()).with(&flags).start();
        let address = address(&running);
        (running, address)
    };
    let (running, page) = with("");
    let answer = get_from(&page, "evil.example", "/metrics");
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("allowed hosts"), "{answer:?}");
    let said = running.message("the metrics page refused a request: 'evil.example'");
    assert!(said.ends_with("; --allow-host adds it"), "{said}");
    assert!(!answer.body.contains("rocketman_"), "{answer:?}");
    assert_eq!(get_from(&page, "127.0.0.1:9090", "/metrics").status, 200);
    drop(running);
    let (_running, page) = with("--allow-host metrics.example");
    assert_eq!(
        get_from(&page, "metrics.example:9090", "/metrics").status,
        200
    );
    assert_eq!(get_from(&page, "evil.example", "/healthz").status, 403);
    Rocketman::tail(&server.url())
        .with("--allow-host metrics.example")
        .run()
        .assert_says(2, &["--metrics-addr"]);
}

#[test]
fn an_address_that_is_taken_is_refused_before_anything_is_read() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Rocketman::tail("ws://127.0.0.1:1/subscribe")
        .with(&format!("--metrics-addr {address}"))
        .run();
    output.assert_says(2, &["--metrics-addr", &address, "in use", "hint: "]);
    Rocketman::tail("ws://127.0.0.1:1/subscribe")
        .with("--metrics-addr :9090")
        .run()
        .assert_says(2, &["--metrics-addr", "127.0.0.1:9090"]);
}
