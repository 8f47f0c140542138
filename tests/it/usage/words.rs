//! Mistakes that people make, and the words that say what to write instead.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use crate::support::{
    front::TlsFront,
    program::{Output, Rocketman},
};

/// What `rocketman COMMAND` says, its words separated by blanks.
fn said(command: &str) -> Output {
    Rocketman::new(command.split_whitespace()).run()
}

#[test]
fn every_refusal_has_one_shape_and_says_what_to_write() {
    for (command, words) in [
        (
            "tail demo: -n 0",
            "--count cannot be '0': it takes a whole number from 1 on",
        ),
        (
            "tail demo: -n 1k",
            "--count cannot be '1k': it takes a whole number from 1 on",
        ),
        (
            "tail demo: --jobs 0 -x cat",
            "--jobs cannot be '0': it takes a whole number from 1 on",
        ),
        (
            "tail demo: --jobs two -x cat",
            "--jobs cannot be 'two': it takes a whole number",
        ),
        (
            "tail demo: --threads 65",
            "--threads cannot be '65': it takes a whole number from 1 to 64",
        ),
        (
            "tail demo: --metrics-addr :9090",
            "--metrics-addr cannot be ':9090': it takes 127.0.0.1:9090 for this machine, or 0.0.0.0:9090",
        ),
        (
            "serve --listen here",
            "--listen cannot be 'here': it takes an IP address and a port, such as 127.0.0.1:9090",
        ),
        (
            "tail demo: --op creat",
            "--op cannot be 'creat': it takes create, update or delete",
        ),
        ("tail demo: --op creat", "hint: did you mean create?"),
        (
            "tail demo: --progress",
            "--progress needs a value: auto, always or never",
        ),
        ("tail demo: -n", "--count needs a value"),
        ("tail demo: --since -2h", "--since takes no negative value"),
        ("tail demo: -n -1", "hint: leave the minus sign off"),
        ("tail demo: --limit 3", "rocketman tail has no flag --limit"),
        (
            "tail demo: --limit 3",
            "hint: it ends after N events with -n N",
        ),
        ("tail demo: -f", "hint: it follows the stream already"),
        (
            "tail demo: --colection x",
            "hint: did you mean --collection?",
        ),
        (
            "tail demo: --xyzzy",
            "hint: rocketman tail --help lists the flags",
        ),
        (
            "cursor show a b",
            "rocketman cursor show takes no argument 'b'",
        ),
        ("tial", "rocketman has no command 'tial'"),
        ("tial", "hint: did you mean tail?"),
        ("cursor shwo c", "rocketman cursor has no command 'shwo'"),
        ("serve --loop --exit-at-end x", "cannot be used with"),
        (
            "tail demo: -o a -o b",
            "--output cannot be used multiple times",
        ),
        ("cursor set c", "<VALUE> is missing"),
    ] {
        let output = said(command);
        output.assert_says(2, &[words]);
        assert!(
            output.stderr.starts_with("rocketman: error: ") && !output.stderr.contains("Usage:"),
            "{command}: {}",
            output.stderr
        );
        for of_rust in [
            "digit",
            "socket address",
            "non-zero",
            "boolean",
            "18446744073709551615",
        ] {
            assert!(
                !output.stderr.contains(of_rust),
                "{command}: {}",
                output.stderr
            );
        }
    }
}

#[test]
fn a_misuse_is_json_where_messages_are() {
    let output = said("tail demo: -n 0 --log-format json");
    let message: serde_json::Value = serde_json::from_str(output.stderr.trim()).unwrap();
    let text = message["message"].as_str().unwrap();
    assert!(text.starts_with("--count cannot be '0'"), "{message}");
    assert_eq!((output.code, &message["exit_code"]), (Some(2), &2.into()));
}

#[test]
fn what_is_no_source_is_recognised() {
    for (source, words) in [
        (
            "app.bsky.feed.post",
            ["is a collection", "-c 'app.bsky.feed.post'"],
        ),
        (
            "recorded.ndjson",
            ["is a file", "rocketman serve recorded.ndjson"],
        ),
        (
            "@alice.bsky.social",
            ["is a handle", "resolveHandle?handle=alice.bsky.social"],
        ),
        (
            "did:plc:z72i7hdynmk6r22z27h6tvur",
            ["is an account", "-d 'did:plc:"],
        ),
        ("demo", ["is no source", "demo: (with a colon)"]),
        (
            "https://localhost:1/subscribe",
            ["leave the path off", "wss://localhost:1/subscribe"],
        ),
    ] {
        said(&format!("tail {source}")).assert_says(2, &words);
    }
    let call = Rocketman::new(["tail", "@dids.txt"]);
    fs::write(call.path("dids.txt"), "did:plc:a\n").unwrap();
    call.run()
        .assert_says(2, &["is a list of accounts", "-d '@dids.txt'"]);
}

#[test]
fn a_server_without_tls_is_recognised() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://{}/subscribe", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
        // Closed too early, what it said would be lost.
        stream.read_to_end(&mut Vec::new()).ok();
    });
    let call = Rocketman::tail(&url).with("--max-retries 0");
    let front = TlsFront::before(1);
    fs::write(call.path("roots.pem"), &front.certificate).unwrap();
    let output = call.env("SSL_CERT_FILE", "roots.pem").run();
    output.assert_says(3, &["speaks no TLS", "write ws:// or http://"]);
    server.join().unwrap();
}

