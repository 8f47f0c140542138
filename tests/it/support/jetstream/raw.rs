//! The bare sockets behind a scripted server, for what no WebSocket library would do.

use std::{
    io::Write,
    net::{Shutdown, TcpStream},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::sockopt,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Connection, Request};

impl Request {
    /// Reads a request from a socket of the test's own; `None` when the client went away without a
    /// word.
    pub fn read_from(stream: TcpStream) -> Option<Self> {
        Self::read(stream)
    }

    /// Gives the socket away, with nothing answered yet.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// The answer that upgrades, for a server that sends it by itself.
    pub fn upgrade(&self, headers: &str) -> String {
        let key = derive_accept_key(self.header("sec-websocket-key").unwrap().as_bytes());
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{headers}Sec-WebSocket-Accept: {key}\r\n\r\n"
        )
    }

    /// Sends bytes of the test's own before the answer.
    pub fn before_it(mut self, bytes: &[u8]) -> Self {
        // A client that has seen enough is gone.
        self.stream.write_all(bytes).ok();
        self
    }

    /// Answers with bytes of the test's own, and ends in this way.
    pub fn answer_and(mut self, bytes: &[u8], end: End) {
        self.stream.write_all(bytes).unwrap();
        end.apply(&self.stream);
    }
}

impl Connection {
    /// Gives the socket away, behind the upgrade.
    pub fn into_stream(self) -> TcpStream {
        self.socket.into_inner()
    }
}

/// How TCP ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Fin,
    Reset,
}

impl End {
    /// Ends the connection; the caller drops the stream.
    pub fn apply(self, stream: &TcpStream) {
        match self {
            Self::Fin => stream.shutdown(Shutdown::Both).unwrap_or_default(),
            Self::Reset => {
                sockopt::set_socket_linger(stream, Some(Duration::ZERO)).unwrap();
            }
        }
    }
}

/// Whether the other side has closed, with data left unread.
pub(super) fn is_gone(stream: &TcpStream) -> bool {
    let mut ask = [PollFd::new(stream, PollFlags::RDHUP)];
    poll(
        &mut ask,
        Some(&Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        }),
    )
    .unwrap();
    ask[0]
        .revents()
        .intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR)
}
