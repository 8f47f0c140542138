//! What is said on stderr, and what a person sees in a terminal.

use std::process::{Command, Stdio};

use crate::support::{
    events::post,
    jetstream::{Request, Server},
};

fn posts(n: u64) -> impl Fn(Request) + Send + Sync + 'static {
    move |request| {
        let mut connection = request.accept();
        connection.send_all((0..n).map(post));
        connection.until_closed();
    }
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
