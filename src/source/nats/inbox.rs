//! What comes from the server for one consumer: messages in its numbering, heartbeats, and what has
//! become of our requests.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use async_nats::{Message, StatusCode, Subject, Subscriber};
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::time::Instant;
use tracing::trace;

use super::{
    acks::Acks,
    delivery::Delivery,
    intake::{Counts, Intake},
    settings::MAX_SILENCE,
    window::{Room, Window},
};
use crate::{
    error::MemberError,
    event::{Batch, now_us},
    log::printable,
    source::Flow,
};

/// The waits before messages are asked for again where nobody answers for a consumer that was just
/// made. Through a cluster the news of it may travel on another connection than the answer to who
/// made it.
const RETRY_WAITS: [Duration; 6] = [
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
];

/// Why a consumer is of no more use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("the connection is lost")]
    Disconnected,
    #[error("nothing was heard of it for {}", humantime::format_duration(*.0))]
    Silent(Duration),
    #[error("the server does not know it any more")]
    Forgotten,
    #[error("{0}")]
    Status(String),
    #[error("message {found} of it came where {expected} was due")]
    Skipped { expected: u64, found: u64 },
    #[error("it does not deliver message {0}, which is there: its replica lags")]
    Behind(u64),
    #[error("it was unsubscribed")]
    Ended,
    #[error(transparent)]
    Fatal(#[from] MemberError),
}

impl Lost {
    /// One word for it, for machines.
    pub(super) fn cause(&self) -> &'static str {
        match self {
            Self::Disconnected => "closed",
            Self::Silent(_) => "silent",
            Self::Forgotten | Self::Status(_) => "consumer",
            Self::Skipped { .. } => "skipped",
            Self::Behind(_) => "behind",
            Self::Ended => "ended",
            Self::Fatal(_) => "gap",
        }
    }
}

/// The subscription to what a consumer delivers.
#[derive(Debug)]
pub(super) struct Inbox {
    subscriber: Subscriber,
    pub(super) window: Window,
    /// What the sink has room for, where that is counted.
    pub(super) room: Option<Room>,
    /// The number that is due among all that this consumer is delivered.
    due: u64,
    /// What is owed, where others are delivered of the same consumer; its numbers are then not all
    /// ours.
    pub(super) acks: Option<Acks>,
    /// The highest number that came.
    pub(super) highest: u64,
    /// What came while nobody read.
    unread: VecDeque<Message>,
    /// The waits that are left while the consumer has not been heard of.
    retry_waits: Option<std::slice::Iter<'static, Duration>>,
    /// Nothing is asked for before that, where nobody answered for the consumer.
    pub(super) retry_at: Option<Instant>,
}

/// A message that waits.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) message: Message,
    pub(super) delivery: Delivery,
}

/// What came out of one look into the inbox.
pub(super) enum Drained {
    /// There are lines.
    Batch,
    /// More has to be asked for.
    Low,
    /// The server has nothing.
    Heartbeat,
    /// This one is not to be admitted as it is.
    Hold(Box<Held>),
    Flow(Flow),
    Lost(Lost),
}

impl Inbox {
    pub(super) fn new(
        subscriber: Subscriber,
        window: Window,
        room: Option<Room>,
        acks: Option<Acks>,
    ) -> Self {
        Self {
            subscriber,
            window,
            room,
            due: 1,
            acks,
            highest: 0,
            unread: VecDeque::new(),
            retry_waits: Some(RETRY_WAITS.iter()),
            retry_at: None,
        }
    }

    /// How many more messages it is time to ask for; 0 for none.
    pub(super) fn wanting(&self, batch: &Batch) -> u64 {
        if self.retry_at.is_some() {
            return 0;
        }
        let at_work = self.room.as_ref().map_or(0, |room| *room.at_work.borrow());
        self.window.wanting(at_work + batch.len())
    }

