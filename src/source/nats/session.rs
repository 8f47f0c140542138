//! One consumer of ours: messages in, lines out, until something is wrong with it.
//!
//! It is pulled, keeps nothing on the server but its place, and is thrown away at the first doubt: a number of its own that
//! is left out, an error, a silence. What comes after it is decided one level up.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use async_nats::{StatusCode, Subscriber};
use futures_util::Stream;
use serde::Deserialize;
use serde_json::json;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tracing::trace;

use super::{
    delivery::Delivery,
    reader::{Counts, Reader},
    settings::SILENCE,
    track::{From, Gap, StreamState},
    window::Window,
};
use crate::{
    error::printable,
    event::{Batch, Origin, now_us, show_time},
    nats::{Connection, NatsError, Status},
    source::{Flow, SourceError},
};

/// How many messages are asked for at once: more brings nothing (reference, section 5), and twice as many may wait in memory.
const BATCH: u64 = 1000;

/// The server forgets a consumer that asked for nothing for this long.
const INACTIVE: Duration = Duration::from_secs(60);

/// How long taking leave may take.
const FAREWELL: Duration = Duration::from_millis(250);

/// How often a stream is looked at because numbers are left out, where that ends nothing.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where only some subjects are read numbers are left out all the time.
const LOOK_AT_PART_EVERY: Duration = Duration::from_secs(5);

/// Why a consumer is of no more use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("the connection is lost")]
    Disconnected,
    #[error("nothing was heard of it for {}", humantime::format_duration(*.0))]
    Silent(Duration),
    #[error("the server does not know it any more")]
    Forgotten,
    #[error("the server says: {0}")]
    Status(String),
    #[error("message {found} of it came where {expected} was due")]
    Skipped { expected: u64, found: u64 },
    #[error("it was unsubscribed")]
    Ended,
    #[error(transparent)]
    Fatal(#[from] SourceError),
}

impl Lost {
    /// One word for it, for machines.
    pub(super) fn cause(&self) -> &'static str {
        match self {
            Self::Disconnected => "closed",
            Self::Silent(_) => "silent",
            Self::Forgotten | Self::Status(_) => "consumer",
            Self::Skipped { .. } => "skipped",
            Self::Ended => "ended",
            Self::Fatal(_) => "gap",
        }
    }
}

/// What is asked of a stream.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) stream: String,
    pub(super) subjects: Vec<String>,
    /// What stands before the names of the server's functions.
    pub(super) prefix: String,
    pub(super) silence: Duration,
}

/// An open consumer.
#[derive(Debug)]
pub(super) struct Session {
    connection: Connection,
    status: watch::Receiver<Status>,
    /// How often the connection was lost before.
    losses: u64,
    inbox: Inbox,
    wanted: Wanted,
    name: String,
    reply_to: String,
    next: String,
    origin: Arc<Origin>,
    held: Option<Held>,
    /// A silence of the server is only one while it is listened to.
    last_frame: Instant,
    /// When it was last listened to.
    left: Instant,
    /// When the stream may be looked at again because numbers were left out.
    next_look: Instant,
    /// Heartbeats in a row.
    beats: u32,
    /// There is nothing for this consumer.
    is_empty: bool,
}

/// What comes from the server.
#[derive(Debug)]
struct Inbox {
    subscriber: Subscriber,
    window: Window,
    /// The number that is due among all that this consumer is delivered.
    due: u64,
}

/// A message that waits.
#[derive(Debug)]
struct Held {
    message: async_nats::Message,
    delivery: Delivery,
}

