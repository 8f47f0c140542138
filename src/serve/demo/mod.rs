//! Invented events in the mix and the sizes of the real stream: no network, and the same again for
//! the same seed.
//!
//! An event is a function of the seed and its number, so nothing is stored, and consumers may begin
//! anywhere.

mod event;
mod text;

use std::{fmt, str::FromStr};

use url::form_urlencoded;

use self::event::{Cids, EPOCH_US, Events};
use super::{
    block::BlockBuilder,
    feed::{Feed, FeedError, FeedPosition, Schedule},
};
use crate::{event::BadEvent, log::address::in_short};

/// Fewer than the public network has at most times, and enough for ten posts in a third of a
/// second.
const DEFAULT_RATE: u32 = 300;

const MOST_RATE: u32 = 1_000_000;

/// So much of the stream there is at least, also where the clock is wrong.
const LEAST_US: u64 = 3600 * SECOND_US;

/// A later place is looked for here: far beyond any clock, and a block of events has room before
/// the latest time that one can have.
const LATEST_US: u64 = 1 << 62;

/// About as many as fill a block.
const EVENTS_PER_BLOCK: u64 = 100;

const SECOND_US: u64 = 1_000_000;

/// How many events there are in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rate {
    /// As many as are taken.
    Max,
    PerSecond(u32),
}

/// Invented events. Everything in them is the same for the same rate, seed and number, their
/// `time_us` too, in every process: who was to go on after one of them recognises it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demo {
    rate: Rate,
    events: Events,
}

/// Why a `demo:` was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// Something follows that is no query.
    #[error("'{0}' is not a demo: write demo: or demo:?rate=1000&seed=7")]
    NotADemo(String),
    /// A parameter that there is not.
    #[error("demo: has no parameter '{0}'; there are rate and seed")]
    Unknown(String),
    /// The same parameter again.
    #[error("demo: the parameter '{0}' is there twice")]
    Twice(&'static str),
    /// A rate that is not a number.
    #[error(
        "demo: the rate '{0}' is neither a number of events a second from 1 to 1000000, nor max"
    )]
    Rate(String),
    /// A seed that is not a number.
    #[error("demo: the seed '{0}' is not a number from 0 to 18446744073709551615")]
    Seed(String),
}

impl Demo {
    /// Whether a source is meant to be one.
    pub fn is_demo(source: &str) -> bool {
        source.starts_with("demo:")
    }

    /// Reads `demo:`, `demo:?rate=1000&seed=7` or `demo:?rate=max`.
    pub fn parse(text: &str) -> Result<Self, DemoError> {
        let refused = || DemoError::NotADemo(in_short(text));
        let rest = text.strip_prefix("demo:").ok_or_else(refused)?;
        let query = match rest {
            "" => "",
            rest => rest.strip_prefix('?').ok_or_else(refused)?,
        };
        let (mut rate, mut seed) = (None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let is_first = match &*name {
                "rate" => rate.replace(parse_rate(&value)?).is_none(),
                "seed" => {
                    let number = value
                        .parse()
                        .map_err(|_| DemoError::Seed(in_short(&value)))?;
                    seed.replace(number).is_none()
                }
                _ => return Err(DemoError::Unknown(in_short(&name))),
            };
            if !is_first {
                return Err(DemoError::Twice(if name == "rate" {
                    "rate"
                } else {
                    "seed"
                }));
            }
        }
        let rate = rate.unwrap_or(Rate::PerSecond(DEFAULT_RATE));
        let per_second = match rate {
            Rate::Max => None,
            Rate::PerSecond(rate) => Some(rate),
        };
        Ok(Self {
            rate,
            events: Events::new(seed.unwrap_or_default(), per_second),
        })
    }

    /// When event `n` happened.
    fn time_us(&self, n: u64, start_us: u64) -> u64 {
        first_us(start_us).saturating_add(self.events.since_us(n))
    }
}

fn parse_rate(text: &str) -> Result<Rate, DemoError> {
    if text == "max" {
        return Ok(Rate::Max);
    }
    match text.parse() {
        Ok(rate @ 1..=MOST_RATE) => Ok(Rate::PerSecond(rate)),
        _ => Err(DemoError::Rate(in_short(text))),
    }
}

fn first_us(start_us: u64) -> u64 {
    EPOCH_US.min(start_us.saturating_sub(LEAST_US))
}

/// See [`Demo::parse`].
impl FromStr for Demo {
    type Err = DemoError;

    fn from_str(text: &str) -> Result<Self, DemoError> {
        Self::parse(text)
    }
}

impl fmt::Display for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rate {
            Rate::Max => write!(f, "demo:?rate=max&seed={}", self.events.seed()),
            Rate::PerSecond(rate) => write!(f, "demo:?rate={rate}&seed={}", self.events.seed()),
        }
    }
}

