//! What reflex and rjet do, in one program: `cargo run --example nats_consumer [SERVER]`.
#![allow(clippy::print_stdout, reason = "it is an example")]
use std::{env, error::Error, future::pending, time::Duration};

use rocketman::nats::{EventStream, NatsSettings, StreamPlan};
use rocketman::sink::{Fate, ingest::Ingest};
use rocketman::{Pipeline, cursor::KvCursor, event::OwnedEvent, source::nats::NatsSource};

/// Two writers insert ticks, and a consumer reads them, run after run, whatever its fate.
pub async fn run(server: &str) -> Result<(), Box<dyn Error>> {
    let (nats, fate) = (NatsSettings::new(server), Fate::new(0.01, 7));
    let ticks = EventStream::open(&nats, "TICKS", Some(&StreamPlan::default())).await?;
    let insert = async |who: u64, mut last: u64| -> Result<(), Box<dyn Error>> {
        loop {
            last = ticks.insert("TICKS", 1, format!("[{who},{last}]")).await?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let show = async |event: OwnedEvent| {
        println!("{event}");
        Ok(())
    };
    let consumer = || {
        let source = NatsSource::from_oldest(nats.clone(), "TICKS");
        let pipeline = Pipeline::new(source, Ingest::new().otherwise(show)).fate(fate.clone());
        Ok(pipeline.cursor(KvCursor::new(nats.clone(), "cursors", "ticks").create_bucket()))
    };
    let consume = async { Ok(Pipeline::run_forever(consumer, pending()).await?) };
    tokio::try_join!(consume, insert(0, 0), insert(1, 0)).map(drop)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    Box::pin(run(&env::args().nth(1).unwrap_or("localhost".to_owned()))).await
}
