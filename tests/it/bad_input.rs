//! Bad input of every kind: a clear error, and nothing lost that was accepted.

use std::{fs, net::TcpListener};

use crate::support::{
    compress::{compress, compress_otherwise},
    events::{EPOCH, STEP, commit, identity, legacy_post, post, unlike},
    jetstream::{Connection, Request, Server},
    program::{Output, Rocketman},
};

/// A server that sends, and then waits until the client is gone.
fn sending(send: impl FnOnce(&mut Connection) + Send + 'static) -> Server {
    Server::one(|request| {
        let mut connection = request.accept();
        send(&mut connection);
        connection.until_closed();
    })
}

/// What comes out of text messages; `n` of them are events.
fn tail_of(messages: Vec<String>, flags: &str, n: usize) -> Output {
    let server = sending(|connection| connection.send_all(messages));
    let call = Rocketman::tail(&server.url()).with(flags);
    call.with(&format!("-n {n}")).succeed()
}

/// A call that is to be refused; where it is not, it ends at once and stays on this machine.
fn to_refuse() -> Rocketman {
    Rocketman::new(["tail"])
        .env("ROCKETMAN_SOURCE", "ws://127.0.0.1:1/subscribe")
        .env("ROCKETMAN_MAX_RETRIES", "0")
}

