//! A Jetstream of your own: both wires from the server's side, over events that are invented, were
//! recorded, or lie in the segment files of a server.
//!
//! A [`Feed`] yields events in blocks; each is encoded once and shared by all consumers, who are
//! wherever they like in the stream. Nothing is queued for anybody: a consumer that takes nothing
//! is behind, then cut, and no other notices.
//!
//! ```no_run
//! use rocketman::serve::{Demo, Server, ServerSettings};
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let feed = Demo::parse("demo:?rate=1000&seed=7")?;
//! let server = Server::bind(([127, 0, 0, 1], 0).into(), feed, ServerSettings::default()).await?;
//! println!("ws://{}/subscribe", server.address()?);
//! server.run(std::future::pending()).await;
//! # Ok(()) }
//! ```

mod answer;
mod any;
#[cfg(feature = "segments")]
mod archive;
mod attend;
mod block;
mod blocks;
mod budget;
mod consumer;
mod deflate;
mod demo;
mod disconnect;
mod encoding;
mod fault;
mod feed;
#[cfg(feature = "segments")]
mod fetch;
mod frames;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod health;
mod incoming;
mod line;
mod listen;
mod names;
mod numbering;
mod options;
mod outbox;
mod random;
#[cfg(feature = "http")]
mod receiver;
mod recording;
mod request;
mod shared;
mod stdin;
mod store;
mod unnamed;
mod v2;
mod visit;

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OnceCell, Semaphore},
    task::JoinSet,
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

#[cfg(feature = "segments")]
pub use self::archive::{Archive, ArchiveCalls, ArchiveError, Quota};
pub use self::listen::{GateError, HostPattern, OriginPattern, Page, PageServer};
#[cfg(feature = "http")]
pub use self::receiver::{HttpReceived, HttpReceiver, HttpReceiverSettings};
pub use self::{
    any::AnyFeed,
    block::BlockBuilder,
    demo::{Demo, DemoError},
    fault::{FaultError, Faults},
    feed::{Extent, Feed, FeedError, FeedPosition, Schedule},
    recording::{Damaged, Playback, Recording, RecordingError},
    stdin::Stdin,
    store::{Retention, Store, StoreError, StoreFeed, StoreSink},
};
use self::{attend::attend, blocks::Blocks, budget::Budget, shared::Shared, visit::Visit};
use crate::{
    log::throttle,
    serve::listen::{Gate, PendingRequests},
    stats::Stats,
};

/// How much memory heads of requests may take that are larger than most, all of them together.
const HEADS_BYTES: usize = 8 * 1024 * 1024;

/// How long it is waited when no connection can be accepted, for want of descriptors for example.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// How a server treats its consumers. The default is what public servers do.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Speak as servers did that do not number their events: no `cursor` in events, every cursor is
    /// a time, and there is no v2 wire.
    pub legacy: bool,
    /// End when a consumer has everything, and none is left.
    pub exit_at_end: bool,
    /// How often consumers are pinged.
    pub ping_every: Duration,
    /// How long an answer to a ping may take.
    pub pong_within: Duration,
    /// A consumer that takes nothing for this long is cut.
    pub write_within: Duration,
    /// A consumer that got on by fewer events a second than this is cut, where it is also further
    /// behind than `slow_behind`.
    pub slow_rate: u32,
    /// How many events a consumer may be behind the newest, however slow it is.
    pub slow_behind: u64,
    /// Over how long it is counted how a consumer gets on.
    pub slow_window: Duration,
    /// How long a request may take.
    pub upgrade_within: Duration,
    /// The most requests that are not answered yet. When there are more, the oldest is closed.
    pub max_requests: usize,
    /// How long a message of a consumer may take, from its first byte to its last.
    pub message_within: Duration,
    /// How much memory all consumers together may have us hold: filters, and messages that are not
    /// whole. Others are told to come back.
    pub consumer_bytes: usize,
    /// Hosts that are answered on a loopback address, beside addresses and localhost: any page can
    /// give its own name to this machine.
    pub allowed_hosts: Vec<HostPattern>,
    /// Origins of pages that are answered, beside those of this machine and of the host itself.
    pub allowed_origins: Vec<OriginPattern>,
    /// How long a consumer that was sent a close frame may take to answer it.
    pub close_timeout: Duration,
    /// The most consumers; others are told to come back.
    pub max_consumers: usize,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// How much memory encoded events are kept in, beside the block that each consumer is at.
    pub cache_bytes: usize,
    /// The counts of the run that fills the feed, by which `/healthz` is answered; without any it is
    /// healthy to listen.
    pub upstream: Option<Arc<Stats>>,
    /// What archive calls are answered from; without it there are none.
    #[cfg(feature = "segments")]
    pub archive: Option<ArchiveCalls>,
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
            max_requests: 512,
            message_within: Duration::from_secs(30),
            consumer_bytes: 64 * 1024 * 1024,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            close_timeout: Duration::from_secs(5),
            max_consumers: 10_000,
            faults: Faults::default(),
            cache_bytes: 64 * 1024 * 1024,
            upstream: None,
            #[cfg(feature = "segments")]
            archive: None,
        }
    }
}

