//! Repeats where the order is not what it should be.

use super::*;

#[test]
fn every_repeat_is_known_where_numbers_go_backwards() {
    let mut resume = read(&[
        event(1, Some(1), 1),
        event(4, Some(4), 1),
        event(5, Some(5), 1),
        event(2, Some(2), 1),
    ]);
    assert_eq!(resume.begin(&origin("a")), Beginning::Seq(2));
    assert_eq!(
        admissions(
            &mut resume,
            &[
                event(2, Some(2), 1),
                event(4, Some(4), 1),
                event(5, Some(5), 1),
                event(6, Some(6), 1),
                event(4, Some(7), 1)
            ]
        ),
        [Repeat, Repeat, Repeat, New, New]
    );
}

#[test]
fn what_another_server_may_repeat_is_known_after_a_cut_too() {
    let mut resume = read(&[
        event(1, Some(1), 1),
        event(2, Some(2), 2),
        event(3, Some(3), 3),
    ]);
    let b = Arc::new(origin("b"));
    let new = event(9, Some(71), 1);
    resume.begin(&b);
    let before = [event(1, Some(70), 1), new];
    assert_eq!(admissions(&mut resume, &before), [Repeat, New]);
    resume.reached(&b, &new);
    for _ in 0..2 {
        assert_eq!(resume.begin(&b), Beginning::Seq(71));
        assert_eq!(admissions(&mut resume, &[new]), [Repeat]);
    }
    let behind = [
        event(2, Some(72), 2),
        event(8, Some(73), 2),
        event(3, Some(74), 3),
        event(7, Some(75), 14),
    ];
    assert_eq!(admissions(&mut resume, &behind), [Repeat, New, Repeat, New]);
}

/// A server that was down for longer than the rewind mixes new events with those that it reads
/// again.
#[test]
fn what_is_read_again_after_a_long_outage_is_known() {
    let mut resume = read(&[1, 2, 3, 4].map(|n| event(n, Some(n), n)));
    resume.distrust_numbers();
    resume.begin(&origin("a"));
    let again = [(1, 1), (9, 600), (2, 600), (8, 601), (4, 602), (3, 602)];
    let again = again.map(|(n, second)| event(n, Some(50 + n), second));
    assert_eq!(
        admissions(&mut resume, &again),
        [Repeat, New, Repeat, New, Repeat, Repeat]
    );
}

#[test]
fn enough_new_events_in_a_row_end_the_repeats() {
    let mut resume = read(&[event(1, Some(1), 1), event(2, Some(2), 2)]);
    resume.begin(&origin("b"));
    let mut come = |n| resume.admit(&event(n, None, 60));
    let enough = u64::from(ENOUGH_BEYOND);
    for n in 10..9 + enough {
        assert_eq!(come(n), New);
    }
    // A repeat shows that there may be more.
    assert_eq!(come(1), Repeat);
    for n in 10_000..10_000 + enough {
        assert_eq!(come(n), New);
    }
    assert_eq!(come(2), New);
}
