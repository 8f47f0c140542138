//! Writing to the stream: sends what may be sent, and looks at the stream when something was
//! refused or lost.

mod answers;
mod outages;

use std::{sync::Arc, time::Duration};

use async_nats::{Subscriber, client::PublishErrorKind, jetstream::stream::Info};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tracing::info;

use super::{
    StreamError,
    chain::{Answer, Broken, Chain, Next},
    message::{self, MessageFormat, Outgoing, Source, Tail},
    recent::Recent,
    stream,
};
use crate::{
    backoff::Backoff,
    error::MemberError,
    event::{Batch, Identity, Origin},
    log::outage::{Outage, lasted},
    log::{STATE, chain, printable},
    nats::{Connection, NatsError, Status},
    sink::SinkContext,
};

/// The longest wait between two looks at a stream that does not get on.
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// How large the events may be that are on their way, together: some 2,000 usual ones, and a single
/// one may be larger.
const WINDOW_BYTES: usize = 2 * 1024 * 1024;

/// The stream, while it is written to.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    stream: String,
    info: Info,
    format: MessageFormat,
    id: String,
    window: usize,
    chain: Chain,
    recent: Recent,
    source: Arc<Source>,
    inbox: String,
    acks: Subscriber,
    ack_timeout: Duration,
    /// When the last answer came, or since when one is waited for.
    heard: Instant,
    status: watch::Receiver<Status>,
    losses: u64,
    forbidden: Option<(u64, String)>,
    backoff: Backoff,
    /// The time in which the end of the stream cannot be seen.
    outage: Outage,
    /// The time in which it is seen, and nothing is stored.
    standstill: Outage,
    /// What the server said to the message that it refused last.
    refused: Option<String>,
    context: SinkContext,
    repeats: u64,
}

impl Writer {
    pub(super) async fn start(
        connection: Connection,
        info: Info,
        tail: &Tail,
        format: MessageFormat,
        id: String,
        (window, ack_timeout): (usize, Duration),
    ) -> Result<Self, NatsError> {
        let inbox = connection.client().new_inbox();
        let subscribed = connection.client().subscribe(format!("{inbox}.>")).await;
        let acks = subscribed.map_err(|source| NatsError::Client {
            action: "subscribe to an inbox".to_owned(),
            source: source.into(),
        })?;
        let mut recent = Recent::default();
        if let Some(id) = tail.id {
            recent.note(id);
        }
        let mut status = connection.status();
        let Status {
            losses, forbidden, ..
        } = status.borrow_and_update().clone();
        Ok(Self {
            stream: info.config.name.clone(),
            connection,
            info,
            format,
            id,
            window,
            chain: Chain::new(tail),
            recent,
            source: Arc::default(),
            inbox,
            acks,
            ack_timeout,
            heard: Instant::now(),
            status,
            losses,
            forbidden,
            backoff: Backoff::new(MAX_BACKOFF),
            outage: Outage::default(),
            standstill: Outage::default(),
            refused: None,
            context: SinkContext::default(),
            repeats: 0,
        })
    }

    /// These events are in the stream already.
    pub(super) fn know(&mut self, events: Vec<Identity>) {
        for event in events {
            self.recent.note(event);
        }
    }

    /// Counts what is accepted here from now on.
    pub(super) fn count_in(&mut self, context: SinkContext) {
        self.context = context;
    }

    /// Events that came again, and were not written again.
    pub(super) fn repeats(&self) -> u64 {
        self.repeats
    }

    /// Whether everything that was taken is stored.
    pub(super) fn is_done(&self) -> bool {
        self.chain.len() == 0
    }

    /// Takes the events of a batch and sends them; waits while the window is full.
    pub(super) async fn take(&mut self, batch: &mut Batch) -> Result<(), MemberError> {
        if let Some(origin) = batch.origin() {
            self.set_source(origin)?;
        }
        // One copy for all of them: the batch's own memory is used again.
        let lines = Bytes::copy_from_slice(batch.lines());
        let mut start = 0;
        while !batch.is_empty() {
            let room = self.window.saturating_sub(self.chain.len());
            if room == 0 || self.chain.bytes() >= WINDOW_BYTES {
                self.turn().await?;
                continue;
            }
            let mut n = 0;
            for event in batch.events().take(room) {
                if self.chain.bytes() >= WINDOW_BYTES {
                    break;
                }
                let end = start + event.line().len();
                let line = lines.slice(start..end);
                start = end + 1;
                n += 1;
                let id = message::identity(&event);
                if !self.recent.note(id) {
                    self.repeats += 1;
                    let accepted = self.chain.push_repeat();
                    self.context.accept(accepted);
                    continue;
                }
                let outgoing = self.format.outgoing(&event, line, &self.source);
                self.chain.push(outgoing);
            }
            batch.take(n);
            self.send().await?;
            self.take_ready()?;
        }
        Ok(())
    }

    fn set_source(&mut self, origin: &Origin) -> Result<(), StreamError> {
        let source = Source::of(origin);
        if source != *self.source {
            if stream::is_origin(&self.info, origin) {
                let stream = printable(&self.stream);
                return Err(StreamError::Origin { stream });
            }
            self.source = Arc::new(source);
        }
        Ok(())
    }

