//! What follows from each answer.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::{info, warn};

use super::Flow;
use crate::{
    backoff::Backoff,
    error::MemberError,
    log::{
        STATE,
        outage::{Mention, after, lasted},
        throttle::more,
    },
    sink::{
        OnFailure,
        delivery::{FailedTry, GivenUp, name_of},
        http::{OnRefusal, error::HttpError, health::Trouble, parcel::Parcel, verdict::Verdict},
    },
};

/// Into how many parts a request is divided at most that failed, and into how many one without an
/// answer: each step of the search may cost the whole time for one.
const PARTS: usize = 4;
const PARTS_OF_SILENT: usize = 16;

/// The longest wait before an account is tried again: the first of all waits.
const SHORT_WAIT: Duration = Duration::from_millis(250);

/// Requests are not made smaller than this because one was too large.
const MIN_BYTES: usize = 16 * 1024;

/// What a task has come to.
#[derive(Debug)]
pub(in crate::sink::http) enum Ended {
    Answered {
        parcel: Parcel,
        verdict: Verdict,
        /// It was to find out how the endpoint is.
        is_probe: bool,
    },
    /// A single event is not tried again.
    GivenUp {
        parcel: Parcel,
        why: String,
        result: Result<GivenUp, MemberError>,
    },
}

impl Flow {
    /// Does what follows from the end of a task. Fails where that is the end of the run.
    pub(super) fn settle(&mut self, ended: Ended) -> Result<(), MemberError> {
        let settled = match ended {
            Ended::Answered {
                parcel,
                verdict,
                is_probe,
            } => {
                if parcel.is_apart {
                    self.n_apart -= 1;
                } else {
                    self.health.note(matches!(verdict, Verdict::Later { .. }));
                }
                self.answered(parcel, verdict, is_probe)
            }
            Ended::GivenUp {
                parcel,
                why,
                result,
            } => self.given_up(&parcel, why, result),
        };
        self.is_over |= settled.is_err();
        settled
    }

    fn answered(
        &mut self,
        parcel: Parcel,
        verdict: Verdict,
        is_probe: bool,
    ) -> Result<(), MemberError> {
        match verdict {
            Verdict::Accepted => {
                let outage = self.health.accepted();
                self.say_recovered(outage);
                self.done(&parcel);
            }
            Verdict::Later {
                why,
                status,
                wait,
                is_general,
            } => {
                if is_general || self.health.failed(parcel.is_part || parcel.is_apart) {
                    self.policy.count_failure();
                    self.out(Trouble::Failing, &why, wait, parcel, is_probe);
                } else {
                    self.failed(parcel, why, status);
                }
            }
            Verdict::Content { why, status } => return self.refused(parcel, why, status, is_probe),
            Verdict::Endpoint { why } => {
                self.policy.count_failure();
                self.refuse(why, Trouble::Refusing, parcel, is_probe)?;
            }
        }
        Ok(())
    }

    fn done(&mut self, parcel: &Parcel) {
        self.note_end(parcel);
        let (n_done, next) = self.queue.end(parcel);
        self.context.accept(n_done);
        self.parcels.extend(next);
    }

    /// A request failed that may pass, while others are accepted: accounts are parted, so that none
    /// waits for another's events. What fails again and again is at fault.
    fn failed(&mut self, mut parcel: Parcel, why: String, status: Option<u16>) {
        let now = Instant::now();
        let short = Backoff::new(SHORT_WAIT).next_wait();
        let n_accepted = self.health.n_accepted();
        let seen = parcel.seen.replace(n_accepted);
        let passed = seen.is_some_and(|seen| seen < n_accepted);
        // There a request may be inserted already, and is known by its token only as it is.
        let is_whole = self.settings.address.is_clickhouse();
        let is_of_one = parcel.lanes().len() == 1;
        if let Some(item) = parcel.items.first().filter(|_| is_of_one && !is_whole) {
            self.suspects.failed(item.lane, now);
            parcel.is_apart = true;
        }
        let is_of_one = is_of_one || is_whole;
        let wait = if is_of_one && passed {
            self.policy.next_wait(&mut parcel.failed_tries, true)
        } else {
            self.policy.count_failure();
            Some(if is_of_one { short } else { Duration::ZERO })
        };
        let Some(wait) = wait else {
            self.divide(parcel, why, status, now);
            return;
        };
        self.policy
            .log_retry(FailedTry::new(&parcel.events(), &why), wait);
        if is_whole {
            self.parcels.push(parcel.wait(now, wait));
            return;
        }
        let most = if status.is_some() {
            PARTS
        } else {
            PARTS_OF_SILENT
        };
        match parcel.by_account(self.health.parts(most), now) {
            Ok(parts) => self.parcels.extend(self.announce_parts(parts)),
            Err(parcel) => self.parcels.push(parcel.wait(now, wait)),
        }
    }

