//! The rules of design section 4, one test each.

mod repeats;

use super::*;

const REWIND: Duration = Duration::from_secs(10);
const SECOND: u64 = 1_000_000;
const NOON: u64 = 1_800_000_000 * SECOND;

fn origin(host: &str) -> Origin {
    Origin {
        source: "jetstream".into(),
        host: host.to_owned(),
        instance: None,
    }
}

fn identity(n: u64) -> Identity {
    Identity::of_rest(&n.to_be_bytes())
}

/// Event `n`: number `seq`, at `NOON` plus `second`.
fn event(n: u64, seq: Option<u64>, second: u64) -> Point {
    Point {
        seq,
        time_us: NOON + second * SECOND,
        identity: Some(identity(n)),
    }
}

/// Goes on after an event of a host, of which nothing more is known.
fn restored(host: &str, point: Point, same_filter: bool) -> Resume {
    let mut resume = Resume::new(None, REWIND);
    restore(&mut resume, host, point, same_filter);
    resume
}

fn restore(resume: &mut Resume, host: &str, point: Point, same_filter: bool) {
    let origin = origin(host);
    let trail = Trail::up_to(point.time_us);
    resume.restore(&Position { origin, point }, &trail, same_filter);
}

/// A stream on host `a` that was read up to the last of `events`.
fn read(events: &[Point]) -> Resume {
    let mut resume = Resume::new(None, REWIND);
    assert_eq!(resume.begin(&origin("a")), Beginning::Live);
    let host = Arc::new(origin("a"));
    for point in events {
        assert_eq!(resume.admit(point), Admission::New);
        resume.reached(&host, point);
    }
    resume
}

fn admissions(resume: &mut Resume, events: &[Point]) -> Vec<Admission> {
    events.iter().map(|point| resume.admit(point)).collect()
}

use Admission::{Doubtful, Early, MayBeRepeat, New, NewBehindGap, Renumbered, Repeat};

#[test]
fn the_first_connect_without_a_cursor_begins_at_the_live_tip() {
    assert_eq!(Resume::new(None, REWIND).begin(&origin("a")).cursor(), None);
}

