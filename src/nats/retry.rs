//! Tries at the start that are made again: a cluster that has no leader just now is no other fault
//! than a server that is not there.

use tokio::time::sleep;
use tracing::warn;

use super::{NatsError, NatsSettings};
use crate::{
    backoff::Backoff,
    log::{STATE, chain},
};

/// Does some work, and tries again what may pass, as often and with such waits as a connection is
/// tried.
///
/// Cancel safety: that of the work.
pub(crate) async fn retry<T, E, F>(
    settings: &NatsSettings,
    mut work: impl FnMut() -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
    E: AsNats + From<NatsError> + std::error::Error + Send + Sync + 'static,
{
    let mut backoff = Backoff::new(settings.max_backoff);
    loop {
        let error = match work().await {
            Err(error) if error.as_nats().is_some_and(NatsError::may_pass) => error,
            done_or_failed => return done_or_failed,
        };
        let wait = backoff.next_wait();
        let tries = backoff.tries();
        if settings.max_retries.is_some_and(|most| tries > most) {
            return Err(E::from(NatsError::Unreachable {
                servers: settings.shown(),
                tries,
                source: error.into(),
            }));
        }
        let error = chain(&error);
        warn!(target: STATE, error, tries, "{error}; trying again in {:.1} s", wait.as_secs_f64());
        sleep(wait).await;
    }
}

/// An error that NATS may be the cause of.
pub(crate) trait AsNats {
    /// What NATS has to do with it.
    fn as_nats(&self) -> Option<&NatsError>;
}
