//! Streams that cannot be written to, each told in one line with what to do.

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, Source};

use super::{firehose, writing};
use crate::support::{events::commit, jetstream::Server, nats::Nats, program::Rocketman};

fn config(subject: &str) -> Config {
    Config {
        name: "FIREHOSE".to_owned(),
        subjects: vec![subject.to_owned()],
        ..Config::default()
    }
}

#[test]
fn a_stream_that_cannot_keep_the_promise_is_refused() {
    let Some(nats) = Nats::start("a_stream_that_cannot_keep_the_promise_is_refused") else {
        return;
    };
    let serving = firehose();
    nats.add_stream(Config {
        name: "FIRST".to_owned(),
        ..Config::default()
    });
    let cases: [(Config, &[&str]); 4] = [
        (
            config("other.>"),
            &["takes other.>", "written to at.>", "add 'at.>'"],
        ),
        (
            Config {
                no_ack: true,
                ..config("at.>")
            },
            &["does not acknowledge", "--ack"],
        ),
        (
            Config {
                mirror: Some(Source {
                    name: "FIRST".to_owned(),
                    ..Source::default()
                }),
                subjects: Vec::new(),
                ..config("")
            },
            &["is a mirror", "--create-stream"],
        ),
        (
            Config {
                sources: Some(vec![Source {
                    name: "FIRST".to_owned(),
                    ..Source::default()
                }]),
                ..config("at.>")
            },
            &["several writers"],
        ),
    ];
    for (config, words) in cases {
        nats.add_stream(config);
        let output = writing(&serving.url, &nats, 1).run();
        output.assert_says(2, words);
        nats.delete_stream("FIREHOSE");
    }
}

#[test]
fn without_create_stream_a_stream_has_to_be_there() {
    let Some(nats) = Nats::start("without_create_stream_a_stream_has_to_be_there") else {
        return;
    };
    let serving = firehose();
    let output = Rocketman::tail(&serving.url)
        .with("-n 1 -o")
        .arg(nats.address("FIREHOSE"))
        .run();
    output.assert_says(2, &["no stream 'FIREHOSE'", "--create-stream"]);
}

#[test]
fn a_last_message_that_is_gone_needs_a_cursor() {
    let Some(nats) = Nats::start("a_last_message_that_is_gone_needs_a_cursor") else {
        return;
    };
    let serving = firehose();
    nats.add_stream(Config {
        retention: RetentionPolicy::Limits,
        ..config("at.>")
    });
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    writing(&serving.url, &nats, 10)
        .arg("--cursor-file")
        .arg(&cursor)
        .succeed();
    nats.with(async |jetstream| {
        let stream = jetstream.get_stream("FIREHOSE").await.unwrap();
        stream.purge().await.unwrap();
    });
    let output = writing(&serving.url, &nats, 10).run();
    output.assert_says(2, &["number 10, is gone", "--cursor-file"]);
    writing(&serving.url, &nats, 10)
        .arg("--cursor-file")
        .arg(&cursor)
        .succeed();
    let messages = nats.messages("FIREHOSE");
    assert_eq!((messages.len(), messages[0].seq), (10, 11));
}

#[test]
fn a_full_stream_ends_the_run_and_goes_on_once_there_is_room() {
    let Some(nats) = Nats::start("a_full_stream_ends_the_run_and_goes_on_once_there_is_room")
    else {
        return;
    };
    let serving = firehose();
    let full = Config {
        max_messages: 100,
        discard: DiscardPolicy::New,
        ..config("at.>")
    };
    nats.add_stream(full.clone());
    let output = writing(&serving.url, &nats, 1000).run();
    output.assert_says(1, &["the stream 'FIREHOSE' is full", "--discard old"]);
    assert_eq!(nats.last_seq("FIREHOSE"), 100);
    nats.with(async |jetstream| {
        let roomy = Config {
            max_messages: -1,
            ..full
        };
        jetstream.update_stream(roomy).await.unwrap();
    });
    writing(&serving.url, &nats, 900).succeed();
    super::assert_holds(&nats, &super::lines(&serving.url, 1000));
}

#[test]
fn an_event_that_is_too_large_is_named_with_the_limit() {
    let limits = "max_payload: 4096, jetstream {}";
    let Some(nats) = Nats::configured("an_event_that_is_too_large_is_named_with_the_limit", limits)
    else {
        return;
    };
    let large = format!(r#","record":{{"text":"{}"}},"cid":"x"#, "x".repeat(5000));
    let server = Server::every(move |request| {
        let mut connection = request.accept();
        let event = |n, rest: &str| commit(n, Some(n + 1), "create", "app.bsky.feed.post", rest);
        connection.send_all([event(0, ""), event(1, &large), event(2, "")]);
        connection.until_closed();
    });
    let output = writing(&server.url(), &nats, 3).run();
    output.assert_says(
        1,
        &[
            "too large for the stream 'FIREHOSE'",
            "did:plc:",
            "4096 bytes",
            "max_payload",
        ],
    );
    assert_eq!(nats.last_seq("FIREHOSE"), 1);
}

#[test]
fn a_subject_that_the_user_may_not_write_to_is_told() {
    let users = r#"authorization { users: [
        {user: "ann", password: "geheim", permissions: {publish: {deny: "at.>"}}},
        {user: "bob", password: "b", permissions: {publish: "at.>"}}
    ] }, jetstream {}"#;
    let Some(nats) = Nats::configured("a_subject_that_the_user_may_not_write_to_is_told", users)
    else {
        return;
    };
    let serving = firehose();
    let output = writing(&serving.url, &nats, 10)
        .env("NATS_USER", "ann")
        .env("NATS_PASSWORD", "geheim")
        .run();
    output.assert_says(6, &["does not allow it", "Publish to", "permissions"]);
    assert!(!output.stderr.contains("geheim"), "{}", output.stderr);
    let output = writing(&serving.url, &nats, 10)
        .env("NATS_USER", "bob")
        .env("NATS_PASSWORD", "b")
        .run();
    output.assert_says(6, &["does not allow it", "$JS.API.STREAM.INFO.FIREHOSE"]);
    let output = writing(&serving.url, &nats, 10)
        .env("NATS_TOKEN", "geheim")
        .run();
    output.assert_says(6, &["does not let the token in", "NATS_CREDS"]);
    assert!(!output.stderr.contains("geheim"), "{}", output.stderr);
}

