//! A message that does not arrive in time, again and again, and how it is stepped over.
//!
//! The line may be slow for a while, and what only looks like a message is gone with its
//! connection: only a message that was met twice at one place, and by every server, is left out.
//! The servers are asked to do that by its size, which moves the place behind nothing else. Where
//! one sends it all the same, the place moves by what its beginning says, or in growing steps.

use std::time::Duration;

use super::resume::Past;
use crate::event::{Point, scan};

/// So often a message has to be met before it is stepped over.
const TWICE: usize = 2;

/// How much of its beginning is kept.
const EXCERPT: usize = 160;

/// A message that is begun and not complete.
#[derive(Debug, Clone, Default)]
pub(super) struct UnderWay {
    /// Its size, or what is known of it.
    bytes: u64,
    is_text: bool,
    beginning: Vec<u8>,
}

impl UnderWay {
    pub(super) fn new(bytes: u64, is_text: bool, payload: &[u8]) -> Self {
        Self {
            bytes,
            is_text,
            beginning: payload.get(..EXCERPT).unwrap_or(payload).to_vec(),
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn beginning(&self) -> &[u8] {
        &self.beginning
    }

    /// The largest limit on sizes that leaves it out. Zstd makes nothing longer by more than a
    /// little (RFC 8878, section 3.1).
    fn limit(&self) -> u32 {
        let least = if self.is_text {
            self.bytes
        } else {
            self.bytes.saturating_sub(self.bytes / 512 + 64)
        };
        u32::try_from(least.saturating_sub(1))
            .unwrap_or(u32::MAX)
            .max(1)
    }

    fn point(&self) -> Option<Point> {
        scan::beginning(&self.beginning).filter(|_| self.is_text)
    }
}

/// How a message is to be stepped over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The server is asked to leave out what is larger than this.
    Size(u32),
    /// The next connection begins after it.
    Past(Past),
}

/// What is known of a message that does not arrive, while nothing new came.
#[derive(Debug, Default)]
pub(super) struct Slow {
    met: u32,
    message: UnderWay,
    step: Option<Step>,
}

impl Slow {
    /// A message took too long. Whether it is stepped over from now on, having been met often
    /// enough for this number of servers.
    pub(super) fn note(&mut self, message: UnderWay, servers: usize) -> bool {
        self.met = self.met.saturating_add(1);
        let enough = u32::try_from(servers.max(TWICE)).unwrap_or(u32::MAX);
        let Some(further) = self.met.checked_sub(enough) else {
            return false;
        };
        self.step = Some(match further {
            0 => Step::Size(message.limit()),
            further => Step::Past(Past {
                point: message.point(),
                steps: 1_u64.checked_shl(further - 1).unwrap_or(u64::MAX),
            }),
        });
        self.message = message;
        further == 0
    }

    /// Something new came.
    pub(super) fn reset(&mut self) {
        if self.met > 0 {
            *self = Self::default();
        }
    }

    pub(super) fn step(&self) -> Option<Step> {
        self.step
    }

    /// The message that the next connection steps over, if it does.
    pub(super) fn stepping(&self) -> Option<Stepping> {
        let step = self.step?;
        Some(Stepping {
            message: self.message.clone(),
            met: self.met,
            by_size: matches!(step, Step::Size(_)),
        })
    }
}

/// A message that the present connection steps over.
#[derive(Debug)]
pub(super) struct Stepping {
    pub(super) message: UnderWay,
    pub(super) met: u32,
    /// The server leaves out others of its size too, so that the connection is good for one event.
    pub(super) by_size: bool,
}

impl Stepping {
    /// What happened to the message, and what is missing with it.
    pub(super) fn account(&self, limit: Duration) -> String {
        let limit = humantime::format_duration(limit);
        let (bytes, met) = (self.message.bytes, self.met);
        let missing = if self.by_size {
            "it is left out, with others of its size in between"
        } else {
            "it is left out, with whatever lies in between"
        };
        format!(
            "a message of {bytes} bytes took longer than {limit} to arrive, {met} times; {missing}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] = br#"{"did":"did:plc:a","time_us":1700000000000000,"cursor":7,"kind":"#;

    fn text(bytes: u64, beginning: &[u8]) -> UnderWay {
        UnderWay::new(bytes, true, beginning)
    }

    #[test]
    fn a_message_is_left_out_when_it_was_met_twice() {
        let mut slow = Slow::default();
        assert!(!slow.note(text(5000, b""), 1));
        assert_eq!(slow.step(), None);
        assert!(slow.note(text(5000, b""), 1));
        assert_eq!(slow.step(), Some(Step::Size(4999)));
        slow.reset();
        assert_eq!(slow.step(), None);
        assert!(!slow.note(text(5000, b""), 1));
    }

    #[test]
    fn every_server_is_asked_for_it_before() {
        let mut slow = Slow::default();
        let steps = (0..4).map(|_| slow.note(text(9, b""), 4));
        assert_eq!(steps.collect::<Vec<_>>(), [false, false, false, true]);
    }

    #[test]
    fn the_limit_is_below_what_is_compressed_to_its_size() {
        let limit = |bytes| UnderWay::new(bytes, false, b"").limit();
        assert_eq!(limit(1024 * 1024), 1024 * 1024 - 2048 - 64 - 1);
        // No limit at all is what 0 means.
        assert_eq!((limit(0), text(1, b"").limit()), (1, 1));
        assert_eq!(text(1 << 40, b"").limit(), u32::MAX);
    }

    #[test]
    fn what_comes_all_the_same_is_passed_by_its_own_place() {
        let mut slow = Slow::default();
        for _ in 0..3 {
            slow.note(text(5000, PLAIN), 1);
        }
        let point = Point {
            seq: Some(7),
            time_us: 1_700_000_000_000_000,
            identity: None,
        };
        let past = Past {
            point: Some(point),
            steps: 1,
        };
        assert_eq!(slow.step(), Some(Step::Past(past)));
    }

    #[test]
    fn what_does_not_say_its_place_is_passed_in_growing_steps() {
        let mut slow = Slow::default();
        slow.note(text(5000, b""), 1);
        slow.note(text(5000, b""), 1);
        let steps = (0..4).map(|_| {
            // What is compressed says nothing here, whatever it looks like.
            slow.note(UnderWay::new(5000, false, PLAIN), 1);
            slow.step()
        });
        let past = |steps| Some(Step::Past(Past { point: None, steps }));
        assert_eq!(steps.collect::<Vec<_>>(), [1, 2, 4, 8].map(past));
        for _ in 0..100 {
            slow.note(text(5000, b""), 1);
        }
        assert_eq!(slow.step(), past(u64::MAX));
    }
}
