//! The HTTP upgrade that begins a connection, what a server says when it refuses it, and small
//! questions without an upgrade.
//!
//! Done here rather than by the WebSocket library because a refusal's body (the reason, in the
//! server's words) may arrive after its head, and because the head's `Date` is needed.

use std::{
    io,
    time::{Duration, SystemTime},
};

use jiff::fmt::rfc2822;
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time,
};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

use super::endpoint::{Endpoint, WireVersion};
use crate::{
    event::micros_since_1970,
    log::printable,
    wire::{
        http::{BadHead, Response, is_interim},
        v2::SUBPROTOCOL,
    },
};

/// The largest head of an answer, with those of all answers before the last; Go's servers and
/// common proxies stay far below.
const LARGEST_HEAD: usize = 64 * 1024;

/// How much of a refusal's body is read, and how long for.
pub(super) const REFUSAL: Most = Most {
    bytes: 2048,
    time: Duration::from_secs(1),
};

/// The longest `Retry-After` that is believed.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Why an upgrade failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::source) enum HandshakeError {
    #[error("the connection broke during the upgrade")]
    Io(#[from] io::Error),
    #[error("the connection was closed during the upgrade")]
    Closed,
    #[error("what answered does not speak HTTP")]
    NotHttp,
    #[error("the answer's head is longer than 64 KiB or 1024 lines")]
    TooLong,
    #[error("what answered does not speak WebSocket")]
    NotWebSocket,
    #[error("it answers in another subprotocol than was offered: '{0}'")]
    Subprotocol(String),
    #[error("HTTP {status}{}{body}", if body.is_empty() { "" } else { ": " })]
    Status {
        status: u16,
        body: String,
        /// The name of the error where the body has one, as on the v2 wire.
        error: Option<String>,
        location: Option<String>,
        retry_after: Option<Duration>,
    },
}

impl From<BadHead> for HandshakeError {
    fn from(bad: BadHead) -> Self {
        match bad {
            BadHead::NotHttp => Self::NotHttp,
            BadHead::TooManyHeaders => Self::TooLong,
        }
    }
}

/// An open connection and when, by the server's clock, it began.
pub(super) struct Upgraded<S> {
    pub(super) stream: S,
    /// What was received behind the answer.
    pub(super) received: Vec<u8>,
    /// The answer's `Date`, in microseconds since 1970.
    pub(super) date_us: Option<u64>,
}

/// An answer without an upgrade.
pub(super) struct Document {
    pub(super) status: u16,
    /// At most as much of it as was asked for.
    pub(super) body: Vec<u8>,
    /// The body is complete.
    pub(super) is_whole: bool,
    location: Option<String>,
    retry_after: Option<Duration>,
}

impl Document {
    /// What the answer means where another one was expected.
    pub(super) fn into_error(self) -> HandshakeError {
        HandshakeError::Status {
            status: self.status,
            error: error_name(&self.body),
            body: excerpt(&self.body),
            location: self.location,
            retry_after: self.retry_after,
        }
    }
}

/// How much of a body is read, and how long for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub(super) bytes: usize,
    pub(super) time: Duration,
}

/// Asks for `query` at the endpoint, on one of its wires.
pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    endpoint: &Endpoint,
    version: WireVersion,
    query: &str,
    user_agent: &str,
) -> Result<Upgraded<S>, HandshakeError> {
    let key = generate_key();
    let path = endpoint.path(version);
    let target = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    let offer = match version {
        WireVersion::V1 => String::new(),
        WireVersion::V2 => format!("Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n"),
    };
    let headers = format!(
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{offer}User-Agent: {user_agent}\r\n"
    );
    let (answer, mut received) = ask(&mut stream, endpoint, &target, &headers).await?;
    if answer.status != 101 {
        return Err(refusal(stream, answer, received).await);
    }
    if answer.accept.as_deref() != Some(derive_accept_key(key.as_bytes()).as_str()) {
        return Err(HandshakeError::NotWebSocket);
    }
    // On the v1 wire nothing is offered, and whatever is answered means nothing.
    if version == WireVersion::V2
        && let Some(answered) = answer.subprotocol.filter(|name| name != SUBPROTOCOL)
    {
        return Err(HandshakeError::Subprotocol(excerpt(answered.as_bytes())));
    }
    let received = received.split_off(answer.head_bytes);
    Ok(Upgraded {
        stream,
        received,
        date_us: answer.date.and_then(micros_since_1970),
    })
}

/// Asks for something small on the endpoint's host, and for no upgrade; `headers` are more of
/// them, each with its line end.
pub(super) async fn get(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    endpoint: &Endpoint,
    target: &str,
    headers: &str,
    user_agent: &str,
    most: Most,
) -> Result<Document, HandshakeError> {
    let headers = format!("Connection: close\r\n{headers}User-Agent: {user_agent}\r\n");
    let (answer, received) = ask(&mut stream, endpoint, target, &headers).await?;
    let (body, is_whole) = body(stream, &answer, received, most).await;
    Ok(Document {
        status: answer.status,
        body,
        is_whole,
        retry_after: answer.wait(),
        location: answer.location,
    })
}

