//! What happens to the connection: noted for those who wait for it, and logged at a readable pace.

use std::{
    future::Ready,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{ClientError, ConnectErrorKind, Event, ServerError};
use tokio::sync::watch;
use tracing::{info, warn};

use super::{NatsSettings, options::Refusal};
use crate::{
    log::outage::{Mention, Outage, lasted},
    log::throttle::{self, Throttle},
    log::{STATE, printable},
};

/// The longest wait between two tries to get a lost connection back.
const MAX_RECONNECT_WAIT: Duration = Duration::from_secs(1);

/// The longest wait before the second of these tries, and where they are counted: then as long as
/// at the start, so that a server has the time to start anew.
const FIRST_WAIT: Duration = Duration::from_millis(40);
const FIRST_COUNTED_WAIT: Duration = Duration::from_millis(250);

/// What the connection is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Status {
    /// How often it was lost.
    pub(crate) losses: u64,
    /// Whether it is open.
    pub(crate) is_connected: bool,
    /// How many tries in a row failed to get it back, and why the last one did.
    pub(crate) failed: Option<(u32, String)>,
    /// What the server said about something that this user may not do, and how often it said so.
    pub(crate) forbidden: Option<(u64, String)>,
}

/// What is done with what happens to the connection.
pub(super) fn on_events(
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
pub(super) fn reconnect_waits(
    settings: &NatsSettings,
) -> impl Fn(usize) -> Duration + Send + Sync + 'static {
    let first = if settings.max_retries.is_some() {
        FIRST_COUNTED_WAIT
    } else {
        FIRST_WAIT
    };
    let most = settings.max_backoff.min(MAX_RECONNECT_WAIT);
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

/// That the connection is lost, and what was said of it.
#[derive(Debug, Default)]
struct Lost {
    outage: Outage,
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
    /// Notes that a try failed to get the connection back, logs it where it is time for that or
    /// something new, and returns why it did.
    fn note_failure(&mut self, error: &ClientError, servers: &str) -> String {
        let error = match error {
            ClientError::Other(why) => why.clone(),
            other => other.to_string(),
        };
        let refused = self.refused(&error);
        let is_new = refused.is_some() && refused != self.said_refusal;
        let is_time = self.outage.mention(Duration::ZERO) != Mention::None;
        let error = printable(refused.as_ref().unwrap_or(&error));
        if is_time || is_new {
            self.was_said = true;
            self.said_refusal = refused;
            warn!(target: STATE, servers, error, "still no connection to {servers}: {error}; trying again");
        }
        error
    }

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

pub(super) fn held(refusal: &Refusal) -> Option<String> {
    let refusal = refusal.lock().unwrap_or_else(PoisonError::into_inner);
    refusal.clone()
}

/// Notes and logs what happened to the connection.
fn note(event: &Event, status: &watch::Sender<Status>, servers: &str, lost: &Mutex<Lost>) {
    let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
    match event {
        Event::Connected => {
            lost.said_refusal = None;
            let was_said = std::mem::take(&mut lost.was_said);
            if let Some(age) = lost.outage.end()
                && was_said
            {
                let (seconds, age) = (age.as_secs_f64(), lasted(age));
                info!(target: STATE, servers, seconds, "connected to {servers} again after {age}");
            }
            status.send_modify(|status| {
                status.is_connected = true;
                status.failed = None;
            });
        }
        Event::Disconnected => {
            lost.outage.mention(Duration::ZERO);
            let allowed = lost.pace.get_or_insert_with(Throttle::new).check();
            lost.was_said |= allowed.is_some();
            if let Some(left_out) = allowed {
                let more = throttle::more(left_out);
                warn!(target: STATE, servers, left_out, "lost the connection to {servers}; trying again{more}");
            }
            status.send_modify(|status| {
                status.losses += 1;
                status.is_connected = false;
            });
        }
        Event::ClientError(error) if lost.outage.lasts() => {
            let error = lost.note_failure(error, servers);
            status.send_modify(|status| {
                let tries = status.failed.as_ref().map_or(0, |(tries, _)| *tries);
                status.failed = Some((tries.saturating_add(1), error));
            });
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

fn is_forbidden(answer: &str) -> bool {
    answer
        .to_ascii_lowercase()
        .contains("permissions violation")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_reported_loss_is_reported_after_more_losses() {
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
        assert_eq!(
            reconnect_wait(1, FIRST_WAIT, MAX_RECONNECT_WAIT),
            Duration::ZERO
        );
        for tries in [2, 5, 10, 1000, usize::MAX] {
            let waits = (0..100).map(|_| reconnect_wait(tries, FIRST_WAIT, MAX_RECONNECT_WAIT));
            assert!(waits.max().unwrap() <= MAX_RECONNECT_WAIT, "{tries}");
        }
        assert!(
            (0..100)
                .any(|_| reconnect_wait(100, FIRST_WAIT, MAX_RECONNECT_WAIT)
                    > MAX_RECONNECT_WAIT / 2)
        );
        assert!((0..100).all(|_| reconnect_wait(2, FIRST_WAIT, MAX_RECONNECT_WAIT) <= FIRST_WAIT));
    }

    #[test]
    fn waits_grow_where_tries_are_counted_up_to_the_maximum() {
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
        assert!(waits(None, long).0 <= FIRST_WAIT);
        assert!(waits(Some(3), long).0 > FIRST_WAIT);
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
