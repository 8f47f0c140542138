//! A small server of pages: a few requests at a time, each small and short, for a page of metrics
//! or of health.
//!
//! Requests that are never finished keep no other out.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use super::{Gate, Head, HostPattern, PendingRequest, PendingRequests, Refusal, read_head};
use crate::{
    log::STATE,
    log::throttle::{Throttle, more},
    wire::http,
};

/// The largest head of a request; Prometheus sends some 300 bytes.
const LARGEST_HEAD: usize = 8 * 1024;

/// How many requests may be unfinished; for one more the oldest is closed.
const AT_ONCE: usize = 64;

/// How long a request may take, from its first byte to the last of its answer.
const LIMIT: Duration = Duration::from_secs(5);

/// How long it is waited when no connection can be accepted, for want of descriptors for example.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Plain text.
const TEXT: &str = "text/plain; charset=utf-8";

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The status with its phrase: `200 OK`.
    pub status: &'static str,
    /// The content type.
    pub kind: &'static str,
    /// The body.
    pub body: String,
}

impl Page {
    /// A page of plain text.
    pub fn text(status: &'static str, body: impl Into<String>) -> Self {
        Self {
            status,
            kind: TEXT,
            body: body.into(),
        }
    }
}

/// A server of pages.
#[derive(Debug)]
pub struct PageServer {
    listener: TcpListener,
    gate: Arc<Gate>,
    pending_requests: Arc<PendingRequests>,
    requests: JoinSet<Option<Refusal>>,
    refusals: Throttle,
}

impl PageServer {
    /// Listens. On a loopback address these hosts are answered besides addresses and `localhost`;
    /// elsewhere any is.
    pub async fn bind(address: SocketAddr, hosts: Vec<HostPattern>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let gate = Gate::new(listener.local_addr()?.ip(), hosts, Vec::new());
        Ok(Self {
            listener,
            gate: Arc::new(gate),
            // No head is large enough to be counted.
            pending_requests: PendingRequests::new("the metrics page", AT_ONCE, LARGEST_HEAD),
            requests: JoinSet::new(),
            refusals: Throttle::sparse(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers GET and HEAD with the page of each path, for ever. The path comes without its query.
    ///
    /// Cancel safety: requests that were accepted go on while the runtime runs.
    pub async fn run<F>(&mut self, page: F) -> Infallible
    where
        F: Fn(&str) -> Page + Clone + Send + Sync + 'static,
    {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let (gate, pending) = (Arc::clone(&self.gate), self.pending_requests.admit());
                        let page = page.clone();
                        self.requests.spawn(async move {
                            let answer = answer(stream, &pending, &gate, page);
                            tokio::select! {
                                // A client that is too slow, or leaves, gets nothing.
                                answered = timeout(LIMIT, answer) => answered.unwrap_or_else(|error| {
                                    debug!(%error, "a request took too long");
                                    None
                                }),
                                () = pending.turned_out() => None,
                            }
                        });
                    }
                    Err(error) => {
                        debug!(%error, "cannot accept a request");
                        sleep(AFTER_FAILURE).await;
                    }
                },
                Some(ended) = self.requests.join_next() => match ended {
                    Ok(None) => {}
                    Ok(Some(refusal)) => self.log_refused(&refusal),
                    Err(error) => debug!(%error, "a request failed"),
                }
            }
        }
    }

    fn log_refused(&mut self, refusal: &Refusal) {
        if let Some(left_out) = self.refusals.check() {
            let more = more(left_out);
            warn!(target: STATE, setting = refusal.setting(), "the metrics page refused a request: {refusal}{more}");
        }
    }
}

/// Answers a request, and says why it was refused.
async fn answer(
    mut stream: TcpStream,
    pending: &PendingRequest,
    gate: &Gate,
    page: impl Fn(&str) -> Page + Send,
) -> Option<Refusal> {
    let request = request(&mut stream, pending, gate).await?;
    let mut refused = None;
    let (page, with_body) = match request {
        Request::Foreign => (Page::text("400 Bad Request", "not a request\n"), true),
        Request::Refused(refusal) => {
            let page = Page::text("403 Forbidden", format!("{refusal}\n"));
            refused = Some(refusal);
            (page, true)
        }
        Request::Ask { method, path } => match method.as_str() {
            "GET" | "HEAD" => (page(&path), method == "GET"),
            _ => {
                let text = "only GET and HEAD\n";
                (Page::text("405 Method Not Allowed", text), true)
            }
        },
    };
    respond(&mut stream, page, with_body).await;
    refused
}

/// What came.
enum Request {
    Ask { method: String, path: String },
    Refused(Refusal),
    Foreign,
}

/// Reads a request; `None` where the other side left.
async fn request(stream: &mut TcpStream, pending: &PendingRequest, gate: &Gate) -> Option<Request> {
    let head = match read_head(stream, pending, LARGEST_HEAD).await.ok()? {
        Head::Unfinished => return None,
        Head::Foreign | Head::TooLarge => return Some(Request::Foreign),
        Head::Whole(head, _) => head,
    };
    let Ok(request) = http::Request::parse(&head) else {
        return Some(Request::Foreign);
    };
    Some(match gate.check_host(request.target, &request.headers) {
        Err(refusal) => Request::Refused(refusal),
        Ok(()) => Request::Ask {
            method: request.method.to_owned(),
            path: request
                .target
                .split('?')
                .next()
                .unwrap_or_default()
                .to_owned(),
        },
    })
}

async fn respond(stream: &mut TcpStream, page: Page, with_body: bool) {
    let Page { status, kind, body } = page;
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let answer = if with_body { head + &body } else { head };
    // The client may be gone.
    if stream.write_all(answer.as_bytes()).await.is_ok() {
        stream.shutdown().await.ok();
    }
}
