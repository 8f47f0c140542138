//! One consumer of ours: messages in, lines out, until something is wrong with it.
//!
//! It is pulled, keeps nothing on the server but its place, and is thrown away at the first doubt: a number of its own that
//! is left out, an error, a silence. What comes after it is decided one level up.

use std::{convert::Infallible, future::poll_fn, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::unconstrained,
    time::{Instant, sleep_until, timeout},
};

use super::{
    acks::{self, AckKind, Acks, Refused, Remedy},
    consumer::{Consumer, Numbers, Wanted, state_of},
    inbox::{Drained, Held, Inbox, Lost, too_young},
    reader::{Counts, Reader},
    track::{From, Gap, Track},
    window::{Room, Share, Window},
};
use crate::{
    event::{Batch, Origin, Point, now_us},
    nats::{Connection, NatsError, Status},
    source::{Flow, SourceError},
};

/// How many messages are asked for at once: more brings nothing (reference, section 5), and twice as many may wait in memory.
const BATCH_MESSAGES: u64 = 1000;

/// The same where others want their share, and the sink takes batches: what one of them has waiting nobody else is given.
const SHARE_MESSAGES: u64 = 64;

/// How long taking leave may take.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_millis(250);

/// The same where messages are given back: what is on its way has to come first.
const RETURN_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a stream is looked at because numbers are left out, where that ends nothing.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Where only some subjects are read numbers are left out all the time.
const PART_LOOK_INTERVAL: Duration = Duration::from_secs(5);

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
    /// There is nothing for this consumer.
    is_empty: bool,
    /// Up to where it had delivered when it was opened, and up to where all of that was done.
    delivered: Numbers,
    ack_floor: Numbers,
    /// The server said that it has nothing.
    has_beat: bool,
    /// Up to where everything is accepted.
    accepted: watch::Receiver<Option<Point>>,
    /// How often the server is told that messages are being worked on, and when next.
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
        from: From,
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

    /// What of a durable consumer was delivered and may not be done: from behind this number up to that one.
    pub(super) fn pending(&self) -> (u64, u64) {
        (self.ack_floor.stream_seq, self.delivered.stream_seq)
    }

    /// Whether the server said that it has nothing.
    pub(super) fn was_heard(&self) -> bool {
        self.has_beat
    }

    /// Refuses a message that was delivered and could not be read. The server goes by the message's number alone.
    pub(super) fn refuse(&mut self, seq: u64, remedy: Remedy) {
        let Consumer { stream, name, .. } = &self.consumer;
        let number = self.delivered.consumer_seq;
        let reply = format!("$JS.ACK.{stream}.{name}.1.{seq}.{number}.0.0").into();
        if let Some(acks) = &mut self.inbox.acks {
            acks.refuse(Refused { reply, remedy });
        }
    }

    /// Takes over what is still owed to the consumer.
    pub(super) fn owe(&mut self, acks: Acks) {
        self.inbox.acks = Some(acks);
    }

    /// The consumer on the server.
    pub(super) fn consumer(&self) -> &Consumer {
        &self.consumer
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
            self.acknowledge().await?;
            self.ask(batch).await?;
            match self.drain(reader, batch).await {
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
    async fn drain(&mut self, reader: &mut Reader, batch: &mut Batch) -> Drained {
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
            let drained = poll_fn(|cx| inbox.poll_drain(cx, reader, batch, *next_look, last_frame));
            tokio::select! {
                biased;
                // What waits is bounded, and is to fill the batch: without this it would be 128 messages at a time.
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

    /// Tells the server what is accepted, and of what is not that it is being worked on. Nothing to do where nothing is owed.
    async fn acknowledge(&mut self) -> Result<(), Lost> {
        let (Some(acks), Some((every, next))) = (&mut self.inbox.acks, &mut self.progress) else {
            return Ok(());
        };
        let point = *self.accepted.borrow_and_update();
        let done = point.map_or_else(Vec::new, |point| acks.accept(&point));
        acks::tell(&self.connection, done, AckKind::Done).await;
        let refused = acks.take_refused();
        if *next <= Instant::now() {
            *next = Instant::now() + *every;
            self.inbox.gather();
            acks::tell(&self.connection, self.inbox.waiting(), AckKind::InProgress).await;
        }
        for refused in refused {
            self.dispose(refused).await?;
        }
        Ok(())
    }

    /// Does what was decided about a message that cannot be delivered.
    async fn dispose(&self, Refused { reply, remedy }: Refused) -> Result<(), Lost> {
        let word = match remedy {
            Remedy::Tell(word) => word,
            Remedy::Keep(letter) => {
                letter.send().await.map_err(|error| {
                    let what = "a message that cannot be delivered is not kept".to_owned();
                    SourceError::caused(what, error)
                })?;
                AckKind::Done
            }
        };
        acks::tell(&self.connection, [reply], word).await;
        Ok(())
    }

    /// Answers the server while the sink takes nothing. Never ends by itself.
    ///
    /// Cancel safety: dropped at any time.
    pub(super) async fn idle(&mut self) -> Infallible {
        loop {
            is_owed(&mut self.accepted, self.progress.as_ref()).await;
            if self.acknowledge().await.is_err() {
                // The next read meets it again.
                std::future::pending::<()>().await;
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
            if batch.reached().is_some() {
                return Ok(None);
            }
            let due = Instant::now() + wait;
            reader.stats.set_alive_until(due + self.silence);
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
        let outcome = self
            .inbox
            .admit(reader, &message, delivery, batch, &mut counts);
        reader.note(batch, &counts);
        outcome.transpose().map_err(Lost::Fatal)
    }

    /// Numbers were left out: where the first message of the stream is beyond them, they were removed before they could be read.
    async fn look(&mut self, reader: &mut Reader) -> Result<(), Lost> {
        let Some(left_out) = reader.left_out else {
            return Ok(());
        };
        let info = self.connection.look_at(&self.consumer.stream).await;
        let every = if reader.is_part {
            PART_LOOK_INTERVAL
        } else {
            LOOK_INTERVAL
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
        if !reader.exit_at_end {
            return Ok(None);
        }
        match self.consumer.info(&self.connection).await {
            Ok(info) if info.num_pending == 0 => Ok(Some(Flow::End)),
            // Its count may be off; twice nothing is nothing.
            Ok(_) | Err(_) if self.beats >= 2 => Ok(Some(Flow::EndAssumed)),
            Ok(_) => Ok(None),
            Err(error) => Err(Lost::Status(error.to_string())),
        }
    }

    /// What is still owed, for another consumer of the same name.
    pub(super) fn into_acks(self) -> Option<Acks> {
        self.inbox.acks
    }

    /// Has the server forget the consumer, or gives back to a durable one what nobody has read, as far as that is quickly done. What
    /// is still owed is returned.
    pub(super) async fn close(mut self) -> Option<Acks> {
        // What is not kept as a dead letter now comes again.
        self.acknowledge().await.ok();
        let is_shared = self.inbox.acks.is_some();
        let farewell = async {
            if is_shared {
                self.inbox.gather_rest().await;
                let unread: Vec<_> = self.inbox.unread_replies().cloned().collect();
                acks::tell(&self.connection, unread, AckKind::GivenBack).await;
            } else {
                let client = self.connection.client();
                client.publish(self.consumer.delete(), "".into()).await.ok();
            }
            self.connection.client().flush().await.ok();
        };
        let limit = if is_shared {
            RETURN_TIMEOUT
        } else {
            CLOSE_TIMEOUT
        };
        timeout(limit, farewell).await.ok();
        self.into_acks()
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

/// Resolves when the server is to be told something; never where nothing is owed.
async fn is_owed(
    accepted: &mut watch::Receiver<Option<Point>>,
    progress: Option<&(Duration, Instant)>,
) {
    let Some((_, next)) = progress else {
        return std::future::pending().await;
    };
    tokio::select! {
        Ok(()) = accepted.changed() => {}
        () = sleep_until(*next) => {}
    }
}
