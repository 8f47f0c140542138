//! Where the first connections begin, by what was asked for.

use super::*;

#[test]
fn the_first_connect_without_a_cursor_begins_at_the_live_tip() {
    assert_eq!(Resume::new(None, REWIND).begin(&origin("a")).cursor(), None);
}

#[test]
fn a_cut_before_the_first_event_rewinds_from_the_handshake() {
    let mut resume = Resume::new(None, REWIND);
    resume.begin(&origin("a"));
    resume.set_live_from(NOON);
    resume.set_live_from(NOON + SECOND);
    assert_eq!(
        resume.begin(&origin("a")),
        Beginning::Time(NOON - 10 * SECOND)
    );
    assert_eq!(
        admissions(
            &mut resume,
            &[
                Point {
                    time_us: NOON - 11 * SECOND,
                    ..event(1, None, 0)
                },
                event(2, None, 0)
            ]
        ),
        [Early, New]
    );
}

#[test]
fn only_the_leading_run_before_the_asked_time_is_dropped() {
    let mut resume = Resume::new(Some(Start::Time(NOON)), REWIND);
    assert_eq!(
        resume.begin(&origin("a")),
        Beginning::Asked(Start::Time(NOON))
    );
    let earlier = Point {
        time_us: NOON - 1,
        ..event(9, None, 0)
    };
    assert_eq!(
        admissions(&mut resume, &[earlier, event(1, None, 0), earlier]),
        [Early, New, New]
    );
}

#[test]
fn an_explicit_cursor_is_sent_as_given_until_an_event_has_come() {
    let mut resume = Resume::new(Some(Start::Seq(5)), REWIND);
    restore(&mut resume, "a", event(1, Some(90), 1), true);
    assert_eq!(resume.begin(&origin("a")), Beginning::Asked(Start::Seq(5)));
    assert_eq!(resume.begin(&origin("b")), Beginning::Asked(Start::Seq(5)));
    assert_eq!(resume.admit(&event(2, Some(5), 0)), New);
    resume.reached(&Arc::new(origin("b")), &event(2, Some(5), 0));
    assert_eq!(resume.begin(&origin("b")), Beginning::Seq(5));
}

#[test]
fn a_beginning_is_checked_by_place_and_its_event_is_wanted() {
    let beginning = Point {
        identity: None,
        ..event(1, Some(7), 1)
    };
    let mut resume = restored("a", beginning, true);
    assert_eq!(resume.begin(&origin("a")), Beginning::Seq(7));
    assert_eq!(resume.admit(&event(1, Some(7), 1)), New);
    let mut elsewhere = restored("a", beginning, true);
    elsewhere.begin(&origin("a"));
    assert_eq!(elsewhere.admit(&event(1, Some(7), 2)), Renumbered);
}

#[test]
fn a_time_that_was_set_is_inclusive_on_every_server() {
    for host in ["a", "b"] {
        let mut resume = Resume::new(None, REWIND);
        resume.begin_at_time(NOON);
        let beginning = resume.begin(&origin(host));
        assert_eq!(beginning.cursor(), Some(NOON), "{host}");
        let earlier = Point {
            time_us: NOON - 1,
            ..event(9, Some(4), 0)
        };
        let events = [earlier, event(1, Some(5), 0), event(2, Some(6), 0)];
        assert_eq!(admissions(&mut resume, &events), [Early, New, New]);
    }
}

#[test]
fn a_number_that_was_set_or_typed_begins_at_its_event_or_later() {
    for (first, expected) in [
        (event(1, Some(7), 1), New),
        // The next that is left, or the first of a server that no longer has it.
        (event(1, Some(8), 1), Doubtful(Doubt::Number(7))),
        (event(1, Some(6), 1), Renumbered),
        (event(1, None, 1), Renumbered),
    ] {
        let mut set = Resume::new(None, REWIND);
        set.begin_at_seq(7);
        let typed = Resume::new(Some(Start::Seq(7)), REWIND);
        for mut resume in [set, typed] {
            assert_eq!(resume.begin(&origin("a")).cursor(), Some(7));
            assert_eq!(resume.admit(&first), expected, "{first:?}");
            assert_eq!(resume.first_seq(), Some(7));
            resume.reached(&Arc::new(origin("a")), &first);
            assert_eq!(resume.first_seq(), None);
        }
    }
}

#[test]
fn number_0_is_whatever_comes_first() {
    for first in [event(1, Some(4000), 1), event(1, None, 1)] {
        let mut resume = Resume::new(Some(Start::Seq(0)), REWIND);
        resume.begin(&origin("a"));
        assert_eq!(resume.admit(&first), New);
    }
}

#[test]
fn a_time_of_long_ago_is_never_sent_as_a_number() {
    let mut resume = Resume::new(None, Duration::from_secs(3600 * 24 * 365 * 50));
    restore(&mut resume, "a", event(1, Some(7), 1), true);
    let cursor = resume.begin(&origin("b")).cursor();
    assert_eq!(cursor, Some(1_000_000_000_000_000));
}

#[test]
fn the_beginning_is_the_place_while_only_earlier_events_come() {
    let mut resume = Resume::new(Some(Start::Time(NOON)), REWIND);
    resume.begin(&origin("a"));
    let earlier = Point {
        time_us: NOON - 1,
        ..event(9, None, 0)
    };
    assert_eq!(resume.admit(&earlier), Early);
    assert_eq!(resume.take_beginning_us(), Some(NOON));
    assert_eq!(resume.take_beginning_us(), None, "it stands");
    let mut reached = read(&[event(1, None, 100)]);
    reached.begin(&origin("b"));
    assert_eq!(reached.take_beginning_us(), None, "the last event is later");
}
