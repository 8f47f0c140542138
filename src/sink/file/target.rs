//! The files, seen from the writing thread: which line goes into which, when they are made durable,
//! and when they get their names.
//!
//! What holds at every moment, so that a crash may come at any: a file has its name only if it is
//! complete and a saved cursor says so; a checkpoint is one cut through all files, and what the
//! cursor counts of each is exactly what lies before that cut; what lies after it is in files that
//! the cursor lists (they are cut back), or in unfinished ones that it does not list (they are
//! removed, or put back to the length in their name). A name is durable before the cursor lists it,
//! and before the cursor no longer does.

mod durable;
mod opening;

use std::{collections::VecDeque, sync::Arc, time::Instant};

use tracing::info;

use super::{
    FileSettings,
    columnar::Layout,
    disk::{self, Disk},
    folder::Folders,
    numbers::Numbers,
    output_file::OutputFile,
    output_files::OutputFiles,
    recovery,
    time::StreamTime,
};
use crate::{
    compressed::Encoder,
    error::MemberError,
    event::{FileMark, micros},
    log::STATE,
    sink::{
        CursorMode, SinkContext,
        writer::{Buffer, Target},
    },
    stats::Stats,
};

/// A file that is complete, and not yet counted so by a saved cursor.
#[derive(Debug)]
struct Complete {
    mark: FileMark,
    /// A checkpoint has reported it to the cursor.
    is_listed: bool,
    is_synced: bool,
}

/// What earlier runs left.
#[derive(Debug, Default)]
pub(super) struct Restored {
    /// What is written to.
    pub(super) outputs: Vec<OutputFile>,
    /// What is complete, and is to get its name.
    pub(super) complete: Vec<FileMark>,
    /// What has its name, and may hold events of the last minute.
    pub(super) finished: Vec<FileMark>,
    /// Values of what is complete that their columns cannot hold.
    pub(super) n_unfit: u64,
}

/// All files of a sink.
#[derive(Debug)]
pub(super) struct FileTarget {
    settings: FileSettings,
    encoder: Encoder,
    disk: Disk,
    folders: Folders,
    /// The columns of files that are made of row groups.
    layout: Option<Arc<Layout>>,
    numbers: Numbers,
    outputs: OutputFiles,
    complete: Vec<Complete>,
    /// Files that have their names, as long as events of the last minute are in them, in the order
    /// of their times.
    finished: VecDeque<FileMark>,
    time: StreamTime,
    /// The time in the names.
    time_text: Vec<u8>,
    /// It was logged that not every collection has a file of its own.
    has_logged_others: bool,
    stats: Arc<Stats>,
    /// Events that are written, and that are durable.
    events: u64,
    durable: u64,
    /// Bytes of lines since the last checkpoint, and since when there are any.
    fresh_bytes: u64,
    fresh_since: Option<Instant>,
    /// Bytes of lines in open row groups.
    open_bytes: u64,
}

impl FileTarget {
    /// Goes on with these files, and with these that are complete.
    pub(super) fn new(
        settings: FileSettings,
        layout: Option<Arc<Layout>>,
        encoder: Encoder,
        disk: Disk,
        stats: Arc<Stats>,
        restored: Restored,
    ) -> Self {
        let Restored {
            outputs,
            complete,
            finished,
            n_unfit,
        } = restored;
        stats.add_unfit(n_unfit);
        let latest_us = outputs.iter().map(|output| output.mark.latest_us).max();
        let complete = complete.into_iter().map(|mark| Complete {
            mark,
            is_listed: true,
            is_synced: true,
        });
        let open_bytes = outputs.iter().map(OutputFile::open_bytes).sum();
        let mut target = Self {
            folders: Folders::new(&settings, layout.clone()),
            settings,
            layout,
            encoder,
            disk,
            numbers: Numbers::default(),
            outputs: OutputFiles::new(outputs),
            complete: complete.collect(),
            finished: finished.into(),
            time: StreamTime::new(latest_us.unwrap_or(0), Arc::clone(&stats)),
            time_text: Vec::new(),
            has_logged_others: false,
            stats,
            events: 0,
            durable: 0,
            fresh_bytes: 0,
            fresh_since: None,
            open_bytes,
        };
        target.time_text = target.time_text();
        target
    }

