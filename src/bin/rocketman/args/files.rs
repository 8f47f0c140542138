//! How output files are named, compressed and begun anew.

use std::{num::NonZeroUsize, time::Duration};

use clap::{Args, ValueEnum};

use super::units::{at_least_1, duration, interval, is_size, size, up_to};
use rocketman::sink::FileSettings;

/// Output files
#[derive(Debug, Args)]
#[command(next_help_heading = "Output files")]
pub(crate) struct FileArgs {
    /// Begin a new file when one has this many bytes, such as 64M or 1G
    ///
    /// As they lie on the disk; a compressed file may have a checkpoint more. A number comes before the suffixes of the names,
    /// as in events.000001.ndjson.zst, unless --output says with {n} where it is to be.
    #[arg(long, value_name = "SIZE", env = "ROCKETMAN_ROTATE_SIZE", value_parser = size, hide_short_help = true)]
    pub(crate) rotate_size: Option<u64>,
    /// Begin a new file at each multiple of this, such as 15m, by the server's time of the events
    ///
    /// Counted from 1970 in UTC. With a number in the names, as for --rotate-size. A time in the name, as in
    /// -o %Y-%m-%d-%H.ndjson, begins new files by itself, and needs no number.
    #[arg(long, value_name = "DURATION", env = "ROCKETMAN_ROTATE_EVERY", value_parser = seconds, hide_short_help = true)]
    pub(crate) rotate_every: Option<Duration>,
    /// Begin a new file when one has this many events
    ///
    /// With a number in the names, as for --rotate-size.
    #[arg(long, value_name = "N", env = "ROCKETMAN_ROTATE_COUNT", value_parser = at_least_1, hide_short_help = true)]
    pub(crate) rotate_count: Option<u64>,
    /// Compress files that end in .zst or .parquet (1 to 22) or .gz (1 to 9) this much
    ///
    /// By default 3, 1 and 6.
    #[arg(long, value_name = "LEVEL", env = "ROCKETMAN_COMPRESSION_LEVEL", value_parser = |text: &str| up_to::<u32>(22, text), hide_short_help = true)]
    pub(crate) compression_level: Option<u32>,
    /// Make compressed files durable after this much input, this long, or both: 1M, 5s or 1M,5s
    ///
    /// By default 128K,30s: whichever comes first, at the pace of the cursor. With one file for each collection, they have to
    /// have the size on average. The cursor moves with it, and what was not durable comes again after a crash. Each checkpoint
    /// ends a frame, so that all before it can be read by zstdcat or zcat. Other files are made durable at the pace of the cursor.
    #[arg(long, value_name = "SIZE|DURATION", env = "ROCKETMAN_CHECKPOINT", value_parser = checkpoint, hide_short_help = true)]
    pub(crate) checkpoint: Option<CheckpointArg>,
    /// Finish a row group of Parquet files when all open ones together have this many bytes of lines
    ///
    /// By default 64M, and at most 1G. The largest is finished first. Smaller groups take less memory, and larger ones are read faster.
    #[arg(long, value_name = "SIZE", env = "ROCKETMAN_ROW_GROUP_SIZE", value_parser = row_group, hide_short_help = true)]
    pub(crate) row_group_size: Option<u64>,
    /// Give at most this many collections a file of their own at once
    ///
    /// By default 1000, and 10000 at most. Events of further ones go to one file that they share, with _others in its name where the
    /// collection is in those of the others. With a time in the name each turn of it begins to count anew.
    #[arg(long, value_name = "N", env = "ROCKETMAN_MAX_FILES", value_parser = |text: &str| up_to::<u16>(10_000, text), hide_short_help = true)]
    pub(crate) max_files: Option<u16>,
    /// Keep at most this many files open at once, one for each collection
    ///
    /// By default 100. Of more, the one that got no event for the longest time is closed, and opened again when its next one comes.
    #[arg(
        long,
        value_name = "N",
        env = "ROCKETMAN_MAX_OPEN_FILES",
        hide_short_help = true
    )]
    pub(crate) max_open_files: Option<NonZeroUsize>,
    /// What to do when the disk is full
    ///
    /// In both cases the cursor stays at what is on the disk.
    #[arg(
        long,
        value_name = "HOW",
        env = "ROCKETMAN_ON_DISK_FULL",
        hide_short_help = true
    )]
    pub(crate) on_disk_full: Option<OnDiskFullArg>,
}

