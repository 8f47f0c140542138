//! What becomes of each message, and what is known across consumers.
//!
//! Knows nothing of connections: `session` hands it messages, one after the other.

use std::{sync::Arc, time::Duration};

use tracing::warn;

use super::{
    WrapMode,
    acks::{AckKind, Remedy},
    delivery::{Delivery, deliveries},
    message::{MessageKey, NatsMessage},
    track::{Gap, Track},
    undeliverable::Policy,
};
use crate::{
    error::MemberError,
    event::{BadEvent, Batch, Envelope, LineRules, Origin, Span, show_time},
    log::STATE,
    nats::excerpt,
    source::{BadEventFile, Flow, OnGap, ReadError, nats::NatsSourceError},
    stats::{EventClass, Stats},
};

/// How much of a bad message is logged.
const EXCERPT_BYTES: usize = 160;

/// What outlives a consumer and is needed to read one.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) track: Track,
    /// The stream, for messages.
    pub(super) stream: String,
    pub(super) wrap_mode: WrapMode,
    /// How keys are made that are not the subject.
    pub(super) key: Option<MessageKey>,
    pub(super) rules: LineRules,
    pub(super) events_only: bool,
    pub(super) max_message_bytes: usize,
    pub(super) lag: Duration,
    pub(super) on_gap: OnGap,
    /// Only some subjects are read, so that numbers are left out whatever happens.
    pub(super) is_part: bool,
    pub(super) stats: Arc<Stats>,
    pub(super) bad_file: Option<Arc<BadEventFile>>,
    pub(super) exit_at_end: bool,
    /// The run ends with the message of this number.
    pub(super) end: Option<u64>,
    /// What a consumer has not delivered yet is known only where the stream is led, for the consumer
    /// may be on a replica that lags.
    pub(super) asks_leader: bool,
    /// The consumer had no more to deliver, which may be the end.
    pub(super) may_be_end: bool,
    /// The first number that was left out since the last look at the stream.
    pub(super) left_out: Option<u64>,
    /// A message was an event, so that later ones that are not are mere exceptions.
    pub(super) met_event: bool,
    /// What becomes of messages of a durable consumer that cannot be delivered.
    pub(super) policy: Option<Policy>,
}

/// What one read found.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) frames: u64,
    pub(super) messages: u64,
    pub(super) wire_bytes: u64,
    pub(super) event_bytes: u64,
    /// What is to be done with the message that was refused last, where the server wants to know.
    pub(super) remedy: Option<Remedy>,
    events: [u32; EventClass::COUNT],
}

impl Intake {
    /// Makes a line of a message. `Some` ends the reading.
    pub(super) fn admit(
        &mut self,
        message: &async_nats::Message,
        delivery: Delivery,
        batch: &mut Batch,
        counts: &mut Counts,
    ) -> Option<Result<Flow, MemberError>> {
        if self.end.is_some_and(|end| delivery.seq > end) {
            return Some(Ok(Flow::End));
        }
        counts.messages += 1;
        counts.wire_bytes += message.length as u64;
        let start = batch.buffer().len();
        match self.write(message, delivery, batch) {
            Ok(envelope) => {
                let class = EventClass::of(envelope.kind, envelope.operation);
                if let Some(counter) = counts.events.get_mut(class.index()) {
                    *counter += 1;
                }
                batch.commit_tail(start, envelope);
                counts.event_bytes += (batch.buffer().len() - start) as u64;
            }
            Err(_) if self.events_only && !self.met_event && is_message(message) => {
                return Some(Err(NatsSourceError::NoEvents {
                    stream: self.stream.clone(),
                    seq: delivery.seq,
                    subject: excerpt(&message.subject),
                }
                .into()));
            }
            Err(bad) => {
                counts.remedy = self.refuse(bad, message, delivery, batch);
                if bad != BadEvent::Envelope && self.policy.as_ref().is_some_and(Policy::is_stop) {
                    return Some(Err(NatsSourceError::Undeliverable {
                        stream: self.stream.clone(),
                        seq: delivery.seq,
                        subject: excerpt(&message.subject),
                        why: bad,
                    }
                    .into()));
                }
            }
        }
        self.track.reached(delivery.seq);
        let has_no_more = self.exit_at_end && delivery.pending == 0;
        self.may_be_end = has_no_more && self.asks_leader;
        let is_last =
            self.end.is_some_and(|end| delivery.seq >= end) || (has_no_more && !self.asks_leader);
        is_last.then_some(Ok(Flow::End))
    }

    /// Leaves out a message that comes before the place.
    pub(super) fn pass_over(&mut self, delivery: Delivery) {
        self.stats.add_early(1);
        self.may_be_end = self.exit_at_end && self.asks_leader && delivery.pending == 0;
    }

    fn write(
        &mut self,
        message: &async_nats::Message,
        delivery: Delivery,
        batch: &mut Batch,
    ) -> Result<Envelope, BadEvent> {
        if message.payload.len() > self.max_message_bytes {
            return Err(BadEvent::TooLarge);
        }
        let start = batch.buffer().len();
        let line = NatsMessage::new(message, delivery).with_key(self.key.as_ref());
        let envelope = line.write(batch, self.wrap_mode, self.rules)?;
        let is_event = envelope.did != Span::default();
        if self.events_only && !is_event {
            batch.discard_tail(start);
            return Err(BadEvent::Envelope);
        }
        self.met_event |= is_event;
        Ok(envelope)
    }

