//! Messages of NATS that are no events, in forms that are made for events.

use async_nats::jetstream::stream;

use crate::support::{nats::Nats, program::Rocketman};

#[test]
fn a_message_that_is_no_event_is_shown_with_its_subject() {
    let Some(nats) = Nats::start("format") else {
        return;
    };
    nats.add_stream(stream::Config {
        name: "ORDERS".to_owned(),
        subjects: vec!["orders.>".to_owned()],
        ..stream::Config::default()
    });
    nats.publish_raw(b"orders.17.created", b"", br#"{"id":17}"#);
    let written = |format: &str| {
        let source = format!("{}/ORDERS", nats.url());
        let call = Rocketman::new(["tail", &source]).with("--cursor 0 -n 1 --format");
        call.arg(format).succeed().stdout
    };
    let row = written("human");
    let shown = " message             orders.17.created {\"id\":17}\n";
    assert!(row.ends_with(shown), "{row}");
    let fields = written(r"%K %k %n %{data.id}\n");
    assert_eq!(fields, "other orders.17.created 1 17\n");
}