impl FileArgs {
    /// Hands over what no other flag has a say in.
    pub(crate) fn apply(&self, settings: &mut FileSettings) {
        let Self {
            rotate_size,
            rotate_every,
            rotate_count,
            // These go with how a file is compressed.
            compression_level: _,
            checkpoint: _,
            row_group_size,
            max_files,
            max_open_files,
            on_disk_full,
        } = *self;
        settings.rotate_bytes = rotate_size;
        settings.rotate_every = rotate_every;
        settings.rotate_events = rotate_count;
        settings.row_group_bytes = row_group_size.unwrap_or(settings.row_group_bytes);
        let max_files = max_files.and_then(|most| NonZeroUsize::new(most.into()));
        settings.max_files = max_files.unwrap_or(settings.max_files);
        settings.max_open_files = max_open_files.unwrap_or(settings.max_open_files);
        settings.waits_for_room = on_disk_full == Some(OnDiskFullArg::Wait);
    }

    /// Whether new files are begun besides those of the pattern.
    pub(crate) fn rotates(&self) -> bool {
        self.rotate_size.is_some() || self.rotate_every.is_some() || self.rotate_count.is_some()
    }

    /// Each flag, and whether it was given.
    pub(crate) fn given(&self) -> [(&'static str, bool); 9] {
        [
            ("--rotate-size", self.rotate_size.is_some()),
            ("--rotate-every", self.rotate_every.is_some()),
            ("--rotate-count", self.rotate_count.is_some()),
            ("--compression-level", self.compression_level.is_some()),
            ("--checkpoint", self.checkpoint.is_some()),
            ("--row-group-size", self.row_group_size.is_some()),
            ("--max-files", self.max_files.is_some()),
            ("--max-open-files", self.max_open_files.is_some()),
            ("--on-disk-full", self.on_disk_full.is_some()),
        ]
    }
}

/// What to do when the disk is full
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnDiskFullArg {
    /// End with exit code 1, as by default
    Fail,
    /// Say so, and try again until there is room
    Wait,
}

/// A size, a duration, or both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CheckpointArg {
    /// After a number of bytes.
    pub(crate) bytes: Option<u64>,
    /// After so long.
    pub(crate) every: Option<Duration>,
}

const CHECKPOINT_FORMS: &str = "give one size, one duration, or one of each: 1M,5s";

fn checkpoint(text: &str) -> Result<CheckpointArg, String> {
    let mut checkpoint = CheckpointArg::default();
    for part in text.split(',').map(str::trim) {
        let is_new = if is_size(part) {
            let bytes = size(part).map_err(|_| CHECKPOINT_FORMS.to_owned())?;
            checkpoint.bytes.replace(bytes).is_none()
        } else {
            checkpoint.every.replace(duration(part)?).is_none()
        };
        if !is_new {
            return Err(CHECKPOINT_FORMS.to_owned());
        }
    }
    Ok(checkpoint)
}

/// The most that one row group may have.
const MAX_ROW_GROUP_BYTES: u64 = 1024 * 1024 * 1024;

fn row_group(text: &str) -> Result<u64, String> {
    match size(text)? {
        bytes if bytes > MAX_ROW_GROUP_BYTES => Err("it has to be at most 1G".to_owned()),
        bytes => Ok(bytes),
    }
}

/// Names and turns of files know no less than seconds.
fn seconds(text: &str) -> Result<Duration, String> {
    match interval(text)? {
        interval if interval.as_secs() == 0 => Err("it has to be at least 1s".to_owned()),
        interval => Ok(interval),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;

    #[test]
    fn no_flag_of_files_is_passed_over_where_there_are_none() {
        let group = FileArgs::augment_args(Command::new("files"));
        let typed: Vec<_> = group
            .get_arguments()
            .filter_map(|arg| Some(format!("--{}", arg.get_long()?)))
            .collect();
        let nothing = FileArgs::from_arg_matches(&group.get_matches_from([""])).unwrap();
        assert_eq!(nothing.given().map(|(flag, _)| flag).as_slice(), typed);
    }

    #[test]
    fn a_checkpoint_is_a_size_a_duration_or_one_of_each() {
        let (size, minutes) = (Some(128 << 10), Some(Duration::from_secs(300)));
        for (text, bytes, every) in [
            ("128k", size, None),
            ("131072", size, None),
            ("5m", None, minutes),
            ("128K,5m", size, minutes),
            ("5m, 128k", size, minutes),
        ] {
            assert_eq!(
                checkpoint(text),
                Ok(CheckpointArg { bytes, every }),
                "{text}"
            );
        }
        for text in ["", "128k,1M", "5s,5m", "0", "0k", "k"] {
            assert!(checkpoint(text).is_err(), "{text}");
        }
    }
}
