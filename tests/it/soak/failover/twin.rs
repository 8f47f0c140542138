//! One of two servers that have the same events in another order, under other numbers and at other
//! times.

use std::{
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt};

use super::super::push_frame;
use crate::support::{
    events::{EPOCH, STEP, commit},
    jetstream::{End, Request},
};

/// How far events are apart, in microseconds.
const APART: u64 = 2000;

const SECOND: u64 = 1_000_000;

/// How many events there are by now.
pub fn due(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap() / APART
}

/// The server; it can be killed and revived.
pub struct Twin {
    /// Bound to the port all the time, so that nobody else gets it while the server is down.
    _holds_port: OwnedFd,
    address: SocketAddr,
    stream: Stream,
    connections: Arc<AtomicUsize>,
    listener: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Twin {
    pub fn start(which: u64, began: Instant) -> Self {
        let holder = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        sockopt::set_socket_reuseaddr(&holder, true).unwrap();
        bind(&holder, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = SocketAddr::try_from(getsockname(&holder).unwrap()).unwrap();
        let mut twin = Self {
            _holds_port: holder,
            address,
            stream: Stream { which, began },
            connections: Arc::default(),
            listener: None,
        };
        twin.revive();
        twin
    }

    pub fn url(&self) -> String {
        format!("ws://{}/subscribe", self.address)
    }

    /// How many connections came.
    pub fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    /// Resets all connections, and refuses new ones.
    pub fn kill(&mut self) {
        let (is_up, listener) = self.listener.take().unwrap();
        is_up.store(false, SeqCst);
        // A connection of our own wakes the listener.
        TcpStream::connect(self.address).unwrap();
        listener.join().unwrap();
    }

    pub fn revive(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        let is_up = Arc::new(AtomicBool::new(true));
        let (shared, stream) = (Arc::clone(&is_up), self.stream);
        let connections = Arc::clone(&self.connections);
        let thread = thread::spawn(move || {
            for client in listener.incoming() {
                let is_up = Arc::clone(&shared);
                if !is_up.load(SeqCst) {
                    return;
                }
                connections.fetch_add(1, SeqCst);
                thread::spawn(move || stream.serve(client.unwrap(), &is_up));
            }
        });
        self.listener = Some((is_up, thread));
    }
}

/// What a server sends: at each place an event, a number and a time.
#[derive(Clone, Copy)]
struct Stream {
    which: u64,
    began: Instant,
}

impl Stream {
    /// The times of the two servers differ by three seconds at the most: one is now ahead, now
    /// behind.
    fn time_us(self, place: u64) -> u64 {
        let since = place * APART;
        let shift = match self.which {
            0 => 3 * SECOND,
            // Up to six seconds and down again, once a minute.
            _ => (since % (60 * SECOND)).min(60 * SECOND - since % (60 * SECOND)) / 5,
        };
        EPOCH + since + shift
    }

    fn seq(self, place: u64) -> u64 {
        match self.which {
            0 => 1 + place,
            _ => 5_000_000_000 + 7 * place,
        }
    }

    fn event(self, place: u64) -> String {
        // The second server has each eight events in another order.
        let n = if self.which == 0 { place } else { place ^ 5 };
        let rest = r#","record":{"$type":"app.bsky.feed.post","text":"hello"},"cid":"bafyrei"#;
        let event = commit(
            n,
            Some(self.seq(place)),
            "create",
            "app.bsky.feed.post",
            rest,
        );
        let time = |time_us: u64| format!("\"time_us\":{time_us}");
        event.replace(&time(EPOCH + n * STEP), &time(self.time_us(place)))
    }

    /// The first place at or behind a cursor; the live tip without one, or when it lies in the
    /// future.
    fn first(self, cursor: Option<u64>) -> u64 {
        let end = due(self.began);
        let Some(cursor) = cursor else {
            return end;
        };
        let is_before = |place: u64| match cursor {
            0..1_000_000_000_000_000 => self.seq(place) < cursor,
            _ => self.time_us(place) < cursor,
        };
        let (mut low, mut high) = (0, end);
        while low < high {
            let middle = u64::midpoint(low, high);
            if is_before(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn serve(self, client: TcpStream, is_up: &AtomicBool) {
        let Some(request) = Request::read_from(client) else {
            return;
        };
        let mut next = self.first(request.cursor());
        let mut client = request.accept().into_stream();
        while is_up.load(SeqCst) {
            let end = due(self.began);
            let mut frames = Vec::new();
            for place in next..end {
                push_frame(&mut frames, 1, self.event(place).as_bytes());
            }
            next = end;
            if client.write_all(&frames).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        End::Reset.apply(&client);
    }
}
