//! The address of a stream or of a key, as a user may write it.

use std::{fmt, str::FromStr};

use url::{Url, form_urlencoded};

use super::NatsError;
use crate::{address::without_secrets, error::ParseError};

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

/// The longest name of a stream or bucket that a server takes.
const MAX_NAME_BYTES: usize = 255;

/// The longest subject that is taken as a prefix or filter, so that what is appended to it still
/// fits into a line of the wire.
const MAX_SUBJECT_BYTES: usize = 1024;

/// Why an address was refused. No text of it shows what may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AddressError {
    /// Not an address of NATS.
    #[error("'{text}' is not {what}: write {example}")]
    NotOne {
        /// What was typed.
        text: String,
        /// What it was to be.
        what: &'static str,
        /// What that looks like.
        example: &'static str,
    },
    /// The address carries a user name, a password or a token, which would end up in process lists
    /// and logs.
    #[error("the address of host '{0}' carries a user name, password or token")]
    Secret(String),
    /// The servers do not speak the same.
    #[error(
        "'{0}' mixes WebSocket servers with others: a connection moves between servers of one kind"
    )]
    Mixed(String),
    /// A name that no stream can have.
    #[error(
        "'{0}' is not the name of a stream: it has to be of printable characters, without blanks, dots, '*', '>' and slashes"
    )]
    Stream(String),
    /// A malformed subject.
    #[error("'{0}' is not a subject: it has to be of words separated by dots, without blanks")]
    Subject(String),
    /// A bucket or a key that cannot be.
    #[error(
        "'{0}' is not a bucket and a key: a bucket is of letters, digits, '-' and '_'; a key may hold '/', '=' and '.' too"
    )]
    Key(String),
    /// A query parameter that there is not.
    #[error("the address has no parameter '{name}'; there is {known}")]
    Unknown {
        /// The parameter.
        name: String,
        /// Those that there are.
        known: &'static str,
    },
    /// The same parameter again.
    #[error("the parameter '{0}' is there twice")]
    Twice(String),
}

impl From<AddressError> for NatsError {
    fn from(error: AddressError) -> Self {
        let text = ParseError::new(&error);
        match error {
            AddressError::Secret(_) => Self::SecretInAddress(text),
            _ => Self::Address(text),
        }
    }
}

/// A stream of a NATS server, and what of it:
/// `nats://HOST[:PORT][,HOST…]/STREAM?subject=SUBJECT[&subject=…]`, or `nats:STREAM` for the
/// servers of the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAddress {
    /// The servers, each as `nats://HOST:PORT`, `tls://…`, `ws://…` or `wss://…`; none for those of
    /// the context or of the environment.
    pub servers: Vec<String>,
    /// The name of the stream.
    pub stream: String,
    /// The subjects: for a source filters, of which a message needs one, and for a sink a prefix.
    pub subjects: Vec<String>,
    /// The context to use instead of the selected one.
    pub context: Option<String>,
}

/// A key in a bucket of a NATS server: `nats://HOST[:PORT][,HOST…]/BUCKET/KEY`, or
/// `nats:BUCKET/KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAddress {
    /// The servers, each as `nats://HOST:PORT`, `tls://…`, `ws://…` or `wss://…`; none for those of
    /// the context or of the environment.
    pub servers: Vec<String>,
    /// The name of the bucket.
    pub bucket: String,
    /// The key in it.
    pub key: String,
    /// The context to use instead of the selected one.
    pub context: Option<String>,
}

impl StreamAddress {
    /// Whether a text is meant to be an address of NATS; `ws://` and `wss://` alone are not, for
    /// those may be a Jetstream.
    pub fn is_meant(text: &str) -> bool {
        ["nats:", "nats+", "tls://"]
            .iter()
            .any(|start| text.starts_with(start))
    }

    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, NatsError> {
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
            return Err(AddressError::Stream(without_secrets(stream)).into());
        }
        if let Some(subject) = subjects.iter().find(|subject| !is_subject(subject)) {
            return Err(AddressError::Subject(without_secrets(subject)).into());
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
    pub fn parse(text: &str) -> Result<Self, NatsError> {
        let parts = Parts::split(
            text,
            "the address of a key",
            "nats://HOST/BUCKET/KEY, or nats:BUCKET/KEY",
        )?;
        let mut context = Vec::new();
        parts.query([("context", &mut context)], "context")?;
        let refused = || AddressError::Key(without_secrets(parts.path));
        let (bucket, key) = parts.path.split_once('/').ok_or_else(refused)?;
        let is_bucket = (1..=MAX_NAME_BYTES - 3).contains(&bucket.len())
            && bucket
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let is_key = key.len() <= MAX_SUBJECT_BYTES
            && key.split('.').all(|word| !word.is_empty())
            && key
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_/=.".contains(&byte));
        if !is_bucket || !is_key {
            return Err(refused().into());
        }
        Ok(Self {
            servers: parts.servers,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            context: single("context", context)?,
        })
    }
}

/// See [`StreamAddress::parse`].
impl FromStr for StreamAddress {
    type Err = NatsError;

    fn from_str(text: &str) -> Result<Self, NatsError> {
        Self::parse(text)
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

/// See [`KeyAddress::parse`].
impl FromStr for KeyAddress {
    type Err = NatsError;

    fn from_str(text: &str) -> Result<Self, NatsError> {
        Self::parse(text)
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
    ) -> Result<Self, AddressError> {
        let refused = || AddressError::NotOne {
            text: without_secrets(text),
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
            return Err(AddressError::Mixed(servers.join(",")));
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
    ) -> Result<(), AddressError> {
        let mut places = places;
        for (name, value) in form_urlencoded::parse(self.query.as_bytes()) {
            let place = places.iter_mut().find(|(known, _)| *known == name);
            let Some((_, values)) = place else {
                return Err(AddressError::Unknown {
                    name: without_secrets(&name),
                    known,
                });
            };
            if values.iter().any(|known| *known == value) {
                return Err(AddressError::Twice(without_secrets(&name)));
            }
            values.push(value.into_owned());
        }
        Ok(())
    }
}

/// The value of a parameter that has only one.
fn single(name: &str, values: Vec<String>) -> Result<Option<String>, AddressError> {
    let mut values = values.into_iter();
    let value = values.next();
    match values.next() {
        None => Ok(value),
        Some(_) => Err(AddressError::Twice(name.to_owned())),
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
pub(super) fn server(scheme: &str, authority: &str) -> Result<Option<String>, AddressError> {
    let known = SCHEMES.iter().find(|(typed, _)| *typed == scheme);
    let Some((_, scheme)) = known else {
        return Ok(None);
    };
    if let Some((_, host)) = authority.rsplit_once('@') {
        return Err(AddressError::Secret(without_secrets(host)));
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

/// Words separated by dots; `*` and `>` may be among them.
fn is_subject(text: &str) -> bool {
    text.len() <= MAX_SUBJECT_BYTES
        && text.split('.').all(|word| {
            !word.is_empty() && word.chars().all(|c| !c.is_whitespace() && !c.is_control())
        })
}

#[cfg(test)]
mod tests;
