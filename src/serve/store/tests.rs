//! A store as a pipeline fills it and a server reads it.

use super::*;
use crate::{
    event::{Batch, Origin, Point},
    serve::{
        block::{Block, BlockBuilder},
        encoding::{Encoding, Wire},
        feed::{Feed, FeedPosition},
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

async fn give(sink: &mut StoreSink, n: u64, context: &SinkContext) {
    let mut batch = Batch::new();
    batch.set_origin(&origin());
    batch.push(line(n).as_bytes()).unwrap();
    sink.accept(&mut batch, context).await.unwrap();
}

/// Fills it with these events, a batch each, and ends it.
async fn fill(sink: &mut StoreSink, events: std::ops::Range<u64>) {
    let context = SinkContext::default();
    sink.begin(&[], &context).unwrap();
    let n_events = events.end - events.start;
    for n in events {
        give(sink, n, &context).await;
    }
    sink.finish(&context).await.unwrap();
    assert_eq!(context.accepted(), n_events);
}

/// The numbers of all events from a place on, with their times in seconds.
fn read(feed: &StoreFeed, position: FeedPosition) -> Vec<(u64, u64)> {
    let mut index = feed.find(position, 0);
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
async fn the_last_batch_is_in_memory_as_it_is_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::open(folder.path(), Retention::default()).unwrap();
    fill(&mut open().split("x").0, 1..11).await;
    let (mut sink, feed) = open().split("x");
    let context = SinkContext::default();
    sink.begin(&[], &context).unwrap();
    let mut batch = Batch::new();
    for n in 11..21 {
        batch.push(line(n).as_bytes()).unwrap();
    }
    let before = feed.extent().next;
    sink.accept(&mut batch, &context).await.unwrap();
    assert_eq!(
        feed.extent().next,
        before,
        "nothing is told of what is not written"
    );
    sink.finish(&context).await.unwrap();
    let next = feed.extent().next;
    let in_memory = |index: u64| {
        let mut builder = BlockBuilder::new(false);
        feed.read_now(index, &mut builder).then(|| builder.finish())
    };
    for index in before..next {
        let mut builder = BlockBuilder::new(false);
        assert!(feed.read(index, 0, &mut builder).unwrap());
        let (in_file, in_memory) = (builder.finish(), in_memory(index).unwrap());
        let frames = |block: &Block| block.frames(Encoding::Plain).to_vec();
        assert_eq!(frames(&in_memory), frames(&in_file));
        assert_eq!(in_memory.entries().len() as u64, next - index);
        assert_eq!(in_memory.next(index), next);
    }
    for index in [0, before - 1, next] {
        assert!(in_memory(index).is_none());
    }
}

#[tokio::test]
async fn a_store_goes_on_where_it_was_and_numbers_rise() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::open(folder.path(), Retention::default()).unwrap();
    let (mut sink, feed) = open().split("x");
    assert_eq!(sink.last_position(None).await.unwrap(), None);
    fill(&mut sink, 1..101).await;
    let before = read(&feed, FeedPosition::Beginning);
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
    assert_eq!(read(&feed, FeedPosition::Beginning), before);
    fill(&mut sink, 101..151).await;
    let all = read(&feed, FeedPosition::Beginning);
    assert_eq!(all[..100], before);
    assert!(all.is_sorted_by(|one, next| one.0 < next.0));
    assert!(all[100].0 >= all[99].0 + MAX_UNSYNCED, "{:?}", all[100]);
    let times: Vec<_> = all.iter().map(|(_, time)| *time).collect();
    assert_eq!(times, (1..151).collect::<Vec<_>>());
    for at in [0, 50, 99, 100, 149] {
        assert_eq!(read(&feed, FeedPosition::Seq(all[at].0)), all[at..]);
        let found = read(&feed, FeedPosition::Time(all[at].1 * SECOND_US));
        assert!(found.ends_with(&all[at..]), "{at}");
    }
    // Between the two, and beyond the end.
    assert_eq!(read(&feed, FeedPosition::Seq(all[99].0 + 1)), all[100..]);
    assert_eq!(read(&feed, FeedPosition::Seq(u64::MAX)), []);
    assert_eq!(read(&feed, FeedPosition::End), []);
    assert_eq!(read(&feed, FeedPosition::Time(151 * SECOND_US)), []);
}

#[tokio::test]
async fn a_time_far_from_the_clock_is_not_that_of_the_stream() {
    const YEAR_2100: u64 = 4_102_444_800;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Retention::default()).unwrap();
    let (mut sink, feed) = store.split("x");
    let context = SinkContext::default();
    sink.begin(&[], &context).unwrap();
    for n in (1..11).chain([YEAR_2100]).chain(11..31) {
        give(&mut sink, n, &context).await;
        written(&mut sink, &feed, 1).await;
    }
    let times = |from| {
        let found = read(&feed, FeedPosition::Time(from * SECOND_US)).into_iter();
        found.map(|(_, time)| time).collect::<Vec<_>>()
    };
    assert_eq!(times(21), (21..31).collect::<Vec<_>>());
    assert_eq!(times(10)[..2], [10, YEAR_2100]);
}

