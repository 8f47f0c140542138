//! What is said of times without a connection: when one begins, while it lasts, and when it is over.

use std::{error::Error, time::Duration};

use tracing::{debug, info, warn};

use super::{Jetstream, connect::ConnectError, endpoint::Endpoint, lost::Lost, resume::Beginning};
use crate::{
    event::show_time,
    log::outage::{Mention, lasted, root_cause},
    log::throttle::{self, Throttle},
    log::{STATE, chain},
    wire::dial::DialError,
};

/// A connection that was lost or could not be made, and when the next is tried.
pub(super) struct Failure<'a> {
    /// `lost`, or `cannot reach`.
    pub(super) what: &'static str,
    pub(super) endpoint: &'a Endpoint,
    pub(super) error: &'a (dyn Error + Send + Sync + 'static),
    /// For how long the sink had taken nothing, where that may be the reason.
    pub(super) slow: Option<Duration>,
    pub(super) wait: Duration,
}

impl Jetstream {
    /// Logs a failure: as a warning where an outage begins and where it is time for a reminder,
    /// else for those who look closely.
    pub(super) fn mention(&mut self, failure: &Failure<'_>) {
        let Failure { endpoint, wait, .. } = failure;
        let servers = self.rotation.choices();
        let unknown = self.note_unknown_name(failure);
        let (text, next) = match unknown {
            None => (self.describe(failure), self.rotation.current()),
            // What holds for all of them is said once, when it is known.
            Some(n) if n < servers => {
                debug!(target: STATE, "{}", self.describe(failure));
                self.outage.begin();
                return;
            }
            Some(_) => (offline(failure, servers), *endpoint),
        };
        let again = if next == *endpoint {
            "again".to_owned()
        } else {
            next.to_string()
        };
        let setting = unknown.map(|_| "endpoints");
        let (tries, seconds) = (self.backoff.tries(), wait.as_secs_f64());
        let trying = format!("trying {again} in {seconds:.1} s");
        match self.outage.mention(*wait) {
            Mention::First => {
                let left_out = self.is_allowed(failure);
                self.was_logged = left_out.is_some();
                let Some(left_out) = left_out else {
                    return self.outage.keep_unsaid(text);
                };
                let more = throttle::more(left_out);
                warn!(target: STATE, %endpoint, wait = seconds, tries, left_out, setting, "{text}; {trying}{more}");
            }
            Mention::Reminder(age) => {
                self.was_logged = true;
                let age = lasted(age);
                warn!(target: STATE, %endpoint, wait = seconds, tries, "no connection for {age}, after {tries} tries: {text}; {trying}");
            }
            Mention::None => {
                debug!(target: STATE, %endpoint, wait = seconds, tries, "{text}; {trying}");
                self.outage.keep_unsaid(text);
            }
        }
    }

    /// Whether an outage more may be said now, and how many were left out before.
    fn is_allowed(&mut self, failure: &Failure<'_>) -> Option<u64> {
        let pace = if let Some(Lost::Strange(_)) = failure.error.downcast_ref() {
            let host = failure.endpoint.to_string();
            self.strange.entry(host).or_insert_with(Throttle::sparse)
        } else {
            &mut self.pace
        };
        if failure.wait < throttle::REFILL_INTERVAL {
            pace.check()
        } else {
            // What is said before a longer wait stands for a while, so it has to be true.
            Some(pace.take_left_out())
        }
    }

    /// Whether the failure is that of a name that cannot be looked up, in a run that never had a
    /// connection: then how many servers in a row that is.
    fn note_unknown_name(&mut self, failure: &Failure<'_>) -> Option<usize> {
        let server = failure.endpoint.host();
        let is_unknown = match failure.error.downcast_ref() {
            Some(ConnectError::Dial(DialError::Lookup { host, .. })) => *host == server,
            _ => false,
        };
        if !is_unknown || self.state.stats.connects() > 0 {
            self.unknown_names.clear();
            return None;
        }
        if self.unknown_names.len() < self.rotation.choices() {
            self.unknown_names.push(server);
        }
        Some(self.unknown_names.len())
    }

    fn describe(&self, failure: &Failure<'_>) -> String {
        let Failure { what, endpoint, .. } = failure;
        let error = chain(failure.error);
        let slow = failure.slow.map_or(String::new(), |slow| {
            let sink = self.state.stats.sink();
            format!(
                ", after {sink} took nothing for {:.1} s",
                slow.as_secs_f64()
            )
        });
        format!("{what} {endpoint}: {error}{slow}")
    }

    /// A connection stands.
    pub(super) fn announce(&mut self, endpoint: &Endpoint, beginning: Beginning) {
        let stats = &self.state.stats;
        stats.set_host(&endpoint.to_string());
        let asks_anew = std::mem::take(&mut self.asks_anew);
        if !asks_anew {
            stats.add_connects(1);
        }
        stats.set_connected(true);
        let from = match beginning {
            Beginning::Live => "now".to_owned(),
            Beginning::Time(time_us) => show_time(time_us),
            Beginning::Seq(seq) => format!("cursor {seq}"),
            Beginning::Asked(start) => format!("cursor {}", start.as_number()),
        };
        let mut unknown = std::mem::take(&mut self.unknown_names);
        let is_first = !asks_anew && stats.connects() <= 1;
        let connected = if is_first {
            "connected to"
        } else {
            "connected again to"
        };
        let was_said = self.outage.was_said();
        match self.outage.end() {
            Some(_) if !was_said && !unknown.is_empty() => {
                unknown.dedup();
                let unknown = unknown.join("', '");
                info!(target: STATE, %endpoint, from, "{connected} {endpoint}, from {from}, as '{unknown}' cannot be looked up");
            }
            None if is_first => info!(%endpoint, from, "connected"),
            _ if !self.was_logged => {}
            None => info!(target: STATE, %endpoint, from, "{connected} {endpoint}, from {from}"),
            Some(age) => {
                let age = lasted(age);
                info!(target: STATE, %endpoint, from, "{connected} {endpoint} after {age}, from {from}");
            }
        }
    }

    /// The run is over; what is known of an outage is said.
    pub(super) fn end_outage(&mut self) {
        if let Some((age, why)) = self.outage.end_unsaid() {
            let age = lasted(age);
            warn!(target: STATE, "no connection for {age}: {why}");
        }
    }
}

/// That no server has a name that can be looked up.
fn offline(failure: &Failure<'_>, servers: usize) -> String {
    let why = root_cause(failure.error);
    match servers {
        1 => format!("cannot look up '{}': {why}", failure.endpoint.host()),
        n => format!("cannot look up any of the {n} servers: {why}"),
    }
}
