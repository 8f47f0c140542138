//! The history of a Jetstream service, over the network: its archive, metered and proven, and then
//! its socket.
//!
//! The archive is asked what has to be read, and sends blocks of its segment files; what it has not
//! sealed yet comes over the socket, from the next number on.

mod beginning;
mod calls;
mod client;
mod download;
mod error;
mod fetch;
mod fetch_error;
mod key;
mod ledger;
mod live;
mod marking;
mod meter;
mod outline;
mod pieces;
mod pool;
mod price;
mod recent;
mod seek;
mod settings;
mod to_folder;
mod verify;

use std::{convert::Infallible, sync::Arc};

use tracing::info;

use self::{
    beginning::Begin, client::Client, download::Download, marking::Marking, recent::Recent,
    seek::Listing,
};
pub use self::{
    key::ArchiveKey,
    marking::{Answer, StateAccounts},
    price::{Amount, Choice, Price},
    settings::HistorySettings,
    to_folder::Downloaded,
};
use super::{Flow, ReadError, RunContext, Saves, Source, jetstream::Jetstream, segments::Run};
use crate::{
    error::MemberError,
    event::{Batch, Did, Origin, Place, Point, Trail, now_us},
    log::STATE,
    stats::Stats,
};

/// The archive of a service, and then its socket, in the order of their numbers.
///
/// A cursor that was gained on the socket goes on in the archive, and the other way round.
#[derive(Debug)]
pub struct History {
    settings: HistorySettings,
    origin: Arc<Origin>,
    client: Option<Arc<Client>>,
    begin: Begin,
    same_filter: bool,
    phase: Phase,
    /// The highest number of the archive, once it is read.
    tip: u64,
    /// The last number that is wanted, where times end the reading within the archive.
    end: Option<u64>,
    /// Kept while it is planned.
    listing: Listing,
    /// When the run began, in microseconds since 1970.
    began_us: u64,
    recent: Recent,
    /// What the output holds already.
    recalled: Vec<Point>,
    /// The last event that the socket brought.
    live_reached: Option<Point>,
    /// How often socket and archive have sent the run to each other, and nothing came.
    turns: u32,
    stats: Arc<Stats>,
    saves: Saves,
    context: Option<RunContext>,
    /// The accounts of an output that wants to know what became of them.
    accounts: Option<Arc<dyn StateAccounts>>,
}

/// What is read.
#[derive(Debug)]
enum Phase {
    Planning,
    Archive(Box<Run<Download>>),
    /// What was wanted of the archive is read.
    Archived,
    Marking(Marking),
    Live(Box<Jetstream>),
    Over,
}

impl History {
    /// A source that connects when it is first asked for a batch.
    pub fn new(settings: HistorySettings) -> Self {
        let endpoint = settings.live.endpoints.first();
        let origin = endpoint.map_or_else(
            || Origin {
                source: super::jetstream::SOURCE.into(),
                host: String::new(),
                instance: None,
            },
            super::jetstream::Endpoint::origin,
        );
        Self {
            begin: Begin::Start(settings.start()),
            settings,
            origin: Arc::new(origin),
            client: None,
            same_filter: true,
            phase: Phase::Planning,
            tip: 0,
            end: None,
            listing: Listing::default(),
            began_us: now_us(),
            recent: Recent::default(),
            recalled: Vec::new(),
            live_reached: None,
            turns: 0,
            stats: Arc::new(Stats::unexported()),
            saves: Saves::none(),
            context: None,
            accounts: None,
        }
    }

    /// What the archive brought: what was there before is left out, and the place behind all of it
    /// is that of the archive, which keeps its numbers.
    fn take_archived(&mut self, batch: &mut Batch) {
        let Phase::Archive(run) = &mut self.phase else {
            return;
        };
        let number = run.progress().number;
        let done = run.done();
        let n_repeats = self.recent.sift(batch);
        self.stats.add_repeats(n_repeats);
        if let Some(point) = batch.reached().copied() {
            batch.advance(Point {
                seq: Some(number.saturating_add(1)),
                identity: None,
                ..point
            });
        }
        let reached = batch.reached().and_then(|point| point.seq);
        run.steps_mut().ledger.taken(done, reached);
        if !batch.is_empty() {
            self.turns = 0;
        }
    }

