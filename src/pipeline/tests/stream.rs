//! Events read as a stream: what is given, what is accepted, and how it ends.

use super::*;
use crate::{error::MemberError, pipeline::stream::window::DroppedDelivery};

/// A stream of these steps, and what becomes of its cursor.
fn stream(steps: impl IntoIterator<Item = Step>, most: usize) -> (Deliveries, Record) {
    let setup = setup(steps);
    let pipeline = Pipeline::events_from(setup.source).cursor(setup.store);
    let pipeline = pipeline.settings(PipelineSettings {
        max_unacked: most,
        ..setup.settings
    });
    (pipeline.into_stream(), setup.record)
}

/// The next `n` events.
async fn take(deliveries: &mut Deliveries, n: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    for _ in 0..n {
        taken.push(deliveries.next().await.unwrap().unwrap());
    }
    taken
}

fn numbers(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries
        .iter()
        .map(|delivery| delivery.seq().unwrap())
        .collect()
}

/// Whether the stream gives nothing, however long it is waited.
async fn waits(deliveries: &mut Deliveries) -> bool {
    timeout(3600 * SECOND, deliveries.next()).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn every_event_is_given_in_order_and_then_the_end() {
    let steps = [
        Step::Events(1..300),
        Step::Wait(SECOND),
        Step::Events(300..500),
        Step::End,
    ];
    let (mut deliveries, record) = stream(steps, 1000);
    let mut given = Vec::new();
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery.unwrap();
        given.push(delivery.seq().unwrap());
        delivery.ack();
    }
    assert_eq!(given, (1..500).collect::<Vec<_>>());
    assert_eq!(record.saved().last(), Some(&499));
    assert!(deliveries.next().await.is_none());
    let summary = deliveries.finish().await.unwrap();
    assert_eq!((summary.ended, summary.accepted), (Ended::End, 499));
}

#[tokio::test(start_paused = true)]
async fn the_cursor_moves_over_what_is_acknowledged_without_a_hole() {
    let (mut deliveries, record) = stream([Step::Events(1..200), Step::Silence], 1000);
    let mut taken: Vec<_> = take(&mut deliveries, 150)
        .await
        .into_iter()
        .map(Some)
        .collect();
    // All of the first hundred, from the last to the first, but for the third.
    for n in (0..100).rev().filter(|n| *n != 2) {
        taken[n].take().unwrap().ack();
    }
    let rest = take(&mut deliveries, 49).await;
    assert!(waits(&mut deliveries).await);
    assert_eq!(record.saved(), [1, 2]);
    taken[2].take().unwrap().ack();
    assert!(waits(&mut deliveries).await);
    assert_eq!(record.saved(), [1, 2, 100]);
    drop((rest, taken));
    assert_eq!(deliveries.finish().await.unwrap().accepted, 100);
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_is_not_accepted_and_the_stream_goes_on() {
    let (mut deliveries, record) = stream([Step::Events(1..20), Step::End], 1000);
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery.unwrap();
        if delivery.seq() != Some(8) {
            delivery.ack();
        }
    }
    assert_eq!(record.saved(), [1, 7]);
    assert_eq!(deliveries.finish().await.unwrap().accepted, 7);
}

#[tokio::test(start_paused = true)]
async fn at_the_bound_it_waits_for_the_first_that_is_missing() {
    let (mut deliveries, _) = stream([Step::Events(1..200), Step::Silence], 70);
    let mut taken = take(&mut deliveries, 70).await;
    assert!(waits(&mut deliveries).await);
    taken.remove(1).ack();
    assert!(waits(&mut deliveries).await, "the first is missing");
    taken.remove(0).ack();
    let two = take(&mut deliveries, 2).await;
    assert_eq!(numbers(&two), [71, 72]);
    assert!(waits(&mut deliveries).await);
}

