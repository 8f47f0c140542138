//! The feeds of this crate, as one type.

use super::{
    block::BlockBuilder,
    demo::Demo,
    feed::{Feed, FeedError, Pace, Place},
    recording::Recording,
};

/// Invented or recorded events.
#[derive(Debug)]
pub enum AnyFeed {
    /// Invented ones.
    Demo(Demo),
    /// Recorded ones.
    Recording(Box<Recording>),
}

impl Feed for AnyFeed {
    fn describe(&self) -> String {
        match self {
            Self::Demo(feed) => feed.describe(),
            Self::Recording(feed) => feed.describe(),
        }
    }

    fn read(&self, index: u64, start_us: u64, block: &mut BlockBuilder) -> Result<bool, FeedError> {
        match self {
            Self::Demo(feed) => feed.read(index, start_us, block),
            Self::Recording(feed) => feed.read(index, start_us, block),
        }
    }

    fn find(&self, place: Place, start_us: u64) -> u64 {
        match self {
            Self::Demo(feed) => feed.find(place, start_us),
            Self::Recording(feed) => feed.find(place, start_us),
        }
    }

    fn pace(&self, start_us: u64) -> Pace {
        match self {
            Self::Demo(feed) => feed.pace(start_us),
            Self::Recording(feed) => feed.pace(start_us),
        }
    }
}
