//! The atproto (Bluesky) record stream, brought to a sink of your choice, without losing its place.
//!
//! ```text
//! Source ──batch──▶ Filter ──▶ Sink ──accepted up to──▶ CursorStore
//! ```
//!
//! A [`source`] yields events in order, a [`filter`] drops what was not asked for, a [`sink`]
//! accepts the rest, and a [`cursor`] store keeps the place up to which everything is accepted.
//! [`Pipeline`] runs the four of them in one task: it pulls, in batches, so that a slow sink slows
//! the socket down and nothing piles up in between.
//!
//! # Code of your own for each event
//!
//! What most need: events by collection, with typed records, retries, and several at once. More in
//! [`sink::ingest`].
//!
//! ```no_run
//! use rocketman::{Pipeline, cursor::FileCursor, event::{Change, OwnedEvent}};
//! use rocketman::{sink::ingest::{Ingest, Route}, source::jetstream::JetstreamSettings};
//!
//! #[derive(serde::Deserialize)]
//! struct Post { text: String }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let posts = Route::typed(async |change: Change<Post>, event: OwnedEvent| {
//!         if let Some(post) = change.into_record() {
//!             println!("{}: {}", event.did(), post.text);
//!         }
//!         Ok(())
//!     });
//!     let ingest = Ingest::new().on("app.bsky.feed.post", posts);
//!     let pipeline = Pipeline::ingest(JetstreamSettings::default(), ingest).cursor(FileCursor::open("posts.cursor")?);
//!     pipeline.run(std::future::pending()).await?;
//!     Ok(())
//! }
//! ```
//!
//! # Events as a stream
//!
//! A loop of your own, with reconnects and cursor; each event is acknowledged once it is done with.
//! More in [`Deliveries`].
//!
//! ```no_run
//! # use rocketman::{Pipeline, cursor::FileCursor, source::jetstream::JetstreamSettings};
//! # async fn read(settings: JetstreamSettings) -> Result<(), Box<dyn std::error::Error>> {
//! let mut deliveries = Pipeline::events(settings).cursor(FileCursor::open("posts.cursor")?).into_stream();
//! while let Some(delivery) = deliveries.next().await {
//!     let delivery = delivery?;
//!     println!("{}", delivery.line_str());
//!     delivery.ack();
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # A sink of your own
//!
//! For whole batches, without a copy of any event:
//!
//! ```no_run
//! use rocketman::{MemberError, Pipeline, event::Batch, sink::{Sink, SinkContext}};
//! use rocketman::source::jetstream::{Jetstream, JetstreamSettings};
//!
//! struct Count(u64);
//!
//! impl Sink for Count {
//!     fn name(&self) -> String { "count".to_owned() }
//!
//!     async fn accept(&mut self, batch: &mut Batch, context: &SinkContext) -> Result<(), MemberError> {
//!         self.0 += batch.len() as u64; // or store them, one by one: for event in batch.events() { … }
//!         context.accept(batch.len() as u64);
//!         batch.take(batch.len());
//!         Ok(())
//!     }
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let mut count = Count(0);
//! let pipeline = Pipeline::new(Jetstream::new(JetstreamSettings::default()), &mut count);
//! let summary = pipeline.run(async { drop(tokio::signal::ctrl_c().await) }).await?;
//! println!("{} events, up to {:?}", count.0, summary.position);
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! Events reach the sink in the source's order, at least once. The saved position never passes an
//! event that the sink has not accepted, so that after a crash the next run begins at or before the
//! first event that is missing. What a sink makes of an event that comes again is its own promise:
//! [`sink::FileSink`], for one, has each event exactly once in its file.
//!
//! What a source asks for again after a lost connection does not come twice within one run; what a
//! server sends twice by itself does. A source survives lost connections by itself; an error from
//! [`Pipeline::run`] is final, and tells by its [`ErrorKind`] what kind of end it is.
//!
//! # How to stop
//!
//! Have the future resolve that [`Pipeline::run`] was given. The source stops, what was read goes
//! through the sink, the sink finishes, the cursor is saved; [`PipelineSettings::grace`] bounds how
//! long that may take.
//!
//! # Features
//!
//! `zstd` (default) asks servers for compressed events, and writes files that end in `.zst`. `gzip`
//! (default) reads and writes those that end in `.gz`. `nats` (default) is NATS JetStream.
//! `segments` reads the files in which a server keeps its history, and `history` its archive over
//! the network. `http` sends events to an endpoint of HTTP. `sqlite` and `parquet` keep events in
//! tables. `serve` is a Jetstream server in
//! process. `cli` (default) is the program `rocketman`, and brings these six; leave it out in a
//! library.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod compressed;
pub mod cursor;
pub mod event;
pub mod filter;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "segments")]
#[allow(
    dead_code,
    unused_imports,
    reason = "rows are made and made into lines by what follows"
)]
pub mod segment;
#[cfg(feature = "serve")]
pub mod serve;
pub mod sink;
pub mod source;
#[cfg(any(
    feature = "http",
    feature = "parquet",
    feature = "segments",
    feature = "sqlite"
))]
pub mod table;

mod backoff;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod log;
mod pipeline;
mod platform;
mod stats;
mod wire;

pub use crate::{
    error::{ErrorKind, MemberError, ParseError, Reason},
    log::address::Shown,
    pipeline::{Deliveries, Delivery, Ended, Error, Pipeline, PipelineSettings, Summary},
    stats::{Progress, Stats},
};

/// The programs of this page compile.
#[cfg(doctest)]
#[doc = include_str!("../docs/library.md")]
mod library_page {}
