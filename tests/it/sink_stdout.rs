//! Lines on stdout: through pipes and shells, to readers that are slow, gone, or never there.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    process::Command,
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    process::Signal,
};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    DEADLINE,
    events::{post, posts},
    jetstream::Server,
    path_of,
    program::{Output, Rocketman},
    wait_until,
};

fn all(n: u64) -> Vec<String> {
    (0..n).map(post).collect()
}

/// Runs the program inside a shell; `$R` is the program with its source.
fn shell(server: &Server, line: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(path_of("sh"))
        .args(["-c", line])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env(
            "R",
            format!("{} tail {}", env!("CARGO_BIN_EXE_rocketman"), server.url()),
        )
        .output()
        .unwrap();
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_line_is_out_as_soon_as_nothing_more_is_ready() {
    let (next, is_wanted) = mpsc::channel();
    let server = Server::one(move |request| {
        let mut connection = request.accept();
        for n in 0..3 {
            connection.send(post(n));
            is_wanted.recv_timeout(DEADLINE).unwrap();
        }
        connection.until_closed();
    });
    let mut running = Rocketman::tail(&server.url()).start();
    for n in 0..3 {
        // The next event is sent only when this one has come out.
        assert_eq!(running.line(), post(n));
        next.send(()).unwrap();
    }
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code, Some(0));
}

#[test]
fn a_reader_that_closes_while_events_flow_ends_it_quietly() {
    let server = Server::one(posts(20_000));
    let mut running = Rocketman::tail(&server.url()).start();
    running.lines(3);
    running.close_stdout();
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:#?}");
    assert!(output.stderr.starts_with("rocketman: reading "));
}

#[test]
fn a_reader_that_closes_while_the_stream_is_quiet_is_noticed() {
    let server = Server::every(posts(3));
    for lines in [0, 3] {
        let mut running = Rocketman::tail(&server.url()).start();
        running.message("reading ");
        running.lines(lines);
        running.close_stdout();
        let output = running.finish();
        assert_eq!(output.code, Some(0), "{output:#?}");
        assert_eq!(output.stderr.lines().count(), 1, "{output:#?}");
    }
}

#[test]
fn a_shell_redirects_and_pipes_it_like_any_program() {
    const N: u64 = 2000;
    let server = Server::every(posts(N));
    let wanted = all(N).join("\n") + "\n";
    let redirected = shell(&server, "$R -n 2000 > lines && cat lines");
    assert_eq!(
        (redirected.code, redirected.stdout),
        (Some(0), wanted.clone())
    );
    let piped = shell(&server, "$R -n 2000 | cat");
    assert_eq!((piped.code, piped.stdout), (Some(0), wanted.clone()));
    let slow = shell(
        &server,
        "$R -n 2000 | { dd bs=1000 count=3; sleep 0.3; dd bs=50000 count=1; sleep 0.3; cat; } 2>/dev/null",
    );
    assert_eq!((slow.code, slow.stdout), (Some(0), wanted));
    let head = shell(&server, "$R | head -n 2");
    assert_eq!(
        (head.code, head.stdout),
        (Some(0), all(2).join("\n") + "\n")
    );
    assert_eq!(head.stderr.lines().count(), 1, "{}", head.stderr);
}

#[test]
fn an_appending_redirection_keeps_what_was_there() {
    let server = Server::every(posts(5));
    let output = shell(
        &server,
        "echo before > f; $R -n 2 >> f; $R -n 1 >> f; cat f",
    );
    assert_eq!(
        output.lines(),
        ["before".to_owned(), post(0), post(1), post(0)]
    );
}

