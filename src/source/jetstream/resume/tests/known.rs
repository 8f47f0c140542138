//! What is recognised, and how much of it is remembered.

use super::*;

fn remembered(resume: &Resume, last: u64) -> Vec<Identity> {
    let last = event(last, Some(last), last);
    resume.recent.up_to(&last, usize::MAX).0
}

#[test]
fn the_memory_of_a_stream_is_bounded() {
    let mut resume = Resume::new(None, REWIND);
    resume.begin(&origin("a"));
    // As many as may be there before some are forgotten.
    let last = (MAX_RECENT_EVENTS + FORGOTTEN_AT_ONCE) as u64 - 1;
    for n in 0..=last {
        resume.admit(&event(n, Some(n), n));
    }
    assert_eq!(remembered(&resume, last).len(), MAX_RECENT_EVENTS);
    resume.admit(&event(last + 1, Some(last + 1), last + 1));
    let remembered = remembered(&resume, last + 1);
    assert_eq!(remembered.len(), MAX_RECENT_EVENTS - FORGOTTEN_AT_ONCE + 1);
    let first = FORGOTTEN_AT_ONCE as u64 * 2;
    assert_eq!(
        resume.recent.since_us(),
        Some(event(0, None, first).time_us)
    );
}

/// What is not known is let through, for it may be new; and it is said that it may have been there
/// before.
#[test]
fn what_cannot_be_told_from_a_repeat_is_let_through_and_said() {
    // After a restart only the last event is known.
    let mut restarted = restored("a", event(5, Some(5), 5), true);
    restarted.begin(&origin("b"));
    let again = [3, 4, 5, 6].map(|n| event(n, Some(n + 100), n));
    let expected = [MayBeRepeat, MayBeRepeat, Repeat, New];
    assert_eq!(admissions(&mut restarted, &again), expected);
    // Within a run everything is known that was read in it.
    let mut run = read(&[
        event(3, Some(3), 3),
        event(4, Some(4), 4),
        event(5, Some(5), 5),
    ]);
    run.begin(&origin("b"));
    let late = [
        event(9, Some(1), 4),
        event(4, Some(2), 4),
        event(6, Some(3), 6),
    ];
    assert_eq!(admissions(&mut run, &late), [New, Repeat, New]);
}

#[test]
fn recalled_events_are_dropped_where_a_resume_goes_by_time() {
    // Another server, and the same one that counts anew.
    for host in ["b", "a"] {
        let mut restarted = restored("a", event(5, Some(5), 5), true);
        restarted.recall(&mut [4, 3].map(|n| event(n, Some(n), n)).into_iter());
        restarted.distrust_numbers();
        restarted.begin(&origin(host));
        let again = [2, 3, 4, 5, 6].map(|n| event(n, Some(n + 100), n));
        // Only what lies before the first that is known may have been there.
        let expected = [MayBeRepeat, Repeat, Repeat, Repeat, New];
        assert_eq!(admissions(&mut restarted, &again), expected, "{host}");
    }
}

#[test]
fn of_too_many_recalled_events_the_latest_are_remembered() {
    let mut resume = Resume::new(None, REWIND);
    let last = MAX_RECENT_EVENTS as u64 + 10;
    restore(&mut resume, "a", event(last, None, last), true);
    resume.recall(&mut (0..last).map(|n| event(n, None, n)));
    let remembered = remembered(&resume, last);
    assert_eq!(remembered.len(), MAX_RECENT_EVENTS);
    assert_eq!(remembered.first(), Some(&identity(11)));
}
