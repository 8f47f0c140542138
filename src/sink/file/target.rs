//! The files, seen from the writing thread: which line goes into which, when they are made durable, and when they get their names.
//!
//! What holds at every moment, so that a crash may come at any: a file has its name only if it is complete and a saved cursor says so; a
//! checkpoint is one cut through all files, and what the cursor counts of each is exactly what lies before that cut; what lies behind is
//! in files that the cursor lists (they are cut back), or in unfinished ones that it does not list (they are removed, or put back to the
//! length in their name). A name is durable before the cursor lists it, and before the cursor no longer does.

mod opening;

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use tracing::info;

use super::{
    Compression, FileSettings,
    disk::{self, Disk, failed},
    encoder::Encoder,
    folder::Folders,
    part::{Part, give_name, name_of},
    restart,
};
use crate::{
    STATE,
    event::{FileMark, micros},
    sink::{
        Keeping, Ledger, SinkError,
        writer::{Buffer, Target},
    },
};

/// So many complete files may wait for a saved cursor, and what one batch makes of them. Each is some 200 bytes of it.
const MOST_COMPLETE: usize = 200;

/// How often it is looked whether the cursor is saved, while nothing may be written before that.
const GLANCE: Duration = Duration::from_millis(5);

/// A file that is complete, and not yet counted so by a saved cursor.
#[derive(Debug)]
struct Complete {
    mark: FileMark,
    /// A checkpoint told the cursor of it.
    is_listed: bool,
}

/// All files of a sink.
#[derive(Debug)]
pub(super) struct FileTarget {
    settings: FileSettings,
    encoder: Encoder,
    disk: Disk,
    folders: Folders,
    open: Vec<Part>,
    complete: Vec<Complete>,
    /// Which open file the events of a collection go to.
    routes: HashMap<Vec<u8>, usize>,
    /// The latest time of any event, and what of it the names tell.
    latest_us: u64,
    time_text: Vec<u8>,
    /// Events that are written, and that are durable.
    events: u64,
    durable: u64,
    /// Bytes of lines since the last checkpoint, and since when there are any.
    fresh_bytes: u64,
    fresh_since: Option<Instant>,
}

impl FileTarget {
    /// Goes on with these open files, and with these that are complete.
    pub(super) fn new(
        settings: FileSettings,
        encoder: Encoder,
        disk: Disk,
        open: Vec<Part>,
        complete: Vec<FileMark>,
    ) -> Self {
        let latest_us = open.iter().map(|part| part.mark.latest_us).max();
        let complete = complete.into_iter().map(|mark| Complete {
            mark,
            is_listed: true,
        });
        let mut target = Self {
            settings,
            encoder,
            disk,
            folders: Folders::default(),
            open,
            complete: complete.collect(),
            routes: HashMap::new(),
            latest_us: latest_us.unwrap_or(0),
            time_text: Vec::new(),
            events: 0,
            durable: 0,
            fresh_bytes: 0,
            fresh_since: None,
        };
        target.time_text = target.time_text();
        target
    }

    /// Whether all goes into one file that is only ever appended to.
    pub(super) fn is_fixed(&self) -> bool {
        self.settings.pattern.as_fixed().is_some()
    }

    /// What the cursor is to list.
    pub(super) fn marks(&self) -> Vec<FileMark> {
        let latest_us = if self.is_fixed() { 0 } else { self.latest_us };
        let open = self.open.iter().map(|part| FileMark {
            latest_us,
            ..part.mark.clone()
        });
        let complete = self.complete.iter().map(|complete| &complete.mark);
        open.chain(complete.cloned()).collect()
    }

