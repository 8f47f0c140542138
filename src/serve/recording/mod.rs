//! Recorded events, from the files that `tail -o` writes: read from disk when they are asked for,
//! whatever their size.
//!
//! An index is built at the start, a few bytes for each block. Lines that are no events are left
//! out, and logged.

mod index;
mod spool;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

pub use self::index::Damaged;
use self::index::{Index, Part};
use super::{
    block::BlockBuilder,
    feed::{Feed, FeedError, FeedPosition, Schedule},
};
use crate::{
    event::{BadEvent, LineRules, read_envelope},
    platform::FileExt,
};

/// How recordings are played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Playback {
    /// How many seconds of the recording pass in one second; `None` for no waits at all.
    pub speed: Option<f64>,
    /// Give events the time at which they are sent. Without waits, the last one gets the moment the
    /// first consumer began.
    pub rebase: bool,
    /// Begin anew at the end, with numbers and times that go on.
    pub repeat: bool,
}

impl Default for Playback {
    fn default() -> Self {
        Self {
            speed: Some(1.0),
            rebase: false,
            repeat: false,
        }
    }
}

/// Why recordings cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// A file cannot be opened or read.
    #[error("cannot read the recording '{}'", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A line that was given is no event.
    #[error("line {line} is no event")]
    NoEvent {
        /// Its number, from 1 on.
        line: u64,
        /// What is wrong with it.
        #[source]
        why: BadEvent,
    },
    /// There is no event in them.
    #[error("there is no event in '{}'", .0.display())]
    Empty(PathBuf),
    /// Messages of NATS are in them, and no event.
    #[error("in '{}' are messages of NATS and no events, and consumers of a Jetstream are sent events", .0.display())]
    OnlyMessages(PathBuf),
}

/// Recorded events of one or more files, in order.
///
/// They keep their own numbers where each has one and they ascend; otherwise they are numbered from
/// 1 on.
#[derive(Debug)]
pub struct Recording {
    files: Vec<(PathBuf, File)>,
    index: Index,
    playback: Playback,
}

/// Between the last event of a repeated recording and the first of the next time.
const PAUSE_US: u64 = 1_000;

impl Recording {
    /// Opens the files and reads them once. `tell` hears of each line that is no event.
    ///
    /// What is not an ordinary file, and what is compressed, is copied to a temporary file that has
    /// no name. Blocks the thread.
    pub fn open(
        paths: &[PathBuf],
        playback: Playback,
        mut tell: impl FnMut(&Path, Damaged),
    ) -> Result<Self, RecordingError> {
        let mut index = Index::default();
        let mut files = Vec::new();
        for path in paths {
            let failed = |source| RecordingError::Read {
                path: path.clone(),
                source,
            };
            let mut file = spool::open(path).map_err(failed)?;
            index
                .read(files.len(), &mut file, |damaged| tell(path, damaged))
                .map_err(failed)?;
            files.push((path.clone(), file));
        }
        if index.is_empty() {
            let first = paths.first().cloned().unwrap_or_default();
            return Err(match index.n_messages {
                0 => RecordingError::Empty(first),
                _ => RecordingError::OnlyMessages(first),
            });
        }
        Ok(Self {
            files,
            index,
            playback,
        })
    }

    /// The same of lines in memory, an event each: for tests of what is done with particular
    /// events. Blocks the thread.
    ///
    /// They are copied to a temporary file that has no name. A line that is no event is an error.
    pub fn from_lines<L: AsRef<[u8]>>(
        lines: impl IntoIterator<Item = L>,
        playback: Playback,
    ) -> Result<Self, RecordingError> {
        let path = PathBuf::from("lines in memory");
        let mut text = Vec::new();
        for line in lines {
            text.extend_from_slice(line.as_ref());
            text.push(b'\n');
        }
        let failed = |source| RecordingError::Read {
            path: path.clone(),
            source,
        };
        let mut file = spool::copy(&mut text.as_slice()).map_err(failed)?;
        let mut index = Index::default();
        let mut first_damaged = None;
        index
            .read(0, &mut file, |damaged| {
                first_damaged.get_or_insert(damaged);
            })
            .map_err(failed)?;
        match first_damaged {
            Some(Damaged { line, why }) => Err(RecordingError::NoEvent { line, why }),
            None if index.is_empty() && index.n_messages > 0 => {
                Err(RecordingError::OnlyMessages(path))
            }
            None if index.is_empty() => Err(RecordingError::Empty(path)),
            None => Ok(Self {
                files: vec![(path, file)],
                index,
                playback,
            }),
        }
    }

    /// How many events there are.
    pub fn len(&self) -> u64 {
        self.index.n_events
    }

    /// Whether there are none; such a recording cannot be opened.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// How many lines are left out, for they are no events.
    pub fn damaged(&self) -> u64 {
        self.index.n_damaged
    }

    /// How many messages of NATS are left out, for they are no events.
    pub fn messages(&self) -> u64 {
        self.index.n_messages
    }

