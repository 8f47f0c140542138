//! Going on from an earlier run, and the sink's files in what is saved.

use super::*;
use crate::{cursor::Saved, event::Trail};

#[tokio::test(start_paused = true)]
async fn files_are_saved_with_exactly_the_events_they_hold() {
    let mut setup = setup([
        Step::Events(1..4),
        Step::Wait(2 * SECOND),
        Step::Events(4..9),
        Step::Wait(2 * SECOND),
        Step::End,
    ]);
    setup.sink.has_file = true;
    setup.sink.lag = 1;
    let (record, _) = setup.run().await;
    let files: Vec<_> = record.with(|entries| {
        let saved = entries.saved.iter();
        saved.map(|saved| saved.files.clone()).collect()
    });
    assert_eq!(record.saved(), [1, 2, 7, 8]);
    assert_eq!(files, [[mark(0)], [mark(2)], [mark(7)], [mark(8)]]);
}

#[tokio::test(start_paused = true)]
async fn source_and_sink_go_on_from_what_was_saved() {
    let mut setup = setup([Step::End]);
    setup.store.loads = || Ok(Some(saved(5, &Filter::default(), vec![mark(5)])));
    let (record, summary) = setup.run().await;
    let expected = saved(5, &Filter::default(), vec![mark(5)]);
    record.with(|entries| {
        assert_eq!(entries.resumed, Some((expected.place.clone(), true)));
        assert_eq!(entries.files, Some(expected.files));
    });
    let position = summary.unwrap().position;
    assert_eq!(position.map(Place::Reached), Some(expected.place));
}

#[tokio::test(start_paused = true)]
async fn the_source_is_told_when_the_filter_is_another_one() {
    let mut setup = setup([Step::End]);
    setup.store.loads = || Ok(Some(saved(5, &Filter::default(), Vec::new())));
    setup.filter = identities_only();
    let (record, _) = setup.run().await;
    let same_filter = record.with(|entries| entries.resumed.clone().unwrap().1);
    assert!(!same_filter);
}

/// A cursor that was put at event 2 before anything was read.
fn set() -> Saved {
    Saved {
        place: Place::Time {
            time_us: time_us(2),
            origin: None,
        },
        trail: Trail::default(),
        filter: None,
        files: Vec::new(),
        note: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_position_that_was_set_stands_until_the_first_event() {
    let mut quiet = setup([Step::Wait(3 * SECOND), Step::End]);
    quiet.store.loads = || Ok(Some(set()));
    let (record, summary) = quiet.run().await;
    assert_eq!(record.saved().len(), 0);
    assert_eq!(summary.unwrap().position, None);
    let mut setup = setup([Step::Events(2..5), Step::Wait(2 * SECOND), Step::End]);
    setup.store.loads = || Ok(Some(set()));
    let (record, _) = setup.run().await;
    assert_eq!(record.saved(), [2, 4]);
    record.with(|entries| {
        assert_eq!(entries.resumed, Some((set().place, true)));
        let filter = Filter::default();
        // It begins a first run of its own.
        let mut expected = saved(2, &filter, Vec::new());
        expected.trail.first_us = time_us(2);
        assert_eq!(entries.saved[0], expected);
    });
}

/// So a store has to replace what is there, and not to compare.
#[tokio::test(start_paused = true)]
async fn a_given_start_is_saved_though_it_lies_before_the_saved() {
    let mut setup = setup([Step::Events(10..14), Step::Wait(5 * SECOND), Step::End]);
    setup.store.loads = || Ok(Some(saved(50, &Filter::default(), Vec::new())));
    setup.source.resumes = || Ok(false);
    setup.sink.lag = 100;
    let (record, _) = setup.run().await;
    assert_eq!(record.saved(), [10, 13]);
}

#[tokio::test(start_paused = true)]
async fn files_are_cut_back_only_where_the_source_goes_on() {
    let cases: [(fn() -> _, _); 2] = [(|| Ok(false), Some(Vec::new())), (|| Err(failure()), None)];
    for (resumes, files) in cases {
        let mut setup = setup([Step::End]);
        setup.store.loads = || Ok(Some(saved(5, &Filter::default(), vec![mark(5)])));
        setup.source.resumes = resumes;
        let (record, result) = setup.run().await;
        record.with(|entries| assert_eq!(entries.files, files, "{result:?}"));
    }
}