#[test]
fn a_cut_before_the_first_event_resumes_at_the_handshakes_date_less_the_rewind() {
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
fn on_the_same_numbering_the_first_event_is_the_last_one_again_and_dropped() {
    let mut resume = read(&[event(1, Some(7), 1), event(2, Some(9), 1)]);
    assert_eq!(resume.begin(&origin("a")), Beginning::Seq(9));
    assert_eq!(
        admissions(
            &mut resume,
            &[
                event(2, Some(9), 1),
                event(3, Some(10), 1),
                event(2, Some(11), 1)
            ]
        ),
        [Repeat, New, New]
    );
}

#[test]
fn another_identity_a_lower_or_a_higher_number_is_another_numbering() {
    for first in [
        event(5, Some(9), 1),
        event(2, Some(8), 1),
        event(3, Some(10), 1),
        event(2, None, 1),
    ] {
        let mut resume = read(&[event(1, Some(7), 1), event(2, Some(9), 1)]);
        resume.begin(&origin("a"));
        assert_eq!(resume.admit(&first), Renumbered, "{first:?}");
        resume.distrust_numbers();
        assert_eq!(resume.begin(&origin("a")), Beginning::Time(NOON + SECOND));
    }
}

#[test]
fn after_another_numbering_repeats_are_dropped_by_identity_and_numbers_are_trusted_again() {
    let mut resume = read(&[event(1, Some(7), 1), event(2, Some(9), 2)]);
    resume.begin(&origin("a"));
    resume.distrust_numbers();
    resume.begin(&origin("a"));
    let again = [
        event(1, Some(101), 1),
        event(2, Some(102), 2),
        event(3, Some(103), 2),
    ];
    assert_eq!(admissions(&mut resume, &again), [Repeat, Repeat, New]);
    resume.reached(&Arc::new(origin("a")), &event(3, Some(103), 2));
    assert_eq!(resume.begin(&origin("a")), Beginning::Seq(103));
}

#[test]
fn another_host_is_never_sent_a_number() {
    let mut resume = read(&[event(1, Some(7), 1)]);
    assert_eq!(resume.begin(&origin("b")), Beginning::Time(NOON + SECOND));
    let other_times = [
        event(1, Some(70), 3),
        event(2, Some(71), 30),
        event(1, Some(72), 31),
    ];
    assert_eq!(admissions(&mut resume, &other_times), [Repeat, New, New]);
}

#[test]
fn on_a_server_without_numbers_a_resume_goes_back_the_rewind() {
    let mut resume = read(&[0, 1, 2, 30, 31].map(|n| event(n, None, n)));
    let from = NOON + 21 * SECOND;
    assert_eq!(resume.begin(&origin("a")), Beginning::Time(from));
    // What was overtaken is still to come, and only what lies within the rewind is asked for.
    let again = [2, 30, 31, 25, 32, 30].map(|n| event(n, None, n));
    assert_eq!(
        admissions(&mut resume, &again),
        [Early, Repeat, Repeat, New, New, New]
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
fn repeats_are_known_to_the_last_one_also_where_times_go_backwards() {
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
                event(4, None, 6),
                event(1, None, 7)
            ]
        ),
        [Repeat, Repeat, Repeat, New, New]
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
fn a_mere_beginning_is_checked_by_its_place_and_its_event_is_wanted() {
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
fn a_time_that_was_set_is_the_beginning_on_every_server_and_its_event_is_wanted() {
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
fn the_memory_of_a_stream_is_bounded() {
    let mut resume = Resume::new(None, REWIND);
    resume.begin(&origin("a"));
    for n in 0..REMEMBERED as u64 + 10 {
        resume.admit(&event(n, Some(n), n));
    }
    assert_eq!(resume.recent.len(), REMEMBERED);
    let newest = resume.recent.back().map(|(identity, _)| *identity);
    assert_eq!(newest, Some(identity(REMEMBERED as u64 + 9)));
}

#[test]
fn a_first_event_that_is_a_minute_later_than_the_last_tells_of_a_gap_once() {
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
fn a_verified_number_leaves_no_gap_however_long_the_stream_was_quiet() {
    let mut resume = read(&[event(1, Some(7), 1)]);
    resume.begin(&origin("a"));
    assert_eq!(
        admissions(
            &mut resume,
            &[event(1, Some(7), 1), event(2, Some(8), 9999)]
        ),
        [Repeat, New]
    );
}

#[test]
fn with_another_filter_the_number_is_still_used_and_the_last_event_need_not_come_again() {
    let last = event(2, Some(9), 100);
    let changed = || {
        let mut resume = restored("a", last, false);
        assert_eq!(resume.begin(&origin("a")), Beginning::Seq(9));
        resume
    };
    for (first, expected) in [
        (last, Repeat),
        (event(3, Some(12), 100), Doubtful(Doubt::Number(9))),
        (event(3, Some(12), 99), Doubtful(Doubt::Number(9))),
        (event(3, Some(9), 100), Renumbered),
        (event(3, Some(8), 100), Renumbered),
        (event(3, Some(12), 30), Renumbered),
    ] {
        assert_eq!(changed().admit(&first), expected, "{first:?}");
    }
}

/// What is not known is let through, for it may be new; and it is said that it may have been there before.
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
    let last = REMEMBERED as u64 + 10;
    restore(&mut resume, "a", event(last, None, last), true);
    resume.recall(&mut (0..last).map(|n| event(n, None, n)));
    assert_eq!(resume.recent.len(), REMEMBERED);
    let oldest = resume.recent.front().map(|(identity, _)| *identity);
    assert_eq!(oldest, Some(identity(11)));
}

#[test]
fn a_first_event_that_is_taken_back_is_wanted_again() {
    let mut changed = restored("a", event(2, None, 0), false);
    for _ in 0..2 {
        changed.begin(&origin("a"));
        let late = changed.admit(&event(3, None, 900));
        assert!(matches!(late, Doubtful(_)), "{late:?}");
        changed.take_back();
    }
}

/// Goes on after what an earlier run came to: event 30 of host `a`, while host `b` was read up to event 12.
fn over_two_servers(known: std::ops::RangeInclusive<u64>) -> Resume {
    let other = Position {
        origin: origin("b"),
        point: event(12, Some(112), 12),
    };
    let position = Position {
        origin: origin("a"),
        point: event(30, Some(30), 30),
    };
    let trail = Trail {
        first_us: NOON + 5 * SECOND,
        others: vec![other],
        known: known.map(identity).collect(),
        ..Trail::up_to(NOON + 30 * SECOND)
    };
    let mut resume = Resume::new(None, Duration::from_secs(20));
    resume.restore(&position, &trail, true);
    resume
}

#[test]
fn a_known_server_is_gone_on_with_by_its_own_number() {
    let mut resume = over_two_servers(13..=30);
    assert_eq!(resume.begin(&origin("b")), Beginning::Seq(112));
    let again = [12, 13, 14, 30, 31, 51, 13].map(|n| event(n, Some(100 + n), n));
    assert_eq!(
        admissions(&mut resume, &again),
        [Repeat, Repeat, Repeat, Repeat, New, New, New]
    );
    let mut elsewhere = over_two_servers(13..=30);
    assert_eq!(elsewhere.begin(&origin("a")), Beginning::Seq(30));
    // An unknown one is asked from the rewind on.
    let unknown = over_two_servers(13..=30).begin(&origin("c"));
    assert_eq!(unknown, Beginning::Time(NOON + 10 * SECOND));
}

/// Event 5 has its old number by chance, and event 6, which is new, came before it when the server read them again.
#[test]
fn an_event_that_has_a_larger_number_than_before_shows_another_numbering() {
    let mut restarted = restored("a", event(5, Some(5), 5), true);
    restarted.recall(&mut [3, 4].map(|n| event(n, Some(n), n)).into_iter());
    assert_eq!(restarted.begin(&origin("a")), Beginning::Seq(5));
    let moved = [event(5, Some(5), 5), event(4, Some(6), 5)];
    assert_eq!(admissions(&mut restarted, &moved), [Repeat, Renumbered]);
    restarted.distrust_numbers();
    restarted.begin(&origin("a"));
    let again = [(3, 3), (6, 4), (5, 5), (4, 6), (7, 7)];
    let again = again.map(|(n, seq)| event(n, Some(seq), 5));
    assert_eq!(
        admissions(&mut restarted, &again),
        [Repeat, New, Repeat, Repeat, New]
    );
}

#[test]
fn after_a_crash_amid_repeats_a_number_is_not_trusted() {
    let position = Position {
        origin: origin("a"),
        point: event(12, Some(12), 12),
    };
    for (known_since_us, begins) in [
        (0, Beginning::Time(NOON + 20 * SECOND)),
        (NOON, Beginning::Seq(12)),
    ] {
        let trail = Trail {
            repeats_until_us: NOON + 40 * SECOND,
            known_since_us,
            ..Trail::up_to(NOON + 30 * SECOND)
        };
        let mut resume = Resume::new(None, REWIND);
        resume.restore(&position, &trail, true);
        assert_eq!(resume.begin(&origin("a")), begins);
    }
}