/// What came out of one look into the inbox.
enum Drained {
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

/// What is looked at of a consumer.
#[derive(Debug, Deserialize)]
struct ConsumerInfo {
    #[serde(default)]
    num_pending: u64,
}

impl Session {
    /// Makes a consumer.
    ///
    /// Cancel safety: dropped at any time; the server forgets what it made.
    pub(super) async fn open(
        connection: &Connection,
        wanted: Wanted,
        origin: Origin,
        from: From,
    ) -> Result<Self, NatsError> {
        let status = connection.status();
        let losses = status.borrow().losses;
        let action = format!("read the stream '{}'", wanted.stream);
        let client = connection.client();
        let reply_to = client.new_inbox();
        let subscriber = client.subscribe(reply_to.clone()).await;
        let subscriber = subscriber.map_err(|error| NatsError::Client {
            action: action.clone(),
            source: error.into(),
        })?;
        let name = format!("rocketman-{}", random_name());
        let (subject, request) = creation(&wanted, &name, from);
        let info: Result<ConsumerInfo, _> = connection.request(&subject, &request).await;
        let info = info.map_err(|failed| connection.failed(failed, &action))?;
        let now = Instant::now();
        Ok(Self {
            connection: connection.clone(),
            status,
            losses,
            inbox: Inbox {
                subscriber,
                window: Window::new(BATCH, wanted.silence / 3),
                due: 1,
            },
            next: format!(
                "{}.CONSUMER.MSG.NEXT.{}.{name}",
                wanted.prefix, wanted.stream
            ),
            wanted,
            name,
            reply_to,
            origin: Arc::new(origin),
            held: None,
            last_frame: now,
            left: now,
            next_look: now,
            beats: 0,
            is_empty: info.num_pending == 0,
        })
    }

    /// Whether there was nothing for it when it was made.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// For how long nothing was read when the present read began: the sink took nothing.
    pub(super) fn was_idle_for(&self) -> Duration {
        self.last_frame.saturating_duration_since(self.left)
    }

    /// Adds all lines that are ready, and waits only while there is none.
    ///
    /// Cancel safety: lines that were added stay in the batch, and no message is lost.
    pub(super) async fn read(
        &mut self,
        reader: &mut Reader,
        batch: &mut Batch,
    ) -> Result<Flow, Lost> {
        batch.set_origin(&self.origin);
        self.last_frame = Instant::now();
        let result = self.flow(reader, batch).await;
        self.left = Instant::now();
        result
    }

    async fn flow(&mut self, reader: &mut Reader, batch: &mut Batch) -> Result<Flow, Lost> {
        loop {
            if self.held.is_some() {
                if let Some(flow) = self.release(reader, batch).await? {
                    return Ok(flow);
                }
                if self.held.is_some() {
                    return Ok(Flow::More);
                }
            }
            self.ask().await?;
            match self.drain(reader, batch).await {
                Drained::Batch => return Ok(Flow::More),
                Drained::Low => {}
                Drained::Hold(held) => {
                    self.held = Some(*held);
                    if !batch.is_empty() {
                        return Ok(Flow::More);
                    }
                }
                Drained::Heartbeat => {
                    self.beats += 1;
                    if let Some(flow) = self.beat(reader).await? {
                        return Ok(flow);
                    }
                }
                Drained::Flow(flow) => return Ok(flow),
                Drained::Lost(lost) => return Err(lost),
            }
        }
    }

    /// Asks for more while too little is outstanding.
    async fn ask(&mut self) -> Result<(), Lost> {
        let client = self.connection.client();
        while self.inbox.window.is_low() {
            let request = self.inbox.window.request().into();
            client
                .publish_with_reply(self.next.clone(), self.reply_to.clone(), request)
                .await
                .map_err(|_| Lost::Ended)?;
            self.inbox.window.asked();
        }
        Ok(())
    }

    /// Takes what is there, or waits for it.
    async fn drain(&mut self, reader: &mut Reader, batch: &mut Batch) -> Drained {
        let silence = self.wanted.silence;
        loop {
            let Self {
                inbox,
                status,
                losses,
                last_frame,
                next_look,
                ..
            } = self;
            let quiet_until = *last_frame + silence;
            tokio::select! {
                biased;
                drained = poll_fn(|cx| inbox.poll_drain(cx, reader, batch, *next_look, last_frame)) => {
                    if !matches!(drained, Drained::Heartbeat) {
                        self.beats = 0;
                    }
                    return drained;
                }
                () = lost(status, *losses) => return Drained::Lost(Lost::Disconnected),
                () = sleep_until(quiet_until) => {}
            }
            if self.last_frame.elapsed() >= silence {
                return Drained::Lost(Lost::Silent(silence));
            }
        }
    }

