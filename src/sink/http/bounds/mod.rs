//! The bounds of requests over a restart: announced in the cursor before they are sent, and taken up
//! again by the run that goes on from it.

mod announced;
mod plan;
mod replay;

pub(super) use self::{
    announced::Announced,
    plan::Plan,
    replay::{Replay, Replayed},
};
use crate::event::{Event, Identity};

/// An event as bounds know it.
fn known_as(event: &Event<'_>) -> u64 {
    let identity = event.point().identity;
    identity.map_or(0, Identity::to_bits)
}

#[cfg(test)]
mod tests;
