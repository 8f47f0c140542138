//! The proxy between us and a server: which one, if any, and how a tunnel through it is asked for.

use std::{fmt, io};

use data_encoding::BASE64;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use url::Url;

use super::endpoint::Endpoint;

/// The largest answer to a CONNECT that is read.
const LARGEST_ANSWER: usize = 16 * 1024;

/// Why a proxy made no tunnel.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The proxy's socket failed.
    #[error("it did not answer")]
    Io(#[from] io::Error),
    /// The proxy said no.
    #[error("it answered {0}")]
    Refused(String),
    /// The proxy's address cannot be used.
    #[error("{0} names no http:// proxy")]
    Address(&'static str),
}

/// An HTTP proxy that makes tunnels.
#[derive(Clone)]
pub(super) struct Proxy {
    host: String,
    port: u16,
    /// The value of a `Proxy-Authorization` header; never shown.
    pub(super) authorization: Option<String>,
}

/// Which endpoints go through which proxy.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    secure: Option<Proxy>,
    plain: Option<Proxy>,
    direct: Vec<String>,
}

impl Proxies {
    /// Reads `HTTPS_PROXY` (for `wss`), `HTTP_PROXY` (for `ws`), `ALL_PROXY` and `NO_PROXY`, in lower case first, as most programs do.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ProxyError> {
        let find = |upper: &'static str| {
            let value = lookup(&upper.to_ascii_lowercase()).or_else(|| lookup(upper));
            value
                .filter(|value| !value.trim().is_empty())
                .map(|value| (upper, value))
        };
        let proxy = |upper| match find(upper).or_else(|| find("ALL_PROXY")) {
            Some((name, value)) => Proxy::parse(value.trim())
                .ok_or(ProxyError::Address(name))
                .map(Some),
            None => Ok(None),
        };
        let direct = find("NO_PROXY").map(|(_, value)| value).unwrap_or_default();
        Ok(Self {
            secure: proxy("HTTPS_PROXY")?,
            plain: proxy("HTTP_PROXY")?,
            direct: direct
                .split(',')
                .map(|entry| entry.trim().to_ascii_lowercase())
                .filter(|entry| !entry.is_empty())
                .collect(),
        })
    }

    /// The proxy for an endpoint. Loopback is always direct.
    pub(super) fn for_endpoint(&self, endpoint: &Endpoint) -> Option<&Proxy> {
        let proxy = if endpoint.is_secure() {
            &self.secure
        } else {
            &self.plain
        };
        proxy.as_ref().filter(|_| {
            !endpoint.is_loopback()
                && !self.is_direct(&endpoint.host().to_ascii_lowercase(), endpoint.port())
        })
    }

    fn is_direct(&self, host: &str, port: u16) -> bool {
        self.direct.iter().any(|entry| {
            let (name, wanted_port) = match entry.rsplit_once(':') {
                Some((name, digits)) if !name.contains(':') => (name, digits.parse().ok()),
                _ => (entry.as_str(), None),
            };
            let name = name.trim_start_matches("*.").trim_start_matches('.');
            let is_name = name == "*"
                || host
                    .strip_suffix(name)
                    .is_some_and(|head| head.is_empty() || head.ends_with('.'));
            is_name && wanted_port.is_none_or(|wanted: u16| wanted == port)
        })
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
        let answer = read_head(&mut tcp).await?;
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&answer) {
            Ok(_) if response.code.is_some_and(|code| (200..300).contains(&code)) => Ok(tcp),
            Ok(_) => {
                let reason: String = response
                    .reason
                    .unwrap_or_default()
                    .chars()
                    .take(100)
                    .flat_map(char::escape_debug)
                    .collect();
                Err(ProxyError::Refused(format!(
                    "{} {reason}",
                    response.code.unwrap_or_default()
                )))
            }
            Err(_) => Err(ProxyError::Refused("something that is not HTTP".to_owned())),
        }
    }
}

/// Reads up to the empty line and not a byte further: what follows belongs to the tunnel.
async fn read_head(tcp: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LARGEST_ANSWER {
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

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, ProxyError> {
        Proxies::from_env(|name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    fn chosen(proxies: &Proxies, address: &str) -> Option<String> {
        proxies
            .for_endpoint(&Endpoint::parse(address).unwrap())
            .map(ToString::to_string)
    }

    #[test]
    fn the_scheme_decides_and_lower_case_wins() {
        let proxies = proxies(&[
            ("HTTPS_PROXY", "http://upper:1"),
            ("https_proxy", "lower:2"),
            ("ALL_PROXY", "http://all"),
        ])
        .unwrap();
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
    fn no_proxy_names_hosts_domains_and_ports() {
        let no = "internal.example, .corp.example,other.example:8443,10.0.0.1";
        let proxies = proxies(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", no)]).unwrap();
        for direct in [
            "wss://internal.example",
            "wss://a.internal.example",
            "wss://corp.example",
            "wss://a.corp.example",
            "wss://other.example:8443",
            "wss://10.0.0.1",
        ] {
            assert_eq!(chosen(&proxies, direct), None, "{direct}");
        }
        for through in [
            "wss://notinternal.example",
            "wss://other.example",
            "wss://10.0.0.11",
        ] {
            assert!(chosen(&proxies, through).is_some(), "{through}");
        }
        let all = super::Proxies {
            direct: vec!["*".to_owned()],
            ..proxies
        };
        assert_eq!(chosen(&all, "wss://x.example"), None);
    }

    #[test]
    fn a_proxy_is_shown_as_it_is_typed() {
        for address in ["http://p.example:3128", "http://[2001:db8::1]:3128"] {
            assert_eq!(Proxy::parse(address).unwrap().to_string(), address);
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_names_its_variable() {
        let error = proxies(&[("HTTPS_PROXY", "socks5://p:1")]).unwrap_err();
        assert_eq!(error.to_string(), "HTTPS_PROXY names no http:// proxy");
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
