//! Answers to requests that lead to no consumer: pages, errors of both wires, the dictionary.
//!
//! Protocol reference, sections 1.4 and 2.3.

use std::{borrow::Cow, io, time::Duration};

use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{encoding::Wire, v2::frame::json_string};
use crate::{serve::listen::Refusal, wire::v2::error};

/// How long an answer's last bytes are waited for, so that a reset does not overtake them.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// An answer that is the end of it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Cow<'static, [u8]>,
    kind: &'static str,
    /// Header fields of its own, each with the end of its line.
    headers: String,
}

impl Answer {
    pub(super) fn new(
        status: u16,
        kind: &'static str,
        body: impl Into<Cow<'static, [u8]>>,
    ) -> Self {
        Self {
            status,
            body: body.into(),
            kind,
            headers: String::new(),
        }
    }

    pub(super) fn text(status: u16, body: impl Into<String>) -> Self {
        let mut body = body.into();
        body.push('\n');
        Self::new(status, "text/plain; charset=utf-8", body.into_bytes())
    }

    pub(super) fn html(body: String) -> Self {
        Self::new(200, "text/html; charset=utf-8", body.into_bytes())
    }

    /// An error by its name, as the v2 wire has them.
    pub(super) fn error(status: u16, name: &str, message: &str) -> Self {
        let message = json_string(message);
        let body = format!("{{\"error\":\"{name}\",\"message\":{message}}}");
        Self::new(status, "application/json", body.into_bytes())
    }

    /// An error that says no more than its status, as a wire has them.
    pub(super) fn of_status(wire: Wire, status: u16, text: &str) -> Self {
        let name = match status {
            _ if wire == Wire::V1 => return Self::text(status, text),
            429 => "RateLimitExceeded",
            503 => error::SERVICE_UNAVAILABLE,
            500.. => error::INTERNAL_SERVER_ERROR,
            _ => error::INVALID_REQUEST,
        };
        Self::error(status, name, text)
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.extend([name, ": ", value, "\r\n"]);
        self
    }
}

/// What becomes of the connection behind an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Close,
    /// The next request may follow.
    #[cfg(feature = "segments")]
    Keep,
}

impl Answer {
    /// What comes before a body of this length.
    pub(super) fn head(&self, bytes: u64, after: After) -> String {
        let more = match self.status {
            405 if !self.headers.contains("Allow: ") => "Allow: GET\r\n",
            426 => "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            429 | 503 if !self.headers.contains("Retry-After: ") => "Retry-After: 1\r\n",
            _ => "",
        };
        let body = match self.status {
            // They would be those of what is not sent.
            304 => String::new(),
            _ => format!("Content-Type: {}\r\nContent-Length: {bytes}\r\n", self.kind),
        };
        let end = match after {
            After::Close => "Connection: close\r\n",
            #[cfg(feature = "segments")]
            After::Keep => "",
        };
        format!(
            "HTTP/1.1 {} {}\r\n{body}{more}{}{}{end}\r\n",
            self.status,
            reason(self.status),
            self.headers,
            date(),
        )
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Refused",
    }
}

impl From<&Refusal> for Answer {
    fn from(refusal: &Refusal) -> Self {
        let status = match refusal {
            Refusal::Hosts => 400,
            Refusal::Host(_) | Refusal::Origin(_) => 403,
        };
        Self::text(status, refusal.to_string())
    }
}

/// Answers, and closes.
pub(super) async fn respond(stream: &mut TcpStream, answer: &Answer) -> io::Result<()> {
    let head = answer.head(answer.body.len() as u64, After::Close);
    stream
        .write_all(&[head.as_bytes(), &answer.body].concat())
        .await?;
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    let drain = async { while matches!(stream.read(&mut rest).await, Ok(1..)) {} };
    // A client that keeps sending has had time to read.
    timeout(DRAIN_TIMEOUT, drain).await.ok();
    Ok(())
}

/// The `Date` header, by which consumers know the server's clock.
pub(super) fn date() -> String {
    format!("Date: {}\r\n", http_date(Timestamp::now()))
}

/// A date as header fields have it.
pub(super) fn http_date(time: Timestamp) -> String {
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&time);
    // Only the year 10000 has no such date.
    date.unwrap_or_default()
}
