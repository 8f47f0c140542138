//! Short connections beside the main one, without a filter: how far back a server goes, and which
//! collections it sends.
//!
//! Each is bounded in time and in what it reads, and nothing waits for one but a run that is to end
//! at a gap.

use std::{collections::BTreeSet, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tracing::debug;

use super::{
    connect::{ConnectError, Connector},
    endpoint::Endpoint,
    handshake,
    probe::{LONG_AGO, Wire},
    resume::Doubt,
    v1::Wanted,
};
use crate::{error::chain, event::Point};

/// So many events within [`BUSY_US`] make a stream a busy one: one in three seconds, where the
/// whole network has hundreds in one.
const BUSY: usize = 20;

/// See [`BUSY`].
const BUSY_US: u64 = 60_000_000;

/// How long it is looked whether a stream is busy, at most.
const BUSY_WITHIN: Duration = Duration::from_secs(5);

/// How long it is looked which collections a server sends, and how many events: enough of the whole
/// network for all that are not rare.
const COLLECTIONS_WITHIN: Duration = Duration::from_secs(5);

/// See [`COLLECTIONS_WITHIN`].
const COLLECTIONS_OF: usize = 2000;

/// How far back a server goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floor {
    /// The first event that it gives.
    pub(super) first: Point,
    /// Events follow each other so closely that a pause means something.
    pub(super) is_busy: bool,
}

/// What a server sends.
#[derive(Debug, Default)]
pub(super) struct Sight {
    pub(super) events: usize,
    pub(super) collections: BTreeSet<String>,
}

/// What a look was for, and what it found; `None` where there was no answer.
#[derive(Debug)]
pub(super) enum Found {
    Floor(Question, Option<Floor>),
    Sight(Option<Sight>),
}

/// What the first event of a connection left open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub(super) doubt: Doubt,
    /// That event.
    pub(super) first: Point,
}

/// The looks that are under way. Dropped, they end.
#[derive(Debug, Default)]
pub(super) struct Aside {
    looks: JoinSet<Found>,
}

impl Aside {
    pub(super) fn is_empty(&self) -> bool {
        self.looks.is_empty()
    }

    /// What the next look found; `None` when there is none any more.
    ///
    /// Cancel safety: nothing that was found is lost.
    pub(super) async fn next(&mut self) -> Option<Found> {
        loop {
            match self.looks.join_next().await? {
                Ok(found) => return Some(found),
                Err(error) => debug!(%error, "a look at a server failed"),
            }
        }
    }

    /// Learns how far back the server goes, within this time.
    pub(super) fn learn_floor(
        &mut self,
        connector: &Connector,
        endpoint: &Endpoint,
        question: Question,
        within: Duration,
    ) {
        let look = Look::new(connector, endpoint, within);
        self.looks
            .spawn(async move { Found::Floor(question, look.floor(question.doubt).await) });
    }

    /// Looks which collections the server sends.
    pub(super) fn see_collections(
        &mut self,
        connector: &Connector,
        endpoint: &Endpoint,
        within: Duration,
    ) {
        let look = Look::new(connector, endpoint, within);
        self.looks
            .spawn(async move { Found::Sight(look.collections().await) });
    }
}

/// One look.
struct Look {
    connector: Connector,
    endpoint: Endpoint,
    /// Until when the connection has to be open and to have brought something.
    deadline: Instant,
}

impl Look {
    fn new(connector: &Connector, endpoint: &Endpoint, within: Duration) -> Self {
        Self {
            connector: connector.clone(),
            endpoint: endpoint.clone(),
            deadline: Instant::now() + within,
        }
    }

    async fn floor(&self, doubt: Doubt) -> Option<Floor> {
        let mut wire = self.open(Some(LONG_AGO)).await?;
        let first = timeout_at(self.deadline, wire.event()).await.ok()?.ok()?;
        let is_busy = matches!(doubt, Doubt::Time(_))
            && timeout_at(Instant::now() + BUSY_WITHIN, is_busy(&mut wire, first))
                .await
                .unwrap_or_default();
        wire.leave().await;
        Some(Floor { first, is_busy })
    }

    async fn collections(&self) -> Option<Sight> {
        let mut wire = self.open(None).await?;
        let mut sight = Sight::default();
        let deadline = Instant::now() + COLLECTIONS_WITHIN;
        while sight.events < COLLECTIONS_OF
            && let Ok(Ok(_)) = timeout_at(deadline, wire.event()).await
        {
            sight.events += 1;
            if let Some(collection) = wire.collection()
                && !sight.collections.contains(collection)
            {
                sight.collections.insert(collection.to_owned());
            }
        }
        wire.leave().await;
        Some(sight)
    }

    async fn open(&self, cursor: Option<u64>) -> Option<Wire> {
        let open = async {
            let stream = self.connector.open(&self.endpoint).await?;
            let query = Wanted::default().request(cursor).query;
            let upgraded = handshake::upgrade(stream, &self.endpoint, &query).await?;
            Ok::<_, ConnectError>(Wire::new(upgraded, None))
        };
        match timeout_at(self.deadline, open).await.ok()? {
            Ok(wire) => Some(wire),
            Err(error) => {
                debug!(endpoint = %self.endpoint, error = chain(&error), "no connection beside the main one");
                None
            }
        }
    }
}

/// Whether events follow the first one closely, by their own time.
async fn is_busy(wire: &mut Wire, first: Point) -> bool {
    for _ in 1..BUSY {
        match wire.event().await {
            Ok(point) if point.time_us.saturating_sub(first.time_us) <= BUSY_US => {}
            _ => return false,
        }
    }
    true
}
