//! A Jetstream server as a source: the retry loop around its connections, over either wire.
//!
//! `session` is one connection, and `socket` its frames. Here connections are opened; `recovery`
//! decides what comes after one: how long to wait, which server is next, and when to give up.

mod accounts;
mod ahead;
mod aside;
mod asked;
mod clock;
mod connect;
mod dictionary;
mod doubts;
mod endpoint;
mod error;
mod frames;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod handshake;
mod inflate;
mod lost;
mod matches;
mod opening;
mod outages;
mod probe;
mod quiet;
mod read_state;
mod recovery;
mod refusal;
mod resume;
mod rotation;
mod session;
mod settings;
mod signs;
mod slow;
mod socket;
mod stranger;
mod v1;
mod v2;
mod wires;

use std::{collections::HashMap, convert::Infallible, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tracing::{debug, info};

pub(crate) use self::error::JetstreamError;
#[cfg(feature = "serve")]
pub(crate) use self::v1::MAX_HELLO_BYTES;
use self::{
    ahead::Inflation,
    aside::Aside,
    dictionary::Cache,
    matches::Unmatched,
    quiet::Quiet,
    read_state::{Checks, ReadState},
    resume::Resume,
    rotation::Rotation,
    session::Session,
    slow::Slow,
    wires::Wires,
};
pub use self::{
    endpoint::Endpoint,
    probe::{ProbeError, ProbeReport, WireCompression, probe},
    settings::JetstreamSettings,
};
use super::{Flow, RunContext, Source};
#[cfg(feature = "history")]
use crate::event::{Position, Start};
pub use crate::wire::dial::proxy::Proxies;
use crate::{
    backoff::Backoff,
    error::MemberError,
    event::{Batch, Did, Place, Point, Trail},
    log::STATE,
    log::outage::Outage,
    log::throttle::Throttle,
    source::{ReadError, WantedAccounts},
    stats::Stats,
    wire::dial::Connector,
};

/// The kind of source in origins and cursor files.
pub(in crate::source) const SOURCE: &str = "jetstream";

/// How long a try or a connection may be overdue before a run counts as dead.
const OVERDUE_GRACE: Duration = Duration::from_secs(5);

/// How long the end may be held up by a look that is under way.
const LAST_LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// The event stream of one or more Jetstream servers, over the v2 wire where a service has it, else
/// over the v1 wire. The lines are the same.
///
/// It reconnects by itself, for ever unless told otherwise, and resumes where it was. Each change
/// of its state is logged.
#[derive(Debug)]
pub struct Jetstream {
    settings: JetstreamSettings,
    connector: Connector,
    wires: Wires,
    state: ReadState,
    session: Option<Session>,
    backoff: Backoff,
    outage: Outage,
    /// Servers whose names could not be looked up, since the beginning of a run that never had a
    /// connection.
    unknown_names: Vec<String>,
    /// When the next try is due, after a failed one.
    next_try: Option<Instant>,
    rotation: Rotation,
    quiet: Quiet,
    slow: Slow,
    aside: Aside,
    /// Nothing is delivered before it is known how far back the server goes.
    is_doubtful: bool,
    /// Whether the present connection brought a new event.
    brought_events: bool,
    /// How often outages are logged.
    pace: Throttle,
    /// The same of servers that speak another wire, by their addresses: long lines that say the
    /// same each time.
    strange: HashMap<String, Throttle>,
    /// Whether the latest of them was, and so its end is.
    was_logged: bool,
    /// The connection was closed to be opened otherwise, which is no reconnect.
    asks_anew: bool,
    /// Servers are not told of accounts, which something on the way does not take.
    asks_for_all: bool,
    /// That was said.
    said_all: bool,
    accounts: WantedAccounts,
    changes: watch::Receiver<Vec<Did>>,
    /// The accounts that are read since the batch before, for the filter.
    changed_accounts: Option<Vec<Did>>,
}

impl Jetstream {
    /// A source that connects when it is first asked for a batch, and counts where its
    /// [pipeline](crate::Pipeline) does.
    pub fn new(settings: JetstreamSettings) -> Self {
        let state = ReadState {
            resume: Resume::new(settings.start.or(settings.start_if_new), settings.rewind),
            inflation: Inflation::new(settings.max_frame_bytes, settings.threads),
            rules: settings.rules(),
            stats: Arc::new(Stats::unexported()),
            end_us: None,
            end_silence: settings.end_silence,
            on_gap: settings.on_gap,
            may_pause: false,
            bad_file: settings.bad_events.clone(),
            question: None,
            checks: Checks::default(),
            text: Vec::new(),
            message_timeout: settings.message_timeout,
            unmatched: Unmatched::new(settings.collections.clone(), settings.unmatched_after),
        };
        let accounts = WantedAccounts::new(settings.dids.clone());
        Self {
            connector: Connector::new(settings.proxies.clone(), settings.user_agent.clone()),
            wires: Wires::new(Cache::new(settings.cache_folder.clone())),
            state,
            session: None,
            backoff: Backoff::new(settings.max_backoff),
            outage: Outage::default(),
            unknown_names: Vec::new(),
            next_try: None,
            rotation: Rotation::new(settings.endpoints.clone()),
            quiet: Quiet::new(settings.quiet_timeout),
            slow: Slow::default(),
            aside: Aside::default(),
            is_doubtful: false,
            brought_events: false,
            pace: Throttle::new(),
            strange: HashMap::new(),
            was_logged: false,
            asks_anew: false,
            asks_for_all: false,
            said_all: false,
            changes: accounts.changes(),
            accounts,
            changed_accounts: None,
            settings,
        }
    }
}

/// What the archive of a service has to say to its socket.
#[cfg(feature = "history")]
impl Jetstream {
    /// Begins here, whatever the settings say.
    pub(in crate::source) fn begin_at(&mut self, start: Start) {
        match start {
            Start::Seq(seq) => self.state.resume.begin_at_seq(seq),
            Start::Time(time_us) => self.state.resume.begin_at_time(time_us),
        }
    }

    /// Goes on from a place, at which the event may not be met again where the filter was another
    /// one, or nothing stands there.
    pub(in crate::source) fn go_on_from(
        &mut self,
        position: &Position,
        trail: &Trail,
        other_filter: bool,
    ) {
        self.state.resume.restore(position, trail, !other_filter);
    }

    /// Ends with the first event of this time or later.
    pub(in crate::source) fn end_at(&mut self, time_us: u64) {
        self.state.end_us = Some(time_us);
    }
}

impl Source for Jetstream {
    fn attach(&mut self, run: &RunContext) {
        self.state.stats = Arc::clone(&run.stats);
    }

    fn resume(
        &mut self,
        place: &Place,
        trail: &Trail,
        same_filter: bool,
    ) -> Result<bool, MemberError> {
        ReadError::refuse_foreign(place, SOURCE)?;
        let resume = &mut self.state.resume;
        if self.settings.start.is_some() {
            info!(target: STATE, saved = %place, "a beginning is given: the saved cursor is not used");
            return Ok(false);
        }
        resume.forget_beginning();
        let is_known = place
            .origin()
            .is_some_and(|origin| self.rotation.begin_with(&origin.host));
        match place {
            Place::Reached(position) => {
                let mut others = trail.others.iter();
                if !is_known && !others.any(|other| self.rotation.begin_with(&other.origin.host)) {
                    let saved = &position.origin.host;
                    info!(target: STATE, saved, "the saved cursor is of another server; resuming by time");
                }
                resume.restore(position, trail, same_filter);
            }
            Place::Time { time_us, .. } => resume.begin_at_time(*time_us),
            Place::Seq { seq, origin } => {
                if !is_known {
                    return Err(ReadError::Elsewhere {
                        seq: *seq,
                        host: origin.host.escape_debug().to_string(),
                    }
                    .into());
                }
                self.rotation.hold();
                resume.begin_at_seq(*seq);
            }
        }
        if !same_filter {
            info!(target: STATE, "the saved cursor was made with another filter: what only the new one keeps is read from here on");
        }
        Ok(true)
    }

    fn may_repeat(&self) -> bool {
        true
    }

    fn end_us(&self) -> Option<u64> {
        self.state.end_us
    }

    fn repeats_until_us(&self) -> Option<u64> {
        self.state.resume.repeats_until_us()
    }

    fn recollect(&self, point: &Point, most: usize) -> Trail {
        self.state.resume.recollect(point, most)
    }

    fn recall(&mut self, delivered: &mut dyn Iterator<Item = Point>) {
        self.state.resume.recall(delivered);
    }

    async fn next_batch(&mut self, batch: &mut Batch) -> Result<Flow, MemberError> {
        loop {
            if self.is_doubtful {
                self.end_doubts().await?;
            }
            if self.changes.has_changed().unwrap_or_default() {
                self.change_accounts().await;
            }
            let Some(session) = &mut self.session else {
                self.connect().await?;
                continue;
            };
            let due = self.state.unmatched.due();
            let result = tokio::select! {
                biased;
                Some(found) = self.aside.next(), if !self.aside.is_empty() => {
                    self.conclude(found)?;
                    continue;
                }
                Ok(()) = self.changes.changed(), if self.accounts.is_shared() => {
                    self.change_accounts().await;
                    continue;
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.look_for_matches();
                    continue;
                }
                result = session.read(&mut self.state, batch) => result,
            };
            if let Some(question) = self.state.question.take() {
                self.ask(question);
            }
            if !batch.is_empty() {
                self.backoff.reset();
                self.brought_events = true;
                self.quiet.note_events();
                self.slow.reset();
                self.rotation.release();
            }
            match result {
                Ok(flow) => return Ok(flow),
                Err(lost) => {
                    let flow = self.lost(lost)?;
                    if flow != Flow::More || batch.reached().is_some() {
                        return Ok(flow);
                    }
                }
            }
        }
    }

    fn changed_accounts(&mut self) -> Option<Vec<Did>> {
        self.changed_accounts.take()
    }

    async fn idle(&mut self) -> Infallible {
        match &mut self.session {
            Some(session) => session.idle().await,
            None => std::future::pending().await,
        }
    }

    async fn close(&mut self) {
        // What a look finds is said also where the run is over first.
        while let Ok(Some(found)) = timeout(LAST_LOOK_TIMEOUT, self.aside.next()).await {
            if let Err(error) = self.conclude(found) {
                debug!(%error, "too late to be the end");
            }
        }
        if let Some(mut session) = self.session.take() {
            session.close().await;
        }
        self.end_outage();
    }
}
