//! The address of a server, as a user may write it: a service, which speaks what it speaks, or one
//! wire of it, exactly there.

use std::{fmt, str::FromStr};

use url::{Host, Url};

use super::SOURCE;
use crate::{
    error::ParseError,
    event::Origin,
    log::address::without_secrets,
    wire::{
        dial::{Address, is_loopback, proxy::Proxies},
        v2,
    },
};

/// The public instances that the official documentation lists, tried in this order: first the two
/// that also speak the v2 wire, then those of the v1 wire alone.
const PUBLIC: [&str; 4] = [
    "https://jetstream.us-east.bsky.network",
    "https://jetstream.us-west.bsky.network",
    "wss://jetstream1.us-west.bsky.network/subscribe",
    "wss://jetstream2.us-east.bsky.network/subscribe",
];

/// Why an address was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EndpointError {
    /// Not an address of a Jetstream server.
    #[error("'{0}' is not a source: write https://HOST, HOST[:PORT], or wss://HOST/subscribe")]
    NotASource(String),
    /// The address carries a query.
    #[error(
        "the address '{0}' carries a query: leave off all from the '?' on; what to read is said beside the address"
    )]
    Query(String),
    /// The address carries a user name or password, which would end up in process lists and logs.
    #[error(
        "the address of host '{0}' carries a user name or password: Jetstream takes none, leave it off"
    )]
    Secret(String),
}

impl EndpointError {
    /// What to write instead, where that can be told.
    fn hint(&self) -> Option<String> {
        let Self::NotASource(text) = self else {
            return None;
        };
        let (scheme, rest) = text.split_once("://")?;
        let (host, path) = rest.split_once('/')?;
        let web_socket = match scheme {
            "https" => "wss",
            "http" => "ws",
            _ => return None,
        };
        Some(format!(
            "leave the path off ({scheme}://{host}), or name the wire that is there: {web_socket}://{host}/{path}"
        ))
    }
}

impl From<EndpointError> for ParseError {
    fn from(error: EndpointError) -> Self {
        let hint = error.hint();
        Self::new(error).with_hint(hint)
    }
}

/// Which of the two wires is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WireVersion {
    V1,
    V2,
}

/// The path of the v1 wire.
const V1_PATH: &str = "/subscribe";

/// A service, or one wire of it at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    address: Address,
    /// Where exactly; a service is asked which wires it has.
    path: Option<String>,
    /// What positions call it, where that is not its address.
    name: Option<String>,
}

impl Endpoint {
    /// The public instances, in the order in which they are tried.
    pub fn public() -> Vec<Self> {
        PUBLIC
            .iter()
            .map(|url| Self::parse(url).expect("the list above holds valid addresses"))
            .collect()
    }

