//! The feeds of this crate, as one type.

use tokio::sync::watch;

#[cfg(feature = "segments")]
use super::archive::Archive;
use super::{
    block::BlockBuilder,
    demo::Demo,
    feed::{Extent, Feed, FeedError, FeedPosition, Schedule},
    recording::Recording,
    store::StoreFeed,
};

/// Invented or recorded events, those of an archive, or of a live stream.
#[derive(Debug)]
pub enum AnyFeed {
    /// Invented ones.
    Demo(Demo),
    /// Recorded ones.
    Recording(Box<Recording>),
    /// The history of a server.
    #[cfg(feature = "segments")]
    Archive(Box<Archive>),
    /// What a store holds and is given.
    Live(StoreFeed),
}

impl Feed for AnyFeed {
    fn describe(&self) -> String {
        match self {
            Self::Demo(feed) => feed.describe(),
            Self::Recording(feed) => feed.describe(),
            #[cfg(feature = "segments")]
            Self::Archive(feed) => feed.describe(),
            Self::Live(feed) => feed.describe(),
        }
    }

    fn read(&self, index: u64, start_us: u64, block: &mut BlockBuilder) -> Result<bool, FeedError> {
        match self {
            Self::Demo(feed) => feed.read(index, start_us, block),
            Self::Recording(feed) => feed.read(index, start_us, block),
            #[cfg(feature = "segments")]
            Self::Archive(feed) => feed.read(index, start_us, block),
            Self::Live(feed) => feed.read(index, start_us, block),
        }
    }

    fn read_now(&self, index: u64, block: &mut BlockBuilder) -> bool {
        match self {
            Self::Live(feed) => feed.read_now(index, block),
            _ => false,
        }
    }

    fn find(&self, position: FeedPosition, start_us: u64) -> u64 {
        match self {
            Self::Demo(feed) => feed.find(position, start_us),
            Self::Recording(feed) => feed.find(position, start_us),
            #[cfg(feature = "segments")]
            Self::Archive(feed) => feed.find(position, start_us),
            Self::Live(feed) => feed.find(position, start_us),
        }
    }

    fn schedule(&self, start_us: u64) -> Schedule {
        match self {
            Self::Demo(feed) => feed.schedule(start_us),
            Self::Recording(feed) => feed.schedule(start_us),
            #[cfg(feature = "segments")]
            Self::Archive(feed) => feed.schedule(start_us),
            Self::Live(feed) => feed.schedule(start_us),
        }
    }

    fn growth(&self) -> Option<watch::Receiver<Extent>> {
        match self {
            Self::Demo(feed) => feed.growth(),
            Self::Recording(feed) => feed.growth(),
            #[cfg(feature = "segments")]
            Self::Archive(feed) => feed.growth(),
            Self::Live(feed) => feed.growth(),
        }
    }
}