    /// Admits the message that waits, once it may be: it is old enough, and it is known why numbers before it are left out.
    /// Waits for that only while the batch is empty.
    async fn release(
        &mut self,
        reader: &mut Reader,
        batch: &mut Batch,
    ) -> Result<Option<Flow>, Lost> {
        let Some(Held { delivery, .. }) = &self.held else {
            return Ok(None);
        };
        if let Some(wait) = too_young(reader, delivery.time_ns) {
            if !batch.is_empty() {
                return Ok(None);
            }
            let due = Instant::now() + wait;
            reader.stats.set_alive_until(due + self.wanted.silence);
            tokio::select! {
                () = lost(&mut self.status, self.losses) => return Err(Lost::Disconnected),
                () = sleep_until(due) => self.last_frame = Instant::now(),
            }
        }
        self.look(reader).await?;
        let Some(Held { message, delivery }) = self.held.take() else {
            return Ok(None);
        };
        let mut counts = Counts::default();
        let outcome = reader.admit(&message, delivery, batch, &mut counts);
        reader.note(batch, &counts);
        outcome.transpose().map_err(Lost::Fatal)
    }

    /// Numbers were left out: where the first message of the stream is beyond them, they were removed before they could be read.
    async fn look(&mut self, reader: &mut Reader) -> Result<(), Lost> {
        let Some(left_out) = reader.left_out else {
            return Ok(());
        };
        let info = self.connection.stream_info(&self.wanted.stream).await;
        let every = if reader.is_part {
            LOOK_AT_PART_EVERY
        } else {
            LOOK_EVERY
        };
        self.next_look = Instant::now() + every;
        self.last_frame = Instant::now();
        let state = match info {
            Ok(info) => state_of(&info),
            // Without the answer it is not known, and it will be asked again by the next consumer.
            Err(error) => return Err(Lost::Status(error.to_string())),
        };
        reader.left_out = None;
        if state.first_seq > left_out {
            let next = self.held.as_ref().map(|held| held.delivery.seq);
            let to = next.map_or(state.first_seq, |next| next.min(state.first_seq));
            let from = left_out.saturating_sub(1);
            reader.tell(Gap::Removed { from, to })?;
        }
        Ok(())
    }

    /// The server has nothing: what is to be known now?
    async fn beat(&mut self, reader: &mut Reader) -> Result<Option<Flow>, Lost> {
        reader.stats.set_caught_up_us(now_us());
        self.look(reader).await?;
        if reader.end.is_none() {
            return Ok(None);
        }
        let action = format!("look at the consumer '{}'", self.name);
        let subject = format!("CONSUMER.INFO.{}.{}", self.wanted.stream, self.name);
        let info: Result<ConsumerInfo, _> = self.connection.request(&subject, &()).await;
        match info {
            Ok(info) if info.num_pending == 0 => Ok(Some(Flow::End)),
            // Its count may be off; twice nothing is nothing.
            Ok(_) | Err(_) if self.beats >= 2 => Ok(Some(Flow::EndAssumed)),
            Ok(_) => Ok(None),
            Err(failed) => Err(Lost::Status(
                self.connection.failed(failed, &action).to_string(),
            )),
        }
    }

    /// Has the server forget the consumer, as far as that is quickly done.
    pub(super) async fn close(self) {
        let subject = format!(
            "{}.CONSUMER.DELETE.{}.{}",
            self.wanted.prefix, self.wanted.stream, self.name
        );
        let client = self.connection.client();
        let farewell = async {
            client.publish(subject, "".into()).await.ok();
            client.flush().await.ok();
        };
        timeout(FAREWELL, farewell).await.ok();
    }
}

impl Inbox {
    /// Takes messages until none is ready, the batch is full, or something else is to be done.
    fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Reader,
        batch: &mut Batch,
        may_look: Instant,
        last_frame: &mut Instant,
    ) -> Poll<Drained> {
        let mut counts = Counts::default();
        let drained = self.take(cx, reader, batch, may_look, &mut counts);
        if counts.frames > 0 {
            let now = Instant::now();
            *last_frame = now;
            trace!(?counts, "read");
            reader.stats.set_alive_until(now + SILENCE * 2);
            reader.note(batch, &counts);
        }
        match drained {
            Some(drained) => Poll::Ready(drained),
            None if !batch.is_empty() => Poll::Ready(Drained::Batch),
            None if self.window.is_low() => Poll::Ready(Drained::Low),
            None => Poll::Pending,
        }
    }

