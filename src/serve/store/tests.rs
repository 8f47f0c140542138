//! A store as a pipeline fills it and a server reads it.

use super::*;
use crate::{
    event::{Batch, LineRules, Origin, Point},
    serve::{
        block::BlockBuilder,
        encoding::Wire,
        feed::{Feed, Place},
    },
    sink::{Sink, SinkContext},
};

const SECOND_US: u64 = 1_000_000;

/// Event `n` of upstream, a second after the one before.
fn line(n: u64) -> String {
    format!(
        r#"{{"did":"did:plc:a","time_us":{},"cursor":{n},"kind":"account","account":{{"seq":{n}}}}}"#,
        n * SECOND_US
    )
}

fn origin() -> Arc<Origin> {
    Arc::new(Origin {
        source: "jetstream".into(),
        host: "wss://example.com".to_owned(),
        instance: None,
    })
}

/// Fills it with these events, a batch each, and ends it.
async fn fill(sink: &mut StoreSink, events: std::ops::Range<u64>) {
    let context = SinkContext::default();
    sink.begin(&[], &context).unwrap();
    let n_events = events.end - events.start;
    for n in events {
        let mut batch = Batch::new();
        batch.set_origin(&origin());
        batch
            .push(line(n).as_bytes(), LineRules::default())
            .unwrap();
        sink.accept(&mut batch, &context).await.unwrap();
    }
    sink.finish(&context).await.unwrap();
    assert_eq!(context.accepted(), n_events);
}

/// The numbers of all events from a place on, with their times in seconds.
fn read(feed: &StoreFeed, place: Place) -> Vec<(u64, u64)> {
    let mut index = feed.find(place, 0);
    let mut found = Vec::new();
    loop {
        let mut builder = BlockBuilder::new(false);
        if !feed.read(index, 0, &mut builder).unwrap() {
            return found;
        }
        let block = builder.finish();
        for (at, entry) in block.entries().iter().enumerate() {
            let text = String::from_utf8(block.payload(at, Wire::V1).to_vec()).unwrap();
            assert!(
                text.contains(&format!("\"cursor\":{},", entry.seq)),
                "{text}"
            );
            found.push((entry.seq, entry.time_us / SECOND_US));
        }
        let next = block.next(index);
        assert!(next > index);
        index = next;
    }
}

#[tokio::test]
async fn a_store_goes_on_where_it_was_and_numbers_rise() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::open(folder.path(), Retention::default()).unwrap();
    let (mut sink, feed) = open().split("x");
    assert_eq!(sink.last_position(None).await.unwrap(), None);
    fill(&mut sink, 1..101).await;
    let before = read(&feed, Place::Beginning);
    assert_eq!(before.len(), 100);
    assert!(matches!(
        Store::open(folder.path(), Retention::default()),
        Err(StoreError::InUse(_))
    ));
    drop((sink, feed));
    let (mut sink, feed) = open().split("x");
    let position = sink.last_position(None).await.unwrap().unwrap();
    assert_eq!(position.origin, *origin());
    let Point { seq, time_us, .. } = position.point;
    assert_eq!((seq, time_us), (Some(100), 100 * SECOND_US));
    let recalled = sink.recall().await;
    assert!((60..=100).contains(&recalled.len()), "{}", recalled.len());
    assert!(recalled.iter().all(|point| point.identity.is_some()));
    assert_eq!(read(&feed, Place::Beginning), before);
    fill(&mut sink, 101..151).await;
    let all = read(&feed, Place::Beginning);
    assert_eq!(all[..100], before);
    assert!(all.is_sorted_by(|one, next| one.0 < next.0));
    assert!(all[100].0 >= all[99].0 + MAX_UNSYNCED, "{:?}", all[100]);
    let times: Vec<_> = all.iter().map(|(_, time)| *time).collect();
    assert_eq!(times, (1..151).collect::<Vec<_>>());
    for at in [0, 50, 99, 100, 149] {
        assert_eq!(read(&feed, Place::Seq(all[at].0)), all[at..]);
        let found = read(&feed, Place::Time(all[at].1 * SECOND_US));
        assert!(found.ends_with(&all[at..]), "{at}");
    }
    // Between the two, and beyond the end.
    assert_eq!(read(&feed, Place::Seq(all[99].0 + 1)), all[100..]);
    assert_eq!(read(&feed, Place::Seq(u64::MAX)), []);
    assert_eq!(read(&feed, Place::End), []);
    assert_eq!(read(&feed, Place::Time(151 * SECOND_US)), []);
}

#[tokio::test]
async fn a_temporary_store_forgets_and_leaves_nothing_behind() {
    let retention = Retention {
        age: None,
        bytes: Some(256 * 1024),
    };
    let (mut sink, feed) = Store::temporary(retention).split("x");
    fill(&mut sink, 1..3001).await;
    let left = read(&feed, Place::Beginning);
    assert!((500..2999).contains(&left.len()), "{}", left.len());
    assert_eq!(left.last().unwrap().1, 3000);
    assert_eq!(feed.extent().first, left[0].0);
    assert!(feed.extent().is_over);
    assert_eq!(read(&feed, Place::Seq(1)), left);
}

#[test]
fn a_start_begins_beyond_all_that_can_have_been_given() {
    let clock = now_us() / 1_000_000 * NUMBERS_PER_SECOND;
    assert!((clock..clock + 10 * NUMBERS_PER_SECOND).contains(&beyond(0)));
    let ahead = 2 * clock;
    assert_eq!(beyond(ahead), ahead + MAX_UNSYNCED);
    // Far from what is taken for a time, for two hundred years.
    assert!(clock < crate::wire::v2::FIRST_TIME_CURSOR / 5);
}
