//! A stream of NATS JetStream as a source: the retry loop around its consumers.
//!
//! `session` is one consumer, and `track` where in the stream we are. Here it is decided what comes after a consumer: where to go
//! on, how long to wait, and when to give up. The connection below looks after itself.

mod acks;
mod consumer;
mod delivery;
mod inbox;
mod line;
mod reader;
mod session;
mod settings;
mod track;
mod undeliverable;
mod window;

use std::{convert::Infallible, num::NonZeroUsize, sync::Arc, time::Duration};

use async_nats::jetstream::stream::RetentionPolicy;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tracing::{debug, info, warn};

use self::{
    acks::{Acks, Word},
    consumer::{Wanted, state_of},
    inbox::Lost,
    reader::Reader,
    session::Session,
    settings::SILENCE,
    track::{From, Track},
    undeliverable::Policy,
    window::Room,
};
pub use self::{
    line::{Enveloped, Enveloping},
    settings::NatsSourceSettings,
    undeliverable::OnUndeliverable,
};
use super::{Flow, Source, SourceError};
use crate::{
    STATE,
    backoff::Backoff,
    error::{chain, printable},
    event::{Batch, Origin, Place, Point, Start, show_time},
    metrics,
    nats::{Connection, NatsError},
    pace::Pace,
    stats::Stats,
};

/// The kind of source in origins and cursor files.
const SOURCE: &str = "nats";

/// How long a try may be overdue before a run counts as dead.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a stream that was there may be gone before that counts as final: somebody may be making it anew.
const GONE: Duration = Duration::from_secs(10);

/// How long the last acknowledgements may take on their way.
const LAST_ACKS: Duration = Duration::from_secs(2);

/// A sink that took nothing for so long has cost us the consumer, and nothing is wrong.
const IDLE: Duration = Duration::from_secs(20);

/// The messages of one stream, in its order, each once.
///
/// It reads by consumers of its own, which leave nothing behind on the server, and goes on with another one whenever something is
/// wrong, exactly behind the last message. A loss of messages is told, never passed over.
#[derive(Debug)]
pub struct NatsSource {
    settings: NatsSourceSettings,
    host: String,
    connection: Option<Connection>,
    session: Option<Session>,
    reader: Reader,
    backoff: Backoff,
    /// When the next try is due, after a failed one.
    next_try: Option<Instant>,
    /// Since when there is no such stream, once it was there.
    gone_since: Option<Instant>,
    was_open: bool,
    /// Whether the present consumer brought a message.
    brought: bool,
    pace: Pace,
    /// Up to where everything is accepted.
    accepted: watch::Receiver<Option<Point>>,
    /// What the sink has room for, where that is counted.
    room: Option<Room>,
    /// What is owed to a durable consumer, while no session has it.
    acks: Option<Acks>,
}

impl NatsSource {
    /// A source that connects when it is first asked for a batch, and counts into `stats`.
    pub fn new(settings: NatsSourceSettings, stats: Arc<Stats>) -> Self {
        let host = format!("{}/{}", settings.connection.shown(), settings.stream);
        let reader = Reader {
            track: Track::new(settings.start, settings.rewind),
            stream: host.clone(),
            enveloping: settings.enveloping,
            rules: settings.rules,
            events_only: settings.events_only,
            max_message_bytes: settings.max_message_bytes,
            lag: settings.lag,
            on_gap: settings.on_gap,
            is_part: !settings.subjects.is_empty(),
            stats,
            bad_file: settings.bad_events.clone(),
            exit_at_end: settings.exit_at_end,
            end: None,
            left_out: None,
            met_event: false,
            policy: (settings.durable.as_ref())
                .map(|_| Policy::new(settings.on_undeliverable.clone())),
        };
        Self {
            host,
            connection: None,
            session: None,
            reader,
            backoff: Backoff::new(settings.connection.max_backoff),
            next_try: None,
            gone_since: None,
            was_open: false,
            brought: false,
            pace: Pace::new(),
            accepted: watch::channel(None).1,
            room: None,
            acks: None,
            settings,
        }
    }

    /// Waits until a try is due, and makes it. On failure the next try is scheduled, or the end is said.
    async fn open(&mut self) -> Result<Option<Flow>, SourceError> {
        if let Some(due) = self.next_try {
            sleep_until(due).await;
            self.next_try = None;
        }
        let stats = Arc::clone(&self.reader.stats);
        let connection = if let Some(connection) = &self.connection {
            connection.clone()
        } else {
            let opening = Box::pin(Connection::open(&self.settings.connection));
            let opened = alive_while(&stats, opening).await?;
            self.connection.insert(opened).clone()
        };
        let mut status = connection.status();
        let connected = async { status.wait_for(|status| status.is_connected).await.is_ok() };
        // Its tries and their failures are told by the connection itself.
        if !alive_while(&stats, connected).await {
            return Err(SourceError::Other(
                format!("the connection to {} is closed", self.host),
                None,
            ));
        }
        let limit = self.settings.connection.request_timeout * 2;
        stats.set_alive_until(Instant::now() + limit + PATIENCE);
        match self.look(&connection).await {
            Ok(flow) => Ok(flow),
            Err(Failed::Final(error)) => Err(error),
            Err(Failed::Nats(error)) => self.failed(error).map(|()| None),
        }
    }

