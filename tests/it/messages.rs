//! What is said on stderr, and what a person sees in a terminal.

use std::{
    fs,
    io::Read,
    process::{Command, Stdio},
    sync::mpsc,
};

use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    DEADLINE,
    events::{identity, post},
    jetstream::{Request, Server},
    program::Rocketman,
    terminal::Terminal,
};

/// What only the status line says.
const STATUS: &str = "/s read";

/// Sends `n` posts, and stays.
fn posts(n: u64) -> impl Fn(Request) + Send + Sync + 'static {
    move |request| {
        let mut connection = request.accept();
        connection.send_all((0..n).map(post));
        connection.until_closed();
    }
}

/// Ten posts and a cut; then the last of them again, something that is no event, and more.
fn with_a_cut() -> Server {
    Server::expecting([
        Box::new(|request: Request| {
            let mut connection = request.accept();
            connection.send_all((0..10).map(post));
            connection.cut();
        }) as Box<dyn FnOnce(Request) + Send>,
        Box::new(|request: Request| {
            let mut connection = request.accept();
            connection.send(post(9));
            connection.send("{no event}");
            connection.send_all((10..13).map(post));
            connection.send(identity(13));
            connection.until_closed();
        }),
    ])
}

#[test]
fn a_terminal_shows_one_status_line_below_whole_messages() {
    let (cut, is_time) = mpsc::channel();
    let (end, is_end) = mpsc::channel();
    let server = Server::expecting([
        Box::new(move |request: Request| {
            let mut connection = request.accept();
            connection.send_all((0..1234).map(post));
            is_time.recv_timeout(DEADLINE).unwrap();
            connection.cut();
        }) as Box<dyn FnOnce(Request) + Send>,
        Box::new(move |request: Request| {
            let mut connection = request.accept();
            connection.send_all((1233..1240).map(post));
            is_end.recv_timeout(DEADLINE).unwrap();
            connection.send(post(1240));
            connection.until_closed();
        }),
    ]);
    let url = server.url();
    let line = format!("$R tail {url} --max-backoff 1ms -n 1241 > events");
    let Some(terminal) = Terminal::run(&line) else {
        cut.send(()).unwrap();
        end.send(()).unwrap();
        Rocketman::tail(&url).with("-n 1241").succeed();
        return;
    };
    let status = terminal.line_with("1,234 delivered");
    let days = status.contains(" d behind") && status.contains(&url);
    assert!(status.contains(STATUS) && days, "{status}");
    assert_eq!(terminal.screen().len(), 2, "{:#?}", terminal.screen());
    cut.send(()).unwrap();
    terminal.line_with("1,240 delivered");
    let screen = terminal.screen();
    let [reading, lost, again, status] = screen.as_slice() else {
        panic!("{screen:#?}");
    };
    assert!(reading.starts_with("rocketman: reading "), "{screen:#?}");
    assert!(lost.starts_with("rocketman: warning: lost "), "{screen:#?}");
    assert!(lost.ends_with(" s"), "{screen:#?}");
    let expected = format!("rocketman: connected again to {url} after ");
    assert!(
        again.starts_with(&expected) && again.ends_with(" s, from cursor 1234"),
        "{again}"
    );
    assert!(status.ends_with("  1 reconnect"), "{screen:#?}");
    end.send(()).unwrap();
    terminal.line_with("exit code 0");
    let screen = terminal.screen();
    let is_gone = !screen.iter().any(|line| line.contains(STATUS));
    assert!(is_gone, "{screen:#?}");
    assert!(screen.contains(lost), "{screen:#?}");
    let lines = fs::read_to_string(terminal.path("events")).unwrap();
    assert_eq!(lines.lines().count(), 1241);
}

/// The terminal echoes the key behind the status line, which must not make that longer than a row.
#[test]
fn a_ctrl_c_leaves_no_status_line_behind() {
    let server = Server::every(posts(5));
    let line = format!("trap : INT; $R tail {} > events", server.url());
    let Some(terminal) = Terminal::run(&line) else {
        Rocketman::tail(&server.url()).with("-n 5").succeed();
        return;
    };
    terminal.line_with("5 delivered");
    terminal.press("C-c");
    terminal.line_with("exit code 130");
    let screen = terminal.screen();
    assert!(
        !screen.iter().any(|line| line.contains(STATUS)),
        "{screen:#?}"
    );
}

