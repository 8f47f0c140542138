//! Which files are written, and how, from what was typed.

use std::path::PathBuf;

use super::{SettingsError, roles::refuse_address, suffix, table::TableFlagError};
use crate::args::{CheckpointArg, FileArgs};
use rocketman::{
    compressed::FrameFormat,
    sink::{FileSettings, LineFormat, Pattern},
};

/// What a file sink is to do with this path or pattern.
pub(super) fn resolve(
    path: PathBuf,
    format: LineFormat,
    args: &FileArgs,
) -> Result<FileSettings, SettingsError> {
    refuse_address("--output", &path)?;
    suffix::check_output(&path)?;
    if format.is_json() {
        suffix::check_no_table(&path)?;
    }
    if suffix::is_parquet(&path) && !format.is_json() {
        return Err(TableFlagError::WithParquet("--format").into());
    }
    let pattern = if args.rotates() {
        Pattern::numbered(&path)
    } else {
        Pattern::parse(&path)
    };
    let pattern = pattern.map_err(|source| SettingsError::Pattern { path, source })?;
    for (flag, is_given) in [
        ("--max-files", args.max_files.is_some()),
        ("--max-open-files", args.max_open_files.is_some()),
    ] {
        if is_given && !pattern.has_collection() {
            return Err(SettingsError::ForCollections(flag));
        }
    }
    let mut settings = FileSettings::new(pattern);
    settings.format = format;
    let form = settings.frame_format();
    match (form, args.compression_level) {
        (FrameFormat::Gzip, Some(level @ 10..)) => return Err(SettingsError::GzipLevel(level)),
        (FrameFormat::Plain, Some(_)) if !settings.is_parquet() => {
            return Err(SettingsError::ForCompressed("--compression-level"));
        }
        (_, level) => settings.compression_level = level,
    }
    if let Some(CheckpointArg { bytes, every }) = args.checkpoint {
        if form == FrameFormat::Plain && !settings.is_parquet() {
            return Err(SettingsError::ForCompressed("--checkpoint"));
        }
        settings.checkpoint_bytes = bytes.unwrap_or(settings.checkpoint_bytes);
        settings.checkpoint_every = every.unwrap_or(settings.checkpoint_every);
    }
    if args.row_group_size.is_some() && !settings.is_parquet() {
        return Err(TableFlagError::ForParquet("--row-group-size").into());
    }
    args.apply(&mut settings);
    Ok(settings)
}

/// Refuses flags of files where events go elsewhere.
pub(super) fn refuse(args: &FileArgs) -> Result<(), SettingsError> {
    match args.given().into_iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(SettingsError::ForFiles(flag)),
        None => Ok(()),
    }
}
