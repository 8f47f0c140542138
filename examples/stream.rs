//! Posts as a stream of events, each acknowledged once it is printed:
//! `cargo run --example stream [SERVER]`, and Ctrl-C to end it.

#![allow(clippy::print_stdout, reason = "it is an example")]

use std::{env, error::Error, path::Path};

use rocketman::{Pipeline, cursor::FileCursor, source::jetstream::JetstreamSettings};

/// Reads from this server, or from the public ones; goes on where the cursor in `folder` is.
pub async fn run(server: Option<String>, folder: &Path) -> Result<(), Box<dyn Error>> {
    let settings = JetstreamSettings {
        collections: vec!["app.bsky.feed.post".parse()?],
        ..JetstreamSettings::of(server)?
    };
    let cursor = FileCursor::open(folder.join("stream.cursor"))?;
    let mut deliveries = Pipeline::events(settings).cursor(cursor).into_stream();
    loop {
        let delivery = tokio::select! {
            Some(next) = deliveries.next() => next?,
            _ = tokio::signal::ctrl_c() => break,
        };
        println!("{}", delivery.line_str());
        delivery.ack();
    }
    deliveries.finish().await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    run(env::args().nth(1), Path::new(".")).await
}
