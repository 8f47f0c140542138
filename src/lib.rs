//! The atproto (Bluesky) record stream, brought to a sink of your choice, without losing its place.
//!
//! ```text
//! Source ──batch──▶ Filter ──▶ Sink ──accepted up to──▶ CursorStore
//! ```
//!
//! A [`source`] yields events in order, a [`filter`] drops what was not asked for, a [`sink`] accepts the rest, and
//! a [`cursor`] store keeps the place up to which everything is accepted. [`Pipeline`] runs the four of them in one task: it pulls, in
//! batches, so that a slow sink slows the socket down and nothing piles up in between.

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod cursor;
pub mod event;
pub mod filter;
pub mod sink;
pub mod source;

mod backoff;
mod error;
#[cfg(feature = "cli")]
mod logging;
mod pipeline;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod program;
#[cfg(feature = "cli")]
mod progress;
#[cfg(feature = "cli")]
mod report;
#[cfg(feature = "cli")]
mod settings;
#[cfg(feature = "cli")]
mod shutdown;
mod stats;
#[cfg(feature = "cli")]
mod tail;

pub use crate::{
    error::{Error, ErrorKind},
    pipeline::{Ended, Pipeline, PipelineSettings, Summary},
    stats::Stats,
};

/// The `tracing` target of the lines that tell a person about each change of state: connections lost and found, a
/// cursor that could not be saved. Show it from level INFO on, whatever else is shown.
pub const STATE: &str = "rocketman::state";
