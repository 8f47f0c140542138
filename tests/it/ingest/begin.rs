//! A beginning for the first run alone: everything, and then on from where it came to.

#[cfg(feature = "nats")]
mod keys;

use std::sync::{Arc, Mutex};

use rocketman::{
    Pipeline, PipelineSettings,
    cursor::{CursorStore, FileCursor},
    event::{OwnedEvent, Start},
    sink::ingest::Ingest,
    source::{
        Source,
        jetstream::{Endpoint, Jetstream, JetstreamSettings},
    },
};

use crate::support::{DEADLINE, events::posts, jetstream::Server};

/// Reads this number of events, and returns the lines.
async fn read<C: CursorStore>(source: impl Source, cursor: C, count: u64) -> Vec<String> {
    let lines = Arc::<Mutex<Vec<_>>>::default();
    let kept = Arc::clone(&lines);
    let ingest = Ingest::new().otherwise(move |event: OwnedEvent| {
        let line = String::from_utf8(event.line().to_vec()).unwrap();
        kept.lock().unwrap().push(line);
        async { Ok(()) }
    });
    let settings = PipelineSettings {
        count: Some(count),
        ..PipelineSettings::default()
    };
    let run = Pipeline::new(source, ingest)
        .cursor(cursor)
        .settings(settings)
        .run(std::future::pending());
    tokio::time::timeout(DEADLINE, run).await.unwrap().unwrap();
    std::mem::take(&mut *lines.lock().unwrap())
}

#[tokio::test]
async fn a_beginning_for_a_new_cursor_counts_once() {
    let server = Server::every(posts(20));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursor");
    for (first, saved) in [(5, 7), (8, 10)] {
        let source = Jetstream::new(JetstreamSettings {
            endpoints: vec![Endpoint::parse(&server.url()).unwrap()],
            start_if_new: Some(Start::Seq(5)),
            ..JetstreamSettings::default()
        });
        let lines = read(source, FileCursor::open(&path).unwrap(), 3).await;
        assert!(
            lines[0].contains(&format!(r#""cursor":{first},"#)),
            "{lines:?}"
        );
        let glimpse = FileCursor::look(&path).unwrap();
        assert_eq!(glimpse.saved.unwrap().place.seq(), Some(saved));
        assert_eq!(glimpse.in_use, Some(false));
    }
}
