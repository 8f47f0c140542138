//! Ticks that several insert at once into a stream of NATS, and a consumer of them that is begun again for ever, whatever its fate:
//! `cargo run --example nats_consumer [SERVER]`. The stream and the bucket of the cursor are made where they are not there.

#![allow(clippy::print_stdout, reason = "it is an example")]

use std::{env, error::Error, future::pending, time::Duration};

use rocketman::cursor::{KvCursor, KvCursorSettings};
use rocketman::nats::{Connection, EventStream, NatsSettings, StreamPlan};
use rocketman::sink::{Fate, Fated, ingest::Ingest};
use rocketman::source::nats::{NatsSource, NatsSourceSettings};
use rocketman::{Pipeline, event::OwnedEvent, event::Start, run_forever};

async fn insert(ticks: &EventStream, writer: u64) -> Result<(), Box<dyn Error>> {
    for n in 0_u64.. {
        ticks.insert("TICKS", 1, format!("[{writer},{n}]")).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Runs on this server until something is wrong that stays wrong.
pub async fn run(server: &str) -> Result<(), Box<dyn Error>> {
    let nats = NatsSettings::new(server);
    let connection = Connection::open(&nats).await?;
    let ticks = EventStream::open(&connection, "TICKS", Some(&StreamPlan::default())).await?;
    let mut source = NatsSourceSettings::new(nats.clone(), "TICKS");
    source.start_if_new = Some(Start::OLDEST);
    let mut cursor = KvCursorSettings::new(nats, "nats:cursors/ticks".parse()?);
    cursor.create_bucket = true;
    let show = async |event: OwnedEvent| Ok(println!("{}", event.line_str()));
    let fate = Fate::new(0.01, 7);
    let consumer = || {
        let sink = Fated::new(Ingest::new().otherwise(show), Some(fate.clone()));
        let pipeline = Pipeline::new(NatsSource::new(source.clone()), sink);
        Ok(pipeline.cursor(KvCursor::new(cursor.clone())))
    };
    let consume = async { Ok(drop(run_forever(consumer, pending()).await?)) };
    tokio::try_join!(consume, insert(&ticks, 0), insert(&ticks, 1)).map(drop)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    run(&env::args().nth(1).unwrap_or("nats://localhost".to_owned())).await
}
