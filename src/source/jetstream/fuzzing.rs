//! What the fuzz targets reach of the wire. It decides nothing: it only makes nameable what is
//! private.

#![allow(missing_docs, reason = "nobody else sees it")]

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    endpoint::{Endpoint, WireVersion},
    handshake::{HandshakeError, upgrade},
    inflate::Inflater,
    resume::{Admission, Beginning, Resume},
    socket::{Incoming, Socket, SocketError},
    v1::Wanted,
};
use crate::{
    event::{BadEvent, CollectionPattern, Did, Origin, Point, Position, Start, Trail},
    wire::dial::{proxy::Proxies, user_agent},
};

/// What came out of a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    TooLarge(Vec<u8>),
    Other,
    Close(String),
    Broken(&'static str),
    Ended,
}

/// A socket over any stream.
#[derive(Debug)]
pub struct Frames<S>(Socket<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Frames<S> {
    pub fn new(stream: S, received: &[u8], cap: usize) -> Self {
        Self(Socket::new(stream, received, cap))
    }

    /// What comes next. The stream has to make progress each time it is polled again.
    pub fn receive(&mut self) -> Came {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let came = match self.0.poll_next(&mut cx) {
                Poll::Pending => continue,
                Poll::Ready(Ok(Incoming::Text(text))) => Came::Text(text.to_vec()),
                Poll::Ready(Ok(Incoming::Binary(bytes))) => Came::Binary(bytes.to_vec()),
                Poll::Ready(Ok(Incoming::TooLarge(head))) => Came::TooLarge(head.to_vec()),
                Poll::Ready(Ok(Incoming::Ping | Incoming::Pong | Incoming::Other)) => Came::Other,
                Poll::Ready(Ok(Incoming::Close(reason))) => Came::Close(reason),
                Poll::Ready(Err(SocketError::Protocol(why))) => Came::Broken(why),
                Poll::Ready(Err(SocketError::Io(_) | SocketError::Eof)) => Came::Ended,
            };
            return came;
        }
    }

    /// Writes what is queued, as far as the stream takes it.
    pub fn flush(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.0.poll_flush(&mut cx).is_ready()
    }

    /// The bytes that are held.
    pub fn memory(&self) -> usize {
        self.0.memory()
    }
}

/// An inflater.
#[derive(Debug)]
pub struct Inflate(Inflater);

impl Inflate {
    pub fn new(cap: usize) -> Self {
        Self(Inflater::new(cap))
    }

    pub fn inflate(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), BadEvent> {
        self.0.inflate(frame, out)
    }
}

/// What a server is asked for: the query, the first message where there is one, and the message
/// that would say the same.
pub fn request(
    collections: Vec<CollectionPattern>,
    dids: Vec<Did>,
    max_message_bytes: u32,
    compress: bool,
    cursor: Option<u64>,
) -> (String, Option<String>, String) {
    let wanted = Wanted {
        collections: &collections,
        dids: &dids,
        max_message_bytes,
        compress,
    };
    let request = wanted.request(cursor);
    (request.query, request.hello, wanted.hello())
}

/// How an upgrade went.
#[derive(Debug, PartialEq, Eq)]
pub enum Answered {
    /// What was received behind the answer, and its date.
    Upgraded {
        received: Vec<u8>,
        date_us: Option<u64>,
    },
    Refused {
        status: u16,
        body: String,
        location: Option<String>,
        retry_after: Option<Duration>,
    },
    /// No answer; the message.
    Failed(String),
}

/// Asks for an upgrade over any stream.
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, query: &str) -> Answered {
    let endpoint = Endpoint::parse("ws://x.example/subscribe").expect("a valid address");
    match upgrade(
        stream,
        &endpoint,
        WireVersion::V1,
        query,
        user_agent::DEFAULT,
    )
    .await
    {
        Ok(upgraded) => Answered::Upgraded {
            received: upgraded.received,
            date_us: upgraded.date_us,
        },
        Err(HandshakeError::Status {
            status,
            body,
            error: _,
            location,
            retry_after,
        }) => Answered::Refused {
            status,
            body,
            location,
            retry_after,
        },
        Err(error) => Answered::Failed(error.to_string()),
    }
}

/// The host and port that are connected to for an endpoint, and the credentials for a proxy.
pub fn route(endpoint: &Endpoint, proxies: &Proxies) -> (String, u16, Option<String>) {
    match proxies
        .for_address(endpoint.address(), endpoint)
        .expect("a good address")
    {
        Some(proxy) => (
            proxy.host().to_owned(),
            proxy.port(),
            proxy.authorization.clone(),
        ),
        None => (endpoint.host(), endpoint.address().port(), None),
    }
}

/// Where a connection begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    Live,
    Asked(Start),
    Seq(u64),
    Time(u64),
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    New,
    NewBehindGap(u64),
    Doubtful,
    Repeat,
    Early,
    Renumbered,
}

/// What is known of a stream across connections.
#[derive(Debug)]
pub struct Known(Resume);

impl Known {
    pub fn new(asked: Option<Start>, rewind: Duration) -> Self {
        Self(Resume::new(asked, rewind))
    }

    pub fn begin_at_time(&mut self, time_us: u64) {
        self.0.begin_at_time(time_us);
    }

    pub fn begin_at_seq(&mut self, seq: u64) {
        self.0.begin_at_seq(seq);
    }

    pub fn set_last(&mut self, origin: Origin, point: Point, same_filter: bool) {
        let trail = Trail::up_to(point.time_us);
        let position = Position { origin, point };
        self.0.restore(&position, &trail, same_filter);
    }

    pub fn set_live_from(&mut self, time_us: u64) {
        self.0.set_live_from(time_us);
    }

    pub fn distrust_numbers(&mut self) {
        self.0.distrust_numbers();
    }

    pub fn begin(&mut self, origin: &Origin) -> Begins {
        match self.0.begin(origin) {
            Beginning::Live => Begins::Live,
            Beginning::Asked(start) => Begins::Asked(start),
            Beginning::Seq(seq) => Begins::Seq(seq),
            Beginning::Time(time_us) => Begins::Time(time_us),
        }
    }

    pub fn admit(&mut self, point: &Point) -> Admitted {
        match self.0.admit(point) {
            Admission::New | Admission::MayBeRepeat => Admitted::New,
            Admission::NewBehindGap(from_us) => Admitted::NewBehindGap(from_us),
            Admission::Doubtful(_) => Admitted::Doubtful,
            Admission::Repeat => Admitted::Repeat,
            Admission::Early => Admitted::Early,
            Admission::Renumbered => Admitted::Renumbered,
        }
    }

    pub fn reached(&mut self, origin: &Arc<Origin>, point: &Point) {
        self.0.reached(origin, point);
    }
}
