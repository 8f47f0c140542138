//! The v2 wire beside the official server and its official client, where their binaries are at
//! hand (`ROCKETMAN_JETSTREAM_BIN`).

use std::{collections::BTreeMap, env, fs, path::PathBuf, process::Command, time::Duration};

use futures_util::StreamExt;
use serde_json::Value;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::support::{program::Rocketman, serve::Serving, world::World};

const N: usize = 3000;

/// How long any frame may take.
const DEADLINE: Duration = Duration::from_secs(20);

fn events(lines: &str) -> Vec<Value> {
    let lines = lines.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The official client, or nothing and a reason on stdout.
fn official_client() -> Option<PathBuf> {
    let bin = env::var_os("ROCKETMAN_JETSTREAM_BIN").map(PathBuf::from);
    if bin.is_none() {
        println!("skipped, for ROCKETMAN_JETSTREAM_BIN is not set");
    }
    Some(bin?.join("client"))
}

/// A server of lines, without waits.
fn serving(lines: &str) -> Serving {
    let call = Rocketman::new(["serve", "recorded.ndjson", "--speed", "max"]);
    fs::write(call.path("recorded.ndjson"), lines).unwrap();
    Serving::start(call)
}

#[test]
fn the_official_client_reads_every_event_once() {
    let Some(client) = official_client() else {
        return;
    };
    let recorded = Rocketman::new(["tail", "demo:?rate=max&seed=9", "-n", &N.to_string()]);
    let recorded = recorded.succeed().stdout;
    let server = serving(&recorded);
    for zstd in ["--zstd=true", "--zstd=false"] {
        let mut command = Command::new(&client);
        command.args([
            "--host",
            server.address(),
            "--print",
            "--duration",
            "3s",
            zstd,
        ]);
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        let mut found = events(&String::from_utf8(output.stdout).unwrap());
        for event in &mut found {
            // It adds the record as it is in a repository.
            if let Some(commit) = event.get_mut("commit").and_then(Value::as_object_mut) {
                commit.remove("record_cbor");
            }
        }
        assert_eq!(found.len(), N, "{zstd}: {stderr}");
        assert!(found == events(&recorded), "{zstd}");
    }
}

/// The frames of a server from a number on, by their own numbers, up to this one.
fn frames(address: &str, from: u64, to: u64) -> BTreeMap<u64, String> {
    let url = format!("ws://{address}/xrpc/network.bsky.jetstream.subscribeEvents?cursor={from}");
    let read = async {
        let (mut socket, _) = connect_async(url).await.unwrap();
        let mut frames = BTreeMap::new();
        loop {
            let message = tokio::time::timeout(DEADLINE, socket.next()).await;
            let message = message.expect("no frame came").unwrap().unwrap();
            let Message::Text(text) = message else {
                continue;
            };
            let frame: Value = serde_json::from_str(&text).unwrap();
            let seq = frame["payload"]["seq"].as_u64().unwrap();
            frames.insert(seq, text.to_string());
            if seq >= to {
                return frames;
            }
        }
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(read)
}

#[test]
fn frames_are_those_of_the_official_server_byte_for_byte() {
    let Some(world) = World::start("frames_are_those_of_the_official_server") else {
        return;
    };
    let tail = Rocketman::tail(&world.url()).with("-q --cursor 1 -n 2500");
    let recorded = tail.succeed().stdout;
    let lines = events(&recorded);
    let [first, last] =
        [lines.first(), lines.last()].map(|line| line.unwrap()["cursor"].as_u64().unwrap());
    let server = serving(&recorded);
    let ours = frames(server.address(), first, last);
    assert_eq!(ours.len(), lines.len());
    // It compacts meanwhile, and then leaves out what was deleted.
    let theirs = frames(&world.address(), first, last);
    let mut n_compared = 0;
    for (seq, frame) in &ours {
        if let Some(expected) = theirs.get(seq) {
            assert_eq!(frame, expected);
            n_compared += 1;
        }
    }
    println!("{n_compared} of {} frames compared", ours.len());
    assert!(n_compared > 1000, "{n_compared} frames");
}
