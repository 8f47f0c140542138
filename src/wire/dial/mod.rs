//! From an address to a byte stream: names, racing addresses, proxies, TLS.
//!
//! Every step is a future that may be dropped, so that a stop never waits for a name server.

mod address;
#[cfg(any(feature = "history", feature = "http"))]
pub(crate) mod http;
pub(crate) mod proxy;
pub(crate) mod user_agent;

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{net::TcpStream, time};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::MaybeTlsStream;

pub(crate) use self::address::{Address, is_loopback};
use self::proxy::{Proxies, ProxyError};
use crate::error::{BoxError, ErrorKind, MemberError};

/// A connected socket, with or without TLS.
pub(crate) type Stream = MaybeTlsStream<TcpStream>;

/// How long one address may take before the next is tried beside it (RFC 8305, section 8,
/// recommends this value).
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Why one try to connect failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("cannot look up '{host}'")]
    Lookup { host: String, source: io::Error },
    #[error("'{0}' has no address")]
    NoAddress(String),
    #[error("cannot connect to {address}")]
    Tcp {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("cannot go through the proxy {proxy}")]
    Proxy { proxy: String, source: ProxyError },
    #[error("TLS with '{host}' failed")]
    Tls { host: String, source: io::Error },
}

impl DialError {
    /// One word for it, for machines.
    pub(crate) fn cause(&self) -> &'static str {
        match self {
            Self::Lookup { .. } | Self::NoAddress(_) => "lookup",
            Self::Tcp { .. } => "tcp",
            Self::Proxy { .. } => "proxy",
            Self::Tls { .. } => "tls",
        }
    }
}

/// No server can be dialled at all, for what this machine lacks.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct SetupError {
    what: &'static str,
    source: BoxError,
}

impl From<SetupError> for MemberError {
    fn from(error: SetupError) -> Self {
        Self::new(ErrorKind::Usage, error)
    }
}

/// Opens byte streams.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    tls: Option<Arc<ClientConfig>>,
    proxies: Proxies,
    user_agent: String,
}

impl Connector {
    pub(crate) fn new(proxies: Proxies, user_agent: String) -> Self {
        Self {
            tls: None,
            proxies,
            user_agent,
        }
    }

    /// How servers learn who asks.
    pub(crate) fn user_agent(&self) -> &str {
        self.user_agent.trim()
    }

    /// Wants the way to the server, which messages call `name`, to be known and the user agent to be
    /// one, and loads the platform's roots if the server is secure; later calls cost nothing.
    pub(crate) fn prepare(
        &mut self,
        address: &Address,
        name: &dyn fmt::Display,
    ) -> Result<(), MemberError> {
        self.proxies
            .for_address(address, name)
            .map_err(|error| SetupError {
                what: "the environment's proxy cannot be used",
                source: error.into(),
            })?;
        user_agent::checked(&self.user_agent).map_err(|error| SetupError {
            what: "nobody can be asked in that name",
            source: error.into(),
        })?;
        if address.is_secure() && self.tls.is_none() {
            self.tls = Some(Arc::new(tls_config()?));
        }
        Ok(())
    }

    /// Opens a byte stream to the server. [`Connector::prepare`] comes first.
    pub(crate) async fn open(&self, address: &Address) -> Result<Stream, DialError> {
        let proxy = self.proxies.for_address(address, address);
        let proxy = proxy.map_err(|source| DialError::Proxy {
            proxy: "of the environment".to_owned(),
            source,
        })?;
        let tcp = match proxy {
            None => open_tcp(&address.host(), address.port()).await?,
            Some(proxy) => {
                let tcp = open_tcp(proxy.host(), proxy.port()).await?;
                let target = (address.host(), address.port());
                proxy
                    .tunnel(tcp, &target.0, target.1)
                    .await
                    .map_err(|source| DialError::Proxy {
                        proxy: proxy.to_string(),
                        source,
                    })?
            }
        };
        let Some(tls) = self.tls.as_ref().filter(|_| address.is_secure()) else {
            return Ok(MaybeTlsStream::Plain(tcp));
        };
        let host = address.host();
        let failed = |source| DialError::Tls {
            host: host.clone(),
            source,
        };
        let name =
            ServerName::try_from(host.clone()).map_err(|error| failed(io::Error::other(error)))?;
        let stream = TlsConnector::from(Arc::clone(tls))
            .connect(name, tcp)
            .await
            .map_err(failed)?;
        Ok(MaybeTlsStream::Rustls(stream))
    }
}

