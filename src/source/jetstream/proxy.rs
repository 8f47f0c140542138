//! The proxy between us and a server: which one, if any, and how a tunnel through it is asked for.

use std::{fmt, io, net::IpAddr};

use data_encoding::BASE64;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use url::Url;

use super::endpoint::Endpoint;
use crate::wire::http;

/// The largest answer to a CONNECT that is read, with those before the last.
const LARGEST_ANSWER: usize = 16 * 1024;

/// Why a proxy made no tunnel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The proxy's socket failed.
    #[error("it did not answer")]
    Io(#[from] io::Error),
    /// The proxy said no.
    #[error("it answered {0}")]
    Refused(String),
    /// A server is behind a proxy whose address cannot be used.
    #[error("{variable} names no http:// proxy, and the way to {endpoint} would go through it")]
    Address {
        /// The variable that names it.
        variable: String,
        /// The server.
        endpoint: String,
    },
}

/// An HTTP proxy that makes tunnels.
#[derive(Clone)]
pub(super) struct Proxy {
    host: String,
    port: u16,
    /// The value of a `Proxy-Authorization` header; never shown.
    pub(super) authorization: Option<String>,
}

/// What a variable says of a proxy.
#[derive(Debug, Clone)]
enum Named {
    Usable(Proxy),
    /// The variable of this name names something else.
    Unusable(String),
}

/// Which endpoints go through which proxy.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    secure: Option<Named>,
    plain: Option<Named>,
    direct: Vec<Direct>,
}

impl Proxies {
    /// Reads `HTTPS_PROXY` (for `wss`), `HTTP_PROXY` (for `ws`), `ALL_PROXY` and `NO_PROXY`, in lower case first, as most programs do.
    ///
    /// A proxy that cannot be used is no error before an endpoint needs it; see [`Proxies::check`].
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let find = |upper: &str| {
            let names = [upper.to_ascii_lowercase(), upper.to_owned()];
            let mut found = names
                .into_iter()
                .filter_map(|name| lookup(&name).map(|value| (name, value)));
            found.next().filter(|(_, value)| !value.trim().is_empty())
        };
        let proxy = |upper| {
            let (name, value) = find(upper).or_else(|| find("ALL_PROXY"))?;
            Some(Proxy::parse(value.trim()).map_or(Named::Unusable(name), Named::Usable))
        };
        let direct = find("NO_PROXY").map(|(_, value)| value).unwrap_or_default();
        Self {
            secure: proxy("HTTPS_PROXY"),
            plain: proxy("HTTP_PROXY"),
            direct: direct
                .split([',', ' ', '\t'])
                .filter(|entry| !entry.is_empty())
                .map(Direct::parse)
                .collect(),
        }
    }

    /// Whether the way to every one of these endpoints is known: fails where one would go through a proxy that cannot be used.
    pub fn check<'a>(
        &self,
        endpoints: impl IntoIterator<Item = &'a Endpoint>,
    ) -> Result<(), ProxyError> {
        let mut endpoints = endpoints.into_iter();
        endpoints.try_for_each(|endpoint| self.for_endpoint(endpoint).map(drop))
    }

    /// The proxy for an endpoint. Loopback is always direct.
    pub(super) fn for_endpoint(&self, endpoint: &Endpoint) -> Result<Option<&Proxy>, ProxyError> {
        let named = if endpoint.is_secure() {
            &self.secure
        } else {
            &self.plain
        };
        let is_direct = || endpoint.is_loopback() || self.is_direct(endpoint);
        match named {
            None => Ok(None),
            Some(_) if is_direct() => Ok(None),
            Some(Named::Usable(proxy)) => Ok(Some(proxy)),
            Some(Named::Unusable(variable)) => Err(ProxyError::Address {
                variable: variable.clone(),
                endpoint: endpoint.to_string(),
            }),
        }
    }

    fn is_direct(&self, endpoint: &Endpoint) -> bool {
        let host = endpoint.host().to_ascii_lowercase();
        let mut direct = self.direct.iter();
        direct.any(|direct| direct.holds(&host, endpoint.port()))
    }
}

/// Hosts that are reached without a proxy: an entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Direct {
    Everything,
    /// Addresses that begin with so many bits of this one, on this port or on any.
    Network(IpAddr, u8, Option<u16>),
    /// The host of this name and those below it, on this port or on any.
    Domain(String, Option<u16>),
}

