//! Connections of HTTP that are used again, and single requests over them.

use std::{sync::Mutex, sync::PoisonError, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::{HOST, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use jiff::{Timestamp, fmt::rfc2822};
use tokio::{task::JoinSet, time::timeout};

use super::{Address, Connector, DialError};

/// The longest head of an answer.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The longest wait that a server may ask for.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("the connection broke")]
    Http(#[from] hyper::Error),
    #[error("nothing came for {}", humantime::format_duration(*.0))]
    Stalled(Duration),
    #[error("it is sent to a place that is none")]
    NoPlace,
    /// The server cannot be dialled at all, for what this machine lacks.
    #[error("{0}")]
    Setup(String),
}

/// The head of an answer, and the body that is still to come.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Incoming,
    connection: Connection,
}

/// A connection that is not used, and to whom it is.
#[derive(Debug)]
struct Connection {
    address: Address,
    sender: SendRequest<Full<Bytes>>,
}

/// Connections to servers, opened when they are needed.
#[derive(Debug)]
pub(crate) struct Connections {
    connector: Connector,
    connect_timeout: Duration,
    /// How many wait to be used again.
    max_idle: usize,
    idle: Mutex<Vec<Connection>>,
    /// What moves the bytes of each connection; ended with the connections.
    drivers: Mutex<JoinSet<()>>,
}

impl Connections {
    pub(crate) fn new(connector: Connector, connect_timeout: Duration, max_idle: usize) -> Self {
        Self {
            connector,
            connect_timeout,
            max_idle,
            idle: Mutex::default(),
            drivers: Mutex::default(),
        }
    }

    /// Sends a request, and returns the head of its answer. Nothing may come for at most `limit`.
    pub(crate) async fn send(
        &self,
        address: &Address,
        call: &Call,
        limit: Duration,
    ) -> Result<Answer, CallError> {
        // One that waited may have been closed meanwhile, which shows only when it is used.
        while let Some(connection) = self.take_idle(address) {
            match self.exchange(connection, call, limit).await {
                Err(CallError::Http(error)) if error.is_canceled() || error.is_closed() => {}
                answer => return answer,
            }
        }
        let connection = self.open(address).await?;
        self.exchange(connection, call, limit).await
    }

    async fn exchange(
        &self,
        mut connection: Connection,
        call: &Call,
        limit: Duration,
    ) -> Result<Answer, CallError> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(call.target.as_str())
            .header(HOST, connection.address.authority())
            .header(USER_AGENT, self.connector.user_agent());
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::new(call.body.clone()))
            .map_err(|_| CallError::NoPlace)?;
        let answer = timeout(limit, connection.sender.send_request(request));
        let answer = answer.await.map_err(|_| CallError::Stalled(limit))??;
        let (head, body) = answer.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
            connection,
        })
    }

    async fn open(&self, address: &Address) -> Result<Connection, CallError> {
        let mut connector = self.connector.clone();
        connector
            .prepare(address, address)
            .map_err(|error| CallError::Setup(error.to_string()))?;
        let opened = async {
            let stream = connector.open(address).await?;
            let mut builder = http1::Builder::new();
            builder.max_buf_size(MAX_HEAD_BYTES);
            Ok(builder.handshake(TokioIo::new(stream)).await?)
        };
        let limit = self.connect_timeout;
        let (sender, driver) = timeout(limit, opened)
            .await
            .unwrap_or(Err(CallError::Stalled(limit)))?;
        let mut drivers = self.drivers.lock().unwrap_or_else(PoisonError::into_inner);
        while drivers.try_join_next().is_some() {}
        drivers.spawn(async move {
            // What goes wrong with it is seen by the request that is under way.
            driver.await.ok();
        });
        Ok(Connection {
            address: address.clone(),
            sender,
        })
    }

    fn take_idle(&self, address: &Address) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| !connection.sender.is_closed());
        let at = idle
            .iter()
            .rposition(|connection| connection.address == *address)?;
        Some(idle.remove(at))
    }

    /// Takes a connection back whose answer was read to its end.
    pub(crate) fn put_back(&self, answer: Answer) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !answer.connection.sender.is_closed() && idle.len() < self.max_idle {
            idle.push(answer.connection);
        }
    }
}

/// `Retry-After`, in seconds or as a date.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let date = rfc2822::parse(text).ok()?.timestamp();
        Duration::try_from(date.duration_since(Timestamp::now())).unwrap_or_default()
    };
    Some(wait.min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_in_seconds_or_a_date_and_bounded() {
        let asked = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            retry_after(&headers)
        };
        assert_eq!(asked("3"), Some(Duration::from_secs(3)));
        assert_eq!(asked("9999999"), Some(MAX_WAIT));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
