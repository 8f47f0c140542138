//! What is wrong with a segment file: which file, where in it, and what.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::log::printable;

/// Why a segment file cannot be read, or not any further.
///
/// `Display` names the file, and the block and the number where there is one.
#[derive(Debug)]
pub struct SegmentError {
    path: PathBuf,
    block: Option<u32>,
    fault: Fault,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("cannot be read")]
    Io(#[source] io::Error),
    #[error("is not a segment file: it does not begin with 'jss0'")]
    Foreign,
    #[error("is of version {0} of the format, and only version 1 is known")]
    Version(u16),
    #[error("is damaged: {0}")]
    Damaged(Damage),
    #[error("holds {bytes} bytes inflated, and at most {limit} are read")]
    TooLarge {
        /// What it says that it holds.
        bytes: u64,
        /// What is allowed.
        limit: u64,
    },
    #[error("lists {collections} collections, and at most {limit} are shown")]
    TooMany {
        /// What it lists.
        collections: usize,
        /// What is shown.
        limit: usize,
    },
    #[error("was replaced by another one while it was read")]
    Replaced,
}

/// Which part of a file does not fit the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    #[error("it ends within its header")]
    Short,
    #[error("its header says neither that it is sealed nor that it is not")]
    Header,
    #[error("the parts of its footer do not lie one after the other within it")]
    Offsets,
    #[error("header and footer do not have the checksum that the header says")]
    Checksum,
    #[error("the footer says that the block lies outside of the blocks, or within the one before")]
    Place,
    #[error("the footer says of the block what cannot be")]
    Entry,
    #[error("the footer counts other events than the header")]
    Count,
    #[error("number {seq} does not come after number {after}, the last one before")]
    Order {
        /// The number.
        seq: u64,
        /// The one before.
        after: u64,
    },
    #[error("the blooms of the footer are not as many as its blocks")]
    Blooms,
    #[error("the collections of the footer cannot be read")]
    Collections,
    #[error("another length stands before the block than in the footer")]
    Length,
    #[error("the length that stands before it is not that of its frame")]
    Prefix,
    #[error("it is not one frame of zstd")]
    Frame,
    #[error("its frame has no checksum, so that nothing would show damage")]
    Unchecked,
    #[error("it cannot be inflated")]
    Zstd,
    #[error("its rows do not have the lengths that it says")]
    Columns,
    #[error("a row is of a kind that is not known")]
    Kind,
    #[error("it does not hold as many events as the footer says")]
    Events,
    #[error("number {0} lies outside of the range that the footer says")]
    Range(u64),
    #[error("the time of number {0} lies outside of the range that the footer says")]
    Time(u64),
    #[error("the footer does not say that '{}' is among the collections", printable(&String::from_utf8_lossy(.0)))]
    Unlisted(Name),
    #[error("the footer says that a collection is in the block, and it is not")]
    Listed,
    #[error("the footer counts other events of a collection than there are")]
    Counted,
    #[error("the header counts other accounts than there are")]
    Accounts,
    #[error("a bloom of the footer denies the account of number {0}")]
    Denied(u64),
}

impl Damage {
    /// Whether it may come of a frame of which not all was written.
    pub(crate) fn is_of_frame(self) -> bool {
        matches!(self, Self::Frame | Self::Unchecked | Self::Zstd)
    }
}

/// The name of a collection, cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    bytes: [u8; Self::LONGEST],
    n: u8,
}

impl Name {
    const LONGEST: usize = 64;

    pub(crate) fn new(name: &[u8]) -> Self {
        let mut bytes = [0; Self::LONGEST];
        let n = name.len().min(Self::LONGEST);
        if let (Some(to), Some(from)) = (bytes.get_mut(..n), name.get(..n)) {
            to.copy_from_slice(from);
        }
        // At most 64.
        let n = u8::try_from(n).unwrap_or_default();
        Self { bytes, n }
    }
}

impl std::ops::Deref for Name {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.n)).unwrap_or_default()
    }
}

impl SegmentError {
    pub(crate) fn new(path: &Path, block: Option<u32>, fault: impl Into<Fault>) -> Self {
        Self {
            path: path.to_owned(),
            block,
            fault: fault.into(),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The block of the file, counted from 0, where it is one.
    pub fn block(&self) -> Option<u32> {
        self.block
    }

    /// What the system said, where it refused something.
    pub fn io_error(&self) -> Option<&io::Error> {
        match &self.fault {
            Fault::Io(error) => Some(error),
            _ => None,
        }
    }

    /// Whether a block holds more than the limit that was set.
    pub fn is_too_large(&self) -> bool {
        matches!(self.fault, Fault::TooLarge { .. })
    }

    pub(crate) fn fault(&self) -> &Fault {
        &self.fault
    }
}

impl fmt::Display for SegmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = printable(&self.path.to_string_lossy());
        match self.block {
            Some(block) => write!(f, "block {block} of '{path}' {}", self.fault),
            None => write!(f, "'{path}' {}", self.fault),
        }
    }
}

impl std::error::Error for SegmentError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.fault)
    }
}

impl From<Damage> for Fault {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
