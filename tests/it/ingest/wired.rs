//! What a pipeline gives its members, so that nothing has to be said twice.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rocketman::{
    Error, Pipeline, PipelineSettings, Stats,
    event::{Did, OwnedEvent},
    sink::{
        ExecSettings, ExecSink, OnFailure, Sink,
        ingest::{Ingest, IngestError, Route},
    },
    source::jetstream::{Endpoint, Jetstream, JetstreamSettings},
};
use tokio_util::sync::CancellationToken;

use crate::support::{
    DEADLINE,
    events::{account, at, commit, did, identity, post},
    jetstream::Server,
    state_log::StateLog,
};

/// A live stream that brings more than a slow ingestor can take.
fn flood() -> Server {
    Server::one(|request| {
        let mut connection = request.accept();
        while connection.try_send(post(at(0))) {
            std::thread::sleep(Duration::from_millis(10));
        }
    })
}

fn reading(server: &Server) -> JetstreamSettings {
    JetstreamSettings {
        endpoints: vec![Endpoint::parse(&server.url()).unwrap()],
        ..JetstreamSettings::default()
    }
}

#[test]
fn a_slow_sink_meets_the_limits_on_lag_without_a_word_of_stats() {
    let server = flood();
    let slow = Ingest::new().otherwise(|_event: OwnedEvent| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(())
    });
    let settings = PipelineSettings {
        lag_alert: Some(Duration::from_millis(1200)),
        max_lag: Some(Duration::from_millis(1500)),
        duration: Some(DEADLINE),
        ..PipelineSettings::default()
    };
    let pipeline = Pipeline::new(Jetstream::new(reading(&server)), slow).settings(settings);
    let said = StateLog::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let result = said.during(|| runtime.block_on(pipeline.run(std::future::pending())));
    assert!(matches!(result, Err(Error::Behind { .. })), "{result:?}");
    let said = said.lines();
    assert!(
        said.iter().any(|line| line.contains("behind, more than")),
        "{said:#?}"
    );
}

#[tokio::test]
async fn ingestors_are_given_what_they_have_routes_for_and_no_more() {
    let collections = ["app.bsky.feed.post", "app.bsky.feed.like"];
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send_all([
            commit(0, Some(1), "delete", "app.bsky.feed.like", ""),
            identity(0),
            post(100),
            account(100),
            // Of another account.
            post(101),
            account(200),
        ]);
        connection.until_closed();
    });
    let (stop, given) = (CancellationToken::new(), Arc::<Mutex<Vec<_>>>::default());
    let ingestor = || {
        let (stop, given) = (stop.clone(), Arc::clone(&given));
        move |event: OwnedEvent| {
            given.lock().unwrap().push(event.seq());
            if event.seq() == Some(201) {
                stop.cancel();
            }
            async { Ok(()) }
        }
    };
    let ingest = Ingest::new()
        .on(collections[0], ingestor())
        .on_account(ingestor());
    let settings = JetstreamSettings {
        dids: vec![Did::parse(&did(0)).unwrap()],
        ..reading(&server)
    };
    let run = Pipeline::ingest(settings, ingest).run(stop.clone().cancelled_owned());
    let summary = tokio::time::timeout(DEADLINE, run).await.unwrap().unwrap();
    assert_eq!(*given.lock().unwrap(), [Some(101), Some(101), Some(201)]);
    assert_eq!(summary.accepted, 3);
    let asked = &server.requests()[0];
    assert!(asked.contains(collections[0]), "{asked}");
    assert!(!asked.contains(collections[1]), "{asked}");
}

/// Gives three events to a sink that takes none of them; returns how many deliveries failed, and
/// how many events were given up.
async fn failures_of(sink: impl Sink) -> (u64, u64) {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send_all([post(0), post(1), post(2)]);
        connection.until_closed();
    });
    let stats = Arc::new(Stats::default());
    let pipeline = Pipeline::new(Jetstream::new(reading(&server)), sink)
        .stats(Arc::clone(&stats))
        .settings(PipelineSettings {
            count: Some(3),
            ..PipelineSettings::default()
        });
    pipeline.run(std::future::pending()).await.unwrap();
    (stats.delivery_failures(), stats.given_up())
}

#[tokio::test]
async fn programs_that_fail_are_counted_in_the_runs_stats() {
    let settings = ExecSettings {
        on_error: OnFailure::Skip,
        ..ExecSettings::default()
    };
    let programs = ExecSink::new("false".into(), Vec::new()).settings(settings);
    assert_eq!(failures_of(programs).await, (3, 3));
}

#[tokio::test]
async fn ingestors_that_fail_are_counted_in_the_runs_stats() {
    for jobs in [1, 2] {
        let fails = |_event: OwnedEvent| async { Err(IngestError::new("no room")) };
        let route = Route::new(fails).retries(1).or_skip();
        let ingest = Ingest::new().otherwise(route).jobs(jobs);
        assert_eq!(failures_of(ingest).await, (6, 3));
    }
}
