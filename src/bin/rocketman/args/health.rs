//! Whom to ask whether it is alive.

use std::time::Duration;

use clap::Args;

use super::units::interval;

/// All that can be typed after `rocketman health`.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// Where it listens: HOST:PORT, a port of this machine, or http://HOST:PORT
    ///
    /// Without it the variables of --metrics-addr and --listen say where, ROCKETMAN_METRICS_ADDR and ROCKETMAN_LISTEN; with
    /// both, the second counts where nobody listens at the first. A URL may have a path of its own in place of /healthz.
    #[arg(value_name = "ADDR")]
    pub(crate) addr: Option<String>,
    /// Allow this long for the answer
    ///
    /// Whatever is asked, the command has ended by then.
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_TIMEOUT", value_parser = interval, default_value = "5s")]
    pub(crate) timeout: Duration,
}

pub(super) const AFTER_HEALTH: &str = "\
What is alive: rocketman tail while events or pings arrive, tries are under way, or
the output takes something; rocketman serve while it listens and, of a live stream,
what it reads is alive.

Exit codes:
  0    it is alive
  1    it is at a standstill, gives no answer, or is something else
  2    wrong usage
  3    nobody listens there";
