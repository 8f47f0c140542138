//! The metrics page: what the run counts, for Prometheus, and whether it is alive and ready, for a
//! supervisor.
//!
//! Nothing that is asked here can hold up the stream.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rocketman::{
    Stats,
    serve::{HostPattern, Page, PageServer},
};

use crate::terminal::status_line::{Names, describe};

/// The page and its listener.
#[derive(Debug)]
pub(crate) struct Exporter {
    pages: PageServer,
    handle: PrometheusHandle,
    /// The end has begun.
    is_ending: Arc<AtomicBool>,
}

impl Exporter {
    /// Listens, and from now on collects what is counted. Called once, before anything is. On a
    /// loopback address these hosts are answered too.
    pub(crate) async fn open(address: SocketAddr, hosts: Vec<HostPattern>) -> io::Result<Self> {
        let pages = PageServer::bind(address, hosts).await?;
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(io::Error::other)?;
        Ok(Self {
            pages,
            handle,
            is_ending: Arc::default(),
        })
    }

    /// From now on the run is not ready any more: the end has begun.
    pub(crate) fn set_ending(&self) {
        self.is_ending.store(true, Ordering::Release);
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.pages.address()
    }

    /// Answers requests, for ever.
    ///
    /// Cancel safety: requests that were accepted go on while the runtime runs.
    pub(crate) async fn serve(&mut self, stats: &Arc<Stats>) -> Infallible {
        let (handle, stats) = (self.handle.clone(), Arc::clone(stats));
        let is_ending = Arc::clone(&self.is_ending);
        let page = move |path: &str| page(path, &handle, &stats, is_ending.load(Ordering::Acquire));
        self.pages.run(page).await
    }
}

fn page(path: &str, handle: &PrometheusHandle, stats: &Stats, is_ending: bool) -> Page {
    match path {
        "/metrics" => {
            stats.refresh();
            Page {
                status: "200 OK",
                kind: PROMETHEUS,
                body: handle.render(),
            }
        }
        "/healthz" => {
            let how = describe(stats, None, &Names::default());
            if stats.is_alive() {
                Page::text("200 OK", format!("alive: {how}\n"))
            } else {
                Page::text(UNAVAILABLE, format!("dead: {how}\n"))
            }
        }
        "/readyz" => {
            let how = describe(stats, None, &Names::default());
            if is_ending {
                Page::text(UNAVAILABLE, format!("ending: {how}\n"))
            } else if stats.has_begun() {
                Page::text("200 OK", format!("ready: {how}\n"))
            } else {
                Page::text(UNAVAILABLE, format!("not ready: {how}\n"))
            }
        }
        _ => Page::text(
            "404 Not Found",
            "not found; try /metrics, /healthz or /readyz\n",
        ),
    }
}

const UNAVAILABLE: &str = "503 Service Unavailable";

/// The text format's own type (Prometheus documentation, "Exposition formats").
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
