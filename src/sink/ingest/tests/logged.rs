//! What is logged about ingestors that are slow or fail.

use std::{fmt::Debug, thread};

use tokio::time::sleep;
use tracing::{
    Event as Message, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::{DefaultGuard, set_default, set_global_default},
};

use super::*;

/// Keeps the text of every warning.
struct Warnings(Log);

impl Visit for &Warnings {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0.add(format!("{value:?}"));
        }
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == crate::log::STATE
    }

    fn new_span(&self, _attributes: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, message: &Message<'_>) {
        message.record(&mut &*self);
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

/// Keeps the warnings of this thread. While one thread of all listens, what another one says first
/// is said to nobody for ever, unless somebody listens everywhere.
fn listen(log: &Log) -> DefaultGuard {
    set_global_default(Warnings(Log::default())).ok();
    set_default(Warnings(log.clone()))
}

#[tokio::test(start_paused = true)]
async fn a_slow_ingestor_is_named_at_once_and_once_an_event() {
    let log = Log::default();
    let _guard = listen(&log);
    let ingestor = |event: OwnedEvent| async move {
        let millis = if event.rkey() == "1" { 5000 } else { 99 };
        sleep(Duration::from_millis(millis)).await;
        Ok(())
    };
    let mut ingest = Ingest::new().on("app.bsky.feed.post", ingestor);
    let lines = (0..3).map(|n| post("a", n));
    assert_eq!(run(&mut ingest, lines).await, (3, None));
    let said = log.entries();
    assert_eq!(
        said,
        [
            "ingestor 'app.bsky.feed.post' is slow: 100 ms so far for at://did:plc:a/app.bsky.feed.post/1"
        ]
    );
}

#[tokio::test]
async fn one_that_blocks_too_long_is_named_when_it_returns() {
    let log = Log::default();
    let _guard = listen(&log);
    let ingestor = |_event: OwnedEvent| async {
        thread::sleep(Duration::from_millis(30));
        Ok(())
    };
    let route = Route::new(ingestor).slow_after(Duration::from_millis(20));
    let mut ingest = Ingest::new().on("app.bsky.feed.*", route);
    assert_eq!(run(&mut ingest, [post("a", 0)]).await, (1, None));
    let said = log.entries();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("ingestor 'app.bsky.feed.*' is slow: "),
        "{said:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_failures_is_told_at_a_readable_pace() {
    let log = Log::default();
    let _guard = listen(&log);
    let ingestor = |_event: OwnedEvent| async { Err(IngestError::new("no\u{1b}[2J")) };
    let route = Route::new(ingestor).retries(0).or_skip();
    let mut ingest = Ingest::new().on("app.bsky.feed.post", route);
    let lines = (0..500).map(|n| post("a", n));
    assert_eq!(run(&mut ingest, lines).await, (500, None));
    let said = log.entries();
    assert_eq!(said.len(), 20);
    assert_eq!(
        said[0],
        r"ingestor 'app.bsky.feed.post' failed on at://did:plc:a/app.bsky.feed.post/0: no\u{1b}[2J; it is skipped"
    );
}
