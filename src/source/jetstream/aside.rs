//! Short connections beside the main one, without a filter: how far back a server goes, and which
//! collections it sends.
//!
//! Each is bounded in time and in what it reads, and nothing waits for one but a run that is to end
//! at a gap.

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tracing::debug;

use super::{
    connect::ConnectError,
    endpoint::{Endpoint, WireVersion},
    handshake,
    matches::Sight,
    probe::{LONG_AGO, Wire},
    read_state::Question,
    v1, v2,
};
use crate::{event::Point, log::chain, wire::dial::Connector};

/// This many events within [`BUSY_US`] make a stream a busy one: one in three seconds, where the
/// whole network has hundreds in one.
const BUSY: usize = 20;

/// See [`BUSY`].
const BUSY_US: u64 = 60_000_000;

/// How long it is looked whether a stream is busy, at most.
const BUSY_WITHIN: Duration = Duration::from_secs(5);

/// What there is comes without a pause like this; behind one there is only what happens now.
const PAUSE: Duration = Duration::from_secs(1);

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
    /// How far apart the numbers of the next ones are, on the average: numbers have holes.
    pub(super) spacing: u64,
}

impl Floor {
    /// Judges by the first event and the last of those that follow it, the first included.
    fn of(first: Point, last: Point, events: usize) -> Self {
        let numbers = last
            .seq
            .zip(first.seq)
            .map(|(last, first)| last.saturating_sub(first));
        let steps = events.saturating_sub(1).max(1) as u64;
        Self {
            first,
            is_busy: events >= BUSY && last.time_us.saturating_sub(first.time_us) <= BUSY_US,
            spacing: numbers.map_or(1, |numbers| numbers.div_ceil(steps).max(1)),
        }
    }
}

/// What a look was for, and what it found; `None` where there was no answer.
#[derive(Debug)]
pub(super) enum Found {
    Floor(Question, Option<Floor>),
    Sight(Option<Sight>),
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
        server: (&Endpoint, WireVersion),
        question: Question,
        within: Duration,
    ) {
        let look = Look::new(connector, server, within);
        self.looks
            .spawn(async move { Found::Floor(question, look.floor().await) });
    }

    /// Looks which collections the server sends.
    pub(super) fn see_collections(
        &mut self,
        connector: &Connector,
        server: (&Endpoint, WireVersion),
        within: Duration,
    ) {
        let look = Look::new(connector, server, within);
        self.looks
            .spawn(async move { Found::Sight(look.collections().await) });
    }
}

/// One look.
struct Look {
    connector: Connector,
    endpoint: Endpoint,
    version: WireVersion,
    /// Until when the connection has to be open and to have brought something.
    deadline: Instant,
}

impl Look {
    fn new(
        connector: &Connector,
        (endpoint, version): (&Endpoint, WireVersion),
        within: Duration,
    ) -> Self {
        Self {
            connector: connector.clone(),
            endpoint: endpoint.clone(),
            version,
            deadline: Instant::now() + within,
        }
    }

    async fn floor(&self) -> Option<Floor> {
        let mut wire = self.open(Some(LONG_AGO)).await?;
        let first = timeout_at(self.deadline, wire.event()).await.ok()?.ok()?;
        let deadline = Instant::now() + BUSY_WITHIN;
        let soon = || deadline.min(Instant::now() + PAUSE);
        let (mut last, mut events) = (first, 1);
        while events < BUSY
            && let Ok(Ok(point)) = timeout_at(soon(), wire.event()).await
        {
            last = point;
            events += 1;
        }
        wire.leave().await;
        Some(Floor::of(first, last, events))
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
            let stream = self.connector.open(self.endpoint.address()).await?;
            let query = match self.version {
                WireVersion::V1 => v1::Wanted::default().request(cursor).query,
                WireVersion::V2 => v2::Wanted::default().query(cursor),
            };
            let user_agent = self.connector.user_agent();
            let upgraded =
                handshake::upgrade(stream, &self.endpoint, self.version, &query, user_agent)
                    .await?;
            Ok::<_, ConnectError>(Wire::new(upgraded, self.version, None))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn point(seq: Option<u64>, second: u64) -> Point {
        Point {
            seq,
            time_us: second * 1_000_000,
            identity: None,
        }
    }

    #[test]
    fn a_busy_stream_has_many_events_in_a_minute() {
        let is_busy =
            |second, events| Floor::of(point(None, 0), point(None, second), events).is_busy;
        assert!(is_busy(60, BUSY));
        assert!(!is_busy(61, BUSY));
        assert!(!is_busy(1, BUSY - 1));
    }

    #[test]
    fn numbers_are_as_far_apart_as_the_events_show() {
        let spacing = |seq, events| Floor::of(point(Some(100), 0), point(seq, 0), events).spacing;
        assert_eq!(spacing(Some(119), 20), 1);
        assert_eq!(spacing(Some(290), 20), 10);
        assert_eq!(spacing(Some(100), 1), 1);
        assert_eq!(spacing(None, 20), 1);
    }
}
