//! Writing to a stream: what a message is, and that each event is in it once, in order, whatever
//! happens.

mod kills;
mod refusals;

use std::collections::HashSet;

use async_nats::jetstream::stream;

use crate::support::{
    events::{identity, post, unlike},
    jetstream::Server,
    nats::{Message, Nats},
    program::Rocketman,
    serve::Serving,
};

/// An endless stream of invented events, the same for the same number of them.
fn firehose() -> Serving {
    Serving::new("demo:?rate=max&seed=7")
}

/// Writes `n` events to the stream FIREHOSE, and makes it if need be.
fn writing(source: &str, nats: &Nats, n: u64) -> Rocketman {
    Rocketman::tail(source)
        .arg("-n")
        .arg(n.to_string())
        .arg("-o")
        .arg(nats.address("FIREHOSE?subject=at"))
        .arg("--create-stream")
}

/// What stdout would get.
fn lines(source: &str, n: usize) -> Vec<String> {
    let output = Rocketman::tail(source).with(&format!("-n {n}")).succeed();
    output.stdout.lines().map(str::to_owned).collect()
}

/// Wants each of these lines once, in this order, and nothing else.
#[track_caller]
fn assert_holds(nats: &Nats, expected: &[String]) {
    let messages = nats.messages("FIREHOSE");
    let ids: HashSet<_> = messages
        .iter()
        .map(|message| &message.headers["Nats-Msg-Id"])
        .collect();
    assert_eq!(ids.len(), messages.len(), "some events are there twice");
    let unlike = messages
        .iter()
        .zip(expected)
        .position(|(message, line)| message.payload != *line);
    assert_eq!(unlike, None, "the order is another from there on");
    assert_eq!(messages.len(), expected.len());
}

#[test]
fn a_message_is_the_line_with_its_names_and_its_place() {
    let Some(nats) = Nats::start("a_message_is_the_line_with_its_names_and_its_place") else {
        return;
    };
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send_all([post(0), identity(1), unlike(2)]);
        connection.until_closed();
    });
    writing(&server.url(), &nats, 3).succeed();
    let messages = nats.messages("FIREHOSE");
    let [created, identity_event, deleted] = &messages[..] else {
        panic!("{messages:#?}");
    };
    assert_eq!(created.payload, post(0));
    assert_eq!(identity_event.payload, identity(1));
    assert_eq!(created.subject, "at.commit.create.app.bsky.feed.post");
    assert_eq!(identity_event.subject, "at.identity");
    assert_eq!(deleted.subject, "at.commit.delete.app.bsky.feed.like");
    let header = |message: &Message, name: &str| message.headers[name].clone();
    assert_eq!(header(created, "rocketman-cursor"), "1790000000000000 1");
    assert_eq!(header(deleted, "rocketman-cursor"), "1790000000002000 3");
    assert_eq!(
        header(created, "rocketman-source"),
        format!("jetstream {}", server.service())
    );
    assert_eq!(
        header(created, "rocketman-key"),
        "did:plc:000000000000000000000000"
    );
    assert_eq!(header(created, "Nats-Msg-Id").len(), 16);
}

/// rjet reads: the sequence is the ID and the cursor, the subject the foreign ID, the header
/// `reflex_type` the type or else 0, the payload the metadata.
#[test]
fn a_program_that_reads_with_rjets_rules_understands_it() {
    let Some(nats) = Nats::start("a_program_that_reads_with_rjets_rules_understands_it") else {
        return;
    };
    let serving = firehose();
    writing(&serving.url, &nats, 50).succeed();
    let expected = lines(&serving.url, 50);
    for (n, message) in nats.messages("FIREHOSE").iter().enumerate() {
        assert_eq!(message.seq, n as u64 + 1);
        let kind = message.headers.get("reflex_type");
        assert!(kind.is_none_or(|kind| kind.parse::<i32>().is_ok()));
        assert!(message.subject.starts_with("at."));
        assert_eq!(message.payload, expected[n]);
    }
}

