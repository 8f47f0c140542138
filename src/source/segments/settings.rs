//! Which segment files to read, and what of them.

use std::{ops::Range, path::PathBuf, sync::Arc};

use crate::{
    event::{CollectionPattern, Did, Kind, LineRules, Start},
    segment::MAX_BLOCK_BYTES,
    source::{BadEventFile, OnGap},
};

/// The kind of source in origins and cursor files.
pub(super) const SOURCE: &str = "segments";

/// How to read segment files. The defaults read everything.
#[derive(Debug, Clone)]
pub struct SegmentsSettings {
    /// Segment files, or folders of them.
    pub paths: Vec<PathBuf>,
    /// Of commits only these collections; none means all. What no block of a file has is not read.
    pub collections: Vec<CollectionPattern>,
    /// Only these accounts; none means all. What is certainly of others is not read.
    pub dids: Vec<Did>,
    /// Only these kinds; none means all.
    pub kinds: Vec<Kind>,
    /// Where to begin, in place of a saved cursor. A time is that at which the server saw an event.
    pub start: Option<Start>,
    /// Where to begin when nothing was saved yet.
    pub start_if_new: Option<Start>,
    /// Events that the server saw at this time or later are left out, in microseconds since 1970.
    /// As times are not strictly in order, no single one ends the reading.
    pub until_us: Option<u64>,
    /// What a hole between the files of a folder means. One between files that are named is only
    /// said.
    pub on_gap: OnGap,
    /// The most that a block may hold inflated.
    pub max_block_bytes: u64,
    /// How lines are read.
    pub rules: LineRules,
    /// Where rows are kept that have no line.
    pub bad_events: Option<Arc<BadEventFile>>,
}

impl SegmentsSettings {
    /// Everything that is in these files and folders.
    pub fn new<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self {
            paths: paths.into_iter().map(Into::into).collect(),
            collections: Vec::new(),
            dids: Vec::new(),
            kinds: Vec::new(),
            start: None,
            start_if_new: None,
            until_us: None,
            on_gap: OnGap::Fail,
            max_block_bytes: MAX_BLOCK_BYTES,
            rules: LineRules::default(),
            bad_events: None,
        }
    }
}

/// The numbers and the times that are wanted.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    /// The first number.
    pub(super) from: u64,
    /// Witnessed times.
    pub(super) times: Range<i64>,
}

impl Bounds {
    pub(super) fn new(start: Option<Start>, until_us: Option<u64>) -> Self {
        let end = until_us.map_or(i64::MAX, signed);
        let mut bounds = Self {
            from: 0,
            times: i64::MIN..end,
        };
        match start {
            Some(Start::Seq(seq)) => bounds.from = seq,
            Some(Start::Time(time_us)) => bounds.times.start = signed(time_us),
            None => {}
        }
        bounds
    }

    /// Whether any number and time of these ranges is wanted.
    pub(super) fn meet(&self, max_seq: u64, min_time: i64, max_time: i64) -> bool {
        max_seq >= self.from && max_time >= self.times.start && min_time < self.times.end
    }

    pub(super) fn have(&self, seq: u64, time: i64) -> bool {
        seq >= self.from && self.times.contains(&time)
    }
}

fn signed(time_us: u64) -> i64 {
    i64::try_from(time_us).unwrap_or(i64::MAX)
}
