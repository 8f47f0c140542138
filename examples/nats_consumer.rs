//! Ticks that several insert at once into a stream of NATS, and a consumer of them that is begun
//! again for ever, whatever its fate: `cargo run --example nats_consumer [SERVER]`. The stream and
//! the bucket of the cursor are made where they are not there.

#![allow(clippy::print_stdout, reason = "it is an example")]

use std::{env, error::Error, future::pending, time::Duration};

use rocketman::nats::{EventStream, NatsSettings, StreamPlan};
use rocketman::source::nats::{NatsSource, NatsSourceSettings};
use rocketman::{Pipeline, event::OwnedEvent, event::Start, sink::ingest::Ingest};
use rocketman::{cursor::KvCursor, cursor::KvCursorSettings, sink::Fate, sink::Fated};

/// Inserts a tick every few milliseconds, which has the writer and the number of the one before it.
async fn insert(ticks: &EventStream, writer: u64, mut last: u64) -> Result<(), Box<dyn Error>> {
    loop {
        let tick = format!("[{writer},{last}]");
        last = ticks.insert("TICKS", 1, tick).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Runs on this server until something is wrong that stays wrong.
pub async fn run(server: &str) -> Result<(), Box<dyn Error>> {
    let (nats, fate) = (NatsSettings::new(server), Fate::new(0.01, 7));
    let ticks = EventStream::open(&nats, "TICKS", Some(&StreamPlan::default())).await?;
    let mut source = NatsSourceSettings::new(nats.clone(), "TICKS");
    source.start_if_new = Some(Start::OLDEST);
    let mut cursor = KvCursorSettings::new(nats, "nats:cursors/ticks".parse()?);
    cursor.create_bucket = true;
    let show = async |event: OwnedEvent| {
        println!("{}", event.line_str());
        Ok(())
    };
    let consumer = || {
        let sink = Fated::new(Ingest::new().otherwise(show), Some(fate.clone()));
        let pipeline = Pipeline::new(NatsSource::new(source.clone()), sink);
        Ok(pipeline.cursor(KvCursor::new(cursor.clone())))
    };
    let consume = async { Ok(Pipeline::run_forever(consumer, pending()).await?) };
    tokio::try_join!(consume, insert(&ticks, 0, 0), insert(&ticks, 1, 0)).map(drop)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    Box::pin(run(&env::args().nth(1).unwrap_or("localhost".to_owned()))).await
}
