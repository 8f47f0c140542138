//! How the archive of a service is to be read, and what comes after it.

use super::key::ArchiveKey;
use crate::{
    event::{Kind, LineRules, Start},
    segment::MAX_BLOCK_BYTES,
    source::{
        jetstream::{Endpoint, JetstreamSettings},
        segments::{Bounds, RowSettings},
    },
};

/// How to read the archive of a Jetstream service. By default everything up to the moment at which
/// the run begins.
#[derive(Debug, Clone)]
pub struct HistorySettings {
    /// Which service, what of it, from where on, and how its socket is read once the archive is.
    /// The first of the endpoints is the service. Where commits of some collections are asked for,
    /// and no kinds, whatever the archive has of other kinds is read too, and that is nearly all of
    /// it.
    pub live: JetstreamSettings,
    /// Of the archive only these kinds, where that has to be fewer than of the socket.
    pub archive_kinds: Option<Vec<Kind>>,
    /// Sync events of the archive become lines too, as those of the socket do.
    pub sync_events: bool,
    /// Who may read the archive, where it has to be known.
    pub key: Option<ArchiveKey>,
    /// Whether to go on live, in place of an end.
    pub follow: bool,
    /// Whether to begin with the socket, without a beginning from now on, and read from the archive
    /// only what that no longer has.
    pub begins_live: bool,
    /// Only events with a higher number, wherever the reading begins.
    pub after_seq: Option<u64>,
    /// Only events up to this number, which has to lie in the archive: its socket is not read.
    pub before_seq: Option<u64>,
    /// Events of this time or later are left out, in microseconds since 1970. As times are not
    /// strictly in order, no single one ends the reading.
    pub until_us: Option<u64>,
    /// Read at most so many bytes of the archive, and end there.
    pub max_bytes: Option<u64>,
    /// Read at most so many bytes of it a second.
    pub max_rate: Option<u64>,
    /// On how many cores blocks are inflated and printed.
    pub threads: u8,
    /// The most that a block may hold inflated.
    pub max_block_bytes: u64,
}

impl HistorySettings {
    /// Everything of a service, up to now.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            live: JetstreamSettings {
                endpoints: vec![endpoint],
                ..JetstreamSettings::default()
            },
            archive_kinds: None,
            sync_events: false,
            key: None,
            follow: false,
            begins_live: false,
            after_seq: None,
            before_seq: None,
            until_us: None,
            max_bytes: None,
            max_rate: None,
            threads: 1,
            max_block_bytes: MAX_BLOCK_BYTES,
        }
    }

    /// How rows become lines.
    pub(super) fn rows(&self) -> RowSettings {
        RowSettings {
            threads: self.threads,
            max_block_bytes: self.max_block_bytes,
            rules: LineRules {
                raw: self.live.raw,
                validate: self.live.validate,
            },
            sync_events: self.sync_events,
            bad_events: self.live.bad_events.clone(),
        }
    }

    /// The kinds that are read of the archive; none means all.
    pub(super) fn archive_kinds(&self) -> &[Kind] {
        self.archive_kinds.as_deref().unwrap_or(&self.live.kinds)
    }

    /// The same as the archive is asked for them.
    pub(super) fn kinds(&self) -> Vec<&'static str> {
        let kinds = self.archive_kinds().iter().filter_map(|kind| match kind {
            Kind::Commit => Some("commit"),
            Kind::Identity => Some("identity"),
            Kind::Account => Some("account"),
            Kind::Sync => Some("sync"),
            // No row has one that is not known.
            Kind::Other => None,
        });
        kinds.collect()
    }

    /// The numbers from one on, and the times from one on, that are wanted.
    pub(super) fn bounds(&self, from: u64, since_us: Option<u64>) -> Bounds {
        let signed = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
        let after = self.after_seq.map_or(0, |after| after.saturating_add(1));
        Bounds {
            numbers: from.max(after).max(1)..=self.before_seq.unwrap_or(u64::MAX),
            times: since_us.map_or(i64::MIN, signed)..self.until_us.map_or(i64::MAX, signed),
        }
    }

    /// Where to begin when nothing was saved.
    pub(super) fn start(&self) -> Option<Start> {
        self.live.start.or(self.live.start_if_new)
    }
}
