//! A receiver of webhooks: takes events that are sent over HTTP, counts them, and lets things go
//! wrong on purpose.
//!
//! What is accepted is printed first and then answered, so that whoever is killed in between, no
//! accepted event is missing from what was printed.

mod attend;
mod body;
mod book;
mod judge;
mod key;
mod recent;

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::{attend::attend, book::Book, key::FileKey};
use super::{AFTER_FAILURE, Faults, HostPattern, OriginPattern, listen::Gate, log_panic};
use crate::{log::throttle::Throttle, sink::http::SigningSecrets};

/// The most connections; others wait to be accepted.
const MAX_CONNECTIONS: usize = 512;

/// The most bodies that are read at the same time.
const MAX_BODIES: usize = 32;

/// How long a stop waits for requests that are under way.
const GRACE: Duration = Duration::from_secs(5);

/// What a receiver of webhooks wants, and what goes wrong.
#[derive(Debug, Clone, Default)]
pub struct HttpReceiverSettings {
    /// Requests have to be signed with one of these, as Standard Webhooks has it.
    pub secrets: Option<SigningSecrets>,
    /// Requests have to carry the key in this file: `Authorization: Bearer KEY`. Another one in it
    /// is taken up.
    pub key_file: Option<PathBuf>,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// Hosts that are answered on a loopback address, beside addresses and localhost.
    pub allowed_hosts: Vec<HostPattern>,
    /// Origins of pages that are answered, beside those of this machine and of the host itself.
    pub allowed_origins: Vec<OriginPattern>,
}

/// What was received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HttpReceived {
    /// How many requests there were.
    pub requests: u64,
    /// How many of them were accepted.
    pub accepted: u64,
    /// How many events were accepted, those that came again included.
    pub events: u64,
    /// How many events came again, of the last million.
    pub repeats: u64,
    /// How many lines were accepted that are no events.
    pub others: u64,
    /// How many events came for the first time after a later one of their account.
    pub out_of_order: u64,
    /// How many requests had the id of another one with other events.
    pub reused_ids: u64,
    /// How many requests were not signed with one of the secrets.
    pub unsigned: u64,
    /// How many requests did not carry the key.
    pub unauthorized: u64,
}

/// A receiver that listens.
#[derive(Debug)]
pub struct HttpReceiver {
    listener: TcpListener,
    settings: HttpReceiverSettings,
    key: Option<FileKey>,
}

/// What all connections share.
struct Shared {
    gate: Gate,
    key: Option<FileKey>,
    settings: HttpReceiverSettings,
    book: Mutex<Book>,
    n_requests: AtomicU64,
    n_unsigned: AtomicU64,
    n_unauthorized: AtomicU64,
    bodies: Semaphore,
    pace: Mutex<Throttle>,
    /// Ends what waits; nothing can be printed any more, or a stop was asked for.
    ending: CancellationToken,
    /// Why nothing can be printed.
    failed: Mutex<Option<io::Error>>,
}

impl HttpReceiver {
    /// Listens, and reads the key. Nobody is answered before [`HttpReceiver::run`].
    pub async fn bind(address: SocketAddr, settings: HttpReceiverSettings) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let expires_after = settings.faults.expires_after();
        let key = settings.key_file.clone();
        let key = key.map(|path| FileKey::open(path, expires_after));
        Ok(Self {
            listener,
            key: key.transpose()?,
            settings,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers requests until `stop` resolves, or what is accepted cannot be printed.
    ///
    /// `print` gets the lines of each request that is accepted, and the request is answered once it
    /// returns. It is called on threads that may be blocked, by one at a time.
    pub async fn run(
        self,
        print: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
        stop: impl Future<Output = ()>,
    ) -> (HttpReceived, io::Result<()>) {
        let Self {
            listener,
            settings,
            key,
        } = self;
        let ip = listener.local_addr().map(|address| address.ip());
        let ip = ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let (hosts, origins) = (
            settings.allowed_hosts.clone(),
            settings.allowed_origins.clone(),
        );
        let shared = Arc::new(Shared {
            gate: Gate::new(ip, hosts, origins),
            key,
            settings,
            book: Mutex::new(Book::new(Box::new(print))),
            n_requests: AtomicU64::new(0),
            n_unsigned: AtomicU64::new(0),
            n_unauthorized: AtomicU64::new(0),
            bodies: Semaphore::new(MAX_BODIES),
            pace: Mutex::new(Throttle::new()),
            ending: CancellationToken::new(),
            failed: Mutex::new(None),
        });
        shared.attend_all(&listener, stop).await;
        let failed = locked(&shared.failed).take();
        (shared.received(), failed.map_or(Ok(()), Err))
    }
}

impl Shared {
    async fn attend_all(self: &Arc<Self>, listener: &TcpListener, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = self.ending.cancelled() => break,
                accepted = listener.accept(), if tasks.len() < MAX_CONNECTIONS => match accepted {
                    Ok((stream, peer)) => {
                        tasks.spawn(attend(stream, peer, Arc::clone(self)));
                    }
                    Err(error) => {
                        warn!(%error, "cannot accept a connection");
                        sleep(AFTER_FAILURE).await;
                    }
                },
                Some(ended) = tasks.join_next() => log_panic(ended),
            }
        }
        self.ending.cancel();
        let all = async {
            while let Some(ended) = tasks.join_next().await {
                log_panic(ended);
            }
        };
        if timeout(GRACE, all).await.is_err() {
            warn!("requests that were under way were not answered");
        }
    }

    fn received(&self) -> HttpReceived {
        HttpReceived {
            requests: self.n_requests.load(Relaxed),
            unsigned: self.n_unsigned.load(Relaxed),
            unauthorized: self.n_unauthorized.load(Relaxed),
            ..locked(&self.book).received
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
