//! The connection to the servers, which looks after itself.

use std::sync::Arc;

use async_nats::{Client, ConnectError, ConnectErrorKind};
use rustls::Error as TlsError;
use tokio::{sync::watch, time::sleep};
use tracing::info;

use super::{
    NatsError, NatsSettings,
    events::{Status, held, on_events, reconnect_waits},
    options::{Refusal, options},
    retry::log_failure,
};
use crate::{
    backoff::Backoff,
    log::outage::{Outage, lasted},
    log::{STATE, chain, printable},
};

/// An open connection. A clone is the same connection.
///
/// Lost, it gets itself back; each loss and each return is logged. What is sent meanwhile waits. It
/// tries for ever: with
/// [`NatsSettings::max_retries`] those who wait for it get an error once that is enough.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(super) client: Client,
    pub(super) status: watch::Receiver<Status>,
    pub(super) servers: Arc<str>,
    /// What the subjects begin with that answers come to.
    pub(super) inbox: Arc<str>,
    /// What requests to JetStream begin with.
    pub(super) api: Arc<str>,
    /// That is not where servers have it by themselves.
    pub(super) has_own_api: bool,
    max_retries: Option<u32>,
}

/// Tries until there is a connection, which then tells in `status` what happens to it.
async fn connect(
    settings: &NatsSettings,
    status: Arc<watch::Sender<Status>>,
) -> Result<Client, NatsError> {
    let mut backoff = Backoff::new(settings.max_backoff);
    let mut outage = Outage::default();
    let refusal = Refusal::default();
    let servers = settings.shown();
    loop {
        let (status, refused) = (Arc::clone(&status), Arc::clone(&refusal));
        let options = options(settings, &refusal)
            .await?
            .reconnect_delay_callback(reconnect_waits(settings))
            .event_callback(on_events(settings, status, refused));
        let error = match options.connect(&settings.servers).await {
            Ok(client) => {
                if let Some(age) = outage.end() {
                    let age = lasted(age);
                    info!(target: STATE, servers, "connected to {servers} after {age}");
                }
                return Ok(client);
            }
            Err(error) => error,
        };
        if let Some(error) = final_error(&error, settings, &refusal) {
            return Err(error);
        }
        if is_tls(&error) {
            let source = error.into();
            return Err(NatsError::Tls { servers, source });
        }
        let wait = backoff.next_wait();
        let tries = backoff.tries();
        if settings.max_retries.is_some_and(|most| tries > most) {
            return Err(NatsError::Unreachable {
                servers,
                tries,
                source: error.into(),
            });
        }
        let why = format!("cannot connect to {servers}: {}", chain(&error));
        log_failure(&mut outage, &why, tries, wait);
        sleep(wait).await;
    }
}

impl Connection {
    /// Connects, and tries again where that may help.
    ///
    /// Cancel safety: dropped at any time.
    pub(crate) async fn open(settings: &NatsSettings) -> Result<Self, NatsError> {
        let (status, watched) = watch::channel(Status::default());
        let client = connect(settings, Arc::new(status)).await?;
        let version = client.server_info().version;
        if is_too_old(&version) {
            return Err(NatsError::TooOld {
                servers: settings.shown(),
                version: printable(&version.chars().take(40).collect::<String>()),
            });
        }
        let api = match (&settings.js_api_prefix, &settings.js_domain) {
            (Some(prefix), _) => prefix.clone(),
            (None, Some(domain)) => format!("$JS.{domain}.API"),
            (None, None) => "$JS.API".to_owned(),
        };
        Ok(Self {
            client,
            status: watched,
            servers: settings.shown().into(),
            inbox: settings.inbox_prefix.as_deref().unwrap_or("_INBOX").into(),
            has_own_api: settings.js_api_prefix.is_some() || settings.js_domain.is_some(),
            max_retries: settings.max_retries,
            api: api.into(),
        })
    }