    /// Where an event that was recorded at a time is served, on the given time through.
    fn time_us(&self, recorded_us: u64, lap: u64, start_us: u64) -> u64 {
        let recorded_us = recorded_us.saturating_add(lap.saturating_mul(self.lap_us()));
        match (self.playback.rebase, self.playback.speed) {
            (false, _) => recorded_us,
            (true, None) => recorded_us
                .saturating_add(start_us)
                .saturating_sub(self.index.last_us()),
            (true, Some(speed)) => {
                let first_us = self.index.first_us();
                let ahead = scaled(recorded_us.saturating_sub(first_us), 1.0 / speed);
                let behind = scaled(first_us.saturating_sub(recorded_us), 1.0 / speed);
                start_us.saturating_add(ahead).saturating_sub(behind)
            }
        }
    }

    /// The recorded time, repetitions counted on, that is served as this time, or a little earlier.
    fn recorded_us(&self, time_us: u64, start_us: u64) -> u64 {
        match (self.playback.rebase, self.playback.speed) {
            (false, _) => time_us,
            (true, None) => time_us
                .saturating_add(self.index.last_us())
                .saturating_sub(start_us),
            (true, Some(speed)) => {
                let first_us = self.index.first_us();
                let ahead = scaled(time_us.saturating_sub(start_us), speed);
                let behind = scaled(start_us.saturating_sub(time_us), speed);
                // Both ways are rounded.
                let rounding = 1 + scaled(1, speed);
                first_us
                    .saturating_add(ahead)
                    .saturating_sub(behind + rounding)
            }
        }
    }

    fn lap_us(&self) -> u64 {
        self.index.last_us() - self.index.first_us() + PAUSE_US
    }

    /// The part that a block is, and which time through it is.
    fn part_of(&self, block: u64) -> Option<(&Part, u64)> {
        let n_parts = self.index.parts.len() as u64;
        let lap = block / n_parts;
        let part = self
            .index
            .parts
            .get(usize::try_from(block % n_parts).ok()?)?;
        (lap == 0 || self.playback.repeat).then_some((part, lap))
    }

    /// Which time through a place is in that lies so far beyond the first one.
    fn lap_of(&self, beyond: u64, length: u64) -> u64 {
        if self.playback.repeat {
            beyond / length
        } else {
            0
        }
    }
}

/// A number of microseconds, stretched or pressed together.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "recordings are shorter than the 285 years of microseconds that a float counts exactly, and the cast saturates"
)]
fn scaled(micros: u64, factor: f64) -> u64 {
    (micros as f64 * factor) as u64
}

impl Feed for Recording {
    fn describe(&self) -> String {
        let events = match self.index.n_events {
            1 => "1 recorded event".to_owned(),
            n => format!("{n} recorded events"),
        };
        match self.files.as_slice() {
            [(path, _)] => format!("{events} of '{}'", path.display()),
            files => format!("{events} of {} files", files.len()),
        }
    }

    fn read(&self, index: u64, start_us: u64, block: &mut BlockBuilder) -> Result<bool, FeedError> {
        let Some((part, lap)) = self.part_of(index) else {
            return Ok(false);
        };
        let Some((path, file)) = self.files.get(part.file) else {
            return Ok(false);
        };
        let mut lines = vec![0; part.bytes];
        file.read_exact_at(&mut lines, part.offset)
            .map_err(|source| FeedError {
                what: format!("the recording '{}'", path.display()),
                source,
            })?;
        let mut seq = part.first_event;
        for line in lines.split(|byte| *byte == b'\n') {
            let line = line.trim_ascii();
            let envelope = read_envelope(line, &mut Vec::new(), LineRules::default());
            // What was an event when the index was made is one, unless somebody writes to the file.
            let Ok(envelope) = envelope else { continue };
            if self.index.keeps_numbers() {
                seq = envelope.point.seq.unwrap_or(seq);
            }
            let number = seq.saturating_add(lap.saturating_mul(self.index.lap_numbers()));
            let time_us = self.time_us(envelope.point.time_us, lap, start_us);
            if block.push(line, number, time_us).is_ok() {
                seq += 1;
            }
        }
        Ok(true)
    }

    fn find(&self, position: FeedPosition, start_us: u64) -> u64 {
        let parts = &self.index.parts;
        let (lap, part) = match position {
            FeedPosition::Beginning => (0, 0),
            FeedPosition::End => (0, parts.len()),
            FeedPosition::Seq(seq) => {
                let length = self.index.lap_numbers();
                let lap = self.lap_of(seq.saturating_sub(self.index.first_number()), length);
                let seq = seq - lap * length;
                (
                    lap,
                    parts.partition_point(|part| self.index.last_number(part) < seq),
                )
            }
            FeedPosition::Time(time_us) => {
                let recorded_us = self.recorded_us(time_us, start_us);
                let beyond = recorded_us.saturating_sub(self.index.first_us());
                let lap = self.lap_of(beyond, self.lap_us());
                let recorded_us = recorded_us - lap * self.lap_us();
                (
                    lap,
                    parts.partition_point(|part| part.latest_us < recorded_us),
                )
            }
        };
        (lap.saturating_mul(parts.len() as u64)).saturating_add(part as u64)
    }

    fn schedule(&self, start_us: u64) -> Schedule {
        match (self.playback.speed, self.playback.rebase) {
            (None, _) => Schedule::Max,
            (Some(speed), false) => Schedule::Timed {
                first_us: self.index.first_us(),
                speed,
            },
            // Times are those of sending already.
            (Some(_), true) => Schedule::Timed {
                first_us: start_us,
                speed: 1.0,
            },
        }
    }
}

#[cfg(test)]
mod tests;
