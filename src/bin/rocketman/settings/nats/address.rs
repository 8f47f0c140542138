//! The address of a stream or of a key, as a user may write it.

use std::fmt;

use rocketman::Shown;
use url::{Url, form_urlencoded};

use super::ServerError;

/// What may stand before `://`, and what it means to the client library.
const SCHEMES: [(&str, &str); 7] = [
    ("nats", "nats"),
    ("tls", "tls"),
    ("ws", "ws"),
    ("wss", "wss"),
    ("nats+tls", "tls"),
    ("nats+ws", "ws"),
    ("nats+wss", "wss"),
];

/// The longest name of a stream that a server takes.
const MAX_NAME_BYTES: usize = 255;

/// The longest subject that is taken as a prefix or filter, so that what is appended to it still
/// fits into a line of the wire.
const MAX_SUBJECT_BYTES: usize = 1024;

/// What the address of a key is called, and what it looks like.
const KEY: &str = "the address of a key";
const KEY_EXAMPLE: &str = "nats://HOST/BUCKET/KEY, or nats:BUCKET/KEY";

/// A stream of a NATS server, and what of it:
/// `nats://HOST[:PORT][,HOST…]/STREAM?subject=SUBJECT[&subject=…]`, or `nats:STREAM` for the
/// servers of the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamAddress {
    /// The servers, each as `nats://HOST:PORT`, `tls://…`, `ws://…` or `wss://…`; none for those of
    /// the context or of the environment.
    pub(crate) servers: Vec<String>,
    /// The name of the stream.
    pub(crate) stream: String,
    /// The subjects: for a source filters, of which a message needs one, and for a sink a prefix.
    pub(crate) subjects: Vec<String>,
    /// The context to use instead of the selected one.
    pub(crate) context: Option<String>,
}

/// A key in a bucket of a NATS server: `nats://HOST[:PORT][,HOST…]/BUCKET/KEY`, or
/// `nats:BUCKET/KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyAddress {
    /// The servers, each as `nats://HOST:PORT`, `tls://…`, `ws://…` or `wss://…`; none for those of
    /// the context or of the environment.
    pub(crate) servers: Vec<String>,
    /// The name of the bucket.
    pub(crate) bucket: String,
    /// The key in it.
    pub(crate) key: String,
    /// The context to use instead of the selected one.
    pub(crate) context: Option<String>,
}

impl StreamAddress {
    /// Whether a text is meant to be an address of NATS; `ws://` and `wss://` alone are not, for
    /// those may be a Jetstream.
    pub(crate) fn is_meant(text: &str) -> bool {
        ["nats:", "nats+", "tls://"]
            .iter()
            .any(|start| text.starts_with(start))
    }

    /// Reads an address.
    pub(crate) fn parse(text: &str) -> Result<Self, ServerError> {
        let parts = Parts::split(
            text,
            "the address of a stream",
            "nats://HOST/STREAM?subject=SUBJECT, or nats:STREAM",
        )?;
        let mut subjects: Vec<String> = Vec::new();
        let mut context = Vec::new();
        let places = [("subject", &mut subjects), ("context", &mut context)];
        parts.query(places, "subject and context")?;
        let stream = parts.path;
        let is_name = (1..=MAX_NAME_BYTES).contains(&stream.len())
            && stream
                .chars()
                .all(|c| !c.is_whitespace() && !c.is_control() && !"./\\*>".contains(c));
        if !is_name {
            return Err(ServerError::Stream(shown(stream)));
        }
        if let Some(subject) = subjects.iter().find(|subject| !is_subject(subject)) {
            return Err(ServerError::Subject(shown(subject)));
        }
        Ok(Self {
            servers: parts.servers,
            stream: stream.to_owned(),
            subjects,
            context: single("context", context)?,
        })
    }
}

impl KeyAddress {
    /// Reads an address.
    pub(crate) fn parse(text: &str) -> Result<Self, ServerError> {
        let parts = Parts::split(text, KEY, KEY_EXAMPLE)?;
        let mut context = Vec::new();
        parts.query([("context", &mut context)], "context")?;
        let refused = || ServerError::NoAddress {
            text: shown(text),
            what: KEY,
            example: KEY_EXAMPLE,
        };
        let (bucket, key) = parts.path.split_once('/').ok_or_else(refused)?;
        Ok(Self {
            servers: parts.servers,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            context: single("context", context)?,
        })
    }
}

impl fmt::Display for StreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.servers[..] {
            [] => write!(f, "nats:{}", self.stream),
            named => write!(f, "{}/{}", named.join(","), self.stream),
        }
    }
}

