//! Ends by the stream's own time, where times are not in order.

use super::*;
use crate::event::{Identity, Trail};

/// Ends before event 20.
fn until(steps: impl IntoIterator<Item = Step>) -> Setup {
    let mut setup = setup(steps);
    setup.settings.until_us = Some(time_us(20));
    setup
}

/// How many events the saved cursors knew of ahead of their places.
fn ahead(record: &Record) -> Vec<usize> {
    record.with(|entries| {
        let saved = entries.saved.iter();
        saved.map(|saved| saved.trail.ahead.len()).collect()
    })
}

#[tokio::test(start_paused = true)]
async fn the_place_stays_before_the_first_event_beyond_the_end() {
    for steps in [
        // In one batch, and in several.
        vec![Step::Order(&[1, 2, 22, 3, 21, 4, 30, 5])],
        vec![
            Step::Order(&[1, 2]),
            Step::Order(&[22]),
            Step::Order(&[3, 21]),
            Step::Order(&[4]),
            Step::Order(&[30, 5]),
        ],
    ] {
        let (record, summary) = until(steps).run().await;
        assert_eq!(record.taken(), [1, 2, 3, 4]);
        assert_eq!((record.saved(), ahead(&record)), (vec![1, 2], vec![0, 2]));
        let summary = summary.unwrap();
        assert_eq!(
            (summary.ended, summary.highest_us),
            (Ended::Until, Some(time_us(2)))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_accepted_is_not_known_ahead_of_the_place() {
    let mut setup = until([
        Step::Order(&[1, 2, 22, 3, 4, 5]),
        Step::Wait(3 * SECOND),
        Step::Order(&[30]),
    ]);
    setup.sink.lag = 1;
    let (record, _) = setup.run().await;
    assert_eq!(record.saved(), [1, 2, 2]);
    assert_eq!(ahead(&record), [0, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn only_a_count_before_the_end_moves_the_position() {
    for (count, saved, n_ahead) in [(1, 1, 0), (2, 2, 0), (3, 2, 1), (4, 2, 2)] {
        let mut setup = until([Step::Order(&[1, 2, 22, 3, 4, 5])]);
        setup.settings.count = Some(count);
        let (record, summary) = setup.run().await;
        assert_eq!(record.taken().len() as u64, count);
        assert_eq!(summary.unwrap().ended, Ended::Count);
        let last = (record.saved().pop(), ahead(&record).pop());
        assert_eq!(last, (Some(saved), Some(n_ahead)), "{count}");
    }
}

/// A cursor at event 2, with 3 and 4 delivered ahead of it.
fn held() -> Saved {
    let mut batch = Batch::new();
    let line = |n| members::line(n);
    for n in [3, 4] {
        let line = line(n);
        batch.push(line.as_bytes()).unwrap();
    }
    let identities = batch.events().filter_map(|event| event.point().identity);
    Saved {
        trail: Trail {
            ahead: identities.collect::<Vec<Identity>>(),
            ahead_until_us: time_us(90),
            ..Trail::up_to(time_us(4))
        },
        ..saved(2, &Filter::default(), Vec::new())
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_ahead_of_the_place_is_left_out_once() {
    let mut setup = setup([
        Step::Order(&[22, 3, 21]),
        Step::Wait(2 * SECOND),
        Step::Order(&[4, 23, 3]),
        Step::Wait(2 * SECOND),
        Step::End,
    ]);
    setup.store.loads = || Ok(Some(held()));
    let (record, summary) = setup.run().await;
    assert_eq!(record.taken(), [22, 21, 23, 3]);
    // It is known until the place has passed all of it.
    assert_eq!((record.saved(), ahead(&record)), (vec![21, 3], vec![2, 0]));
    assert_eq!(summary.unwrap().highest_us, Some(time_us(23)));
}

#[tokio::test(start_paused = true)]
async fn the_same_end_again_keeps_the_place_and_all_that_is_known() {
    let mut setup = until([Step::Order(&[22, 3, 21, 5, 4, 30])]);
    setup.store.loads = || Ok(Some(held()));
    let (record, _) = setup.run().await;
    assert_eq!(record.taken(), [5]);
    assert_eq!((record.saved(), ahead(&record)), (vec![2], vec![3]));
}

#[tokio::test(start_paused = true)]
async fn a_minute_of_silence_beyond_the_end_is_the_end() {
    let minute = 60 * SECOND;
    let seen = until([
        Step::Order(&[1, 22, 2]),
        Step::Wait(minute / 2),
        Step::Silence,
    ]);
    let start = Instant::now();
    let (record, summary) = seen.run().await;
    assert_eq!(summary.unwrap().ended, Ended::Until);
    assert_eq!((record.taken(), start.elapsed()), (vec![1, 2], minute));
    // Nothing beyond the end came, and the clock is.
    let mut past = setup([Step::Silence]);
    past.settings.until_us = Some(1_700_000_000_000_000);
    let (_, summary) = past.run().await;
    assert_eq!(summary.unwrap().ended, Ended::EndAssumed);
    // An end that is still to come is waited for.
    let waiting = until([Step::Order(&[1]), Step::Silence]);
    timeout(600 * SECOND, waiting.run()).await.err().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_fails_behind_the_last_wanted_event_is_no_failure() {
    for (count, is_failure) in [(1, false), (2, false), (3, true)] {
        let mut setup = setup([Step::EventsAndFailure(4..6)]);
        setup.settings.count = Some(count);
        let (record, result) = setup.run().await;
        assert_eq!(
            record.taken(),
            if count == 1 { vec![4] } else { vec![4, 5] }
        );
        match result {
            Ok(summary) => assert_eq!((summary.ended, is_failure), (Ended::Count, false)),
            Err(error) => assert!(is_failure, "{error:?}"),
        }
    }
}
