//! What a file sink is to do.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use super::Pattern;
#[cfg(feature = "parquet")]
use crate::table::Column;
use crate::{
    compressed::FrameFormat,
    platform::paths::FileId,
    sink::{LineFormat, RECALL},
};

/// What files end in that are made of row groups.
const PARQUET: &str = "parquet";

/// Where a [`FileSink`](super::FileSink) writes to, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSettings {
    /// The file, or the pattern of their names.
    pub pattern: Pattern,
    /// How events are written. What is not JSON cannot be read back, so that after a server has
    /// renumbered its events the last ones may come again.
    pub format: LineFormat,
    /// How much work is put into files that are compressed, as the suffix of their names says: 1 to
    /// 9 for `.gz` (usually 6), 1 to 22 for `.zst` (usually 3).
    pub compression_level: Option<u32>,
    /// Begin the next file when one has this many bytes on the disk. A compressed one may have one
    /// checkpoint more.
    pub rotate_bytes: Option<u64>,
    /// Begin the next file at each multiple of this, by the server's time of the events, counted
    /// from 1970.
    pub rotate_every: Option<Duration>,
    /// Begin the next file when one has this many events.
    pub rotate_events: Option<u64>,
    /// Compressed files end a frame and are made durable at the pace of the cursor, but not before
    /// this many bytes of lines came, for each file on average, or the oldest line has waited for
    /// `checkpoint_every`. It is also the most that is compressed in one piece.
    pub checkpoint_bytes: u64,
    /// How long the oldest line waits for that.
    pub checkpoint_every: Duration,
    /// How many collections may have a file of their own at once; what there is of others goes to
    /// one file that they share.
    pub max_files: NonZeroUsize,
    /// How many files may be open at once, one for each collection.
    pub max_open_files: NonZeroUsize,
    /// What something else is written to or read from. No output file is ever one of them, whatever
    /// name the pattern makes.
    pub reserved: Vec<PathBuf>,
    /// How far back events are to be found again when a run goes on, by their time.
    pub recall: Duration,
    /// Columns of one's own, of files that end in `.parquet`.
    #[cfg(feature = "parquet")]
    pub columns: Vec<Column>,
    /// Whether such files have the records.
    pub has_record: bool,
    /// How many bytes of lines the open row groups of all such files have together before the
    /// largest is finished.
    pub row_group_bytes: u64,
    /// Wait until there is room again where a disk is full, rather than fail.
    pub waits_for_room: bool,
}

impl FileSettings {
    /// These names, compressed as their suffix says, with the defaults for all the rest.
    pub fn new(pattern: Pattern) -> Self {
        Self {
            pattern,
            compression_level: None,
            format: LineFormat::default(),
            rotate_bytes: None,
            rotate_every: None,
            rotate_events: None,
            checkpoint_bytes: 128 * 1024,
            checkpoint_every: Duration::from_secs(30),
            max_files: const { NonZeroUsize::new(1000).expect("it is not 0") },
            max_open_files: const { NonZeroUsize::new(100).expect("it is not 0") },
            reserved: Vec::new(),
            recall: RECALL,
            #[cfg(feature = "parquet")]
            columns: Vec::new(),
            has_record: true,
            row_group_bytes: 64 * 1024 * 1024,
            waits_for_room: false,
        }
    }

    /// How the files are compressed: as the suffix of their names says.
    pub fn frame_format(&self) -> FrameFormat {
        FrameFormat::of_suffix(self.pattern.suffix())
    }

    /// Whether the files are made of row groups, as of Parquet.
    pub fn is_parquet(&self) -> bool {
        self.pattern.suffix() == PARQUET.as_bytes()
    }

    /// How what is written is compressed: the lines of a journal too.
    pub(super) fn written_format(&self) -> FrameFormat {
        if self.is_parquet() {
            return FrameFormat::Zstd;
        }
        self.frame_format()
    }

    /// The one file that all goes into and that is never complete, where there is such a one.
    pub(super) fn fixed(&self) -> Option<PathBuf> {
        self.pattern.as_fixed().filter(|_| !self.is_parquet())
    }

    /// Whether two names are one file, also where neither is there yet. What is no regular file is
    /// never one: any number may write to it.
    pub fn is_same_file(one: &Path, other: &Path) -> bool {
        FileId::of(one).is_some_and(|one| FileId::of(other) == Some(one))
    }

    /// Whether a last line that was torn can be ended by a line end.
    pub(super) fn has_lines(&self) -> bool {
        self.written_format() == FrameFormat::Plain && self.format.ends_lines()
    }
}

/// Whether a file of this name is made of row groups.
pub(super) fn is_parquet(name: &Path) -> bool {
    name.extension().is_some_and(|suffix| suffix == PARQUET)
}