    /// Takes messages until none is ready, the batch is full, or something else is to be done. From
    /// `may_look` on the stream may be looked at because numbers are left out; `last_frame` is when
    /// something came.
    pub(super) fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        intake: &mut Intake,
        batch: &mut Batch,
        may_look: Instant,
        last_frame: &mut Instant,
    ) -> Poll<Drained> {
        let mut counts = Counts::default();
        let drained = self.take(cx, intake, batch, may_look, &mut counts);
        if counts.frames > 0 {
            let now = Instant::now();
            *last_frame = now;
            trace!(?counts, "read");
            intake.stats.set_alive_until(now + MAX_SILENCE * 2);
            intake.note(batch, &counts);
        }
        match drained {
            Some(drained) => Poll::Ready(drained),
            None if batch.reached().is_some() => Poll::Ready(Drained::Batch),
            None if self.wanting(batch) > 0 => Poll::Ready(Drained::Low),
            None => Poll::Pending,
        }
    }

    fn take(
        &mut self,
        cx: &mut Context<'_>,
        intake: &mut Intake,
        batch: &mut Batch,
        may_look: Instant,
        counts: &mut Counts,
    ) -> Option<Drained> {
        while !batch.is_full() {
            let message = match self.poll_message(cx) {
                Poll::Pending => return None,
                Poll::Ready(None) => return Some(Drained::Lost(Lost::Ended)),
                Poll::Ready(Some(message)) => message,
            };
            counts.frames += 1;
            let delivery = message.reply.as_deref().and_then(Delivery::parse);
            let Some(delivery) = delivery else {
                match self.status(&message) {
                    Some(drained) => return Some(drained),
                    None => continue,
                }
            };
            self.retry_waits = None;
            self.window.came(message.length);
            self.highest = self.highest.max(delivery.seq);
            if let (Some(acks), Some(reply)) = (&mut self.acks, &message.reply) {
                if !acks.note(delivery.seq, reply.clone()) {
                    continue;
                }
            } else if let Some(lost) = self.order(intake, delivery) {
                return Some(Drained::Lost(lost));
            } else if intake.track.is_before(delivery) {
                intake.pass_over(delivery);
                continue;
            }
            // A look may end the run only before what follows the gap is delivered.
            let is_look_due =
                intake.left_out.is_some() && (intake.must_look() || may_look <= Instant::now());
            if is_look_due || too_young(intake, delivery.time_ns).is_some() {
                return Some(Drained::Hold(Box::new(Held { message, delivery })));
            }
            if let Some(outcome) = self.admit(intake, &message, delivery, batch, counts) {
                return Some(match outcome {
                    Ok(flow) => Drained::Flow(flow),
                    Err(error) => Drained::Lost(Lost::Fatal(error)),
                });
            }
        }
        Some(Drained::Batch)
    }

    /// Makes a line of a message. `Some` ends the reading.
    pub(super) fn admit(
        &mut self,
        intake: &mut Intake,
        message: &Message,
        delivery: Delivery,
        batch: &mut Batch,
        counts: &mut Counts,
    ) -> Option<Result<Flow, MemberError>> {
        let outcome = intake.admit(message, delivery, batch, counts);
        if let (Some(acks), Some(remedy)) = (&mut self.acks, counts.remedy.take()) {
            acks.refuse_last(remedy);
        }
        outcome
    }

    /// The consumer's own numbers have no holes; those of the stream may have, and then it is to be
    /// known why.
    fn order(&mut self, intake: &mut Intake, delivery: Delivery) -> Option<Lost> {
        if delivery.consumer_seq != self.due {
            return Some(Lost::Skipped {
                expected: self.due,
                found: delivery.consumer_seq,
            });
        }
        self.due += 1;
        let next = intake.track.next_seq();
        if let Some(next) = next.filter(|next| delivery.seq > *next) {
            intake.left_out.get_or_insert(next);
        }
        None
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        match self.unread.pop_front() {
            Some(message) => Poll::Ready(Some(message)),
            None => Pin::new(&mut self.subscriber).poll_next(cx),
        }
    }

    /// Takes in what has come, so that it can be spoken of although nobody reads it yet. It is no
    /// more than what was asked for.
    pub(super) fn gather(&mut self) {
        while let Some(Some(message)) = self.subscriber.next().now_or_never() {
            self.unread.push_back(message);
        }
    }

    /// Wants no more, and takes in what is on its way.
    pub(super) async fn gather_rest(&mut self) {
        if self.subscriber.drain().await.is_err() {
            return;
        }
        while let Some(message) = self.subscriber.next().await {
            self.unread.push_back(message);
        }
    }

    /// Where each message that was delivered and is not accepted is answered.
    pub(super) fn waiting(&self) -> Vec<Subject> {
        let waiting = self.acks.iter().flat_map(Acks::waiting);
        waiting.chain(self.unread_replies()).cloned().collect()
    }

    /// Where each message that nobody has read is answered.
    pub(super) fn unread_replies(&self) -> impl Iterator<Item = &Subject> {
        let replies = self
            .unread
            .iter()
            .filter_map(|message| message.reply.as_ref());
        replies.filter(|reply| Delivery::parse(reply).is_some())
    }

    /// What the server says instead of a message.
    fn status(&mut self, message: &Message) -> Option<Drained> {
        let said = message.description.as_deref().unwrap_or_default();
        let status = message.status?;
        if status == StatusCode::NO_RESPONDERS {
            return Some(self.unanswered());
        }
        self.retry_waits = None;
        match status {
            StatusCode::IDLE_HEARTBEAT => return Some(Drained::Heartbeat),
            // Nothing came in time, or the request is fulfilled as far as its limits allow.
            StatusCode::NOT_FOUND | StatusCode::TIMEOUT => {
                self.window.over(message.headers.as_ref(), false);
            }
            _ if said == "Batch Completed" => self.window.over(message.headers.as_ref(), false),
            _ if said == "Message Size Exceeds MaxBytes" => {
                self.window.over(message.headers.as_ref(), true);
            }
            _ if said == "Consumer Deleted" => return Some(Drained::Lost(Lost::Forgotten)),
            status => {
                let said: String = said.chars().take(200).collect();
                let said = printable(&format!("the server says: {status} {said}"));
                return Some(Drained::Lost(Lost::Status(said)));
            }
        }
        None
    }

    /// Nobody answers for the consumer: it is gone, or so new that this server does not know of it
    /// yet.
    fn unanswered(&mut self) -> Drained {
        let Some(wait) = self.retry_waits.as_mut().and_then(Iterator::next) else {
            return Drained::Lost(Lost::Forgotten);
        };
        self.window.over(None, false);
        self.retry_at = Some(Instant::now() + *wait);
        Drained::Low
    }
}

/// How long a message has to wait yet; `None` once it is old enough.
pub(super) fn too_young(intake: &Intake, time_ns: u64) -> Option<Duration> {
    if intake.lag.is_zero() {
        return None;
    }
    let age = Duration::from_micros(now_us().saturating_sub(time_ns / 1000));
    intake.lag.checked_sub(age).filter(|wait| !wait.is_zero())
}