    /// Divides a request, by account where there are several, or gives up the one event in it.
    fn divide(&mut self, parcel: Parcel, why: String, status: Option<u16>, now: Instant) {
        match parcel.by_account(PARTS, now) {
            Ok(parts) => self.parcels.extend(self.announce_parts(parts)),
            Err(parcel) => match parcel.in_order(now) {
                Ok(halves) => self.follow(halves),
                Err(parcel) => self.give_up(parcel, why, status),
            },
        }
    }

    /// Sends the second half once the first is done.
    fn follow(&mut self, halves: [Parcel; 2]) {
        let mut halves = self.announce_parts(halves.into()).into_iter();
        if let (Some(first), Some(second)) = (halves.next(), halves.next()) {
            self.queue.put_aside(second);
            self.parcels.push(first);
        }
    }

    /// The content of a request was refused: it is divided until what is refused stands alone.
    fn refused(
        &mut self,
        mut parcel: Parcel,
        why: String,
        status: u16,
        is_probe: bool,
    ) -> Result<(), MemberError> {
        let now = Instant::now();
        if parcel.items.len() == 1 {
            self.policy.next_wait(&mut parcel.failed_tries, false);
            if let Some(item) = parcel.items.first() {
                self.suspects.refused(item.lane, now);
            }
            let stops = matches!(self.settings.on_error, OnFailure::Stop);
            if self.health.refused() && !stops {
                return self.refuse(why, Trouble::RefusingContent, parcel, is_probe);
            }
            self.give_up(parcel, why, Some(status));
            return Ok(());
        }
        self.policy.count_failure();
        let outage = self.health.divided();
        self.say_recovered(outage);
        if self.health.trouble().is_some() {
            return self.refuse(why, Trouble::RefusingContent, parcel, is_probe);
        }
        if status == 413 {
            self.max_bytes = self.max_bytes.min(parcel.bytes() / 2).max(MIN_BYTES);
        }
        self.divide(parcel, why, Some(status), now);
        Ok(())
    }

    /// The endpoint refuses whatever it is sent.
    fn refuse(
        &mut self,
        why: String,
        trouble: Trouble,
        parcel: Parcel,
        is_probe: bool,
    ) -> Result<(), MemberError> {
        if self.settings.on_refusal == OnRefusal::Stop {
            let address = self.settings.address.to_string();
            return Err(HttpError::Refusal { address, why }.into());
        }
        self.out(trouble, &why, None, parcel, is_probe);
        Ok(())
    }

    /// Nothing is sent for a while, and then one request at a time until one is accepted.
    fn out(
        &mut self,
        trouble: Trouble,
        why: &str,
        asked: Option<Duration>,
        parcel: Parcel,
        is_probe: bool,
    ) {
        let now = Instant::now();
        let (wait, mention) = self.health.out(trouble, asked, is_probe, now);
        self.parcels.push(parcel.wait(now, Duration::ZERO));
        let since = match mention {
            Mention::First => String::new(),
            Mention::Reminder(age) => format!(" for {}", lasted(age)),
            Mention::None => return,
        };
        let what = match trouble {
            Trouble::Failing => "accepts nothing",
            Trouble::Refusing => "refuses whatever it is sent",
            Trouble::RefusingContent => "refuses one event after the other",
        };
        let (endpoint, again) = (self.settings.address.to_string(), after(wait));
        warn!(target: STATE, endpoint, why, "'{endpoint}' {what}{since}: {why}; nothing is lost, trying again {again}");
    }

    fn say_recovered(&self, outage: Option<Duration>) {
        if let Some(age) = outage {
            let (endpoint, age) = (self.settings.address.to_string(), lasted(age));
            info!(target: STATE, endpoint, "'{endpoint}' accepts events again, after {age}");
        }
    }

    /// Says that the stream waits.
    pub(in crate::sink::http) fn say_full(&mut self) {
        let Some(left_out) = self.pace.check() else {
            return;
        };
        let (endpoint, n, more) = (
            self.settings.address.to_string(),
            self.n_open(),
            more(left_out),
        );
        warn!(target: STATE, setting = "max_unanswered", endpoint, n, "{n} events for '{endpoint}' are unanswered; the stream waits for it{more}");
    }

    /// Does with a single event what is to be done with those that are not accepted.
    fn give_up(&mut self, parcel: Parcel, why: String, status: Option<u16>) {
        let policy = Arc::clone(&self.policy);
        self.running.spawn(async move {
            let events = parcel.events();
            let failed = FailedTry {
                status: status.map(i32::from),
                ..FailedTry::new(&events, &why)
            };
            let result = policy.give_up(failed, &parcel.failed_tries).await;
            drop(events);
            Ended::GivenUp {
                parcel,
                why,
                result,
            }
        });
    }

    fn given_up(
        &mut self,
        parcel: &Parcel,
        why: String,
        result: Result<GivenUp, MemberError>,
    ) -> Result<(), MemberError> {
        match result? {
            GivenUp::Accepted => {
                self.done(parcel);
                Ok(())
            }
            GivenUp::Stops => Err(HttpError::Event {
                address: self.settings.address.to_string(),
                event: name_of(&parcel.events()),
                why,
            }
            .into()),
        }
    }
}
