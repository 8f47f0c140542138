//! When files are durable, when they are complete, and when they get their names.

use std::time::Duration;

use tracing::info;

use super::{Complete, FileTarget};
use crate::{
    error::MemberError,
    event::{FileMark, micros},
    sink::{
        CursorMode, SinkContext,
        file::{
            columnar::Spent,
            disk,
            kept_file::{self, publish},
            names::{journal_of, name_of},
            output_file::OutputFile,
            recovery,
        },
    },
};

/// How many complete files may wait for a saved cursor, and what one batch makes of them. Each is
/// some 200 bytes of it.
const MAX_COMPLETE_FILES: usize = 200;

/// How many files that have their names are listed, as long as events of the last minute are in
/// them.
const MAX_FINISHED_FILES: usize = 2000;

/// How often it is looked whether the cursor is saved, while nothing may be written before that.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

impl FileTarget {
    pub(super) fn complete_all(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        self.flush_all()?;
        while let Some(output) = self.outputs.pop() {
            self.add_complete(output)?;
        }
        self.name_unasked(context)
    }

    /// Writes a file to its end and closes it.
    pub(super) fn finish_file(
        &mut self,
        at: usize,
        context: &SinkContext,
    ) -> Result<(), MemberError> {
        self.flush(at)?;
        let output = self.outputs.take(at);
        self.add_complete(output)?;
        self.name_unasked(context)
    }

    pub(super) fn add_complete(&mut self, mut output: OutputFile) -> Result<(), MemberError> {
        self.open_bytes -= output.open_bytes();
        let spent = output.complete_columnar(&self.disk)?;
        self.add_spent(spent);
        self.complete.push(Complete {
            is_listed: false,
            is_synced: output.is_synced,
            mark: self.last_mark(output),
        });
        Ok(())
    }

    /// A journal stays until a saved cursor counts it as complete, and so what was made of it.
    fn add_spent(&mut self, spent: Option<Spent>) {
        let Some(Spent { journal, n_unfit }) = spent else {
            return;
        };
        self.stats.add_unfit(n_unfit);
        self.complete.push(Complete {
            mark: journal,
            is_listed: false,
            is_synced: true,
        });
    }

    /// Where the open row groups have become too large together, finishes the largest.
    pub(super) fn close_groups(&mut self) -> Result<(), MemberError> {
        while self.open_bytes >= self.settings.row_group_bytes {
            let outputs = self.outputs.iter_mut();
            let Some(largest) = outputs.max_by_key(|output| output.open_bytes()) else {
                break;
            };
            self.open_bytes -= largest.open_bytes();
            let spent = largest.close_group(&self.disk)?;
            self.folders.note(&largest.mark.path);
            self.add_spent(spent);
        }
        Ok(())
    }

    /// A file to which nothing more is written is still to be read back for some time.
    pub(super) fn add_finished(&mut self, output: OutputFile) {
        let mark = self.last_mark(output);
        self.finished.push_back(mark);
    }

    fn last_mark(&self, output: OutputFile) -> FileMark {
        let latest_us = self.time.latest_us();
        let begin = output.trail.begin(latest_us, micros(self.settings.recall));
        FileMark {
            complete: true,
            latest_us,
            recent_from: Some(begin),
            ..output.kept.mark
        }
    }

    /// Forgets files that hold nothing of the last minute any more, and the oldest where there are
    /// too many.
    fn forget_finished(&mut self) {
        let since_us = self.time.latest_us();
        let since_us = since_us.saturating_sub(micros(self.settings.recall));
        self.finished.retain(|mark| mark.latest_us > since_us);
        let too_many = self.finished.len().saturating_sub(MAX_FINISHED_FILES);
        self.finished.drain(..too_many);
    }

    /// Where no cursor is waited for, complete files get their names at once.
    pub(super) fn name_unasked(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        if context.cursor_mode() != CursorMode::Off {
            return Ok(());
        }
        self.sync_files(false)?;
        self.publish_ready(|_| true)
    }

    /// Where saves of the cursor do not keep up, waits for them. What no checkpoint has reported
    /// comes with the next one.
    pub(super) fn wait_for_saves(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        while self.complete.len() >= MAX_COMPLETE_FILES
            && self.complete.iter().any(|complete| complete.is_listed)
            && !self.disk.is_ending()
        {
            self.disk.pause(POLL_INTERVAL);
            self.publish_ready(|mark| context.is_saved(mark))?;
        }
        Ok(())
    }

    /// Gives their names to the complete files that may have them.
    pub(super) fn publish_ready(
        &mut self,
        may: impl Fn(&FileMark) -> bool,
    ) -> Result<(), MemberError> {
        let mut left = Vec::new();
        for complete in std::mem::take(&mut self.complete) {
            let mark = &complete.mark;
            if !may(mark) {
                left.push(complete);
            } else if journal_of(&mark.path).is_some() {
                recovery::remove_journal(mark)?;
                self.folders.note(&mark.path);
            } else if let Some((name, _)) = name_of(&mark.path) {
                publish(&mark.path, &name)?;
                self.folders.note(&name);
                self.finished.push_back(FileMark {
                    path: name.clone(),
                    ..mark.clone()
                });
                info!(file = %name.display(), bytes = mark.bytes, "'{}' is complete", name.display());
            }
        }
        self.folders.sync()?;
        // Only now may a cursor leave them out.
        self.complete = left;
        Ok(())
    }

    /// Whether compressed files have enough for a checkpoint.
    pub(super) fn is_due(&self) -> bool {
        let n_files = self.outputs.len().min(self.settings.max_open_files.get());
        let n_files = n_files.max(1) as u64;
        self.encoder.is_plain()
            || self.fresh_bytes >= self.settings.checkpoint_bytes.saturating_mul(n_files)
            || self
                .fresh_since
                .is_some_and(|since| since.elapsed() >= self.settings.checkpoint_every)
    }

    /// One cut through all files: everything up to here is durable, and accepted.
    pub(super) fn checkpoint(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        self.flush_all()?;
        self.sync_files(true)?;
        self.folders.sync()?;
        self.durable = self.events;
        self.fresh_bytes = 0;
        self.fresh_since = None;
        for complete in &mut self.complete {
            complete.is_listed = true;
        }
        self.forget_finished();
        context.accept_up_to(self.events, self.marks());
        Ok(())
    }

    /// Makes durable what is in complete files, and in the others too.
    pub(super) fn sync_files(&mut self, are_all: bool) -> Result<(), MemberError> {
        let outputs = self.outputs.iter().filter(|_| are_all);
        let outputs = outputs.flat_map(|output| [Some(&output.kept), output.journal()]);
        let outputs = outputs.flatten();
        let outputs = outputs.map(|output| (output.opened(), &output.mark, output.is_synced));
        let complete = self.complete.iter();
        let complete = complete.map(|complete| (None, &complete.mark, complete.is_synced));
        let files: Vec<_> = outputs
            .chain(complete)
            .filter(|(file, _, is_synced)| file.is_some() || !is_synced)
            .collect();
        disk::for_each(&files, |(file, mark, is_synced)| {
            kept_file::sync(*file, mark, *is_synced)
        })?;
        for output in self.outputs.iter_mut().filter(|_| are_all) {
            output.set_synced();
        }
        for complete in &mut self.complete {
            complete.is_synced = true;
        }
        Ok(())
    }
}