    /// Whether a gap has to be known before anything after it is delivered.
    pub(super) fn must_look(&self) -> bool {
        self.on_gap == OnGap::Fail && !self.is_part
    }

    /// Tells of a gap; an error where that is to be the end.
    pub(super) fn report_gap(&self, gap: Gap) -> Result<(), MemberError> {
        let stream = &self.stream;
        let (from, to, why) = match gap {
            Gap::Removed { from, to } if self.is_part => {
                warn!(target: STATE, stream, from, to, "GAP? from={from} to={to}: {stream} no longer has the messages in between; cannot tell whether wanted ones were among them, as only some subjects are read");
                return Ok(());
            }
            Gap::Removed { from, to } => (from, to, "no longer has the messages in between"),
            Gap::CutBack { from, to } => (
                from,
                to,
                "ends before that number: it lost messages, or never came so far",
            ),
            Gap::MadeAnew { from, to } => (
                from,
                to,
                "was deleted and made anew; the new one is read from its first message",
            ),
            Gap::Older { from_us, to_us } => {
                self.stats.add_gaps(1);
                if self.on_gap == OnGap::Fail {
                    let url = stream.clone();
                    return Err(ReadError::Gap {
                        url,
                        from_us,
                        to_us,
                    }
                    .into());
                }
                let (from, to) = (show_time(from_us), show_time(to_us));
                warn!(target: STATE, stream, from, to, "GAP from={from} to={to}: {stream} no longer has the messages in between");
                return Ok(());
            }
        };
        self.stats.add_gaps(1);
        if self.on_gap == OnGap::Fail {
            let stream = stream.clone();
            return Err(ReadError::NumberGap {
                stream,
                from,
                to,
                why,
            }
            .into());
        }
        warn!(target: STATE, stream, from, to, "GAP from={from} to={to}: {stream} {why}");
        Ok(())
    }

    /// Notes once per batch what was counted, and how far the stream was read.
    pub(super) fn note(&self, batch: &Batch, counts: &Counts) {
        let stats = &self.stats;
        stats.add_messages(counts.messages);
        stats.add_wire_bytes(counts.wire_bytes);
        stats.add_event_bytes(counts.event_bytes);
        for (class, n) in counts.events.iter().enumerate() {
            stats.add_events(class, u64::from(*n));
        }
        if let Some(point) = batch.reached() {
            stats.set_last(point);
        }
    }

    /// Reports a message that is not delivered, and decides how it is acknowledged. What no filter
    /// can look into is left out as what a filter drops.
    fn refuse(
        &mut self,
        bad: BadEvent,
        message: &async_nats::Message,
        delivery: Delivery,
        batch: &Batch,
    ) -> Option<Remedy> {
        let payload = &message.payload;
        let policy = match &mut self.policy {
            Some(policy) if bad != BadEvent::Envelope => policy,
            policy => {
                let is_durable = policy.is_some();
                self.report(bad, delivery.seq, payload, batch);
                return is_durable.then_some(Remedy::Answer(AckKind::Terminate));
            }
        };
        let is_new = policy.meet(delivery.seq);
        let tries = message.reply.as_deref().map_or(1, deliveries);
        let key = self.key.as_ref();
        let envelope = || {
            let message = NatsMessage::new(message, delivery).with_key(key);
            message.enveloped(LineRules::default())
        };
        let remedy = policy.remedy(tries, &bad.to_string(), envelope, &self.stats);
        if is_new {
            self.report(bad, delivery.seq, payload, batch);
        }
        Some(remedy)
    }

    /// Counts a bad message and keeps it where that was asked for; the first of its class is
    /// logged.
    fn report(&self, bad: BadEvent, seq: u64, payload: &[u8], batch: &Batch) {
        if let (Some(file), Some(origin)) = (&self.bad_file, batch.origin()) {
            let origin: &Origin = origin;
            file.append(bad, payload, origin, batch.reached().copied());
        }
        if self.stats.add_bad(bad) {
            let head = payload.get(..EXCERPT_BYTES).unwrap_or(payload);
            let excerpt = head.escape_ascii().to_string();
            if let (Some(policy), true) = (&self.policy, bad != BadEvent::Envelope) {
                policy.log(&self.stream, seq, &self.why(bad), &excerpt);
                return;
            }
            let setting = (bad == BadEvent::TooLarge).then_some("max_message_bytes");
            warn!(why = %bad, excerpt, setting, "skipped a message that is not an event (later ones of this class are only counted)");
        }
    }
}

impl Intake {
    /// Whether a filter would drop messages of a durable consumer, and nobody said that they may
    /// go.
    pub(super) fn takes_away(&self) -> bool {
        self.events_only && self.policy.as_ref().is_some_and(|policy| !policy.is_skip())
    }

    /// What is wrong with a message, and which limit it met.
    fn why(&self, bad: BadEvent) -> String {
        match bad {
            BadEvent::TooLarge => format!(
                "it is larger than the limit of {} bytes",
                self.max_message_bytes
            ),
            bad => bad.to_string(),
        }
    }
}

/// Whether it is a message that somebody meant, and not a mark that a key was deleted.
fn is_message(message: &async_nats::Message) -> bool {
    !message.payload.is_empty()
}
