//! The archive of a service among the sources that were typed.

use std::{fs, path::Path};

use super::{
    Environment, SettingsError,
    address::{is_address, is_nats},
};
use crate::args::{HistoryArgs, SegmentArgs};
use rocketman::{
    Shown,
    source::{
        history::{ArchiveKey, HistorySettings},
        jetstream::JetstreamSettings,
    },
};

/// The variable that holds the key.
const KEY: &str = "ROCKETMAN_JETSTREAM_KEY";

/// The largest file that may hold a key.
const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;

/// The address among what `rocketman replay` was given, which then stands alone.
pub(super) fn address(sources: &[String]) -> Result<Option<&String>, SettingsError> {
    let Some(address) = sources.iter().find(|source| is_address(source)) else {
        return Ok(None);
    };
    let shown = |source: &String| Shown::address(source).to_string();
    if is_nats(address) || address.starts_with("demo:") {
        return Err(SettingsError::NoReplay(shown(address)));
    }
    match sources.iter().find(|source| *source != address) {
        Some(other) => Err(SettingsError::MixedArchive(shown(other))),
        None if sources.len() > 1 => Err(SettingsError::MixedArchive(shown(address))),
        None => Ok(Some(address)),
    }
}

/// What of it was asked for, where the sources are one.
pub(super) fn among(
    sources: &[String],
    is_replay: bool,
    segments: SegmentArgs,
    args: HistoryArgs,
) -> Result<Option<(SegmentArgs, HistoryArgs)>, SettingsError> {
    let is_archive = is_replay && address(sources)?.is_some();
    match (args.given(), is_archive) {
        (Some(flag), false) => Err(SettingsError::ForHistory(flag)),
        _ => Ok(is_archive.then_some((segments, args))),
    }
}

/// What to read of it. `live` has its address, and what was said of the service as such.
pub(super) fn resolve(
    sources: &[String],
    args: &HistoryArgs,
    segments: SegmentArgs,
    live: JetstreamSettings,
    environment: &Environment,
) -> Result<HistorySettings, SettingsError> {
    let endpoint = live
        .endpoints
        .first()
        .filter(|endpoint| endpoint.is_service());
    let Some(endpoint) = endpoint.cloned() else {
        let address = sources
            .first()
            .map(|source| Shown::address(source).to_string());
        return Err(SettingsError::NoArchive(address.unwrap_or_default()));
    };
    let defaults = HistorySettings::new(endpoint);
    Ok(HistorySettings {
        key: key(args.key_file.as_deref(), environment)?,
        follow: args.follow,
        after_seq: segments.after_seq,
        before_seq: segments.before_seq,
        max_bytes: args.max_bytes,
        max_rate: args.max_rate,
        max_block_bytes: segments.max_block_size.unwrap_or(defaults.max_block_bytes),
        live,
        ..defaults
    })
}

/// How a service is read of which the archive has what its socket no longer has.
pub(super) fn after_gaps(
    sources: &[String],
    live: JetstreamSettings,
    environment: &Environment,
) -> Result<HistorySettings, SettingsError> {
    let endpoint = match live.endpoints.as_slice() {
        [endpoint] if endpoint.is_service() && !sources.is_empty() => endpoint.clone(),
        _ => return Err(SettingsError::ReplayOfGaps),
    };
    Ok(HistorySettings {
        key: key(None, environment)?,
        follow: !live.exit_at_end,
        begins_live: true,
        threads: live.threads,
        live,
        ..HistorySettings::new(endpoint)
    })
}

/// The key, of the file or of the variable.
fn key(
    file: Option<&Path>,
    environment: &Environment,
) -> Result<Option<ArchiveKey>, SettingsError> {
    let (text, from) = match (file, environment.get(KEY)) {
        (Some(path), _) => (read(path)?, format!("'{}'", path.display())),
        (None, Some(text)) => (text.to_owned(), KEY.to_owned()),
        (None, None) => return Ok(None),
    };
    let key = ArchiveKey::parse(&text);
    key.map(Some)
        .map_err(|source| SettingsError::ArchiveKey { from, source })
}

fn read(path: &Path) -> Result<String, SettingsError> {
    let failed = |source| SettingsError::KeyFile {
        path: path.to_owned(),
        source,
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.len() > MAX_KEY_FILE_BYTES {
        return Err(failed(std::io::Error::other("it is too large to be a key")));
    }
    fs::read_to_string(path).map_err(failed)
}

/// What is read, in words.
pub(super) fn describe(settings: &HistorySettings) -> String {
    let host = settings.live.endpoints.first();
    let host = host.map(ToString::to_string).unwrap_or_default();
    if settings.begins_live {
        return host;
    }
    if settings.before_seq.is_some() {
        format!("the archive of {host}")
    } else if settings.follow {
        format!("the archive of {host}, then its socket")
    } else {
        format!("the archive of {host}, then its socket up to now")
    }
}
