//! The pipeline between members in memory, on a clock that does not wait.

mod ends;
mod forever;
mod guards;
mod members;
mod noting;
mod resuming;
mod saving;
mod shelf;
mod stream;

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use self::{
    members::{Asked, Keep, Memory, Record, Step, failure, mark, saved, time_us},
    shelf::Shelf,
};
use super::*;
use crate::{
    cursor::CursorFileError,
    error::MemberError,
    event::{Batch, Kind, Place},
    source::Flow,
};

const SECOND: Duration = Duration::from_secs(1);

/// A pipeline to be, its members open to change.
struct Setup {
    record: Record,
    source: Memory,
    sink: Keep,
    store: Shelf,
    filter: Filter,
    settings: PipelineSettings,
    stop: CancellationToken,
}

fn setup(steps: impl IntoIterator<Item = Step>) -> Setup {
    let record = Record::default();
    Setup {
        source: Memory {
            steps: steps.into_iter().collect(),
            record: record.clone(),
            resumes: || Ok(true),
        },
        sink: Keep::new(&record),
        store: Shelf {
            record: record.clone(),
            loads: || Ok(None),
            fails: 0..0,
            hangs: 0..0,
            takes: Duration::ZERO,
            tries: 0,
        },
        filter: Filter::default(),
        settings: PipelineSettings::default(),
        stop: CancellationToken::new(),
        record,
    }
}

impl Setup {
    async fn run(self) -> (Record, Result<Summary, Error>) {
        let pipeline = Pipeline::new(self.source, self.sink)
            .filter(self.filter)
            .settings(self.settings)
            .cursor(self.store);
        (self.record, pipeline.run(self.stop.cancelled_owned()).await)
    }

    /// Runs, and asks for a stop after some time.
    async fn stop_after(self, time: Duration) -> (Record, Result<Summary, Error>) {
        let stop = self.stop.clone();
        let ask = async {
            sleep(time).await;
            stop.cancel();
        };
        tokio::join!(self.run(), ask).0
    }
}

/// Leaves out every tenth event.
fn identities_only() -> Filter {
    Filter::new().kinds([Kind::Identity])
}

