//! How a run is watched over.

use std::{net::SocketAddr, time::Duration};

use clap::Args;

use super::units::{interval, listen_address};

/// How to watch over it
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Operation")]
pub(crate) struct OperationArgs {
    /// Serve metrics and a health check over HTTP at this address
    ///
    /// /metrics is for Prometheus. /healthz answers 200 while events or pings arrive, tries are under way, or the output takes
    /// something, and 503 otherwise. /readyz answers 200 from the first connection to the beginning of the end. Anybody who can
    /// reach the address can read them all: 127.0.0.1:9090 is for this machine only. With port 0 any free one is taken, and
    /// named on stderr.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "ROCKETMAN_METRICS_ADDR",
        value_parser = listen_address,
        hide_short_help = true
    )]
    pub(crate) metrics_addr: Option<SocketAddr>,
    /// Answer requests for the metrics page that name this host (can be repeated)
    ///
    /// At a loopback address only requests that name an address, localhost or *.localhost are answered, for any web page can
    /// have a name of its own lead to this machine. NAME, NAME:PORT, *.NAME for all below it, or * for any. At other addresses
    /// any name is answered.
    #[arg(
        long,
        value_name = "HOST",
        requires = "metrics_addr",
        hide_short_help = true
    )]
    pub(crate) allow_host: Vec<String>,
    /// Say it on stderr when the stream is read further behind than this, and when it no longer is
    ///
    /// By the events' own time and the server's clock. To end instead, see --max-lag.
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_LAG_ALERT", value_parser = interval, hide_short_help = true)]
    pub(crate) lag_alert: Option<Duration>,
}
