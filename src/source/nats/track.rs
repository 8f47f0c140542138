//! Where in the stream we are, and what became of the stream meanwhile.
//!
//! A number counts in one making of a stream: its instance, known by the time it was made. With it
//! a place is exact, so a resume goes on after the last message and need not meet it again.

use std::time::Duration;

use super::delivery::Delivery;
use crate::event::{Origin, Place, Point, Position, Start, Trail, micros};

/// A first message that is this much later than the time that was asked for means that there were
/// others (design, section 4).
const GAP_TOLERANCE: Duration = Duration::from_secs(60);

/// What is looked at of a stream before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StreamState {
    /// When it was made.
    pub(super) instance: String,
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
    /// When the first message was stored, in microseconds since 1970.
    pub(super) first_us: u64,
}

/// Where a consumer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadFrom {
    /// With the message of this number, or the next one that is left.
    Seq(u64),
    /// With the first message of this time, in microseconds since 1970.
    Time(u64),
}

/// Messages that were wanted and are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// Limits removed those between these two, or somebody purged them.
    Removed { from: u64, to: u64 },
    /// The stream ends before the place: it lost its end.
    CutBack { from: u64, to: u64 },
    /// The stream was deleted and made anew.
    MadeAnew { from: u64, to: u64 },
    /// What was asked for by time, in microseconds since 1970, is older than the first message.
    Older { from_us: u64, to_us: u64 },
}

/// What the next consumer goes on with.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    /// What comes after the last message that there is.
    New,
    /// What there is.
    First,
    Seq(u64),
    Time(u64),
    /// Behind this saved place, in the stream it is of.
    Behind(Box<Origin>, Point),
}

/// The place in the stream.
#[derive(Debug)]
pub(super) struct Track {
    next: Next,
    /// The instance in which `next` counts; unknown before the first look, and for a number that
    /// was asked for.
    instance: Option<String>,
    rewind: Duration,
    /// Where a resume in another stream begins.
    earliest_us: u64,
}

impl Track {
    pub(super) fn new(start: Option<Start>, rewind: Duration) -> Self {
        let next = match start {
            None => Next::New,
            Some(Start::Seq(0)) => Next::First,
            Some(Start::Seq(seq)) => Next::Seq(seq),
            Some(Start::Time(time_us)) => Next::Time(time_us),
        };
        Self {
            next,
            instance: None,
            rewind,
            earliest_us: 0,
        }
    }

    /// Goes on from a saved place in the stream of this name, or from the last message of it that
    /// was read since.
    pub(super) fn resume(&mut self, place: &Place, trail: &Trail, host: &str) {
        self.next = match place {
            Place::Reached(position) => {
                let highest_us = trail.highest_us.max(position.point.time_us);
                self.earliest_us = highest_us.saturating_sub(micros(self.rewind));
                let is_near = |other: &&Position| {
                    other.origin.host == host && other.point.time_us >= self.earliest_us
                };
                let other = trail.others.iter().find(is_near);
                let other = other.filter(|_| position.origin.host != host);
                let Position { origin, point } = other.unwrap_or(position);
                if trail.first_us <= highest_us {
                    self.earliest_us = self.earliest_us.max(trail.first_us);
                }
                Next::Behind(Box::new(origin.clone()), *point)
            }
            Place::Time { time_us, .. } => Next::Time(*time_us),
            Place::Seq { seq, origin } => {
                let point = Point {
                    seq: Some(*seq),
                    time_us: 0,
                    identity: None,
                };
                Next::Behind(Box::new(origin.clone()), point)
            }
        };
    }

    /// The number of the message that is to come next, where one is known.
    pub(super) fn next_seq(&self) -> Option<u64> {
        match self.next {
            Next::Seq(seq) => Some(seq),
            _ => None,
        }
    }

    /// Whether a message comes before the place. A consumer whose replica lags behind the place
    /// begins at its own end, and then delivers all that it gets.
    pub(super) fn is_before(&self, delivery: Delivery) -> bool {
        match self.next {
            Next::Seq(seq) => delivery.seq < seq,
            Next::Time(time_us) => delivery.time_ns / 1000 < time_us,
            Next::New | Next::First | Next::Behind(..) => false,
        }
    }