#[test]
fn a_store_is_not_locked_through_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let [inside, elsewhere] = ["store", "elsewhere"].map(|name| folder.path().join(name));
    std::fs::create_dir(&inside).unwrap();
    std::os::unix::fs::symlink(&elsewhere, inside.join("lock")).unwrap();
    assert!(Store::open(&inside, Retention::default()).is_err());
    assert!(!elsewhere.exists());
}

/// Lets it write until readers find this many events more.
async fn written(sink: &mut StoreSink, feed: &StoreFeed, n_events: u64) {
    let wanted = feed.extent().next + n_events;
    while feed.extent().next < wanted {
        let work = sink.drive();
        let looked = tokio::time::sleep(std::time::Duration::from_millis(1));
        tokio::select! {
            error = work => panic!("{error}"),
            () = looked => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_waits_for_others_for_20_ms_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Retention::default()).unwrap();
    let (mut sink, feed) = store.split("x");
    let context = SinkContext::default();
    sink.begin(&[], &context).unwrap();
    let begin = tokio::time::Instant::now();
    let ms = || begin.elapsed().as_millis();
    give(&mut sink, 1, &context).await;
    written(&mut sink, &feed, 1).await;
    let first = ms();
    assert!(first < 5, "after silence: {first} ms");
    let next = feed.extent().next;
    give(&mut sink, 2, &context).await;
    tokio::time::sleep(std::time::Duration::from_millis(9)).await;
    give(&mut sink, 3, &context).await;
    assert_eq!(feed.extent().next, next);
    written(&mut sink, &feed, 2).await;
    let both = ms() - first;
    assert!((10..=21).contains(&both), "together: {both} ms");
}

#[tokio::test]
async fn numbers_lost_in_a_power_cut_are_never_given_again() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::open(folder.path(), Retention::default()).unwrap();
    let (mut sink, feed) = open().split("x");
    let context = SinkContext::default();
    sink.begin(&[], &context).unwrap();
    for n in 1..101 {
        give(&mut sink, n, &context).await;
        written(&mut sink, &feed, 1).await;
    }
    let given = read(&feed, FeedPosition::Beginning);
    assert_eq!(given.len(), 100);
    drop((sink, feed));
    // What was written and never made durable: a part of it is gone.
    let files: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "events"))
        .collect();
    let [file] = &files[..] else {
        panic!("{files:?}")
    };
    let file = std::fs::File::options().write(true).open(file).unwrap();
    file.set_len(file.metadata().unwrap().len() * 2 / 3)
        .unwrap();
    let (mut sink, feed) = open().split("x");
    let position = sink.last_position(None).await.unwrap().unwrap();
    let last = position.point.seq.unwrap();
    assert!((50..80).contains(&last), "{last}");
    // Upstream is read from there on.
    fill(&mut sink, last + 1..151).await;
    let all = read(&feed, FeedPosition::Beginning);
    let times: Vec<_> = all.iter().map(|(_, time)| *time).collect();
    assert_eq!(times, (1..151).collect::<Vec<_>>());
    let kept = usize::try_from(last).unwrap();
    assert_eq!(all[..kept], given[..kept]);
    assert!(all[kept].0 > given[99].0, "{:?} {:?}", all[kept], given[99]);
}

#[tokio::test]
async fn a_temporary_store_forgets_and_leaves_nothing_behind() {
    let retention = Retention {
        age: None,
        bytes: Some(256 * 1024),
    };
    let (mut sink, feed) = Store::temporary(retention).split("x");
    fill(&mut sink, 1..3001).await;
    let left = read(&feed, FeedPosition::Beginning);
    assert!((500..2999).contains(&left.len()), "{}", left.len());
    assert_eq!(left.last().unwrap().1, 3000);
    assert_eq!(feed.extent().first, left[0].0);
    assert!(feed.extent().is_over);
    assert_eq!(read(&feed, FeedPosition::Seq(1)), left);
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