/// What a server did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Served {
    /// How many consumers there were.
    pub consumers: u64,
    /// How many events were sent to them.
    pub events: u64,
    /// How many were refused or cut off because all together held too much memory.
    pub over_budget: u64,
    /// How many calls of an archive there were.
    #[cfg(feature = "segments")]
    pub archive_calls: u64,
    /// How many bytes of bodies they got.
    #[cfg(feature = "segments")]
    pub archive_bytes: u64,
}

/// A server that listens.
#[derive(Debug)]
pub struct Server<F> {
    listener: TcpListener,
    shared: Arc<Shared<F>>,
}

impl<F: Feed> Server<F> {
    /// Listens. Nobody is served before [`Server::run`].
    pub async fn bind(address: SocketAddr, feed: F, settings: ServerSettings) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let (hosts, origins) = (
            settings.allowed_hosts.clone(),
            settings.allowed_origins.clone(),
        );
        let gate = Gate::new(listener.local_addr()?.ip(), hosts, origins);
        let feed = Arc::new(feed);
        Ok(Self {
            listener,
            shared: Arc::new(Shared {
                description: feed.describe(),
                blocks: Blocks::new(
                    Arc::clone(&feed),
                    settings.legacy,
                    settings.cache_bytes,
                    settings.faults.numbering(),
                ),
                life: Mutex::default(),
                feed,
                gate,
                budget: Budget::new(settings.consumer_bytes),
                over_budget: AtomicU64::new(0),
                long: Arc::new(Semaphore::new(1)),
                settings,
                clock: OnceLock::new(),
                first_seq: OnceCell::new(),
                consumers: AtomicU64::new(0),
                sent: AtomicU64::new(0),
                cuts: Mutex::new(throttle::Throttle::new()),
                refused: AtomicU64::new(0),
                over: CancellationToken::new(),
            }),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` resolves, or everything is served and that is to be the end. Consumers
    /// get a close message.
    ///
    /// `stop` is any future, as in [`Pipeline::run`](crate::Pipeline::run).
    pub async fn run(self, stop: impl Future<Output = ()>) -> Served {
        let Self { listener, shared } = self;
        let mut stop = pin!(stop);
        // What the connections are ended by.
        let ending = CancellationToken::new();
        let mut listener = Some(listener);
        let pending_requests =
            PendingRequests::new("serve", shared.settings.max_requests, HEADS_BYTES);
        let places = Arc::new(Semaphore::new(shared.settings.max_consumers));
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                () = &mut stop => break,
                accepted = accept(listener.as_ref()) => match accepted {
                    Ok((stream, peer)) => {
                        let visit = Visit {
                            peer,
                            pending: pending_requests.admit(),
                            places: Arc::clone(&places),
                        };
                        let attended = attend(stream, visit, Arc::clone(&shared), ending.clone());
                        tasks.spawn(attended);
                    }
                    Err(error) => {
                        warn!(%error, "cannot accept a connection");
                        sleep(AFTER_FAILURE).await;
                    }
                },
                // Nobody is taken on any more; those who are still reading get the rest.
                () = shared.over.cancelled(), if listener.is_some() => listener = None,
                Some(ended) = tasks.join_next() => log_panic(ended),
            }
            if listener.is_none() && tasks.is_empty() {
                break;
            }
        }
        drop(listener);
        ending.cancel();
        while let Some(ended) = tasks.join_next().await {
            log_panic(ended);
        }
        #[cfg(feature = "segments")]
        let (archive_calls, archive_bytes) = shared.fetched();
        Served {
            #[cfg(feature = "segments")]
            archive_calls,
            #[cfg(feature = "segments")]
            archive_bytes,
            consumers: shared.consumers.load(Relaxed),
            events: shared.sent.load(Relaxed),
            over_budget: shared.over_budget.load(Relaxed),
        }
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        warn!(%error, "a connection failed");
    }
}

/// The next connection; none where nobody listens any more.
async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer))
}

#[cfg(test)]
mod tests;
