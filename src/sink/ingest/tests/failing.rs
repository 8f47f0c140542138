//! What becomes of events that cannot be ingested.

use std::{
    fs,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use serde::Deserialize;

use super::*;
use crate::{event::Change, sink::DeadLetterFile};

/// Fails on the event with key 2, the first `n` times.
struct Fails {
    log: Log,
    times: AtomicU32,
    is_lasting: bool,
}

impl Fails {
    fn times(times: u32, log: &Log) -> Self {
        Self {
            log: log.clone(),
            times: times.into(),
            is_lasting: false,
        }
    }
}

impl Ingestor for Fails {
    async fn ingest(&self, event: Event<'_>) -> Result<(), IngestError> {
        let key = key(&event);
        let fails = key == "2" && self.times.load(Relaxed) > 0;
        self.log
            .add(format!("{key}{}", if fails { " fails" } else { "" }));
        if !fails {
            return Ok(());
        }
        self.times.fetch_sub(1, Relaxed);
        if self.is_lasting {
            return Err(IngestError::lasting("no such table"));
        }
        let source = std::io::Error::other("no room");
        Err(source.into())
    }
}

fn posts() -> impl Iterator<Item = String> {
    (0..5).map(|n| post("a", n))
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_passes_costs_time_and_nothing_else() {
    for jobs in [1, 3] {
        let log = Log::default();
        let mut ingest = Ingest::new()
            .on("app.bsky.feed.post", Fails::times(3, &log))
            .jobs(jobs);
        assert_eq!(run(&mut ingest, posts()).await, (5, None));
        let expected = ["0", "1", "2 fails", "2 fails", "2 fails", "2", "3", "4"];
        assert_eq!(log.entries(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_pass_ends_the_run_before_its_event() {
    for jobs in [1, 3] {
        let log = Log::default();
        let mut ingest = Ingest::new()
            .on("app.bsky.feed.post", Fails::times(9, &log))
            .jobs(jobs);
        let (accepted, told) = run(&mut ingest, posts()).await;
        assert_eq!(accepted, 2);
        assert_eq!(
            told.as_deref(),
            Some(
                "ingestor 'app.bsky.feed.post' failed on at://did:plc:a/app.bsky.feed.post/2: no room"
            )
        );
        let tries = log
            .entries()
            .iter()
            .filter(|entry| *entry == "2 fails")
            .count();
        assert_eq!(tries, 4);
        assert!(
            !log.entries().contains(&"3".to_owned()),
            "of the same account"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_done_before_a_failure_is_told_before_it() {
    let log = Log::default();
    let mut ingest = Ingest::new().on("app.bsky.feed.post", Fails::times(9, &log));
    let context = SinkContext::default();
    let mut batch = batch(posts());
    ingest.begin(&[], &context).unwrap();
    ingest.accept(&mut batch, &context).await.unwrap();
    assert_eq!((batch.len(), context.accepted()), (3, 2));
    ingest.accept(&mut batch, &context).await.unwrap_err();
    ingest.finish(&context).await.unwrap();
}

#[tokio::test]
async fn a_lasting_failure_is_not_tried_again() {
    let log = Log::default();
    let fails = Fails {
        is_lasting: true,
        ..Fails::times(1, &log)
    };
    let mut ingest = Ingest::new().on("app.bsky.feed.post", Route::new(fails).or_skip());
    assert_eq!(run(&mut ingest, posts()).await, (5, None));
    assert_eq!(log.entries(), ["0", "1", "2 fails", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn skipped_events_are_left_out_and_dead_letters_are_kept() {
    for jobs in [1, 3] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead");
        let log = Log::default();
        let route = || Route::new(Fails::times(9, &log)).retries(1);
        let mut skips = Ingest::new().on("app.bsky.feed.post", route().or_skip());
        assert_eq!(run(&mut skips, posts()).await, (5, None));
        let file = DeadLetterFile::open(&path).unwrap();
        let mut keeps = Ingest::new()
            .on("app.bsky.feed.post", route().or_dead_letter(file))
            .jobs(jobs);
        assert_eq!(run(&mut keeps, posts()).await, (5, None));
        let letters = fs::read_to_string(&path).unwrap();
        let letter: serde_json::Value = serde_json::from_str(&letters).unwrap();
        assert_eq!(letter["error"], "no room");
        assert_eq!(letter["tries"], 2);
        assert_eq!(letter["event"]["commit"]["rkey"], "2");
    }
}

#[tokio::test]
async fn a_record_of_another_shape_does_not_end_the_run() {
    #[derive(Deserialize)]
    struct Post {
        text: String,
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dead");
    let lines = || {
        let bad = post("a", 1).replace(r#"{"text":"1"}"#, r#"{"text":1}"#);
        let update = post("a", 2).replace("create", "update");
        let delete = post("a", 3).replace(r#""create""#, r#""delete""#);
        [post("a", 0), bad, update, delete]
    };
    let log = Log::default();
    let ingestor = || {
        let log = log.clone();
        Route::typed(move |change: Change<Post>, event: OwnedEvent| {
            let log = log.clone();
            async move {
                let what = match change {
                    Change::Create(post) => format!("create {}", post.text),
                    Change::Update(post) => format!("update {}", post.text),
                    Change::Delete => "delete".to_owned(),
                };
                log.add(format!("{} {what}", event.rkey()));
                Ok(())
            }
        })
    };
    let mut stops = Ingest::new().on("app.bsky.feed.post", ingestor());
    assert_eq!(run(&mut stops, lines()).await, (4, None));
    assert_eq!(log.entries(), ["0 create 0", "2 update 2", "3 delete"]);
    let file = DeadLetterFile::open(&path).unwrap();
    let route = ingestor().or_dead_letter(file);
    let mut keeps = Ingest::new().on("app.bsky.feed.post", route);
    assert_eq!(run(&mut keeps, lines()).await, (4, None));
    let letters = fs::read_to_string(&path).unwrap();
    let letter: serde_json::Value = serde_json::from_str(&letters).unwrap();
    let error = letter["error"].as_str().unwrap();
    assert!(
        error.starts_with("the record is not of the expected shape: invalid type"),
        "{error}"
    );
    assert_eq!(
        (&letter["tries"], &letter["event"]["commit"]["rkey"]),
        (&1.into(), &"1".into())
    );
}
