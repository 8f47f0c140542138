//! A bounded number of slow things at the same time, in order for each account: a request for every
//! profile that changes.
//!
//! ```text
//! cargo run --example concurrent
//! cargo run --example concurrent ws://127.0.0.1:6008/subscribe
//! ```
//!
//! Eight requests are under way at most, two of one account never. The cursor, `concurrent.cursor`,
//! waits for the earliest that is not done. The request is made up: a wait that sometimes fails,
//! which is told on stderr.

#![allow(clippy::print_stdout, reason = "it is an example")]

use std::{env, error::Error, path::Path, time::Duration};

use rocketman::{
    Pipeline,
    cursor::FileCursor,
    event::Event,
    sink::ingest::{Ingest, IngestError, Ingestor, Route},
    source::jetstream::JetstreamSettings,
};
use tokio::time::sleep;

/// How many at the same time.
const JOBS: usize = 8;

/// A client of some service; the real one would hold its pool of connections.
struct Thumbnails;

impl Thumbnails {
    async fn request(&self, did: &str) -> Result<u64, IngestError> {
        sleep(Duration::from_millis(fastrand::u64(20..80))).await;
        match fastrand::u8(..) {
            // It is busy: that passes, and is tried again.
            0 => Err(IngestError::new("503 Service Unavailable")),
            // It will never want this one.
            1 => Err(IngestError::lasting(format!(
                "400 Bad Request: no picture of {did}"
            ))),
            _ => Ok(fastrand::u64(1000..9000)),
        }
    }
}

impl Ingestor for Thumbnails {
    async fn ingest(&self, event: Event<'_>) -> Result<(), IngestError> {
        let bytes = self.request(event.did()).await?;
        println!("{} has a picture of {bytes} bytes", event.did());
        Ok(())
    }
}

/// Reads from this server, or from the public ones, and keeps its cursor in `folder`.
pub async fn run(server: Option<String>, folder: &Path) -> Result<(), Box<dyn Error>> {
    let ingest = Ingest::new()
        .on(
            "app.bsky.actor.profile",
            Route::new(Thumbnails).retries(5).or_skip(),
        )
        .jobs(JOBS);
    let source = JetstreamSettings::of(server)?;
    Pipeline::ingest(source, ingest)
        .cursor(FileCursor::open(folder.join("concurrent.cursor"))?)
        .run(std::future::pending())
        .await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Failures, retries and slow ingestors are told through `tracing`.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    run(env::args().nth(1), Path::new(".")).await
}
