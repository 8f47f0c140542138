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
use tokio_tungstenite::tungstenite::{Message, handshake::derive_accept_key};

use super::{Connection, DEADLINE, Request, wait_until};

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

/// The end of a connection that the client makes.
impl Connection {
    /// Reads, and answers pings, until the client is gone; returns how many pings came.
    pub fn until_closed(mut self) -> usize {
        self.socket
            .get_mut()
            .set_read_timeout(Some(DEADLINE))
            .unwrap();
        while let Ok(message) = self.socket.read() {
            self.pings += usize::from(matches!(message, Message::Ping(_)));
        }
        self.pings
    }

    /// Neither reads nor answers, pings included, until the client closes the socket.
    pub fn stall(self) {
        let stream = self.socket.get_ref();
        wait_until("the client gives up", || is_gone(stream));
    }
}