    /// Reads `https://HOST` or `HOST[:PORT]` (a service, by the v2 wire where it has that),
    /// `wss://HOST[:PORT]/xrpc/network.bsky.jetstream.subscribeEvents` (the v2 wire exactly there),
    /// or `wss://HOST[:PORT]/PATH` (the v1 wire exactly there; `/subscribe` where no path is given).
    ///
    /// Without a scheme TLS is used, except on loopback. `ws://` and `http://` never use it.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let refused = || ParseError::from(EndpointError::NotASource(without_secrets(text)));
        let has_scheme = text.contains("://");
        let url = if has_scheme {
            Url::parse(text)
        } else {
            Url::parse(&format!("wss://{text}"))
        };
        let url = url.map_err(|_| refused())?;
        let host = url.host().ok_or_else(refused)?.to_owned();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::Secret(host.to_string()).into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(EndpointError::Query(bare(&url)).into());
        }
        let has_path = !matches!(url.path(), "" | "/");
        let exactly = || Some(if has_path { url.path() } else { V1_PATH }.to_owned());
        let (secure, path) = match url.scheme() {
            "wss" if has_scheme => (true, exactly()),
            "ws" => (false, exactly()),
            "https" if !has_path => (true, None),
            "http" if !has_path => (false, None),
            "wss" if !has_path && looks_like_a_host(text, &host) => (!is_loopback(&host), None),
            _ => return Err(refused()),
        };
        let explicit = if has_scheme {
            url.port()
        } else {
            port_of(text)
        };
        Ok(Self {
            address: Address::new(secure, host, explicit),
            path,
            name: None,
        })
    }

    /// Has positions call it so, whatever its address: it serves the same stream under another one
    /// next time.
    #[must_use]
    pub fn named(self, name: String) -> Self {
        Self {
            name: Some(name),
            ..self
        }
    }

    /// The stream of this server, as positions name it: both wires of a service share it.
    pub fn origin(&self) -> Origin {
        Origin {
            source: SOURCE.into(),
            host: self.name.clone().unwrap_or_else(|| self.service()),
            instance: None,
        }
    }

    /// The service that an origin names: until it was, positions named a path of it.
    pub(super) fn service_of(host: &str) -> String {
        match Self::parse(host) {
            Ok(endpoint) if host.contains("://") => endpoint.service(),
            _ => host.to_owned(),
        }
    }

    fn service(&self) -> String {
        self.address.to_string()
    }

    /// Whether it is a service, whatever wires that has, and not one wire of it.
    pub fn is_service(&self) -> bool {
        self.path.is_none()
    }

    /// Whether TLS is used.
    pub fn is_secure(&self) -> bool {
        self.address.is_secure()
    }

    /// Where the server is.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// The host as a resolver takes it: without brackets.
    pub(super) fn host(&self) -> String {
        self.address.host()
    }

    /// The wire that the address names; `None` for a service, which may have both.
    pub(super) fn wire(&self) -> Option<WireVersion> {
        let path = self.path.as_ref()?;
        Some(if path.ends_with(v2::SUBSCRIBE_PATH) {
            WireVersion::V2
        } else {
            WireVersion::V1
        })
    }

    /// Where one of its wires is.
    pub(super) fn path(&self, wire: WireVersion) -> &str {
        match (&self.path, wire) {
            (Some(path), _) => path,
            (None, WireVersion::V1) => V1_PATH,
            (None, WireVersion::V2) => v2::SUBSCRIBE_PATH,
        }
    }

    /// Where its dictionary is: beside the v2 wire.
    pub(super) fn dictionary_path(&self) -> String {
        let path = self.path(WireVersion::V2);
        let before = path.strip_suffix(v2::SUBSCRIBE_PATH).unwrap_or_default();
        format!("{before}{}", v2::DICTIONARY_PATH)
    }

    /// The shortest text that [`Endpoint::parse`] reads as this endpoint.
    pub fn shortest(&self) -> String {
        let whole = self.to_string();
        let scheme = match (&self.path, self.is_secure()) {
            (None, true) => "https://",
            (None, false) => "http://",
            (Some(_), true) => "wss://",
            (Some(_), false) => "ws://",
        };
        let authority = self.authority();
        let candidates = [authority.clone(), format!("{scheme}{authority}")];
        let means_the_same = |text: &String| Self::parse(text).as_ref() == Ok(self);
        candidates.into_iter().find(means_the_same).unwrap_or(whole)
    }

    /// `HOST[:PORT]` as a `Host` header carries it.
    pub(in crate::source) fn authority(&self) -> String {
        self.address.authority()
    }
}

impl Proxies {
    /// Whether the way to every one of these endpoints is known: fails where one would go through a
    /// proxy that cannot be used.
    pub fn check<'a>(
        &self,
        endpoints: impl IntoIterator<Item = &'a Endpoint>,
    ) -> Result<(), ParseError> {
        let mut endpoints = endpoints.into_iter();
        let way = |endpoint: &Endpoint| self.for_address(&endpoint.address, endpoint).map(drop);
        endpoints.try_for_each(way).map_err(ParseError::new)
    }
}

/// See [`Endpoint::parse`].
impl FromStr for Endpoint {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(path) = &self.path else {
            return f.write_str(&self.service());
        };
        let scheme = if self.is_secure() { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{path}", self.authority())
    }
}

/// A bare word such as `jetstream` is more likely a mistyped command or file than a host.
fn looks_like_a_host(text: &str, host: &Host<String>) -> bool {
    !matches!(host, Host::Domain(name) if !name.contains('.') && name != "localhost" && port_of(text).is_none())
}

/// The port at the end of `HOST:PORT`; the URL parser drops one that is its scheme's default.
fn port_of(text: &str) -> Option<u16> {
    let authority = text.trim_end_matches('/');
    let (host, port) = authority.rsplit_once(':')?;
    (!host.contains(':') || host.ends_with(']'))
        .then(|| port.parse().ok())
        .flatten()
}

fn bare(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

#[cfg(test)]
mod tests;
