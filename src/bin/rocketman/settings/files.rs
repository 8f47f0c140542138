//! Which files are written, and how, from what was typed.

use std::{num::NonZeroUsize, path::PathBuf};

use super::{SettingsError, roles::refuse_address, suffix};
use crate::args::{FileArgs, OnDiskFullArg};
use rocketman::sink::{Compression, FileSettings, Pattern, Rotation};

/// What a file sink is to do with this path or pattern.
pub(super) fn resolve(path: PathBuf, args: &FileArgs) -> Result<FileSettings, SettingsError> {
    let FileArgs {
        rotate_size,
        rotate_every,
        rotate_count,
        compression_level,
        checkpoint,
        max_files,
        max_open_files,
        on_disk_full,
    } = *args;
    let rotation = Rotation {
        bytes: rotate_size,
        every: rotate_every,
        events: rotate_count,
    };
    refuse_address("--output", &path)?;
    suffix::check_output(&path)?;
    let pattern = if rotation.is_any() {
        Pattern::numbered(&path)
    } else {
        Pattern::parse(&path)
    };
    let pattern = pattern.map_err(|source| SettingsError::Pattern { path, source })?;
    for (flag, is_given) in [
        ("--max-files", max_files.is_some()),
        ("--max-open-files", max_open_files.is_some()),
    ] {
        if is_given && !pattern.has_collection() {
            return Err(SettingsError::ForCollections(flag));
        }
    }
    let defaults = FileSettings::new(pattern);
    let compression = match (defaults.compression, compression_level) {
        (compression, None) => compression,
        (Compression::Gzip(_), Some(level @ 10..)) => {
            return Err(SettingsError::GzipLevel(level));
        }
        (Compression::Gzip(_), Some(level)) => Compression::Gzip(level),
        (Compression::Zstd(_), Some(level)) => Compression::Zstd(level.cast_signed()),
        // Not compressed, or in a way that has no levels.
        (_, Some(_)) => return Err(SettingsError::ForCompressed("--compression-level")),
    };
    if checkpoint.is_some() && compression == Compression::Plain {
        return Err(SettingsError::ForCompressed("--checkpoint"));
    }
    let checkpoint = checkpoint.unwrap_or_default();
    Ok(FileSettings {
        compression,
        rotation,
        checkpoint_bytes: checkpoint.bytes.unwrap_or(defaults.checkpoint_bytes),
        checkpoint_every: checkpoint.every.unwrap_or(defaults.checkpoint_every),
        max_files: max_files
            .and_then(|most| NonZeroUsize::new(most.into()))
            .unwrap_or(defaults.max_files),
        max_open_files: max_open_files.unwrap_or(defaults.max_open_files),
        waits_for_room: on_disk_full == Some(OnDiskFullArg::Wait),
        ..defaults
    })
}

/// Refuses flags of files where events go elsewhere.
pub(super) fn refuse(args: &FileArgs) -> Result<(), SettingsError> {
    let FileArgs {
        rotate_size,
        rotate_every,
        rotate_count,
        compression_level,
        checkpoint,
        max_files,
        max_open_files,
        on_disk_full,
    } = args;
    for (flag, is_given) in [
        ("--rotate-size", rotate_size.is_some()),
        ("--rotate-every", rotate_every.is_some()),
        ("--rotate-count", rotate_count.is_some()),
        ("--compression-level", compression_level.is_some()),
        ("--checkpoint", checkpoint.is_some()),
        ("--max-files", max_files.is_some()),
        ("--max-open-files", max_open_files.is_some()),
        ("--on-disk-full", on_disk_full.is_some()),
    ] {
        if is_given {
            return Err(SettingsError::ForFiles(flag));
        }
    }
    Ok(())
}