/// Sends a request, and reads until the head of the last answer is complete: others, such as
/// `103 Early Hints`, may come before it. Returns all that was received from that head on.
async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    endpoint: &Endpoint,
    target: &str,
    headers: &str,
) -> Result<(Answer, Vec<u8>), HandshakeError> {
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n",
        endpoint.authority()
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut received = Vec::with_capacity(4096);
    let mut passed_over = 0;
    loop {
        if stream.read_buf(&mut received).await? == 0 {
            return Err(HandshakeError::Closed);
        }
        while let Some(answer) = Answer::parse(&received)? {
            if !is_interim(answer.status) {
                return Ok((answer, received));
            }
            received.drain(..answer.head_bytes);
            passed_over += answer.head_bytes;
        }
        if passed_over + received.len() > LARGEST_HEAD {
            return Err(HandshakeError::TooLong);
        }
    }
}

/// What counts of an answer's head.
#[derive(Debug, Default)]
struct Answer {
    head_bytes: usize,
    status: u16,
    accept: Option<String>,
    subprotocol: Option<String>,
    date: Option<SystemTime>,
    location: Option<String>,
    retry_after: Option<String>,
    body_bytes: Option<usize>,
    is_chunked: bool,
}

impl Answer {
    /// `None` while the head is incomplete.
    fn parse(received: &[u8]) -> Result<Option<Self>, HandshakeError> {
        let Some(response) = Response::parse(received)? else {
            return Ok(None);
        };
        let mut answer = Self {
            head_bytes: response.bytes,
            status: response.status,
            ..Self::default()
        };
        for (name, value) in response.headers.iter() {
            let Ok(value) = str::from_utf8(value) else {
                continue;
            };
            let value = value.trim().to_owned();
            match name.to_ascii_lowercase().as_str() {
                "sec-websocket-accept" => answer.accept = Some(value),
                "sec-websocket-protocol" => answer.subprotocol = Some(value),
                "date" => answer.date = http_date(&value),
                "location" => answer.location = Some(excerpt(value.as_bytes())),
                "retry-after" => answer.retry_after = Some(value),
                "content-length" => answer.body_bytes = value.parse().ok(),
                "transfer-encoding" => answer.is_chunked = value.eq_ignore_ascii_case("chunked"),
                _ => {}
            }
        }
        Ok(Some(answer))
    }

    /// How long it asks to wait.
    fn wait(&self) -> Option<Duration> {
        // A date to wait for is one of the server's clock, which need not agree with ours.
        let now = self.date.unwrap_or_else(SystemTime::now);
        wait(self.retry_after.as_deref()?, now)
    }
}

/// Reads the reason of a refusal.
async fn refusal(
    stream: impl AsyncRead + Unpin,
    answer: Answer,
    received: Vec<u8>,
) -> HandshakeError {
    let (body, _) = body(stream, &answer, received, REFUSAL).await;
    HandshakeError::Status {
        status: answer.status,
        error: error_name(&body),
        body: excerpt(&body),
        retry_after: answer.wait(),
        location: answer.location,
    }
}

/// The name of an error of the v2 wire.
fn error_name(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        error: String,
    }
    serde_json::from_slice(body)
        .ok()
        .map(|Body { error }| error)
}

/// Reads the body of an answer, as far as it comes in time, and tells whether that is all of it.
async fn body(
    mut stream: impl AsyncRead + Unpin,
    answer: &Answer,
    mut received: Vec<u8>,
    most: Most,
) -> (Vec<u8>, bool) {
    let mut body = received.split_off(answer.head_bytes);
    let wanted = answer.body_bytes.unwrap_or(usize::MAX).min(most.bytes);
    let mut is_over = false;
    let read = async {
        while body.len() < wanted && !is_over {
            is_over = !matches!(stream.read_buf(&mut body).await, Ok(1..));
        }
    };
    // A body that is late counts as far as it came.
    time::timeout(most.time, read).await.ok();
    if answer.is_chunked {
        let is_whole = body.ends_with(b"\r\n0\r\n\r\n");
        return (without_chunks(&body), is_whole);
    }
    let is_whole = answer
        .body_bytes
        .map_or(is_over, |bytes| body.len() == bytes);
    (body, is_whole)
}

/// The contents of the chunks, as far as they came.
fn without_chunks(mut body: &[u8]) -> Vec<u8> {
    let mut contents = Vec::new();
    while let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(body) {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let rest = body.get(start..).unwrap_or_default();
        contents.extend_from_slice(rest.get(..size).unwrap_or(rest));
        body = rest.get(size.saturating_add(2)..).unwrap_or_default();
    }
    contents
}

/// The wait that a `Retry-After` asks for: seconds, or a date.
fn wait(value: &str, now: SystemTime) -> Option<Duration> {
    let asked = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => http_date(value)?.duration_since(now).unwrap_or_default(),
    };
    Some(asked.min(LONGEST_WAIT))
}

fn http_date(value: &str) -> Option<SystemTime> {
    rfc2822::DateTimeParser::new()
        .parse_timestamp(value)
        .ok()
        .map(SystemTime::from)
}

/// At most 300 characters on one line, and nothing that a terminal acts upon.
fn excerpt(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text.trim_ascii());
    printable(&text.chars().take(300).collect::<String>())
}

#[cfg(test)]
mod tests;