#[test]
fn the_stream_itself_says_where_to_go_on() {
    let Some(nats) = Nats::start("the_stream_itself_says_where_to_go_on") else {
        return;
    };
    let serving = firehose();
    for n in [100, 1, 399] {
        let output = writing(&serving.url, &nats, n).succeed();
        output.assert_says(0, &["from where the stream to write to ends", "delivered"]);
    }
    let output = writing(&serving.url, &nats, 500).succeed();
    output.assert_says(0, &["the stream 'FIREHOSE' has events up to 20"]);
    assert_holds(&nats, &lines(&serving.url, 1000));
}

#[test]
fn the_newer_of_stream_and_cursor_file_is_gone_on_from() {
    let Some(nats) = Nats::start("the_newer_of_stream_and_cursor_file_is_gone_on_from") else {
        return;
    };
    let serving = firehose();
    let folder = tempfile::tempdir().unwrap();
    let cursor = folder.path().join("cursor");
    let with_cursor = |n| {
        writing(&serving.url, &nats, n)
            .arg("--cursor-file")
            .arg(&cursor)
    };
    with_cursor(100).succeed();
    let old = std::fs::read(&cursor).unwrap();
    with_cursor(100).succeed();
    // As if it had been killed before the cursor was saved.
    std::fs::write(&cursor, old).unwrap();
    with_cursor(100).succeed();
    // Events that the filter left out may move the cursor beyond the stream's last message.
    with_cursor(1).with("-c fm.teal.alpha.feed.play").succeed();
    let saved: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&cursor).unwrap()).unwrap();
    let seq = usize::try_from(saved["seq"].as_u64().unwrap()).unwrap();
    with_cursor(100).succeed();
    let all = lines(&serving.url, seq + 100);
    let play = nats.messages("FIREHOSE")[300].payload.clone();
    assert!(all[300..seq].contains(&play));
    let expected = [&all[..300], &[play], &all[seq..]].concat();
    assert_holds(&nats, &expected);
}

#[test]
fn events_that_come_again_in_the_source_are_written_once() {
    let Some(nats) = Nats::start("events_that_come_again_in_the_source_are_written_once") else {
        return;
    };
    let server = Server::one(|request| {
        let mut connection = request.accept();
        let once: Vec<_> = (0..3000).map(post).collect();
        let again = [
            &once[..2000],
            &once[500..2500],
            &once[2400..2401],
            &once[2400..],
        ]
        .concat();
        connection.send_all(again);
        connection.until_closed();
    });
    let output = writing(&server.url(), &nats, 4601).succeed();
    output.assert_says(0, &["4,601 events delivered", "1601 events came again"]);
    let expected: Vec<_> = (0..3000).map(post).collect();
    assert_holds(&nats, &expected);
}

/// A server with these events.
fn sending(events: std::ops::Range<u64>) -> Server {
    Server::one(move |request| {
        let mut connection = request.accept();
        connection.send_all(events.map(post));
        connection.until_closed();
    })
}

/// Another server, and longer after the first than the NATS server knows duplicates: the resume
/// goes back by time.
#[test]
fn repeats_of_another_server_are_not_written_after_a_restart() {
    let Some(nats) = Nats::start("repeats_of_another_server_are_not_written_after_a_restart")
    else {
        return;
    };
    let short = |url: &str, n| writing(url, &nats, n).with("--stream-dupe-window 100ms");
    let first = sending(0..3000);
    short(&first.url(), 3000).succeed();
    std::thread::sleep(std::time::Duration::from_millis(200));
    let second = sending(500..4000);
    // The source itself knows the very last event, and drops that.
    let output = short(&second.url(), 3499).succeed();
    output.assert_says(
        0,
        &[
            "resuming by time",
            "events came again and were not written again",
        ],
    );
    let expected: Vec<_> = (0..4000).map(post).collect();
    assert_holds(&nats, &expected);
}

