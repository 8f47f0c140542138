//! Saves that take long, fail or never come to an end, beside delivery that goes on.

use super::*;

/// An event in each second.
fn one_a_second(n: u64) -> impl Iterator<Item = Step> {
    (1..=n).flat_map(|n| [Step::Events(n..n + 1), Step::Wait(SECOND)])
}

#[tokio::test(start_paused = true)]
async fn a_slow_save_does_not_hold_up_delivery() {
    for (takes, hangs) in [(5 * SECOND, 0..0), (Duration::ZERO, 1..3)] {
        let mut setup = setup(one_a_second(40).chain([Step::End]));
        setup.store.takes = takes;
        setup.store.hangs = hangs;
        let start = Instant::now();
        let (record, summary) = setup.run().await;
        assert_eq!(summary.unwrap().accepted, 40);
        let elapsed = start.elapsed();
        assert!(elapsed <= 50 * SECOND, "took {elapsed:?}");
        assert_eq!(record.taken().len(), 40);
        assert_eq!(record.saved().last(), Some(&40));
        let saved = record.saved();
        assert!(saved.len() >= 4 && saved.is_sorted(), "saved {saved:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_save_goes_on_while_the_sink_is_busy() {
    let mut setup = setup((0..10).map(|n| Step::Events(n * 2 + 1..n * 2 + 3)));
    setup.sink.batch_takes = 10 * SECOND;
    setup.store.takes = 3 * SECOND;
    let record = setup.record.clone();
    timeout(30 * SECOND, setup.run()).await.err().unwrap();
    assert_eq!(record.saved(), [1, 2, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_save_makes_progress_while_events_never_cease() {
    let mut setup = setup((0..5000).map(|n| Step::Events(n * 2 + 1..n * 2 + 3)));
    setup.sink.batch_takes = Duration::from_millis(1);
    setup.settings.count = Some(10_000);
    setup.settings.save_every = Duration::from_millis(10);
    setup.store.takes = Duration::from_millis(1);
    let (record, summary) = setup.run().await;
    summary.unwrap();
    assert!(record.saved().len() > 50, "{:?}", record.saved());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_accepted_before_the_beginning_is_saved() {
    let mut setup = setup([Step::Events(1..4), Step::Wait(SECOND), Step::End]);
    setup.store.fails = 0..1;
    setup.store.hangs = 1..2;
    let (record, summary) = setup.run().await;
    summary.unwrap();
    let asked = record.asked();
    assert_eq!(
        asked[..3],
        [Asked::Read(3), Asked::Saved(1), Asked::Took(3)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_the_beginning_is_saved_delivers_nothing() {
    let mut setup = setup([Step::Events(1..4), Step::Silence]);
    setup.store.hangs = 0..1;
    let (record, summary) = setup.stop_after(2 * SECOND).await;
    assert_eq!(summary.unwrap().ended, Ended::Stopped);
    assert!(record.taken().is_empty());
    assert_eq!(record.saved(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_save_that_fails_while_running_is_tried_again() {
    let mut setup = setup([Step::Events(1..4), Step::Wait(SECOND * 9), Step::End]);
    setup.store.fails = 1..4;
    let (record, summary) = setup.run().await;
    summary.unwrap();
    assert_eq!(record.saved(), [1, 3]);
    let asked = record.asked();
    assert!(
        asked.iter().position(|asked| *asked == Asked::Saved(3))
            < asked.iter().position(|asked| *asked == Asked::SourceClosed),
        "saved while running: {asked:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn saves_that_fail_are_tried_less_and_less_often() {
    let mut setup = setup([Step::Events(1..4), Step::Wait(600 * SECOND), Step::End]);
    setup.store.fails = 1..u64::MAX;
    let (record, result) = setup.run().await;
    assert!(matches!(result, Err(Error::Cursor(_))), "{result:?}");
    let tries = record.with(|entries| entries.tries);
    assert!((60..400).contains(&tries), "{tries} tries in ten minutes");
}

#[tokio::test(start_paused = true)]
async fn a_file_is_named_only_by_a_save_that_is_done() {
    let mut setup = setup(one_a_second(6).chain([Step::Wait(SECOND * 20), Step::End]));
    setup.sink.has_file = true;
    setup.sink.completes = true;
    setup.store.takes = 3 * SECOND;
    let (record, summary) = setup.run().await;
    summary.unwrap();
    let saved = record.with(|entries| {
        let files = entries.saved.iter().flat_map(|saved| &saved.files);
        let complete = files.filter(|file| file.complete);
        complete.map(|file| file.bytes).collect::<Vec<_>>()
    });
    let mut named = record.with(|entries| entries.named.clone());
    named.dedup();
    assert_eq!(named, saved);
    assert!(named.len() >= 2, "{named:?}");
}

#[tokio::test(start_paused = true)]
async fn the_last_save_comes_after_the_one_under_way() {
    let steps = [
        Step::Events(1..4),
        Step::Wait(SECOND * 3 / 2),
        Step::Events(4..6),
        Step::Silence,
    ];
    let mut setup = setup(steps);
    setup.store.takes = 4 * SECOND;
    let (record, summary) = setup.stop_after(SECOND * 5 / 2).await;
    assert_eq!(summary.unwrap().ended, Ended::Stopped);
    assert_eq!(record.saved(), [1, 3, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_save_that_fails_at_the_end_fails_the_run() {
    let mut setup = setup([Step::Events(1..4), Step::End]);
    setup.store.fails = 1..u64::MAX;
    let (record, result) = setup.run().await;
    assert!(matches!(result, Err(Error::Cursor(_))), "{result:?}");
    assert_eq!(record.taken(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_save_that_hangs_does_not_hold_up_a_stop() {
    for (blocks_at, first) in [(u64::MAX, 0), (4, 0), (u64::MAX, 1), (4, 1)] {
        let mut setup = setup([Step::Events(1..4), Step::Events(4..6), Step::Silence]);
        setup.sink.blocks_at = blocks_at;
        setup.store.hangs = first..u64::MAX;
        let stopped = setup.stop_after(2 * SECOND);
        let (_, result) = timeout(60 * SECOND, stopped).await.unwrap();
        assert!(result.is_err(), "{result:?}");
    }
}
