//! Every way to end, and the exit code of each.

mod closed;
mod ignored;
mod twice;

use std::{
    fs,
    io::{PipeReader, Read},
    net::UdpSocket,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{
    DEADLINE,
    events::{EPOCH, STEP, at, http_date, identity, post, unlike},
    jetstream::{Request, Server},
    program::{Output, Rocketman, Running},
    wait_until,
};

/// A stop that took longer than this waited for something it should not have waited for. The waits
/// of these tests are far longer.
const PROMPT: Duration = Duration::from_secs(8);

/// Sends `n` posts in one burst, and stays.
fn burst(n: u64) -> impl Fn(Request) + Send + Sync + 'static {
    move |request| {
        let mut connection = request.accept();
        connection.send_all((0..n).map(post));
        connection.until_closed();
    }
}

/// The number in a saved cursor.
fn saved_seq(path: &Path) -> u64 {
    let text = fs::read_to_string(path).unwrap();
    let cursor: serde_json::Value = serde_json::from_str(&text).unwrap();
    cursor["seq"].as_u64().unwrap()
}

/// Starts a program whose stdout nobody reads, and waits until that has stopped it.
fn stalled(server: &Server, arguments: &str) -> (Running, PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    let running = Rocketman::tail(&server.url())
        .with(arguments)
        .stdout(writer)
        .start_elsewhere();
    wait_until_full(&reader);
    (running, reader)
}

fn wait_until_full(reader: &PipeReader) {
    wait_until("the pipe is full", || {
        // A pipe holds 16 pages; one may be half read.
        rustix::io::ioctl_fionread(reader).unwrap() > 32 * 1024
    });
}

fn finish_promptly(running: Running) -> Output {
    let begin = Instant::now();
    let output = running.finish();
    assert!(begin.elapsed() < PROMPT, "{:?}", begin.elapsed());
    output
}

#[test]
fn a_count_ends_exactly_in_the_middle_of_a_burst() {
    let server = Server::one(burst(1000));
    let output = Rocketman::tail(&server.url()).with("-n 137").succeed();
    assert_eq!(output.lines(), (0..137).map(post).collect::<Vec<_>>());
    assert!(
        output
            .stderr
            .contains("the count is reached: 137 events delivered"),
        "{output:#?}"
    );
}

#[test]
fn a_count_counts_only_what_the_filter_keeps() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send_all((0..30).flat_map(|n| [post(2 * n), unlike(2 * n + 1)]));
        connection.until_closed();
    });
    let folder = tempfile::tempdir().unwrap();
    let output = Rocketman::tail(&server.url())
        .with("-c app.bsky.feed.like -n 10 --cursor-file cursor")
        .inside(folder.path())
        .succeed();
    let wanted: Vec<_> = (0..10).map(|n| unlike(2 * n + 1)).collect();
    assert_eq!(output.lines(), wanted);
    assert_eq!(saved_seq(&folder.path().join("cursor")), 20);
}

#[test]
fn a_duration_ends_a_quiet_stream() {
    let server = Server::one(burst(3));
    let begin = Instant::now();
    let output = Rocketman::tail(&server.url())
        .with("--duration 700ms")
        .succeed();
    assert!(begin.elapsed() >= Duration::from_millis(700));
    assert!(begin.elapsed() < PROMPT);
    assert_eq!(output.lines().len(), 3);
    assert!(output.stderr.contains("--duration is reached: 3 events"));
}

#[test]
fn until_a_time_leaves_out_the_event_at_that_time() {
    let server = Server::one(|request: Request| {
        let mut connection = request.accept();
        connection.send_all((0..100).map(post));
        // Eleven seconds later nothing from before the end can come.
        connection.send(post(11_100));
        connection.until_closed();
    });
    // Event 40 is at exactly this moment.
    let until = "2026-09-21T14:13:20.040Z";
    let output = Rocketman::tail(&server.url())
        .with("--since 2026-09-21T14:13:20Z --until")
        .arg(until)
        .succeed();
    assert_eq!(output.lines(), (0..40).map(post).collect::<Vec<_>>());
    assert!(output.stderr.contains("--until is reached: 40 events"));
}