impl Direct {
    fn parse(entry: &str) -> Self {
        if entry == "*" {
            return Self::Everything;
        }
        if let Some((address, bits)) = entry.split_once('/')
            && let (Some(address), Ok(bits)) = (address_of(address), bits.parse())
            && bits <= width(address)
        {
            return Self::Network(address, bits, None);
        }
        if let Some(address) = address_of(entry) {
            return Self::Network(address, width(address), None);
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, digits)) => (name, digits.parse().ok()),
            None => (entry, None),
        };
        if let Some(address) = address_of(name) {
            return Self::Network(address, width(address), port);
        }
        let name = name.trim_start_matches("*.").trim_start_matches('.');
        Self::Domain(name.to_ascii_lowercase(), port)
    }

    fn holds(&self, host: &str, port: u16) -> bool {
        match self {
            Self::Everything => true,
            Self::Network(network, bits, wanted) => {
                let is_inside =
                    address_of(host).is_some_and(|address| is_inside(address, *network, *bits));
                is_inside && wanted.is_none_or(|wanted| wanted == port)
            }
            Self::Domain(name, wanted) => {
                let is_below = name == "*"
                    || host
                        .strip_suffix(name.as_str())
                        .is_some_and(|head| head.is_empty() || head.ends_with('.'));
                is_below && wanted.is_none_or(|wanted| wanted == port)
            }
        }
    }
}

/// An address as it is typed, in brackets or not; one of IPv4 that is written as one of IPv6 is the former.
fn address_of(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address: IpAddr = bare.unwrap_or(text).parse().ok()?;
    Some(address.to_canonical())
}

