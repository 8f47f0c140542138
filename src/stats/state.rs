//! What a run is at, at this moment: its server, how far it has read, and whether it lives.

use std::{
    sync::{Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::time::Instant;

use super::Stats;
use crate::event::{Point, micros, now_us};

/// A time without a connection.
#[derive(Debug)]
pub(super) struct Down {
    since: Instant,
    next_try: Option<Instant>,
    why: String,
}

impl Stats {
    /// The server's time of the newest event, in microseconds since 1970; 0 before the first.
    pub fn last_time_us(&self) -> u64 {
        self.last_time_us.load(Relaxed)
    }

    /// How far behind the stream is read, by the server's clock: the age of the newest event, or of
    /// the latest moment at which there was certainly nothing more. `None` before the first of
    /// both.
    pub fn lag(&self) -> Option<Duration> {
        let read_up_to_us = self.read_up_to_us.load(Relaxed);
        let age = || Duration::from_micros(self.server_now_us().saturating_sub(read_up_to_us));
        (read_up_to_us > 0).then(age)
    }

    /// What the clock of the server shows.
    pub(crate) fn server_now_us(&self) -> u64 {
        now_us().saturating_add_signed(self.ahead_us.load(Relaxed))
    }

    /// The server that is connected, or was last.
    pub fn host(&self) -> String {
        locked(&self.host).clone()
    }

    /// Whether a connection stands.
    pub fn is_connected(&self) -> bool {
        self.is_connected.load(Relaxed)
    }

    /// For how long there has been no connection where one is wanted; `None` while one stands, and
    /// before the first try has failed.
    pub fn down_for(&self) -> Option<Duration> {
        locked(&self.down).as_ref().map(|down| down.since.elapsed())
    }

    /// In how long the next try to connect is made; zero while one is under way. `None` where no
    /// connection is wanted, or where it is not known.
    pub fn next_try_in(&self) -> Option<Duration> {
        let down = locked(&self.down);
        let due = down.as_ref()?.next_try?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    /// Why there is no connection, in a few words: the cause of the latest failure.
    pub fn last_error(&self) -> Option<String> {
        locked(&self.down).as_ref().map(|down| down.why.clone())
    }

    /// Notes that there is no connection, why, and when one is tried next, if that is known.
    pub(crate) fn set_down(&self, why: String, next_try: Option<Instant>) {
        let mut down = locked(&self.down);
        let since = down.as_ref().map_or_else(Instant::now, |down| down.since);
        *down = Some(Down {
            since,
            next_try,
            why,
        });
    }

    /// How far behind an event is that came before the beginning and was dropped, while such events
    /// come.
    pub fn early_lag(&self) -> Option<Duration> {
        let early_us = self.early_us.load(Relaxed);
        let age = || Duration::from_micros(self.server_now_us().saturating_sub(early_us));
        (early_us > 0).then(age)
    }

    /// When an event came last, also one that was dropped; `None` before the first, and where the
    /// source does not say.
    pub(crate) fn last_came(&self) -> Option<Instant> {
        let after_ms = self.last_came_ms.load(Relaxed);
        (after_ms > 0).then(|| self.since + Duration::from_millis(after_ms))
    }

    /// Notes that an event came at this moment.
    pub(crate) fn set_came(&self, now: Instant) {
        let after_ms = millis(now.saturating_duration_since(self.since));
        self.last_came_ms.store(after_ms.max(1), Relaxed);
    }

    /// Notes the time of an event from before the beginning; 0 where it is over with them.
    pub fn set_early_us(&self, time_us: u64) {
        self.early_us.store(time_us, Relaxed);
    }

    /// Whether the server answers and has brought no event for longer than is usual.
    pub fn is_quiet(&self) -> bool {
        self.is_quiet.load(Relaxed)
    }

    /// Whether events or pings arrive, tries are under way, or the sink takes something: everything
    /// but a standstill.
    pub fn is_alive(&self) -> bool {
        millis(self.since.elapsed()) <= self.alive_until_ms.load(Relaxed)
    }

    /// Whether the stream is read, or was: a connection was established once, or something was read
    /// that needs none.
    pub fn has_begun(&self) -> bool {
        self.connects() > 0 || self.messages() > 0
    }

    /// Brings the exported lag, which grows by itself, up to date. To be called before a recorder
    /// is read.
    pub fn refresh(&self) {
        if let Some(lag) = self.lag() {
            self.lag.set(lag.as_secs_f64());
        }
    }

    /// After what just happened there is no doubt that the run lives until this moment.
    pub(crate) fn set_alive_until(&self, moment: Instant) {
        let after = millis(moment.saturating_duration_since(self.since));
        self.alive_until_ms.store(after, Relaxed);
    }

    /// Whether a connection stands; for a source of your own.
    pub fn set_connected(&self, is_connected: bool) {
        self.connected.set(if is_connected { 1.0 } else { 0.0 });
        self.is_connected.store(is_connected, Relaxed);
        if is_connected {
            *locked(&self.down) = None;
        }
    }

    /// Whether a connection stands and brings nothing; for a source of your own.
    pub fn set_quiet(&self, is_quiet: bool) {
        self.is_quiet.store(is_quiet, Relaxed);
    }

    /// The server that is read, for the status line; for a source of your own.
    pub fn set_host(&self, host: &str) {
        host.clone_into(&mut locked(&self.host));
    }

    /// The sink's name, for messages about a slow one.
    pub(crate) fn set_sink(&self, sink: String) {
        *locked(&self.sink) = sink;
    }

    pub(crate) fn sink(&self) -> String {
        locked(&self.sink).clone()
    }

    /// Notes how far the server's clock is ahead of ours, in microseconds.
    pub fn set_ahead_us(&self, ahead_us: i64) {
        self.ahead_us.store(ahead_us, Relaxed);
    }

    /// Notes that there is nothing more to read at this moment of the server's clock.
    pub fn set_caught_up_us(&self, time_us: u64) {
        self.read_up_to_us.store(time_us, Relaxed);
    }

    /// The newest event that was read; for a source of your own, once a batch.
    #[expect(clippy::cast_precision_loss, reason = "gauges are floating point")]
    pub fn set_last(&self, point: &Point) {
        self.last_time_us.store(point.time_us, Relaxed);
        self.read_up_to_us.store(point.time_us, Relaxed);
        self.last_event.set(point.time_us as f64 / 1e6);
        if let Some(seq) = point.seq {
            self.last_seq.set(seq as f64);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floating point")]
    pub(crate) fn set_cursor(&self, time_us: u64) {
        self.cursor.set(time_us as f64 / 1e6);
    }
}

pub(super) fn locked<T>(value: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

fn millis(duration: Duration) -> u64 {
    micros(duration) / 1000
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_known_until_a_connection_stands() {
        let stats = Stats::unexported();
        let known = || (stats.down_for(), stats.next_try_in(), stats.last_error());
        assert_eq!(known(), (None, None, None));
        let second = Duration::from_secs(1);
        stats.set_down("refused".to_owned(), Some(Instant::now() + 3 * second));
        advance(second).await;
        let refused = Some("refused".to_owned());
        assert_eq!(known(), (Some(second), Some(2 * second), refused));
        advance(3 * second).await;
        assert_eq!(stats.next_try_in(), Some(Duration::ZERO), "it is under way");
        stats.set_down("no answer".to_owned(), None);
        let no_answer = Some("no answer".to_owned());
        assert_eq!(known(), (Some(4 * second), None, no_answer));
        stats.set_connected(true);
        assert_eq!(known(), (None, None, None));
    }
}
