//! A Jetstream of your own: the v1 wire from the server's side, over events that are invented or were recorded.
//!
//! A [`Feed`] yields events in blocks; each is encoded once and shared by all consumers, who are wherever they like in the stream.
//! Nothing is queued for anybody: a consumer that takes nothing is behind, then cut, and no other notices.
//!
//! ```no_run
//! use rocketman::serve::{Demo, Server, ServerSettings};
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let feed = Demo::parse("demo:?rate=1000&seed=7")?;
//! let server = Server::bind(([127, 0, 0, 1], 0).into(), feed, ServerSettings::default()).await?;
//! println!("ws://{}/subscribe", server.address()?);
//! server.run(Default::default()).await;
//! # Ok(()) }
//! ```

mod any;
mod block;
mod blocks;
mod consumer;
mod deflate;
mod demo;
mod fault;
mod feed;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod incoming;
mod line;
mod options;
mod outbox;
mod random;
mod recording;
mod request;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

pub use self::{
    any::AnyFeed,
    block::BlockBuilder,
    demo::{Demo, DemoError},
    fault::{FaultError, Faults},
    feed::{Feed, FeedError, Pace, Place},
    recording::{Damaged, Playback, Recording, RecordingError},
};
use self::{
    blocks::Blocks,
    consumer::{Consumer, Left},
    request::{Answer, Request, Rules},
};
use crate::{STATE, error::chain, pace};

/// So many requests may be under way that are no consumers yet; others wait in the listener's queue.
const UPGRADES: usize = 512;

/// How long it is waited when no connection can be accepted, for want of descriptors for example.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Who comes so soon after the first consumer begins where that one did, so that the first event is not lost between two clock readings.
const BEGINNING: Duration = Duration::from_millis(100);

/// How a server treats its consumers. The default is what public servers do.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Speak as servers did that do not number their events: no `cursor` in events, and every cursor is a time.
    pub legacy: bool,
    /// End when a consumer has everything, and none is left.
    pub exit_at_end: bool,
    /// How often consumers are pinged.
    pub ping_every: Duration,
    /// How long an answer to a ping may take.
    pub pong_within: Duration,
    /// A consumer that takes nothing for this long is cut.
    pub write_within: Duration,
    /// A consumer that got on by fewer events a second than this is cut, where it is also further behind than `slow_behind`.
    pub slow_rate: u32,
    /// How many events a consumer may be behind the newest, however slow it is.
    pub slow_behind: u64,
    /// Over how long it is counted how a consumer gets on.
    pub slow_window: Duration,
    /// How long a request may take.
    pub upgrade_within: Duration,
    /// How long a consumer that was sent a close frame may take to answer it.
    pub farewell: Duration,
    /// The most consumers; others are told to come back.
    pub max_consumers: usize,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// How much memory encoded events are kept in, beside the block that each consumer is at.
    pub cache_bytes: usize,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            legacy: false,
            exit_at_end: false,
            ping_every: Duration::from_secs(30),
            pong_within: Duration::from_secs(5),
            write_within: Duration::from_secs(5),
            slow_rate: 5,
            slow_behind: 100_000,
            slow_window: Duration::from_secs(60),
            upgrade_within: Duration::from_secs(10),
            farewell: Duration::from_secs(5),
            max_consumers: 10_000,
            faults: Faults::default(),
            cache_bytes: 64 * 1024 * 1024,
        }
    }
}

/// What a server did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// How many consumers there were.
    pub consumers: u64,
    /// How many events were sent to them.
    pub events: u64,
}

/// A server that listens.
#[derive(Debug)]
pub struct Server<F> {
    listener: TcpListener,
    shared: Arc<Shared<F>>,
}

/// What all connections share.
#[derive(Debug)]
struct Shared<F> {
    feed: Arc<F>,
    blocks: Blocks<F>,
    settings: ServerSettings,
    description: String,
    clock: OnceLock<Clock>,
    consumers: AtomicU64,
    sent: AtomicU64,
    /// How often it is told that a consumer was cut off.
    cuts: Mutex<pace::Pace>,
    /// How many requests were refused on purpose.
    refused: AtomicU64,
    /// A consumer has everything, and that is to be the end.
    over: CancellationToken,
    /// How much memory unfinished messages of consumers take.
    held_bytes: AtomicUsize,
}

/// The moment the first consumer began.
#[derive(Debug, Clone, Copy)]
struct Clock {
    start: Instant,
    start_us: u64,
    pace: Pace,
}

impl<F: Feed> Shared<F> {
    fn clock(&self) -> &Clock {
        self.clock.get_or_init(|| {
            let start_us = feed::wall_us();
            Clock {
                start: Instant::now(),
                start_us,
                pace: self.feed.pace(start_us),
            }
        })
    }

    fn start_us(&self) -> u64 {
        self.clock().start_us
    }

    /// Where a consumer begins that names no place.
    fn tip(&self) -> Place {
        let Clock { start, pace, .. } = self.clock();
        let mut elapsed = start.elapsed();
        if elapsed < BEGINNING {
            elapsed = Duration::ZERO;
        }
        pace.now(elapsed).map_or(Place::Beginning, Place::Time)
    }

    /// When an event of this time is sent; `None` for never.
    fn due(&self, time_us: u64) -> Option<Instant> {
        let Clock { start, pace, .. } = self.clock();
        start.checked_add(pace.due(time_us)?)
    }
}

