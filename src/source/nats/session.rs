//! One consumer of ours: messages in, lines out, until something is wrong with it.
//!
//! It is pulled, keeps nothing on the server but its place, and is thrown away at the first doubt:
//! a number of its own that is left out, an error, a silence. What comes after it is decided one
//! level up.

mod end;
mod held;
mod owed;

use std::{future::poll_fn, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::unconstrained,
    time::{Instant, sleep_until},
};

use self::owed::is_owed;
use super::{
    acks::Acks,
    consumer::{Consumer, Numbers, Wanted},
    inbox::{Drained, Held, Inbox, Lost},
    intake::Intake,
    track::{ReadFrom, Track},
    window::{Room, Share, Window},
};
use crate::{
    event::{Batch, Origin, Point},
    nats::{Connection, NatsError, Status},
    source::Flow,
};

/// How many messages are asked for at once: more brings nothing (reference, section 5), and twice
/// as many may wait in memory.
const BATCH_MESSAGES: u64 = 1000;

/// The same where others want their share, and the sink takes batches: what one of them has waiting
/// nobody else is given.
const SHARE_MESSAGES: u64 = 64;

/// How long closing may take.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_millis(250);

/// An open consumer.
#[derive(Debug)]
pub(super) struct Session {
    connection: Connection,
    status: watch::Receiver<Status>,
    /// How often the connection was lost before.
    losses: u64,
    inbox: Inbox,
    consumer: Consumer,
    silence: Duration,
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
    /// There was nothing for this consumer when it was made.
    is_empty: bool,
    /// Whose messages it delivers.
    subjects: Vec<String>,
    /// Up to where it had delivered when it was opened, and up to where all of that was done.
    delivered: Numbers,
    ack_floor: Numbers,
    /// The server said that it has nothing.
    has_beat: bool,
    /// Up to where everything is accepted.
    accepted: watch::Receiver<Option<Point>>,
    /// How often progress on messages is reported to the server, and when next.
    progress: Option<(Duration, Instant)>,
}

impl Session {
    /// Makes a consumer, or takes a share of a durable one.
    ///
    /// Cancel safety: dropped at any time; the server forgets what it made.
    pub(super) async fn open(
        connection: &Connection,
        wanted: &Wanted,
        origin: Origin,
        from: ReadFrom,
        accepted: watch::Receiver<Option<Point>>,
        room: Option<Room>,
        own: Option<Consumer>,
    ) -> Result<Self, NatsError> {
        let status = connection.status();
        let losses = status.borrow().losses;
        let client = connection.client();
        let reply_to = client.new_inbox();
        let subscriber = client.subscribe(reply_to.clone()).await;
        let subscriber = subscriber.map_err(|error| NatsError::Client {
            action: format!("read the stream '{}'", wanted.stream),
            source: error.into(),
        })?;
        let (consumer, info) = match (own, &wanted.durable) {
            (None, Some(name)) => Consumer::join(connection, wanted, name, from).await?,
            (own, _) => {
                let own = own.unwrap_or_else(|| Consumer::of_ours(wanted));
                let info = own.make(connection, wanted, from).await?;
                (own, info)
            }
        };
        let now = Instant::now();
        let acks = wanted.durable.as_ref().map(|_| Acks::default());
        let progress = acks.is_some().then(|| info.progress());
        let share = match (&acks, &room) {
            (None, _) => Share::Alone(BATCH_MESSAGES),
            (Some(_), None) => Share::Batch(SHARE_MESSAGES),
            (Some(_), Some(room)) => Share::AtOnce(room.at_once.get() as u64),
        };
        let window = Window::new(share, wanted.silence / 3);
        Ok(Self {
            connection: connection.clone(),
            status,
            losses,
            inbox: Inbox::new(subscriber, window, room, acks),
            next: consumer.next(),
            consumer,
            silence: wanted.silence,
            reply_to,
            origin: Arc::new(origin),
            held: None,
            last_frame: now,
            left: now,
            next_look: now,
            beats: 0,
            is_empty: info.num_pending == 0,
            subjects: wanted.subjects.clone(),
            delivered: info.delivered,
            ack_floor: info.ack_floor,
            has_beat: false,
            accepted,
            progress: progress.map(|every| (every, now + every)),
        })
    }

    /// The message that is due, of a consumer of our own.
    pub(super) fn due(&self, track: &Track) -> u64 {
        track.next_seq().unwrap_or(self.delivered.stream_seq + 1)
    }

    /// Up to where a durable consumer was read: by anybody when it was opened, and by us since.
    pub(super) fn read_up_to(&self) -> u64 {
        self.inbox.highest.max(self.delivered.stream_seq)
    }

    /// What of a durable consumer was delivered and may not be done: from the message after the
    /// first number up to the second.
    pub(super) fn pending(&self) -> (u64, u64) {
        (self.ack_floor.stream_seq, self.delivered.stream_seq)
    }

