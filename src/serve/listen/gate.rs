//! Which names and which pages are answered.
//!
//! A browser lets any page open a WebSocket and says whose page it is (`Origin`). It also lets a
//! page's own name lead to this machine (DNS rebinding): then what listens on a loopback address is
//! asked for by a name that is not this machine's (`Host`).

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use crate::{log::address::without_secrets, wire::http::Headers};

/// Why what was to be allowed is no host or no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// Not a host.
    #[error("'{0}' is not a host: write NAME, NAME:PORT, *.NAME, or * for any")]
    Host(String),
    /// Not an origin.
    #[error(
        "'{0}' is not an origin: write it as browsers do, https://app.example, null, or * for any"
    )]
    Origin(String),
}

/// Hosts that a listener on a loopback address answers to, beside the machine's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    host: AllowedHost,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum AllowedHost {
    Any,
    Exactly(String),
    /// With its dot in front.
    Below(String),
}

impl HostPattern {
    /// Reads `NAME`, `NAME:PORT`, `*.NAME` or `*`.
    pub fn parse(text: &str) -> Result<Self, GateError> {
        let error = || GateError::Host(without_secrets(text));
        let Host { name, port } = Host::parse(text).ok_or_else(error)?;
        let host = match name.strip_prefix('*') {
            Some("") => AllowedHost::Any,
            Some(below) if below.strip_prefix('.').is_some_and(is_name) => {
                AllowedHost::Below(below.to_owned())
            }
            None if is_name(&name) || address(&name).is_some() => AllowedHost::Exactly(name),
            _ => return Err(error()),
        };
        Ok(Self { host, port })
    }

    fn has(&self, host: &Host) -> bool {
        let is_host = match &self.host {
            AllowedHost::Any => true,
            AllowedHost::Exactly(name) => *name == host.name,
            AllowedHost::Below(end) => {
                host.name.len() > end.len() && host.name.ends_with(end.as_str())
            }
        };
        is_host && self.port.is_none_or(|port| host.port == Some(port))
    }
}

/// See [`HostPattern::parse`].
impl FromStr for HostPattern {
    type Err = GateError;

    fn from_str(text: &str) -> Result<Self, GateError> {
        Self::parse(text)
    }
}

/// Origins whose pages a listener answers, beside those of this machine and its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern(AllowedOrigin);

#[derive(Debug, Clone, PartialEq, Eq)]
enum AllowedOrigin {
    Any,
    Exactly(Origin),
}

impl OriginPattern {
    /// Reads `https://app.example`, `null` or `*`.
    pub fn parse(text: &str) -> Result<Self, GateError> {
        if text == "*" {
            return Ok(Self(AllowedOrigin::Any));
        }
        // As it stands in the address line of a browser.
        let without_slash = text.strip_suffix('/').filter(|text| !text.ends_with('/'));
        let origin = Origin::parse(without_slash.unwrap_or(text));
        let origin = origin.ok_or_else(|| GateError::Origin(without_secrets(text)))?;
        Ok(Self(AllowedOrigin::Exactly(origin)))
    }

    fn has(&self, origin: Option<&Origin>) -> bool {
        match &self.0 {
            AllowedOrigin::Any => true,
            AllowedOrigin::Exactly(allowed) => Some(allowed) == origin,
        }
    }
}

/// See [`OriginPattern::parse`].
impl FromStr for OriginPattern {
    type Err = GateError;

    fn from_str(text: &str) -> Result<Self, GateError> {
        Self::parse(text)
    }
}

/// What a host header says: a name in lower case without its last dot, or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Host {
    name: String,
    port: Option<u16>,
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        let is_v6 = text.starts_with('[');
        let end = if is_v6 {
            text.find(']')? + 1
        } else {
            text.find(':').unwrap_or(text.len())
        };
        let (name, port) = text.split_at(end);
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            Some("") => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            _ => return None,
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        (!name.is_empty()).then_some(Self { name, port })
    }

    /// Whether it can only be this machine, or an address: no name that a stranger can point
    /// anywhere.
    fn is_own(&self) -> bool {
        address(&self.name).is_some() || is_localhost(&self.name)
    }

    fn is_loopback(&self) -> bool {
        is_localhost(&self.name) || address(&self.name).is_some_and(is_loopback)
    }
}