    /// The whole subject of a request to JetStream.
    pub(crate) fn api_subject(&self, rest: &str) -> String {
        format!("{}.{rest}", self.api)
    }

    /// The client library's own connection.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The servers, for messages.
    pub(crate) fn servers(&self) -> &str {
        &self.servers
    }

    /// Waits until the connection is open, unless it is lost for good: more tries in a row failed
    /// than are allowed.
    ///
    /// Cancel safety: dropped at any time.
    pub(crate) async fn restored(&self) -> Result<(), NatsError> {
        let mut status = self.status.clone();
        let settled = status.wait_for(|status| status.is_connected || self.is_enough(status));
        match settled.await {
            Ok(status) => self.lost_for_good(&status).map_or(Ok(()), Err),
            Err(closed) => Err(NatsError::Client {
                action: format!("use the connection to {}", self.servers),
                source: closed.into(),
            }),
        }
    }

    /// Resolves when the connection is lost for good, for those who wait for something else.
    ///
    /// Cancel safety: dropped at any time.
    pub(crate) async fn abandoned(&self) -> NatsError {
        let mut status = self.status.clone();
        if let Ok(status) = status.wait_for(|status| self.is_enough(status)).await
            && let Some(error) = self.lost_for_good(&status)
        {
            return error;
        }
        std::future::pending().await
    }

    /// That the connection is lost for good, if it is.
    pub(crate) fn lost_for_good(&self, status: &Status) -> Option<NatsError> {
        let (tries, why) = status.failed.as_ref().filter(|_| self.is_enough(status))?;
        Some(self.unreachable(*tries, why.clone().into()))
    }

    fn is_enough(&self, status: &Status) -> bool {
        let failed = status.failed.as_ref().map_or(0, |(tries, _)| *tries);
        !status.is_connected && self.is_over(failed)
    }

    /// Whether this number of failed tries in a row is more than allowed.
    pub(crate) fn is_over(&self, tries: u32) -> bool {
        self.max_retries.is_some_and(|most| tries > most)
    }

    /// It was tried as often as allowed.
    pub(crate) fn unreachable(
        &self,
        tries: u32,
        source: Box<dyn std::error::Error + Send + Sync>,
    ) -> NatsError {
        NatsError::Unreachable {
            servers: self.servers.to_string(),
            tries,
            source,
        }
    }

    /// What the connection is like, and when that changes.
    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }
}

/// An error that would be met again.
fn final_error(
    error: &ConnectError,
    settings: &NatsSettings,
    refusal: &Refusal,
) -> Option<NatsError> {
    let answer = match error.kind() {
        ConnectErrorKind::AuthorizationViolation => "authorization violation".to_owned(),
        ConnectErrorKind::Authentication => held(refusal).unwrap_or_else(|| error.to_string()),
        _ => return None,
    };
    Some(NatsError::LockedOut {
        servers: settings.shown(),
        user: settings.login.to_string(),
        answer,
    })
}

/// Whether TLS is the reason, and not the network below it.
fn is_tls(error: &ConnectError) -> bool {
    if error.kind() == ConnectErrorKind::Tls {
        return true;
    }
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let inner = cause
            .downcast_ref::<std::io::Error>()
            .and_then(|error| error.get_ref());
        let is_tls =
            cause.is::<TlsError>() || matches!(inner, Some(inner) if inner.is::<TlsError>());
        if is_tls {
            return true;
        }
        next = cause.source();
    }
    false
}

/// Versions count as numbers; one that cannot be read is taken to be new.
fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < (2, 10),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_before_2_10_are_too_old() {
        for (version, expected) in [
            ("2.9.25", true),
            ("1.4.1", true),
            ("2.10.0", false),
            ("2.15.1-RC.1", false),
            ("3.0.0", false),
            ("", false),
            ("dev", false),
        ] {
            assert_eq!(is_too_old(version), expected, "{version}");
        }
    }
}
