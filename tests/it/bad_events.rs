//! `--bad-events`: messages that are no events, kept to be looked at.

use std::fs;

use serde_json::Value;

use crate::support::{compress::compress, events::post, jetstream::Server, program::Rocketman};

#[test]
fn each_bad_event_is_a_line_with_class_position_and_event() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send("{\"no\": \"event\"}");
        connection.send(post(0));
        connection.send("torn \u{1b}[31m{");
        let mut damaged = compress(&post(1), true);
        damaged.pop();
        connection.send_binary(damaged);
        connection.send_raw(&[0x81, 2, 0xff, b'}']);
        connection.send("x".repeat(3000));
        connection.send(post(1));
        connection.until_closed();
    });
    let call = Rocketman::tail(&server.url()).with("-n 2 --bad-events bad --max-frame-size 2K");
    let path = call.path("bad");
    let running = call.start();
    let folder = running.folder().to_owned();
    let kept = std::thread::spawn(move || {
        crate::support::wait_until("five lines", || {
            fs::read_to_string(&path).is_ok_and(|text| text.lines().count() == 5)
        });
        fs::read_to_string(folder.join("bad")).unwrap()
    });
    let text = kept.join().unwrap();
    let output = running.finish();
    assert_eq!(output.lines(), [post(0), post(1)]);
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let classes: Vec<_> = lines
        .iter()
        .map(|line| line["class"].as_str().unwrap())
        .collect();
    assert_eq!(
        classes,
        [
            "envelope",
            "envelope",
            "damaged_zstd",
            "not_utf8",
            "too_large"
        ]
    );
    assert_eq!(lines[0]["text"], "{\"no\": \"event\"}");
    assert_eq!(lines[0]["after"], Value::Null);
    assert_eq!(lines[1]["text"], "torn \u{1b}[31m{");
    assert_eq!(lines[1]["after"]["seq"], 1);
    assert_eq!(lines[1]["host"], server.service());
    assert_eq!(lines[3]["base64"], "/30=");
    assert!(lines[4]["bytes"].as_u64().unwrap() <= 160);
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn only_a_file_that_cannot_be_opened_is_refused() {
    let call = Rocketman::tail("ws://127.0.0.1:1/subscribe").with("--bad-events no/such/folder");
    call.run()
        .assert_says(2, &["--bad-events", "no/such/folder", "No such file"]);
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send("bad");
        connection.send("bad again");
        connection.send(post(0));
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url())
        .with("-n 1 --bad-events /dev/full")
        .succeed();
    assert_eq!(output.lines(), [post(0)]);
    let told = output
        .stderr
        .matches("cannot write to the file of bad events '/dev/full'");
    assert_eq!(told.count(), 1, "{}", output.stderr);
}