#[test]
fn until_an_age_counts_back_from_the_start() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send_all([post(at(-7190)), post(at(-3700)), post(at(-3500))]);
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url())
        .with("--since 2h --until 1h")
        .succeed();
    assert_eq!(output.lines().len(), 2, "{output:#?}");
}

#[test]
fn the_first_event_after_the_start_is_the_end_and_left_out() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send_all([post(at(-60)), post(at(-5)), post(at(30)), post(at(31))]);
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url()).with("-e").succeed();
    assert_eq!(output.lines().len(), 2, "{output:#?}");
    assert!(output.stderr.contains("the end is reached: 2 events"));
}

#[test]
fn an_unwanted_event_after_the_start_is_the_end_too() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send_all([
            post(at(-60)),
            identity(at(-50)),
            identity(at(30)),
            post(at(-1)),
        ]);
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url())
        .with("-e -c app.bsky.feed.post")
        .succeed();
    assert_eq!(output.lines().len(), 1, "{output:#?}");
}

#[test]
fn the_end_goes_by_the_servers_clock() {
    for hours in [-2, 2] {
        let offset = hours * 3600;
        let server = Server::one(move |request| {
            let date = (EPOCH + at(offset) * STEP) / 1_000_000;
            let mut connection = request.accept_dated(Some(&http_date(date)));
            connection.send_all([
                post(at(offset - 60)),
                post(at(offset - 2)),
                post(at(offset + 30)),
            ]);
            connection.until_closed();
        });
        let output = Rocketman::tail(&server.url()).with("-e").succeed();
        assert_eq!(output.lines().len(), 2, "{hours}: {output:#?}");
    }
}

#[test]
fn a_signal_drains_what_was_read_and_saves_the_cursor() {
    for (signal, name, code) in [(Signal::INT, "SIGINT", 130), (Signal::TERM, "SIGTERM", 0)] {
        let server = Server::one(burst(3000));
        let (running, mut reader) = stalled(&server, "--cursor-file cursor");
        running.signal(signal);
        running.message(&format!("{name}: stopping gracefully"));
        let mut stdout = String::new();
        reader.read_to_string(&mut stdout).unwrap();
        let lines: Vec<_> = stdout.lines().collect();
        let n = lines.len() as u64;
        assert_eq!(lines, (0..n).map(post).collect::<Vec<_>>());
        // More than the pipe held when the signal came: it was drained, not cut.
        assert!(stdout.len() > 64 * 1024, "{n} lines");
        let summary = running.message(&format!(
            "stopped by {name}: {} events delivered",
            indicatif::HumanCount(n)
        ));
        assert!(summary.contains("cursor saved at"), "{summary}");
        assert_eq!(saved_seq(&running.path("cursor")), n);
        let output = running.finish();
        assert_eq!(output.code, Some(code), "{output:#?}");
        let summaries = output.stderr.matches("delivered").count();
        assert_eq!(summaries, 1, "{output:#?}");
    }
}

#[test]
fn a_reader_that_never_returns_is_named_after_the_grace_period() {
    let server = Server::one(burst(3000));
    let (running, mut reader) = stalled(&server, "--grace 200ms --cursor-file cursor");
    // What is certain is counted in steps of the pipe's capacity.
    let mut read = vec![0; 100_000];
    reader.read_exact(&mut read).unwrap();
    wait_until_full(&reader);
    running.signal(Signal::TERM);
    let cursor = running.path("cursor");
    running.message("stdout did not take the rest within 200ms");
    let lines_read = memchr::memchr_iter(b'\n', &read).count() as u64;
    wait_until("the cursor is saved", || cursor.exists());
    let saved = saved_seq(&cursor);
    assert!(saved <= lines_read, "{saved} of {lines_read}");
    assert!(saved > lines_read / 2, "{saved} of {lines_read}");
    let output = finish_promptly(running);
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert!(output.stderr.contains("hint: allow it more time"));
}