#[test]
fn the_status_line_shows_itself_only_where_it_is_wanted() {
    let server = Server::every(posts(5));
    let run = format!("$R tail {} --duration 600ms", server.url());
    for (line, is_shown) in [
        (format!("{run} > f"), true),
        (format!("{run} -o f"), true),
        (format!("{run} -v --progress always > f"), true),
        (format!("{run} --progress never > f"), false),
        (format!("{run} -q > f"), false),
        (format!("{run} -v > f"), false),
        (format!("{run} --log-format json > f"), false),
        (run.clone(), false),
        (format!("{run} -o -"), false),
        (format!("{run} 2> g > f"), false),
        (format!("{run} --progress always 2> g > f"), false),
    ] {
        let Some(terminal) = Terminal::run(&line) else {
            Rocketman::tail(&server.url()).with("-n 5").succeed();
            return;
        };
        let bytes = terminal.bytes();
        assert!(bytes.contains("exit code 0"), "{line}: {bytes}");
        assert_eq!(bytes.contains(STATUS), is_shown, "{line}: {bytes}");
        let redirected = fs::read_to_string(terminal.path("g")).unwrap_or_default();
        assert!(!redirected.contains(['\r', '\x1b']), "{redirected}");
        assert!(!redirected.contains(STATUS), "{redirected}");
    }
}

#[test]
fn messages_are_coloured_on_a_terminal_unless_told_otherwise() {
    let warning = "\x1b[33mwarning: \x1b[0mlost ";
    let run = |prefix: &str, flag: &str| {
        let server = with_a_cut();
        let url = server.url();
        let line = format!("{prefix} $R tail {url} --max-backoff 1ms -n 12 {flag} > f");
        Terminal::run(&line).map_or_else(
            || {
                Rocketman::tail(&url).with("-n 12").succeed();
                None
            },
            |terminal| Some(terminal.bytes()),
        )
    };
    for (prefix, flag, is_coloured) in [
        ("", "", true),
        ("NO_COLOR=", "", true),
        ("NO_COLOR=1", "", false),
        ("", "--color never", false),
        ("NO_COLOR=1", "--color always", true),
    ] {
        let Some(bytes) = run(prefix, flag) else {
            return;
        };
        let found = bytes.contains(warning);
        assert_eq!(found, is_coloured, "{prefix} {flag}: {bytes}");
        assert!(is_coloured || bytes.contains("rocketman: warning: lost "));
    }
}

#[test]
fn a_pipe_gets_no_colours_unless_asked_for() {
    let server = with_a_cut();
    let plain = Rocketman::tail(&server.url()).with("-n 12").succeed();
    assert!(!plain.stderr.contains('\x1b'), "{plain:#?}");
    let server = with_a_cut();
    let asked = Rocketman::tail(&server.url())
        .with("-n 12 --color always")
        .succeed();
    assert!(asked.stderr.contains("\x1b[33mwarning: \x1b[0mlost "));
}

#[test]
fn quiet_says_nothing_but_errors() {
    let server = Server::one(posts(3));
    let output = Rocketman::tail(&server.url()).with("-q -n 3").succeed();
    assert_eq!((output.lines().len(), output.stderr.as_str()), (3, ""));
    let output = Rocketman::tail("ws://127.0.0.1:1/subscribe")
        .with("-q --max-retries 0")
        .run();
    assert_eq!(output.code, Some(3));
    let first = output.stderr.lines().next().unwrap();
    assert!(first.starts_with("rocketman: error: "), "{output:#?}");
}

#[test]
fn verbose_says_more_step_by_step() {
    let said = |flag: &str| {
        let server = Server::one(posts(3));
        let run = Rocketman::tail(&server.url()).with("-n 3").with(flag);
        run.succeed().stderr
    };
    let [plain, once, twice, thrice] = ["", "-v", "-vv", "-vvv"].map(said);
    assert_eq!(plain.lines().count(), 2, "{plain}");
    assert!(once.contains("rocketman: connected "), "{once}");
    assert!(!once.contains("debug: "), "{once}");
    assert!(twice.contains("rocketman: debug: connecting "), "{twice}");
    assert!(thrice.contains("rocketman: trace: "), "{thrice}");
}

