//! Segment files among the sources that were typed.

use std::path::{Path, PathBuf};

use super::{
    SettingsError,
    address::is_address,
    filter::Wanted,
    history,
    reading::{Reading, open_bad_events},
};
use crate::args::{ConnectionArgs, OnGapArg, SegmentArgs};
use rocketman::{
    Shown,
    segment::{MAX_BLOCK_BYTES, files, is_segment},
    source::{OnGap, segments::SegmentsSettings},
};

/// Whether the sources are segment files or folders of them: all, or none. What `is_replay` names
/// is meant to be, whatever it is called and whether or not it is there.
pub(super) fn are_segments(sources: &[String], is_replay: bool) -> Result<bool, SettingsError> {
    if is_replay {
        return Ok(history::address(sources)?.is_none());
    }
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
    let has_any = || files(path).is_ok_and(|files| !files.is_empty());
    !is_address(source) && (is_segment(path) || (path.is_dir() && has_any()))
}

/// Refuses segment files where a command reads lines.
pub(crate) fn refuse_segments(command: &'static str, source: &str) -> Result<(), SettingsError> {
    if is_one(source) {
        let path = Shown::text(source).to_string();
        return Err(SettingsError::SegmentsForLines { command, path });
    }
    Ok(())
}

/// What of segment files is wanted, where the sources are some. Refuses these flags where they are
/// not, and numbers that leave nothing.
pub(super) fn among(
    sources: &[String],
    is_replay: bool,
    args: SegmentArgs,
) -> Result<Option<SegmentArgs>, SettingsError> {
    let are_segments = are_segments(sources, is_replay)?;
    if let (Some(flag), false) = (args.given(), are_segments || is_replay) {
        return Err(SettingsError::ForSegments(flag));
    }
    match (args.after_seq, args.before_seq) {
        (Some(after), Some(before)) if before <= after => {
            Err(SettingsError::NoNumbers { after, before })
        }
        _ => Ok(are_segments.then_some(args)),
    }
}

/// The segment files that these sources name, or that lie in folders that they name.
pub(super) fn files_of(sources: &[String], is_replay: bool) -> Vec<PathBuf> {
    let ones = sources.iter().filter(|source| is_replay || is_one(source));
    let found = ones.filter_map(|source| files(Path::new(source)).ok());
    found.flatten().collect()
}

/// What to read of them.
pub(super) fn resolve(
    sources: &[String],
    args: SegmentArgs,
    reading: Reading,
    connection: &ConnectionArgs,
    wanted: Wanted,
) -> Result<SegmentsSettings, SettingsError> {
    for (flag, is_given) in [
        ("--quiet-timeout", connection.quiet_timeout.is_some()),
        ("--max-retries", connection.max_retries.is_some()),
        ("--no-compress", connection.no_compress),
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
        after_seq: args.after_seq,
        before_seq: args.before_seq,
        until_us: reading.until_us,
        // What is read is already there, and a hole in it may still be filled.
        on_gap: match reading.on_gap {
            Some(OnGapArg::Warn) => OnGap::Warn,
            None | Some(OnGapArg::Fail) => OnGap::Fail,
            Some(OnGapArg::Replay) => return Err(SettingsError::ReplayOfGaps),
        },
        raw: reading.raw,
        validate: reading.validate,
        sync_events: wanted.keeps_state,
        threads: connection.threads,
        max_block_bytes: args.max_block_size.unwrap_or(MAX_BLOCK_BYTES),
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
