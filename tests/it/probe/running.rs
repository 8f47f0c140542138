//! The command itself: its environment, its messages, and the ways in which it is stopped.

use std::{
    fs::File,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{json, legacy_server, new_server, quiet_server};
use crate::support::{jetstream::Server, program::Rocketman, terminal::Terminal};

/// A look that takes longer than the tests wait.
fn long_look(server: &Server) -> Rocketman {
    Rocketman::probe([server.url()]).with("--timeout 10m")
}

#[test]
fn ctrl_c_ends_at_once_with_130_and_other_signals_with_1() {
    for (signal, code, said) in [
        (Signal::INT, 130, ""),
        (
            Signal::TERM,
            1,
            "rocketman: error: stopped by SIGTERM before every server had answered\n",
        ),
        (
            Signal::HUP,
            1,
            "rocketman: error: stopped by SIGHUP before every server had answered\n",
        ),
    ] {
        let server = quiet_server();
        let running = long_look(&server).start();
        server.wait_for_requests(3);
        let began = Instant::now();
        running.signal(signal);
        let output = running.finish();
        assert_eq!(
            (output.code, &*output.stdout, &*output.stderr),
            (Some(code), "", said)
        );
        assert!(began.elapsed() < Duration::from_secs(8));
    }
}

#[test]
fn the_environment_counts_and_what_is_typed_wins() {
    let (quiet, legacy) = (quiet_server(), legacy_server());
    let call = || {
        Rocketman::new(["probe"])
            .env(
                "ROCKETMAN_SOURCE",
                format!(" {}  {}", quiet.url(), legacy.url()),
            )
            .env("ROCKETMAN_TIMEOUT", "1s")
            .env("ROCKETMAN_JSON", "true")
    };
    let told = json(&call().succeed());
    assert_eq!(told.len(), 2);
    assert_eq!(
        (&told[0]["source"], &told[1]["source"]),
        (&quiet.url().into(), &legacy.url().into())
    );
    let new = new_server();
    let told = json(&call().arg(new.url()).with("--timeout 10m").succeed());
    assert_eq!((told.len(), &told[0]["source"]), (1, &new.url().into()));
    let bad = Rocketman::new(["probe"]).env("ROCKETMAN_SOURCE", "ftp://host");
    bad.run().assert_says(2, &["'ftp://host'", "wss://HOST"]);
}

#[test]
fn a_reader_that_is_gone_is_no_failure_and_a_full_disk_is() {
    let server = legacy_server();
    let (closed, writer) = std::io::pipe().unwrap();
    drop(closed);
    let call = Rocketman::probe([server.url()]).stdout(writer);
    assert_eq!(call.start_elsewhere().finish().code, Some(0));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let call = Rocketman::probe([server.url()]).stdout(full);
    call.start_elsewhere()
        .finish()
        .assert_says(1, &["cannot write to stdout"]);
}

#[test]
fn messages_can_be_json_and_quiet() {
    let closed = "ws://127.0.0.1:1";
    let output = Rocketman::probe([closed]).with("--log-format json").run();
    let message: serde_json::Value = serde_json::from_str(&output.stderr).unwrap();
    assert_eq!(
        (&message["message"], &message["exit_code"]),
        (&"no server is usable".into(), &3.into())
    );
    let output = Rocketman::probe([closed]).with("-q").run();
    output.assert_says(3, &["rocketman: error: no server is usable"]);
    let server = new_server();
    let verbose = Rocketman::probe([server.url()]).with("-q").succeed();
    assert_eq!(verbose.stderr, "");
}

#[test]
fn a_terminal_shows_progress_and_then_only_the_table() {
    let (quiet, legacy) = (quiet_server(), legacy_server());
    let line = format!("$R probe {} {} --timeout 3s", quiet.url(), legacy.url());
    let Some(terminal) = Terminal::run(&line) else {
        Rocketman::probe([quiet.url(), legacy.url()])
            .with("--timeout 1s")
            .succeed();
        return;
    };
    terminal.line_with("asking servers: 1 of 2 done");
    terminal.line_with("exit code 0");
    let screen = terminal.screen();
    assert_eq!(screen.len(), 4, "{screen:#?}");
    assert!(
        screen[0].starts_with("SOURCE  ") && screen[1].contains(" quiet "),
        "{screen:#?}"
    );
    assert!(screen[2].contains(" legacy "), "{screen:#?}");
}