    /// Whether the server said that it has nothing.
    pub(super) fn was_heard(&self) -> bool {
        self.has_beat
    }

    /// The consumer on the server.
    pub(super) fn consumer(&self) -> &Consumer {
        &self.consumer
    }

    /// For how long nothing was read when the present read began: the sink took nothing.
    pub(super) fn was_idle_for(&self) -> Duration {
        self.last_frame.saturating_duration_since(self.left)
    }

    /// Adds all lines that are ready, and waits only while there are none.
    ///
    /// Cancel safety: lines that were added stay in the batch, and no message is lost.
    pub(super) async fn read(
        &mut self,
        intake: &mut Intake,
        batch: &mut Batch,
    ) -> Result<Flow, Lost> {
        batch.set_origin(&self.origin);
        self.last_frame = Instant::now();
        let result = self.flow(intake, batch).await;
        self.left = Instant::now();
        result
    }

    async fn flow(&mut self, intake: &mut Intake, batch: &mut Batch) -> Result<Flow, Lost> {
        loop {
            if self.held.is_some() {
                if let Some(flow) = self.release(intake, batch).await? {
                    return Ok(flow);
                }
                if self.held.is_some() {
                    return Ok(Flow::More);
                }
            }
            self.acknowledge().await?;
            if intake.may_be_end && batch.reached().is_none() {
                if self.has_delivered_all(intake).await? {
                    return Ok(Flow::End);
                }
                intake.may_be_end = false;
            }
            self.ask(batch).await?;
            match self.drain(intake, batch).await {
                Drained::Batch => return Ok(Flow::More),
                Drained::Low => {}
                Drained::Hold(held) => {
                    self.held = Some(*held);
                    if batch.reached().is_some() {
                        return Ok(Flow::More);
                    }
                }
                Drained::Heartbeat => {
                    self.beats += 1;
                    self.has_beat = true;
                    if let Some(flow) = self.beat(intake).await? {
                        return Ok(flow);
                    }
                }
                Drained::Flow(flow) => return Ok(flow),
                Drained::Lost(lost) => return Err(lost),
            }
        }
    }

    /// Asks for more while too little is outstanding.
    async fn ask(&mut self, batch: &Batch) -> Result<(), Lost> {
        let client = self.connection.client();
        loop {
            let wanting = self.inbox.wanting(batch);
            if wanting == 0 {
                return Ok(());
            }
            if self.inbox.window.awaits_nothing() {
                // The server had nothing to say, heartbeats included.
                self.last_frame = Instant::now();
            }
            let request = self.inbox.window.request(wanting).into();
            client
                .publish_with_reply(self.next.clone(), self.reply_to.clone(), request)
                .await
                .map_err(|_| Lost::Ended)?;
            self.inbox.window.asked(wanting);
        }
    }

    /// Takes what is there, or waits for it.
    async fn drain(&mut self, intake: &mut Intake, batch: &mut Batch) -> Drained {
        loop {
            let Self {
                inbox,
                status,
                losses,
                last_frame,
                next_look,
                accepted,
                progress,
                silence,
                ..
            } = self;
            let is_asked = !inbox.window.awaits_nothing();
            let mut room = inbox.room.as_ref().map(|room| room.at_work.clone());
            room.iter_mut().for_each(watch::Receiver::mark_unchanged);
            let quiet_until = *last_frame + *silence;
            let retry_at = inbox.retry_at;
            let drained = poll_fn(|cx| inbox.poll_drain(cx, intake, batch, *next_look, last_frame));
            tokio::select! {
                biased;
                // What waits is bounded, and is to fill the batch: without this it would be 128
                // messages at a time.
                drained = unconstrained(drained) => {
                    if !matches!(drained, Drained::Heartbeat) {
                        self.beats = 0;
                    }
                    return drained;
                }
                () = lost(status, *losses) => return Drained::Lost(Lost::Disconnected),
                () = is_owed(accepted, progress.as_ref()) => {
                    if let Err(lost) = self.acknowledge().await {
                        return Drained::Lost(lost);
                    }
                }
                () = changed(&mut room) => return Drained::Low,
                () = until(retry_at) => {
                    self.inbox.retry_at = None;
                    return Drained::Low;
                }
                () = sleep_until(quiet_until), if is_asked => {}
            }
            if is_asked && self.last_frame.elapsed() >= self.silence {
                return Drained::Lost(Lost::Silent(self.silence));
            }
        }
    }
}

/// Resolves when the connection was lost since.
async fn lost(status: &mut watch::Receiver<Status>, losses: u64) {
    let changed = status.wait_for(|status| status.losses != losses);
    if changed.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Resolves when the sink works on more or less than before; never where that is not counted.
async fn changed(at_work: &mut Option<watch::Receiver<usize>>) {
    if let Some(at_work) = at_work
        && at_work.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// Resolves at this time, and never without one.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