impl<F: Feed> Server<F> {
    /// Listens. Nobody is served before [`Server::run`].
    pub async fn bind(address: SocketAddr, feed: F, settings: ServerSettings) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let feed = Arc::new(feed);
        Ok(Self {
            listener,
            shared: Arc::new(Shared {
                description: feed.describe(),
                blocks: Blocks::new(Arc::clone(&feed), settings.legacy, settings.cache_bytes),
                feed,
                settings,
                clock: OnceLock::new(),
                consumers: AtomicU64::new(0),
                sent: AtomicU64::new(0),
                cuts: Mutex::new(pace::Pace::new()),
                refused: AtomicU64::new(0),
                over: CancellationToken::new(),
                held_bytes: AtomicUsize::new(0),
            }),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until it is stopped, or everything is served and that is to be the end. Consumers are taken leave of.
    pub async fn run(self, stop: CancellationToken) -> Served {
        let Self { listener, shared } = self;
        let mut listener = Some(listener);
        let upgrades = Arc::new(Semaphore::new(UPGRADES));
        let places = Arc::new(Semaphore::new(shared.settings.max_consumers));
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                accepted = accept(listener.as_ref(), &upgrades) => match accepted {
                    Ok((stream, peer, upgrade)) => {
                        let guest = Guest { peer, upgrade, places: Arc::clone(&places) };
                        let attended = attend(stream, guest, Arc::clone(&shared), stop.clone());
                        tasks.spawn(attended);
                    }
                    Err(error) => {
                        warn!(%error, "cannot accept a connection");
                        sleep(AFTER_FAILURE).await;
                    }
                },
                // Nobody is taken on any more; whoever is still reading gets the rest.
                () = shared.over.cancelled(), if listener.is_some() => listener = None,
                Some(ended) = tasks.join_next() => tell_panic(ended),
            }
            if listener.is_none() && tasks.is_empty() {
                break;
            }
        }
        drop(listener);
        stop.cancel();
        while let Some(ended) = tasks.join_next().await {
            tell_panic(ended);
        }
        Served {
            consumers: shared.consumers.load(Relaxed),
            events: shared.sent.load(Relaxed),
        }
    }
}

fn tell_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        warn!(%error, "a connection failed");
    }
}

/// The next connection; none where nobody listens any more.
async fn accept(
    listener: Option<&TcpListener>,
    upgrades: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let upgrade = Arc::clone(upgrades)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, upgrade))
}

/// Who came, and what it needs to stay.
struct Guest {
    peer: SocketAddr,
    /// Given back when the request is answered.
    upgrade: OwnedSemaphorePermit,
    places: Arc<Semaphore>,
}

/// Answers one request, and serves whoever it makes a consumer.
async fn attend<F: Feed>(
    mut stream: TcpStream,
    guest: Guest,
    shared: Arc<Shared<F>>,
    stop: CancellationToken,
) {
    let Guest {
        peer,
        upgrade,
        places,
    } = guest;
    let settings = &shared.settings;
    let rules = Rules {
        legacy: settings.legacy,
        description: &shared.description,
    };
    let request = tokio::select! {
        request = timeout(settings.upgrade_within, request::read(&mut stream, &rules)) => request,
        () = stop.cancelled() => return,
    };
    let (request, received) = match request {
        Ok(Ok(Some(request))) => request,
        Ok(Ok(None) | Err(_)) => return,
        Err(_) => {
            debug!(%peer, "a request took too long");
            return;
        }
    };
    let place = Arc::clone(&places).try_acquire_owned();
    let answer = match (refuse(&shared, request), place) {
        (Request::Subscribe(subscribe), Ok(place)) => {
            let switching = request::switching(&subscribe);
            if !matches!(
                timeout(
                    settings.write_within,
                    stream.write_all(switching.as_bytes())
                )
                .await,
                Ok(Ok(()))
            ) {
                return;
            }
            drop(upgrade);
            shared.consumers.fetch_add(1, Relaxed);
            info!(%peer, "a consumer came");
            let left = Consumer::new(Arc::clone(&shared), *subscribe, received, stop)
                .run(&mut stream)
                .await;
            tell_left(&shared, peer, &left);
            drop(place);
            return;
        }
        (Request::Subscribe(_), Err(_)) => {
            Answer::text(503, "there are too many consumers, try again later")
        }
        (Request::Other(answer), _) => answer,
    };
    debug!(%peer, status = answer.status, "a request was answered");
    // Whoever asked may be gone, or take too long.
    timeout(
        settings.upgrade_within,
        request::respond(&mut stream, &answer),
    )
    .await
    .ok();
}

/// Refuses a request that would make a consumer, as often as that is wanted.
fn refuse<F>(shared: &Shared<F>, request: Request) -> Request {
    match (request, shared.settings.faults.refusals()) {
        (Request::Subscribe(_), Some((status, times)))
            if shared.refused.fetch_add(1, Relaxed) < times =>
        {
            Request::Other(Answer::text(
                status,
                "refused on purpose, by --fault refuse",
            ))
        }
        (request, _) => request,
    }
}

fn tell_left<F>(shared: &Shared<F>, peer: SocketAddr, left: &Left) {
    match left {
        Left::Slow(_) | Left::Behind(_) | Left::Silent(_) => {
            let allowed = shared
                .cuts
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .allow();
            let more = match allowed {
                None => return,
                Some(0) => String::new(),
                Some(n) => format!(" ({n} more were cut off before)"),
            };
            warn!(target: STATE, %peer, "cut off the consumer at {peer}: {left}{more}");
        }
        Left::Feed(error) => warn!(target: STATE, %peer, "{}", chain(error)),
        Left::Gone | Left::Broken(_) | Left::Closed(_) | Left::Cut => {
            info!(%peer, "a consumer is gone: {left}");
        }
    }
}

#[cfg(test)]
mod tests;