/// How many bits an address has.
fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether two addresses are of one family and begin with the same so many bits.
fn is_inside(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let differs = address.to_bits() ^ network.to_bits();
            differs.checked_shr(32 - u32::from(bits)).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let differs = address.to_bits() ^ network.to_bits();
            differs.checked_shr(128 - u32::from(bits)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

impl Proxy {
    fn parse(text: &str) -> Option<Self> {
        let text = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let url = Url::parse(&text)
            .ok()
            .filter(|url| url.scheme() == "http")?;
        let decode = |part: &str| {
            let part = part.replace('+', "%2B").replace('&', "%26");
            url::form_urlencoded::parse(part.as_bytes())
                .next()
                .map(|(text, _)| text.into_owned())
                .unwrap_or_default()
        };
        let authorization = (!url.username().is_empty()).then(|| {
            let pair = format!(
                "{}:{}",
                decode(url.username()),
                decode(url.password().unwrap_or_default())
            );
            format!("Basic {}", BASE64.encode(pair.as_bytes()))
        });
        Some(Self {
            host: url.host_str()?.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(80),
            authorization,
        })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Asks for a tunnel on a fresh connection to the proxy.
    pub(super) async fn tunnel(
        &self,
        mut tcp: TcpStream,
        host: &str,
        port: u16,
    ) -> Result<TcpStream, ProxyError> {
        let target = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        let authorization = self
            .authorization
            .as_ref()
            .map(|value| format!("Proxy-Authorization: {value}\r\n"))
            .unwrap_or_default();
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n");
        tcp.write_all(request.as_bytes()).await?;
        let answer = read_answer(&mut tcp).await?;
        if (200..300).contains(&answer.status) {
            return Ok(tcp);
        }
        Err(ProxyError::Refused(answer.to_string()))
    }
}

/// What a proxy answers.
struct Answer {
    status: u16,
    reason: String,
}

impl Answer {
    fn parse(head: &[u8]) -> Option<Self> {
        let (status, reason) = http::status(head)?;
        let reason = reason.chars().take(100);
        Some(Self {
            status,
            reason: reason.flat_map(char::escape_debug).collect(),
        })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.reason)
    }
}

/// Reads the last answer to a request, and not a byte further: what follows belongs to the tunnel.
async fn read_answer(tcp: &mut TcpStream) -> Result<Answer, ProxyError> {
    let mut n_read = 0;
    loop {
        let head = read_head(tcp, LARGEST_ANSWER - n_read).await?;
        n_read += head.len();
        let answer = Answer::parse(&head)
            .ok_or_else(|| ProxyError::Refused("something that is not HTTP".to_owned()))?;
        if !http::is_interim(answer.status) {
            return Ok(answer);
        }
    }
}

/// Reads up to the empty line.
async fn read_head(tcp: &mut TcpStream, most: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= most {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "its answer is too long",
            ));
        }
        head.push(tcp.read_u8().await?);
    }
    Ok(head)
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "http://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "http://{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        Proxies::from_env(|name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    fn chosen(proxies: &Proxies, address: &str) -> Option<String> {
        let endpoint = Endpoint::parse(address).unwrap();
        let proxy = proxies.for_endpoint(&endpoint).unwrap();
        proxy.map(ToString::to_string)
    }

    #[test]
    fn the_scheme_decides_and_lower_case_wins() {
        let proxies = proxies(&[
            ("HTTPS_PROXY", "http://upper:1"),
            ("https_proxy", "lower:2"),
            ("ALL_PROXY", "http://all"),
        ]);
        assert_eq!(
            chosen(&proxies, "wss://x.example").as_deref(),
            Some("http://lower:2")
        );
        assert_eq!(
            chosen(&proxies, "ws://x.example").as_deref(),
            Some("http://all:80")
        );
        assert_eq!(chosen(&proxies, "ws://127.0.0.1:9"), None);
    }

    #[test]
    fn no_proxy_names_hosts_domains_networks_and_ports() {
        let no = "internal.example, .Corp.example,other.example:8443 *.star.example,10.0.0.1,\
            192.168.4.0/22,172.16.0.1:8443,2001:DB8:0::5,[2001:db8:1::]/48,[2001:db8:2::1]:8443,0.0.0.0/33";
        let proxies = proxies(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", no)]);
        for direct in [
            "wss://internal.example",
            "wss://a.internal.example",
            "wss://corp.example",
            "wss://a.corp.example",
            "wss://a.star.example",
            "wss://other.example:8443",
            "wss://10.0.0.1",
            "wss://[::ffff:10.0.0.1]",
            "wss://192.168.4.0",
            "wss://192.168.7.255:8443",
            "wss://172.16.0.1:8443",
            "wss://[2001:db8::5]",
            "wss://[2001:db8:1:ffff::1]",
            "wss://[2001:db8:2::1]:8443",
        ] {
            assert_eq!(chosen(&proxies, direct), None, "{direct}");
        }
        for through in [
            "wss://notinternal.example",
            "wss://other.example",
            "wss://10.0.0.11",
            "wss://192.168.3.255",
            "wss://192.168.8.0",
            "wss://172.16.0.1",
            "wss://[2001:db8::6]",
            "wss://[2001:db8:2::]",
            "wss://[2001:db8:2::1]",
        ] {
            assert!(chosen(&proxies, through).is_some(), "{through}");
        }
        for (all, address) in [
            ("*", "wss://x.example"),
            ("a.example, *", "wss://[2001:db8::]"),
            ("0.0.0.0/0", "wss://192.0.2.1"),
            ("::/0", "wss://[2001:db8::]"),
        ] {
            let all = super::Proxies {
                direct: self::proxies(&[("NO_PROXY", all)]).direct,
                ..proxies.clone()
            };
            assert_eq!(chosen(&all, address), None, "{address}");
        }
    }

    #[test]
    fn a_proxy_is_shown_as_it_is_typed() {
        for address in ["http://p.example:3128", "http://[2001:db8::1]:3128"] {
            assert_eq!(Proxy::parse(address).unwrap().to_string(), address);
        }
    }

    #[test]
    fn an_unusable_proxy_fails_where_it_is_needed() {
        let proxies = proxies(&[
            ("https_proxy", "socks5://me:secret@p:1"),
            ("HTTP_PROXY", "p:1"),
            ("NO_PROXY", "direct.example"),
        ]);
        let of = |addresses: &[&str]| {
            let endpoints = addresses
                .iter()
                .map(|address| Endpoint::parse(address).unwrap());
            let endpoints: Vec<_> = endpoints.collect();
            proxies.check(&endpoints)
        };
        let unneeded = [
            "wss://localhost",
            "wss://direct.example",
            "ws://x.example",
            "ws://[::1]",
        ];
        assert!(of(&unneeded).is_ok() && of(&[]).is_ok());
        let error = of(&["ws://x.example", "wss://x.example"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "https_proxy names no http:// proxy, and the way to wss://x.example/subscribe would go through it"
        );
    }

    #[test]
    fn a_secret_is_sent_and_never_shown() {
        let proxy = Proxy::parse("http://me:p%40&ss+@p.example:3128").unwrap();
        let expected = format!("Basic {}", BASE64.encode(b"me:p@&ss+"));
        assert_eq!(proxy.authorization, Some(expected));
        assert_eq!(
            format!("{proxy:?} {proxy}"),
            "http://p.example:3128 http://p.example:3128"
        );
    }
}
