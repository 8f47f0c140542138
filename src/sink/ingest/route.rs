//! Which ingestor an event goes to.

use std::{collections::HashMap, fmt, marker::PhantomData, sync::Arc, time::Duration};

use serde::de::DeserializeOwned;

use super::{
    IngestError, Ingestor,
    deliver::{IngestPolicy, Work},
    ingestor::Typed,
};
use crate::{
    event::{Change, CollectionPattern, Event, Kind, OwnedEvent},
    sink::{DeadLetterFile, OnFailure, delivery::Recipient},
    stats::Stats,
};

/// An ingestor, and what to do when it fails or is slow.
///
/// Any [`Ingestor`] becomes a route by itself: three retries, then the end of the run.
///
/// ```
/// use rocketman::{event::OwnedEvent, sink::ingest::{Ingest, Route}};
///
/// let store = |event: OwnedEvent| async move {
///     println!("{}", event.did());
///     Ok(())
/// };
/// let ingest = Ingest::new().on("app.bsky.feed.post", Route::new(store).retries(10).or_skip());
/// # drop(ingest);
/// ```
#[derive(Debug)]
pub struct Route {
    pub(super) ingestor: Erased,
    pub(super) policy: IngestPolicy,
}

impl Route {
    /// To this ingestor. A failure is tried again three times, and then ends the run.
    pub fn new(ingestor: impl Ingestor + 'static) -> Self {
        Self {
            ingestor: Erased(Box::new(ingestor)),
            policy: IngestPolicy::new(""),
        }
    }

    /// To a closure that is given what happened to the record, parsed, and the event
    /// it came in.
    ///
    /// A record that is of another shape, which anybody may write, is no failure: it goes to the
    /// route's dead letters if it has any ([`or_dead_letter`](Self::or_dead_letter)),
    /// and is otherwise skipped with a warning.
    ///
    /// ```
    /// use rocketman::{event::{Change, OwnedEvent}, sink::ingest::{Ingest, Route}};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Post { text: String }
    ///
    /// let ingest = Ingest::new().on("app.bsky.feed.post", Route::typed(|change: Change<Post>, event: OwnedEvent| async move {
    ///     match change {
    ///         Change::Create(post) | Change::Update(post) => println!("{}: {}", event.did(), post.text),
    ///         Change::Delete => println!("{} deleted {}", event.did(), event.rkey()),
    ///     }
    ///     Ok(())
    /// }));
    /// # drop(ingest);
    /// ```
    pub fn typed<T, F, Fut>(ingest: F) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        F: Fn(Change<T>, OwnedEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), IngestError>> + Send,
    {
        Self::new(Typed {
            ingest,
            record: PhantomData,
        })
    }

    /// Tries a failed event again up to this many times, after waits that double from a quarter of
    /// a second to half a minute, each at random between none and its limit. Later events wait
    /// meanwhile.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.policy.delivery.retries = retries;
        self
    }

    /// Ends the run when the retries are used up; its cursor stays before the event. This is the
    /// default.
    #[must_use]
    pub fn or_stop(mut self) -> Self {
        self.policy.delivery.on_failure = OnFailure::Stop;
        self
    }

    /// Leaves an event out, with a warning, when the retries are used up.
    #[must_use]
    pub fn or_skip(mut self) -> Self {
        self.policy.delivery.on_failure = OnFailure::Skip;
        self
    }

    /// Writes an event to this file when the retries are used up, and goes on once it is on the
    /// disk. Records of an unexpected shape go there too (see [`typed`](Self::typed)).
    #[must_use]
    pub fn or_dead_letter(mut self, file: DeadLetterFile) -> Self {
        self.policy.delivery.on_failure = OnFailure::DeadLetter(file);
        self
    }

    /// Warns, at a readable pace, when an event takes longer than this; by default 100 ms.
    #[must_use]
    pub fn slow_after(mut self, slow_after: Duration) -> Self {
        self.policy.slow_after = slow_after;
        self
    }
}

impl<I: Ingestor + 'static> From<I> for Route {
    fn from(ingestor: I) -> Self {
        Self::new(ingestor)
    }
}

/// An ingestor of whatever type.
pub(super) struct Erased(Box<dyn Begin>);

impl Erased {
    /// Begins with an event, in the place of what was done before.
    pub(super) fn begin<'a>(&'a self, event: Event<'a>, work: &mut Option<Work<'a>>) {
        self.0.begin(event, work);
    }
}

impl fmt::Debug for Erased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingestor").finish_non_exhaustive()
    }
}

trait Begin: Send + Sync {
    fn begin<'a>(&'a self, event: Event<'a>, work: &mut Option<Work<'a>>);
}

