//! What whole-program tests share: the program, a scripted server, and events to send.

pub mod compress;
pub mod events;
pub mod front;
pub mod http;
pub mod jetstream;
pub mod program;
pub mod terminal;
pub mod world;

use std::time::{Duration, Instant};

/// How long anything may take before a test fails. Far above what is needed on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for a condition, and fails with `what` when it does not come about.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
