//! Messages that are no events, or events of an unusual form.

use super::sending;
use crate::support::{
    compress::{compress, compress_otherwise},
    events::{EPOCH, STEP, commit, identity, legacy_post, post, unlike},
    jetstream::Server,
    program::{Output, Rocketman},
};

/// What comes out of text messages; `n` of them are events.
fn tail_of(messages: Vec<String>, flags: &str, n: usize) -> Output {
    let server = sending(|connection| connection.send_all(messages));
    let call = Rocketman::tail(&server.url()).with(flags);
    call.with(&format!("-n {n}")).succeed()
}

/// A commit with this record.
fn with_record(n: u64, record: &str) -> String {
    let rest = format!(r#","record":{record},"cid":"bafyrei"#);
    commit(n, Some(n + 1), "create", "app.bsky.feed.post", &rest)
}

#[test]
fn a_malformed_message_is_counted_logged_once_and_skipped() {
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
fn messages_that_end_early_or_lack_a_member_are_malformed() {
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
fn messages_too_large_or_not_utf8_are_counted_and_skipped() {
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
        "; --max-frame-size allows larger ones",
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
