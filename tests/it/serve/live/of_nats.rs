//! A stream of NATS that is served.

use async_nats::jetstream::stream;

use super::{number, unnumbered};
use crate::support::{
    events::post,
    nats::Nats,
    program::{Output, Rocketman},
    serve::Serving,
};

#[test]
fn a_stream_of_nats_is_served_and_gone_on_with() {
    let Some(nats) = Nats::start("a_stream_of_nats_is_served") else {
        return;
    };
    nats.add_stream(stream::Config {
        name: "EVENTS".to_owned(),
        subjects: vec!["events.>".to_owned()],
        ..stream::Config::default()
    });
    let publish = |from: u64, until: u64| {
        for n in from..until {
            nats.publish_raw(b"events.a", b"", post(n).as_bytes());
        }
    };
    publish(0, 20);
    let folder = tempfile::tempdir().unwrap();
    let address = nats.address("EVENTS");
    let start = || {
        let call = Rocketman::new(["serve", &address, "--store", "kept"]);
        Serving::start(call.with("--begin oldest").inside(folder.path()))
    };
    let read = |server: &Serving, n: u64| {
        let output = server.tail(&format!("-n {n} --cursor 0")).succeed();
        let events: Vec<_> = output.lines().into_iter().map(unnumbered).collect();
        let expected: Vec<_> = (0..n).map(|n| unnumbered(&post(n))).collect();
        assert_eq!(events, expected);
        output
    };
    let numbers =
        |output: &Output| -> Vec<u64> { output.lines().into_iter().map(number).collect() };
    let server = start();
    let before = numbers(&read(&server, 20));
    server.running.kill();
    publish(20, 30);
    // What is no event is left out.
    nats.publish_raw(b"events.a", b"", b"{\"id\":17}");
    publish(30, 40);
    let server = start();
    let after = numbers(&read(&server, 40));
    assert_eq!(after[..20], before);
    assert!(after.is_sorted_by(|one, next| one < next));
}
