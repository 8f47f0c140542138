//! How servers learn who asks.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rocketman::{
    ErrorKind, Pipeline, PipelineSettings, Shown,
    event::{OwnedEvent, Start},
    sink::ingest::Ingest,
    source::jetstream::{Endpoint, Jetstream, JetstreamSettings, probe},
};

use crate::support::{DEADLINE, events::post, jetstream::Server};

/// A server, and the `User-Agent` of each request that it got.
fn listening() -> (Server, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::<Mutex<Vec<_>>>::default();
    let kept = Arc::clone(&heard);
    let server = Server::every(move |request| {
        let agents = request
            .headers
            .iter()
            .filter(|(name, _)| name == "user-agent");
        let agents: Vec<_> = agents.map(|(_, value)| value.as_str()).collect();
        kept.lock().unwrap().push(agents.join(" and "));
        if request.target.starts_with("/subscribe") {
            let mut connection = request.accept();
            connection.send_all((100..103).map(post));
            connection.until_closed();
        }
    });
    (server, heard)
}

#[tokio::test]
async fn servers_are_told_the_user_agent_of_the_settings() {
    let (server, heard) = listening();
    let pipeline = Pipeline::new(
        Jetstream::new(JetstreamSettings {
            endpoints: vec![Endpoint::parse(&server.url()).unwrap()],
            user_agent: "likes/1.2 (+https://likes.example)".to_owned(),
            // A number that the server may not have any more, so that it is asked beside the stream
            // how far back it goes.
            start: Some(Start::Seq(7)),
            ..JetstreamSettings::default()
        }),
        Ingest::new().otherwise(|_event: OwnedEvent| async { Ok(()) }),
    );
    let pipeline = pipeline.settings(PipelineSettings {
        count: Some(3),
        ..PipelineSettings::default()
    });
    let run = pipeline.run(std::future::pending());
    tokio::time::timeout(DEADLINE, run).await.unwrap().unwrap();
    server.wait_for_requests(2);
    let heard = heard.lock().unwrap();
    assert!(heard.len() >= 2, "{heard:?}");
    for agent in heard.iter() {
        assert_eq!(agent, "likes/1.2 (+https://likes.example)");
    }
}

#[tokio::test]
async fn each_request_of_a_probe_has_the_user_agent() {
    let (server, heard) = listening();
    let settings = JetstreamSettings {
        endpoints: vec![Endpoint::parse(&server.url()).unwrap()],
        user_agent: "watcher/3".to_owned(),
        ..JetstreamSettings::default()
    };
    let look = probe(&settings, Duration::from_secs(2), |_| ());
    look.await.unwrap();
    server.wait_for_requests(3);
    assert_eq!(*heard.lock().unwrap(), ["watcher/3"; 3]);
}

/// Settings without a server, and with a user agent that would end the head, are wrong at once.
#[tokio::test]
async fn settings_that_cannot_be_used_end_the_run_as_usage() {
    let usual = JetstreamSettings::of(["ws://127.0.0.1:9"]).unwrap();
    let none = JetstreamSettings {
        endpoints: Vec::new(),
        ..usual.clone()
    };
    let broken = JetstreamSettings {
        user_agent: "likes\r\nHost: elsewhere".to_owned(),
        ..usual
    };
    for (settings, expected) in [
        (none, "the settings have no endpoint"),
        (
            broken,
            r"the user agent 'likes\r\nHost: elsewhere' has a control character in it",
        ),
    ] {
        let ingest = Ingest::new().otherwise(|_event: OwnedEvent| async { Ok(()) });
        let run = Pipeline::new(Jetstream::new(settings), ingest).run(std::future::pending());
        let error = tokio::time::timeout(DEADLINE, run)
            .await
            .unwrap()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        let shown = Shown::error(&error).to_string();
        assert!(shown.ends_with(expected), "{shown}");
    }
}
