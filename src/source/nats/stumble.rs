//! What follows from a connection that is lost: another try after a wait, and a look at the message
//! where it was lost twice.

use std::{collections::HashMap, time::Duration};

use tokio::time::{Instant, timeout};
use tracing::warn;

use super::{NatsSource, OVERDUE_GRACE, attempt::Failed, session::Session, undeliverable::Policy};
use crate::{
    error::MemberError,
    event::{BadEvent, Origin},
    log::{STATE, chain, printable},
    nats::{Connection, StoredMessage},
    source::{ReadError, nats::NatsSourceError},
};

/// This number of losses at one place make it worth a look.
const LOSSES_BEFORE_LOOK: u32 = 2;

/// How much of a durable consumer is looked through after a loss: messages, and time.
const MAX_LOOKED_AT: u32 = 256;
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// How many messages of a durable consumer are remembered at which a connection was lost.
const MAX_SUSPECTS: usize = 10_000;

/// How much of a message is logged.
const EXCERPT_BYTES: usize = 160;

/// Where connections were lost.
#[derive(Debug, Default)]
pub(super) struct Stumble {
    /// The message that was to come next.
    at: Option<u64>,
    losses: u32,
    /// Messages of a durable consumer that cannot be read, and how many losses each may have
    /// caused.
    suspects: HashMap<u64, u32>,
    /// Up to where a durable consumer was read when the connection was lost.
    from: Option<u64>,
    said_blind: bool,
}

impl NatsSource {
    /// Decides what the loss of a connection means. The connection itself logs that it is lost, and
    /// back.
    pub(super) fn disconnected(&mut self, session: Option<&Session>) -> Result<(), MemberError> {
        let at = match (session, &self.settings.durable) {
            (Some(session), Some(_)) => {
                self.stumble.from = Some(session.read_up_to());
                None
            }
            (Some(session), None) => Some(session.due(&self.intake.track)),
            (None, _) => None,
        };
        if at.is_some() && at == self.stumble.at {
            self.stumble.losses += 1;
        } else {
            (self.stumble.at, self.stumble.losses) = (at, 1);
        }
        if session.is_some_and(Session::was_heard) {
            self.backoff.reset();
        } else if !self.brought {
            let wait = self.backoff.next_wait();
            self.give_up("the connection was lost each time before anything came")?;
            let due = Instant::now() + wait;
            self.next_try = Some(due);
            self.intake.stats.set_alive_until(due + OVERDUE_GRACE);
        }
        if self.stumble.losses == LOSSES_BEFORE_LOOK {
            self.next_try = None;
        }
        Ok(())
    }

    /// The end, where more tries in a row brought nothing than are allowed.
    pub(super) fn give_up(&self, why: &str) -> Result<(), MemberError> {
        let tries = self.backoff.tries();
        let max_retries = self.settings.connection.max_retries;
        if max_retries.is_none_or(|most| tries <= most) {
            return Ok(());
        }
        Err(ReadError::Unreachable {
            url: self.host.clone(),
            tries,
            source: why.into(),
        }
        .into())
    }

    /// Steps over the message where connections were lost, if that is one that the client library
    /// cannot read; returns whether it was. Nothing else is stepped over, whatever happens.
    pub(super) async fn step_over(&mut self, connection: &Connection, origin: &Origin) -> bool {
        let Some(at) = self
            .stumble
            .at
            .filter(|_| self.stumble.losses >= LOSSES_BEFORE_LOOK)
        else {
            return false;
        };
        let Some((single, why)) = self.unreadable_from(connection, at, at).await else {
            return false;
        };
        self.report_unreadable(&single, why, origin, "it is stepped over");
        self.intake.track.reached(single.seq);
        (self.stumble.at, self.stumble.losses) = (None, 0);
        self.backoff.reset();
        true
    }

    /// Looks for messages of a durable consumer at which the connection may have been lost, and has
    /// done with them what was chosen.
    pub(super) async fn settle_unreadable(
        &mut self,
        connection: &Connection,
        session: &mut Session,
        origin: &Origin,
    ) -> Result<(), Failed> {
        let Some(from) = self.stumble.from.take() else {
            return Ok(());
        };
        let (floor, delivered) = session.pending();
        let deadline = Instant::now() + LOOK_TIMEOUT;
        for mut next in [floor + 1, from + 1] {
            for _ in 0..MAX_LOOKED_AT {
                let left = deadline.saturating_duration_since(Instant::now());
                let looking = self.first_unreadable(connection, &mut next, delivered);
                match timeout(left, looking).await {
                    Ok(Some(Some((single, why)))) => {
                        self.settle_one(session, &single, why, origin)?;
                    }
                    Ok(Some(None)) => {}
                    Ok(None) | Err(_) => break,
                }
            }
        }
        Ok(())
    }

