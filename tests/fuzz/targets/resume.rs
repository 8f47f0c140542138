//! A stream across connections: what is new, and what was there before.
//!
//! Input: which server, and then either any points on any connections, or cuts of a server that
//! keeps its word.

#![no_main]

use std::{collections::HashSet, sync::Arc, time::Duration};

use libfuzzer_sys::fuzz_target;
use rocketman::{
    event::{Identity, Origin, Point, Start},
    fuzzing::{Admitted, Begins, Known},
};
use rocketman_fuzz::choice;

const REWIND: Duration = Duration::from_secs(10);
const REWIND_US: u64 = 10_000_000;
const GAP_US: u64 = 60_000_000;
/// How often a server is connected to.
const TRIES: usize = 200;

const NOON: u64 = 1_800_000_000_000_000;

fuzz_target!(|input: &[u8]| {
    let mut input = input;
    if choice(&mut input).is_multiple_of(2) {
        anything(input);
    } else {
        kept_word(input);
    }
});

fn origins() -> [Arc<Origin>; 2] {
    ["a", "b"].map(|host| {
        Arc::new(Origin {
            source: "jetstream".into(),
            host: host.to_owned(),
            instance: None,
        })
    })
}

fn identity(n: u64) -> Identity {
    serde_json::from_str(&format!("\"{n:016x}\"")).expect("16 digits are an identity")
}

/// A time: near noon, where seconds matter, or at an end of all times.
fn time(input: &mut &[u8]) -> u64 {
    let n = u64::from(choice(input));
    match n {
        0 => 0,
        1 => 1,
        254 => u64::MAX - 1,
        255 => u64::MAX,
        n => NOON + n * 700_000,
    }
}

fn point(input: &mut &[u8]) -> Point {
    let which = choice(input);
    let seq = choice(input);
    Point {
        seq: match seq {
            0 => None,
            255 => Some(u64::MAX),
            seq => Some(u64::from(seq)),
        },
        time_us: time(input),
        identity: (which > 0).then(|| identity(u64::from(which))),
    }
}

/// Whatever comes: an event is dropped only if it is known, or lies in the leading run before the
/// asked time.
fn anything(mut input: &[u8]) {
    let input = &mut input;
    let origins = origins();
    let how = choice(input);
    let start = match how & 3 {
        0 => Some(Start::Time(time(input))),
        1 => Some(Start::Seq(u64::from(choice(input)))),
        _ => None,
    };
    let is_counted = how & 16 != 0;
    let mut known = Known::new(None, REWIND);
    match start {
        Some(start) if !is_counted => known = Known::new(Some(start), REWIND),
        Some(Start::Time(time_us)) => known.begin_at_time(time_us),
        Some(Start::Seq(seq)) => known.begin_at_seq(seq),
        None => {}
    }
    let mut seen = HashSet::new();
    if how & 4 != 0 {
        let last = point(input);
        seen.extend(last.identity);
        known.set_last(Origin::clone(&origins[0]), last, how & 8 != 0);
    }
    let mut has_come = false;
    while !input.is_empty() {
        let how = choice(input);
        let origin = &origins[usize::from(how & 1)];
        let begins = known.begin(origin);
        if how & 2 != 0 {
            known.set_live_from(time(input));
        }
        let asked_time = match begins {
            Begins::Time(time_us) | Begins::Asked(Start::Time(time_us)) => Some(time_us),
            _ => None,
        };
        if let Begins::Asked(asked) = begins {
            assert_eq!(Some(asked), start);
        }
        assert!(!(has_come && matches!(begins, Begins::Asked(_) | Begins::Live)));
        let mut is_first = true;
        let mut is_leading = asked_time.is_some();
        let mut reached = None;
        for _ in 0..how >> 2 {
            let point = point(input);
            let admitted = known.admit(&point);
            match admitted {
                Admitted::New => {}
                Admitted::NewBehindGap(from_us) => {
                    assert!(is_first && point.time_us - from_us > GAP_US);
                }
                Admitted::Doubtful => assert!(is_first),
                Admitted::Repeat => {
                    let identity = point.identity.expect("only what has an identity is known");
                    assert!(
                        seen.contains(&identity),
                        "{point:?} is dropped, and was not there"
                    );
                }
                Admitted::Early => {
                    assert!(
                        is_leading && Some(point.time_us) < asked_time,
                        "{point:?} is dropped as early"
                    );
                }
                Admitted::Renumbered => {
                    assert!(is_first);
                    if let Begins::Asked(Start::Seq(seq)) = begins {
                        // The run ends.
                        assert!(seq > 0 && point.seq.is_none_or(|first| first < seq));
                        return;
                    }
                    assert!(matches!(begins, Begins::Seq(_)));
                    known.distrust_numbers();
                    break;
                }
            }
            is_first = false;
            is_leading &= admitted == Admitted::Early;
            if matches!(
                admitted,
                Admitted::New | Admitted::NewBehindGap(_) | Admitted::Doubtful
            ) {
                seen.extend(point.identity);
                reached = Some(point);
            }
        }
        if let Some(point) = reached {
            has_come = true;
            known.reached(origin, &point);
        }
    }
}

