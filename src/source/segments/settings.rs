//! Which segment files to read, and what of them.

use std::{
    ops::{Range, RangeInclusive},
    path::PathBuf,
    sync::Arc,
};

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
    /// Only events with a higher number, wherever the reading begins.
    pub after_seq: Option<u64>,
    /// Only events up to this number, it included.
    pub before_seq: Option<u64>,
    /// Events that the server saw at this time or later are left out, in microseconds since 1970.
    /// As times are not strictly in order, no single one ends the reading.
    pub until_us: Option<u64>,
    /// What a hole between the files of a folder means. One between files that are named is only
    /// said.
    pub on_gap: OnGap,
    /// On how many cores blocks are inflated and printed. With one, that is done by the task that
    /// reads; with more, by as many threads, each of which holds one block, compressed and
    /// inflated, and 4 MiB of lines that nobody took yet.
    pub threads: u8,
    /// The most that a block may hold inflated.
    pub max_block_bytes: u64,
    /// Keep raw line ends within a line, which otherwise become spaces.
    pub raw: bool,
    /// Parse all of each event, its record included, and leave out what is not JSON, as a bad event.
    pub validate: bool,
    /// Sync events become lines too, which of the wires only the second one has.
    pub sync_events: bool,
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
            after_seq: None,
            before_seq: None,
            until_us: None,
            on_gap: OnGap::Fail,
            threads: 1,
            max_block_bytes: MAX_BLOCK_BYTES,
            raw: false,
            validate: false,
            sync_events: false,
            bad_events: None,
        }
    }

    /// How rows become lines.
    pub(super) fn rows(&self) -> RowSettings {
        RowSettings {
            threads: self.threads,
            max_block_bytes: self.max_block_bytes,
            rules: LineRules {
                raw: self.raw,
                validate: self.validate,
            },
            sync_events: self.sync_events,
            bad_events: self.bad_events.clone(),
        }
    }
}

/// How rows become lines.
#[derive(Debug, Clone)]
pub(in crate::source) struct RowSettings {
    /// On how many cores that is done.
    pub(in crate::source) threads: u8,
    /// The most that a block may hold inflated.
    pub(in crate::source) max_block_bytes: u64,
    /// What is done to each line.
    pub(in crate::source) rules: LineRules,
    /// Whether sync events become lines.
    pub(in crate::source) sync_events: bool,
    /// Where rows are kept that have no line.
    pub(in crate::source) bad_events: Option<Arc<BadEventFile>>,
}

/// The numbers and the times that are wanted.
#[derive(Debug, Clone)]
pub(in crate::source) struct Bounds {
    pub(in crate::source) numbers: RangeInclusive<u64>,
    /// Witnessed times.
    pub(in crate::source) times: Range<i64>,
}

impl Bounds {
    /// Those of the settings, from where the reading begins.
    pub(super) fn new(settings: &SegmentsSettings, start: Option<Start>) -> Self {
        let end = settings.until_us.map_or(i64::MAX, signed);
        // Number 0 is no event: after it is from the first one on, whichever that is.
        let after = settings.after_seq.filter(|after| *after > 0);
        let mut from = after.map_or(0, |after| after.saturating_add(1));
        let mut times = i64::MIN..end;
        match start {
            Some(Start::Seq(seq)) => from = from.max(seq),
            Some(Start::Time(time_us)) => times.start = signed(time_us),
            None => {}
        }
        Self {
            numbers: from..=settings.before_seq.unwrap_or(u64::MAX),
            times,
        }
    }

    /// Whether any number and time of these ranges is wanted.
    pub(in crate::source) fn meet(
        &self,
        numbers: RangeInclusive<u64>,
        min_time: i64,
        max_time: i64,
    ) -> bool {
        self.have_any_of(numbers) && max_time >= self.times.start && min_time < self.times.end
    }

    /// Whether any of these numbers is wanted.
    pub(super) fn have_any_of(&self, numbers: RangeInclusive<u64>) -> bool {
        numbers.end() >= self.numbers.start() && numbers.start() <= self.numbers.end()
    }

    pub(super) fn have(&self, seq: u64, time: i64) -> bool {
        self.numbers.contains(&seq) && self.times.contains(&time)
    }
}

fn signed(time_us: u64) -> i64 {
    i64::try_from(time_us).unwrap_or(i64::MAX)
}