impl<I: Ingestor> Begin for I {
    fn begin<'a>(&'a self, event: Event<'a>, work: &mut Option<Work<'a>>) {
        let future = self.ingest(event);
        match work {
            Some(work) => work.set(future),
            None => *work = Some(Work::new(future)),
        }
    }
}

/// All routes, and which is whose.
#[derive(Debug, Default)]
pub(super) struct Routes {
    all: Vec<Arc<Route>>,
    patterns: Vec<CollectionPattern>,
    exact: HashMap<Box<[u8]>, usize>,
    /// The longest first, and with it the one that says most.
    prefixes: Vec<(Box<[u8]>, usize)>,
    kinds: [Option<usize>; 3],
    otherwise: Option<usize>,
}

/// What else than collections a route can be for.
#[derive(Debug, Clone, Copy)]
pub(super) enum RouteKey {
    Kind(Kind),
    Otherwise,
}

impl RouteKey {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Kind(kind) => kind.as_str(),
            Self::Otherwise => "otherwise",
        }
    }
}

impl Routes {
    /// Adds a route for a collection or a prefix; `false` when it has one already.
    pub(super) fn add_collection(&mut self, pattern: CollectionPattern, route: Route) -> bool {
        let idx = self.place(pattern.to_string(), route);
        let is_first = match pattern.prefix() {
            None => {
                let before = self.exact.insert(pattern.as_str().as_bytes().into(), idx);
                before.is_none()
            }
            Some(prefix) => {
                let prefix: Box<[u8]> = prefix.as_bytes().into();
                let is_first = self.prefixes.iter().all(|(other, _)| *other != prefix);
                self.prefixes.push((prefix, idx));
                self.prefixes
                    .sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
                is_first
            }
        };
        self.patterns.push(pattern);
        is_first
    }

    /// Adds a route for a kind, or for all that has none; `false` when there is one already.
    pub(super) fn add(&mut self, place: RouteKey, route: Route) -> bool {
        let idx = self.place(place.as_str().to_owned(), route);
        let slot = match place {
            RouteKey::Kind(kind) => self.kind_mut(kind),
            RouteKey::Otherwise => Some(&mut self.otherwise),
        };
        slot.is_some_and(|slot| slot.replace(idx).is_none())
    }

    fn place(&mut self, name: String, mut route: Route) -> usize {
        route.policy.delivery.recipient = Recipient::Ingestor(name);
        self.all.push(Arc::new(route));
        self.all.len() - 1
    }

    /// Has all of them count into these stats.
    pub(super) fn set_stats(&self, stats: &Arc<Stats>) {
        for route in &self.all {
            route.policy.delivery.set_stats(stats);
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, idx: usize) -> Option<&Arc<Route>> {
        self.all.get(idx)
    }

    /// The route of an event: that of its collection, or of the longest prefix, or of its kind, or
    /// of all others.
    pub(super) fn find(&self, event: &Event<'_>) -> Option<usize> {
        let own = match event.kind() {
            Kind::Commit => self.find_collection(event.collection_bytes()),
            kind => self.kind(kind),
        };
        own.or(self.otherwise)
    }

    fn find_collection(&self, collection: &[u8]) -> Option<usize> {
        let exact = self.exact.get(collection).copied();
        exact.or_else(|| {
            let mut prefixes = self.prefixes.iter();
            let found = prefixes.find(|(prefix, _)| collection.starts_with(prefix));
            found.map(|(_, idx)| *idx)
        })
    }

    /// The collections that routes are for; none when all are.
    pub(super) fn collections(&self) -> &[CollectionPattern] {
        match self.otherwise {
            Some(_) => &[],
            None => &self.patterns,
        }
    }

    /// The kinds that routes are for; none when all are.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        if self.otherwise.is_some() {
            return Vec::new();
        }
        let has_route = |kind: &Kind| match kind {
            Kind::Commit => !self.patterns.is_empty(),
            kind => self.kind(*kind).is_some(),
        };
        Kind::ALL.into_iter().filter(has_route).collect()
    }

    fn kind(&self, kind: Kind) -> Option<usize> {
        let [identity, account, sync] = self.kinds;
        match kind {
            Kind::Identity => identity,
            Kind::Account => account,
            Kind::Sync => sync,
            Kind::Commit | Kind::Other => None,
        }
    }

    fn kind_mut(&mut self, kind: Kind) -> Option<&mut Option<usize>> {
        let [identity, account, sync] = &mut self.kinds;
        match kind {
            Kind::Identity => Some(identity),
            Kind::Account => Some(account),
            Kind::Sync => Some(sync),
            Kind::Commit | Kind::Other => None,
        }
    }
}
