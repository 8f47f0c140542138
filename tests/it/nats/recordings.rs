//! What is recorded of a stream is read by the other commands.

use std::fs;

use async_nats::jetstream::stream;

use crate::support::{nats::Nats, program::Rocketman};

#[test]
fn recorded_messages_are_checked_and_repaired() {
    let Some(nats) = Nats::start("recorded_messages_are_checked_and_repaired") else {
        return;
    };
    nats.add_stream(stream::Config {
        name: "S".to_owned(),
        subjects: vec!["s.>".to_owned()],
        ..stream::Config::default()
    });
    nats.with(async |jetstream| {
        for n in 0..20 {
            let payload: Vec<u8> = match n % 3 {
                0 => format!("{{\"n\": {n}}}").into(),
                1 => b"text\n".to_vec(),
                _ => vec![0xff, n],
            };
            let sent = jetstream.publish(format!("s.{n}"), payload.into()).await;
            sent.unwrap().await.unwrap();
        }
    });
    let folder = tempfile::tempdir().unwrap();
    for name in ["plain.ndjson", "small.ndjson.gz"] {
        let file = folder.path().join(name);
        let record = Rocketman::tail(&nats.address("S")).with("--cursor 0 -e -o");
        record.arg(&file).succeed();
        let whole = Rocketman::new(["check", "--json"]).arg(&file).succeed();
        let found: serde_json::Value = serde_json::from_str(&whole.stdout).unwrap();
        assert_eq!(
            (&found["state"], &found["messages"]),
            (&"whole".into(), &20.into())
        );
        assert_eq!(
            (&found["events"], &found["bad_lines"]),
            (&0.into(), &0.into())
        );
        let told = Rocketman::new(["check"]).arg(&file).succeed();
        assert!(
            told.stdout.contains("whole, 20 messages of NATS"),
            "{told:?}"
        );
        let served = Rocketman::new(["serve"]).arg(&file).run();
        served.assert_says(2, &["are messages of NATS and no events"]);
    }
    // A torn end is cut off behind the last whole message.
    let file = folder.path().join("plain.ndjson");
    let text = fs::read(&file).unwrap();
    fs::write(&file, &text[..text.len() - 10]).unwrap();
    Rocketman::new(["check", "--repair"]).arg(&file).succeed();
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 19);
    let again = Rocketman::new(["check"]).arg(&file).succeed();
    assert!(again.stdout.contains("whole, 19 messages"), "{again:?}");
}