    /// The message of this number was read.
    pub(super) fn reached(&mut self, seq: u64) {
        self.next = Next::Seq(seq.saturating_add(1));
    }

    /// Decides where to begin in a stream that is as it is now, and what is missing there. `host`
    /// is its name in origins.
    pub(super) fn begin(&mut self, host: &str, stream: &StreamState) -> (ReadFrom, Option<Gap>) {
        let known = self.instance.replace(stream.instance.clone());
        let first = stream.first_seq.max(1);
        let (seq, instance) = match &self.next {
            Next::New => (stream.last_seq.saturating_add(1), None),
            Next::First => (first, None),
            Next::Seq(seq) => (*seq, known),
            Next::Time(time_us) => return (ReadFrom::Time(*time_us), older(*time_us, stream)),
            Next::Behind(origin, point) => {
                let made_anew = origin
                    .instance
                    .as_ref()
                    .is_some_and(|made| *made != stream.instance);
                let (Some(seq), true) = (point.seq, origin.host == host || !made_anew) else {
                    // Another stream: its numbers mean nothing here.
                    let time_us = self.earliest_us;
                    self.next = Next::Time(time_us);
                    return (ReadFrom::Time(time_us), older(time_us, stream));
                };
                let seq = seq.saturating_add(u64::from(point.identity.is_some()));
                (seq, origin.instance.clone())
            }
        };
        let from = seq.saturating_sub(1);
        let end = stream.last_seq.saturating_add(1);
        let (seq, gap) = if instance.is_some_and(|made| made != stream.instance) {
            (first, Some(Gap::MadeAnew { from, to: first }))
        } else if seq < first {
            (first, Some(Gap::Removed { from, to: first }))
        } else if seq > end {
            (end, Some(Gap::CutBack { from, to: end }))
        } else {
            (seq, None)
        };
        self.next = Next::Seq(seq);
        (ReadFrom::Seq(seq), gap)
    }
}

