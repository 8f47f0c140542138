//! The files of a store while it is open: what is in them, for those who read and the one who
//! writes.

use std::{
    collections::VecDeque,
    fs::File,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use super::segment::{Part, Segment, Stretch};
use crate::{
    event::micros,
    serve::feed::{Extent, FeedPosition},
};

/// How much is kept. What is older or beyond goes, the oldest first and by the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// How long events are kept after they came; `None` for no limit.
    pub age: Option<Duration>,
    /// How many bytes of them are kept on the disk; `None` for no limit.
    pub bytes: Option<u64>,
}

/// The lines of a batch as they lie in their file, each of which ends in a newline.
#[derive(Debug, Default)]
pub(super) struct Newest {
    pub(super) lines: Vec<u8>,
    /// The number of its first event, and of the one behind its last.
    pub(super) first: u64,
    pub(super) next: u64,
}

/// All files, the newest last, and how far they reach.
#[derive(Debug)]
pub(super) struct Shelf {
    segments: Mutex<VecDeque<Segment>>,
    extent: watch::Sender<Extent>,
    /// The batch that was written last, which all who are not behind read next.
    newest: Mutex<Arc<Newest>>,
    /// Keeps others out as long as anybody reads or writes here.
    _lock: Option<File>,
}

impl Shelf {
    /// Files in order; the next event gets the number `next`.
    pub(super) fn new(segments: VecDeque<Segment>, next: u64, lock: Option<File>) -> Self {
        let extent = Extent {
            first: segments.front().map_or(next, Segment::first),
            next,
            is_over: false,
        };
        Self {
            segments: Mutex::new(segments),
            extent: watch::channel(extent).0,
            newest: Mutex::default(),
            _lock: lock,
        }
    }

    /// What tells how far the store reaches.
    pub(super) fn growth(&self) -> watch::Receiver<Extent> {
        self.extent.subscribe()
    }

    pub(super) fn extent(&self) -> Extent {
        *self.extent.borrow()
    }

    /// Nothing more is added.
    pub(super) fn end(&self) {
        self.extent.send_modify(|extent| extent.is_over = true);
    }

    /// The latest time of any event.
    pub(super) fn latest_us(&self) -> u64 {
        let segments = self.segments();
        let last = segments.iter().rev().find_map(|one| one.parts.last());
        last.map_or(0, |part| part.latest_us)
    }

    /// Adds a file, which has no batch yet.
    pub(super) fn begin(&self, segment: Segment) {
        self.segments().push_back(segment);
    }

    /// Adds a batch to the newest file.
    pub(super) fn add(&self, part: Part, next: u64, bytes: u64, stored_us: u64) {
        if let Some(newest) = self.segments().back_mut() {
            newest.add(part, next, bytes, stored_us);
        }
    }

    /// Readers find what was added from now on, of which this is the last batch. Their own runtime says so, for another thread would
    /// have to wake it for each of them.
    pub(super) fn announce(&self, batch: Newest) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(batch);
        let segments = self.segments();
        let (Some(oldest), Some(newest)) = (segments.front(), segments.back()) else {
            return;
        };
        let (first, next) = (oldest.first(), newest.next);
        drop(segments);
        self.extent.send_modify(|extent| {
            extent.first = first;
            extent.next = next;
        });
    }

    /// The batch that was written last, if it holds this number.
    pub(super) fn newest(&self, number: u64) -> Option<Arc<Newest>> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = (newest.first..newest.next).contains(&number);
        holds.then(|| Arc::clone(&newest))
    }

    /// Nothing more is written to the newest file: `seal` is given it.
    pub(super) fn seal(&self, seal: impl FnOnce(&Segment)) {
        if let Some(newest) = self.segments().back_mut() {
            newest.coarsen(0);
            seal(newest);
        }
    }

    /// Takes out what is beyond the retention, and returns the names of those files. The newest
    /// file stays.
    pub(super) fn forget(&self, retention: &Retention, now_us: u64) -> Vec<PathBuf> {
        let mut segments = self.segments();
        let mut bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
        let oldest_us = retention.age.map(|age| now_us.saturating_sub(micros(age)));
        let mut forgotten = Vec::new();
        while segments.len() > 1
            && let Some(oldest) = segments.front()
        {
            let is_old = oldest_us.is_some_and(|oldest_us| oldest.stored_us < oldest_us);
            let is_beyond = retention.bytes.is_some_and(|most| bytes > most);
            if !is_old && !is_beyond {
                break;
            }
            bytes -= oldest.bytes;
            forgotten.extend(oldest.path.clone());
            segments.pop_front();
        }
        let first = segments.front().map(Segment::first);
        drop(segments);
        self.extent.send_if_modified(|extent| {
            let first = first.unwrap_or(extent.next);
            std::mem::replace(&mut extent.first, first) != first
        });
        forgotten
    }

    /// The bytes to read for the event of this number, or the next one there is; `None` where there
    /// is none yet.
    pub(super) fn stretch(&self, number: u64) -> Option<Stretch> {
        let segments = self.segments();
        let at = segments.partition_point(|segment| segment.next <= number);
        segments.iter().skip(at).find_map(|one| one.stretch(number))
    }

    /// The number to begin with for a place.
    pub(super) fn find(&self, position: FeedPosition) -> u64 {
        let Extent { first, next, .. } = self.extent();
        match position {
            FeedPosition::Beginning => first,
            FeedPosition::End => next,
            FeedPosition::Seq(number) => number.clamp(first, next),
            FeedPosition::Time(time_us) => {
                let segments = self.segments();
                let mut parts = segments.iter().filter_map(|one| one.since(time_us));
                parts.next().map_or(next, |part| part.first)
            }
        }
    }

    /// What may hold an event since this time, the newest first, as far as these bytes reach.
    pub(super) fn since(&self, time_us: u64, most_bytes: u64) -> Vec<Stretch> {
        let segments = self.segments();
        let mut found = Vec::new();
        let mut left = most_bytes;
        for segment in segments.iter().rev() {
            let Some(from) = segment.since(time_us) else {
                continue;
            };
            let tail = segment.tail(from.offset.max(segment.bytes.saturating_sub(left)));
            left -= tail.as_ref().map_or(0, |tail| tail.bytes);
            found.extend(tail);
            if segment.parts.first() != Some(&from) {
                break;
            }
        }
        found
    }

    /// The last batches of all.
    pub(super) fn last(&self) -> Option<Stretch> {
        let segments = self.segments();
        segments.iter().rev().find_map(Segment::last_stretch)
    }

    fn segments(&self) -> MutexGuard<'_, VecDeque<Segment>> {
        // Nothing panics while it is held.
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
