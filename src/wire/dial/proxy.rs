//! The proxy between us and a server: which one, if any, and how a tunnel through it is asked for.

mod direct;

use std::{fmt, io};

use data_encoding::BASE64;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use url::Url;

use self::direct::Direct;
use super::Address;
use crate::wire::http;

/// The largest answer to a CONNECT that is read, with those before the last.
const LARGEST_ANSWER: usize = 16 * 1024;

/// Why a proxy made no tunnel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyError {
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
pub(crate) struct Proxy {
    host: String,
    port: u16,
    /// The value of a `Proxy-Authorization` header; never shown.
    pub(crate) authorization: Option<String>,
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
    /// Reads `HTTPS_PROXY` (for `wss`), `HTTP_PROXY` (for `ws`), `ALL_PROXY` and `NO_PROXY`, in
    /// lower case first, as most programs do.
    ///
    /// A proxy that cannot be used is no error before an endpoint needs it; see [`Proxies::check`](crate::source::jetstream::Proxies::check).
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

    /// The proxy for a server, which messages call `name`. Loopback is always direct.
    pub(crate) fn for_address(
        &self,
        address: &Address,
        name: &dyn fmt::Display,
    ) -> Result<Option<&Proxy>, ProxyError> {
        let named = if address.is_secure() {
            &self.secure
        } else {
            &self.plain
        };
        let is_direct = || address.is_loopback() || self.is_direct(address);
        match named {
            None => Ok(None),
            Some(_) if is_direct() => Ok(None),
            Some(Named::Usable(proxy)) => Ok(Some(proxy)),
            Some(Named::Unusable(variable)) => Err(ProxyError::Address {
                variable: variable.clone(),
                endpoint: name.to_string(),
            }),
        }
    }

    fn is_direct(&self, address: &Address) -> bool {
        let host = address.host().to_ascii_lowercase();
        let mut direct = self.direct.iter();
        direct.any(|direct| direct.holds(&host, address.port()))
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

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Asks for a tunnel on a fresh connection to the proxy.
    pub(crate) async fn tunnel(
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
mod tests;
