//! Reads back the events of the last minute from the files that the cursor counts, so that a source
//! knows them when they come again.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use tracing::info;

use super::{
    columnar, disk,
    folder::files,
    names::{journal_path, name_of},
    settings::is_parquet,
};
use crate::{
    compressed::{FrameFormat, Frames},
    event::{FileMark, LineRules, Point, now_us, read_envelope},
    log::STATE,
    platform::MetadataExt,
};

/// How many events are read back at most: more than the public network has in a minute. Each is 8
/// bytes of a source's memory, and some 40 here for a moment.
const MAX_EVENTS: usize = 100_000;

/// How many bytes of files are read at most, as they lie on the disk.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// No event is longer: sources take none of more than 8 MiB unless they are asked to.
const MAX_LINE_BYTES: usize = 32 * 1024 * 1024;

/// No event is later than this after now.
const DAY_US: u64 = 24 * 3600 * 1_000_000;

/// Reads what these files hold of events that are at most `back_us` older than the latest of them.
/// What cannot be read is logged.
pub(super) fn read(marks: &[FileMark], back_us: u64) -> Vec<Point> {
    let mut recalled = Recalled::default();
    for mark in marks {
        if let Err(error) = recalled.read_file(mark, back_us) {
            recalled.note_unread(mark, &error);
        }
        if recalled.events.len() > 2 * MAX_EVENTS {
            recalled.keep_latest();
        }
    }
    recalled.tell_unread();
    recalled.keep_latest();
    recalled.since(back_us)
}

#[derive(Debug, Default)]
struct Recalled {
    events: Vec<Point>,
    bytes: u64,
    /// The first file that could not be read, why, and how many there are.
    unread: Option<(String, String)>,
    n_unread: usize,
}

impl Recalled {
    fn read_file(&mut self, mark: &FileMark, back_us: u64) -> io::Result<()> {
        let name = name_of(&mark.path).map(|(name, _)| name);
        let name = name.as_deref().unwrap_or(&mark.path);
        if is_parquet(name) {
            return self.read_groups(mark, back_us);
        }
        self.read_lines(mark, FrameFormat::of(name))
    }

    /// The rows of finished groups from the last on, and the lines of the journal.
    fn read_groups(&mut self, mark: &FileMark, back_us: u64) -> io::Result<()> {
        let read = columnar::latest(&find(mark)?, mark.bytes, back_us, MAX_EVENTS)?;
        self.events.extend(read);
        let journal = mark.journal.zip(journal_path(&mark.path, mark.bytes));
        let Some((bytes, path)) = journal.filter(|(bytes, _)| *bytes > 0) else {
            return Ok(());
        };
        let inode = fs::metadata(&path)?.ino();
        let journal = FileMark {
            recent_from: mark.recent_from,
            ..FileMark::new(path, inode, bytes)
        };
        self.read_lines(&journal, FrameFormat::Zstd)
    }

    fn read_lines(&mut self, mark: &FileMark, form: FrameFormat) -> io::Result<()> {
        let begin = mark.recent_from.unwrap_or(0);
        let room = MAX_BYTES - self.bytes;
        let n_bytes = mark.bytes.saturating_sub(begin).min(room);
        let is_cut = begin + n_bytes < mark.bytes;
        if is_cut && form != FrameFormat::Plain {
            return Err(io::Error::other("there is too much of it"));
        }
        if n_bytes == 0 {
            return Ok(());
        }
        let mut file = find(mark)?;
        file.seek(SeekFrom::Start(mark.bytes - n_bytes))?;
        self.bytes += n_bytes;
        let mut lines = Lines {
            is_cut,
            ..Lines::default()
        };
        let reader = BufReader::with_capacity(256 * 1024, file.take(n_bytes));
        let mut frames = Frames::new(form, reader);
        let events = &mut self.events;
        while frames.read(&mut |text| lines.add(text, events))? {}
        if lines.n > 0 && lines.n_events == 0 {
            return Err(io::Error::other("its lines are no events"));
        }
        Ok(())
    }

    fn note_unread(&mut self, mark: &FileMark, why: &io::Error) {
        self.n_unread += 1;
        let file = || (mark.path.display().to_string(), why.to_string());
        self.unread.get_or_insert_with(file);
    }

    fn tell_unread(&self) {
        let Some((file, why)) = &self.unread else {
            return;
        };
        let others = match self.n_unread - 1 {
            0 => String::new(),
            n => format!(" (and {n} more)"),
        };
        info!(target: STATE, file, why, "'{file}'{others} cannot be read back: {why}; if the server renumbers its events, the last ones may come again");
    }

    fn keep_latest(&mut self) {
        let too_many = self.events.len().saturating_sub(MAX_EVENTS);
        if too_many > 0 {
            self.events.sort_unstable_by_key(|point| point.time_us);
            self.events.drain(..too_many);
        }
    }

    /// From there on nothing is missing, so no event has an earlier time; some were written with
    /// one, or lie before the last minute.
    fn since(mut self, back_us: u64) -> Vec<Point> {
        let horizon_us = now_us() + DAY_US;
        let times = self.events.iter().map(|point| point.time_us);
        let latest_us = times.filter(|time_us| *time_us <= horizon_us).max();
        let since_us = latest_us.unwrap_or(0).saturating_sub(back_us);
        for point in &mut self.events {
            point.time_us = point.time_us.max(since_us);
        }
        self.events
    }
}

/// Lines out of pieces of text that end anywhere.
#[derive(Debug, Default)]
struct Lines {
    rest: Vec<u8>,
    /// The first line is the end of one.
    is_cut: bool,
    n: u64,
    n_events: u64,
    /// Of names that had to be unescaped, while a line is read.
    side: Vec<u8>,
}

impl Lines {
    fn add(&mut self, mut text: &[u8], events: &mut Vec<Point>) {
        while let Some(end) = memchr::memchr(b'\n', text) {
            let (line, behind) = text.split_at(end);
            text = behind.get(1..).unwrap_or_default();
            if self.rest.is_empty() {
                self.take(line, events);
            } else {
                let mut whole = std::mem::take(&mut self.rest);
                whole.extend_from_slice(line);
                self.take(&whole, events);
                whole.clear();
                self.rest = whole;
            }
        }
        if self.rest.len() + text.len() > MAX_LINE_BYTES {
            self.rest.clear();
            self.is_cut = true;
        } else {
            self.rest.extend_from_slice(text);
        }
    }

    fn take(&mut self, line: &[u8], events: &mut Vec<Point>) {
        if std::mem::take(&mut self.is_cut) {
            return;
        }
        self.n += 1;
        self.side.clear();
        let rules = LineRules {
            raw: true,
            ..LineRules::default()
        };
        if let Ok(envelope) = read_envelope(line, &mut self.side, rules) {
            self.n_events += 1;
            events.push(envelope.point);
        }
    }
}

/// Opens a file by its name, or by whatever name it has in its folder by now.
fn find(mark: &FileMark) -> io::Result<File> {
    let is_it = |path: &Path| fs::metadata(path).is_ok_and(|file| file.ino() == mark.inode);
    if is_it(&mark.path) {
        return File::open(&mark.path);
    }
    let mut others = files(disk::folder_of(&mark.path)).map_err(io::Error::other)?;
    let moved = others.find_map(|path| path.ok().filter(|path| is_it(path)));
    match moved {
        Some(path) => File::open(path),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

#[cfg(test)]
#[cfg(all(feature = "gzip", feature = "zstd"))]
mod tests;
