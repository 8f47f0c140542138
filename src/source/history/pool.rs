//! Connections of HTTP that are used again, and requests over them.
//!
//! The key of the archive goes to the host that was named, and never along where that points to
//! another one.

use std::time::Duration;

use hyper::header::{AUTHORIZATION, LOCATION};
use url::Url;

use super::{fetch_error::FetchError, key::ArchiveKey};
use crate::{
    error::MemberError,
    log::printable,
    source::jetstream::Endpoint,
    wire::dial::{
        Connector,
        http::{Answer, Call, Connections},
    },
};

/// How often one request may be sent to another place.
const MAX_REDIRECTS: usize = 3;

/// How many connections wait to be used again.
const MAX_IDLE: usize = 8;

/// Connections to a service, and to where it points.
#[derive(Debug)]
pub(super) struct Pool {
    connections: Connections,
    endpoint: Endpoint,
    key: Option<ArchiveKey>,
    /// How long nothing may come.
    stall_timeout: Duration,
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
        connector.prepare(endpoint.address(), &endpoint)?;
        Ok(Self {
            connections: Connections::new(connector, connect_timeout, MAX_IDLE),
            key,
            endpoint,
            stall_timeout,
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
            if endpoint.is_secure() && !next.is_secure() && !next.address().is_loopback() {
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
        let mut call = Call {
            target: target.to_owned(),
            ..call.clone()
        };
        if let Some(key) = self.key_for(endpoint) {
            call.headers.push((AUTHORIZATION, key.bearer().clone()));
        }
        let answer = self
            .connections
            .send(endpoint.address(), &call, self.stall_timeout);
        Ok(answer.await?)
    }

    /// The key where it may go: to the host that was named, where nobody listens in.
    fn key_for(&self, endpoint: &Endpoint) -> Option<&ArchiveKey> {
        let is_same = endpoint.to_string() == self.endpoint.to_string();
        let is_private = endpoint.is_secure() || endpoint.address().is_loopback();
        self.key.as_ref().filter(|_| is_same && is_private)
    }

    /// Takes a connection back whose answer was read to its end.
    pub(super) fn put_back(&self, answer: Answer) {
        self.connections.put_back(answer);
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