/// Thirty seconds of a busy stream are more than one look at its end brings.
#[test]
fn a_minute_of_events_is_known_however_many_they_are() {
    let Some(nats) = Nats::start("a_minute_of_events_is_known_however_many_they_are") else {
        return;
    };
    let short = |url: &str, n| {
        let flags = "--stream-dupe-window 100ms --no-compress --rewind 60s";
        writing(url, &nats, n).with(flags)
    };
    let first = sending(0..30_000);
    short(&first.url(), 30_000).succeed();
    let second = sending(2_000..30_500);
    let output = short(&second.url(), 28_499).succeed();
    output.assert_says(0, &["27999 events came again and were not written again"]);
    let expected: Vec<_> = (0..30_500).map(post).collect();
    assert_holds(&nats, &expected);
}

#[test]
fn partitions_keep_an_account_together() {
    let Some(nats) = Nats::start("partitions_keep_an_account_together") else {
        return;
    };
    let serving = firehose();
    writing(&serving.url, &nats, 1000)
        .with("--partitions 4")
        .succeed();
    let messages = nats.messages("FIREHOSE");
    let mut of_account = std::collections::HashMap::new();
    let mut sizes = [0; 4];
    for message in &messages {
        let partition: usize = message.subject.split('.').nth(1).unwrap().parse().unwrap();
        let account = message.headers["rocketman-key"].clone();
        assert_eq!(*of_account.entry(account).or_insert(partition), partition);
        sizes[partition] += 1;
    }
    assert!(sizes.iter().all(|size| *size > 50), "{sizes:?}");
    let only = Rocketman::tail(&serving.url)
        .with("-n 300 --shard 2/4")
        .succeed();
    let second = messages
        .iter()
        .filter(|message| message.subject.starts_with("at.1."));
    let second: Vec<_> = second.map(|message| &*message.payload).collect();
    let n = second.len().min(300);
    assert_eq!(second[..n], only.lines()[..n]);
}

#[test]
fn a_stream_is_made_as_it_is_wanted() {
    let Some(nats) = Nats::start("a_stream_is_made_as_it_is_wanted") else {
        return;
    };
    let serving = firehose();
    let config = |name: &str| {
        nats.with(async |jetstream| {
            let stream = jetstream.get_stream(name).await.unwrap();
            stream.cached_info().config.clone()
        })
    };
    writing(&serving.url, &nats, 10).succeed();
    let made = config("FIREHOSE");
    assert_eq!(made.subjects, ["at.>"]);
    assert_eq!(made.max_age.as_secs(), 180 * 86_400);
    assert_eq!(made.duplicate_window.as_secs(), 300);
    assert_eq!(made.storage, stream::StorageType::File);
    assert_eq!((made.max_bytes, made.max_messages), (-1, -1));
    let flags = "--create-stream --stream-storage memory --stream-max-age 1h --stream-max-bytes 64M --stream-max-msgs 1000 \
        --stream-discard new --stream-dupe-window 1m --stream-replicas 1 --publish-window 3";
    Rocketman::tail(&serving.url)
        .with("-n 10 -o")
        .arg(nats.address("OTHER"))
        .with(flags)
        .succeed();
    let made = config("OTHER");
    assert_eq!(made.subjects, ["atproto.>"]);
    assert_eq!(made.max_age.as_secs(), 3600);
    assert_eq!(made.duplicate_window.as_secs(), 60);
    assert_eq!(made.storage, stream::StorageType::Memory);
    assert_eq!((made.max_bytes, made.max_messages), (64 << 20, 1000));
    assert_eq!(made.discard, stream::DiscardPolicy::New);
    assert_eq!(nats.last_seq("OTHER"), 10);
}

#[test]
fn a_stop_delivers_what_was_read_and_the_next_run_follows() {
    let Some(nats) = Nats::start("a_stop_delivers_what_was_read_and_the_next_run_follows") else {
        return;
    };
    let serving = firehose();
    let running = writing(&serving.url, &nats, 1_000_000).start();
    crate::support::wait_until("some messages", || nats.last_seq("FIREHOSE") > 500);
    running.signal(rustix::process::Signal::TERM);
    let output = running.finish();
    output.assert_says(0, &["stopped by SIGTERM"]);
    let n = nats.last_seq("FIREHOSE");
    writing(&serving.url, &nats, 100).succeed();
    assert_holds(
        &nats,
        &lines(&serving.url, usize::try_from(n).unwrap() + 100),
    );
}
