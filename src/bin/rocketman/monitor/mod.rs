//! What looks at a run while it runs: the status line, the metrics page, the service manager.

pub(crate) mod metrics_page;
pub(crate) mod systemd;

use std::{convert::Infallible, sync::Arc};

use crate::{
    monitor::{metrics_page::Exporter, systemd::Service},
    terminal::status_line::Ticker,
};
use rocketman::Stats;

/// Everybody who looks.
#[derive(Debug)]
pub(crate) struct Monitor {
    pub(crate) ticker: Ticker,
    pub(crate) exporter: Option<Exporter>,
    pub(crate) service: Option<Service>,
}

impl Monitor {
    /// Keeps everybody informed, for ever.
    ///
    /// Cancel safety: dropped and called again at any time.
    pub(crate) async fn attend(&mut self, stats: &Arc<Stats>) -> Infallible {
        loop {
            tokio::select! {
                () = self.ticker.due() => self.ticker.show(stats),
                never = serve(&mut self.exporter, stats) => match never {},
                () = due(self.service.as_ref()) => {
                    if let Some(service) = &mut self.service {
                        service.notify(stats);
                    }
                }
            }
        }
    }

    /// Lets those who ask know that the end has begun.
    pub(crate) fn notify_stopping(&self) {
        if let Some(exporter) = &self.exporter {
            exporter.set_ending();
        }
        if let Some(service) = &self.service {
            service.notify_stopping();
        }
    }
}

async fn serve(exporter: &mut Option<Exporter>, stats: &Arc<Stats>) -> Infallible {
    match exporter {
        Some(exporter) => exporter.serve(stats).await,
        None => std::future::pending().await,
    }
}

async fn due(service: Option<&Service>) {
    match service {
        Some(service) => service.due().await,
        None => std::future::pending().await,
    }
}