#[test]
fn print0_ends_each_event_with_nul_and_raw_leaves_line_ends_in() {
    let torn = post(1).replace("\"commit\":", "\"commit\":\n\r");
    let server = Server::every(move |request| {
        let mut connection = request.accept();
        connection.send_all([post(0), torn.clone(), post(2)]);
        connection.until_closed();
    });
    let torn = post(1).replace("\"commit\":", "\"commit\":\n\r");
    let mended = post(1).replace("\"commit\":", "\"commit\":  ");
    let nul = Rocketman::tail(&server.url()).with("-n 3 -0").succeed();
    assert_eq!(nul.stdout, format!("{}\0{mended}\0{}\0", post(0), post(2)));
    let raw = Rocketman::tail(&server.url())
        .with("-n 3 -0 --raw")
        .succeed();
    assert_eq!(raw.stdout, format!("{}\0{torn}\0{}\0", post(0), post(2)));
    let raw = Rocketman::tail(&server.url()).with("-n 3 --raw").succeed();
    assert_eq!(raw.stdout, format!("{}\n{torn}\n{}\n", post(0), post(2)));
}

#[test]
fn a_slow_reader_costs_no_memory() {
    let server = Server::one(posts(300_000));
    let mut running = Rocketman::tail(&server.url()).start();
    let mut peak = 0;
    for n in 0..300 {
        assert_eq!(running.line(), post(n));
        peak = peak.max(running.kilobytes_of_its_own());
        thread::sleep(Duration::from_millis(10));
    }
    println!("peak memory of its own with a slow reader: {peak} kB");
    assert!(peak < 6_144, "{peak} kB");
    running.signal(Signal::TERM);
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{:?}", output.stderr);
    assert!(output.stderr.contains("stopped by SIGTERM"));
}

#[test]
fn an_uneven_reader_gets_every_line_once() {
    const N: u64 = 20_000;
    let server = Server::one(posts(N));
    let (mut reader, writer) = std::io::pipe().unwrap();
    let running = Rocketman::tail(&server.url())
        .with("-n 20000")
        .stdout(writer)
        .start_elsewhere();
    let mut read = Vec::new();
    let mut some = vec![0; 100_000];
    for n in 1.. {
        // From a few bytes to all there is, so that the pipe is full, half full or empty when the
        // next lines come.
        let most = n * n * 31 % some.len();
        match reader.read(&mut some[..=most]).unwrap() {
            0 => break,
            n_read => read.extend_from_slice(&some[..n_read]),
        }
    }
    let read = String::from_utf8(read).unwrap();
    assert!(read.lines().eq(all(N)), "other lines than were sent");
    assert_eq!(running.finish().code, Some(0));
}

#[test]
fn a_blocked_reader_holds_up_neither_pings_nor_signals() {
    const PINGS: usize = 5;
    let (tell, pinged) = mpsc::channel();
    let server = Server::one(move |request| {
        let mut connection = request.accept();
        connection.send_all((0..6000).map(post));
        let mut pings = 0;
        while pings < PINGS {
            pings += usize::from(matches!(connection.receive(), Message::Ping(_)));
        }
        tell.send(()).unwrap();
        connection.until_closed();
    });
    let (mut reader, writer) = std::io::pipe().unwrap();
    let running = Rocketman::tail(&server.url())
        .with("--frame-timeout 600ms")
        .stdout(writer)
        .start_elsewhere();
    wait_until("the pipe is full", || {
        rustix::io::ioctl_fionread(&reader).unwrap() > 32 * 1024
    });
    pinged.recv_timeout(DEADLINE).unwrap();
    running.signal(Signal::TERM);
    running.message("SIGTERM: stopping gracefully");
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    let lines: Vec<_> = rest.lines().collect();
    assert_eq!(lines, all(lines.len() as u64));
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(!output.stderr.contains("lost"), "{output:#?}");
}

#[test]
fn a_full_disk_behind_stdout_is_an_error() {
    let server = Server::one(posts(3));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let running = Rocketman::tail(&server.url())
        .stdout(full)
        .start_elsewhere();
    let output = running.finish();
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert_eq!(
        output.stderr.lines().last(),
        Some("rocketman: error: cannot write to stdout: No space left on device (os error 28)")
    );
}