#[test]
fn a_stream_that_cannot_be_read_back_is_said() {
    let users = r#"authorization { users: [
        {user: "all", password: "a"},
        {user: "ann", password: "a", permissions: {publish: {deny: "$JS.API.CONSUMER.>"}}}
    ] }, jetstream {}"#;
    let Some(nats) = Nats::configured("a_stream_that_cannot_be_read_back_is_said", users) else {
        return;
    };
    let serving = firehose();
    let said = "the last events of the stream 'FIREHOSE' cannot be read back";
    for (user, is_said) in [("all", false), ("all", false), ("ann", true)] {
        let call = writing(&serving.url, &nats, 10).env("NATS_USER", user);
        let output = call.env("NATS_PASSWORD", "a").succeed();
        assert_eq!(output.stderr.contains(said), is_said, "{output:#?}");
        let why = output.stderr.contains("CONSUMER.CREATE.FIREHOSE");
        assert_eq!(why, is_said, "{output:#?}");
    }
}

#[test]
fn a_limit_of_the_account_is_told() {
    let limits = "jetstream { max_file_store: 1000000, max_memory_store: 1000000 }";
    let Some(nats) = Nats::configured("a_limit_of_the_account_is_told", limits) else {
        return;
    };
    let serving = firehose();
    let output = writing(&serving.url, &nats, 10)
        .with("--stream-max-bytes 1G")
        .run();
    output.assert_says(1, &["has reached a limit", "nats account info"]);
    let output = writing(&serving.url, &nats, 100_000).run();
    output.assert_says(1, &["has reached a limit", "nats account info"]);
}

#[test]
fn a_stream_that_is_deleted_or_made_anew_ends_the_run() {
    let Some(nats) = Nats::start("a_stream_that_is_deleted_or_made_anew_ends_the_run") else {
        return;
    };
    let serving = firehose();
    for (is_made_anew, words) in [
        (false, ["no stream 'FIREHOSE'", "nats stream ls"]),
        (true, ["was deleted and made anew", "started again"]),
    ] {
        let running = writing(&serving.url, &nats, 1_000_000).start();
        crate::support::wait_until("messages", || nats.last_seq("FIREHOSE") > 500);
        nats.with(async |jetstream| {
            jetstream.delete_stream("FIREHOSE").await.unwrap();
            if is_made_anew {
                jetstream.create_stream(config("at.>")).await.unwrap();
            }
        });
        let output = running.finish();
        let code = if is_made_anew { 1 } else { 2 };
        output.assert_says(code, &words);
        if is_made_anew {
            nats.delete_stream("FIREHOSE");
        }
    }
}

#[test]
fn a_useless_output_is_refused_before_connecting() {
    for (output, words) in [
        (
            "nats://ann:geheim@127.0.0.1:1/S",
            ["user name, password", "NATS_PASSWORD"],
        ),
        (
            "nats://127.0.0.1:1/S?subject=at.>",
            ["'at.>' is a pattern", "?subject=atproto"],
        ),
        (
            "nats://127.0.0.1:1/S?token=geheim",
            ["no parameter 'token'", "subject and context"],
        ),
        (
            "nats://127.0.0.1:1",
            ["is not the address of a stream", "nats://HOST/STREAM"],
        ),
        (
            "nats:S?context=north",
            ["no context 'north'", "nats context ls"],
        ),
    ] {
        let call = Rocketman::new(["tail", "ws://127.0.0.1:1", "-o", output]);
        let output = call.run();
        output.assert_says(2, &words);
        assert!(!output.stderr.contains("geheim"), "{}", output.stderr);
    }
    for flag in ["--create-stream", "--partitions 4", "--publish-window 1"] {
        let call = Rocketman::new(["tail", "ws://127.0.0.1:1"])
            .with(flag)
            .run();
        call.assert_says(2, &[flag.split(' ').next().unwrap(), "stream of NATS"]);
    }
    let output = Rocketman::new([
        "tail",
        "-o",
        "nats://127.0.0.1:1/S",
        "--stream-max-age",
        "1d",
    ])
    .run();
    output.assert_says(2, &["--create-stream"]);
}

#[test]
fn a_server_that_is_not_there_is_tried_again_visibly() {
    let serving = firehose();
    let output = Rocketman::tail(&serving.url)
        .with("-o nats://127.0.0.1:1/S --max-retries 2")
        .run();
    output.assert_says(
        3,
        &[
            "cannot connect to nats://127.0.0.1:1",
            "after 3 failed tries",
        ],
    );
    let running = Rocketman::tail(&serving.url)
        .with("-o nats://127.0.0.1:1/S")
        .start();
    running.message("cannot connect");
    running.signal(rustix::process::Signal::TERM);
    let output = running.finish();
    output.assert_says(0, &["stopped by SIGTERM: 0 events delivered"]);
}
