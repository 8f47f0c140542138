//! The address of a server, as a user may write it.

use std::{fmt, net::IpAddr, str::FromStr};

use url::{Host, Url};

use super::SOURCE;
use crate::{address::without_secrets, event::Origin};

/// The public instances that the official documentation lists, tried in this order: first the two
/// that also speak the v2 wire, then those of the v1 wire alone.
const PUBLIC: [&str; 4] = [
    "wss://jetstream.us-east.bsky.network/subscribe",
    "wss://jetstream.us-west.bsky.network/subscribe",
    "wss://jetstream1.us-west.bsky.network/subscribe",
    "wss://jetstream2.us-east.bsky.network/subscribe",
];

/// Why an address was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Not an address of a Jetstream server.
    #[error("'{0}' is not a source: write wss://HOST/subscribe, https://HOST, or HOST[:PORT]")]
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

/// One server and path of the v1 wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    secure: bool,
    host: Host<String>,
    port: u16,
    path: String,
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

    /// Reads `wss://HOST[:PORT]/PATH` (the v1 wire exactly there), `https://HOST`, or `HOST[:PORT]`
    /// (its `/subscribe`).
    ///
    /// Without a scheme TLS is used, except on loopback. `ws://` and `http://` never use it.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let refused = || EndpointError::NotASource(without_secrets(text));
        let has_scheme = text.contains("://");
        let url = if has_scheme {
            Url::parse(text)
        } else {
            Url::parse(&format!("wss://{text}"))
        };
        let url = url.map_err(|_| refused())?;
        let host = url.host().ok_or_else(refused)?.to_owned();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::Secret(host.to_string()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(EndpointError::Query(bare(&url)));
        }
        let has_path = !matches!(url.path(), "" | "/");
        let (secure, path) = match url.scheme() {
            "wss" if has_scheme => (true, url.path()),
            "ws" => (false, url.path()),
            "https" if !has_path => (true, ""),
            "http" if !has_path => (false, ""),
            "wss" if !has_path && looks_like_a_host(text, &host) => (!is_loopback(&host), ""),
            _ => return Err(refused()),
        };
        let path = if has_path { path } else { "/subscribe" };
        let explicit = if has_scheme {
            url.port()
        } else {
            port_of(text)
        };
        let port = explicit.unwrap_or(if secure { 443 } else { 80 });
        Ok(Self {
            secure,
            host,
            port,
            path: path.to_owned(),
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

    /// The stream of this server, as positions name it.
    pub fn origin(&self) -> Origin {
        Origin {
            source: SOURCE.into(),
            host: self.name.clone().unwrap_or_else(|| self.to_string()),
            instance: None,
        }
    }

    /// Whether TLS is used.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host as a resolver takes it: without brackets.
    pub(super) fn host(&self) -> String {
        match &self.host {
            Host::Ipv6(address) => address.to_string(),
            other => other.to_string(),
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// The shortest text that [`Endpoint::parse`] reads as this endpoint.
    pub fn shortest(&self) -> String {
        let whole = self.to_string();
        let scheme = if self.secure { "wss://" } else { "ws://" };
        let authority = self.authority();
        let candidates = [authority.clone(), format!("{scheme}{authority}")];
        let means_the_same = |text: &String| Self::parse(text).as_ref() == Ok(self);
        candidates.into_iter().find(means_the_same).unwrap_or(whole)
    }

    /// `HOST[:PORT]` as a `Host` header carries it.
    pub(super) fn authority(&self) -> String {
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => self.host.to_string(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

/// See [`Endpoint::parse`].
impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        Self::parse(text)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
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

fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback(),
    }
}

fn bare(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, EndpointError> {
        text.parse::<Endpoint>()
            .map(|endpoint| endpoint.to_string())
    }

    #[test]
    fn addresses_are_read_as_the_grammar_says() {
        let cases = [
            (
                "wss://jetstream.example/subscribe",
                "wss://jetstream.example/subscribe",
            ),
            (
                "wss://jetstream.example",
                "wss://jetstream.example/subscribe",
            ),
            (
                "wss://jetstream.example:8443/other",
                "wss://jetstream.example:8443/other",
            ),
            (
                "ws://127.0.0.1:6008/subscribe",
                "ws://127.0.0.1:6008/subscribe",
            ),
            (
                "https://jetstream.example",
                "wss://jetstream.example/subscribe",
            ),
            (
                "http://jetstream.example:81/",
                "ws://jetstream.example:81/subscribe",
            ),
            ("jetstream.example", "wss://jetstream.example/subscribe"),
            ("jetstream.example:443", "wss://jetstream.example/subscribe"),
            ("localhost:8080", "ws://localhost:8080/subscribe"),
            ("jetstream:6008", "wss://jetstream:6008/subscribe"),
            ("127.0.0.1:443", "ws://127.0.0.1:443/subscribe"),
            ("[::1]:8080", "ws://[::1]:8080/subscribe"),
        ];
        for (text, expected) in cases {
            assert_eq!(parsed(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn the_shortest_text_means_the_same() {
        let cases = [
            ("wss://jetstream.example/subscribe", "jetstream.example"),
            ("wss://jetstream.example:8443", "jetstream.example:8443"),
            (
                "wss://jetstream.example/other",
                "wss://jetstream.example/other",
            ),
            ("wss://jetstream", "wss://jetstream"),
            ("ws://jetstream.example", "ws://jetstream.example"),
            ("ws://127.0.0.1:6008/subscribe", "127.0.0.1:6008"),
            ("ws://[::1]/subscribe", "[::1]"),
            ("wss://localhost:8080/subscribe", "wss://localhost:8080"),
        ];
        for (text, expected) in cases {
            assert_eq!(Endpoint::parse(text).unwrap().shortest(), expected);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_forms() {
        for bad in [
            "",
            "posts",
            "ftp://x.example",
            "wss://",
            "wss://a b",
            "host:99999",
            "https://x.example/xrpc",
            "x.example/y",
            "a\u{1b}.b c",
        ] {
            assert!(
                matches!(parsed(bad), Err(EndpointError::NotASource(_))),
                "{bad:?}: {:?}",
                parsed(bad)
            );
        }
    }

    #[test]
    fn a_query_or_secret_in_the_address_is_refused_and_not_shown() {
        let query = parsed("wss://x.example/subscribe?wantedCollections=app.bsky.feed.post");
        assert_eq!(
            query,
            Err(EndpointError::Query("wss://x.example/subscribe".to_owned()))
        );
        let secret =
            parsed("wss://me:hunter2@x.example/subscribe").map_err(|error| error.to_string());
        assert!(secret.is_err_and(|message| !message.contains("hunter2") && message.contains("x.example")));
    }

    #[test]
    fn a_secret_is_not_repeated_either_where_the_address_is_none() {
        for (text, expected) in [
            (
                "wss://me:hunter2@x.example:99999/y",
                "wss://…@x.example:99999/y",
            ),
            ("wss://me:hunter2@", "wss://…@"),
            ("me:hunter2@x y", "…@x y"),
            ("wss://me:hunt?er@2@x y", "wss://…"),
            (
                "wss://x.example:99999/?token=hunter2",
                "wss://x.example:99999/?…",
            ),
            ("file://me:hunter2@x.example", "file://…@x.example"),
            ("me:hunter2@x://y:99999", "…@x://y:99999"),
        ] {
            let refused = Err(EndpointError::NotASource(expected.to_owned()));
            assert_eq!(parsed(text), refused, "{text}");
        }
    }

    #[test]
    fn the_public_list_is_usable() {
        let public = Endpoint::public();
        let hosts: Vec<_> = public.iter().map(Endpoint::host).collect();
        assert_eq!(
            hosts,
            [
                "jetstream.us-east.bsky.network",
                "jetstream.us-west.bsky.network",
                "jetstream1.us-west.bsky.network",
                "jetstream2.us-east.bsky.network",
            ]
        );
        assert!(public.iter().all(Endpoint::is_secure));
    }
}