#[test]
fn a_signal_ends_a_connect_that_hangs() {
    let server = Server::one(Request::until_gone);
    let running = Rocketman::tail(&server.url())
        .with("--connect-timeout 1h")
        .start();
    server.wait_for_requests(1);
    running.signal(Signal::TERM);
    let output = finish_promptly(running);
    assert_eq!(output.code, Some(0), "{output:#?}");
}

#[test]
fn a_signal_ends_a_wait_between_tries() {
    let server = Server::one(|request: Request| {
        request.refuse("503 Service Unavailable", "Retry-After: 3600\r\n", "later");
    });
    let running = Rocketman::tail(&server.url()).start();
    running.message("trying again in 3600.0 s");
    running.signal(Signal::INT);
    let output = finish_promptly(running);
    assert_eq!(output.code, Some(130), "{output:#?}");
}

/// A resolver that never answers, in place of the system's, in a mount namespace of the program's
/// own.
#[test]
fn a_signal_ends_a_name_look_up() {
    let resolver = UdpSocket::bind("127.0.0.53:53");
    let can_mount = Command::new("unshare").args(["-m", "true"]).status();
    let (Ok(resolver), true) = (resolver, can_mount.is_ok_and(|status| status.success())) else {
        println!("skipped: it takes root and unshare to replace the resolver");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let conf = folder.path().join("resolv.conf");
    fs::write(&conf, "nameserver 127.0.0.53\noptions timeout:30\n").unwrap();
    let script = r#"mount --bind "$1" /etc/resolv.conf && exec "$2" tail wss://never.example/subscribe --connect-timeout 1h"#;
    let mut child = Command::new("unshare")
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(&conf)
        .arg(env!("CARGO_BIN_EXE_rocketman"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    resolver.set_read_timeout(Some(DEADLINE)).unwrap();
    let asked = resolver.recv(&mut [0; 512]);
    let begin = Instant::now();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let status = child.wait().unwrap();
    assert!(asked.is_ok(), "nobody asked for the name");
    assert_eq!(status.code(), Some(0));
    assert!(begin.elapsed() < PROMPT, "{:?}", begin.elapsed());
}

#[test]
fn each_end_has_its_exit_code() {
    let code = |rocketman: Rocketman| rocketman.run().code;
    let server = Server::one(burst(1));
    let url = server.url();
    assert_eq!(code(Rocketman::tail(&url).with("-n 1")), Some(0));
    let server = Server::one(burst(1));
    assert_eq!(
        code(Rocketman::tail(&server.url()).with("-x false")),
        Some(1)
    );
    assert_eq!(code(Rocketman::tail(&url).with("--no-such-flag")), Some(2));
    assert_eq!(code(Rocketman::tail(&url).with("-c no_nsid")), Some(2));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("ws://{}/subscribe", free.local_addr().unwrap());
    drop(free);
    assert_eq!(
        code(Rocketman::tail(&nobody).with("--max-retries 1")),
        Some(3)
    );
    let server = Server::one(|request: Request| request.refuse("404 Not Found", "", "no"));
    assert_eq!(code(Rocketman::tail(&server.url())), Some(6));
    let server = Server::one(burst(1));
    let mut owner = Rocketman::tail(&server.url())
        .with("--cursor-file cursor")
        .start();
    owner.line();
    let second = Rocketman::tail(&url).with("--cursor-file cursor");
    assert_eq!(code(second.inside(owner.folder())), Some(7));
    owner.signal(Signal::INT);
    assert_eq!(owner.finish().code, Some(130));
}

#[test]
fn a_ctrl_c_that_ends_the_reader_first_is_still_an_interrupt() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send_all((0..10).map(post));
        connection.until_closed();
    });
    let mut running = Rocketman::tail(&server.url()).start();
    running.lines(10);
    running.close_stdout();
    running.signal(Signal::INT);
    let output = running.finish();
    assert_eq!(output.code, Some(130), "{output:#?}");
}
