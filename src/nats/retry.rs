//! Tries at the start that are made again: a cluster that has no leader just now is no other fault
//! than a server that is not there.

use std::time::Duration;

use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::{NatsError, NatsSettings};
use crate::{
    backoff::Backoff,
    error::MemberError,
    log::outage::{Mention, Outage, lasted},
    log::{STATE, chain},
};

/// Does some work, and tries again what may pass, as often and with such waits as a connection is
/// tried.
///
/// Cancel safety: that of the work.
pub(crate) async fn retry<T, F>(
    settings: &NatsSettings,
    mut work: impl FnMut() -> F,
) -> Result<T, MemberError>
where
    F: Future<Output = Result<T, MemberError>>,
{
    let mut backoff = Backoff::new(settings.max_backoff);
    let mut outage = Outage::default();
    loop {
        let error = match work().await {
            Err(error) if error.downcast_ref().is_some_and(NatsError::may_pass) => error,
            done_or_failed => {
                if let (Ok(_), Some(age)) = (&done_or_failed, outage.end()) {
                    let (servers, age) = (settings.shown(), lasted(age));
                    info!(target: STATE, servers, "{servers} answers after {age}");
                }
                return done_or_failed;
            }
        };
        let wait = backoff.next_wait();
        let tries = backoff.tries();
        if settings.max_retries.is_some_and(|most| tries > most) {
            return Err(MemberError::from(NatsError::Unreachable {
                servers: settings.shown(),
                tries,
                source: error.into(),
            }));
        }
        log_failure(&mut outage, &chain(&error), tries, wait);
        sleep(wait).await;
    }
}

/// Logs a failed try: as a warning where an outage begins and where it is time for a reminder. What
/// is said of it is safe for a screen.
pub(crate) fn log_failure(outage: &mut Outage, why: &str, tries: u32, wait: Duration) {
    let mention = outage.mention(wait);
    let wait = wait.as_secs_f64();
    match mention {
        Mention::First => {
            warn!(target: STATE, error = why, tries, wait, "{why}; trying again in {wait:.1} s");
        }
        Mention::Reminder(age) => {
            let age = lasted(age);
            warn!(target: STATE, error = why, tries, wait, "still after {age} and {tries} tries: {why}; trying again in {wait:.1} s");
        }
        Mention::None => {
            debug!(target: STATE, error = why, tries, wait, "{why}; trying again in {wait:.1} s");
        }
    }
}
