//! Segment files among the sources that were typed.

use std::path::Path;

use super::{
    SettingsError,
    filter::Wanted,
    reading::{Reading, open_bad_events},
};
use crate::args::{ConnectionArgs, OnGapArg};
use rocketman::{
    Shown,
    segment::{files, is_segment},
    source::{OnGap, segments::SegmentsSettings},
};

/// Whether the sources are segment files or folders of them: all, or none.
pub(super) fn are_segments(sources: &[String]) -> Result<bool, SettingsError> {
    let (files, others): (Vec<_>, Vec<_>) = sources.iter().partition(|source| is_one(source));
    match (files.first(), others.first()) {
        (None, _) => Ok(false),
        (Some(_), None) => Ok(true),
        (Some(_), Some(other)) => {
            let other = Shown::address(other).to_string();
            Err(SettingsError::MixedSegments(other))
        }
    }
}

/// A host is never called like a segment file; a folder may be, and is one only with such files.
fn is_one(source: &str) -> bool {
    let path = Path::new(source);
    let is_address = source.contains("://");
    let has_any = || files(path).is_ok_and(|files| !files.is_empty());
    !is_address && (is_segment(path) || (path.is_dir() && has_any()))
}

/// What to read of them.
pub(super) fn resolve(
    sources: &[String],
    reading: Reading,
    connection: &ConnectionArgs,
    wanted: Wanted,
) -> Result<SegmentsSettings, SettingsError> {
    for (flag, is_given) in [
        ("--quiet-timeout", connection.quiet_timeout.is_some()),
        ("--max-retries", connection.max_retries.is_some()),
        ("--no-compress", connection.no_compress),
        ("--threads", connection.threads > 1),
    ] {
        if is_given {
            return Err(SettingsError::NotForSegments(flag));
        }
    }
    Ok(SegmentsSettings {
        collections: wanted.collections,
        dids: wanted.dids,
        kinds: wanted.kinds,
        start: reading.start,
        start_if_new: reading.start_if_new,
        until_us: reading.until_us,
        // What is read is already there, and a hole in it may still be filled.
        on_gap: reading.on_gap.map_or(OnGap::Fail, OnGapArg::into),
        rules: reading.rules,
        bad_events: reading.bad_events.map(open_bad_events).transpose()?,
        ..SegmentsSettings::new(sources)
    })
}

/// What is read, in words.
pub(super) fn describe(settings: &SegmentsSettings) -> String {
    let shown = |path: &Path| Shown::text(&path.to_string_lossy()).to_string();
    let first = settings
        .paths
        .first()
        .map(|path| shown(path))
        .unwrap_or_default();
    match settings.paths.len() {
        0 | 1 => format!("the segment files of {first}, to their end"),
        n => format!(
            "the segment files of {first} and {} more, to their end",
            n - 1
        ),
    }
}