    /// Waits for the next thing that happens, and sees to it.
    ///
    /// Cancel safety: dropped at any time, and called again.
    pub(super) async fn turn(&mut self) -> Result<(), MemberError> {
        if self.chain.wants_look() {
            return self.look().await;
        }
        self.send().await?;
        let deadline = self.heard + self.ack_timeout;
        let is_waiting = self.chain.is_waiting();
        tokio::select! {
            biased;
            message = self.acks.next() => match message {
                Some(message) => self.take_answer(&message)?,
                None => return Err(self.connection_gone()),
            },
            Ok(()) = self.status.changed() => self.note_status()?,
            () = sleep_until(deadline), if is_waiting => self.chain.lose(),
        }
        self.take_ready()
    }

    /// Sends all that may be sent. Without a connection nothing is: what would wait in it might
    /// come twice.
    async fn send(&mut self) -> Result<(), MemberError> {
        if !self.status.borrow().is_connected {
            return Ok(());
        }
        if !self.chain.is_waiting() {
            self.heard = Instant::now();
        }
        while let Some(Next {
            outgoing,
            link,
            reply,
        }) = self.chain.next()
        {
            let headers = self.format.headers(outgoing, link);
            let (subject, line) = (outgoing.subject.clone(), outgoing.payload.clone());
            let client = self.connection.client();
            let published = match reply {
                Some((generation, number)) => {
                    let reply = format!("{}.{generation}.{number}", self.inbox);
                    client
                        .publish_with_reply_and_headers(subject, reply, headers, line)
                        .await
                }
                None => client.publish_with_headers(subject, headers, line).await,
            };
            if let Err(error) = published {
                return Err(match error.kind() {
                    PublishErrorKind::MaxPayloadExceeded if self.chain.is_under_way() => {
                        // What lies before it is to be stored first.
                        self.chain.lose();
                        return Ok(());
                    }
                    PublishErrorKind::MaxPayloadExceeded => {
                        let most = client.server_info().max_payload;
                        let answer = format!("the server takes messages of up to {most} bytes");
                        self.too_large(outgoing, answer).into()
                    }
                    _ => NatsError::Client {
                        action: self.action(),
                        source: error.into(),
                    }
                    .into(),
                });
            }
            self.chain.sent(reply.is_some());
        }
        Ok(())
    }

    /// Takes the answers that are there already.
    fn take_ready(&mut self) -> Result<(), MemberError> {
        while let Some(message) = self.acks.next().now_or_never() {
            match message {
                Some(message) => self.take_answer(&message)?,
                None => return Err(self.connection_gone()),
            }
        }
        Ok(())
    }

    fn note_status(&mut self) -> Result<(), MemberError> {
        let status = self.status.borrow_and_update().clone();
        if let Some(error) = self.connection.lost_for_good(&status) {
            return Err(error.into());
        }
        if status.losses != self.losses {
            self.losses = status.losses;
            self.chain.lose();
        }
        if status.forbidden != self.forbidden {
            self.forbidden.clone_from(&status.forbidden);
            let answer = status
                .forbidden
                .map(|(_, answer)| answer)
                .unwrap_or_default();
            if self.format.is_forbidden_by(&answer) || answer.contains(&*self.inbox) {
                let servers = self.connection.servers().to_owned();
                return Err(NatsError::Forbidden { servers, answer }.into());
            }
        }
        Ok(())
    }

    /// Looks where the stream ends, and goes on from there.
    async fn look(&mut self) -> Result<(), MemberError> {
        self.connection.restored().await?;
        self.note_status()?;
        if self.backoff.tries() > 0 {
            sleep(self.backoff.next_wait()).await;
        } else {
            self.backoff.next_wait();
        }
        let (info, tail) = match self.read_tail().await {
            Ok(found) => found,
            Err(error) if error.downcast_ref().is_some_and(may_pass) => {
                let tries = self.backoff.tries();
                if self.connection.is_over(tries) {
                    return Err(self.connection.unreachable(tries, error.into()).into());
                }
                self.log_unseen(&chain(&error), tries);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let stream = printable(&self.stream);
        if let Some(age) = self.outage.end() {
            let age = lasted(age);
            info!(target: STATE, stream, "the end of the stream '{stream}' is known again after {age}");
        }
        if info.created != self.info.created {
            return Err(StreamError::Recreated { stream }.into());
        }
        let is_ours = tail.writer.as_deref() == Some(&*self.id);
        let accepted = self
            .chain
            .rebase(&tail, is_ours)
            .map_err(|broken| match broken {
                Broken::AnotherWriter => StreamError::AnotherWriter { stream },
                Broken::Shorter => StreamError::Shorter {
                    stream,
                    seq: tail.seq,
                },
            })?;
        info!(target: "rocketman::sink", accepted, seq = tail.seq, "went on after the last message of the stream");
        self.context.accept(accepted);
        if accepted > 0 {
            self.note_stored();
        } else if self.backoff.tries() > 1 {
            self.log_standstill();
        }
        Ok(())
    }

    async fn read_tail(&self) -> Result<(Info, Tail), MemberError> {
        let info = stream::open(&self.connection, &self.stream, &self.format, None).await?;
        let tail = stream::tail(&self.connection, &self.stream, &info).await?;
        Ok((info, tail))
    }

    fn action(&self) -> String {
        format!("write to the stream '{}'", self.stream)
    }

    /// The client library ends a connection only when all its users are gone.
    fn connection_gone(&self) -> MemberError {
        NatsError::Silent {
            action: self.action(),
            servers: self.connection.servers().to_owned(),
        }
        .into()
    }
}

/// Whether it may be different in a moment: a server that is starting, or has no leader.
fn may_pass(error: &NatsError) -> bool {
    matches!(
        error,
        NatsError::Silent { .. }
            | NatsError::Unavailable { .. }
            | NatsError::NoJetStream { .. }
            | NatsError::Answer { .. }
            | NatsError::Client { .. }
    )
}
