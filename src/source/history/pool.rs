//! Connections of HTTP that are used again, and requests over them.
//!
//! The key of the archive goes to the host that was named, and never along where that points to
//! another one.

use std::{sync::Mutex, sync::PoisonError, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, LOCATION, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::{task::JoinSet, time::timeout};
use url::Url;

use super::{fetch_error::FetchError, key::ArchiveKey};
use crate::{
    error::MemberError,
    log::printable,
    source::jetstream::{Connector, Endpoint},
};

/// How often one request may be sent to another place.
const MAX_REDIRECTS: usize = 3;

/// How many connections wait to be used again.
const MAX_IDLE: usize = 8;

/// The longest head of an answer.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
}

/// The head of an answer, and the body that is still to come.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Incoming,
    connection: Connection,
}

/// A connection that is not used, and to whom it is.
#[derive(Debug)]
struct Connection {
    authority: String,
    sender: SendRequest<Full<Bytes>>,
}

/// Connections to a service, and to where it points.
#[derive(Debug)]
pub(super) struct Pool {
    connector: Connector,
    endpoint: Endpoint,
    key: Option<ArchiveKey>,
    connect_timeout: Duration,
    /// How long nothing may come.
    stall_timeout: Duration,
    idle: Mutex<Vec<Connection>>,
    /// What moves the bytes of each connection; ended with the pool.
    drivers: Mutex<JoinSet<()>>,
}

impl Pool {
    /// Connections that are opened when they are needed. The key needs TLS or loopback.
    pub(super) fn new(
        mut connector: Connector,
        endpoint: Endpoint,
        key: Option<ArchiveKey>,
        connect_timeout: Duration,
        stall_timeout: Duration,
    ) -> Result<Self, MemberError> {
        connector.prepare(&endpoint)?;
        Ok(Self {
            connector,
            key,
            endpoint,
            connect_timeout,
            stall_timeout,
            idle: Mutex::default(),
            drivers: Mutex::default(),
        })
    }

    /// The service.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether there is a key, and the service may not be sent it.
    pub(super) fn withholds_key(&self) -> bool {
        self.key.is_some() && self.key_for(&self.endpoint).is_none()
    }

    /// How long nothing may come of a body.
    pub(super) fn stall_timeout(&self) -> Duration {
        self.stall_timeout
    }

