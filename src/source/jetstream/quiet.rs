//! Servers that answer, and bring no event: how long that is waited for, and how often it is said.
//!
//! A public stream always has something, so that silence is a reason to try the next server. Where
//! there is no other, the stream may just be quiet: the connection is then made anew at growing
//! distances, and nothing else is changed.

use std::time::Duration;

use tokio::time::Instant;

/// The longest time that a quiet connection is kept, unless more was asked for.
const LONGEST: Duration = Duration::from_secs(3600);

/// How often a server is named that falls quiet again and again.
const LOG_INTERVAL: Duration = Duration::from_secs(3600);

/// How patient to be, across connections.
#[derive(Debug)]
pub(super) struct Quiet {
    timeout: Duration,
    /// How often the patience was doubled.
    steps: u32,
    /// Quiet connections since the last new event.
    in_a_row: usize,
    logged: Option<Instant>,
}

impl Quiet {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            steps: 0,
            in_a_row: 0,
            logged: None,
        }
    }

    /// How long the next connection may bring nothing.
    pub(super) fn patience(&self) -> Duration {
        self.timeout
            .saturating_mul(2_u32.saturating_pow(self.steps))
            .min(self.timeout.max(LONGEST))
    }

    /// How long the next connection may bring nothing where that is to be the end: no longer than
    /// the first.
    pub(super) fn patience_before_end(&self) -> Duration {
        self.timeout
    }

    /// Quiet connections since the last new event.
    pub(super) fn in_a_row(&self) -> usize {
        self.in_a_row
    }

    /// A connection has brought nothing for as long as it may, and there are `choices` servers to
    /// choose from. Returns whether it is to be said: for each of several servers once, for one
    /// that is quiet now and then once an hour.
    pub(super) fn note(&mut self, servers: usize) -> bool {
        let is_first_round = self.in_a_row < servers;
        self.in_a_row += 1;
        if self.in_a_row.is_multiple_of(servers) {
            self.steps = self.steps.saturating_add(1);
        }
        let now = Instant::now();
        let was_logged = self
            .logged
            .is_some_and(|logged| now - logged < LOG_INTERVAL);
        if !is_first_round || (servers == 1 && was_logged) {
            return false;
        }
        self.logged = Some(now);
        true
    }

    /// New events came. One step back each time: a stream that brings one now and then stays one of
    /// which little is expected.
    pub(super) fn note_events(&mut self) {
        self.in_a_row = 0;
        self.steps = self.steps.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn the_distances_grow_to_an_hour_and_shrink_with_events() {
        let mut quiet = Quiet::new(MINUTE);
        let mut minutes = Vec::new();
        for _ in 0..8 {
            minutes.push(quiet.patience().as_secs() / 60);
            quiet.note(1);
        }
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(quiet.patience_before_end(), MINUTE);
        for _ in 0..8 {
            quiet.note_events();
        }
        assert_eq!(quiet.patience(), MINUTE);
        let mut patient = Quiet::new(10 * LONGEST);
        patient.note(1);
        assert_eq!(patient.patience(), 10 * LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn one_server_is_told_of_once_an_hour_at_most() {
        let mut quiet = Quiet::new(MINUTE);
        assert!(quiet.note(1));
        assert!(!quiet.note(1));
        quiet.note_events();
        assert!(!quiet.note(1));
        advance(LOG_INTERVAL).await;
        assert!(!quiet.note(1), "it is still the same silence");
        quiet.note_events();
        assert!(quiet.note(1));
    }

    #[tokio::test(start_paused = true)]
    async fn each_of_several_servers_is_told_of_and_no_second_round() {
        let mut quiet = Quiet::new(MINUTE);
        for _ in 0..3 {
            assert_eq!(quiet.patience(), MINUTE);
            assert!(quiet.note(3));
        }
        assert_eq!((quiet.patience(), quiet.in_a_row()), (2 * MINUTE, 3));
        assert!(!quiet.note(3));
        quiet.note_events();
        assert!(quiet.note(3));
    }
}