/// The first message is much later than what was asked for, and not the first that ever was.
fn older(time_us: u64, stream: &StreamState) -> Option<Gap> {
    let is_later = stream.first_us > time_us.saturating_add(micros(GAP_TOLERANCE));
    (stream.first_seq > 1 && stream.last_seq >= stream.first_seq && is_later).then_some(
        Gap::Older {
            from_us: time_us,
            to_us: stream.first_us,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Identity;

    const HOST: &str = "nats://h:4222/S";

    fn stream(instance: &str, first_seq: u64, last_seq: u64) -> StreamState {
        StreamState {
            instance: instance.to_owned(),
            first_seq,
            last_seq,
            first_us: 1_000_000_000,
        }
    }

    fn track(start: Option<Start>) -> Track {
        Track::new(start, Duration::from_secs(10))
    }

    fn saved(seq: Option<u64>, host: &str, instance: &str) -> Place {
        Place::Reached(Position {
            origin: Origin {
                source: "nats".into(),
                host: host.to_owned(),
                instance: Some(instance.to_owned()),
            },
            point: Point {
                seq,
                time_us: 2_000_000_000,
                identity: Some(Identity::of_rest(b"")),
            },
        })
    }

    fn resumed(place: &Place, stream: &StreamState) -> (ReadFrom, Option<Gap>) {
        let mut track = track(None);
        track.resume(place, &Trail::default(), HOST);
        track.begin(HOST, stream)
    }

    #[test]
    fn without_a_position_it_begins_after_the_last_message() {
        let mut track = track(None);
        let expected = (ReadFrom::Seq(51), None);
        assert_eq!(track.begin(HOST, &stream("a", 1, 50)), expected);
        // What came while it was connected again is new too.
        assert_eq!(track.begin(HOST, &stream("a", 1, 60)), expected);
        track.reached(55);
        assert_eq!(track.begin(HOST, &stream("a", 1, 60)).0, ReadFrom::Seq(56));
    }

    #[test]
    fn an_empty_stream_begins_with_its_first_message() {
        for (first, last) in [(0, 0), (1, 0)] {
            let begun = track(None).begin(HOST, &stream("a", first, last));
            assert_eq!(begun, (ReadFrom::Seq(1), None));
        }
        assert_eq!(
            track(None).begin(HOST, &stream("a", 51, 50)),
            (ReadFrom::Seq(51), None)
        );
    }

    #[test]
    fn a_number_is_inclusive_and_0_is_the_first_message() {
        let begin = |seq| track(Some(Start::Seq(seq))).begin(HOST, &stream("a", 10, 50));
        assert_eq!(begin(0), (ReadFrom::Seq(10), None));
        assert_eq!(begin(10), (ReadFrom::Seq(10), None));
        let gap = Gap::Removed { from: 4, to: 10 };
        assert_eq!(begin(5), (ReadFrom::Seq(10), Some(gap)));
        assert_eq!(begin(51), (ReadFrom::Seq(51), None));
        let gap = Gap::CutBack { from: 51, to: 51 };
        assert_eq!(begin(52), (ReadFrom::Seq(51), Some(gap)));
    }

    #[test]
    fn a_saved_place_is_behind_us() {
        let place = saved(Some(20), HOST, "a");
        let begun = resumed(&place, &stream("a", 1, 50));
        assert_eq!(begun, (ReadFrom::Seq(21), None));
        let begun = resumed(&place, &stream("a", 1, 20));
        assert_eq!(begun, (ReadFrom::Seq(21), None));
        let gap = Gap::Removed { from: 20, to: 31 };
        let begun = resumed(&place, &stream("a", 31, 50));
        assert_eq!(begun, (ReadFrom::Seq(31), Some(gap)));
        let gap = Gap::CutBack { from: 20, to: 16 };
        let begun = resumed(&place, &stream("a", 1, 15));
        assert_eq!(begun, (ReadFrom::Seq(16), Some(gap)));
    }

    #[test]
    fn a_stream_that_was_made_anew_is_read_from_its_beginning() {
        let gap = Gap::MadeAnew { from: 20, to: 1 };
        let begun = resumed(&saved(Some(20), HOST, "a"), &stream("b", 1, 50));
        assert_eq!(begun, (ReadFrom::Seq(1), Some(gap)));
        let mut track = track(None);
        track.begin(HOST, &stream("a", 1, 50));
        track.reached(60);
        let gap = Gap::MadeAnew { from: 60, to: 1 };
        assert_eq!(
            track.begin(HOST, &stream("b", 0, 0)),
            (ReadFrom::Seq(1), Some(gap))
        );
        assert_eq!(
            track.begin(HOST, &stream("b", 0, 0)),
            (ReadFrom::Seq(1), None)
        );
    }

    #[test]
    fn another_stream_is_read_by_time_and_a_renamed_one_is_not() {
        let place = saved(Some(20), "nats://other:4222/S", "a");
        let begun = resumed(&place, &stream("a", 1, 50));
        assert_eq!(begun, (ReadFrom::Seq(21), None));
        let begun = resumed(&place, &stream("b", 1, 50));
        assert_eq!(begun, (ReadFrom::Time(1_990_000_000), None));
    }

    #[test]
    fn a_time_before_the_first_message_is_a_gap_only_after_others() {
        let at = |time_us| track(Some(Start::Time(time_us)));
        let begun = at(900_000_000).begin(HOST, &stream("a", 1, 50));
        assert_eq!(begun, (ReadFrom::Time(900_000_000), None));
        let gap = Gap::Older {
            from_us: 900_000_000,
            to_us: 1_000_000_000,
        };
        let begun = at(900_000_000).begin(HOST, &stream("a", 7, 50));
        assert_eq!(begun, (ReadFrom::Time(900_000_000), Some(gap)));
        let begun = at(950_000_000).begin(HOST, &stream("a", 7, 50));
        assert_eq!(begun, (ReadFrom::Time(950_000_000), None));
    }
}
