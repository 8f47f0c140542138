//! A resume by time, and times that are not in order.

use super::*;

#[test]
fn on_a_server_without_numbers_a_resume_goes_back_the_rewind() {
    let mut resume = read(&[0, 1, 2, 30, 31].map(|n| event(n, None, n)));
    let from = NOON + 21 * SECOND;
    assert_eq!(resume.begin(&origin("a")), Beginning::Time(from));
    // What was overtaken is still to come, and only what lies within the rewind is asked for.
    let again = [2, 30, 31, 25, 32, 30].map(|n| event(n, None, n));
    assert_eq!(
        admissions(&mut resume, &again),
        [Early, Repeat, Repeat, New, New, Repeat]
    );
}

#[test]
fn events_of_equal_time_are_told_apart_by_identity() {
    let mut resume = read(&[event(1, None, 1), event(2, None, 1)]);
    resume.begin(&origin("a"));
    assert_eq!(
        admissions(
            &mut resume,
            &[
                event(1, None, 1),
                event(2, None, 1),
                event(3, None, 1),
                event(4, None, 2)
            ]
        ),
        [Repeat, Repeat, New, New]
    );
}

#[test]
fn a_time_that_goes_backwards_is_never_a_reason_to_drop() {
    let mut resume = read(&[event(1, None, 5), event(2, None, 3), event(3, None, 4)]);
    resume.begin(&origin("a"));
    assert_eq!(
        admissions(
            &mut resume,
            &[
                event(3, None, 4),
                event(4, None, 2),
                event(5, None, 9),
                event(6, None, 1)
            ]
        ),
        [Repeat, New, New, New]
    );
}

#[test]
fn every_repeat_is_known_where_times_go_backwards() {
    let mut resume = read(&[event(1, None, 5), event(2, None, 3), event(3, None, 4)]);
    assert_eq!(
        resume.begin(&origin("a")),
        Beginning::Time(NOON + 3 * SECOND)
    );
    assert_eq!(
        admissions(
            &mut resume,
            &[
                event(1, None, 5),
                event(2, None, 3),
                event(3, None, 4),
                event(4, None, 6)
            ]
        ),
        [Repeat, Repeat, Repeat, New]
    );
}

#[test]
fn the_end_of_all_times_is_a_time_like_any_other() {
    let last = |time_us| Point {
        time_us,
        ..event(1, Some(7), 0)
    };
    let mut asked = Resume::new(Some(Start::Time(u64::MAX)), REWIND);
    asked.begin(&origin("a"));
    assert_eq!(asked.admit(&last(u64::MAX)), New);
    let mut changed = restored("a", last(NOON), false);
    changed.begin(&origin("a"));
    let beyond = Point {
        time_us: u64::MAX,
        ..event(2, Some(8), 0)
    };
    assert_eq!(changed.admit(&beyond), Doubtful(Doubt::Number(7)));
}