    /// Whether all goes into one file that is only ever appended to.
    pub(super) fn is_fixed(&self) -> bool {
        self.settings.fixed().is_some()
    }

    /// What the cursor is to list.
    pub(super) fn marks(&self) -> Vec<FileMark> {
        let (latest_us, back_us) = (self.time.latest_us(), micros(self.settings.recall));
        let outputs = self.outputs.iter().map(|output| FileMark {
            latest_us: if self.is_fixed() { 0 } else { latest_us },
            recent_from: Some(output.trail.begin(latest_us, back_us)),
            ..output.mark.clone()
        });
        let complete = self.complete.iter().map(|complete| &complete.mark);
        let complete = complete.chain(&self.finished);
        outputs.chain(complete.cloned()).collect()
    }

    /// Notes where in a file the stream has come to which time.
    fn note_time(&mut self, at: usize) {
        let (latest_us, back_us) = (self.time.latest_us(), micros(self.settings.recall));
        if let Some(output) = self.outputs.get_mut(at) {
            output.trail.note(output.end_of_lines(), latest_us, back_us);
        }
    }

    /// Distributes lines that go into different files, or into one after the other.
    fn distribute(&mut self, buffer: &Buffer, context: &SinkContext) -> Result<(), MemberError> {
        if self.time.begin_batch() {
            self.time_text = self.time_text();
        }
        let has_collection = self.settings.pattern.has_collection();
        let mut start = 0;
        for piece in &buffer.pieces {
            let line = buffer.lines.get(start..piece.end).unwrap_or_default();
            start = piece.end;
            self.move_on(piece.time_us, context)?;
            let name = match buffer.names.get(piece.name.clone()) {
                Some(name) if has_collection => name,
                _ => &[],
            };
            let at = self.route(name, line.len() as u64, context)?;
            self.events += 1;
            if let Some(output) = self.outputs.get_mut(at) {
                output.pending.extend_from_slice(line);
                output.mark.events += 1;
                output.used = self.events;
                if output.pending.len() as u64 >= self.settings.checkpoint_bytes {
                    self.flush(at)?;
                }
            }
        }
        Ok(())
    }

    /// All lines go into the one file.
    fn append(&mut self, buffer: &Buffer) -> Result<(), MemberError> {
        self.time.begin_batch();
        self.time.take(buffer.latest_us);
        self.events = buffer.marks.last().map_or(self.events, |mark| mark.1);
        let Some(output) = self.outputs.get_mut(0) else {
            return Ok(());
        };
        if self.encoder.is_plain() {
            // The header, or the line end of a torn last line.
            output.flush(&mut self.encoder, &self.disk)?;
            output.append(&buffer.lines, &self.disk)?;
            self.note_time(0);
            return Ok(());
        }
        let mut start = 0;
        for (end, _) in &buffer.marks {
            let lines = buffer.lines.get(start..*end).unwrap_or_default();
            start = *end;
            let pending = self.outputs.get_mut(0).map_or(0, |output| {
                output.pending.extend_from_slice(lines);
                output.pending.len() as u64
            });
            if pending >= self.settings.checkpoint_bytes {
                self.flush(0)?;
            }
        }
        Ok(())
    }

    /// Writes what is pending for one file.
    fn flush(&mut self, at: usize) -> Result<(), MemberError> {
        let has_pending = |output: &&OutputFile| !output.pending.is_empty();
        let Some(output) = self.outputs.get(at).filter(has_pending) else {
            return Ok(());
        };
        if output.awaits_name {
            // Once for all that came to it since.
            self.folders.sync()?;
            self.outputs
                .iter_mut()
                .for_each(|output| output.awaits_name = false);
        }
        if let Some(output) = self.outputs.get_mut(at) {
            let open_before = output.open_bytes();
            output.flush(&mut self.encoder, &self.disk)?;
            self.open_bytes += output.open_bytes() - open_before;
        }
        self.note_time(at);
        self.close_groups()
    }

    fn flush_all(&mut self) -> Result<(), MemberError> {
        (0..self.outputs.len()).try_for_each(|at| self.flush(at))
    }