    /// Sends a request, and follows where the answer points to.
    pub(super) async fn send(&self, call: &Call) -> Result<Answer, FetchError> {
        let mut endpoint = self.endpoint.clone();
        let mut target = call.target.clone();
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.send_once(&endpoint, &target, call).await?;
            let Some(location) = moved_to(&answer) else {
                return Ok(answer);
            };
            let (next, path) = resolve(&endpoint, &target, location)?;
            // The redirect's own body is of no interest, and its connection not worth keeping.
            drop(answer);
            if endpoint.is_secure() && !next.is_secure() && !next.is_loopback() {
                return Err(FetchError::Insecure(next.to_string()));
            }
            (endpoint, target) = (next, path);
        }
        Err(FetchError::Odd(
            "it points to another place again and again",
        ))
    }

    async fn send_once(
        &self,
        endpoint: &Endpoint,
        target: &str,
        call: &Call,
    ) -> Result<Answer, FetchError> {
        let authority = endpoint.to_string();
        // One that waited may have been closed meanwhile, which shows only when it is used.
        while let Some(connection) = self.take_idle(&authority) {
            match self.exchange(connection, endpoint, target, call).await {
                Err(FetchError::Http(error)) if error.is_canceled() || error.is_closed() => {}
                answer => return answer,
            }
        }
        let connection = self.open(endpoint).await?;
        self.exchange(connection, endpoint, target, call).await
    }

    async fn exchange(
        &self,
        mut connection: Connection,
        endpoint: &Endpoint,
        target: &str,
        call: &Call,
    ) -> Result<Answer, FetchError> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(target)
            .header(HOST, endpoint.authority())
            .header(USER_AGENT, self.connector.user_agent());
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        if let Some(key) = self.key_for(endpoint) {
            request = request.header(AUTHORIZATION, key.bearer());
        }
        let request = request
            .body(Full::new(call.body.clone()))
            .map_err(|_| FetchError::Odd("it points to a place that is none"))?;
        let answer = timeout(self.stall_timeout, connection.sender.send_request(request));
        let answer = answer
            .await
            .map_err(|_| FetchError::Stalled(self.stall_timeout))??;
        let (head, body) = answer.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
            connection,
        })
    }

    /// The key where it may go: to the host that was named, where nobody listens in.
    fn key_for(&self, endpoint: &Endpoint) -> Option<&ArchiveKey> {
        let is_same = endpoint.to_string() == self.endpoint.to_string();
        let is_private = endpoint.is_secure() || endpoint.is_loopback();
        self.key.as_ref().filter(|_| is_same && is_private)
    }

    async fn open(&self, endpoint: &Endpoint) -> Result<Connection, FetchError> {
        let mut connector = self.connector.clone();
        connector
            .prepare(endpoint)
            .map_err(|error| FetchError::Setup(error.to_string()))?;
        let opened = async {
            let stream = connector
                .open(endpoint)
                .await
                .map_err(FetchError::connect)?;
            let mut builder = http1::Builder::new();
            builder.max_buf_size(MAX_HEAD_BYTES);
            Ok(builder.handshake(TokioIo::new(stream)).await?)
        };
        let limit = self.connect_timeout;
        let (sender, driver) = timeout(limit, opened)
            .await
            .unwrap_or(Err(FetchError::Stalled(limit)))?;
        let mut drivers = self.drivers.lock().unwrap_or_else(PoisonError::into_inner);
        while drivers.try_join_next().is_some() {}
        drivers.spawn(async move {
            // What goes wrong with it is seen by the request that is under way.
            driver.await.ok();
        });
        Ok(Connection {
            authority: endpoint.to_string(),
            sender,
        })
    }

    fn take_idle(&self, authority: &str) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| !connection.sender.is_closed());
        let at = idle
            .iter()
            .rposition(|connection| connection.authority == authority)?;
        Some(idle.remove(at))
    }

    /// Takes a connection back whose answer was read to its end.
    pub(super) fn put_back(&self, answer: Answer) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !answer.connection.sender.is_closed() && idle.len() < MAX_IDLE {
            idle.push(answer.connection);
        }
    }
}

/// Where an answer points to.
fn moved_to(answer: &Answer) -> Option<&str> {
    let is_elsewhere = matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = answer.headers.get(LOCATION).filter(|_| is_elsewhere)?;
    location.to_str().ok()
}

/// The place that a location names, seen from where it was said.
fn resolve(
    endpoint: &Endpoint,
    target: &str,
    location: &str,
) -> Result<(Endpoint, String), FetchError> {
    let foreign =
        || FetchError::Foreign(printable(&location.chars().take(200).collect::<String>()));
    let base = Url::parse(&format!("{endpoint}{target}")).map_err(|_| foreign())?;
    let url = base.join(location).map_err(|_| foreign())?;
    let origin = url.origin().ascii_serialization();
    let next = Endpoint::parse(&origin).map_err(|_| foreign())?;
    let path = url.query().map_or_else(
        || url.path().to_owned(),
        |query| format!("{}?{query}", url.path()),
    );
    Ok((next, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_absolute_or_of_the_same_host() {
        let endpoint = Endpoint::parse("https://archive.example").unwrap();
        let resolved = |location| {
            let (endpoint, path) = resolve(&endpoint, "/xrpc/a?b=c", location).unwrap();
            format!("{endpoint} {path}")
        };
        assert_eq!(resolved("/d?e"), "https://archive.example /d?e");
        assert_eq!(
            resolved("https://cdn.example:8443/x?sig=1"),
            "https://cdn.example:8443 /x?sig=1"
        );
        for location in ["ftp://a.example/x", "https://", "https://u:p@/"] {
            assert!(resolve(&endpoint, "/", location).is_err(), "{location}");
        }
    }
}
