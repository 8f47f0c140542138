//! A consumer of a stream of NATS whose cursor is a key.

use rocketman::{
    cursor::{CursorStore, KvCursor},
    event::Start,
    nats::NatsSettings,
    source::nats::{NatsSource, NatsSourceSettings},
};

use super::read;
use crate::support::nats::{Nats, block_on};

#[test]
fn a_consumer_reads_everything_and_then_goes_on_from_its_key() {
    let Some(nats) = Nats::start("a_consumer_reads_everything_and_then_goes_on_from_its_key")
    else {
        return;
    };
    nats.add_stream(async_nats::jetstream::stream::Config {
        name: "ORDERS".to_owned(),
        subjects: vec!["orders.>".to_owned()],
        ..Default::default()
    });
    for n in 0..6 {
        nats.publish_raw(b"orders.new", b"", format!("{n}").as_bytes());
    }
    let connection = NatsSettings {
        servers: vec![nats.url()],
        ..NatsSettings::default()
    };
    let key = || KvCursor::new(connection.clone(), "cursors", "orders").create_bucket();
    block_on(async {
        for (first, last) in [(1, 3), (4, 6)] {
            let source = NatsSource::new(NatsSourceSettings {
                start_if_new: Some(Start::OLDEST),
                ..NatsSourceSettings::new(connection.clone(), "ORDERS")
            });
            // It may be looked at before it is given away: the claim is its own.
            let mut cursor = key();
            let before = cursor.load().await.unwrap();
            assert_eq!(
                before.and_then(|saved| saved.place.seq()),
                (first > 1).then_some(first - 1)
            );
            let lines = read(source, cursor, 3).await;
            assert!(
                lines[0].contains(&format!(r#""seq":{first},"#)),
                "{lines:?}"
            );
            let saved = key().look().await.unwrap().saved.unwrap();
            assert_eq!(saved.place.seq(), Some(last));
        }
    });
}
