//! Members that do not keep to what they promise.

use super::*;
use crate::{error::MemberError, event::Trail};

/// A source that says of no event where it is from.
struct Nameless(u64);

impl Source for Nameless {
    fn resume(&mut self, _: &Place, _: &Trail, _: bool) -> Result<bool, MemberError> {
        Ok(true)
    }

    async fn next_batch(&mut self, batch: &mut Batch) -> Result<Flow, MemberError> {
        for n in 1..=self.0 {
            let line = members::line(n);
            batch.push(line.as_bytes()).unwrap();
        }
        Ok(Flow::End)
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_without_an_origin_is_refused_where_a_cursor_is_kept() {
    let Setup {
        sink,
        store,
        record,
        stop,
        ..
    } = setup([]);
    let result = Pipeline::new(Nameless(3), sink)
        .cursor(store)
        .run(stop.cancelled_owned());
    let result = result.await;
    assert!(matches!(result, Err(Error::NoOrigin)), "{result:?}");
    assert_eq!((record.taken(), record.saved()), (vec![], vec![]));
    // Without a cursor nothing is missing.
    let Setup { sink, stop, .. } = setup([]);
    let summary = Pipeline::new(Nameless(3), sink)
        .run(stop.cancelled_owned())
        .await
        .unwrap();
    assert_eq!(summary.accepted, 3);
}

/// Takes ten events of each batch and says that they are more.
struct Boastful {
    says: u64,
}

impl Sink for Boastful {
    fn name(&self) -> String {
        "boastful".to_owned()
    }

    async fn accept(
        &mut self,
        batch: &mut Batch,
        context: &SinkContext,
    ) -> Result<(), MemberError> {
        let n = batch.len().min(10);
        batch.take(n);
        let is_second = context.accepted() > 0;
        context.accept(if is_second { self.says } else { n as u64 });
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_accepts_more_than_it_took_moves_no_cursor() {
    // Within the batch that it was given, and far beyond.
    for says in [11, 1000] {
        let Setup {
            source,
            store,
            record,
            stop,
            ..
        } = setup([
            Step::Events(1..11),
            Step::Wait(3 * SECOND),
            Step::Events(11..31),
            Step::Events(31..41),
        ]);
        let pipeline = Pipeline::new(source, Boastful { says }).cursor(store);
        let result = pipeline.run(stop.cancelled_owned()).await;
        assert!(
            matches!(&result, Err(Error::Overrun { sink, taken: 20, .. }) if sink == "boastful"),
            "{result:?}"
        );
        assert_eq!(record.saved(), [1, 10], "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_several_runs_accept_adds_up() {
    let stats = Arc::new(Stats::default());
    for (events, in_all) in [(1..8, 7), (1..4, 10)] {
        let Setup {
            source, sink, stop, ..
        } = setup([Step::Events(events), Step::End]);
        let pipeline = Pipeline::new(source, sink).stats(Arc::clone(&stats));
        pipeline.run(stop.cancelled_owned()).await.unwrap();
        assert_eq!((stats.accepted(), stats.kept()), (in_all, in_all));
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_takes_nothing_is_a_failure_and_not_a_loop() {
    struct Idle;
    impl Sink for Idle {
        fn name(&self) -> String {
            "idle".to_owned()
        }
        async fn accept(&mut self, _: &mut Batch, _: &SinkContext) -> Result<(), MemberError> {
            Ok(())
        }
    }
    let source = setup([Step::Events(1..4), Step::Silence]).source;
    let result = Pipeline::new(source, Idle)
        .run(std::future::pending())
        .await;
    let error = result.unwrap_err().to_string();
    assert_eq!(error, "idle took no event although it was ready");
}

#[tokio::test(start_paused = true)]
async fn members_that_are_lent_or_boxed_do_what_they_do_themselves() {
    for is_boxed in [false, true] {
        let mut setup = setup([Step::Events(1..9), Step::Wait(2 * SECOND), Step::End]);
        setup.sink.lag = 2;
        let Setup {
            mut source,
            mut sink,
            store,
            record,
            stop,
            ..
        } = setup;
        let summary = if is_boxed {
            let pipeline = Pipeline::new(Box::new(source), Box::new(sink));
            pipeline
                .cursor(Box::new(store))
                .run(stop.cancelled_owned())
                .await
        } else {
            let pipeline = Pipeline::new(&mut source, &mut sink);
            pipeline.cursor(store).run(stop.cancelled_owned()).await
        };
        assert_eq!(record.taken(), (1..9).collect::<Vec<_>>());
        assert_eq!(
            (summary.unwrap().accepted, record.saved().last()),
            (8, Some(&8))
        );
    }
}
