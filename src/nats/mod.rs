//! NATS JetStream: the connection that its source, its sink and its cursor store share, and those three under one roof.
//!
//! [`StreamAddress`] and [`KeyAddress`] are what a user types, [`NatsSettings`] adds who that user is, from the variables and
//! contexts of the `nats` command, and [`Connection`] is the result, which gets itself back when it is lost.
//! Nothing of the connection knows events.
//!
//! # For those who come from rjet and reflex
//!
//! | there | here |
//! | --- | --- |
//! | `NewStream(js, name, WithDefaultStream(…))` | [`sink::nats::StreamPlan`](crate::sink::nats::StreamPlan) in [`SinkSettings::create`](crate::sink::nats::NatsSinkSettings::create) |
//! | `Stream.Insert`, `js.Publish` | [`Sink`], which takes the events of any [source](crate::source) |
//! | `Stream.Stream(ctx, after, …)` | [`Source`] |
//! | `NewSpec(stream, cstore, consumer)` and `Run` | [`Pipeline`](crate::Pipeline) |
//! | `NewCursorStore(js, namespace)` | [`CursorStore`], fenced and in one bucket |
//! | ID, foreign ID, type, metadata | the message's number, its subject, the header `reflex_type`, its payload |
//!
//! ## Insert
//!
//! Whatever a source yields goes into a stream: the line as the payload, its names in the subject, its place in the headers. Each event
//! is there exactly once, in order; the stream itself says where to go on, so that the pipeline has no cursor.
//!
//! ```no_run
//! use std::sync::Arc;
//! use rocketman::{Pipeline, nats, sink::nats::StreamPlan, source::{Jetstream, jetstream::JetstreamSettings}};
//!
//! # async fn insert() -> Result<(), Box<dyn std::error::Error>> {
//! let address = nats::StreamAddress::parse("nats://localhost/FIREHOSE")?;
//! let variable = |name: &str| std::env::var(name).ok();
//! let connection = nats::NatsSettings::resolve(&address.servers, None, &nats::Given::default(), &variable)?;
//! let settings = nats::SinkSettings {
//!     prefix: "atproto".to_owned(),
//!     create: Some(StreamPlan::default()),
//!     ..nats::SinkSettings::new(connection, address.stream)
//! };
//! let source = Jetstream::new(JetstreamSettings::default(), Arc::default());
//! let pipeline = Pipeline::new(source, nats::Sink::new(settings));
//! println!("{:?}", pipeline.run(Default::default()).await?);
//! # Ok(())
//! # }
//! ```
//!
//! An event of your own is a line like any other: give the pipeline a [source](crate::source::Source) that
//! [pushes](crate::event::Batch::push) it. Its `did` is the key, its `kind` and its collection the type, its `time_us` the time.
//!
//! ## A cursor store
//!
//! A key in a bucket, saved in batches: at [`PipelineSettings::save_every`](crate::PipelineSettings::save_every), and on every way of
//! stopping. Each save names the revision it replaces, and a second process with the same key is refused before it begins.
//!
//! ```no_run
//! use std::sync::Arc;
//! use rocketman::{Pipeline, nats, sink::StdoutSink, source::{Jetstream, jetstream::JetstreamSettings}};
//!
//! # async fn keep() -> Result<(), Box<dyn std::error::Error>> {
//! let address = nats::KeyAddress::parse("nats://localhost/cursors/posts")?;
//! let variable = |name: &str| std::env::var(name).ok();
//! let connection = nats::NatsSettings::resolve(&address.servers, None, &nats::Given::default(), &variable)?;
//! let cursor = nats::CursorStore::new(nats::CursorSettings { nats: connection, address, create_bucket: true });
//! let source = Jetstream::new(JetstreamSettings::default(), Arc::default());
//! let pipeline = Pipeline::new(source, StdoutSink::new(false)).cursor(cursor);
//! pipeline.run(Default::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! ## Retries, dead letters, fate, metrics
//!
//! [`sink::ingest`](crate::sink::ingest) gives events to your own code, by the policy you choose: retried, skipped, kept as dead letters, or the
//! end. [`sink::Fated`](crate::sink::Fated) makes deliveries fail on purpose, as fate does. What is counted stands in
//! [`metrics`](crate::metrics).

mod address;
mod connect;
mod context;
mod error;
mod stored;

pub use self::{
    address::{AddressError, KeyAddress, Servers, StreamAddress},
    connect::{Connection, Status},
    context::{Given, Login, NatsSettings, Secret},
    error::NatsError,
};
pub(crate) use self::{
    connect::RequestFailed,
    stored::{Stored, StoredMessage},
};
pub use crate::{
    cursor::{KvCursor as CursorStore, KvCursorSettings as CursorSettings},
    sink::nats::{NatsSink as Sink, NatsSinkSettings as SinkSettings},
    source::NatsSource as Source,
};
