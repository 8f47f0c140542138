//! Which of several servers is next.
//!
//! Decided on evidence: a server that cannot be reached, falls silent, brings nothing, or is lost
//! again and again makes room for the next one; after a while in good health elsewhere, the first
//! gets another chance.

use std::time::Duration;

use tokio::time::Instant;

use super::endpoint::Endpoint;

/// This many losses within [`CUTS_WITHIN`] are too many for one server, although it brings events in
/// between.
const CUTS: usize = 3;

/// See [`CUTS`].
const CUTS_WITHIN: Duration = Duration::from_secs(60);

/// A connection that lasted so long was a healthy one.
const HEALTHY: Duration = Duration::from_secs(300);

/// The servers, best first, and the one that is next or connected.
#[derive(Debug)]
pub(super) struct Rotation {
    endpoints: Vec<Endpoint>,
    current: usize,
    /// What is asked for means nothing to another server.
    is_held: bool,
    connected: Option<Instant>,
    /// The latest losses of the current server.
    cuts: Vec<Instant>,
    /// Servers that refused, each in its turn, since one of them did anything else.
    refusals: usize,
}

impl Rotation {
    /// # Panics
    /// Without an endpoint.
    pub(super) fn new(endpoints: Vec<Endpoint>) -> Self {
        Self {
            endpoints,
            current: 0,
            is_held: false,
            connected: None,
            cuts: Vec::new(),
            refusals: 0,
        }
    }

    /// The server that is next, or connected.
    pub(super) fn current(&self) -> &Endpoint {
        &self.endpoints[self.current]
    }

    /// Begins with the server of this stream; returns whether there is one.
    pub(super) fn begin_with(&mut self, host: &str) -> bool {
        let host = Endpoint::service_of(host);
        let known = self
            .endpoints
            .iter()
            .position(|endpoint| endpoint.origin().host == host);
        self.current = known.unwrap_or(0);
        known.is_some()
    }

    /// How many servers there are to choose from.
    pub(super) fn choices(&self) -> usize {
        if self.is_held {
            1
        } else {
            self.endpoints.len()
        }
    }

    /// Stays with the current server, whatever befalls it, until [`Self::release`].
    pub(super) fn hold(&mut self) {
        self.is_held = true;
    }

    /// Any server will do from now on.
    pub(super) fn release(&mut self) {
        self.is_held = false;
    }

    /// The current server is connected.
    pub(super) fn connected(&mut self) {
        self.connected = Some(Instant::now());
        self.refusals = 0;
    }

    /// The current server could not be reached; with `is_refused` it was, and said no in a way that
    /// trying again does not change.
    pub(super) fn failed(&mut self, is_refused: bool) {
        self.refusals = if is_refused { self.refusals + 1 } else { 0 };
        self.turn();
    }

    /// Whether no server is left to ask, should the current one refuse.
    pub(super) fn is_last_to_refuse(&self) -> bool {
        self.is_held || self.refusals + 1 >= self.endpoints.len()
    }

    /// The connection was lost. `brought_events` is false when it brought none, or ended in
    /// silence.
    pub(super) fn lost(&mut self, brought_events: bool) {
        let now = Instant::now();
        let lasted = self
            .connected
            .take()
            .map_or(Duration::ZERO, |since| now - since);
        self.cuts.retain(|cut| now - *cut < CUTS_WITHIN);
        self.cuts.push(now);
        if !brought_events || self.cuts.len() >= CUTS {
            self.turn();
        } else if lasted >= HEALTHY && self.current != 0 {
            self.go_to(0);
        }
    }

    /// The current server answers and brings no events, which is no loss.
    pub(super) fn quiet(&mut self) {
        self.connected = None;
        self.turn();
    }

    fn turn(&mut self) {
        if self.is_held {
            return;
        }
        self.go_to((self.current + 1) % self.endpoints.len());
    }

    fn go_to(&mut self, next: usize) {
        self.current = next;
        self.cuts.clear();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn three() -> Rotation {
        Rotation::new(
            ["a:1", "b:1", "c:1"]
                .map(|text| Endpoint::parse(text).unwrap())
                .to_vec(),
        )
    }

    fn host(rotation: &Rotation) -> String {
        rotation.current().host()
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_cannot_be_reached_or_brings_nothing_makes_room() {
        let mut rotation = three();
        rotation.failed(false);
        assert_eq!(host(&rotation), "b");
        rotation.connected();
        rotation.lost(false);
        assert_eq!(host(&rotation), "c");
        rotation.failed(false);
        assert_eq!(host(&rotation), "a");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_final_once_every_server_has_refused_in_a_row() {
        let mut rotation = three();
        for _ in 0..2 {
            assert!(!rotation.is_last_to_refuse());
            rotation.failed(true);
        }
        assert!(rotation.is_last_to_refuse());
        rotation.failed(false);
        assert!(!rotation.is_last_to_refuse(), "one may come back");
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_server_that_is_lost_again_and_again_is_left() {
        let mut rotation = three();
        for _ in 0..10 {
            rotation.connected();
            advance(CUTS_WITHIN / 2).await;
            rotation.lost(true);
            assert_eq!(host(&rotation), "a");
        }
        rotation.connected();
        advance(Duration::from_secs(1)).await;
        rotation.lost(true);
        assert_eq!(host(&rotation), "b");
        rotation.connected();
        rotation.lost(true);
        assert_eq!(host(&rotation), "b", "it begins without a past");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_healthy_while_elsewhere_the_first_is_tried_again() {
        let mut rotation = three();
        rotation.failed(false);
        rotation.connected();
        advance(HEALTHY / 2).await;
        rotation.lost(true);
        assert_eq!(host(&rotation), "b");
        rotation.connected();
        advance(HEALTHY).await;
        rotation.lost(true);
        assert_eq!(host(&rotation), "a");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_held_is_kept_until_any_other_will_do() {
        let mut rotation = three();
        assert!(rotation.begin_with("wss://b:1/subscribe"));
        rotation.hold();
        assert!(rotation.is_last_to_refuse());
        rotation.failed(false);
        rotation.connected();
        rotation.lost(false);
        assert_eq!(host(&rotation), "b");
        rotation.release();
        rotation.failed(false);
        assert_eq!(host(&rotation), "c");
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_server_makes_room_and_that_is_no_loss() {
        let mut rotation = three();
        for name in ["b", "c", "a", "b"] {
            assert_eq!(rotation.choices(), 3);
            rotation.connected();
            rotation.quiet();
            assert_eq!(host(&rotation), name);
        }
        assert!(rotation.cuts.is_empty());
        rotation.hold();
        assert_eq!(rotation.choices(), 1);
        rotation.quiet();
        assert_eq!(host(&rotation), "b");
    }

    #[tokio::test(start_paused = true)]
    async fn one_server_is_always_the_current_one() {
        let mut rotation = Rotation::new(vec![Endpoint::parse("a:1").unwrap()]);
        rotation.failed(false);
        rotation.lost(false);
        assert_eq!(host(&rotation), "a");
        assert!(rotation.begin_with("wss://a:1/subscribe"));
        assert!(!rotation.begin_with("wss://b:1/subscribe"));
    }
}