#[test]
fn the_variable_of_levels_overrides_flags_and_is_checked() {
    let said = |levels: &str, flag: &str| {
        let server = Server::one(posts(3));
        let run = Rocketman::tail(&server.url()).with("-n 3").with(flag);
        run.env("RUST_LOG", levels).succeed().stderr
    };
    let debug = said("warn,rocketman=debug", "-q");
    assert!(debug.contains("rocketman: debug: connecting "), "{debug}");
    assert_eq!(said("off", "-v"), "");
    assert_eq!(said("", "").lines().count(), 2);
    let wrong = said("rocketman=loud", "");
    let first = wrong.lines().next().unwrap();
    assert!(
        first.starts_with("rocketman: warning: RUST_LOG is ignored: "),
        "{wrong}"
    );
    assert_eq!(wrong.lines().count(), 3, "{wrong}");
}

#[test]
fn json_messages_are_one_object_a_line_to_the_last_error() {
    let server = with_a_cut();
    let output = Rocketman::tail(&server.url())
        .with("-n 14 --log-format json")
        .run();
    assert_eq!(output.code, Some(0), "{output:#?}");
    let failed = Rocketman::tail("ws://127.0.0.1:1/subscribe")
        .with("--max-retries 1 --log-format json")
        .run();
    assert_eq!(failed.code, Some(3), "{failed:#?}");
    let mut levels = Vec::new();
    for line in output.stderr.lines().chain(failed.stderr.lines()) {
        let message: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(message["message"].is_string(), "{line}");
        levels.push(message["level"].as_str().unwrap().to_owned());
    }
    for level in ["INFO", "WARN", "ERROR"] {
        assert!(levels.iter().any(|found| found == level), "{levels:?}");
    }
    let last: serde_json::Value =
        serde_json::from_str(failed.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(last["exit_code"], 3, "{last}");
}

#[test]
fn the_summary_counts_right() {
    let cut_after = |from: u64, to: u64| {
        Box::new(move |request: Request| {
            let mut connection = request.accept();
            connection.send("{no event}");
            connection.send_all((from..to).map(post));
            connection.cut();
        }) as Box<dyn FnOnce(Request) + Send>
    };
    let server = Server::expecting([cut_after(0, 10), cut_after(9, 20), cut_after(19, 30)]);
    let folder = tempfile::tempdir().unwrap();
    let output = Rocketman::tail(&server.url())
        .with("-n 25 --cursor-file cursor")
        .inside(folder.path())
        .succeed();
    assert_eq!(
        output.stderr.lines().last(),
        Some(
            "rocketman: the count is reached: 25 events delivered, cursor saved at 2026-09-21T14:13:20.024000Z, \
             2 reconnects, 2 repeats dropped, 3 malformed messages skipped"
        )
    );
}

#[test]
fn a_closed_stderr_does_not_stop_the_lines() {
    let server = Server::one(posts(5));
    let (closed, writer) = std::io::pipe().unwrap();
    drop(closed);
    let output = Command::new(env!("CARGO_BIN_EXE_rocketman"))
        .args(["tail", &server.url(), "-n", "5"])
        .stderr(writer)
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 5);
}

#[test]
fn an_error_that_nobody_can_read_keeps_its_exit_code() {
    let (closed, writer) = std::io::pipe().unwrap();
    drop(closed);
    let status = Command::new(env!("CARGO_BIN_EXE_rocketman"))
        .args(["tail", "ws://127.0.0.1:1/subscribe", "--max-retries", "0"])
        .stderr(writer)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(3));
}

/// A pager that is left alone, or a terminal that is held with Ctrl-S.
#[test]
fn a_blocked_stderr_holds_up_neither_lines_nor_the_end() {
    const N: u64 = 3000;
    // One by one, so that each is told at the most talkative level, which is more than a pipe
    // holds.
    let server = Server::one(|request| {
        let mut connection = request.accept();
        for n in 0..N {
            connection.send(post(n));
            connection.ping();
            while !matches!(connection.try_receive(), Some(Message::Pong(_)) | None) {}
        }
        connection.until_closed();
    });
    let (mut unread, stderr) = std::io::pipe().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rocketman"))
        .args(["tail", &server.url(), "-vvv", "-n", &N.to_string()])
        .env_clear()
        .stderr(stderr)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(memchr::memchr_iter(b'\n', &output.stdout).count() as u64, N);
    let mut said = String::new();
    unread.read_to_string(&mut said).unwrap();
    assert!(
        said.len() >= 60_000,
        "only {} bytes of messages were too few to fill a pipe",
        said.len()
    );
}
