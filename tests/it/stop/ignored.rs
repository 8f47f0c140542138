//! Signals that were ignored when the program was started.

use rustix::process::Signal;

use crate::support::{events::post, jetstream::Server};

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let (go_on, gone_on) = std::sync::mpsc::channel();
    let gone_on = std::sync::Mutex::new(gone_on);
    let server = Server::one(move |request| {
        let mut connection = request.accept();
        connection.send(post(0));
        gone_on.lock().unwrap().recv().unwrap();
        connection.send(post(1));
        connection.until_closed();
    });
    let mut child = std::process::Command::new("sh")
        .args([
            "-c",
            "trap '' HUP; exec \"$0\" tail -q -n 2 \"$1\"",
            env!("CARGO_BIN_EXE_rocketman"),
            &server.url(),
        ])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), post(0));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::HUP).unwrap();
    go_on.send(()).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), post(1));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_a_script_started_with_an_ampersand_ends_on_sigterm() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send(post(0));
        connection.until_closed();
    });
    // A shell without job control starts it with SIGINT ignored.
    let script = "\"$0\" tail \"$1\" & echo $!; wait $!; echo code $?";
    let mut shell = std::process::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_rocketman"), &server.url()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(shell.stdout.take().unwrap()));
    let pid: i32 = lines.next().unwrap().unwrap().parse().unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), post(0));
    let program = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(program, Signal::INT).unwrap();
    rustix::process::kill_process(program, Signal::TERM).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "code 0");
    shell.wait().unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut shell.stderr.take().unwrap(), &mut said).unwrap();
    assert!(said.contains("stopped by SIGTERM"), "{said}");
}
