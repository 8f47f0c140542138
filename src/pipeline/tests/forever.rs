//! Run after run: which failures are followed by another run, and what survives.

use super::*;
use crate::{
    cursor::CursorFileError,
    error::{ErrorKind, MemberError},
    sink::{Fate, Fated},
};

/// A pipeline from where the last one came to, up to event 200. Its cursor is the record.
fn going_on(record: &Record, fate: &Fate) -> Pipeline<Memory, Fated<Keep>, Shelf> {
    let mut setup = setup([]);
    let from = record.saved().last().map_or(1, |last| last + 1);
    setup.source.steps = [Step::Events(from..201), Step::End].into();
    setup.source.record = record.clone();
    setup.store.record = record.clone();
    let sink = Fated::new(setup.sink, Some(fate.clone()));
    Pipeline::new(setup.source, sink).cursor(setup.store)
}

#[tokio::test(start_paused = true)]
async fn a_fate_goes_on_over_restarts_and_so_do_the_runs() {
    // A seed whose first draw strikes: begun anew with each run, it would never let one event pass.
    let hits_first = |seed: &u64| Fate::new(0.05, *seed).strikes();
    let seed = (0..1000).find(hits_first).unwrap();
    let (record, fate) = (Record::default(), Fate::new(0.05, seed));
    let mut n_runs = 0;
    let make = || {
        n_runs += 1;
        Ok(going_on(&record, &fate))
    };
    let summary = Pipeline::run_forever(make, std::future::pending())
        .await
        .unwrap();
    assert_eq!(summary.ended, Ended::End);
    assert_eq!(record.saved().last(), Some(&200));
    assert!((3..=40).contains(&n_runs), "{n_runs} runs");
}

#[test]
fn fate_is_drawn_once_for_all_clones_and_in_code_of_ones_own() {
    let (fate, alike) = (Fate::new(0.5, 7), Fate::new(0.5, 7));
    let clone = fate.clone();
    let drawn: Vec<_> = (0..50)
        .flat_map(|_| [fate.strikes(), clone.tempt().is_err()])
        .collect();
    let expected: Vec<_> = (0..100).map(|_| alike.strikes()).collect();
    assert_eq!(drawn, expected);
    let error = Fate::new(1.0, 0).tempt().unwrap_err();
    assert_eq!(error.to_string(), "a delivery failed on purpose");
}

/// Fails with this error each time it is run, and counts how often.
async fn runs_until(
    fails_with: fn() -> MemberError,
    stop: Duration,
) -> (u64, Result<Summary, Error>) {
    let mut n_runs = 0;
    let make = || {
        n_runs += 1;
        let mut setup = setup([Step::Events(1..4), Step::Silence]);
        setup.sink.fails_at = 1;
        setup.sink.fails_with = fails_with;
        Ok(Pipeline::new(setup.source, setup.sink))
    };
    let result = Pipeline::run_forever(make, sleep(stop)).await;
    (n_runs, result)
}

#[tokio::test(start_paused = true)]
async fn passing_failures_are_followed_by_runs_at_growing_waits() {
    let (n_runs, result) = runs_until(|| MemberError::other("down"), 3600 * SECOND).await;
    let summary = result.unwrap();
    assert_eq!((summary.ended, summary.accepted), (Ended::Stopped, 0));
    // Waits of a minute at most, half of that in the mean.
    assert!((70..=240).contains(&n_runs), "{n_runs} runs in an hour");
}

#[tokio::test(start_paused = true)]
async fn failures_that_would_only_come_again_end_it() {
    for kind in [
        ErrorKind::Usage,
        ErrorKind::CursorTaken,
        ErrorKind::Refused,
        ErrorKind::Gap,
    ] {
        let fails_with = match kind {
            ErrorKind::Usage => || MemberError::new(ErrorKind::Usage, "x"),
            ErrorKind::CursorTaken => || MemberError::new(ErrorKind::CursorTaken, "x"),
            ErrorKind::Refused => || MemberError::new(ErrorKind::Refused, "x"),
            _ => || MemberError::new(ErrorKind::Gap, "x"),
        };
        let (n_runs, result) = runs_until(fails_with, 3600 * SECOND).await;
        assert_eq!((n_runs, result.unwrap_err().kind()), (1, kind));
    }
    let taken = || -> Result<Pipeline<Memory, Keep>, Error> {
        Err(MemberError::from(CursorFileError::Taken("x".into())).into())
    };
    let error = Pipeline::run_forever(taken, std::future::pending()).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::CursorTaken);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_run_that_is_on_in_order() {
    let record = Record::default();
    let make = || {
        let mut setup = setup([Step::Events(1..4), Step::Silence]);
        setup.store.record = record.clone();
        Ok(Pipeline::new(setup.source, setup.sink).cursor(setup.store))
    };
    let summary = Pipeline::run_forever(make, sleep(5 * SECOND))
        .await
        .unwrap();
    assert_eq!((summary.ended, summary.accepted), (Ended::Stopped, 3));
    assert_eq!(record.saved(), [1, 3]);
}