    fn take(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Reader,
        batch: &mut Batch,
        may_look: Instant,
        counts: &mut Counts,
    ) -> Option<Drained> {
        while !batch.is_full() {
            let message = match Pin::new(&mut self.subscriber).poll_next(cx) {
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
            self.window.came(message.length);
            if delivery.consumer_seq != self.due {
                return Some(Drained::Lost(Lost::Skipped {
                    expected: self.due,
                    found: delivery.consumer_seq,
                }));
            }
            self.due += 1;
            let next = reader.track.next_seq();
            if let Some(next) = next.filter(|next| delivery.seq > *next) {
                reader.left_out.get_or_insert(next);
            }
            // A look may end the run only before what lies behind the gap is delivered.
            let is_look_due =
                reader.left_out.is_some() && (reader.must_look() || may_look <= Instant::now());
            if is_look_due || too_young(reader, delivery.time_ns).is_some() {
                return Some(Drained::Hold(Box::new(Held { message, delivery })));
            }
            if let Some(outcome) = reader.admit(&message, delivery, batch, counts) {
                return Some(match outcome {
                    Ok(flow) => Drained::Flow(flow),
                    Err(error) => Drained::Lost(Lost::Fatal(error)),
                });
            }
        }
        Some(Drained::Batch)
    }

    /// What the server says instead of a message.
    fn status(&mut self, message: &async_nats::Message) -> Option<Drained> {
        let said = message.description.as_deref().unwrap_or_default();
        match message.status? {
            StatusCode::IDLE_HEARTBEAT => return Some(Drained::Heartbeat),
            StatusCode::NO_RESPONDERS => return Some(Drained::Lost(Lost::Forgotten)),
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
                let said = printable(&format!("{status} {said}"));
                return Some(Drained::Lost(Lost::Status(said)));
            }
        }
        None
    }
}

/// How long a message has to wait yet; `None` once it is old enough.
fn too_young(reader: &Reader, time_ns: u64) -> Option<Duration> {
    if reader.lag.is_zero() {
        return None;
    }
    let age = Duration::from_micros(now_us().saturating_sub(time_ns / 1000));
    reader.lag.checked_sub(age).filter(|wait| !wait.is_zero())
}

/// Resolves when the connection was lost since.
async fn lost(status: &mut watch::Receiver<Status>, losses: u64) {
    if status
        .wait_for(|status| status.losses != losses)
        .await
        .is_err()
    {
        std::future::pending::<()>().await;
    }
}

/// The request that makes a consumer: in memory, of this name, without acknowledgements.
fn creation(wanted: &Wanted, name: &str, from: From) -> (String, serde_json::Value) {
    let stream = &wanted.stream;
    let mut config = json!({
        "name": name,
        "description": "rocketman",
        "ack_policy": "none",
        "replay_policy": "instant",
        "inactive_threshold": nanos(INACTIVE),
        "num_replicas": 1,
        "mem_storage": true,
    });
    match from {
        From::Seq(seq) => {
            config["deliver_policy"] = "by_start_sequence".into();
            config["opt_start_seq"] = seq.into();
        }
        From::Time(time_us) => {
            config["deliver_policy"] = "by_start_time".into();
            config["opt_start_time"] = show_time(time_us).into();
        }
    }
    let subject = match wanted.subjects.as_slice() {
        [] => format!("CONSUMER.CREATE.{stream}.{name}"),
        [subject] => {
            config["filter_subject"] = subject.as_str().into();
            format!("CONSUMER.CREATE.{stream}.{name}.{subject}")
        }
        subjects => {
            config["filter_subjects"] = subjects.into();
            format!("CONSUMER.CREATE.{stream}.{name}")
        }
    };
    (subject, json!({ "stream_name": stream, "config": config }))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Sixteen letters and digits.
fn random_name() -> String {
    std::iter::repeat_with(fastrand::alphanumeric)
        .take(16)
        .collect()
}

/// What is looked at of a stream.
pub(super) fn state_of(info: &async_nats::jetstream::stream::Info) -> StreamState {
    let first_ns = info.state.first_timestamp.unix_timestamp_nanos();
    StreamState {
        instance: created(info),
        first_seq: info.state.first_sequence,
        last_seq: info.state.last_sequence,
        first_us: u64::try_from(first_ns / 1000).unwrap_or_default(),
    }
}

fn created(info: &async_nats::jetstream::stream::Info) -> String {
    let ns = info.created.unix_timestamp_nanos();
    match jiff::Timestamp::from_nanosecond(ns) {
        Ok(time) => format!("{time:.9}"),
        Err(_) => ns.to_string(),
    }
}