/// Servers with the same events, each in its own numbers or without any, cut at any place: each
/// event comes out once, in order.
fn kept_word(mut input: &[u8]) {
    let input = &mut input;
    let origins = origins();
    let points = points(input);
    let mut known = Known::new(None, REWIND);
    let mut came = Vec::new();
    for n_tries in 0..TRIES {
        // At last there is one server without numbers that stays; its first answer may be that it
        // has none.
        let is_last = n_tries >= TRIES - 2;
        let how = if is_last { 0 } else { choice(input) };
        let which = how & 1;
        // The number of the first event; so close together that others have its number elsewhere.
        let first = match how >> 1 & 3 {
            0 => None,
            base => Some(u64::from(7 * base + which)),
        };
        let origin = &origins[usize::from(which)];
        let begin = asked_for(known.begin(origin), first, &points);
        known.set_live_from(NOON);
        let n_sent = usize::from(choice(input));
        let n_sent = if is_last { points.len() } else { n_sent };
        let end = points.len().min(begin + n_sent);
        let mut reached = None;
        for (index, point) in (begin..end).zip(&points[begin..end]) {
            let seq = first.map(|first| first + index as u64);
            let point = Point { seq, ..*point };
            match known.admit(&point) {
                Admitted::New | Admitted::Doubtful => {
                    came.push(index);
                    reached = Some(point);
                }
                Admitted::NewBehindGap(_) => panic!("there is no gap"),
                Admitted::Repeat | Admitted::Early => {
                    assert!(came.contains(&index), "{index} is lost");
                }
                Admitted::Renumbered => {
                    known.distrust_numbers();
                    break;
                }
            }
        }
        if let Some(point) = reached {
            known.reached(origin, &point);
        }
    }
    assert!(came.iter().copied().eq(0..points.len()), "{came:?}");
}

/// Events whose times stand still, go on, and go back by less than the rewind, but not beyond the
/// first.
fn points(input: &mut &[u8]) -> Vec<Point> {
    let n_points = 1 + u64::from(choice(input));
    let (mut time_us, mut latest_us) = (NOON, NOON);
    let point = |n| {
        let step = u64::from(choice(input));
        time_us = match step {
            _ if n == 1 => NOON,
            0..50 => time_us,
            50..200 => time_us + step * 1000,
            200..240 => time_us + step * 20_000,
            // No rewind goes back beyond the first event.
            _ => (time_us - (step - 239) * 500_000).max(NOON.max(latest_us - REWIND_US / 2)),
        };
        latest_us = latest_us.max(time_us);
        Point {
            seq: None,
            time_us,
            identity: Some(identity(n)),
        }
    };
    (1..=n_points).map(point).collect()
}

/// The first event that a server sends. It has been there from the first event on.
fn asked_for(begins: Begins, first: Option<u64>, points: &[Point]) -> usize {
    let index = match (begins, first) {
        (Begins::Asked(_), _) => unreachable!("nothing was asked for"),
        (Begins::Seq(seq), Some(first)) => {
            usize::try_from(seq.saturating_sub(first)).expect("it is small")
        }
        // A server without numbers takes one for a very early time.
        (Begins::Live, _) | (Begins::Seq(_), None) => 0,
        (Begins::Time(from_us), _) => {
            let is_late = |point: &Point| point.time_us >= from_us;
            points.iter().position(is_late).unwrap_or(points.len())
        }
    };
    index.min(points.len())
}
