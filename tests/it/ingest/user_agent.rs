//! What servers are told of who asks.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rocketman::{
    Pipeline, PipelineSettings,
    event::{OwnedEvent, Start},
    sink::ingest::Ingest,
    source::jetstream::{Endpoint, Jetstream, JetstreamSettings, Proxies, UserAgent, probe},
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
            user_agent: UserAgent::parse("likes/1.2 (+https://likes.example)").unwrap(),
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
    let endpoints = [Endpoint::parse(&server.url()).unwrap()];
    let agent = UserAgent::parse("watcher/3").unwrap();
    let timeout = Duration::from_secs(2);
    let look = probe(&endpoints, Proxies::default(), agent, timeout, |_| ());
    look.await.unwrap();
    server.wait_for_requests(3);
    assert_eq!(*heard.lock().unwrap(), ["watcher/3"; 3]);
}