    /// One try: the stream as it is now, where to begin in it, and a consumer that begins there.
    async fn look(&mut self, connection: &Connection) -> Result<Option<Flow>, Failed> {
        let stream = &self.settings.stream;
        let info = connection.stream_info(stream).await?;
        let is_queue = info.config.retention == RetentionPolicy::WorkQueue;
        if is_queue && self.reader.takes_away() {
            return Err(Failed::Final(SourceError::FilteredQueue {
                stream: self.host.clone(),
            }));
        }
        let state = state_of(&info);
        let (from, gap) = self.reader.track.begin(&self.host, &state);
        // A durable consumer has its own place, and what of it is done nobody but the server knows.
        if let (Some(gap), None) = (gap, &self.settings.durable) {
            self.reader.left_out = None;
            self.reader.tell(gap)?;
        }
        if self.reader.exit_at_end && self.settings.durable.is_none() {
            self.reader.end.get_or_insert(state.last_seq);
        }
        let wanted = Wanted {
            stream: stream.clone(),
            subjects: self.settings.subjects.clone(),
            prefix: self.settings.api_prefix(),
            silence: self.settings.frame_timeout.min(SILENCE),
            durable: self.settings.durable.clone(),
            is_queue: is_queue && matches!(self.settings.start, None | Some(Start::Seq(0))),
        };
        let origin = Origin {
            source: SOURCE.into(),
            host: self.host.clone(),
            instance: Some(state.instance),
        };
        let accepted = self.accepted.clone();
        let mut session = Session::open(
            connection,
            &wanted,
            origin,
            from,
            accepted,
            self.room.clone(),
        )
        .await?;
        if let Some(acks) = self.acks.take() {
            session.owe(acks);
        }
        let stream = &self.host;
        match from {
            _ if wanted.durable.is_some() => {
                let name = &session.consumer().name;
                info!(stream, name, "sharing the consumer '{name}'");
            }
            From::Seq(seq) => info!(stream, seq, "reading from message {seq} on"),
            From::Time(time_us) => {
                let from = show_time(time_us);
                info!(stream, from, "reading from {from} on");
            }
        }
        let stats = &self.reader.stats;
        stats.set_host(&self.host);
        stats.add_connects(1);
        stats.set_connected(true);
        self.gone_since = None;
        self.was_open = true;
        self.brought = false;
        if self.reader.exit_at_end && session.is_empty() {
            self.acks = session.close().await;
            return Ok(Some(Flow::End));
        }
        self.session = Some(session);
        Ok(None)
    }

    /// Decides what a failed try means: another one after a wait, or the end.
    fn failed(&mut self, error: NatsError) -> Result<(), SourceError> {
        metrics::count_reconnect("refused");
        if self.is_final(&error) {
            return Err(error.into());
        }
        let wait = self.backoff.next_wait();
        let tries = self.backoff.tries();
        let max_retries = self.settings.connection.max_retries;
        if max_retries.is_some_and(|most| tries > most) {
            return Err(SourceError::Unreachable {
                url: self.host.clone(),
                tries,
                source: Box::new(error),
            });
        }
        let due = Instant::now() + wait;
        self.next_try = Some(due);
        self.reader.stats.set_alive_until(due + PATIENCE);
        if let Some(left_out) = self.pace.allow() {
            let (stream, error, wait) = (&self.host, chain(&error), wait.as_secs_f64());
            let more = more(left_out);
            warn!(target: STATE, stream, error, wait, tries, left_out, "{error}; trying again in {wait:.1} s{more}");
        }
        Ok(())
    }

    /// Whether an error would be met again. Once the stream was there, most of them pass: a server that has just started, or a
    /// cluster that has no leader.
    fn is_final(&mut self, error: &NatsError) -> bool {
        match error {
            NatsError::Silent { .. } | NatsError::Unavailable { .. } | NatsError::Client { .. } => {
                false
            }
            NatsError::NoStream { .. } if self.was_open => {
                let since = *self.gone_since.get_or_insert_with(Instant::now);
                since.elapsed() >= GONE
            }
            NatsError::NoJetStream { .. } | NatsError::Limit { .. } | NatsError::Answer { .. } => {
                !self.was_open
            }
            _ => true,
        }
    }