    /// Looks at the next message up to `last`; `None` when there is no more.
    async fn first_unreadable(
        &mut self,
        connection: &Connection,
        next: &mut u64,
        last: u64,
    ) -> Option<Option<(StoredMessage, &'static str)>> {
        if *next > last {
            return None;
        }
        let stream = &self.settings.stream;
        let subjects = &self.settings.subjects;
        let single = StoredMessage::next(connection, stream, subjects, *next).await;
        let single = single.ok().flatten().filter(|single| single.seq <= last)?;
        *next = single.seq + 1;
        let why = single.flaw(connection, stream).await.ok()?;
        Some(why.map(|why| (single, why)))
    }

    fn settle_one(
        &mut self,
        session: &mut Session,
        single: &StoredMessage,
        why: &'static str,
        origin: &Origin,
    ) -> Result<(), Failed> {
        let Some(policy) = &mut self.intake.policy else {
            return Ok(());
        };
        if self.stumble.suspects.len() >= MAX_SUSPECTS {
            self.stumble.suspects.clear();
        }
        let losses = self.stumble.suspects.entry(single.seq).or_default();
        *losses += 1;
        if *losses < LOSSES_BEFORE_LOOK {
            session.refuse(single.seq, Policy::again());
            return Ok(());
        }
        let tries = u64::from(*losses);
        let is_new = policy.meet(single.seq);
        let remedy = policy.remedy(tries, why, || single.enveloped(), &self.intake.stats);
        session.refuse(single.seq, remedy);
        let becomes = policy.becomes();
        if is_new {
            self.report_unreadable(single, why, origin, becomes);
        }
        if self.intake.policy.as_ref().is_some_and(Policy::is_stop) {
            return Err(Failed::Final(
                NatsSourceError::Undeliverable {
                    stream: self.host.clone(),
                    seq: single.seq,
                    subject: printable(&single.subject),
                    why: BadEvent::Unreadable,
                }
                .into(),
            ));
        }
        Ok(())
    }

    /// The first message from this number on, if the client library cannot read it.
    async fn unreadable_from(
        &mut self,
        connection: &Connection,
        at: u64,
        shown: u64,
    ) -> Option<(StoredMessage, &'static str)> {
        let stream = &self.settings.stream;
        let look = async {
            let subjects = &self.settings.subjects;
            let Some(single) = StoredMessage::next(connection, stream, subjects, at).await? else {
                return Ok(None);
            };
            let why = single.flaw(connection, stream).await?;
            Ok(why.map(|why| (single, why)))
        };
        match look.await {
            Ok(found) => found,
            Err(failed) => {
                let failed = connection.failed(failed, &format!("look at message {shown}"));
                if !std::mem::replace(&mut self.stumble.said_blind, true) {
                    let (stream, error) = (&self.host, chain(&failed));
                    warn!(target: STATE, stream, error, "connections are lost at message {shown} of {stream}, and it cannot be looked at: {error}; trying again");
                }
                None
            }
        }
    }

    /// Counts a message that cannot be read and keeps it where that was asked for; the first is
    /// logged.
    fn report_unreadable(&self, single: &StoredMessage, why: &str, origin: &Origin, becomes: &str) {
        let raw = single.raw();
        if let Some(file) = &self.intake.bad_file {
            file.append(BadEvent::Unreadable, &raw, origin, None);
        }
        let stats = &self.intake.stats;
        stats.add_messages(1);
        if stats.add_bad(BadEvent::Unreadable) {
            let excerpt = raw
                .get(..EXCERPT_BYTES)
                .unwrap_or(&raw)
                .escape_ascii()
                .to_string();
            let (stream, seq) = (&self.host, single.seq);
            warn!(target: STATE, stream, seq, why, excerpt, "the NATS client cannot read message {seq} of {stream} and drops the connection there: {why}; {becomes} (later ones are only counted)");
        }
    }
}
