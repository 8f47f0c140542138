//! What of segment files to read, and how large their blocks may be.

use clap::Args;

use super::units::{at_least_1, size};

/// What of segment files
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Segment files")]
pub(crate) struct SegmentArgs {
    /// Only events with a number above this one
    ///
    /// Of segment files. Files and blocks without any are not read. With --cursor or a saved cursor, reading begins at whichever is later.
    #[arg(
        long,
        value_name = "N",
        env = "ROCKETMAN_AFTER_SEQ",
        hide_short_help = true
    )]
    pub(crate) after_seq: Option<u64>,
    /// Only events up to this number, it included
    ///
    /// Of segment files. As servers count in their archives: what is read up to N goes on with --after-seq N.
    #[arg(
        long,
        value_name = "N",
        env = "ROCKETMAN_BEFORE_SEQ",
        value_parser = at_least_1,
        hide_short_help = true
    )]
    pub(crate) before_seq: Option<u64>,
    /// Refuse blocks that hold more than this inflated [default: 256M]
    ///
    /// Of segment files. Blocks of servers hold about 1.3 MB. One of more than 16 MiB is said once, and takes as much memory as it needs.
    #[arg(
        long,
        value_name = "SIZE",
        env = "ROCKETMAN_MAX_BLOCK_SIZE",
        value_parser = size,
        hide_short_help = true
    )]
    pub(crate) max_block_size: Option<u64>,
}

impl SegmentArgs {
    /// One of them that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--after-seq", self.after_seq.is_some()),
            ("--before-seq", self.before_seq.is_some()),
            ("--max-block-size", self.max_block_size.is_some()),
        ];
        flags
            .into_iter()
            .find_map(|(flag, is_given)| is_given.then_some(flag))
    }
}