/// TLS with the platform's own roots, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
fn tls_config() -> Result<ClientConfig, SetupError> {
    let setup = |what| move |source: BoxError| SetupError { what, source };
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        let reason = found.errors.into_iter().next().map_or_else(
            || "install the package ca-certificates, or name a file of certificates in SSL_CERT_FILE".into(),
            Into::into,
        );
        return Err(setup("no root certificates for TLS were found")(reason));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| setup("TLS cannot be set up")(error.into()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

async fn open_tcp(host: &str, port: u16) -> Result<TcpStream, DialError> {
    let addresses: Vec<_> = tokio::net::lookup_host((host, port))
        .await
        .map_err(|source| DialError::Lookup {
            host: host.to_owned(),
            source,
        })?
        .collect();
    let stream = race(interleave(addresses))
        .await
        .unwrap_or_else(|| Err(DialError::NoAddress(host.to_owned())))?;
    // Pings and pongs are small and urgent; failing to say so only makes them slower.
    stream.set_nodelay(true).ok();
    Ok(stream)
}

/// IPv6 and IPv4 in turns, beginning with the family that the resolver put first.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (preferred, others): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut others = others.into_iter();
    let mut order: Vec<_> = preferred
        .into_iter()
        .flat_map(|address| [Some(address), others.next()])
        .flatten()
        .collect();
    order.extend(others);
    order
}

/// The first address that answers. The next one starts when the last failed, or when it has taken
/// long enough; `None` without addresses.
async fn race(addresses: Vec<SocketAddr>) -> Option<Result<TcpStream, DialError>> {
    let mut waiting = addresses.into_iter();
    let mut tries = FuturesUnordered::new();
    let mut failure = None;
    loop {
        let next = waiting.next();
        let is_last = next.is_none();
        if let Some(address) = next {
            tries.push(async move {
                TcpStream::connect(address)
                    .await
                    .map_err(|source| DialError::Tcp { address, source })
            });
        }
        tokio::select! {
            result = tries.next() => match result {
                Some(Ok(stream)) => return Some(Ok(stream)),
                Some(Err(error)) => failure = Some(Err(error)),
                None => return failure,
            },
            () = time::sleep(NEXT_ADDRESS_AFTER), if !is_last => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn families_take_turns() {
        let mixed = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]
            .map(address)
            .to_vec();
        assert_eq!(
            interleave(mixed),
            ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"].map(address)
        );
        assert_eq!(interleave(Vec::new()), []);
    }

    #[tokio::test]
    async fn an_address_that_answers_wins_over_one_that_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let refused = {
            let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
            gone.local_addr().unwrap()
        };
        let stream = race(vec![refused, open]).await.unwrap().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        assert!(
            matches!(race(vec![refused]).await, Some(Err(DialError::Tcp { address, .. })) if address == refused)
        );
        assert!(race(Vec::new()).await.is_none());
    }

    /// A listener whose queue is full neither answers nor refuses, as a dead address does.
    #[tokio::test]
    async fn an_address_that_says_nothing_does_not_hold_up_the_next() {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(address("127.0.0.1:0")).unwrap();
        let silent = socket.listen(0).unwrap();
        let dead = silent.local_addr().unwrap();
        let soon = Duration::from_millis(50);
        let queued: Vec<_> = (0..8)
            .map(|_| std::net::TcpStream::connect_timeout(&dead, soon))
            .collect();
        assert!(queued.iter().any(Result::is_err), "the queue did not fill");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let won = time::timeout(Duration::from_secs(5), race(vec![dead, open])).await;
        assert_eq!(won.unwrap().unwrap().unwrap().peer_addr().unwrap(), open);
    }
}
