//! A stream of NATS JetStream as a source: the retry loop around its consumers.
//!
//! `session` is one consumer, and `track` where in the stream we are. Here it is decided what comes
//! after a consumer: where to go on, how long to wait, and when to give up. The connection below
//! looks after itself.

mod acks;
mod attempt;
mod consumer;
mod delivery;
mod error;
mod inbox;
mod intake;
mod line;
mod message;
mod session;
mod settings;
mod stumble;
mod track;
mod undeliverable;
mod unreadable;
mod window;
mod wrap;

use std::{convert::Infallible, num::NonZeroUsize, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tracing::info;

pub(crate) use self::error::NatsSourceError;
use self::{
    acks::{AckKind, Acks},
    intake::Intake,
    message::MessageKey,
    session::{CLOSE_TIMEOUT, Session},
    stumble::Stumble,
    track::Track,
    undeliverable::Policy,
    window::Room,
};
pub use self::{
    line::WrapMode, message::NatsMessage, settings::NatsSourceSettings,
    undeliverable::OnUndeliverable, wrap::Wrapped,
};
use super::{Flow, RunContext, Source};
use crate::{
    backoff::Backoff,
    error::MemberError,
    event::{Batch, Place, Point, Start, Trail},
    log::outage::Outage,
    log::throttle::Throttle,
    log::{STATE, printable},
    nats::{Connection, NatsSettings},
    source::ReadError,
    stats::Stats,
};

/// The kind of source in origins and cursor files.
const SOURCE: &str = "nats";

/// How long a try may be overdue before a run counts as dead.
const OVERDUE_GRACE: Duration = Duration::from_secs(5);

/// How long the last acknowledgements may take on their way.
const LAST_ACKS_TIMEOUT: Duration = Duration::from_secs(2);

/// The messages of one stream, in its order, each once.
///
/// ```no_run
/// use rocketman::{Pipeline, cursor::FileCursor, event::{OwnedEvent, Start}, nats::NatsSettings};
/// use rocketman::sink::ingest::{Ingest, IngestError};
/// use rocketman::source::nats::{NatsSource, NatsSourceSettings, Wrapped};
///
/// #[derive(serde::Deserialize)]
/// struct Order { id: u64 }
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let connection = NatsSettings::new("nats://localhost");
/// let source = NatsSource::new(NatsSourceSettings {
///     start_if_new: Some(Start::OLDEST),
///     ..NatsSourceSettings::new(connection, "ORDERS")
/// });
/// let orders = Ingest::new().otherwise(|event: OwnedEvent| async move {
///     let order: Wrapped<Order> = event.parse().map_err(IngestError::lasting)?;
///     println!("{} is order {} of type {:?}", order.key, order.data.id, order.event_type);
///     Ok(())
/// });
/// let pipeline = Pipeline::new(source, orders).cursor(FileCursor::open("orders.cursor")?);
/// pipeline.run(std::future::pending()).await?;
/// # Ok(())
/// # }
/// ```
///
/// It reads by consumers of its own, which leave nothing on the server, and goes on with another
/// one whenever something is wrong, exactly after the last message. A loss of messages is reported,
/// never passed over.
#[derive(Debug)]
pub struct NatsSource {
    settings: NatsSourceSettings,
    host: String,
    connection: Option<Connection>,
    session: Option<Session>,
    intake: Intake,
    backoff: Backoff,
    outage: Outage,
    /// When the next try is due, after a failed one.
    next_try: Option<Instant>,
    /// Since when there is no such stream, once it was there.
    gone_since: Option<Instant>,
    was_open: bool,
    /// Whether the present consumer brought a message.
    brought: bool,
    pace: Throttle,
    stumble: Stumble,
    /// Where a consumer of ours is deleted that is of no more use.
    obsolete: Option<String>,
    /// Up to where everything is accepted.
    accepted: watch::Receiver<Option<Point>>,
    /// What the sink has room for, where that is counted.
    room: Option<Room>,
    /// What is owed to a durable consumer, while no session has it.
    acks: Option<Acks>,
}

impl NatsSource {
    /// All messages of this stream: a first run begins with the oldest one, and each other one
    /// where the cursor is.
    pub fn from_oldest(connection: NatsSettings, stream: impl Into<String>) -> Self {
        Self::new(NatsSourceSettings {
            start_if_new: Some(Start::OLDEST),
            ..NatsSourceSettings::new(connection, stream)
        })
    }

    /// A source that connects when it is first asked for a batch, and counts where its
    /// [pipeline](crate::Pipeline) does.
    pub fn new(settings: NatsSourceSettings) -> Self {
        let host = format!("{}/{}", settings.connection.shown(), settings.stream);
        let intake = Intake {
            track: Track::new(settings.start.or(settings.start_if_new), settings.rewind),
            stream: host.clone(),
            wrap_mode: settings.wrap_mode,
            key: None,
            rules: settings.rules(),
            events_only: settings.events_only,
            max_message_bytes: settings.max_message_bytes,
            lag: settings.lag,
            on_gap: settings.on_gap,
            is_part: !settings.subjects.is_empty(),
            stats: Arc::new(Stats::unexported()),
            bad_file: settings.bad_events.clone(),
            exit_at_end: settings.exit_at_end,
            end: None,
            asks_leader: false,
            may_be_end: false,
            left_out: None,
            met_event: false,
            policy: (settings.durable.as_ref())
                .map(|_| Policy::new(settings.on_undeliverable.clone())),
        };
        Self {
            host,
            connection: None,
            session: None,
            intake,
            backoff: Backoff::new(settings.connection.max_backoff),
            outage: Outage::default(),
            next_try: None,
            gone_since: None,
            was_open: false,
            brought: false,
            pace: Throttle::new(),
            stumble: Stumble::default(),
            obsolete: None,
            accepted: watch::channel(None).1,
            room: None,
            acks: None,
            settings,
        }
    }

    /// Has this function say what the key of a message is that is no event of a Jetstream, by which
    /// its order is kept and shards go: what rjet calls its foreign ID. Without one it is the
    /// subject.
    ///
    /// ```
    /// use rocketman::{nats::NatsSettings, source::nats::{NatsSource, NatsSourceSettings}};
    ///
    /// // orders.17.created and orders.17.paid are of the same order.
    /// let settings = NatsSourceSettings::new(NatsSettings::default(), "ORDERS");
    /// let orders = NatsSource::new(settings)
    ///     .key(|message| message.subject().split('.').nth(1).unwrap_or_default().to_owned());
    /// # drop(orders);
    /// ```
    #[must_use]
    pub fn key(mut self, key: impl Fn(&NatsMessage<'_>) -> String + Send + Sync + 'static) -> Self {
        self.intake.key = Some(MessageKey::new(key));
        self
    }
}

impl Source for NatsSource {
    fn attach(&mut self, run: &RunContext) {
        self.intake.stats = Arc::clone(&run.stats);
        self.accepted = run.accepted.clone();
    }

    fn resume(
        &mut self,
        place: &Place,
        trail: &Trail,
        same_filter: bool,
    ) -> Result<bool, MemberError> {
        ReadError::refuse_foreign(place, SOURCE)?;
        if self.settings.durable.is_some() {
            info!(target: STATE, saved = %place, "a durable consumer keeps its own place: the saved cursor is not used");
            return Ok(false);
        }
        if self.settings.start.is_some() {
            info!(target: STATE, saved = %place, "a beginning is given: the saved cursor is not used");
            return Ok(false);
        }
        if let Place::Seq { seq, origin } = place
            && origin.host != self.host
        {
            return Err(ReadError::Elsewhere {
                seq: *seq,
                host: printable(&origin.host),
            }
            .into());
        }
        if !same_filter {
            info!(target: STATE, "the saved cursor was made with another filter: what only the new one keeps is read from here on");
        }
        self.intake.track.resume(place, trail, &self.host);
        Ok(true)
    }

    async fn next_batch(&mut self, batch: &mut Batch) -> Result<Flow, MemberError> {
        loop {
            let Some(session) = &mut self.session else {
                if let Some(flow) = self.open().await? {
                    return Ok(flow);
                }
                continue;
            };
            let result = session.read(&mut self.intake, batch).await;
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
        if let (Some(delete), Some(connection)) = (self.obsolete.take(), &self.connection) {
            let closing = async {
                connection.client().publish(delete, "".into()).await.ok();
                connection.client().flush().await.ok();
            };
            timeout(CLOSE_TIMEOUT, closing).await.ok();
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

    async fn ack_rest(&mut self, is_clean: bool) {
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
            acks::answer(connection, done, AckKind::Done).await;
            acks::answer(connection, left, AckKind::GivenBack).await;
            connection.client().flush().await.ok();
        };
        timeout(LAST_ACKS_TIMEOUT, last).await.ok();
    }
}
