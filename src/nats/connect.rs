//! The connection to the servers, which looks after itself.

use std::{
    future::Ready,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{
    Client, ClientError, ConnectError, ConnectErrorKind, Event, ServerError,
    jetstream::{Context, context::ContextBuilder},
};
use rustls::Error as TlsError;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tracing::{info, warn};

use super::{
    NatsError, NatsSettings,
    options::{Refusal, options},
};
use crate::{
    backoff::Backoff,
    log::{STATE, chain, printable},
    throttle::Throttle,
};

/// The longest wait between two tries to get a lost connection back.
const RECONNECT: Duration = Duration::from_secs(1);

/// The longest wait before the second of these tries, and where they are counted: then as long as at the start, so that a server has
/// the time to start anew.
const FIRST: Duration = Duration::from_millis(40);
const FIRST_COUNTED: Duration = Duration::from_millis(250);

/// How often it is said that a connection is still lost.
const REMIND: Duration = Duration::from_secs(30);

/// What the connection is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// How often it was lost.
    pub losses: u64,
    /// Whether it is open.
    pub is_connected: bool,
    /// How many tries in a row failed to get it back, and why the last one did.
    pub failed: Option<(u32, String)>,
    /// What the server said about something that this user may not do, and how often it said so.
    pub forbidden: Option<(u64, String)>,
}

