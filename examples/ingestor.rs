//! One collection by its exact name, a cursor, and a warning where an ingestor is slow. Killed or
//! not, it goes on where it was: `cargo run --example ingestor`, or with the server as an argument,
//! such as `ws://127.0.0.1:6008/subscribe`.
#![allow(clippy::print_stdout, reason = "it is an example")]
use std::{env, error::Error, io, path::Path};

use rocketman::{
    Pipeline, cursor::FileCursor, event::OwnedEvent, sink::ingest::Ingest,
    source::jetstream::JetstreamSettings,
};

/// Reads from this server, or from the public ones, with the cursor in this folder.
pub async fn run(server: Option<String>, folder: &Path) -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let ingest = Ingest::new().on("app.bsky.feed.post", async |event: OwnedEvent| {
        println!("{} {}", event.rev(), event.uri().unwrap_or_default());
        Ok(())
    });
    let settings = JetstreamSettings::of(server)?;
    let cursor = FileCursor::open(folder.join("ingestor.cursor"))?;
    let stop = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    let pipeline = Pipeline::ingest(settings, ingest).cursor(cursor);
    pipeline.run(stop).await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    run(env::args().nth(1), Path::new(".")).await
}
