//! The rules of design section 4, one test each.

mod beginnings;
mod gaps;
mod killed;
mod known;
mod numbers;
mod repeats;
mod times;

use super::{
    beginning::EVERYTHING_US,
    recent::{FORGOTTEN_AT_ONCE, MAX_RECENT_EVENTS},
    seam::ENOUGH_BEYOND,
    *,
};
use crate::event::Identity;

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
