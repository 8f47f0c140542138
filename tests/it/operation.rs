//! Watched over for months: metrics, health, the service manager.

mod metrics;
mod service;

use std::{
    io::{PipeReader, Read},
    process::Stdio,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::support::{
    events::post,
    jetstream::Server,
    program::{Rocketman, Running},
    wait_until,
};

/// A server that sends more than all buffers hold, and then stays.
fn plenty() -> Server {
    Server::every(|request| {
        let mut connection = request.accept();
        connection.send_all((0..40_000).map(post));
        connection.until_closed();
    })
}

/// Starts with a stdout that nobody reads for now.
fn unread(call: Rocketman) -> (Running, PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    (call.stdout(Stdio::from(writer)).start_elsewhere(), reader)
}

/// Reads for as long as there is something to read.
fn read_on(reader: &mut PipeReader) {
    let mut buffer = vec![0; 1 << 20];
    wait_until("everything is read", || {
        let mut ask = [PollFd::new(&*reader, PollFlags::IN)];
        let soon = Timespec {
            tv_sec: 0,
            tv_nsec: 300_000_000,
        };
        let is_there = poll(&mut ask, Some(&soon)).unwrap() > 0;
        !is_there || reader.read(&mut buffer).unwrap() == 0
    });
}
