//! A stream that is kept on another server of the cluster than the one we are connected to.

use async_nats::jetstream::stream;

use crate::support::{
    cluster::{Cluster, NODES},
    program::Rocketman,
};

/// How often a source is started. What this holds back is a race within the cluster.
const RUNS: usize = 60;

#[test]
fn a_consumer_on_another_server_is_never_taken_for_lost() {
    let Some(cluster) = Cluster::start("a_consumer_on_another_server_is_never_taken_for_lost")
    else {
        return;
    };
    let config = stream::Config {
        name: "S".to_owned(),
        subjects: vec!["s.>".to_owned()],
        ..stream::Config::default()
    };
    cluster.ask("a stream", async |jetstream| {
        jetstream.get_or_create_stream(config.clone()).await.ok()
    });
    cluster.ask("a message", async |jetstream| {
        let ack = jetstream.publish("s.a", "hello".into()).await;
        ack.ok()?.await.ok()
    });
    let leader = cluster.leader("S");
    let urls = cluster.urls();
    let mut others = (0..NODES).filter(|node| *node != leader).cycle();
    for run in 0..RUNS {
        let node = others.next().unwrap();
        let call = Rocketman::tail(&format!("{}/S", urls[node])).with("--cursor 0 -n 1");
        let output = call.succeed();
        assert!(
            !output.stderr.contains("lost the consumer"),
            "run {run}: {output:#?}"
        );
    }
}
