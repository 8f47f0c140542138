//! Where a server is: its host and port, and whether TLS leads to it.

use std::{fmt, net::IpAddr};

use url::Host;

/// A server that speaks HTTP, at least at first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    secure: bool,
    host: Host<String>,
    port: u16,
}

impl Address {
    pub(crate) fn new(secure: bool, host: Host<String>, port: Option<u16>) -> Self {
        let port = port.unwrap_or(if secure { 443 } else { 80 });
        Self { secure, host, port }
    }

    /// Whether TLS is used.
    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host as a resolver takes it: without brackets.
    pub(crate) fn host(&self) -> String {
        match &self.host {
            Host::Ipv6(address) => address.to_string(),
            other => other.to_string(),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// `HOST[:PORT]` as a `Host` header carries it.
    pub(crate) fn authority(&self) -> String {
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => self.host.to_string(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback(),
    }
}

/// As the beginning of a URL.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}
