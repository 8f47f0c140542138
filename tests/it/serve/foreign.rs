//! Clients that were written elsewhere get every event as it was recorded. Each is skipped, with a
//! reason, where it is not installed.
//!
//! `ROCKETMAN_NODE_MODULES` names a `node_modules` folder with `@skyware/jetstream`,
//! `@atcute/jetstream` and `ws`; `ROCKETMAN_PYTHON` a Python with `websockets` and `zstandard`;
//! `ROCKETMAN_ATPROTO` one with `atproto`, whose client speaks the v2 wire. `ROCKETMAN_V2_CLIENT`
//! is a command line of any other client of that wire: it is called with the address of a service
//! (`http://HOST:PORT`), the number of events to read from number 1 on, and `true` or `false` for
//! compression, and prints each as a line of JSON with its `seq`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::support::{compress::DICTIONARY, program::Rocketman, serve::Serving};

const N: usize = 3000;

/// A recording, and a server of it.
fn recorded() -> (Serving, Vec<Value>) {
    let recorded = Rocketman::new(["tail", "demo:?rate=max&seed=9", "-n", "3000"]).succeed();
    let call = Rocketman::new(["serve", "recorded.ndjson", "--speed", "max"]);
    fs::write(call.path("recorded.ndjson"), &recorded.stdout).unwrap();
    (Serving::start(call), events(&recorded.stdout))
}

fn events(lines: &str) -> Vec<Value> {
    let lines = lines.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What a script prints: the events that its client was given.
fn printed(program: &Path, script: &str, name: &str, arguments: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, script).unwrap();
    fs::write(folder.path().join("v1.zdict"), DICTIONARY).unwrap();
    let output = Command::new(program)
        .arg(path)
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    events(&String::from_utf8(output.stdout).unwrap())
}

/// What a variable names, or nothing and a reason on stderr.
fn installed(variable: &str) -> Option<PathBuf> {
    let path = env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        eprintln!("skipped: {variable} is not set");
    }
    path
}

const SKYWARE: &str = r#"
const [, , modules, url, n] = process.argv;
const { Jetstream } = await import(`file://${modules}/@skyware/jetstream/dist/index.js`);
const { default: ws } = await import(`file://${modules}/ws/wrapper.mjs`);
const jetstream = new Jetstream({ ws, endpoint: url, cursor: 1 });
const lines = [];
const take = event => {
  lines.push(JSON.stringify(event));
  if (lines.length == n) process.stdout.write(lines.join("\n") + "\n", () => process.exit(0));
};
for (const kind of ["commit", "identity", "account"]) jetstream.on(kind, take);
setTimeout(() => { console.error(`only ${lines.length} events`); process.exit(1); }, 20000);
jetstream.start();
"#;

const ATCUTE: &str = r#"
const [, , modules, url, n] = process.argv;
const { JetstreamSubscription } = await import(`file://${modules}/@atcute/jetstream/dist/index.js`);
const { default: WebSocket } = await import(`file://${modules}/ws/wrapper.mjs`);
const lines = [];
const refused = error => { console.error(error); process.exit(1); };
const subscription = new JetstreamSubscription({ url, cursor: 1, ws: { WebSocket }, onError: refused });
setTimeout(() => { console.error(`only ${lines.length} events`); process.exit(1); }, 20000);
for await (const event of subscription) {
  lines.push(JSON.stringify(event));
  if (lines.length == n) process.stdout.write(lines.join("\n") + "\n", () => process.exit(0));
}
"#;

const WEBSOCKETS: &str = r"
import asyncio, sys, websockets, zstandard
url, n, compress = sys.argv[1], int(sys.argv[2]), sys.argv[3]
dictionary = zstandard.ZstdCompressionDict(open('v1.zdict', 'rb').read())
inflate = zstandard.ZstdDecompressor(dict_data=dictionary).decompress
async def main():
    # The library offers deflate by itself, which servers do not take beside zstd.
    deflate = None if compress == 'true' else 'deflate'
    async with websockets.connect(f'{url}?cursor=1&compress={compress}', compression=deflate) as socket:
        for _ in range(n):
            message = await asyncio.wait_for(socket.recv(), 20)
            if compress == 'true':
                message = inflate(message, max_output_size=10_000_000).decode()
            print(message)