#[tokio::test(start_paused = true)]
async fn an_ack_by_another_task_wakes_a_stream_at_its_bound() {
    let (mut deliveries, _) = stream([Step::Events(1..10), Step::Silence], 3);
    let taken = take(&mut deliveries, 3).await;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        sleep(SECOND).await;
        taken.into_iter().for_each(Delivery::ack);
    });
    let start = Instant::now();
    assert_eq!(numbers(&take(&mut deliveries, 1).await), [4]);
    assert_eq!(start.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn at_the_bound_a_delivery_that_was_dropped_is_an_error() {
    let (mut deliveries, record) = stream([Step::Events(1..200), Step::Silence], 50);
    let mut given = 0;
    let error = loop {
        match deliveries.next().await.unwrap() {
            Ok(delivery) if given < 5 => delivery.ack(),
            // Whatever comes after it is of no use.
            Ok(delivery) if given == 5 => drop(delivery),
            Ok(delivery) => delivery.ack(),
            Err(error) => break error,
        }
        given += 1;
    };
    assert_eq!(given, 55);
    let Error::Sink(error) = error else {
        panic!("{error:?}");
    };
    let dropped: &DroppedDelivery = error.downcast_ref().unwrap();
    assert_eq!((dropped.event.as_str(), dropped.unacked), ("did:plc:a", 50));
    assert!(deliveries.next().await.is_none());
    assert_eq!(record.saved(), [1, 5]);
    let over = deliveries.finish().await;
    assert!(matches!(over, Err(Error::Over)), "{over:?}");
}

#[tokio::test(start_paused = true)]
async fn with_auto_ack_asking_for_the_next_accepts_the_last() {
    let (deliveries, record) = stream([Step::Events(1..200), Step::Silence], 5);
    let mut events = deliveries.auto_ack();
    for n in 1..=100 {
        assert_eq!(events.next().await.unwrap().unwrap().seq(), Some(n));
    }
    let summary = events.finish().await.unwrap();
    assert_eq!((summary.ended, summary.accepted), (Ended::Stopped, 99));
    assert_eq!(record.saved().last(), Some(&99));
}

#[tokio::test(start_paused = true)]
async fn finish_saves_exactly_what_is_acknowledged_by_then() {
    let (mut deliveries, record) = stream([Step::Events(1..200), Step::Silence], 1000);
    let mut taken = take(&mut deliveries, 100).await;
    let late = taken.split_off(77);
    taken.into_iter().for_each(Delivery::ack);
    let summary = deliveries.finish().await.unwrap();
    late.into_iter().for_each(Delivery::ack);
    assert_eq!((summary.ended, summary.accepted), (Ended::Stopped, 77));
    assert_eq!(record.saved(), [1, 77]);
    assert_eq!(summary.position.unwrap().point.seq, Some(77));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_saves_nothing_more() {
    let (mut deliveries, record) = stream([Step::Events(1..20), Step::Silence], 1000);
    let taken = take(&mut deliveries, 10).await;
    taken.into_iter().for_each(Delivery::ack);
    drop(deliveries);
    assert_eq!(record.saved(), [1]);
}

#[tokio::test(start_paused = true)]
async fn the_cursor_is_saved_while_events_wait_to_be_asked_for() {
    let (mut deliveries, record) = stream([Step::Events(1..60), Step::Silence], 1000);
    for n in 1..60 {
        let delivery = deliveries.next().await.unwrap().unwrap();
        sleep(SECOND / 2).await;
        delivery.ack();
        let saved = record.saved().last().copied().unwrap();
        assert!(saved + 5 >= n, "{saved} is saved, {n} is done");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_given_after_the_events_and_their_acks() {
    let (mut deliveries, record) = stream([Step::EventsAndFailure(1..6)], 1000);
    let taken = take(&mut deliveries, 5).await;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        sleep(30 * SECOND).await;
        taken.into_iter().for_each(Delivery::ack);
    });
    let error = deliveries.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Source(_)), "{error:?}");
    assert!(deliveries.next().await.is_none());
    assert_eq!(record.saved(), [1, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_ends_it_after_so_many_events() {
    let mut setup = setup([Step::Events(1..200), Step::Silence]);
    setup.settings.count = Some(70);
    let pipeline = Pipeline::events_from(setup.source).cursor(());
    let mut events = pipeline.settings(setup.settings).into_stream().auto_ack();
    let mut given = 0;
    while let Some(event) = events.next().await {
        given = event.unwrap().seq().unwrap();
    }
    assert_eq!(given, 70);
    let summary = events.finish().await.unwrap();
    assert_eq!((summary.ended, summary.accepted), (Ended::Count, 70));
}

#[tokio::test(start_paused = true)]
async fn a_stream_goes_where_a_task_goes() {
    fn is_send<T: Send + Unpin + 'static>(_: &T) {}
    let (deliveries, _) = stream([Step::End], 1);
    is_send(&deliveries);
    let error: Result<Delivery, Error> = Err(MemberError::other("x").into());
    is_send(&error);
}
