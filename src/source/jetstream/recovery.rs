//! What comes after a failed try or a lost connection: the same server or the next, at once or
//! after a wait, or the end.

use std::{error::Error, time::Duration};

use tokio::time::Instant;
use tracing::{debug, warn};

use super::{
    Jetstream, OVERDUE_GRACE, connect::ConnectError, endpoint::Endpoint, handshake::HandshakeError,
    lost::Lost, outages::Failure, read_state::Halt, refusal, slow::UnderWay,
};
use crate::{
    error::MemberError,
    log::STATE,
    log::outage::root_cause,
    source::{Flow, ReadError, jetstream::JetstreamError},
};

impl Jetstream {
    /// Decides what a failed try means: the next endpoint after a wait, or the end.
    pub(super) fn failed(
        &mut self,
        endpoint: &Endpoint,
        error: ConnectError,
    ) -> Result<(), MemberError> {
        self.state.stats.count_reconnect(error.cause());
        self.asks_anew = false;
        let mut asked_wait = Duration::ZERO;
        let mut is_refused = false;
        if let ConnectError::Handshake(HandshakeError::Status {
            status,
            location,
            retry_after,
            ..
        }) = &error
        {
            is_refused = refusal::is_final(*status);
            if is_refused && self.rotation.is_last_to_refuse() {
                return Err(refusal::refused(
                    endpoint,
                    *status,
                    location.as_deref(),
                    &error,
                ));
            }
            asked_wait = retry_after.unwrap_or_default();
        }
        self.rotation.failed(is_refused);
        self.retry("cannot reach", endpoint, Box::new(error), asked_wait, None)
    }

    /// Schedules the next try, or gives up.
    fn retry(
        &mut self,
        what: &'static str,
        endpoint: &Endpoint,
        error: Box<dyn Error + Send + Sync>,
        asked_wait: Duration,
        slow: Option<Duration>,
    ) -> Result<(), MemberError> {
        let wait = self.backoff.next_wait().max(asked_wait);
        let tries = self.backoff.tries();
        if self.settings.max_retries.is_some_and(|max| tries > max) {
            // The error says it all.
            self.outage.end();
            return Err(ReadError::Unreachable {
                url: endpoint.to_string(),
                tries,
                source: error,
            }
            .into());
        }
        let due = Instant::now() + wait;
        self.next_try = Some(due);
        self.state.stats.set_alive_until(due + OVERDUE_GRACE);
        let why = root_cause(&*error);
        self.state.stats.set_down(why, Some(due));
        self.mention(&Failure {
            what,
            endpoint,
            error: &*error,
            slow,
            wait,
        });
        Ok(())
    }

    /// Decides what the loss of a connection means. A number that turned out wrong is no failure:
    /// the next try is due at once.
    pub(super) fn lost(&mut self, lost: Lost) -> Result<Flow, MemberError> {
        let slow = self.session.take().and_then(|session| session.slow_for());
        self.state.stats.set_connected(false);
        match lost.cause() {
            Some(cause) => self.state.stats.count_reconnect(cause),
            None => self.asks_anew = true,
        }
        let endpoint = self.rotation.current().clone();
        match lost {
            Lost::Halted(Halt::Renumbered) => {
                if let Some(seq) = self.state.resume.first_seq() {
                    let url = endpoint.to_string();
                    return Err(JetstreamError::NoSuchNumber { url, seq }.into());
                }
                self.state.resume.distrust_numbers();
                warn!(target: STATE, %endpoint, "{endpoint} renumbered its events; resuming by time");
                self.was_logged = true;
                Ok(Flow::More)
            }
            Lost::Halted(Halt::Gap { from_us, to_us }) => Err(ReadError::Gap {
                url: endpoint.to_string(),
                from_us,
                to_us,
            }
            .into()),
            Lost::Halted(Halt::Doubtful(question)) => {
                let patience = self.settings.connect_timeout + OVERDUE_GRACE;
                self.state.stats.set_alive_until(Instant::now() + patience);
                self.ask(question);
                self.is_doubtful = true;
                self.was_logged = false;
                Ok(Flow::More)
            }
            Lost::Halted(Halt::LeftOut {
                from_us,
                to_us,
                why,
            }) => Err(JetstreamError::LeftOut {
                url: endpoint.to_string(),
                from_us,
                to_us,
                why,
            }
            .into()),
            Lost::Halted(Halt::Dictionary(named)) => {
                self.retire_dictionary(&endpoint, named);
                self.was_logged = false;
                Ok(Flow::More)
            }
            // The connection was good for what came after one message.
            Lost::Halted(Halt::Past) => {
                self.was_logged = false;
                Ok(Flow::More)
            }
            Lost::Quiet { .. } => Ok(self.quiet(&endpoint, &lost)),
            _ => {
                let is_healthy = self.brought_events
                    && !matches!(lost, Lost::Silent(_) | Lost::Slow { .. } | Lost::Strange(_));
                if let Lost::Slow { limit, message } = &lost {
                    self.overdue(&endpoint, *limit, message.clone());
                }
                self.rotation.lost(is_healthy);
                self.retry("lost", &endpoint, Box::new(lost), Duration::ZERO, slow)?;
                Ok(Flow::More)
            }
        }
    }

    /// A message took too long to arrive, and is stepped over if that happens again and again.
    fn overdue(&mut self, endpoint: &Endpoint, limit: Duration, message: UnderWay) {
        let bytes = message.bytes();
        if self.slow.note(message, self.rotation.choices()) {
            let limit = humantime::format_duration(limit);
            warn!(target: STATE, %endpoint, bytes, "{endpoint}: a message of {bytes} bytes took longer than {limit} to arrive, wherever it was asked for; it is skipped");
        }
    }

    /// A connection has brought no event for too long: the next server is tried at once, or the
    /// same one anew. Nothing is broken, so this is neither a loss nor a failed try.
    fn quiet(&mut self, endpoint: &Endpoint, lost: &Lost) -> Flow {
        let servers = self.rotation.choices();
        let is_logged = self.quiet.note(servers);
        self.state.stats.set_quiet(true);
        if self.settings.exit_at_end && self.quiet.in_a_row() >= servers.max(2) {
            return Flow::EndAssumed;
        }
        self.rotation.quiet();
        let next = self.rotation.current();
        self.was_logged = is_logged && servers > 1;
        if !is_logged {
            debug!(%endpoint, %next, "quiet, connecting anew");
        } else if servers > 1 {
            warn!(target: STATE, %endpoint, %next, "{endpoint}: {lost}; trying {next}");
        } else {
            warn!(target: STATE, %endpoint, "{endpoint}: {lost}; reconnecting, and again after growing waits");
        }
        Flow::More
    }
}