impl Feed for Demo {
    fn describe(&self) -> String {
        format!("invented events ({self})")
    }

    fn read(&self, index: u64, start_us: u64, block: &mut BlockBuilder) -> Result<bool, FeedError> {
        let first = index.saturating_mul(EVENTS_PER_BLOCK);
        let mut line = Vec::new();
        let mut cids = Cids::default();
        for n in first..first.saturating_add(EVENTS_PER_BLOCK) {
            let time_us = self.time_us(n, start_us);
            line.clear();
            self.events.write(n, time_us, &mut cids, &mut line);
            block
                .push(&line, n.saturating_add(1), time_us)
                .map_err(|error: BadEvent| FeedError {
                    what: format!("invented event {n}"),
                    source: std::io::Error::other(error),
                })?;
        }
        Ok(true)
    }

    fn find(&self, position: FeedPosition, start_us: u64) -> u64 {
        let position = match position {
            FeedPosition::Time(time_us) => FeedPosition::Time(time_us.min(LATEST_US)),
            other => other,
        };
        // Times are rounded down, so that the event before may be the one.
        let before = |time_us: u64| {
            let since_us = time_us.saturating_sub(first_us(start_us));
            self.events.up_to(since_us).saturating_sub(1)
        };
        let n = match position {
            FeedPosition::Beginning => 0,
            FeedPosition::Seq(seq) => seq.saturating_sub(1),
            FeedPosition::Time(time_us) => before(time_us),
            FeedPosition::End => before(LATEST_US),
        };
        n / EVENTS_PER_BLOCK
    }

    fn schedule(&self, start_us: u64) -> Schedule {
        match self.rate {
            Rate::Max => Schedule::Max,
            Rate::PerSecond(_) => Schedule::Timed {
                first_us: start_us,
                speed: 1.0,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_US: u64 = 1_790_000_000_000_000;

    #[test]
    fn a_demo_is_read_with_its_parameters_in_any_order() {
        for (text, shown) in [
            ("demo:", "demo:?rate=300&seed=0"),
            ("demo:?", "demo:?rate=300&seed=0"),
            ("demo:?rate=1000&seed=7", "demo:?rate=1000&seed=7"),
            (
                "demo:?seed=18446744073709551615",
                "demo:?rate=300&seed=18446744073709551615",
            ),
            ("demo:?seed=1&rate=max", "demo:?rate=max&seed=1"),
        ] {
            assert_eq!(Demo::parse(text).unwrap().to_string(), shown);
            assert_eq!(text.parse(), Demo::parse(text));
        }
    }

    #[test]
    fn what_is_wrong_with_a_demo_is_said() {
        for (text, words) in [
            ("demo:x", "'demo:x' is not a demo"),
            ("demo://host", "is not a demo"),
            (
                "demo:?speed=1",
                "no parameter 'speed'; there are rate and seed",
            ),
            ("demo:?rate=0", "the rate '0' is neither"),
            ("demo:?rate=1000001", "the rate '1000001'"),
            ("demo:?rate=fast", "the rate 'fast'"),
            ("demo:?rate", "the rate ''"),
            ("demo:?seed=-1", "the seed '-1'"),
            ("demo:?seed=1&seed=1", "'seed' is there twice"),
            ("demo:?\u{1b}=1", "'\\u{1b}'"),
        ] {
            let error = Demo::parse(text).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn every_place_is_in_the_block_it_is_looked_for_or_the_next() {
        for text in [
            "demo:?rate=7",
            "demo:?rate=300",
            "demo:?rate=999983",
            "demo:?rate=max",
        ] {
            let demo = Demo::parse(text).unwrap();
            for n in [
                0, 1, 99, 100, 101, 12_345, 25_199, 25_200, 25_201, 1_000_000,
            ] {
                let time_us = demo.time_us(n, START_US);
                let block = n / EVENTS_PER_BLOCK;
                assert_eq!(
                    demo.find(FeedPosition::Seq(n + 1), START_US),
                    block,
                    "{text} {n}"
                );
                let found = demo.find(FeedPosition::Time(time_us), START_US);
                assert!(
                    found == block || found + 1 == block,
                    "{text} {n}: {found} {block}"
                );
            }
            assert_eq!(demo.find(FeedPosition::Seq(0), START_US), 0);
            assert_eq!(demo.find(FeedPosition::Time(0), START_US), 0);
        }
    }

    #[test]
    fn a_number_far_ahead_does_no_harm() {
        let demo = Demo::parse("demo:").unwrap();
        for position in [
            FeedPosition::Seq(999_999_999_999_999),
            FeedPosition::Time(u64::MAX),
        ] {
            let mut block = BlockBuilder::new(false);
            let index = demo.find(position, START_US);
            assert!(demo.read(index, START_US, &mut block).unwrap());
        }
    }
}
