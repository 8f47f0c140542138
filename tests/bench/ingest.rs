//! A library user's program: ingestors that do nothing.

use rocketman::{
    Pipeline, PipelineSettings,
    event::{Event, OwnedEvent},
    sink::{
        Sink,
        ingest::{BatchIngestor, Batches, Ingest, IngestError, Ingestor},
    },
    source::jetstream::{Endpoint, Jetstream, JetstreamSettings},
};

struct Nothing;

impl Ingestor for Nothing {
    async fn ingest(&self, _event: Event<'_>) -> Result<(), IngestError> {
        Ok(())
    }
}

impl BatchIngestor for Nothing {
    async fn ingest(&self, _events: &[OwnedEvent]) -> Result<(), IngestError> {
        Ok(())
    }
}

/// Reads `n` events, and has them ingested in this way.
pub fn run(url: &str, n_events: u64, way: &str, compress: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let source = JetstreamSettings {
        endpoints: vec![Endpoint::parse(url).unwrap()],
        compress,
        ..JetstreamSettings::default()
    };
    let routes = || {
        Ingest::new()
            .on("app.bsky.feed.post", Nothing)
            .on("app.bsky.feed.*", Nothing)
            .on_account(Nothing)
            .otherwise(Nothing)
    };
    runtime.block_on(async {
        match way {
            "one" => read(source, n_events, routes()).await,
            "jobs" => read(source, n_events, routes().jobs(8)).await,
            "batches" => read(source, n_events, Batches::new(Nothing)).await,
            other => panic!("there is no {other}"),
        }
    });
}

async fn read(source: JetstreamSettings, n_events: u64, sink: impl Sink) {
    let settings = PipelineSettings {
        count: Some(n_events),
        ..PipelineSettings::default()
    };
    let pipeline = Pipeline::new(Jetstream::new(source), sink).settings(settings);
    let summary = pipeline.run(std::future::pending()).await.unwrap();
    assert_eq!(summary.accepted, n_events);
}
