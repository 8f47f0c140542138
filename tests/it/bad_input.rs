//! Bad input of every kind: a clear error, and nothing lost that was accepted.

mod messages;

use std::{fs, net::TcpListener};

use crate::support::{
    jetstream::{Connection, Request, Server},
    program::Rocketman,
};

/// A server that sends, and then waits until the client is gone.
fn sending(send: impl FnOnce(&mut Connection) + Send + 'static) -> Server {
    Server::one(|request| {
        let mut connection = request.accept();
        send(&mut connection);
        connection.until_closed();
    })
}

/// A call that is to be refused; where it is not, it ends at once and stays on this machine.
fn to_refuse() -> Rocketman {
    Rocketman::new(["tail"])
        .env("ROCKETMAN_SOURCE", "ws://127.0.0.1:1/subscribe")
        .env("ROCKETMAN_MAX_RETRIES", "0")
}

#[test]
fn a_second_thread_without_compression_is_refused() {
    let output = to_refuse().with("--threads 2 --no-compress").run();
    output.assert_says(2, &["--threads 2", "--no-compress", "hint: leave one"]);
}

#[test]
fn a_typo_is_refused_with_the_flag_the_text_and_the_way_out() {
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["-c", "app_bsky"],
            &["--collection", "'app_bsky'", "app.bsky.feed.post"],
        ),
        (
            &["-c", "app.bsky.feed.p*"],
            &["--collection", "'app.bsky.feed.p*'", "app.bsky.feed.*"],
        ),
        (&["-d", "@"], &["--did", "''"]),
        (
            &["-d", "alice.example"],
            &["--did", "'alice.example'", "did:plc:"],
        ),
        (&["-k", "post"], &["--kind", "'post'", "commit", "identity"]),
        (
            &["--op", "remove"],
            &["--op", "'remove'", "create", "delete"],
        ),
        (&["--shard", "0/4"], &["--shard", "'0/4'", "1/4", "4/4"]),
        (&["--shard", "5/4"], &["--shard", "'5/4'", "1/4", "4/4"]),
        (&["--shard", "4"], &["--shard", "'4'", "write it like 1/4"]),
        (&["--shard", "a/b"], &["--shard", "'a/b'", "like 1/4"]),
        (&["--shard", "1/0"], &["--shard", "'1/0'", "like 1/4"]),
        (&["--frame-timeout", "soon"], &["--frame-timeout", "'soon'"]),
        (
            &["--duration", "5 parsecs"],
            &["--duration", "'5 parsecs'", "30s"],
        ),
        (
            &["--duration", "0s"],
            &["--duration", "'0s'", "longer than none"],
        ),
        (
            &["--grace", "500000000000y"],
            &["--grace", "'500000000000y'", "at most 100 years"],
        ),
        (
            &["--save-interval", "101y", "--cursor-file", "f"],
            &["--save-interval", "'101y'", "at most 100 years"],
        ),
        (&["-n", "0"], &["--count", "'0'"]),
        (
            &["--since", "yesterday"],
            &["--since", "'yesterday'", "2026-11-23T10:00:00Z", "2h"],
        ),
        (&["--since", "0"], &["--since", "'0'", "2h"]),
        (&["--cursor", "5x"], &["--cursor", "'5x'", "2h"]),
        (
            &["--max-frame-size", "many"],
            &["--max-frame-size", "'many'", "8M"],
        ),
        (&["jetstream"], &["'jetstream'", "wss://HOST/subscribe"]),
        (&["ftp://host/"], &["'ftp://host/'", "wss://HOST/subscribe"]),
        (
            &["wss://host/subscribe?cursor=5"],
            &["wss://host/subscribe", "'?'", "--cursor"],
        ),
        (
            &["--op", "create", "-k", "identity"],
            &["--op", "--kind", "hint: add --kind commit"],
        ),
    ];
    for (arguments, words) in cases {
        let call = to_refuse();
        let output = arguments.iter().fold(call, Rocketman::arg).run();
        output.assert_says(2, words);
        assert_eq!(output.stdout, "", "{arguments:?}");
    }
}

#[test]
fn a_secret_in_an_address_is_refused_and_not_repeated() {
    let cases = [
        (
            "wss://me:hunter2@jetstream.example/subscribe",
            "user name or password",
        ),
        (
            "wss://me:hunter2@jetstream.example:99999/subscribe",
            "is not a source",
        ),
    ];
    for (address, why) in cases {
        let output = to_refuse().arg(address).run();
        output.assert_says(2, &["jetstream.example", why]);
        assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
    }
}

#[test]
fn a_bad_line_in_a_file_of_accounts_is_named_by_its_number() {
    let call = to_refuse().with("-d @dids.txt");
    let comment = "x".repeat(10_000);
    let lines = format!("# {comment}\n\ndid:plc:alice # me\nbob.example\n");
    fs::write(call.path("dids.txt"), lines).unwrap();
    let words = ["--did", "line 4", "'dids.txt'", "'bob.example'"];
    call.run().assert_says(2, &words);
}

#[test]
fn a_missing_or_empty_list_of_accounts_is_refused() {
    let missing = to_refuse().with("-d @nowhere.txt").run();
    missing.assert_says(2, &["--did", "'nowhere.txt'", "No such file"]);
    let call = to_refuse().with("-d @dids.txt");
    fs::write(call.path("dids.txt"), "\n# nobody yet\n").unwrap();
    let words = ["--did", "'dids.txt' names no account", "hint: "];
    call.run().assert_says(2, &words);
}

#[test]
fn too_many_names_are_refused_before_connecting() {
    let mut call = to_refuse();
    for n in 0..101 {
        call = call.with(&format!("-c app.bsky.feed.post{n}"));
    }
    call.run()
        .assert_says(2, &["--collection", "101", "100", "hint: "]);
}

#[test]
fn a_server_that_cannot_be_reached_is_named() {
    let output = Rocketman::tail("ws://nosuch.invalid")
        .with("--max-retries 0")
        .run();
    let words = ["gave up on ws://nosuch.invalid/subscribe", "hint: "];
    output.assert_says(3, &words);
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let output = Rocketman::tail(&address).with("--max-retries 0").run();
    let url = format!("gave up on http://{address}");
    output.assert_says(3, &[&url, "Connection refused", "--max-retries"]);
}

#[test]
fn a_refusal_is_final_and_tells_the_servers_words_escaped() {
    let server =
        Server::one(|request| request.refuse_late("400 Bad Request", "no \x1b[31msuch\ncursor"));
    let output = Rocketman::tail(&server.url()).run();
    let words = ["HTTP 400", r"no \u{1b}[31msuch\ncursor", "--cursor"];
    output.assert_says(6, &words);
    assert!(
        output.stderr.contains(&server.url()) && !output.stderr.contains('\x1b'),
        "{}",
        output.stderr
    );
    let location = "wss://new.example/subscribe";
    let redirect = format!("Location: {location}\r\n");
    let cases = [
        ("404 Not Found", "", ["HTTP 404", "/subscribe"]),
        ("401 Unauthorized", "", ["HTTP 401", "credentials"]),
        (
            "301 Moved Permanently",
            &*redirect,
            ["HTTP 301", "wss://new.example/subscribe"],
        ),
    ];
    for (status, headers, words) in cases {
        let headers = headers.to_owned();
        let refuse = move |request: Request| request.refuse(status, &headers, "");
        let server = Server::one(refuse);
        Rocketman::tail(&server.url()).run().assert_says(6, &words);
    }
}
