//! One collection, with its records as a type: posts, as they are written.
//!
//! ```text
//! cargo run --example one_collection
//! cargo run --example one_collection ws://127.0.0.1:6008/subscribe
//! ```
//!
//! The second reads from `rocketman serve`, without a network. Without a cursor every run begins
//! with what is new.

#![allow(clippy::print_stdout, reason = "it is an example")]

use std::{env, error::Error};

use rocketman::{
    Pipeline,
    event::{Change, OwnedEvent},
    sink::ingest::{Ingest, IngestError, Route},
    source::jetstream::JetstreamSettings,
};
use serde::Deserialize;

/// What is wanted of a post; whatever else is in it is not looked at.
#[derive(Debug, Deserialize)]
struct Post {
    text: String,
    #[serde(default)]
    langs: Vec<String>,
}

/// Called once for each commit of the collection, in order.
async fn show(change: Change<Post>, event: OwnedEvent) -> Result<(), IngestError> {
    match change {
        Change::Create(post) => {
            let langs = post.langs.join(",");
            println!("{} [{langs}] {:?}", event.did(), post.text);
        }
        Change::Update(post) => println!("{} now says {:?}", event.did(), post.text),
        Change::Delete => println!("{} deleted {}", event.did(), event.rkey()),
    }
    Ok(())
}

/// Reads from this server, or from the public ones.
pub async fn run(server: Option<String>) -> Result<(), Box<dyn Error>> {
    let ingest = Ingest::new().on("app.bsky.feed.post", Route::typed(show));
    let source = JetstreamSettings::of(server)?;
    let pipeline = Pipeline::ingest(source, ingest);
    pipeline.run(std::future::pending()).await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    run(env::args().nth(1)).await
}
