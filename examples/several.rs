//! Several collections and kinds, each with code and rules of its own, a cursor, and a clean stop
//! by Ctrl-C.
//!
//! ```text
//! cargo run --example several
//! cargo run --example several ws://127.0.0.1:6008/subscribe
//! ```
//!
//! It keeps, in memory, how often each account was liked and followed, and forgets accounts that
//! are gone. `several.cursor` is where the next run goes on, `several.dead` what could not be
//! ingested.

#![allow(clippy::print_stdout, reason = "it is an example")]

use std::{
    collections::HashMap,
    env,
    error::Error,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rocketman::{
    Pipeline,
    cursor::FileCursor,
    event::{Change, Event, OwnedEvent},
    sink::{
        DeadLetterFile,
        ingest::{Ingest, IngestError, Ingestor, Route},
    },
    source::jetstream::JetstreamSettings,
};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Like {
    subject: Subject,
}

#[derive(Debug, Deserialize)]
struct Subject {
    uri: String,
}

#[derive(Debug, Deserialize)]
struct Follow {
    subject: String,
}

/// How popular accounts are. A program that keeps such numbers would store who liked what, so that
/// a like that comes again after a crash counts once.
#[derive(Debug, Default)]
struct Popularity(Mutex<HashMap<String, u64>>);

impl Popularity {
    fn add(&self, did: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *all.entry(did.to_owned()).or_default() += 1;
    }

    fn forget(&self, did: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(did);
    }
}

/// An ingestor that is a type of its own, and borrows the event.
struct Accounts(Arc<Popularity>);

impl Ingestor for Accounts {
    async fn ingest(&self, event: Event<'_>) -> Result<(), IngestError> {
        let Some(account) = event.account()? else {
            return Ok(());
        };
        if !account.active && account.status.as_deref() == Some("deleted") {
            self.0.forget(event.did());
            println!("{} is gone", event.did());
        }
        Ok(())
    }
}

/// Reads until `stop` from this server, or from the public ones, and keeps its files in `folder`.
pub async fn run(
    server: Option<String>,
    folder: &Path,
    stop: impl Future<Output = ()>,
) -> Result<(), Box<dyn Error>> {
    let popularity = Arc::new(Popularity::default());
    let (liked, followed) = (Arc::clone(&popularity), Arc::clone(&popularity));
    let likes = Route::typed(move |change: Change<Like>, _event: OwnedEvent| {
        let liked = Arc::clone(&liked);
        async move {
            if let Change::Create(Like { subject }) = change {
                // at://DID/collection/key
                let did = subject.uri.split('/').nth(2).unwrap_or_default();
                liked.add(did);
            }
            Ok(())
        }
    });
    let follows = Route::typed(move |change: Change<Follow>, event: OwnedEvent| {
        let followed = Arc::clone(&followed);
        async move {
            if let Change::Create(Follow { subject }) = change {
                followed.add(&subject);
                println!("{} follows {subject}", event.did());
            }
            Ok(())
        }
    });
    let dead_letters = DeadLetterFile::open(folder.join("several.dead"))?;
    let ingest = Ingest::new()
        // A like that is none is no loss; a hiccup is tried again ten times.
        .on("app.bsky.feed.like", likes.retries(10).or_skip())
        .on(
            "app.bsky.graph.follow",
            follows.or_dead_letter(dead_letters),
        )
        .on_account(Route::new(Accounts(popularity)).slow_after(Duration::from_millis(20)));
    let source = JetstreamSettings::of(server)?;
    let summary = Pipeline::ingest(source, ingest)
        .cursor(FileCursor::open(folder.join("several.cursor"))?)
        .run(stop)
        .await?;
    println!("{} events ingested", summary.accepted);
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    run(env::args().nth(1), Path::new("."), interrupted).await
}
