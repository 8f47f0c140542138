//! What a sink has saved beside the place, when it wishes, and what the next run is told of it.

use super::*;
use crate::cursor::Saved;

fn noting(steps: impl IntoIterator<Item = Step>) -> Setup {
    let mut setup = setup(steps);
    setup.sink.has_note = true;
    // Nothing is saved for another reason.
    setup.settings.save_every = Duration::from_secs(3600);
    setup
}

fn notes(record: &Record) -> Vec<String> {
    let note = |saved: &Saved| saved.note.clone().unwrap_or_default();
    record.with(|entries| entries.saved.iter().map(note).collect())
}

#[tokio::test(start_paused = true)]
async fn a_save_that_a_sink_wishes_for_is_made_at_once() {
    let mut setup = noting([
        Step::Events(1..4),
        Step::Wait(SECOND),
        Step::Events(4..6),
        Step::Wait(SECOND),
        Step::End,
    ]);
    setup.sink.lag = 2;
    let (record, summary) = setup.run().await;
    summary.unwrap();
    // The place that counts one of three, and three of five.
    assert_eq!(
        notes(&record),
        ["from 0 of 0", "from 1 of 3", "from 3 of 5", "from 5 of 5"]
    );
    assert!(record.with(|entries| entries.notes_saved) >= 3);
}

#[tokio::test(start_paused = true)]
async fn a_wish_is_kept_while_saves_fail() {
    let mut setup = noting([Step::Events(1..4), Step::Wait(60 * SECOND), Step::End]);
    setup.store.fails = 1..4;
    let (record, summary) = setup.run().await;
    summary.unwrap();
    let asked = record.asked();
    let saved = asked.iter().position(|asked| *asked == Asked::Saved(3));
    let closed = asked.iter().position(|asked| *asked == Asked::SourceClosed);
    assert!(saved.is_some() && saved < closed, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_ends_has_its_wish_too() {
    let mut setup = noting([Step::Events(1..4), Step::End]);
    setup.sink.finish_takes = SECOND;
    setup.sink.lag = 3;
    let (record, summary) = setup.run().await;
    summary.unwrap();
    assert!(notes(&record).contains(&"from 0 of 3".to_owned()));
    assert_eq!(notes(&record).last().unwrap(), "from 3 of 3");
}

#[tokio::test(start_paused = true)]
async fn the_next_run_is_told_unless_it_reads_something_else() {
    #[expect(clippy::unnecessary_wraps, reason = "it is what a store answers")]
    fn earlier() -> Result<Option<Saved>, MemberError> {
        Ok(Some(Saved {
            note: Some("noted".to_owned()),
            ..saved(2, &Filter::default(), Vec::new())
        }))
    }
    for (filter, told) in [
        (Filter::default(), Some("noted")),
        (identities_only(), None),
    ] {
        let mut setup = setup([Step::Events(3..4), Step::End]);
        setup.store.loads = earlier;
        setup.filter = filter;
        let (record, _) = setup.run().await;
        let found = record.with(|entries| entries.earlier_note.clone());
        assert_eq!(found.as_deref(), told);
    }
    let mut elsewhere = setup([Step::Events(3..4), Step::End]);
    elsewhere.store.loads = earlier;
    elsewhere.source.resumes = || Ok(false);
    let (record, _) = elsewhere.run().await;
    assert_eq!(record.with(|entries| entries.earlier_note.clone()), None);
}
