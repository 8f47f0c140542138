//! The metrics page: what the run counts, for Prometheus, and whether it lives, for whoever restarts what does not.
//!
//! A few requests at a time, each small and short; nothing that is asked here can hold up the stream, and requests
//! that are never finished keep no other out.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::debug;

use crate::{
    listen::{Gate, Guest, Guests, Head, HostPattern, Refusal, read_head},
    progress::describe,
    stats::Stats,
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

/// The page and its listener.
#[derive(Debug)]
pub(crate) struct Exporter {
    listener: TcpListener,
    handle: PrometheusHandle,
    gate: Arc<Gate>,
    guests: Arc<Guests>,
    requests: JoinSet<()>,
}

impl Exporter {
    /// Listens, and from now on collects what is counted. Called once, before anything is. On a loopback address these
    /// hosts are answered too.
    pub(crate) async fn open(address: SocketAddr, hosts: Vec<HostPattern>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let gate = Gate::new(listener.local_addr()?.ip(), hosts, Vec::new());
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(io::Error::other)?;
        Ok(Self {
            listener,
            handle,
            gate: Arc::new(gate),
            // No head is large enough to be counted.
            guests: Guests::new("the metrics page", AT_ONCE, LARGEST_HEAD),
            requests: JoinSet::new(),
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers requests, for ever.
    ///
    /// Cancel safety: requests that were accepted go on while the runtime runs.
    pub(crate) async fn serve(&mut self, stats: &Arc<Stats>) -> Infallible {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let (handle, stats) = (self.handle.clone(), Arc::clone(stats));
                        let (gate, guest) = (Arc::clone(&self.gate), self.guests.admit());
                        self.requests.spawn(async move {
                            let answer = answer(stream, &guest, &gate, &handle, &stats);
                            tokio::select! {
                                // Whoever is too slow, or leaves, gets nothing.
                                answered = timeout(LIMIT, answer) => if let Err(error) = answered {
                                    debug!(%error, "a request for metrics took too long");
                                },
                                () = guest.turned_out() => {}
                            }
                        });
                    }
                    Err(error) => {
                        debug!(%error, "cannot accept a request for metrics");
                        sleep(AFTER_FAILURE).await;
                    }
                },
                Some(ended) = self.requests.join_next() => {
                    if let Err(error) = ended {
                        debug!(%error, "a request for metrics failed");
                    }
                }
            }
        }
    }
}

async fn answer(
    mut stream: TcpStream,
    guest: &Guest,
    gate: &Gate,
    handle: &PrometheusHandle,
    stats: &Stats,
) {
    let Some(request) = request(&mut stream, guest, gate).await else {
        return;
    };
    let (method, path) = match request {
        Request::Ask { method, path } => (method, path),
        Request::Foreign => {
            let text = "not a request\n";
            return respond(&mut stream, "400 Bad Request", TEXT, text, true).await;
        }
        Request::Refused(refusal) => {
            debug!(%refusal, "a request for metrics was refused");
            let text = format!("{refusal}\n");
            return respond(&mut stream, "403 Forbidden", TEXT, &text, true).await;
        }
    };
    let with_body = method != "HEAD";
    if !matches!(method.as_str(), "GET" | "HEAD") {
        respond(
            &mut stream,
            "405 Method Not Allowed",
            TEXT,
            "only GET and HEAD\n",
            true,
        )
        .await;
        return;
    }
    let (status, kind, body) = match path.as_str() {
        "/metrics" => {
            stats.refresh();
            ("200 OK", PROMETHEUS, handle.render())
        }
        "/healthz" => {
            let how = describe(stats, None, stats.lag());
            if stats.is_alive() {
                ("200 OK", TEXT, format!("alive: {how}\n"))
            } else {
                ("503 Service Unavailable", TEXT, format!("dead: {how}\n"))
            }
        }
        _ => (
            "404 Not Found",
            TEXT,
            "there are /metrics and /healthz\n".to_owned(),
        ),
    };
    respond(&mut stream, status, kind, &body, with_body).await;
}

const TEXT: &str = "text/plain; charset=utf-8";

/// The text format's own type (Prometheus documentation, "Exposition formats").
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What came.
enum Request {
    Ask { method: String, path: String },
    Refused(Refusal),
    Foreign,
}

/// Reads a request; `None` where the other side left.
async fn request(stream: &mut TcpStream, guest: &Guest, gate: &Gate) -> Option<Request> {
    let head = match read_head(stream, guest, LARGEST_HEAD).await.ok()? {
        Head::Left => return None,
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

async fn respond(stream: &mut TcpStream, status: &str, kind: &str, body: &str, with_body: bool) {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let answer = if with_body { head + body } else { head };
    // Whoever asked may be gone.
    if stream.write_all(answer.as_bytes()).await.is_ok() {
        stream.shutdown().await.ok();
    }
}
