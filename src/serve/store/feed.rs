//! A store as what is served.

use std::sync::Arc;

use tokio::sync::watch;

use super::{read, shelf::Shelf};
use crate::serve::{
    block::BlockBuilder,
    feed::{Extent, Feed, FeedError, FeedPosition, Schedule},
};

/// What a store holds, and what is added to it while it is served.
#[derive(Debug)]
pub struct StoreFeed {
    shelf: Arc<Shelf>,
    /// What comes, in words.
    description: String,
}

impl StoreFeed {
    pub(super) fn new(shelf: Arc<Shelf>, description: String) -> Self {
        Self { shelf, description }
    }

    /// How far it reaches at this moment.
    pub fn extent(&self) -> Extent {
        self.shelf.extent()
    }
}

impl Feed for StoreFeed {
    fn describe(&self) -> String {
        self.description.clone()
    }

    fn read(&self, index: u64, _: u64, block: &mut BlockBuilder) -> Result<bool, FeedError> {
        let Extent { next, .. } = self.shelf.extent();
        if index >= next {
            return Ok(false);
        }
        let Some(stretch) = self.shelf.stretch(index) else {
            // These numbers are nobody's.
            block.set_next(next);
            return Ok(true);
        };
        let line = |number, line: &[u8]| {
            if number >= index {
                // What cannot be read was no event that anybody could be sent.
                block.push_own(line).ok();
            }
        };
        read::each(&stretch, line, |_| ())?;
        block.set_next(stretch.next);
        Ok(true)
    }

    fn read_now(&self, index: u64, block: &mut BlockBuilder) -> bool {
        let Some(newest) = self.shelf.newest(index) else {
            return false;
        };
        let lines = newest.lines.split(|byte| *byte == b'\n');
        for (line, number) in lines.zip(newest.first..) {
            if number >= index && !line.is_empty() {
                block.push_own(line).ok();
            }
        }
        block.set_next(newest.next);
        true
    }

    fn find(&self, position: FeedPosition, _: u64) -> u64 {
        self.shelf.find(position)
    }

    fn schedule(&self, _: u64) -> Schedule {
        Schedule::Live
    }

    fn growth(&self) -> Option<watch::Receiver<Extent>> {
        Some(self.shelf.growth())
    }
}