    /// Completes all files when their time is over.
    fn move_on(&mut self, time_us: u64, context: &SinkContext) -> Result<(), MemberError> {
        let before_us = self.time.latest_us();
        if !self.time.take(time_us) {
            return Ok(());
        }
        let now_us = self.time.latest_us();
        let turn = self.settings.rotate_every.map(micros);
        let is_same = |unit: u64| now_us / unit == before_us / unit;
        if is_same(1_000_000) && turn.is_none_or(|turn| is_same(turn.max(1))) {
            return Ok(());
        }
        let text = self.time_text();
        if text != self.time_text {
            self.time_text = text;
            self.complete_all(context)?;
        }
        Ok(())
    }

    /// What has to be the same as long as files are written to.
    fn time_text(&mut self) -> Vec<u8> {
        let latest_us = self.time.latest_us();
        let mut text = self.settings.pattern.time_text(latest_us);
        if !text.is_empty() {
            // Other names, and other numbers in them.
            self.numbers.forget();
        }
        if let Some(every) = self.settings.rotate_every {
            let turn = latest_us / micros(every).max(1);
            text.extend_from_slice(&turn.to_be_bytes());
        }
        text
    }

    /// Says which tables cannot be read before a later run has completed them.
    fn tell_open_tables(&self) {
        let mut outputs = self.outputs.iter();
        let (true, Some(first)) = (self.settings.is_parquet(), outputs.next()) else {
            return;
        };
        let (file, others) = (first.mark.path.display(), outputs.count());
        let more = match others {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        info!(target: STATE, %file, "'{file}'{more} cannot be read before a later run with this cursor completes it: when its time is over, or at SIGHUP");
    }

    /// Closes the one file, which may have been moved away, and opens what has its name now.
    fn reopen_fixed(&mut self) -> Result<(), MemberError> {
        let Some(output) = self.outputs.get_mut(0) else {
            return Ok(());
        };
        output.end(&mut self.encoder, &self.disk)?;
        if let Some(file) = output.opened() {
            disk::sync(file, &output.mark.path)?;
        }
        let mut fresh = recovery::open_fixed(&output.mark.path)?;
        if fresh.mark.inode != output.mark.inode {
            fresh.lock()?;
            if self.settings.has_lines() {
                fresh.finish_last_line()?;
            }
            fresh.begin_with(self.settings.format.header());
            self.folders.note(&fresh.mark.path);
            let old = std::mem::replace(output, fresh);
            self.add_finished(old);
        }
        Ok(())
    }
}

impl Target for FileTarget {
    fn takes_apart(&self) -> bool {
        !self.is_fixed()
    }

    fn write(&mut self, buffer: &Buffer, context: &SinkContext) -> Result<(), MemberError> {
        self.wait_for_saves(context)?;
        self.fresh_bytes += buffer.lines.len() as u64;
        self.fresh_since.get_or_insert_with(Instant::now);
        if self.is_fixed() {
            return self.append(buffer);
        }
        self.distribute(buffer, context)?;
        if !self.complete.is_empty() {
            self.name_unasked(context)?;
        }
        if self.encoder.is_plain() {
            self.flush_all()?;
        }
        Ok(())
    }

    fn sync(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        if self.durable < self.events && self.is_due() {
            self.checkpoint(context)?;
        }
        self.saved(context)
    }

    fn saved(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        self.publish_ready(|mark| context.is_saved(mark))
    }

    fn reopen(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        if self.is_fixed() {
            self.reopen_fixed()?;
        } else {
            self.complete_all(context)?;
        }
        // Otherwise the next checkpoint reports it: the cursor's place has to be one that it was
        // asked for.
        if self.durable == self.events {
            self.checkpoint(context)?;
        }
        info!(target: STATE, "the output was closed and opened again");
        Ok(())
    }

    fn finish(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        // A table that is one file is good for nothing before it is complete.
        let is_one_table = self.settings.is_parquet() && self.settings.pattern.as_fixed().is_some();
        if (context.cursor_mode() == CursorMode::Off || is_one_table) && !self.is_fixed() {
            self.complete_all(context)?;
        }
        if let (true, Some(output)) = (self.is_fixed(), self.outputs.get_mut(0)) {
            output.end(&mut self.encoder, &self.disk)?;
        }
        self.checkpoint(context)?;
        self.tell_open_tables();
        Ok(())
    }
}
