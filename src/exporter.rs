//! The metrics page: what the run counts, for Prometheus, and whether it lives, for whoever restarts what does not.
//!
//! A few requests at a time, each small and short; nothing that is asked here can hold up the stream.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::debug;

use crate::{progress::describe, stats::Stats};

/// The largest head of a request; Prometheus sends some 300 bytes.
const LARGEST_HEAD: usize = 8 * 1024;

/// So many requests are served at once; others wait in the listener's queue.
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
    requests: JoinSet<()>,
}

impl Exporter {
    /// Listens, and from now on collects what is counted. Called once, before anything is.
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(io::Error::other)?;
        Ok(Self {
            listener,
            handle,
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
                accepted = self.listener.accept(), if self.requests.len() < AT_ONCE => match accepted {
                    Ok((stream, _)) => {
                        let (handle, stats) = (self.handle.clone(), Arc::clone(stats));
                        self.requests.spawn(async move {
                            // Whoever is too slow, or leaves, gets nothing.
                            if let Err(error) = timeout(LIMIT, answer(stream, &handle, &stats)).await {
                                debug!(%error, "a request for metrics took too long");
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

async fn answer(mut stream: TcpStream, handle: &PrometheusHandle, stats: &Stats) {
    let Some((method, path)) = request(&mut stream).await else {
        respond(
            &mut stream,
            "400 Bad Request",
            TEXT,
            "not a request\n",
            true,
        )
        .await;
        return;
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

/// Method and path of a request; `None` where it is none, or too long.
async fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut received = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut received).await.ok()? == 0 {
            return None;
        }
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        if request.parse(&received).ok()?.is_complete() {
            let path = request.path?.split('?').next()?;
            return Some((request.method?.to_owned(), path.to_owned()));
        }
        if received.len() > LARGEST_HEAD {
            return None;
        }
    }
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
