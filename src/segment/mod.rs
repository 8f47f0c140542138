//! Segment files (`.jss`), in which a Jetstream server keeps its history: rows in blocks, and a
//! footer from which a reader knows what the blocks hold before it inflates one.
//!
//! [`inspect`](fn@inspect) says what a file holds, and whether it is whole; [`seams`] what is
//! missing between files. [`Packer`] makes files of lines.

mod block;
mod bloom;
mod bytes;
mod collections;
mod entry;
mod error;
mod fetched;
mod file;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod header;
mod holes;
mod inflate;
mod inspect;
mod line;
#[cfg(feature = "serve")]
mod lookup;
mod manifest;
mod names;
mod outline;
mod pack;
mod prune;
mod reader;
mod row;
mod unline;
mod upstream;
mod writer;

pub(crate) use self::{
    block::Rows,
    bloom::{AccountHash, Bloom, BloomBuilder, BloomSize},
    collections::{CollectionIndex, has as has_bit},
    entry::{BlockEntry, PREFIX_BYTES},
    error::{Damage, Fault},
    fetched::{Expected, FetchedBlock},
    file::{Footer, SegmentFile},
    header::{HEADER_BYTES, Opening, SegmentHeader},
    inflate::{BlockInflater, USUAL_BYTES},
    line::{LineError, LinePrinter, Printed},
    manifest::{Copied, CopiedFile, Manifest, ManifestError},
    names::{index as segment_index, name as segment_name},
    outline::Outline,
    reader::BlockReader,
    row::{Kind, Row},
    writer::{SegmentWriter, TooLong},
};
pub use self::{
    error::SegmentError,
    holes::{FileRange, Seam, seams},
    inflate::MAX_BLOCK_BYTES,
    inspect::{Holding, InspectSettings, Inspection, KindCounts, inspect},
    names::{files, is_manifest, is_segment},
    pack::{PackError, PackSettings, Packed, Packer},
    prune::{PruneError, prune},
};

#[cfg(test)]
mod tests;