/// An open connection. A clone is the same connection.
///
/// Lost, it gets itself back; each loss and each return is told. What is sent meanwhile waits. It tries for ever: with
/// [`NatsSettings::max_retries`] those who wait for it are told when that is enough.
#[derive(Debug, Clone)]
pub struct Connection {
    client: Client,
    pub(super) jetstream: Context,
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

impl Connection {
    /// Connects, and tries again where that may help.
    ///
    /// Cancel safety: dropped at any time.
    pub async fn open(settings: &NatsSettings) -> Result<Self, NatsError> {
        let mut backoff = Backoff::new(settings.max_backoff);
        let (status, watched) = watch::channel(Status::default());
        let status = Arc::new(status);
        let refusal = Refusal::default();
        let client = loop {
            let options = options(settings, &refusal)
                .await?
                .reconnect_delay_callback(reconnect_waits(settings))
                .event_callback(telling(settings, Arc::clone(&status), Arc::clone(&refusal)));
            let error = match options.connect(&settings.servers).await {
                Ok(client) => break client,
                Err(error) => error,
            };
            if let Some(error) = final_error(&error, settings, &refusal) {
                return Err(error);
            }
            if is_tls(&error) {
                return Err(NatsError::Tls {
                    servers: settings.shown(),
                    source: error,
                });
            }
            let wait = backoff.next_wait();
            let tries = backoff.tries();
            if settings.max_retries.is_some_and(|most| tries > most) {
                return Err(NatsError::Unreachable {
                    servers: settings.shown(),
                    tries,
                    source: error.into(),
                });
            }
            let (servers, error) = (settings.shown(), chain(&error));
            warn!(target: STATE, servers, error, tries, "cannot connect to {servers}: {error}; trying again in {:.1} s", wait.as_secs_f64());
            sleep(wait).await;
        };
        let version = client.server_info().version;
        if is_too_old(&version) {
            return Err(NatsError::TooOld {
                servers: settings.shown(),
                version: printable(&version.chars().take(40).collect::<String>()),
            });
        }
        let context = ContextBuilder::new().timeout(settings.request_timeout);
        let api = match (&settings.js_api_prefix, &settings.js_domain) {
            (Some(prefix), _) => prefix.clone(),
            (None, Some(domain)) => format!("$JS.{domain}.API"),
            (None, None) => "$JS.API".to_owned(),
        };
        let jetstream = context.api_prefix(api.as_str()).build(client.clone());
        Ok(Self {
            client,
            jetstream,
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
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The client library's way to JetStream.
    pub fn jetstream(&self) -> &Context {
        &self.jetstream
    }

    /// The servers, for messages.
    pub fn servers(&self) -> &str {
        &self.servers
    }

    /// Waits until the connection is open, unless it is lost for good: more tries in a row failed than are allowed.
    ///
    /// Cancel safety: dropped at any time.
    pub async fn restored(&self) -> Result<(), NatsError> {
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

    /// Whether so many failed tries in a row are more than are allowed.
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
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }
}

/// What is done with what happens to the connection.
fn telling(
    settings: &NatsSettings,
    status: Arc<watch::Sender<Status>>,
    refusal: Refusal,
) -> impl Fn(Event) -> Ready<()> + Send + Sync + 'static {
    let servers: Arc<str> = settings.shown().into();
    let lost = Mutex::new(Lost {
        login: settings.login.to_string(),
        refusal,
        ..Lost::default()
    });
    move |event| {
        note(&event, &status, &servers, &lost);
        std::future::ready(())
    }
}

/// The waits before each try of a server.
fn reconnect_waits(settings: &NatsSettings) -> impl Fn(usize) -> Duration + Send + Sync + 'static {
    let first = if settings.max_retries.is_some() {
        FIRST_COUNTED
    } else {
        FIRST
    };
    let most = settings.max_backoff.min(RECONNECT);
    move |tries| reconnect_wait(tries, first, most)
}

/// With full jitter, so that many clients do not come back at once.
fn reconnect_wait(tries: usize, first: Duration, most: Duration) -> Duration {
    let Some(doublings) = tries.checked_sub(2) else {
        return Duration::ZERO;
    };
    let doublings = u32::try_from(doublings).unwrap_or(u32::MAX).min(16);
    let limit = first.saturating_mul(2_u32.saturating_pow(doublings));
    limit.min(most).mul_f64(0.25 + 0.75 * fastrand::f64())
}

/// When the connection was lost, and when that was said last.
#[derive(Debug, Default)]
struct Lost {
    since: Option<Instant>,
    said: Option<Instant>,
    /// How often it is said that a connection was lost.
    pace: Option<Throttle>,
    /// Whether this loss was said, so that its end is said too.
    was_said: bool,
    /// The login, without a secret, and why it could not be put together.
    login: String,
    refusal: Refusal,
    /// What was said of a login that is refused.
    said_refusal: Option<String>,
}

impl Lost {
    /// What is wrong with the login, where that is the reason.
    fn refused(&self, error: &str) -> Option<String> {
        let login = &self.login;
        if let Some(why) = held(&self.refusal) {
            return Some(format!("{why}; {login} is read anew for each try"));
        }
        let violation = ConnectErrorKind::AuthorizationViolation.to_string();
        error.contains(&violation).then(|| {
            format!("it does not let {login} in ({violation}), which is read anew for each try")
        })
    }
}

fn held(refusal: &Refusal) -> Option<String> {
    let refusal = refusal.lock().unwrap_or_else(PoisonError::into_inner);
    refusal.clone()
}

/// Notes and tells what happened to the connection.
fn note(event: &Event, status: &watch::Sender<Status>, servers: &str, lost: &Mutex<Lost>) {
    let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
    match event {
        Event::Connected => {
            lost.said_refusal = None;
            let was_said = std::mem::take(&mut lost.was_said);
            if let Some(since) = lost.since.take()
                && was_said
            {
                let seconds = since.elapsed().as_secs_f64();
                info!(target: STATE, servers, seconds, "connected to {servers} again after {seconds:.1} s");
            }
            status.send_modify(|status| {
                status.is_connected = true;
                status.failed = None;
            });
        }
        Event::Disconnected => {
            let now = Instant::now();
            lost.since.get_or_insert(now);
            lost.said = Some(now);
            let allowed = lost.pace.get_or_insert_with(Throttle::new).allow();
            lost.was_said |= allowed.is_some();
            if let Some(left_out) = allowed {
                let more = more(left_out);
                warn!(target: STATE, servers, left_out, "lost the connection to {servers}; trying again{more}");
            }
            status.send_modify(|status| {
                status.losses += 1;
                status.is_connected = false;
            });
        }
        Event::ClientError(error) if lost.since.is_some() => {
            let error = match error {
                ClientError::Other(why) => why.clone(),
                other => other.to_string(),
            };
            let refused = lost.refused(&error);
            let is_new = refused.is_some() && refused != lost.said_refusal;
            let is_time = lost.said.is_none_or(|said| said.elapsed() >= REMIND);
            let error = printable(refused.as_ref().unwrap_or(&error));
            status.send_modify(|status| {
                let tries = status.failed.as_ref().map_or(0, |(tries, _)| *tries);
                status.failed = Some((tries.saturating_add(1), error.clone()));
            });
            if is_time || is_new {
                lost.said = Some(Instant::now());
                lost.was_said = true;
                lost.said_refusal = refused;
                warn!(target: STATE, servers, error, "still no connection to {servers}: {error}; trying again");
            }
        }
        Event::ServerError(ServerError::Other(answer)) if is_forbidden(answer) => {
            let answer = printable(answer.trim_matches('\''));
            status.send_modify(|status| {
                let n = status.forbidden.as_ref().map_or(0, |(n, _)| *n);
                status.forbidden = Some((n + 1, answer));
            });
        }
        Event::ServerError(error) => {
            let error = printable(&error.to_string());
            warn!(target: STATE, servers, error, "{servers} says: {error}");
        }
        Event::LameDuckMode => {
            info!(target: STATE, servers, "a server of {servers} is about to stop; another one is used");
        }
        Event::SlowConsumer(_) | Event::Draining | Event::Closed | Event::ClientError(_) => {}
    }
}

fn more(left_out: u64) -> String {
    match left_out {
        0 => String::new(),
        n => format!(" (and {n} times more since the last such line)"),
    }
}

fn is_forbidden(answer: &str) -> bool {
    answer
        .to_ascii_lowercase()
        .contains("permissions violation")
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

    #[test]
    fn the_end_of_a_loss_that_was_said_is_said_however_often_it_was_lost_since() {
        let (status, _watched) = watch::channel(Status::default());
        let lost = Mutex::new(Lost::default());
        for _ in 0..100 {
            note(&Event::Disconnected, &status, "a server", &lost);
        }
        let was_said = || lost.lock().unwrap().was_said;
        assert!(was_said());
        note(&Event::Connected, &status, "a server", &lost);
        assert!(!was_said());
        note(&Event::Disconnected, &status, "a server", &lost);
        assert!(!was_said(), "the hundred lines before are enough");
    }

    #[test]
    fn waits_between_tries_grow_to_a_second() {
        assert_eq!(reconnect_wait(1, FIRST, RECONNECT), Duration::ZERO);
        for tries in [2, 5, 10, 1000, usize::MAX] {
            let waits = (0..100).map(|_| reconnect_wait(tries, FIRST, RECONNECT));
            assert!(waits.max().unwrap() <= RECONNECT, "{tries}");
        }
        assert!((0..100).any(|_| reconnect_wait(100, FIRST, RECONNECT) > RECONNECT / 2));
        assert!((0..100).all(|_| reconnect_wait(2, FIRST, RECONNECT) <= FIRST));
    }

    #[test]
    fn waits_are_longer_where_tries_are_counted_and_within_the_maximum() {
        let waits = |max_retries, max_backoff| {
            let settings = NatsSettings {
                max_retries,
                max_backoff,
                ..NatsSettings::default()
            };
            let waits = reconnect_waits(&settings);
            let most = (0..100).map(|_| waits(2)).max();
            (most.unwrap(), waits(100))
        };
        let long = Duration::from_secs(30);
        assert!(waits(None, long).0 <= FIRST);
        assert!(waits(Some(3), long).0 > FIRST);
        let short = Duration::from_millis(5);
        let (second, later) = waits(Some(3), short);
        assert!(second <= short && later <= short);
    }

    #[test]
    fn failed_tries_are_counted_until_the_connection_is_back() {
        let (status, watched) = watch::channel(Status::default());
        let lost = Mutex::new(Lost::default());
        let failed = || Event::ClientError(ClientError::Other("no\x1b way".to_owned()));
        note(&failed(), &status, "a server", &lost);
        assert_eq!(watched.borrow().failed, None, "it is not lost");
        note(&Event::Disconnected, &status, "a server", &lost);
        for tries in 1..4 {
            note(&failed(), &status, "a server", &lost);
            let shown = watched.borrow().failed.clone().unwrap();
            assert_eq!(shown.0, tries);
            assert!(!shown.1.contains('\x1b'), "{shown:?}");
        }
        note(&Event::Connected, &status, "a server", &lost);
        assert_eq!(watched.borrow().failed, None);
    }
}
