//! Many events at once.

use tokio::time::{sleep, timeout};

use super::*;

/// Logs the keys of each slice, behind the time that it takes; fails on the slice that begins with
/// a key.
#[derive(Default)]
struct Slices {
    log: Log,
    takes: Duration,
    fails_at: Option<&'static str>,
}

impl BatchIngestor for Slices {
    async fn ingest(&self, events: &[OwnedEvent]) -> Result<(), IngestError> {
        sleep(self.takes).await;
        let keys: Vec<_> = events.iter().map(|event| key(&event.event())).collect();
        self.log.add(keys.join(" "));
        match self.fails_at {
            Some(key) if keys[0] == key => Err(IngestError::new("full")),
            _ => Ok(()),
        }
    }
}

fn posts(n: u64) -> impl Iterator<Item = String> {
    (0..n).map(|n| post("a", n))
}

#[tokio::test(start_paused = true)]
async fn events_come_in_order_and_as_many_at_once_as_may() {
    let slices = Slices::default();
    let log = slices.log.clone();
    let mut sink = Batches::new(slices).at_most(3);
    let mut lines: Vec<_> = posts(7).collect();
    lines.push(other("account", 8));
    assert_eq!(run(&mut sink, lines).await, (8, None));
    assert_eq!(log.entries(), ["0 1 2", "3 4 5", "6 account"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_waits_for_others_so_long_and_no_longer() {
    let slices = Slices::default();
    let log = slices.log.clone();
    let mut sink = Batches::new(slices).within(Duration::from_secs(2));
    let context = SinkContext::default();
    sink.begin(&[], &context).unwrap();
    for n in 0..4 {
        sink.accept(&mut batch([post("a", n)]), &context)
            .await
            .unwrap();
        // The pipeline asks while the source is quiet, and gives up whenever it is not.
        timeout(Duration::from_millis(900), sink.drive())
            .await
            .unwrap_err();
    }
    assert_eq!(
        (log.entries(), context.accepted()),
        (vec!["0 1 2".to_owned()], 3)
    );
    sink.checkpoint().await.unwrap();
    timeout(Duration::from_millis(1), sink.drive())
        .await
        .unwrap_err();
    assert_eq!(log.entries().last().unwrap(), "3");
    assert_eq!(context.accepted(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_comes_meanwhile_is_collected_up_to_the_limit() {
    let slices = Slices {
        takes: Duration::from_secs(1),
        ..Slices::default()
    };
    let log = slices.log.clone();
    let mut sink = Batches::new(slices).at_most(2).within(Duration::ZERO);
    let context = SinkContext::default();
    sink.begin(&[], &context).unwrap();
    let mut batch = batch(posts(5));
    sink.accept(&mut batch, &context).await.unwrap();
    sink.accept(&mut batch, &context).await.unwrap();
    assert_eq!(batch.len(), 1);
    let full = timeout(
        Duration::from_millis(500),
        sink.accept(&mut batch, &context),
    );
    full.await.unwrap_err();
    sink.accept(&mut batch, &context).await.unwrap();
    assert_eq!((batch.len(), context.accepted()), (0, 2));
    sink.finish(&context).await.unwrap();
    assert_eq!(log.entries(), ["0 1", "2 3", "4"]);
    assert_eq!(context.accepted(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_failure_leaves_the_whole_slice_to_the_next_run() {
    let slices = Slices {
        fails_at: Some("3"),
        ..Slices::default()
    };
    let log = slices.log.clone();
    let mut sink = Batches::new(slices).at_most(3).retries(2);
    let (accepted, told) = run(&mut sink, posts(20)).await;
    assert_eq!(accepted, 3);
    assert_eq!(
        told.as_deref(),
        Some("ingestor 'batches' failed on at://did:plc:a/app.bsky.feed.post/3 and 2 more: full")
    );
    assert_eq!(log.entries(), ["0 1 2", "3 4 5", "3 4 5", "3 4 5"]);
}

/// Keeps what it is given, all or nothing; a record of another shape, or one that it has no room
/// for, is an error.
#[derive(Default)]
struct Table {
    rows: Log,
    calls: Log,
    has_no_room_for: &'static [&'static str],
}

#[derive(serde::Deserialize)]
struct Post {
    text: String,
}

impl BatchIngestor for Table {
    async fn ingest(&self, events: &[OwnedEvent]) -> Result<(), IngestError> {
        let keys: Vec<_> = events.iter().map(|event| key(&event.event())).collect();
        self.calls.add(keys.join(" "));
        if let Some(key) = keys
            .iter()
            .find(|key| self.has_no_room_for.contains(&key.as_str()))
        {
            return Err(IngestError::new(format!("no room for {key}")));
        }
        let rows = events.iter().map(OwnedEvent::record::<Post>);
        for row in rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
            self.rows.add(row.text);
        }
        Ok(())
    }
}

/// Posts of which those with these keys have a record of another shape.
fn posts_but(n: u64, bad: &'static [u64]) -> impl Iterator<Item = String> {
    (0..n).map(move |n| {
        let post = post("a", n);
        if bad.contains(&n) {
            return post.replace(&format!(r#"{{"text":"{n}"}}"#), r#"{"text":1}"#);
        }
        post
    })
}

/// The keys and errors of the dead letters.
fn letters(path: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let letters = text.lines().map(|line| {
        let letter: serde_json::Value = serde_json::from_str(line).unwrap();
        let rkey = letter["event"]["commit"]["rkey"].as_str().unwrap();
        format!("{rkey}: {}", letter["error"].as_str().unwrap())
    });
    letters.collect()
}

#[tokio::test(start_paused = true)]
async fn a_strangers_record_leaves_out_its_event_alone() {
    let table = Table::default();
    let (rows, calls) = (table.rows.clone(), table.calls.clone());
    let mut sink = Batches::new(table).at_most(8);
    assert_eq!(run(&mut sink, posts_but(8, &[2])).await, (8, None));
    assert_eq!(rows.entries(), ["0", "1", "3", "4", "5", "6", "7"]);
    let expected = [
        "0 1 2 3 4 5 6 7",
        "0 1 2 3",
        "0 1",
        "2 3",
        "2",
        "3",
        "4 5 6 7",
    ];
    assert_eq!(calls.entries(), expected);
}

#[tokio::test(start_paused = true)]
async fn only_events_at_fault_are_skipped_or_become_dead_letters() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dead");
    let table = || Table {
        has_no_room_for: &["3", "9"],
        ..Table::default()
    };
    let skipping = table();
    let (rows, calls) = (skipping.rows.clone(), skipping.calls.clone());
    let mut skips = Batches::new(skipping).at_most(4).retries(1).or_skip();
    assert_eq!(run(&mut skips, posts(8)).await, (8, None));
    assert_eq!(rows.entries(), ["0", "1", "2", "4", "5", "6", "7"]);
    // What may pass was waited for with all of the slice, and is not once more with its parts.
    let expected = ["0 1 2 3", "0 1 2 3", "0 1", "2 3", "2", "3", "4 5 6 7"];
    assert_eq!(calls.entries(), expected);
    let file = crate::sink::DeadLetterFile::open(&path).unwrap();
    let keeping = table();
    let rows = keeping.rows.clone();
    let mut keeps = Batches::new(keeping).at_most(100).or_dead_letter(file);
    assert_eq!(run(&mut keeps, posts_but(100, &[50])).await, (100, None));
    assert_eq!(rows.entries().len(), 97);
    let letters = letters(&path);
    assert_eq!(letters[..2], ["3: no room for 3", "9: no room for 9"]);
    assert!(letters[2].starts_with("50: the record is not of the expected shape"));
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_ingested_all_is_skipped_without_more_waits() {
    let began = tokio::time::Instant::now();
    let table = Table {
        has_no_room_for: &["0", "1", "2", "3", "4", "5", "6", "7"],
        ..Table::default()
    };
    let calls = table.calls.clone();
    let mut sink = Batches::new(table).at_most(8).or_skip();
    assert_eq!(run(&mut sink, posts(8)).await, (8, None));
    assert_eq!(calls.entries().len(), 3 + 15);
    assert!(began.elapsed() < Duration::from_secs(2));
}
