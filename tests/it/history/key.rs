//! The key of an archive: without the right one nothing comes, and it goes nowhere else.

use std::fs;

use super::archive::Archive;
use crate::support::{front::Proxy, program::Rocketman, serve::Serving, tap::Tap, wait_until};

const KEY: &str = "k3y-0f-an-archive";

/// An archive, and a server of it that wants the key in `key`.
fn locked(flags: &str) -> (Archive, Serving) {
    let archive = Archive::of(10_000);
    fs::write(archive.path().join("key"), format!("{KEY}\n")).unwrap();
    fs::write(archive.path().join("wrong"), "an0ther-key\n").unwrap();
    let server = archive.serve(&format!("--key-file key {flags}"));
    (archive, server)
}

#[test]
fn without_the_right_key_it_is_said_where_to_get_one() {
    let (archive, server) = locked("");
    let ways_out = [
        "ROCKETMAN_JETSTREAM_KEY",
        "--key-file",
        "bsky.network/account",
    ];
    let none = archive.replay_of(&server, "").run();
    none.assert_says(6, &ways_out);
    let wrong = archive.replay_of(&server, "--key-file wrong").run();
    wrong.assert_says(6, &["401", "bsky.network/account"]);
    for run in [none, wrong] {
        assert_eq!(run.stdout, "");
        assert!(!run.stderr.contains("an0ther"), "{run:?}");
    }
}

#[test]
fn a_key_is_in_no_output_cursor_error_or_argument() {
    let (archive, server) = locked("--fault archive-errors=1/3 --fault archive-cut=1/3");
    let flags = "-vvv --max-backoff 20ms --cursor-file c -o out.ndjson";
    let by_file = archive.replay_of(&server, &format!("{flags} --key-file key"));
    let running = by_file.start();
    running.message("reading the archive");
    let arguments = fs::read(format!("/proc/{}/cmdline", running.id())).unwrap();
    let by_file = running.finish();
    assert_eq!(by_file.code, Some(0), "{by_file:?}");
    let refused = archive.serve("--key-file wrong");
    let refused = archive
        .replay_of(&refused, "-vvv")
        .env("ROCKETMAN_JETSTREAM_KEY", KEY)
        .run();
    refused.assert_says(6, &["bsky.network/account"]);
    let cursor = fs::read_to_string(archive.path().join("c")).unwrap();
    let arguments = String::from_utf8_lossy(&arguments).into_owned();
    assert!(arguments.contains("--key-file"), "{arguments}");
    for text in [cursor, arguments, by_file.stderr, refused.stderr] {
        assert!(!text.contains(KEY), "{text}");
    }
    let text = fs::read_to_string(archive.path().join("out.ndjson")).unwrap();
    assert!(text.lines().eq(&archive.lines));
}

#[test]
fn a_key_is_not_sent_in_the_clear_and_that_is_said() {
    let (archive, server) = locked("");
    let tap = Tap::before(Archive::port_of(&server));
    let proxy = Proxy::before(tap.port, "200 Connection established");
    let run = Rocketman::new(["replay", "http://192.0.2.7", "--key-file", "key"])
        .env("HTTP_PROXY", format!("127.0.0.1:{}", proxy.port))
        .inside(archive.path())
        .run();
    run.assert_says(6, &["http://192.0.2.7 wants a key", "https://"]);
    let requests = tap.requests().concat().to_lowercase();
    assert!(requests.contains("plansnapshot"), "{requests}");
    assert!(!requests.contains("authorization"), "{requests}");
}

#[test]
fn a_key_goes_to_the_calls_of_its_own_host_alone() {
    let archive = Archive::of(10_000);
    fs::write(archive.path().join("key"), KEY).unwrap();
    let other = archive.serve("--fault archive-refuse-authorization");
    let elsewhere = Tap::before(Archive::port_of(&other));
    let fault = format!(
        "--key-file key --fault archive-redirect=http://127.0.0.1:{}",
        elsewhere.port
    );
    let server = archive.serve(&fault);
    let tap = Tap::before(Archive::port_of(&server));
    // On to the socket, which has nothing more.
    let mut run = Rocketman::new(["replay", &format!("http://127.0.0.1:{}", tap.port)])
        .with("--key-file key --follow --after-seq 9000")
        .inside(archive.path())
        .start();
    assert!(run.lines(1000) == archive.lines[9000..]);
    wait_until("the socket is asked", || {
        let requests = tap.requests();
        let mut lines = requests.iter().flat_map(|one| one.lines());
        lines.any(|line| line.contains("subscribeEvents"))
    });
    run.kill();
    let has_key = |request: &String| request.to_lowercase().contains("authorization:");
    let is_call = |request: &String| {
        ["planSnapshot", "getSegment", "getBlock", "listSegments"]
            .iter()
            .any(|call| request.contains(call))
    };
    let requests = tap.requests();
    assert!(
        requests.iter().all(|one| has_key(one) == is_call(one)),
        "{requests:?}"
    );
    let requests = elsewhere.requests();
    assert!(
        !requests.is_empty() && !requests.iter().any(has_key),
        "{requests:?}"
    );
}