/// A commit with this record.
fn with_record(n: u64, record: &str) -> String {
    let rest = format!(r#","record":{record},"cid":"bafyrei"#);
    commit(n, Some(n + 1), "create", "app.bsky.feed.post", &rest)
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
fn a_missing_or_empty_file_of_accounts_is_no_filter_for_everybody() {
    let missing = to_refuse().with("-d @nowhere.txt").run();
    missing.assert_says(2, &["--did", "'nowhere.txt'", "No such file"]);
    let call = to_refuse().with("-d @dids.txt");
    fs::write(call.path("dids.txt"), "\n# nobody yet\n").unwrap();
    let words = ["--did", "'dids.txt' names no account", "hint: "];
    call.run().assert_says(2, &words);
}

#[test]
fn more_names_than_a_server_takes_are_refused_before_it_is_asked() {
    let mut call = to_refuse();
    for n in 0..101 {
        call = call.with(&format!("-c app.bsky.feed.post{n}"));
    }
    call.run()
        .assert_says(2, &["--collection", "101", "100", "hint: "]);
    let call = to_refuse().with("-d @dids.txt");
    let dids: Vec<_> = (0..10_001).map(|n| format!("did:plc:a{n}")).collect();
    fs::write(call.path("dids.txt"), dids.join("\n")).unwrap();
    call.run()
        .assert_says(2, &["--did", "10001", "10000", "hint: "]);
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
    let url = format!("gave up on ws://{address}/subscribe");
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

#[test]
fn a_message_that_is_no_event_is_counted_told_once_and_stepped_over() {
    let bad = |n: u64| format!("{{\"did\":\x1b[31m{n}{}", "x".repeat(5000));
    let messages = vec![post(0), bad(1), bad(2), post(1), bad(3), post(2)];
    let output = tail_of(messages, "", 3);
    assert_eq!(output.lines(), [post(0), post(1), post(2)]);
    let told: Vec<_> = output
        .stderr
        .lines()
        .filter(|line| line.contains("skipped a message"))
        .collect();
    assert_eq!(told.len(), 1, "{}", output.stderr);
    assert!(
        told[0].contains(r"\x1b[31m1") && !told[0].contains('\x1b'),
        "{told:?}"
    );
    assert!(told[0].len() < 500, "the excerpt is bounded: {told:?}");
    output.assert_says(0, &["3 malformed messages skipped"]);
}

#[test]
fn messages_that_end_too_early_or_lack_what_an_event_has_are_no_events() {
    let cut_off = post(7);
    let bad = [
        "",
        "null",
        "[]",
        "{}",
        r#"{"did":"did:plc:a","kind":"identity"}"#,
        r#"{"did":"did:plc:a","time_us":"soon","kind":"identity"}"#,
        r#"{"did":"did:plc:a","time_us":-1,"kind":"identity"}"#,
        r#"{"did":"did:plc:a","time_us":1,"kind":"commit"}"#,
        cut_off.strip_suffix("i\"}}").unwrap(),
    ];
    let n = bad.len();
    let messages = bad.iter().map(ToString::to_string).chain([post(1)]);
    let output = tail_of(messages.collect(), "", 1);
    assert_eq!(output.lines(), [post(1)]);
    output.assert_says(0, &[&format!("{n} malformed messages skipped")]);
}

#[test]
fn events_in_another_order_spacing_or_with_escapes_are_events() {
    let messages = vec![
        r#"{"kind":"commit","commit":{"rkey":"3l","collection":"app.bsky.feed.post","operation":"create","rev":"3k","record":{}},"time_us":1790000000000000,"did":"did:plc:a"}"#.to_owned(),
        r#"{ "did" : "did:plc:b" , "time_us" : 1790000000000001 , "kind" : "commit" , "commit" : { "rev" : "3k" , "operation" : "create" , "collection" : "app.bsky.feed.post" , "rkey" : "3l" } }"#.to_owned(),
        r#"{"did":"did:plc:\u0063","time_us":1790000000000002,"kin\u0064":"commit","commit":{"rev":"3k","operation":"create","collection":"app.bsky\u002efeed.post","rkey":"3l"}}"#.to_owned(),
    ];
    let output = tail_of(messages.clone(), "-c app.bsky.feed.post", 3);
    assert_eq!(output.lines(), messages);
}

#[test]
fn kinds_of_the_future_and_events_without_optional_parts_pass() {
    let messages = vec![
        r#"{"did":"did:plc:a","time_us":1790000000000000,"kind":"weather","weather":{"rain":true}}"#.to_owned(),
        r#"{"did":"did:plc:a","time_us":1790000000000001,"kind":"identity","identity":{"did":"did:plc:a","seq":7}}"#.to_owned(),
        r#"{"did":"did:plc:a","time_us":1790000000000002,"kind":"account"}"#.to_owned(),
    ];
    assert_eq!(tail_of(messages.clone(), "", 3).lines(), messages);
}

#[test]
fn members_of_another_shape_pass_but_for_a_commits_own() {
    let event = |n: u64, kind: &str, rest: &str| {
        let time_us = EPOCH + n * STEP;
        format!(r#"{{"did":"did:plc:a","time_us":{time_us},"kind":"{kind}",{rest}}}"#)
    };
    let others = [
        ("label", r#""label":{"x":1}"#),
        ("label", r#""commit":"bafy""#),
        ("label", r#""commit":{"rev":"3k","ops":[1]}"#),
        ("identity", r#""identity":{"seq":1},"commit":{"rev":"3k"}"#),
        ("identity", r#""identity":"a.example","account":1"#),
        ("account", r#""account":[true],"commit":{}"#),
        ("account", r#""account":null,"commit":7"#),
        ("sync", r#""sync":{"seq":"one"},"commit":[]"#),
        ("sync", r#""commit":null,"identity":false"#),
    ];
    let messages: Vec<_> = (0..)
        .zip(others)
        .map(|(n, (kind, rest))| event(n, kind, rest))
        .collect();
    let output = tail_of(messages.clone(), "", messages.len());
    assert_eq!(output.lines(), messages);
    let commits = [
        r#""commit":"bafy""#,
        r#""commit":{"rev":null,"operation":"create","collection":"a.b.c","rkey":"x"}"#,
        r#""commit":{"rev":"3k","ops":[1]}"#,
        r#""commit":null"#,
        r#""label":{"x":1}"#,
    ];
    let mut messages: Vec<_> = commits.map(|rest| event(0, "commit", rest)).into();
    messages.push(post(1));
    let output = tail_of(messages, "", 1);
    assert_eq!(output.lines(), [post(1)]);
    output.assert_says(0, &["5 malformed messages skipped"]);
}

#[test]
fn a_time_that_no_server_can_be_asked_for_is_no_event() {
    let beyond = |time_us: &str| post(0).replace(&EPOCH.to_string(), time_us);
    let messages = vec![
        beyond("9223372036854775808"),
        beyond("18446744073709551615"),
        post(1),
    ];
    let output = tail_of(messages, "", 1);
    assert_eq!(output.lines(), [post(1)]);
    output.assert_says(0, &["2 malformed messages skipped"]);
}

#[test]
fn deep_nesting_passes_even_when_it_is_checked() {
    let record = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let messages = vec![with_record(0, &record), post(1)];
    for flags in ["", "--validate"] {
        let output = tail_of(messages.clone(), flags, 2);
        assert_eq!(output.lines(), messages, "{flags}");
    }
}

#[test]
fn what_is_inside_a_record_is_only_checked_on_demand() {
    let broken = with_record(0, r#"{"text":nonsense}"#);
    let messages = vec![broken.clone(), broken, post(1)];
    assert_eq!(tail_of(messages.clone(), "", 3).lines(), messages);
    let output = tail_of(messages, "--validate", 1);
    assert_eq!(output.lines(), [post(1)]);
    let words = ["not valid JSON", "2 malformed messages skipped"];
    output.assert_says(0, &words);
}

#[test]
fn a_raw_line_end_becomes_a_space_unless_raw_is_asked_for() {
    let torn = with_record(0, "{\"text\":\"a\nb\rc\r\nd\"}");
    let output = tail_of(vec![torn.clone(), post(1)], "", 2);
    let mended = with_record(0, r#"{"text":"a b c  d"}"#);
    assert_eq!(output.lines(), [mended, post(1)]);
    let output = tail_of(vec![torn.clone(), post(1)], "--raw", 2);
    assert_eq!(output.stdout, format!("{torn}\n{}\n", post(1)));
}

#[test]
fn bad_zstd_of_every_kind_is_counted_and_stepped_over() {
    let bomb = with_record(9, &format!("\"{}\"", "x".repeat(100_000)));
    let whole = compress(&post(9), true);
    let cases = [
        (compress_otherwise(&post(9)), "another dictionary"),
        (whole[..whole.len() / 2].to_vec(), "zstd frame is damaged"),
        (compress(&bomb, true), "larger than the size limit"),
        (compress(&bomb, false), "larger than the size limit"),
        (b"{\"did\":1}".to_vec(), "not a zstd frame"),
        (Vec::new(), "not a zstd frame"),
        (
            compress(&unlike(9), false).repeat(2),
            "zstd frame is damaged",
        ),
    ];
    for (frame, why) in cases {
        let server = sending(move |connection| {
            connection.send_binary(compress(&post(0), false));
            connection.send_binary(frame.clone());
            connection.send_binary(frame);
            connection.send_binary(compress(&post(1), true));
        });
        let call = Rocketman::tail(&server.url()).with("-n 2 --max-frame-size 64K");
        let output = call.succeed();
        assert_eq!(output.lines(), [post(0), post(1)], "{why}");
        output.assert_says(0, &[why, "2 malformed messages skipped"]);
        let told = output.stderr.matches("skipped a message").count();
        assert_eq!(told, 1, "{}", output.stderr);
    }
}

#[test]
fn messages_that_are_too_large_or_no_utf8_are_counted_and_stepped_over() {
    let large = with_record(1, &format!("\"{}\"", "x".repeat(10_000)));
    let torn = post(2).into_bytes();
    let server = sending(move |connection| {
        connection.send_all([post(0), large]);
        // A text frame with half a character in it.
        let mut payload = torn;
        let rocket = payload.iter().position(|byte| *byte == 0xf0).unwrap();
        payload[rocket + 1] = b'x';
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        connection.send_raw(&[&[0x81, 126], &length[..], &payload].concat());
        connection.send(post(3));
    });
    let call = Rocketman::tail(&server.url()).with("--max-frame-size 4K --max-retries 0 -n 2");
    let output = call.succeed();
    assert_eq!(output.lines(), [post(0), post(3)]);
    let words = [
        "it is larger than the size limit",
        "it is not valid UTF-8",
        "2 malformed messages skipped",
    ];
    output.assert_says(0, &words);
}

#[test]
fn times_that_repeat_or_go_backwards_lose_nothing() {
    let twin = |n: u64| {
        legacy_post(n).replace(
            &(1_790_000_000_000_000 + n * STEP).to_string(),
            "1790000000005000",
        )
    };
    let messages = vec![
        legacy_post(9),
        legacy_post(3),
        twin(4),
        twin(5),
        identity(1),
    ];
    assert_eq!(tail_of(messages.clone(), "", 5).lines(), messages);
}

#[test]
fn plain_text_is_taken_from_a_server_that_was_asked_for_zstd() {
    let server = Server::one(|request| {
        let compressed = request.is_compressed();
        let mut connection = request.accept();
        connection.send_all([post(u64::from(compressed)), post(2)]);
        connection.send_binary(compress(&post(3), true));
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url()).with("-n 3").succeed();
    assert_eq!(output.lines(), [post(1), post(2), post(3)]);
}
