//! A resume by number: which event it expects, and when a number is not believed.

use super::*;

#[test]
fn on_the_same_numbering_the_repeated_last_event_is_dropped() {
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
fn another_identity_or_number_is_another_numbering() {
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
fn after_another_numbering_repeats_are_dropped_by_identity() {
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
    assert_eq!(admissions(&mut resume, &other_times), [Repeat, New, Repeat]);
}

#[test]
fn a_verified_number_leaves_no_gap_after_any_silence() {
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
fn with_another_filter_the_number_is_still_used() {
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

/// Goes on after what an earlier run came to: event 30 of host `a`, while host `b` was read up to
/// event 12.
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
    let again = [12, 13, 14, 30, 31, 51].map(|n| event(n, Some(100 + n), n));
    assert_eq!(
        admissions(&mut resume, &again),
        [Repeat, Repeat, Repeat, Repeat, New, New]
    );
    let mut elsewhere = over_two_servers(13..=30);
    assert_eq!(elsewhere.begin(&origin("a")), Beginning::Seq(30));
    // An unknown one is asked from the rewind on.
    let unknown = over_two_servers(13..=30).begin(&origin("c"));
    assert_eq!(unknown, Beginning::Time(NOON + 10 * SECOND));
}

/// Event 5 has its old number by chance, and event 6, which is new, came before it when the server
/// read them again.
#[test]
fn the_last_event_at_another_time_was_read_again() {
    let known = [3, 4, 5].map(|n| event(n, Some(n), n));
    let mut restarted = restored("a", known[2], true);
    restarted.recall(&mut known[..2].iter().copied());
    for mut resume in [read(&known), restarted] {
        assert_eq!(resume.begin(&origin("a")), Beginning::Seq(5));
        assert_eq!(resume.admit(&event(5, Some(5), 9)), Renumbered);
        resume.distrust_numbers();
        resume.begin(&origin("a"));
        let again = [(3, 3, 3), (6, 4, 9), (5, 5, 9), (4, 6, 9), (7, 7, 9)];
        let again = again.map(|(n, seq, second)| event(n, Some(seq), second));
        assert_eq!(
            admissions(&mut resume, &again),
            [Repeat, New, Repeat, Repeat, New]
        );
    }
}

#[test]
fn after_a_crash_amid_repeats_the_others_are_awaited() {
    let position = Position {
        origin: origin("a"),
        point: event(12, Some(12), 12),
    };
    let trail = Trail {
        repeats_until_us: NOON + 40 * SECOND,
        known: vec![identity(13), identity(14)],
        ..Trail::up_to(NOON + 30 * SECOND)
    };
    let mut resume = Resume::new(None, REWIND);
    resume.restore(&position, &trail, true);
    assert_eq!(resume.begin(&origin("a")), Beginning::Seq(12));
    let again = [12, 13, 20, 14, 41].map(|n| event(n, Some(n), n));
    assert_eq!(
        admissions(&mut resume, &again),
        [Repeat, Repeat, MayBeRepeat, Repeat, New]
    );
}

#[test]
fn after_a_message_that_is_left_out_any_event_may_come() {
    for (seq, second) in [(11, 1), (11, 900), (12, 2)] {
        let mut resume = read(&[event(1, Some(7), 1), event(2, Some(9), 2)]);
        let past = Past {
            point: None,
            steps: 1,
        };
        let begins = resume.begin_past(&origin("a"), past);
        assert_eq!(begins, Beginning::Seq(11));
        assert_eq!(resume.admit(&event(5, Some(seq), second)), New, "{seq}");
    }
}