asyncio.run(main())
";

const ATPROTO: &str = r"
import json, sys
from atproto import JetstreamClient
from atproto_client.models.utils import get_model_as_dict
url, n, compress = sys.argv[1], int(sys.argv[2]), sys.argv[3] == 'true'
client = JetstreamClient({'cursor': 1}, f'{url}/xrpc', recv_timeout=20, compress=compress)
events = []
def take(event):
    events.append(get_model_as_dict(event))
    if len(events) == n:
        client.stop()
client.start(take)
assert client.compressed == compress
print('\n'.join(json.dumps(event) for event in events))
";

#[test]
fn javascript_clients_get_every_event_as_it_was_recorded() {
    let Some(modules) = installed("ROCKETMAN_NODE_MODULES") else {
        return;
    };
    let (server, expected) = recorded();
    let host = format!("ws://{}", server.address());
    let modules = modules.to_str().unwrap();
    for (script, url) in [(SKYWARE, &server.url), (ATCUTE, &host)] {
        let arguments = [modules, url, &N.to_string()];
        let found = printed(Path::new("node"), script, "client.mjs", &arguments);
        // One of them leaves the number out.
        let without_number = |events: &[Value]| -> Vec<Value> {
            let mut events = events.to_vec();
            for event in &mut events {
                event.as_object_mut().unwrap().remove("cursor");
            }
            events
        };
        assert_eq!(found.len(), N);
        assert!(
            without_number(&found) == without_number(&expected),
            "{script}"
        );
    }
}

#[test]
fn a_python_client_gets_every_event_plain_and_compressed() {
    let Some(python) = installed("ROCKETMAN_PYTHON") else {
        return;
    };
    let (server, expected) = recorded();
    for compress in ["false", "true"] {
        let arguments = [&*server.url, &N.to_string(), compress];
        let found = printed(&python, WEBSOCKETS, "client.py", &arguments);
        assert!(
            found == expected,
            "compress={compress}: {} events",
            found.len()
        );
    }
}

/// What both wires say of an event: of a commit everything but its time and its record, which the
/// client makes types of its own of; of others whose they are.
fn essence(event: &Value) -> Value {
    // A line has a commit of its own, a frame of v2 has all side by side.
    let commit = event.get("commit").unwrap_or(event);
    let parts = ["rev", "operation", "collection", "rkey", "cid"];
    let mut essence: serde_json::Map<String, Value> = parts
        .into_iter()
        .filter(|_| commit.get("rkey").is_some())
        .filter_map(|name| Some((name.to_owned(), commit.get(name)?.clone())))
        .filter(|(_, value)| !value.is_null())
        .collect();
    let number = event.get("cursor").unwrap_or(&event["seq"]);
    essence.insert("number".to_owned(), number.clone());
    essence.insert("did".to_owned(), event["did"].clone());
    essence.into()
}

#[test]
fn the_atproto_client_gets_every_event_over_v2() {
    let Some(python) = installed("ROCKETMAN_ATPROTO") else {
        return;
    };
    let (server, expected) = recorded();
    let expected: Vec<_> = expected.iter().map(essence).collect();
    let service = format!("ws://{}", server.address());
    for compress in ["false", "true"] {
        let arguments = [&*service, &N.to_string(), compress];
        let found = printed(&python, ATPROTO, "client.py", &arguments);
        assert_eq!(found.len(), N, "compress={compress}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(essence(found), *expected, "compress={compress}");
        }
    }
}

#[test]
fn any_client_of_v2_gets_every_event_once() {
    let Some(client) = installed("ROCKETMAN_V2_CLIENT") else {
        return;
    };
    let (server, _) = recorded();
    let service = format!("http://{}", server.address());
    for compress in ["false", "true"] {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!("{} \"$@\"", client.display()));
        command.args(["sh", &service, &N.to_string(), compress]);
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        let found = events(&String::from_utf8(output.stdout).unwrap());
        let numbers = found.iter().map(|event| event["seq"].as_u64());
        assert!(
            numbers.eq((1..=N as u64).map(Some)),
            "compress={compress}: {} events",
            found.len()
        );
    }
}
