//! The HTTP request that begins a connection: which wire it asks for, and what of it.
//!
//! Protocol reference, sections 1.3 and 1.4.

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

#[cfg(feature = "segments")]
use super::archive::Call;
use super::{
    answer::{Answer, date},
    deflate,
    encoding::{Encoding, Wire},
    health::Health,
    options::Query,
    v2,
};
use crate::{
    serve::listen::{Gate, Refusal},
    wire::{
        http::{self, Headers},
        v2::{DICTIONARY_PATH, SUBPROTOCOL, SUBSCRIBE_PATH, error},
    },
};

/// The largest head of a request: what Go's servers take (protocol reference, section 1.1).
pub(super) const LARGEST_HEAD: usize = 1024 * 1024;

/// A request to be upgraded.
#[derive(Debug)]
pub(super) struct Subscribe {
    pub(super) query: Query,
    pub(super) encoding: Encoding,
    accept: String,
    /// Whether the name of the wire was offered, and is sent back.
    is_named: bool,
}

/// What a request asks for.
#[derive(Debug)]
pub(super) enum Request {
    Subscribe(Box<Subscribe>),
    /// The page or the name that it comes from is not answered.
    Refused(Refusal),
    Other(Answer),
    /// A call of the archive, which other calls may follow.
    #[cfg(feature = "segments")]
    Call(Box<Call>),
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

/// How requests are answered.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub(super) legacy: bool,
    /// What is answered at `/healthz` and `/readyz`.
    pub(super) health: Health<'a>,
    /// What is served, for the page at `/`.
    pub(super) description: &'a str,
    /// Who is answered.
    pub(super) gate: &'a Gate,
    /// Whether there are files of which calls are answered.
    #[cfg(feature = "segments")]
    pub(super) has_archive: bool,
}

/// Reads the head of a request, its last empty line included.
pub(super) fn parse(head: &[u8], rules: &Rules<'_>) -> Request {
    let Ok(request) = http::Request::parse(head) else {
        return Request::foreign();
    };
    let (method, target, headers) = (request.method, request.target, &request.headers);
    let gate = rules.gate;
    let may_ask = gate
        .check_host(target, headers)
        .and_then(|()| gate.check_origin(headers));
    if let Err(refusal) = may_ask {
        return Request::Refused(refusal);
    }
    // A target may be absolute (RFC 9112, section 3.2.2).
    let target = target.strip_prefix("http://").map_or(target, |rest| {
        rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
    });
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let is_get = method == "GET";
    match path {
        "/" | "/healthz" | "/readyz" | "/subscribe" if !is_get => {
            Request::Other(Answer::text(405, "only GET"))
        }
        "/" => {
            let host = headers.texts("host").find(|host| is_host(host));
            Request::Other(page(rules, host.unwrap_or("127.0.0.1:6008")))
        }
        "/healthz" => Request::Other(rules.health.alive()),
        "/readyz" => Request::Other(rules.health.ready()),
        "/subscribe" => subscribe(headers, query, rules),
        path if path.starts_with("/xrpc/") && !rules.legacy => match path {
            SUBSCRIBE_PATH | DICTIONARY_PATH if !is_get => {
                let name = error::METHOD_NOT_ALLOWED;
                Request::Other(Answer::error(405, name, "only GET"))
            }
            SUBSCRIBE_PATH => subscribe_events(headers, query),
            DICTIONARY_PATH => Request::Other(v2::endpoint::answer(headers, query)),
            path => call(&request, path, query, rules),
        },
        _ => Request::Other(Answer::text(
            404,
            "there are /, /healthz, /readyz and /subscribe",
        )),
    }
}

/// A call of the archive, where there is one.
#[cfg(feature = "segments")]
fn call(request: &http::Request<'_>, path: &str, query: &str, rules: &Rules<'_>) -> Request {
    let call = rules.has_archive.then(|| Call::parse(request, path, query));
    match call.flatten() {
        Some(Ok(call)) => Request::Call(Box::new(call)),
        Some(Err(answer)) => Request::Other(answer),
        None => no_call(),
    }
}

#[cfg(not(feature = "segments"))]
fn call(_: &http::Request<'_>, _: &str, _: &str, _: &Rules<'_>) -> Request {
    no_call()
}

fn no_call() -> Request {
    let text = "there are subscribeEvents and getZstdDictionary, and the archive calls where segment files are served";
    Request::Other(Answer::error(501, error::METHOD_NOT_IMPLEMENTED, text))
}

/// A request for the v1 wire.
fn subscribe(headers: &Headers<'_>, query: &str, rules: &Rules<'_>) -> Request {
    let accept = match upgrade(headers) {
        Ok(accept) => accept,
        Err(answer) => return Request::Other(answer),
    };
    let query = match Query::parse(query, rules.legacy) {
        Ok(query) => query,
        Err(error) => return Request::Other(Answer::text(400, error.to_string())),
    };
    let wants_zstd = query.compress || wants_v1_zstd(headers);
    let offers_deflate = headers
        .texts("sec-websocket-extensions")
        .any(|value| value.contains("permessage-deflate"));
    if wants_zstd && offers_deflate && !rules.legacy {
        let text = "zstd and permessage-deflate together: offer one of them";
        return Request::Other(Answer::text(400, text));
    }
    Request::Subscribe(Box::new(Subscribe {
        query,
        encoding: Encoding::new(Wire::V1, wants_zstd && deflate::AVAILABLE),
        accept,
        is_named: false,
    }))
}

/// A request for the v2 wire.
fn subscribe_events(headers: &Headers<'_>, query: &str) -> Request {
    let query = match v2::query::parse(query, wants_v1_zstd(headers)) {
        Ok(query) => query,
        Err(error) => {
            return Request::Other(Answer::error(400, error.name(), &error.to_string()));
        }
    };
    let accept = match upgrade(headers) {
        Ok(accept) => accept,
        Err(answer) => return Request::Other(answer),
    };
    let offers = headers.texts("sec-websocket-protocol");
    let mut offers = offers.flat_map(|value| value.split(','));
    Request::Subscribe(Box::new(Subscribe {
        encoding: Encoding::new(Wire::V2, query.compress),
        query,
        accept,
        is_named: offers.any(|offer| offer.trim() == SUBPROTOCOL),
    }))
}

/// Whether compressed events are asked for by a header, as on the v1 wire.
fn wants_v1_zstd(headers: &Headers<'_>) -> bool {
    let mut values = headers.texts("socket-encoding");
    values.any(|value| value.contains("zstd"))
}

/// What an upgrade is accepted with.
fn upgrade(headers: &Headers<'_>) -> Result<String, Answer> {
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
    Ok(derive_accept_key(key.as_bytes()))
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
    let (wire, of_v2) = if rules.legacy {
        (
            "the v1 wire, as servers without numbers speak it",
            String::new(),
        )
    } else {
        let url = format!("ws://{host}{SUBSCRIBE_PATH}");
        ("the v1 and the v2 wire", format!(", or <code>{url}</code>"))
    };
    Answer::html(format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>A Jetstream of your own</title>\n\
         <h1>A Jetstream of your own</h1>\n\
         <p>This is a Jetstream on your machine, not the public network. \
         It serves {description} over {wire}.</p>\n\
         <pre>rocketman tail ws://{host}/subscribe</pre>\n\
         <p>Any other Jetstream client does as well: <code>ws://{host}/subscribe</code>{of_v2}</p>\n"
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
    let named = if subscribe.is_named {
        format!("Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n")
    } else {
        String::new()
    };
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n{named}{}\r\n",
        subscribe.accept,
        date()
    )
}