#[test]
fn what_lay_unread_in_a_pipe_comes_again_after_a_kill() {
    const N: u64 = 4000;
    let server = Server::every(posts(N));
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let running = Rocketman::tail(&server.url())
        .with("--cursor-file cursor --save-interval 10ms")
        .inside(folder.path())
        .stdout(writer)
        .start_elsewhere();
    let mut reader = BufReader::with_capacity(300, reader);
    let mut read = Vec::new();
    for line in reader.by_ref().lines().take(1000) {
        read.push(line.unwrap());
    }
    assert_eq!(read, all(1000));
    let cursor = folder.path().join("cursor");
    wait_until("the cursor is as far as it can be", || {
        fs::read_to_string(&cursor).is_ok_and(|text| seq_in(&text) > 500)
    });
    wait_until("the pipe is full again", || {
        rustix::io::ioctl_fionread(reader.get_ref()).unwrap() > 32 * 1024
    });
    running.kill();
    drop(reader);
    let saved = seq_in(&fs::read_to_string(&cursor).unwrap());
    assert!(saved <= 1002, "{saved} of 1000 lines read");
    let again = Rocketman::tail(&server.url())
        .with("--cursor-file cursor -n 500")
        .inside(folder.path())
        .succeed();
    // The saved event itself is done with; the next one is the first that comes.
    let wanted: Vec<_> = (saved..saved + 500).map(post).collect();
    assert_eq!(again.lines(), wanted);
}

fn seq_in(text: &str) -> u64 {
    let cursor: serde_json::Value = serde_json::from_str(text).unwrap();
    cursor["seq"].as_u64().unwrap()
}

#[test]
fn a_non_blocking_pipe_still_gets_whole_lines() {
    const N: u64 = 3000;
    let server = Server::one(posts(N));
    let (reader, writer) = std::io::pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    let running = Rocketman::tail(&server.url())
        .with("-n 3000")
        .stdout(writer)
        .start_elsewhere();
    wait_until("the pipe is full", || {
        rustix::io::ioctl_fionread(&reader).unwrap() > 32 * 1024
    });
    let lines: Vec<_> = BufReader::new(reader).lines().map(Result::unwrap).collect();
    assert_eq!(lines, all(N));
    assert_eq!(running.finish().code, Some(0));
}

/// Any author may write them into a post, and any server may send them raw.
const ACTS: &str = "a\u{9b}31m\u{7f}\u{202e}b\u{2066}c\u{1b}[2J\t";

#[test]
fn a_terminal_is_shown_nothing_that_it_acts_upon() {
    for flags in ["-n 2 --format json", "-n 2 -0", "-n 2 --raw"] {
        let lines = [post(0).replace("héllo", ACTS), post(1)];
        let (sent, expected) = (lines.clone(), lines.clone());
        let server = Server::every(move |request| {
            let mut connection = request.accept();
            connection.send_all(sent.clone());
            connection.until_closed();
        });
        let call = || Rocketman::tail(&server.url()).with(flags);
        let output = call().env("NO_COLOR", "1").run_all_on_terminal();
        assert_eq!(output.code, Some(0), "{output:#?}");
        let shown = output.stderr;
        let harmless = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\0');
        let escaped = r"a\u009b31m\u007f\u202eb\u2066c\u001b[2J\u0009 🚀";
        assert!(
            shown.contains(&post(0).replace("héllo 🚀", escaped)),
            "{shown:?}"
        );
        assert!(shown.contains(&post(1)), "{shown:?}");
        let lines = shown
            .split(['\n', '\0'])
            .filter(|line| line.contains("\"did\""));
        assert!(lines.flat_map(str::chars).all(harmless), "{shown:?}");
        // What is no terminal gets every byte.
        let end = if flags.ends_with("-0") { "\0" } else { "\n" };
        let bytes = expected.join(end) + end;
        assert_eq!(call().succeed().stdout, bytes, "{flags}");
    }
}
