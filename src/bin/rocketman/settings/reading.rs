//! What flags say about a source, whatever kind of source it is.

use std::{path::PathBuf, sync::Arc, time::Duration};

#[cfg(feature = "nats")]
use super::nats::NatsOverrides;
use super::{SettingsError, suffix};
use crate::args::{HistoryArgs, OnGapArg, SegmentArgs};
use rocketman::{event::Start, source::BadEventFile};

/// What stands for the partition in a subject: that of the shard, counted from 0 as servers and our
/// sink count them.
pub(super) const SHARD: &str = "{shard}";

/// What flags say about a source besides its address and its connection.
pub(super) struct Reading {
    pub(super) start: Option<Start>,
    /// Where to begin when nothing was saved yet.
    pub(super) start_if_new: Option<Start>,
    pub(super) rewind: Duration,
    pub(super) on_gap: Option<OnGapArg>,
    pub(super) exit_at_end: bool,
    /// When to end, where the source itself leaves out what is later.
    pub(super) until_us: Option<u64>,
    pub(super) raw: bool,
    pub(super) validate: bool,
    pub(super) bad_events: Option<PathBuf>,
    /// What of segment files, where the source is of them.
    pub(super) segments: Option<SegmentArgs>,
    /// What of the archive of a service, where the source is one.
    pub(super) archive: Option<(SegmentArgs, HistoryArgs)>,
    /// Who you are on NATS.
    #[cfg(feature = "nats")]
    pub(super) given: NatsOverrides,
    /// Messages of NATS go into another stream as they are.
    #[cfg(feature = "nats")]
    pub(super) is_carried: bool,
}

/// Whether the address of a stream names the partition of the shard.
pub(super) fn is_of_shard(address: &str) -> bool {
    address.contains(SHARD) || address.contains("%7Bshard%7D")
}

pub(super) fn open_bad_events(path: PathBuf) -> Result<Arc<BadEventFile>, SettingsError> {
    suffix::check_plain("--bad-events", &path)?;
    BadEventFile::open(&path)
        .map(Arc::new)
        .map_err(|source| SettingsError::BadEvents { path, source })
}
