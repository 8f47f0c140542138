//! The calls of an archive, offered as was typed.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use tracing::warn;

use crate::settings::CallSettings;
use rocketman::{
    PipelineSettings, Shown,
    serve::{Archive, ArchiveCalls, ArchiveError},
};

/// A key is shorter, in any service.
const MAX_KEY_BYTES: u64 = 4096;

/// Why archive calls are not answered as was typed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallsError {
    #[error("{flag} cannot be heeded, for archive calls are not answered")]
    Unheeded {
        flag: String,
        #[source]
        error: Box<ArchiveError>,
    },
    #[error("--key-file: cannot read '{}'", Shown::text(&path.to_string_lossy()))]
    KeyFile {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error("--key-file: '{}' is not a key: one line of letters, digits and signs", Shown::text(&path.to_string_lossy()))]
    NoKey { path: PathBuf },
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// The calls by which the files of an archive are fetched; none where they have names by which
/// nobody could ask for them. Blocks the thread.
pub(super) fn offer(
    archive: &Archive,
    settings: CallSettings,
) -> Result<Option<ArchiveCalls>, CallsError> {
    let mut calls = match (ArchiveCalls::new(archive), settings.flag) {
        (Ok(calls), _) => calls,
        (Err(error @ ArchiveError::Unnamed(_)), None) => {
            warn!(target: PipelineSettings::STATE_TARGET, "archive calls are not answered: {error}");
            return Ok(None);
        }
        (Err(error), Some(flag)) => {
            let error = Box::new(error);
            return Err(CallsError::Unheeded { flag, error });
        }
        (Err(error), None) => return Err(error.into()),
    };
    if let Some(n) = settings.plan_max_entries {
        calls.plan_max_entries = n;
    }
    if let Some(quota) = settings.quota {
        calls = calls.quota(quota);
    }
    if let Some(path) = settings.key_file {
        calls = calls.key(&key(&path)?);
    }
    Ok(Some(calls))
}

/// The key in a file.
pub(super) fn key(path: &Path) -> Result<String, CallsError> {
    let mut text = String::new();
    let read =
        File::open(path).and_then(|file| file.take(MAX_KEY_BYTES + 1).read_to_string(&mut text));
    read.map_err(|error| CallsError::KeyFile {
        path: path.to_owned(),
        error,
    })?;
    let key = text.trim();
    let is_key = !key.is_empty()
        && text.len() as u64 <= MAX_KEY_BYTES
        && key.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_key {
        return Err(CallsError::NoKey {
            path: path.to_owned(),
        });
    }
    Ok(key.to_owned())
}
