//! The atproto (Bluesky) record stream, brought to a sink of your choice, without losing its place.
//!
//! ```text
//! Source ──batch──▶ Filter ──▶ Sink ──accepted up to──▶ CursorStore
//! ```
//!
//! A [`source`] yields events in order, a [`filter`] drops what was not asked for, a [`sink`] accepts the rest, and
//! a [`cursor`] store keeps the place up to which everything is accepted. [`Pipeline`] runs the four of them in one task: it pulls, in
//! batches, so that a slow sink slows the socket down and nothing piles up in between.
//!
//! # A program of twenty lines
//!
//! One collection, a sink of your own, and a cursor that survives restarts:
//!
//! ```no_run
//! use rocketman::{Pipeline, cursor::FileCursor, event::{Batch, CollectionPattern}, filter::Filter};
//! use rocketman::{sink::{SinkContext, Sink, SinkError}, source::{Jetstream, jetstream::JetstreamSettings}};
//!
//! struct Likes(u64);
//!
//! impl Sink for Likes {
//!     fn name(&self) -> String { "likes".to_owned() }
//!
//!     async fn accept(&mut self, batch: &mut Batch, context: &SinkContext) -> Result<(), SinkError> {
//!         self.0 += batch.len() as u64; // or store them, one by one: for event in batch.events() { … }
//!         context.accept(batch.len() as u64);
//!         batch.take(batch.len());
//!         Ok(())
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let likes: Vec<CollectionPattern> = vec!["app.bsky.feed.like".parse()?];
//!     let filter = Filter::new().collections(likes.clone()).kinds([rocketman::event::Kind::Commit]);
//!     let source = JetstreamSettings { collections: likes, ..JetstreamSettings::default() };
//!     let source = Jetstream::new(source);
//!     let mut likes = Likes(0);
//!     let pipeline = Pipeline::new(source, &mut likes).filter(filter).cursor(FileCursor::open("likes.cursor")?);
//!     let summary = pipeline.run(std::future::pending()).await?;
//!     println!("{} likes, up to {:?}", likes.0, summary.position);
//!     Ok(())
//! }
//! ```
//!
//! Most often the sink is code of your own, called with each event of some collections: [`sink::ingest`] has that ready, with typed
//! records, retries, and several events at once.
//!
//! # What is promised
//!
//! Events reach the sink in the source's order, at least once. The saved position never passes an event that the sink has not
//! accepted, so that after a crash the next run begins at or before the first event that is missing. What a sink makes of an
//! event that comes again is its own promise: [`sink::FileSink`], for one, has each event exactly once in its file.
//!
//! What a source asks for again after a lost connection does not come twice within one run; what a server sends twice by itself does.
//! A source survives lost connections by itself; an error from
//! [`Pipeline::run`] is final, and tells by its [`ErrorKind`] what kind of end it is.
//!
//! # How to stop
//!
//! Have the future resolve that [`Pipeline::run`] was given. The source stops, what was read goes through the sink, the sink finishes, the
//! cursor is saved; [`PipelineSettings::grace`] bounds how long that may take.
//!
//! # Features
//!
//! `zstd` (default) asks servers for compressed events, and writes files that end in `.zst`. `gzip` (default) reads and writes those that end in `.gz`. `nats` (default) is NATS JetStream. `serve` is a Jetstream server in process. `cli` (default) is the program `rocketman`, and brings `serve`; leave it out in a library.

pub mod address;
pub mod compressed;
pub mod cursor;
pub mod event;
pub mod filter;
pub mod log;
#[cfg(feature = "nats")]
pub mod nats;
pub mod paths;
#[cfg(feature = "serve")]
pub mod serve;
pub mod sink;
pub mod source;
pub mod stats;

mod backoff;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod pipeline;
mod throttle;
mod wire;

pub use crate::{
    error::{BoxError, ErrorKind},
    filter::{Shard, ShardError},
    pipeline::{Ended, Error, Pipeline, PipelineSettings, Summary},
    stats::Stats,
};
/// Stops several runs and servers at once; see [`Pipeline::run`].
pub use tokio_util::sync::CancellationToken;
