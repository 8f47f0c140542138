//! What a service manager wants to know: ready, alive, stopping (`sd_notify`).
//!
//! Only where one asks: without `NOTIFY_SOCKET` in the environment nothing here does anything, and
//! nothing wakes up.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::{
    platform::NotifySocket,
    terminal::status_line::{Names, describe},
};
use rocketman::Stats;

/// How often the status is sent, where no watchdog wants it more often.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// How soon it is noticed that the stream is read.
const READY_INTERVAL: Duration = Duration::from_millis(500);

/// How much longer a start may take while tries are under way, each time that is said.
const START_EXTENSION: Duration = Duration::from_secs(15);

/// The connection to the service manager.
#[derive(Debug)]
pub(crate) struct Service {
    socket: NotifySocket,
    every: Duration,
    has_watchdog: bool,
    next: Instant,
    is_ready: bool,
}

impl Service {
    /// The manager that the environment names; `None` without one, or where it cannot be reached.
    pub(crate) fn from_env(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let name = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty())?;
        let socket = NotifySocket::open(&name)
            .inspect_err(|error| debug!(%error, name, "cannot reach the service manager"))
            .ok()?;
        let watchdog = watchdog(&variable);
        Some(Self {
            socket,
            every: watchdog.map_or(STATUS_INTERVAL, |limit| (limit / 2).min(STATUS_INTERVAL)),
            has_watchdog: watchdog.is_some(),
            next: Instant::now(),
            is_ready: false,
        })
    }

    /// Resolves when something is to be said.
    ///
    /// Cancel safety: nothing is skipped.
    pub(crate) async fn due(&self) {
        sleep_until(self.next).await;
    }

    /// Says how things are. Ready is who was connected once; alive is who receives, or tries again.
    pub(crate) fn notify(&mut self, stats: &Stats) {
        let status = describe(stats, None, &Names::default());
        let mut message = format!("STATUS={status}\n");
        let extension = format!("EXTEND_TIMEOUT_USEC={}\n", START_EXTENSION.as_micros());
        if !self.is_ready {
            if stats.has_begun() {
                self.is_ready = true;
                message.push_str("READY=1\n");
            } else if stats.is_alive() {
                message += &extension;
            }
        }
        if self.has_watchdog && stats.is_alive() {
            message.push_str("WATCHDOG=1\n");
        }
        self.next = Instant::now()
            + if self.is_ready {
                self.every
            } else {
                self.every.min(READY_INTERVAL)
            };
        self.send(&message);
    }

    /// Says that the end has begun.
    pub(crate) fn notify_stopping(&self) {
        self.send("STOPPING=1\n");
    }

    fn send(&self, message: &str) {
        if let Err(error) = self.socket.send(message.as_bytes()) {
            debug!(%error, "cannot tell the service manager");
        }
    }
}

/// How often the watchdog wants to hear from this process, at the latest.
fn watchdog(variable: &impl Fn(&str) -> Option<String>) -> Option<Duration> {
    let is_ours = variable("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
    let micros = variable("WATCHDOG_USEC")?.parse().ok()?;
    (is_ours && micros > 0).then_some(Duration::from_micros(micros))
}