/// What an origin header says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// A page that is nobody's: of a file, or within a sandbox.
    Null,
    Page {
        scheme: String,
        /// None where the scheme has none, as `file://`.
        host: Option<Host>,
    },
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("null") {
            return Some(Self::Null);
        }
        let (scheme, rest) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        if !is_scheme {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        if rest.is_empty() {
            return Some(Self::Page { scheme, host: None });
        }
        let mut host = Host::parse(rest)?;
        if !is_name(&host.name) && address(&host.name).is_none() {
            return None;
        }
        host.port = host.port.or(default_port(&scheme));
        Some(Self::Page {
            scheme,
            host: Some(host),
        })
    }

    /// Whether it is a page of this machine, or one that came from the same host and port as what
    /// it asks for.
    fn is_own(&self, asked: Option<&Host>) -> bool {
        let Self::Page {
            scheme,
            host: Some(host),
        } = self
        else {
            return false;
        };
        let is_same = |asked: &Host| {
            // What is in front of us may speak TLS, so the port that is left out is that of the
            // page.
            asked.name == host.name && asked.port.or(default_port(scheme)) == host.port
        };
        host.is_loopback() || asked.is_some_and(is_same)
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// The address that a host is, an IPv6 one in its brackets.
fn address(host: &str) -> Option<IpAddr> {
    let Some(inside) = host.strip_prefix('[') else {
        return host.parse::<Ipv4Addr>().ok().map(IpAddr::V4);
    };
    let inside = inside.strip_suffix(']')?;
    // A zone names an interface of the client (RFC 6874).
    let inside = inside.split('%').next()?;
    inside.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// Whether an address is this machine's own, and no other's.
fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Names that resolvers keep to this machine (RFC 6761, section 6.3).
fn is_localhost(name: &str) -> bool {
    name.strip_suffix("localhost")
        .is_some_and(|before| before.is_empty() || (before.len() > 1 && before.ends_with('.')))
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

/// At most 100 characters, escaped.
fn shown(text: &str) -> String {
    text.chars()
        .take(100)
        .flat_map(char::escape_debug)
        .collect()
}

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has several hosts.
    Hosts,
    /// It asks for a name that may be anybody's.
    Host(String),
    /// It comes from a page of somebody else.
    Origin(String),
}

impl Refusal {
    /// The setting that allows it, where one does.
    pub(crate) fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Hosts => None,
            Self::Host(_) => Some("allowed_hosts"),
            Self::Origin(_) => Some("allowed_origins"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hosts => write!(f, "there is more than one Host header"),
            Self::Host(host) => write!(
                f,
                "'{host}' is not answered at a loopback address, where only addresses and localhost are: ask for localhost, or add it to the allowed hosts"
            ),
            Self::Origin(origin) => write!(
                f,
                "pages of '{origin}' are not answered: add it to the allowed origins"
            ),
        }
    }
}

/// The rules of one listener.
#[derive(Debug)]
pub(crate) struct Gate {
    is_loopback: bool,
    hosts: Vec<HostPattern>,
    origins: Vec<OriginPattern>,
}

impl Gate {
    /// For a listener at this address.
    pub(crate) fn new(
        listener: IpAddr,
        hosts: Vec<HostPattern>,
        origins: Vec<OriginPattern>,
    ) -> Self {
        Self {
            is_loopback: is_loopback(listener),
            hosts,
            origins,
        }
    }

    /// Looks at the host that a request asks for, in its header and in its target. What names none
    /// is no browser, and passes.
    pub(crate) fn check_host(&self, target: &str, headers: &Headers<'_>) -> Result<(), Refusal> {
        let mut hosts = values(headers, "host");
        let header = hosts.next();
        if hosts.next().is_some() {
            return Err(Refusal::Hosts);
        }
        let is_answered = |text: &str| {
            let host = Host::parse(text);
            let is_allowed = |host: &Host| self.hosts.iter().any(|allowed| allowed.has(host));
            text.is_empty() || host.is_some_and(|host| host.is_own() || is_allowed(&host))
        };
        for text in header.iter().map(String::as_str).chain(authority(target)) {
            if self.is_loopback && !is_answered(text) {
                return Err(Refusal::Host(shown(text)));
            }
        }
        Ok(())
    }

    /// Looks at whose page a request comes from. What names none is no browser, and passes.
    pub(crate) fn check_origin(&self, headers: &Headers<'_>) -> Result<(), Refusal> {
        let asked = values(headers, "host").next();
        let asked = asked.as_deref().and_then(Host::parse);
        for text in values(headers, "origin") {
            let origin = Origin::parse(&text);
            let is_own = origin
                .as_ref()
                .is_some_and(|origin| origin.is_own(asked.as_ref()));
            if !is_own
                && !self
                    .origins
                    .iter()
                    .any(|allowed| allowed.has(origin.as_ref()))
            {
                return Err(Refusal::Origin(shown(&text)));
            }
        }
        Ok(())
    }
}

/// The host in a target that is a whole URL (RFC 9112, section 3.2.2).
fn authority(target: &str) -> Option<&str> {
    let (_, rest) = target
        .split_once("://")
        .filter(|_| !target.starts_with('/'))?;
    rest.split(['/', '?', '#']).next()
}

/// The values of a header, whatever bytes they are of.
fn values(headers: &Headers<'_>, name: &str) -> impl Iterator<Item = String> {
    headers
        .values(name)
        .map(|value| String::from_utf8_lossy(value).trim().to_owned())
}

#[cfg(test)]
mod tests;
