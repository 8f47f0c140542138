//! Ingestors in whole programs: the examples, and ones that are killed.

mod accounts;
mod begin;
mod exact;
mod examples;
mod hanging;
mod kill;
#[cfg(feature = "nats")]
mod nats_consumer;
mod streamed;
mod user_agent;
mod wired;

use std::{
    env,
    path::Path,
    process::{Command, Stdio},
};

use tokio::runtime::Runtime;

use crate::support::program::Running;

#[allow(dead_code, reason = "its main is for cargo run")]
#[path = "../../examples/batches.rs"]
mod batches;
#[allow(dead_code, reason = "its main is for cargo run")]
#[path = "../../examples/concurrent.rs"]
mod concurrent;
#[allow(dead_code, reason = "its main is for cargo run")]
#[path = "../../examples/ingestor.rs"]
mod ingestor;
#[cfg(feature = "nats")]
#[allow(dead_code, reason = "its main is for cargo run")]
#[path = "../../examples/nats_consumer.rs"]
mod nats_consumer_example;
#[allow(dead_code, reason = "its main is for cargo run")]
#[path = "../../examples/one_collection.rs"]
mod one_collection;
#[allow(dead_code, reason = "its main is for cargo run")]
#[path = "../../examples/several.rs"]
mod several;
#[allow(dead_code, reason = "its main is for cargo run")]
#[path = "../../examples/stream.rs"]
mod stream;

/// Names the program that this process is to be.
const PROGRAM: &str = "ROCKETMAN_TEST_PROGRAM";

/// Starts a process that runs one of the programs below on this server, with its files in this
/// folder.
fn start(program: &str, server: &str, folder: &Path) -> Running {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "ingest::program", "--nocapture"])
        .env(PROGRAM, program)
        .env("ROCKETMAN_TEST_SERVER", server)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Running::of(child)
}

/// No test but the processes that tests start: an ingestor cannot be killed without the process
/// that it is in.
#[test]
fn program() {
    let Ok(program) = env::var(PROGRAM) else {
        return;
    };
    let server = env::var("ROCKETMAN_TEST_SERVER").ok();
    let folder = Path::new(".");
    Runtime::new().unwrap().block_on(async {
        match program.as_str() {
            "one_collection" => one_collection::run(server).await.unwrap(),
            "ingestor" => ingestor::run(server, folder).await.unwrap(),
            "batches" => batches::run(server, folder).await.unwrap(),
            #[cfg(feature = "nats")]
            "nats_consumer" => {
                let server = server.unwrap();
                Box::pin(nats_consumer_example::run(&server)).await.unwrap();
            }
            "stream" => stream::run(server, folder).await.unwrap(),
            "sqlite" => kill::ingest(&server.unwrap(), folder, 1).await,
            "sqlite with jobs" => kill::ingest(&server.unwrap(), folder, 4).await,
            other => panic!("there is no {other}"),
        }
    });
}