#[tokio::test(start_paused = true)]
async fn order_is_kept_over_batches_and_in_a_sink_that_takes_one() {
    for one_takes in [None, Some(SECOND)] {
        let steps = [
            Step::Events(1..3),
            Step::Events(3..20),
            Step::Events(20..26),
        ];
        let mut setup = setup(steps.into_iter().chain([Step::End]));
        setup.sink.one_takes = one_takes;
        let (record, summary) = setup.run().await;
        assert_eq!(record.taken(), (1..26).collect::<Vec<_>>());
        assert_eq!(record.saved().last(), Some(&25));
        let summary = summary.unwrap();
        assert_eq!((summary.ended, summary.accepted), (Ended::End, 25));
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_events_advance_the_position() {
    let mut setup = setup([
        Step::Events(8..11),
        Step::Wait(2 * SECOND),
        Step::Events(20..21),
        Step::Wait(2 * SECOND),
        Step::End,
    ]);
    setup.filter = identities_only();
    let (record, summary) = setup.run().await;
    assert_eq!(record.taken(), [8, 9]);
    assert_eq!(record.saved(), [8, 10, 20]);
    assert_eq!(summary.unwrap().position.unwrap().point.seq, Some(20));
}

#[tokio::test(start_paused = true)]
async fn a_position_is_saved_once_every_event_up_to_it_is_accepted() {
    let mut setup = setup([
        Step::Events(7..14),
        Step::Wait(3 * SECOND),
        Step::Events(14..17),
        Step::Wait(3 * SECOND),
        Step::End,
    ]);
    setup.filter = identities_only();
    setup.sink.lag = 3;
    let (record, _) = setup.run().await;
    // 10 is dropped: of 7, 8, 9, 11, 12, 13 the last three are not accepted at first.
    assert_eq!(record.saved(), [7, 9, 13, 16]);
}

#[tokio::test(start_paused = true)]
async fn before_any_event_is_accepted_a_mere_beginning_is_saved() {
    let mut setup = setup([Step::Events(10..14), Step::Wait(5 * SECOND), Step::End]);
    setup.filter = identities_only();
    setup.sink.lag = 100;
    let (record, _) = setup.run().await;
    assert_eq!(record.saved(), [10, 13]);
    let identities = record.with(|entries| {
        let saved = entries.saved.iter();
        saved
            .map(|saved| matches!(&saved.place, Place::Reached(position) if position.point.identity.is_some()))
            .collect::<Vec<_>>()
    });
    assert_eq!(identities, [false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_source_does_not_hold_up_a_save() {
    let mut setup = setup([Step::Events(1..4), Step::Silence]);
    setup.settings.duration = Some(SECOND * 3 / 2);
    let (record, summary) = setup.run().await;
    assert_eq!(summary.unwrap().ended, Ended::Duration);
    assert_eq!(
        record.asked(),
        [
            Asked::Read(3),
            Asked::Saved(1),
            Asked::Took(3),
            Asked::Checkpoint,
            Asked::Saved(3),
            Asked::SourceClosed,
            Asked::SinkFinished
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_with_nothing_to_save_is_left_asleep() {
    let steps = |lag| {
        let mut setup = setup([
            Step::Events(1..5),
            Step::Wait(3600 * SECOND),
            Step::Events(5..6),
            Step::Wait(3600 * SECOND),
            Step::End,
        ]);
        setup.sink.lag = lag;
        setup
    };
    let checkpoints = |record: &Record| {
        let asked = record.asked().into_iter();
        asked.filter(|asked| *asked == Asked::Checkpoint).count()
    };
    let (record, _) = steps(0).run().await;
    assert_eq!((record.saved(), checkpoints(&record)), (vec![1, 4, 5], 2));
    let (record, _) = steps(1).run().await;
    assert_eq!(record.saved(), [1, 3, 4, 5]);
    assert!(
        checkpoints(&record) > 3600,
        "what was not accepted was not asked for again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_blocked_sink_does_not_hold_up_a_save() {
    let mut setup = setup([Step::Events(1..4), Step::Events(4..7)]);
    setup.sink.blocks_at = 4;
    let record = setup.record.clone();
    timeout(SECOND * 3 / 2, setup.run()).await.err().unwrap();
    assert_eq!(record.saved(), [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_busy_sink_is_still_asked_to_make_durable_what_it_has() {
    let mut setup = setup((0..10).map(|n| Step::Events(n * 2 + 1..n * 2 + 3)));
    setup.sink.batch_takes = Duration::from_millis(10_300);
    setup.sink.at_checkpoint = true;
    let record = setup.record.clone();
    timeout(60 * SECOND, setup.run()).await.err().unwrap();
    let last = record.saved().last().copied();
    assert!(last >= Some(8), "saved up to {last:?} after a minute");
}

#[tokio::test(start_paused = true)]
async fn a_stop_drains_what_was_read_then_ends_the_sink_then_saves() {
    let mut setup = setup([Step::Events(1..4), Step::Silence]);
    setup.settings.save_every = 3600 * SECOND;
    setup.sink.batch_takes = 2 * SECOND;
    setup.sink.lag = 2;
    let (record, summary) = setup.stop_after(SECOND).await;
    assert_eq!(summary.unwrap().ended, Ended::Stopped);
    assert_eq!(
        record.asked(),
        [
            Asked::Read(3),
            Asked::Saved(1),
            Asked::Took(3),
            Asked::SourceClosed,
            Asked::SinkFinished,
            Asked::Saved(3)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_the_sink_blocks_ends_after_the_grace_period() {
    let mut setup = setup([Step::Events(1..4), Step::Events(4..7)]);
    setup.sink.blocks_at = 4;
    setup.settings.save_every = 3600 * SECOND;
    let start = Instant::now();
    let (record, result) = setup.stop_after(2 * SECOND).await;
    assert_eq!(start.elapsed().as_secs(), 12);
    assert!(
        matches!(&result, Err(Error::Hung { sink, .. }) if sink == "the sink"),
        "{result:?}"
    );
    assert_eq!(record.saved(), [1, 3]);
    assert!(!record.asked().contains(&Asked::SinkFinished));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_does_not_finish_is_named_too() {
    let mut setup = setup([Step::Events(1..4), Step::Silence]);
    setup.sink.lag = 1;
    setup.sink.finish_takes = 3600 * SECOND;
    let start = Instant::now();
    let (record, result) = setup.stop_after(2 * SECOND).await;
    assert_eq!(start.elapsed().as_secs(), 12);
    assert!(
        matches!(&result, Err(Error::Hung { sink, .. }) if sink == "the sink"),
        "{result:?}"
    );
    assert_eq!(record.saved().last(), Some(&2));
}

#[tokio::test(start_paused = true)]
async fn a_slow_sink_is_waited_for_until_a_stop_is_asked_for() {
    let mut setup = setup([Step::Events(1..4)]);
    setup.settings.count = Some(3);
    setup.sink.finish_takes = 3600 * SECOND;
    let (record, summary) = setup.run().await;
    assert_eq!(summary.unwrap().ended, Ended::Count);
    assert_eq!(record.saved().last(), Some(&3));
}

#[tokio::test(start_paused = true)]
async fn after_a_stop_a_sink_that_takes_one_is_given_no_more() {
    // With a count that the batch would reach, the end is the stop all the same.
    for count in [None, Some(5)] {
        let mut setup = setup([Step::Events(1..6), Step::Silence]);
        setup.sink.one_takes = Some(SECOND);
        setup.settings.count = count;
        let (record, summary) = setup.stop_after(SECOND * 5 / 2).await;
        assert_eq!(record.taken(), [1, 2, 3]);
        assert_eq!(record.saved().last(), Some(&3));
        assert_eq!(summary.unwrap().ended, Ended::Stopped, "{count:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn events_before_the_sources_failure_are_delivered_and_saved() {
    let setup = setup([Step::Events(1..4), Step::EventsAndFailure(4..6)]);
    let (record, result) = setup.run().await;
    assert!(matches!(result, Err(Error::Source(_))), "{result:?}");
    assert_eq!(record.taken(), [1, 2, 3, 4, 5]);
    assert_eq!(record.saved(), [1, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_sink_saves_what_it_had_accepted() {
    let mut setup = setup([Step::Events(1..6)]);
    setup.sink.one_takes = Some(Duration::ZERO);
    setup.sink.fails_at = 3;
    let (record, result) = setup.run().await;
    assert!(matches!(result, Err(Error::Sink(_))), "{result:?}");
    assert_eq!(record.saved(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_closed_stdout_is_an_end_and_no_failure() {
    let mut setup = setup([Step::Events(1..6)]);
    setup.sink.one_takes = Some(Duration::ZERO);
    setup.sink.fails_at = 3;
    setup.sink.fails_with = || MemberError::closed();
    let (record, summary) = setup.run().await;
    assert_eq!(summary.unwrap().ended, Ended::OutputClosed);
    assert_eq!(record.saved(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_when_the_cursor_cannot_be_loaded() {
    let mut setup = setup([Step::Events(1..4)]);
    setup.store.loads = || Err(CursorFileError::Empty("x".into()).into());
    let (record, result) = setup.run().await;
    assert!(matches!(result, Err(Error::Cursor(_))), "{result:?}");
    assert_eq!(record.asked(), []);
}

#[tokio::test(start_paused = true)]
async fn a_count_ends_after_exactly_so_many_wanted_events() {
    let mut setup = setup([Step::Events(8..12), Step::Events(12..20)]);
    setup.filter = identities_only();
    setup.settings.count = Some(4);
    let (record, summary) = setup.run().await;
    assert_eq!(record.taken(), [8, 9, 11, 12]);
    assert_eq!(record.saved(), [8, 12]);
    assert_eq!(summary.unwrap().ended, Ended::Count);
}

#[tokio::test(start_paused = true)]
async fn until_ends_before_the_first_event_of_that_time_wanted_or_not() {
    let mut setup = setup([Step::Events(7..13), Step::Events(13..25)]);
    setup.filter = identities_only();
    setup.settings.until_us = Some(time_us(10));
    let (record, summary) = setup.run().await;
    assert_eq!(record.taken(), [7, 8, 9]);
    assert_eq!(record.saved(), [7, 9]);
    assert_eq!(summary.unwrap().ended, Ended::Until);
}

#[tokio::test(start_paused = true)]
async fn any_future_stops_a_run_and_the_run_can_be_spawned() {
    let setup = setup([Step::Events(1..4), Step::Silence]);
    let pipeline = Pipeline::new(setup.source, setup.sink).cursor(setup.store);
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    tasks.spawn(pipeline.run(sleep(90 * SECOND)));
    let summary = tasks.join_next().await.unwrap().unwrap();
    assert_eq!(summary.unwrap().ended, Ended::Stopped);
    assert_eq!(start.elapsed().as_secs(), 90);
    assert_eq!(setup.record.saved(), [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_is_there_already_reads_nothing() {
    let setup = setup([Step::Events(1..4), Step::Silence]);
    let pipeline = Pipeline::new(setup.source, setup.sink).cursor(setup.store);
    let summary = pipeline.run(std::future::ready(())).await.unwrap();
    assert_eq!((summary.ended, summary.accepted), (Ended::Stopped, 0));
    let asked = [Asked::SourceClosed, Asked::SinkFinished];
    assert_eq!(setup.record.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_duration_ends_on_time_while_the_source_is_silent() {
    let mut setup = setup([Step::Events(1..4), Step::Silence]);
    setup.settings.duration = Some(90 * SECOND);
    let start = Instant::now();
    let (_, summary) = setup.run().await;
    assert_eq!(summary.unwrap().ended, Ended::Duration);
    assert_eq!(start.elapsed().as_secs(), 90);
}
