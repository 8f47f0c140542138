//! Watched over for months: metrics, health, the service manager.

mod health;
mod idle;
mod metrics;
mod service;

use std::{
    io::{self, PipeReader},
    process::Stdio,
    thread,
};

use crate::support::{
    events::post,
    jetstream::Server,
    program::{Rocketman, Running},
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

/// Reads from now on, for as long as there is somebody to write.
fn read_on(mut reader: PipeReader) {
    thread::spawn(move || io::copy(&mut reader, &mut io::sink()));
}
