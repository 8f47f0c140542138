//! For those who come from `rjet` and `reflex`: what is called how here, with examples that compile.
//!
//! | rjet, reflex | here |
//! | --- | --- |
//! | `WithDefaultStream(…)` | [`StreamPlan`](crate::nats::StreamPlan) in the [source's](crate::source::nats::NatsSourceSettings::create) or the [sink's](crate::sink::nats::NatsSinkSettings::create) settings |
//! | `Stream.Insert`, `js.Publish` | [`EventStream::insert`](crate::nats::EventStream::insert); for all events of a [source](crate::source) [`NatsSink`](crate::sink::nats::NatsSink) |
//! | `rjet.NewStream(js, name)`, `Stream.Stream` | [`NatsSource`](crate::source::nats::NatsSource): our own ordered reader, which survives restarts by itself |
//! | `reflex.NewSpec(stream, cursors, consumer)`, `reflex.Run` | [`Pipeline::new(source, sink).cursor(store)`](crate::Pipeline), [`run`](crate::Pipeline::run) |
//! | the cursor after which to begin | a saved cursor goes on behind its message; [`Start::Seq`](crate::event::Start) begins with it, 0 with the first there is; [`start_if_new`](crate::source::nats::NatsSourceSettings::start_if_new) only where nothing was saved |
//! | `StreamFromHead` | no start and no saved cursor |
//! | `StreamToHead`, `ErrHeadReached` | [`exit_at_end`](crate::source::nats::NatsSourceSettings::exit_at_end), [`Ended::End`](crate::Ended) |
//! | `WithStreamLag` | [`lag`](crate::source::nats::NatsSourceSettings::lag) |
//! | `WithSubjectFilter` | [`subjects`](crate::source::nats::NatsSourceSettings::subjects) |
//! | `ForeignID`, `Type`, `MetaData`, `Timestamp` | `key`, `type`, `data`, `time` of [`Wrapped`](crate::source::nats::Wrapped); [`Event::key`](crate::event::Event::key) |
//! | `reflex_type`, `SetTypeHeader` | the same header; no number in it is `None` here, and an error there |
//! | `ErrDroppedMsg`, run again by hand | read again behind the last message; what limits took away is a gap, [`OnGap`](crate::source::OnGap) |
//! | event filters, which move the cursor | [`Filter`](crate::filter::Filter), or an ingestor that returns `Ok` |
//! | `rpatterns.BestEffortConsumer`, `DeadLetterConsumer` | [`Route::or_skip`](crate::sink::ingest::Route::or_skip), [`or_dead_letter`](crate::sink::ingest::Route::or_dead_letter), both behind [`retries`](crate::sink::ingest::Route::retries) |
//! | `rpatterns.ConcurrentConsumer` | [`Ingest::jobs`](crate::sink::ingest::Ingest::jobs), which keeps the order of each key |
//! | `rpatterns.BatchConsumer` | [`Batches`](crate::sink::ingest::Batches) |
//! | `rpatterns.AckConsumer` | a [`Sink`](crate::sink::Sink) of your own, which accepts when it likes |
//! | `rpatterns.Parallel`, `ConsumerShards` | [`Shard`](crate::Shard); with partitions in the subjects each worker reads its share alone |
//! | `rjet.NewCursorStore(js, namespace)` | [`KvCursor`](crate::cursor::KvCursor), fenced, a key in a bucket |
//! | `CursorStore`, `MemCursorStore` | [`CursorStore`](crate::cursor::CursorStore), [`FileCursor`](crate::cursor::FileCursor), [`NoCursor`](crate::cursor::NoCursor) |
//! | `RunForever` | not needed: an error of [`run`](crate::Pipeline::run) is final |
//! | `WithConsumerLagAlert`, `WithConsumerActivityTTL` | [`lag_alert`](crate::PipelineSettings::lag_alert), [`idle_timeout`](crate::PipelineSettings::idle_timeout) |
//! | `fate.Tempt` | [`Fated`](crate::sink::Fated) around a sink |
//! | `reflex_consumer_lag_seconds`, `_skipped_events_count`, … | metrics (docs/operation.md), [`Stats`](crate::Stats) |
//!
//! # Spec and Run
//!
//! Everything of a stream to a function, at least once and in order, from a cursor in a file:
//!
//! ```no_run
//! use rocketman::{Pipeline, cursor::FileCursor, event::OwnedEvent, sink::ingest::{Ingest, IngestError, Route}};
//! use rocketman::nats::{NatsOverrides, NatsSettings, StreamAddress};
//! use rocketman::source::nats::{Wrapped, NatsSource, NatsSourceSettings};
//!
//! #[derive(serde::Deserialize)]
//! struct Order { id: u64 }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let address = StreamAddress::parse("nats://localhost/ORDERS")?;
//!     let variable = |name: &str| std::env::var(name).ok();
//!     let connection = NatsSettings::resolve(&address.servers, None, &NatsOverrides::default(), &variable)?;
//!     let source = NatsSourceSettings::new(connection, address.stream);
//!
//!     let orders = Ingest::new().otherwise(Route::new(|event: OwnedEvent| async move {
//!         let order: Wrapped<Order> = event.event().parse().map_err(IngestError::lasting)?;
//!         println!("{} is order {} of type {:?}", order.key, order.data.id, order.event_type);
//!         Ok(())
//!     }));
//!     let source = NatsSource::new(source);
//!     let pipeline = Pipeline::new(source, orders).cursor(FileCursor::open("orders.cursor")?);
//!     pipeline.run(std::future::pending()).await?;
//!     Ok(())
//! }
//! ```
//!
//! # From the head, to the head, and behind it
//!
//! ```
//! use std::time::Duration;
//! use rocketman::{event::Start, nats::NatsSettings, source::{OnGap, nats::NatsSourceSettings}};
//!
//! let orders = || NatsSourceSettings::new(NatsSettings::default(), "ORDERS");
//! let from_head = orders();
//! let everything_then_on = NatsSourceSettings { start_if_new: Some(Start::OLDEST), ..orders() };
//! let everything = NatsSourceSettings { start: Some(Start::Seq(0)), ..orders() };
//! let behind_4711 = NatsSourceSettings { start: Some(Start::Seq(4712)), ..orders() };
//! let to_head = NatsSourceSettings { exit_at_end: true, ..everything.clone() };
//! let five_seconds_late = NatsSourceSettings { lag: Duration::from_secs(5), ..orders() };
//! let only_paid = NatsSourceSettings { subjects: vec!["orders.*.paid".to_owned()], ..orders() };
//! let complete_or_not_at_all = NatsSourceSettings { on_gap: OnGap::Fail, ..everything };
//! ```
//!
//! # Filters, retries, dead letters, concurrency
//!
//! What returns `Ok` moves the cursor, whatever it did with the event.
//!
//! ```no_run
//! use rocketman::{event::OwnedEvent, sink::{DeadLetterFile, ingest::{Ingest, IngestError, Route}}};
//!
//! # async fn store(_: &OwnedEvent) -> Result<(), std::io::Error> { Ok(()) }
//! # fn main() -> Result<(), rocketman::sink::SinkError> {
//! let route = Route::new(|event: OwnedEvent| async move {
//!     if event.key().starts_with("orders.test.") {
//!         return Ok(());
//!     }
//!     store(&event).await.map_err(IngestError::new)
//! });
//! let route = route.retries(5).or_dead_letter(DeadLetterFile::open("failed.ndjson")?);
//! // Eight at once; those of one key stay in order, and the cursor never passes one that is not done.
//! let orders = Ingest::new().otherwise(route).jobs(8);
//! # drop(orders);
//! # Ok(())
//! # }
//! ```
//!
//! # Shards
//!
//! `reflex` hashes by FNV-1 and each shard reads the whole stream. Here it is FNV-1a of the key, which is what NATS partitions by, so
//! that with a partition in the subjects the server sends each worker its share alone. Each shard has a cursor of its own.
//!
//! ```
//! use rocketman::{Shard, filter::Filter, nats::NatsSettings, source::nats::NatsSourceSettings};
//!
//! let second_of_four = Shard::new(2, 4).unwrap();
//! // By reading everything and dropping what is not ours:
//! let filter = Filter::default().shard(second_of_four);
//! // Or by partition, counted from 0: orders.{{partition(4,1)}}.{{wildcard(1)}}
//! let subject = format!("orders.{}.*", second_of_four.number() - 1);
//! let source = NatsSourceSettings { subjects: vec![subject], ..NatsSourceSettings::new(NatsSettings::default(), "ORDERS") };
//! ```
//!
//! Where order does not matter, [`durable`](crate::source::nats::NatsSourceSettings::durable) has any number of workers empty the stream as a queue.
//!
//! # Insert
//!
//! One event, from any number of writers, with the number that it got:
//!
//! ```no_run
//! use rocketman::nats::{Connection, EventStream, NatsSettings, StreamPlan};
//!
//! # async fn insert() -> Result<(), Box<dyn std::error::Error>> {
//! let connection = Connection::open(&NatsSettings::default()).await?;
//! let plan = StreamPlan { subjects: vec!["orders.>".to_owned()], ..StreamPlan::default() };
//! let orders = EventStream::open(&connection, "ORDERS", Some(&plan)).await?;
//! let seq = orders.insert("orders.17.created", 3, r#"{"id":17}"#).await?;
//! // With an ID it may be inserted again after an error, and is there once.
//! let again = orders.insert_once("order-18", "orders.18.created", 3, r#"{"id":18}"#).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # All events of a source
//!
//! Whatever a source yields goes into a stream: the line as the payload, its names in the subject, its place in the headers. Each event
//! is there exactly once, in order; the stream itself says where to go on, so that the pipeline has no cursor.
//!
//! ```no_run
//! use rocketman::{Pipeline, nats, sink::nats::{NatsSink, NatsSinkSettings}, source::{Jetstream, jetstream::JetstreamSettings}};
//!
//! # async fn insert() -> Result<(), Box<dyn std::error::Error>> {
//! let address = nats::StreamAddress::parse("nats://localhost/FIREHOSE")?;
//! let variable = |name: &str| std::env::var(name).ok();
//! let connection = nats::NatsSettings::resolve(&address.servers, None, &nats::NatsOverrides::default(), &variable)?;
//! let settings = NatsSinkSettings {
//!     prefix: "atproto".to_owned(),
//!     create: Some(nats::StreamPlan::default()),
//!     ..NatsSinkSettings::new(connection, address.stream)
//! };
//! let source = Jetstream::new(JetstreamSettings::default());
//! let pipeline = Pipeline::new(source, NatsSink::new(settings));
//! println!("{:?}", pipeline.run(std::future::pending()).await?);
//! # Ok(())
//! # }
//! ```
//!
//! # A cursor store
//!
//! A key in a bucket, saved in batches: at [`PipelineSettings::save_every`](crate::PipelineSettings::save_every), and on every way of
//! stopping. Each save names the revision it replaces, and a second process with the same key is refused before it begins.
//!
//! ```no_run
//! use rocketman::{Pipeline, cursor::{KvCursor, KvCursorSettings}, nats, sink::StdoutSink, source::{Jetstream, jetstream::JetstreamSettings}};
//!
//! # async fn keep() -> Result<(), Box<dyn std::error::Error>> {
//! let address = nats::KeyAddress::parse("nats://localhost/cursors/posts")?;
//! let variable = |name: &str| std::env::var(name).ok();
//! let connection = nats::NatsSettings::resolve(&address.servers, None, &nats::NatsOverrides::default(), &variable)?;
//! let cursor = KvCursor::new(KvCursorSettings { nats: connection, address, create_bucket: true });
//! let source = Jetstream::new(JetstreamSettings::default());
//! let pipeline = Pipeline::new(source, StdoutSink::new(false)).cursor(cursor);
//! pipeline.run(std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Fate
//!
//! Deliveries that fail on purpose, after the event was taken and before it counts:
//!
//! ```
//! use rocketman::sink::{Fate, Fated, ingest::Ingest};
//!
//! let one_in_a_thousand = Fated::new(Ingest::new(), Some(Fate::new(0.001, 7)));
//! ```
//!
//! # Alerts and metrics
//!
//! ```no_run
//! use std::{sync::Arc, time::Duration};
//! use rocketman::{Pipeline, PipelineSettings, Stats, nats::NatsSettings, sink::ingest::Ingest};
//! use rocketman::source::nats::{NatsSource, NatsSourceSettings};
//!
//! let settings = PipelineSettings {
//!     lag_alert: Some(Duration::from_secs(30 * 60)),
//!     idle_timeout: Some(Duration::from_secs(24 * 3600)),
//!     ..PipelineSettings::default()
//! };
//! let stats = Arc::new(Stats::default());
//! let source = NatsSource::new(NatsSourceSettings::new(NatsSettings::default(), "ORDERS"));
//! let pipeline = Pipeline::new(source, Ingest::new()).settings(settings).stats(Arc::clone(&stats));
//! println!("{:?} behind, {} events done", stats.lag(), stats.accepted());
//! # drop(pipeline);
//! ```
