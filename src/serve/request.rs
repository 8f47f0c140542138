//! The HTTP request that begins a connection, and the answers to those that lead to none.
//!
//! Protocol reference, sections 1.3 and 1.4.

use std::{io, time::Duration};

use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{block::Encoding, deflate, options::Query};
use crate::{
    serve::listen::{Gate, Refusal},
    wire::http::{self, Headers},
};

/// The largest head of a request: what Go's servers take (protocol reference, section 1.1).
pub(super) const LARGEST_HEAD: usize = 1024 * 1024;

/// How long an answer's last bytes are waited for, so that a reset does not overtake them.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// A request to be upgraded.
#[derive(Debug)]
pub(super) struct Subscribe {
    pub(super) query: Query,
    pub(super) encoding: Encoding,
    accept: String,
}

/// An answer that is the end of it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    html: bool,
}

impl Answer {
    pub(super) fn text(status: u16, body: impl Into<String>) -> Self {
        let mut body = body.into();
        body.push('\n');
        Self {
            status,
            body,
            html: false,
        }
    }

    fn html(body: String) -> Self {
        Self {
            status: 200,
            body,
            html: true,
        }
    }
}

/// What a request asks for.
#[derive(Debug)]
pub(super) enum Request {
    Subscribe(Box<Subscribe>),
    /// The page or the name that it comes from is not answered.
    Refused(Refusal),
    Other(Answer),
}

impl Request {
    /// A head that is larger than any may be.
    pub(super) fn too_large() -> Self {
        let text = "the head of the request has more than 1048576 bytes";
        Self::Other(Answer::text(431, text))
    }

    /// What does not even begin as a request.
    pub(super) fn foreign() -> Self {
        Self::Other(Answer::text(400, "this is not a request"))
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

/// How requests are answered.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub(super) legacy: bool,
    /// What is served, for the page at `/`.
    pub(super) description: &'a str,
    /// Who is answered.
    pub(super) gate: &'a Gate,
}

/// Reads the head of a request, its last empty line included.
pub(super) fn parse(head: &[u8], rules: &Rules<'_>) -> Request {
    let Ok(http::Request {
        method,
        target,
        headers,
    }) = http::Request::parse(head)
    else {
        return Request::foreign();
    };
    let gate = rules.gate;
    let may_ask = gate
        .check_host(target, &headers)
        .and_then(|()| gate.check_origin(&headers));
    if let Err(refusal) = may_ask {
        return Request::Refused(refusal);
    }
    // A target may be absolute (RFC 9112, section 3.2.2).
    let target = target.strip_prefix("http://").map_or(target, |rest| {
        rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
    });
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !matches!(path, "/" | "/subscribe") {
        return Request::Other(Answer::text(404, "there are / and /subscribe"));
    }
    if method != "GET" {
        return Request::Other(Answer::text(405, "only GET"));
    }
    if path == "/" {
        let host = headers.texts("host").find(|host| is_host(host));
        return Request::Other(page(rules, host.unwrap_or("127.0.0.1:6008")));
    }
    subscribe(&headers, query, rules).map_or_else(Request::Other, |subscribe| {
        Request::Subscribe(Box::new(subscribe))
    })
}

fn subscribe(headers: &Headers<'_>, query: &str, rules: &Rules<'_>) -> Result<Subscribe, Answer> {
    let has = |name: &str, word: &str| {
        headers
            .texts(name)
            .flat_map(|value| value.split(','))
            .any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    let key = headers.texts("sec-websocket-key").next();
    let Some(key) = key.filter(|_| has("connection", "upgrade") && has("upgrade", "websocket"))
    else {
        return Err(Answer::text(426, "this is a WebSocket: ask for an upgrade"));
    };
    if !has("sec-websocket-version", "13") {
        return Err(Answer::text(426, "the WebSocket version has to be 13"));
    }
    let query =
        Query::parse(query, rules.legacy).map_err(|error| Answer::text(400, error.to_string()))?;
    let wants_zstd = query.compress
        || headers
            .texts("socket-encoding")
            .any(|value| value.contains("zstd"));
    let offers_deflate = headers
        .texts("sec-websocket-extensions")
        .any(|value| value.contains("permessage-deflate"));
    if wants_zstd && offers_deflate && !rules.legacy {
        return Err(Answer::text(
            400,
            "zstd and permessage-deflate together: offer one of them",
        ));
    }
    Ok(Subscribe {
        query,
        encoding: if wants_zstd && deflate::AVAILABLE {
            Encoding::Zstd
        } else {
            Encoding::Plain
        },
        accept: derive_accept_key(key.as_bytes()),
    })
}

/// Whether it can stand in a page and in a command as it is.
fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
}

fn page(rules: &Rules<'_>, host: &str) -> Answer {
    let description = escaped(rules.description);
    let wire = if rules.legacy {
        "as servers without numbers speak it"
    } else {
        "with numbers"
    };
    Answer::html(format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>A Jetstream of your own</title>\n\
         <h1>A Jetstream of your own</h1>\n\
         <p>This is a Jetstream on your machine, not the public network. \
         It serves {description} over the v1 wire, {wire}.</p>\n\
         <pre>rocketman tail ws://{host}/subscribe</pre>\n\
         <p>Any other Jetstream client does as well: <code>ws://{host}/subscribe</code></p>\n"
    ))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The answer that makes a WebSocket of the connection.
pub(super) fn switching(subscribe: &Subscribe) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n{}\r\n",
        subscribe.accept,
        date()
    )
}

/// Answers, and takes leave.
pub(super) async fn respond(stream: &mut TcpStream, answer: &Answer) -> io::Result<()> {
    let reason = match answer.status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Refused",
    };
    let more = match answer.status {
        405 => "Allow: GET\r\n",
        426 => "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        429 | 503 => "Retry-After: 1\r\n",
        _ => "",
    };
    let kind = if answer.html { "html" } else { "plain" };
    let text = format!(
        "HTTP/1.1 {} {reason}\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Length: {}\r\n{more}{}Connection: close\r\n\r\n{}",
        answer.status,
        answer.body.len(),
        date(),
        answer.body
    );
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    let drain = async { while matches!(stream.read(&mut rest).await, Ok(1..)) {} };
    // Whoever keeps sending has had time to read.
    timeout(DRAIN_TIMEOUT, drain).await.ok();
    Ok(())
}

/// The `Date` header, by which consumers know the server's clock.
fn date() -> String {
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&Timestamp::now())
        .map(|date| format!("Date: {date}\r\n"))
        .unwrap_or_default()
}