#[test]
fn a_folder_that_takes_no_files_is_not_asked_to_be_made_alone() {
    let output = said("tail demo: -n 1 -o /proc/x.ndjson");
    output.assert_says(
        2,
        &["cannot open file '/proc/x.ndjson'", "it takes no new files"],
    );
}

#[test]
fn what_is_no_account_and_no_collection_has_a_hint() {
    for (flags, hint) in [
        (
            "-d alice.bsky.social",
            "resolveHandle?handle=alice.bsky.social",
        ),
        (
            "-d @alice.bsky.social",
            "resolveHandle?handle=alice.bsky.social",
        ),
        ("-d @nothing", "what follows the @ is the name of a file"),
        ("-c *", "for all collections, leave it off"),
        ("-c app.bsky.feed*", "'app.bsky.feed.*'"),
        ("--since 120", "an age has a unit: 120s, 120m or 120h"),
        (
            "-k identity -c app.bsky.feed.post",
            "add --kind commit, or leave --collection off",
        ),
    ] {
        said(&format!("tail demo: {flags}")).assert_says(2, &[hint]);
    }
    let call = Rocketman::new(["tail", "demo:", "-d", "dids.txt"]);
    fs::write(call.path("dids.txt"), "did:plc:a\n").unwrap();
    call.run()
        .assert_says(2, &["to read accounts from that file, write @dids.txt"]);
}

#[test]
fn lists_may_be_separated_by_commas() {
    let call = Rocketman::tail("demo:").with("-n 40 --kind commit,sync --op create,update");
    let output = call
        .with("-c app.bsky.feed.post,app.bsky.feed.like")
        .succeed();
    let of_these = |line: &&str| line.contains("feed.post\"") || line.contains("feed.like\"");
    assert!(output.lines().iter().all(of_these), "{:?}", output.lines());
    output.assert_says(0, &["app.bsky.feed.like, app.bsky.feed.post"]);
    let call = Rocketman::tail("demo:").with("-n 1");
    let call = call.env(
        "ROCKETMAN_COLLECTION",
        "app.bsky.feed.post,app.bsky.feed.like",
    );
    call.succeed()
        .assert_says(0, &["app.bsky.feed.like, app.bsky.feed.post"]);
}

#[test]
fn dates_without_a_zone_are_utc_and_shown_so() {
    for (since, shown) in [
        ("2026-11-20", "from 2026-11-20T00:00:00.000000Z"),
        ("2026-11-20T08:00", "from 2026-11-20T08:00:00.000000Z"),
        ("2026-11-20 08:00", "from 2026-11-20T08:00:00.000000Z"),
    ] {
        let output = Rocketman::tail("demo:")
            .with("-n 1 --since")
            .arg(since)
            .succeed();
        output.assert_says(0, &[shown]);
    }
}

#[test]
fn a_variable_is_named_where_it_is_wrong() {
    for (variable, value, words) in [
        (
            "ROCKETMAN_SINCE",
            "soon",
            "ROCKETMAN_SINCE: 'soon' is neither a time",
        ),
        (
            "ROCKETMAN_QUIET",
            "maybe",
            "ROCKETMAN_QUIET cannot be 'maybe': it takes true or false",
        ),
        (
            "ROCKETMAN_VERBOSE",
            "true",
            "ROCKETMAN_VERBOSE cannot be 'true': it takes a number",
        ),
        (
            "ROCKETMAN_PROGRESS",
            "yes",
            "ROCKETMAN_PROGRESS cannot be 'yes': it takes auto",
        ),
        (
            "ROCKETMAN_COUNT",
            "0",
            "ROCKETMAN_COUNT cannot be '0': it takes a whole number",
        ),
    ] {
        let call = Rocketman::tail("demo:").env(variable, value);
        call.run().assert_says(2, &[words]);
    }
    let call = Rocketman::tail("demo:").with("--since soon");
    let output = call.env("ROCKETMAN_SINCE", "2h").run();
    output.assert_says(2, &["--since: 'soon' is neither a time"]);
}

#[test]
fn a_variable_that_means_nothing_is_warned_of() {
    let call = Rocketman::tail("demo:").with("-n 1");
    let output = call
        .env("ROCKETMAN_COLLECTIONS", "app.bsky.feed.post")
        .env("ROCKETMAN_EVENT_DID", "did:plc:a")
        .succeed();
    output.assert_says(
        0,
        &["warning: ROCKETMAN_COLLECTIONS is no variable of rocketman"],
    );
    assert!(
        !output.stderr.contains("ROCKETMAN_EVENT_DID"),
        "{output:#?}"
    );
}

#[test]
fn flags_that_went_to_a_program_are_warned_of() {
    let call = Rocketman::tail("demo:").with("-n 1 -x true --duration 2s");
    let output = call.succeed();
    output.assert_says(0, &["--duration stands after --exec and goes to 'true'"]);
    let output = Rocketman::tail("demo:")
        .with("-n 1 -x true --silent")
        .succeed();
    assert!(!output.stderr.contains("stands after"), "{output:#?}");
}