    /// Distributes lines that go into different files, or into one after the other.
    fn distribute(&mut self, buffer: &Buffer, ledger: &Ledger) -> Result<(), SinkError> {
        let has_collection = self.settings.pattern.has_collection();
        let mut start = 0;
        for piece in &buffer.pieces {
            let line = buffer.lines.get(start..piece.end).unwrap_or_default();
            start = piece.end;
            self.move_on(piece.time_us, ledger)?;
            let name = match buffer.names.get(piece.name.clone()) {
                Some(name) if has_collection => name,
                _ => &[],
            };
            let at = self.route(name, line.len() as u64, ledger)?;
            self.events += 1;
            if let Some(part) = self.open.get_mut(at) {
                part.pending.extend_from_slice(line);
                part.mark.events += 1;
                part.used = self.events;
                if part.pending.len() as u64 >= self.settings.checkpoint.bytes {
                    part.flush(&mut self.encoder, &self.disk)?;
                }
            }
        }
        Ok(())
    }

    /// All lines go into the one file.
    fn append(&mut self, buffer: &Buffer) -> Result<(), SinkError> {
        let Some(part) = self.open.first_mut() else {
            return Ok(());
        };
        self.events = buffer.marks.last().map_or(self.events, |mark| mark.1);
        if self.encoder.is_plain() {
            return part.append(&buffer.lines, &self.disk);
        }
        let mut start = 0;
        for (end, _) in &buffer.marks {
            let lines = buffer.lines.get(start..*end).unwrap_or_default();
            part.pending.extend_from_slice(lines);
            start = *end;
            if part.pending.len() as u64 >= self.settings.checkpoint.bytes {
                part.flush(&mut self.encoder, &self.disk)?;
            }
        }
        Ok(())
    }

    /// Completes all files when their time is over. Time only moves forward.
    fn move_on(&mut self, time_us: u64, ledger: &Ledger) -> Result<(), SinkError> {
        if time_us <= self.latest_us {
            return Ok(());
        }
        let turn = self.settings.rotation.every.map(micros);
        let is_same = |unit: u64| time_us / unit == self.latest_us / unit;
        let is_same = is_same(1_000_000) && turn.is_none_or(|turn| is_same(turn.max(1)));
        self.latest_us = time_us;
        if is_same {
            return Ok(());
        }
        let text = self.time_text();
        if text != self.time_text {
            self.time_text = text;
            self.complete_all(ledger)?;
        }
        Ok(())
    }

    /// What has to be the same as long as files are written to.
    fn time_text(&self) -> Vec<u8> {
        let mut text = self.settings.pattern.time_text(self.latest_us);
        if let Some(every) = self.settings.rotation.every {
            let turn = self.latest_us / micros(every).max(1);
            text.extend_from_slice(&turn.to_be_bytes());
        }
        text
    }

    fn complete_all(&mut self, ledger: &Ledger) -> Result<(), SinkError> {
        while let Some(last) = self.open.len().checked_sub(1) {
            self.complete_one(last, ledger)?;
        }
        Ok(())
    }

    /// Writes a file to its end and closes it.
    fn complete_one(&mut self, at: usize, ledger: &Ledger) -> Result<(), SinkError> {
        self.routes.clear();
        let mut part = self.open.swap_remove(at);
        part.flush(&mut self.encoder, &self.disk)?;
        part.sync()?;
        part.mark.complete = true;
        part.mark.latest_us = self.latest_us;
        self.complete.push(Complete {
            mark: part.mark,
            is_listed: false,
        });
        if ledger.keeping() == Keeping::Nothing {
            return self.name_all(|_| true);
        }
        Ok(())
    }

    /// Where saves of the cursor do not keep up, waits for them. What no checkpoint has told of comes with the next one.
    fn wait_for_saves(&mut self, ledger: &Ledger) -> Result<(), SinkError> {
        while self.complete.len() >= MOST_COMPLETE
            && self.complete.iter().any(|complete| complete.is_listed)
            && !self.disk.is_ending()
        {
            self.disk.pause(GLANCE);
            self.name_all(|mark| ledger.is_saved(mark))?;
        }
        Ok(())
    }

    /// Gives their names to the complete files that may have them.
    fn name_all(&mut self, may: impl Fn(&FileMark) -> bool) -> Result<(), SinkError> {
        let (mut folders, mut left) = (BTreeSet::new(), Vec::new());
        for complete in std::mem::take(&mut self.complete) {
            let mark = &complete.mark;
            if !may(mark) {
                left.push(complete);
            } else if let Some((name, _)) = name_of(&mark.path) {
                give_name(&mark.path, &name)?;
                folders.insert(disk::folder_of(&name).to_owned());
                info!(file = %name.display(), bytes = mark.bytes, "'{}' is complete", name.display());
            }
        }
        for folder in folders {
            disk::sync_folder(&folder)?;
        }
        // Only now may a cursor leave them out.
        self.complete = left;
        Ok(())
    }