    /// What follows the archive.
    fn end_archive(&mut self) {
        let Phase::Archive(run) = &mut self.phase else {
            return;
        };
        self.recent.expect_nothing();
        if run.steps_mut().is_cut_short() {
            self.cut_short();
        } else {
            self.phase = Phase::Archived;
        }
    }

    /// Ends where as much was read as may be.
    fn cut_short(&mut self) {
        let bytes = self.settings.max_bytes.unwrap_or_default();
        info!(target: STATE, bytes, "as many bytes of the archive were read as may be: a run with the same cursor goes on here");
        self.phase = Phase::Over;
    }
}

impl Source for History {
    fn attach(&mut self, run: &RunContext) {
        self.stats = Arc::clone(&run.stats);
        self.saves = run.saves.clone();
        self.context = Some(run.clone());
    }

    fn resume(
        &mut self,
        place: &Place,
        trail: &Trail,
        same_filter: bool,
    ) -> Result<bool, MemberError> {
        ReadError::refuse_foreign(place, super::jetstream::SOURCE)?;
        if self.settings.live.start.is_some() {
            info!(target: STATE, saved = %place, "a beginning is given: the saved cursor is not used");
            return Ok(false);
        }
        if !same_filter {
            info!(target: STATE, "the saved cursor was made with another filter: what only the new one keeps is read from here on");
        }
        self.begin = Begin::Place(Box::new((place.clone(), trail.clone())));
        self.same_filter = same_filter;
        Ok(true)
    }

    fn may_repeat(&self) -> bool {
        true
    }

    fn recall(&mut self, delivered: &mut dyn Iterator<Item = Point>) {
        self.recalled = delivered.collect();
    }

    fn end_us(&self) -> Option<u64> {
        match &self.phase {
            Phase::Live(source) => source.end_us(),
            _ => None,
        }
    }

    fn repeats_until_us(&self) -> Option<u64> {
        match &self.phase {
            Phase::Live(source) => source.repeats_until_us(),
            _ => self.recent.repeats_until_us(),
        }
    }

    fn changed_accounts(&mut self) -> Option<Vec<Did>> {
        None
    }

    fn recollect(&self, point: &Point, most: usize) -> Trail {
        match &self.phase {
            Phase::Live(source) => source.recollect(point, most),
            _ => self.recent.trail(point, most),
        }
    }

    async fn next_batch(&mut self, batch: &mut Batch) -> Result<Flow, MemberError> {
        loop {
            // Printing hardly waits: others that have something to do come first.
            tokio::task::yield_now().await;
            match &mut self.phase {
                Phase::Planning => {
                    self.phase = self.plan().await?;
                    self.listing = Listing::default();
                }
                Phase::Archive(run) => {
                    batch.set_origin(&self.origin);
                    let flow = run.next_batch(batch, &self.stats).await?;
                    self.take_archived(batch);
                    if flow != Flow::More {
                        self.end_archive();
                    }
                    if batch.reached().is_some() {
                        return Ok(Flow::More);
                    }
                }
                Phase::Archived => self.phase = self.leave_commits().await?,
                Phase::Marking(_) => {
                    batch.set_origin(&self.origin);
                    if self.mark(batch).await? == Flow::End {
                        self.phase = self.go_live();
                    }
                    return Ok(Flow::More);
                }
                Phase::Live(source) => match source.next_batch(batch).await {
                    Ok(flow) => {
                        self.live_reached = batch.reached().copied().or(self.live_reached);
                        if !batch.is_empty() {
                            self.turns = 0;
                        }
                        return Ok(flow);
                    }
                    Err(error) => {
                        self.live_reached = batch.reached().copied().or(self.live_reached);
                        self.leave_socket(error)?;
                        if batch.reached().is_some() {
                            return Ok(Flow::More);
                        }
                    }
                },
                Phase::Over => return Ok(Flow::End),
            }
        }
    }

    async fn idle(&mut self) -> Infallible {
        match &mut self.phase {
            Phase::Live(source) => source.idle().await,
            _ => std::future::pending().await,
        }
    }

    async fn close(&mut self) {
        if let Phase::Live(source) = &mut self.phase {
            source.close().await;
        }
    }
}