    /// Decides what the loss of a consumer means: another one, at once if this one was of use.
    fn lost(&mut self, lost: Lost) -> Result<(), SourceError> {
        let session = self.session.take();
        let idle = session.as_ref().map(Session::was_idle_for);
        self.acks = session.and_then(Session::into_acks);
        self.reader.stats.set_connected(false);
        metrics::count_reconnect(lost.cause());
        let lost = match lost {
            Lost::Fatal(error) => return Err(error),
            Lost::Disconnected => return Ok(()),
            lost => lost,
        };
        if !self.brought {
            let due = Instant::now() + self.backoff.next_wait();
            self.next_try = Some(due);
            self.reader.stats.set_alive_until(due + PATIENCE);
        }
        let (stream, why) = (&self.host, printable(&lost.to_string()));
        if idle.is_some_and(|idle| idle >= IDLE) {
            debug!(stream, why, "another consumer after a pause");
        } else if let Some(left_out) = self.pace.allow() {
            let more = more(left_out);
            warn!(target: STATE, stream, why, left_out, "lost the consumer of {stream}: {why}; going on with another{more}");
        }
        Ok(())
    }
}

impl Source for NatsSource {
    fn resume(&mut self, place: &Place, same_filter: bool) -> Result<bool, SourceError> {
        if let Some(origin) = place.origin()
            && origin.source != SOURCE
        {
            return Err(SourceError::Foreign {
                found: printable(&origin.source),
                expected: SOURCE,
            });
        }
        if self.settings.durable.is_some() {
            info!(target: STATE, saved = %place, "a durable consumer keeps its own place: the saved cursor is not used");
            return Ok(false);
        }
        if self.reader.track.was_asked() {
            info!(target: STATE, saved = %place, "--cursor or --since is given: the saved cursor is not used");
            return Ok(false);
        }
        if let Place::Seq { seq, origin } = place
            && origin.host != self.host
        {
            return Err(SourceError::Elsewhere {
                seq: *seq,
                host: printable(&origin.host),
            });
        }
        if !same_filter {
            info!(target: STATE, "the saved cursor was made with another filter: what only the new one keeps is read from here on");
        }
        self.reader.track.resume(place);
        Ok(true)
    }

    async fn next_batch(&mut self, batch: &mut Batch) -> Result<Flow, SourceError> {
        loop {
            let Some(session) = &mut self.session else {
                if let Some(flow) = self.open().await? {
                    return Ok(flow);
                }
                continue;
            };
            let result = session.read(&mut self.reader, batch).await;
            if !batch.is_empty() {
                self.backoff.reset();
                self.brought = true;
            }
            match result {
                Ok(flow) => return Ok(flow),
                Err(lost) => self.lost(lost)?,
            }
            if batch.reached().is_some() {
                return Ok(Flow::More);
            }
        }
    }

    async fn close(&mut self) {
        if let Some(session) = self.session.take() {
            self.acks = session.close().await;
        }
    }

    async fn idle(&mut self) -> Infallible {
        match &mut self.session {
            Some(session) => session.idle().await,
            None => std::future::pending().await,
        }
    }

    fn hold_to(&mut self, at_once: NonZeroUsize, at_work: watch::Receiver<usize>) -> bool {
        if self.settings.durable.is_none() {
            return false;
        }
        self.room = Some(Room { at_once, at_work });
        true
    }

    fn hear(&mut self, accepted: watch::Receiver<Option<Point>>) {
        self.accepted = accepted;
    }

    async fn settle(&mut self, is_clean: bool) {
        let (Some(acks), Some(connection)) = (&mut self.acks, &self.connection) else {
            return;
        };
        let point = *self.accepted.borrow_and_update();
        let done = point.map_or_else(Vec::new, |point| acks.accept(&point));
        // What may be the reason of a failure is not given to the next worker at once.
        let left = if is_clean {
            acks.take_all()
        } else {
            Vec::new()
        };
        let last = async {
            acks::tell(connection, done, Word::Done).await;
            acks::tell(connection, left, Word::GivenBack).await;
            connection.client().flush().await.ok();
        };
        timeout(LAST_ACKS, last).await.ok();
    }
}

/// Why a try failed.
enum Failed {
    Nats(NatsError),
    Final(SourceError),
}

impl std::convert::From<NatsError> for Failed {
    fn from(error: NatsError) -> Self {
        Self::Nats(error)
    }
}

impl std::convert::From<SourceError> for Failed {
    fn from(error: SourceError) -> Self {
        Self::Final(error)
    }
}

/// Waits for something that tells of its own failures and never stands still.
async fn alive_while<T>(stats: &Stats, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        stats.set_alive_until(Instant::now() + PATIENCE * 2);
        if let Ok(done) = timeout(PATIENCE, &mut work).await {
            return done;
        }
    }
}

fn more(left_out: u64) -> String {
    match left_out {
        0 => String::new(),
        n => format!(" (and {n} times more since the last such line)"),
    }
}