    /// Whether compressed files have enough for a checkpoint.
    fn is_due(&self) -> bool {
        let checkpoint = &self.settings.checkpoint;
        let n_files = self.open.len().max(1) as u64;
        self.encoder.is_plain()
            || self.fresh_bytes >= checkpoint.bytes.saturating_mul(n_files)
            || self
                .fresh_since
                .is_some_and(|since| since.elapsed() >= checkpoint.every)
    }

    /// One cut through all files: everything up to here is durable, and accepted.
    fn checkpoint(&mut self, ledger: &Ledger) -> Result<(), SinkError> {
        for part in &mut self.open {
            part.flush(&mut self.encoder, &self.disk)?;
        }
        self.open.iter_mut().try_for_each(Part::sync)?;
        self.durable = self.events;
        self.fresh_bytes = 0;
        self.fresh_since = None;
        for complete in &mut self.complete {
            complete.is_listed = true;
        }
        ledger.accept_up_to(self.events, self.marks());
        Ok(())
    }

    /// Closes the one file, which may have been moved away, and opens what has its name now.
    fn reopen_fixed(&mut self) -> Result<(), SinkError> {
        let Some(part) = self.open.first_mut() else {
            return Ok(());
        };
        part.end(&mut self.encoder, &self.disk)?;
        disk::sync(&part.file, &part.mark.path)?;
        let mut fresh = restart::open_fixed(&part.mark.path)?;
        if fresh.mark.inode != part.mark.inode {
            disk::lock(&fresh.file, &fresh.mark.path)?;
            if self.settings.compression == Compression::Plain {
                let path = fresh.mark.path.clone();
                fresh
                    .finish_last_line()
                    .map_err(failed("read the end of", &path))?;
            }
            *part = fresh;
        }
        Ok(())
    }
}

impl Target for FileTarget {
    fn takes_apart(&self) -> bool {
        !self.is_fixed()
    }

    fn write(&mut self, buffer: &Buffer, ledger: &Ledger) -> Result<(), SinkError> {
        self.wait_for_saves(ledger)?;
        self.fresh_bytes += buffer.lines.len() as u64;
        self.fresh_since.get_or_insert_with(Instant::now);
        if self.is_fixed() {
            return self.append(buffer);
        }
        self.distribute(buffer, ledger)?;
        if self.encoder.is_plain() {
            for part in &mut self.open {
                part.flush(&mut self.encoder, &self.disk)?;
            }
        }
        Ok(())
    }

    fn sync(&mut self, ledger: &Ledger) -> Result<(), SinkError> {
        if self.durable < self.events && self.is_due() {
            self.checkpoint(ledger)?;
        }
        self.saved(ledger)
    }

    fn saved(&mut self, ledger: &Ledger) -> Result<(), SinkError> {
        self.name_all(|mark| ledger.is_saved(mark))
    }

    fn reopen(&mut self, ledger: &Ledger) -> Result<(), SinkError> {
        if self.is_fixed() {
            self.reopen_fixed()?;
        } else {
            self.complete_all(ledger)?;
        }
        // Otherwise the next checkpoint tells of it: the cursor's place has to be one that it was asked for.
        if self.durable == self.events {
            self.checkpoint(ledger)?;
        }
        info!(target: STATE, "the output was closed, and is opened anew");
        Ok(())
    }

    fn finish(&mut self, ledger: &Ledger) -> Result<(), SinkError> {
        if ledger.keeping() == Keeping::Nothing && !self.is_fixed() {
            self.complete_all(ledger)?;
        }
        if let (true, Some(part)) = (self.is_fixed(), self.open.first_mut()) {
            part.end(&mut self.encoder, &self.disk)?;
        }
        self.checkpoint(ledger)
    }
}
