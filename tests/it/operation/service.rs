//! As a service of systemd, which here is a socket that listens.

use std::{fs, os::unix::net::UnixDatagram, time::Duration};

use rustix::process::Signal;

use super::{plenty, read_on, unread};
use crate::support::{
    events::{post, posts},
    jetstream::Server,
    program::Rocketman,
};

/// The manager's end.
struct Manager {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self { socket, folder }
    }

    fn call(&self, call: Rocketman) -> Rocketman {
        call.env("NOTIFY_SOCKET", self.folder.path().join("notify"))
    }

    fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let n = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..n].to_vec()).unwrap()
    }

    /// Waits for a message that the condition is true for.
    fn wait_for(&self, what: impl Fn(&str) -> bool) -> String {
        for _ in 0..1000 {
            let message = self.next();
            if what(&message) {
                return message;
            }
        }
        panic!("no such message");
    }
}

#[test]
fn systemd_hears_ready_once_reading_and_stopping_at_the_end() {
    let manager = Manager::new();
    let server = Server::every(posts(3));
    let mut running = manager.call(Rocketman::tail(&server.url())).start();
    assert_eq!(running.line(), post(0));
    let ready = manager.wait_for(|message| message.contains("READY=1\n"));
    assert!(ready.starts_with("STATUS="), "{ready:?}");
    assert!(
        !ready.contains("WATCHDOG"),
        "nobody asked for it: {ready:?}"
    );
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code, Some(0));
    assert_eq!(
        manager.wait_for(|message| !message.contains("READY=1")),
        "STOPPING=1\n"
    );
}

#[test]
fn a_start_without_a_network_is_excused_and_not_ready() {
    let manager = Manager::new();
    let server = Server::every(|request| request.refuse("503 Service Unavailable", "", ""));
    let call = Rocketman::tail(&server.url()).env("WATCHDOG_USEC", "100000");
    let running = manager.call(call).start();
    server.wait_for_requests(2);
    for _ in 0..5 {
        let message = manager.wait_for(|message| message.contains("EXTEND_TIMEOUT_USEC="));
        assert!(!message.contains("READY=1"), "{message:?}");
        assert!(message.contains("WATCHDOG=1\n"), "{message:?}");
    }
    drop(running);
}

#[test]
fn the_watchdog_is_fed_only_while_the_stream_moves() {
    let manager = Manager::new();
    let server = plenty();
    let call = Rocketman::tail(&server.url())
        .with("--frame-timeout 500ms")
        .env("WATCHDOG_USEC", "100000");
    let (running, reader) = unread(manager.call(call));
    manager.wait_for(|message| message.contains("WATCHDOG=1\n"));
    manager.wait_for(|message| !message.contains("WATCHDOG=1\n"));
    read_on(reader);
    manager.wait_for(|message| message.contains("WATCHDOG=1\n"));
    drop(running);
}

#[test]
fn the_watchdog_of_another_process_is_not_fed() {
    let manager = Manager::new();
    let server = Server::every(posts(1));
    let call = Rocketman::tail(&server.url())
        .env("WATCHDOG_USEC", "100000")
        .env("WATCHDOG_PID", "1");
    let running = manager.call(call).start();
    let ready = manager.wait_for(|message| message.contains("READY=1\n"));
    assert!(!ready.contains("WATCHDOG=1\n"), "{ready:?}");
    drop(running);
}

#[test]
fn a_relative_cursor_file_lies_in_the_state_directory() {
    let state = tempfile::tempdir().unwrap();
    let server = Server::every(posts(2));
    let folders = format!("{}:/nowhere", state.path().display());
    let call = Rocketman::tail(&server.url())
        .with("-n 2 --cursor-file posts.cursor")
        .env("STATE_DIRECTORY", &folders);
    let output = call.succeed();
    assert_eq!(output.lines(), [post(0), post(1)]);
    assert!(fs::read_to_string(state.path().join("posts.cursor")).is_ok());
    let call = Rocketman::tail(&server.url())
        .with("-n 1")
        .env("STATE_DIRECTORY", &folders);
    let absolute = call.path("absolute");
    call.arg("--cursor-file").arg(&absolute).run();
    assert!(!state.path().join("absolute").exists());
}
