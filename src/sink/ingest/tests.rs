//! Ingestors in memory, given events as a pipeline gives them.

mod batches;
mod concurrent;
mod errors;
mod failing;
mod logged;
mod routing;

use std::sync::{Arc, Mutex};

use super::*;
use crate::event::{Event, OwnedEvent};

/// A post of an account; `n` is its record key.
fn post(did: &str, n: u64) -> String {
    commit(did, "app.bsky.feed.post", n)
}

fn commit(did: &str, collection: &str, n: u64) -> String {
    format!(
        r#"{{"did":"did:plc:{did}","time_us":{},"kind":"commit","commit":{{"rev":"r","operation":"create","collection":"{collection}","rkey":"{n}","record":{{"text":"{n}"}},"cid":"c"}}}}"#,
        n + 1
    )
}

fn other(kind: &str, n: u64) -> String {
    format!(
        r#"{{"did":"did:plc:a","time_us":{},"kind":"{kind}","{kind}":{{"seq":{n}}}}}"#,
        n + 1
    )
}

fn batch(lines: impl IntoIterator<Item = String>) -> Batch {
    let mut batch = Batch::new();
    for line in lines {
        batch.push(line.as_bytes()).unwrap();
    }
    batch
}

/// Gives the sink everything, as a pipeline does, brings it to its end, and returns how many events
/// it accepted.
async fn run(
    sink: &mut impl Sink,
    lines: impl IntoIterator<Item = String>,
) -> (u64, Option<String>) {
    let context = SinkContext::default();
    let mut batch = batch(lines);
    let given = async {
        sink.begin(&[], &context)?;
        while !batch.is_empty() {
            let before = batch.len();
            sink.accept(&mut batch, &context).await?;
            assert!(batch.len() < before, "it took nothing");
        }
        Ok(())
    }
    .await;
    let finished = sink.finish(&context).await;
    let error = given.and(finished).err();
    let told = error.map(|error: MemberError| crate::log::chain(&error));
    (context.accepted(), told)
}

/// What ingestors were given, in the order in which they were done with it.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, entry: impl Into<String>) {
        self.0.lock().unwrap().push(entry.into());
    }

    fn entries(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// An ingestor that logs its name and each event's key.
    fn as_ingestor(&self, name: &'static str) -> impl Ingestor + use<> {
        let log = self.clone();
        move |event: OwnedEvent| {
            let log = log.clone();
            async move {
                log.add(format!("{name} {}", key(&event.event())));
                Ok(())
            }
        }
    }
}

/// The record key of a commit, the kind of any other event.
fn key(event: &Event<'_>) -> String {
    match event.rkey() {
        "" => event.kind().as_str().to_owned(),
        rkey => rkey.to_owned(),
    }
}
