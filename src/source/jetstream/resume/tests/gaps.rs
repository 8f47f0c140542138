//! First events that come later than was asked for.

use super::*;

#[test]
fn a_first_event_a_minute_after_the_last_is_one_gap() {
    for (second, expected) in [(61, New), (62, NewBehindGap(NOON + SECOND))] {
        let mut resume = read(&[event(1, None, 1)]);
        resume.begin(&origin("a"));
        let times = [event(2, None, second), event(3, None, second + 200)];
        assert_eq!(admissions(&mut resume, &times), [expected, New], "{second}");
    }
}

#[test]
fn a_first_event_long_after_the_beginning_is_a_doubt_and_no_gap() {
    let late = event(1, Some(1), 3600);
    let doubt = Doubtful(Doubt::Time(NOON));
    let mut asked = Resume::new(Some(Start::Time(NOON)), REWIND);
    asked.begin(&origin("a"));
    assert_eq!(asked.admit(&late), doubt);
    let mut cut = Resume::new(None, REWIND);
    cut.begin(&origin("a"));
    cut.set_live_from(NOON);
    cut.begin(&origin("a"));
    assert_eq!(cut.admit(&late), doubt);
    // A filter that has changed may leave out the last event.
    let mut changed = Resume::new(None, REWIND);
    restore(&mut changed, "a", event(2, None, 0), false);
    changed.begin(&origin("a"));
    assert_eq!(changed.admit(&late), doubt);
    let mut everything = Resume::new(Some(Start::Time(EVERYTHING_US)), REWIND);
    everything.begin(&origin("a"));
    assert_eq!(everything.admit(&late), New);
}

#[test]
fn what_is_cleared_is_not_doubted_until_an_event_comes() {
    let mut resume = Resume::new(Some(Start::Seq(7)), REWIND);
    resume.begin(&origin("a"));
    assert_eq!(
        resume.admit(&event(1, Some(9), 1)),
        Doubtful(Doubt::Number(7))
    );
    resume.clear_doubts();
    resume.begin(&origin("a"));
    assert_eq!(resume.admit(&event(1, Some(9), 1)), New);
}

#[test]
fn events_before_the_asked_time_show_that_nothing_is_missing() {
    let mut resume = Resume::new(Some(Start::Time(NOON)), REWIND);
    resume.begin(&origin("a"));
    let earlier = Point {
        time_us: NOON - 1,
        ..event(9, None, 0)
    };
    assert_eq!(
        admissions(&mut resume, &[earlier, event(1, None, 3600)]),
        [Early, New]
    );
}

#[test]
fn a_first_event_that_is_taken_back_is_wanted_again() {
    let mut changed = restored("a", event(2, None, 0), false);
    for _ in 0..2 {
        changed.begin(&origin("a"));
        let late = changed.admit(&event(3, None, 900));
        assert!(matches!(late, Doubtful(_)), "{late:?}");
        changed.take_back(&event(3, None, 900));
    }
}