impl fmt::Display for KeyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.servers[..] {
            [] => write!(f, "nats:{}/{}", self.bucket, self.key),
            named => write!(f, "{}/{}/{}", named.join(","), self.bucket, self.key),
        }
    }
}

/// An address taken apart.
struct Parts<'a> {
    servers: Vec<String>,
    path: &'a str,
    query: &'a str,
}

impl<'a> Parts<'a> {
    fn split(
        text: &'a str,
        what: &'static str,
        example: &'static str,
    ) -> Result<Self, ServerError> {
        let refused = || ServerError::NoAddress {
            text: shown(text),
            what,
            example,
        };
        let (location, query) = text.split_once('?').unwrap_or((text, ""));
        if location.contains('#') || query.contains('#') {
            return Err(refused());
        }
        let Some((scheme, rest)) = location.split_once("://") else {
            let path = location.strip_prefix("nats:").ok_or_else(refused)?;
            return Ok(Self {
                servers: Vec::new(),
                path,
                query,
            });
        };
        let (authorities, path) = split_path(rest).ok_or_else(refused)?;
        let servers = authorities
            .split(',')
            .map(|authority| {
                let (scheme, authority) = authority
                    .trim()
                    .split_once("://")
                    .unwrap_or((scheme, authority.trim()));
                server(scheme, authority)?.ok_or_else(refused)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let n_websockets = servers.iter().filter(|url| url.starts_with("ws")).count();
        if n_websockets != 0 && n_websockets != servers.len() {
            return Err(ServerError::Mixed(servers.join(",")));
        }
        Ok(Self {
            servers,
            path,
            query,
        })
    }

    /// Puts the values of these parameters into their places; there may be no others, and no value
    /// twice.
    fn query<const N: usize>(
        &self,
        places: [(&str, &mut Vec<String>); N],
        known: &'static str,
    ) -> Result<(), ServerError> {
        let mut places = places;
        for (name, value) in form_urlencoded::parse(self.query.as_bytes()) {
            let place = places.iter_mut().find(|(known, _)| *known == name);
            let Some((_, values)) = place else {
                return Err(ServerError::Parameter {
                    name: shown(&name),
                    known,
                });
            };
            if values.iter().any(|known| *known == value) {
                return Err(ServerError::Twice(shown(&name)));
            }
            values.push(value.into_owned());
        }
        Ok(())
    }
}

/// The value of a parameter that has only one.
fn single(name: &str, values: Vec<String>) -> Result<Option<String>, ServerError> {
    let mut values = values.into_iter();
    let value = values.next();
    match values.next() {
        None => Ok(value),
        Some(_) => Err(ServerError::Twice(name.to_owned())),
    }
}

/// The servers, and what follows the first slash that is not a scheme's.
fn split_path(rest: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let slash = from + rest.get(from..)?.find('/')?;
        if rest.get(..slash)?.ends_with(':') && rest.get(slash..)?.starts_with("//") {
            from = slash + 2;
            continue;
        }
        return Some((rest.get(..slash)?, rest.get(slash + 1..)?));
    }
}

/// One server as the client library takes it; `None` where it is malformed.
pub(super) fn server(scheme: &str, authority: &str) -> Result<Option<String>, ServerError> {
    let known = SCHEMES.iter().find(|(typed, _)| *typed == scheme);
    let Some((_, scheme)) = known else {
        return Ok(None);
    };
    if let Some((_, host)) = authority.rsplit_once('@') {
        return Err(ServerError::Secret(shown(host)));
    }
    // A port that is the default of http would be dropped by the parser under that scheme, and by
    // no other.
    let Ok(url) = Url::parse(&format!("{scheme}://{authority}")) else {
        return Ok(None);
    };
    let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
        return Ok(None);
    };
    if !matches!(url.path(), "" | "/") || url.query().is_some() {
        return Ok(None);
    }
    let default = match *scheme {
        "ws" => 80,
        "wss" => 443,
        _ => 4222,
    };
    let port = url.port().unwrap_or(default);
    Ok(Some(format!("{scheme}://{host}:{port}")))
}

/// What was typed, without what may be secret.
fn shown(text: &str) -> String {
    Shown::address(text).to_string()
}

/// Words separated by dots; `*` and `>` may be among them.
fn is_subject(text: &str) -> bool {
    text.len() <= MAX_SUBJECT_BYTES
        && text.split('.').all(|word| {
            !word.is_empty() && word.chars().all(|c| !c.is_whitespace() && !c.is_control())
        })
}

#[cfg(test)]
mod tests;
