//! Files that lines are written to, plain or compressed. An event is accepted once it is on the
//! disk.
//!
//! A fixed path is appended to for ever. The names of a pattern are given to files that are
//! complete: until then they end in `.partial`. The context says how long the unfinished files are;
//! after a crash the next run cuts them back to that, so that each event is in them exactly once.

mod amends;
#[cfg(feature = "parquet")]
mod columnar;
#[cfg(not(feature = "parquet"))]
#[path = "columnar/absent.rs"]
mod columnar;
mod disk;
mod error;
mod folder;
mod kept_file;
mod names;
mod numbers;
mod output_file;
mod output_files;
mod pattern;
mod recall;
mod recovery;
mod sanitize;
mod settings;
mod target;
mod time;
mod trail;
mod whole;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{sync::Notify, task::spawn_blocking};
use tracing::info;

pub(crate) use self::error::FileError;
use self::{
    amends::Amends,
    columnar::Layout,
    disk::{Disk, failed},
    folder::Folders,
    names::{journal_of, name_of},
    output_file::OutputFile,
    target::{FileTarget, Restored},
    trail::Trail,
};
pub use self::{pattern::Pattern, settings::FileSettings};
use super::{
    Sink, SinkContext,
    format::Formatter,
    writer::{HAS_BEGUN, Writer},
};
use crate::{
    compressed::{Encoder, FrameFormat, JOURNAL_LEVEL},
    error::MemberError,
    event::{Batch, FileMark, Point, micros},
    log::STATE,
};

/// Writes each event to a file, or to one of many, by default as one line of JSON.
#[derive(Debug)]
pub struct FileSink {
    name: String,
    settings: Box<FileSettings>,
    /// Until it begins: how lines are compressed, and the file of a fixed path.
    encoder: Option<Encoder>,
    /// Writes what is not the line.
    formatter: Option<Formatter>,
    /// The columns of files that are made of row groups.
    layout: Option<Arc<Layout>>,
    fixed: Option<Box<OutputFile>>,
    writer: Option<Writer>,
    /// What the cursor counts at the beginning, until it was read back.
    counted: Vec<FileMark>,
    is_ending: Arc<AtomicBool>,
    reopen: Reopen,
}

/// Asks for the files to be closed and opened again.
#[derive(Debug, Clone, Default)]
struct Reopen(Arc<Wish>);

#[derive(Debug, Default)]
struct Wish {
    is_asked: AtomicBool,
    notify: Notify,
}

impl Reopen {
    fn ask(&self) {
        self.0.is_asked.store(true, Ordering::Release);
        self.0.notify.notify_one();
    }

    fn is_asked(&self) -> bool {
        self.0.is_asked.load(Ordering::Acquire)
    }
}

impl FileSink {
    /// Opens this file, or makes it; its folder has to exist. Nothing is written or cut yet. It is
    /// compressed as its suffix says.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, MemberError> {
        let pattern = Pattern::fixed(path.as_ref());
        Self::new(FileSettings::new(pattern))
    }

    /// Opens the file of a fixed path; those of a pattern are made when they are needed, and their
    /// folders too.
    pub fn new(mut settings: FileSettings) -> Result<Self, MemberError> {
        let layout = columnar::layout(&settings)?;
        let fixed = settings.fixed();
        let fixed = fixed.map(|path| recovery::open_fixed(&path)).transpose()?;
        fixed.as_ref().map_or(Ok(()), |output| output.lock())?;
        let shown = settings.pattern.to_string();
        if fixed.is_none() {
            let here = std::env::current_dir()
                .map_err(failed("look up the folder of", Path::new(&shown)))?;
            settings.pattern = settings.pattern.within(&here);
        }
        let shown = fixed
            .as_ref()
            .map_or(shown, |output| output.mark.path.display().to_string());
        let level = match layout {
            Some(_) => Some(JOURNAL_LEVEL),
            None => settings
                .compression_level
                .map(|level| i32::try_from(level).unwrap_or(i32::MAX)),
        };
        let encoder = Encoder::new(settings.written_format(), level)
            .map_err(failed("compress for", Path::new(&shown)))?;
        let kind = if fixed.is_some() { "file" } else { "files" };
        Ok(Self {
            name: format!("{kind} '{shown}'"),
            formatter: Formatter::new(&settings.format),
            settings: Box::new(settings),
            encoder: Some(encoder),
            layout,
            fixed: fixed.map(Box::new),
            writer: None,
            counted: Vec::new(),
            is_ending: Arc::default(),
            reopen: Reopen::default(),
        })
    }

    /// What closes the files and opens them again while it runs, for example because one was moved
    /// away: before anything else is written. A file of a pattern gets its name.
    pub fn reopen(&self) -> impl Fn() + Send + Sync + use<> {
        let reopen = self.reopen.clone();
        move || reopen.ask()
    }

    /// Repairs what earlier runs left, and returns what there is.
    fn restore(&mut self, files: &[FileMark], disk: &Disk) -> Result<Restored, MemberError> {
        let mut folders = Folders::new(&self.settings, self.layout.clone());
        let Restored {
            mut outputs,
            mut complete,
            mut finished,
            mut n_unfit,
        } = Restored::default();
        let mut amends = Amends::default();
        if let Some(mut output) = self.fixed.take() {
            self.restore_fixed(&mut output, files, &mut amends)?;
            folders.note(&output.mark.path);
            outputs.push(*output);
        }
        let is_fixed = !outputs.is_empty();
        for mark in files {
            // A fixed path may be called anything.
            let is_part = is_fixed && outputs.iter().any(|output| output.mark.path == mark.path);
            if journal_of(&mark.path).is_some() && !is_part {
                recovery::remove_journal(mark)?;
                folders.note(&mark.path);
                continue;
            }
            let Some((name, _)) = name_of(&mark.path).filter(|_| !is_part) else {
                finished.extend(mark.complete.then(|| mark.clone()));
                continue;
            };
            if mark.complete {
                recovery::complete(mark, &name, &mut amends)?;
                folders.note(&name);
                finished.push(FileMark {
                    path: name,
                    ..mark.clone()
                });
                continue;
            }
            let mut output = recovery::reopen(mark, &mut amends)?;
            self.restore_groups(&mut output, mark, &mut amends)?;
            let slot = self.settings.pattern.slot_of(&name);
            let has_room = outputs.len() <= self.settings.max_files.get();
            match slot {
                Some((slot, _)) if has_room && !is_fixed => {
                    output.slot = Some(slot);
                    if outputs.len() >= self.settings.max_open_files.get() {
                        output.close();
                    }
                    output.begin_with(self.settings.format.header());
                    outputs.push(output);
                }
                _ => {
                    let spent = output.complete_columnar(disk)?;
                    output.sync()?;
                    n_unfit += spent.as_ref().map_or(0, |spent| spent.n_unfit);
                    complete.extend(spent.map(|spent| spent.journal));
                    complete.push(FileMark {
                        complete: true,
                        ..output.kept.mark
                    });
                }
            }
        }
        folders.remove_journals(&outputs)?;
        folders.sync()?;
        Ok(Restored {
            outputs,
            complete,
            finished,
            n_unfit,
        })
    }

    /// Goes on with the row groups of an unfinished file that the cursor counts.
    fn restore_groups(
        &self,
        output: &mut OutputFile,
        mark: &FileMark,
        amends: &mut Amends,
    ) -> Result<(), MemberError> {
        match (mark.journal, &self.layout) {
            (None, _) => Ok(()),
            (Some(counted), Some(layout)) => output.restore_columnar(counted, layout, amends),
            (Some(_), None) => Err(FileError::OtherColumns(mark.path.clone()).into()),
        }
    }

    /// The same to the file of a fixed path.
    fn restore_fixed(
        &self,
        output: &mut OutputFile,
        files: &[FileMark],
        amends: &mut Amends,
    ) -> Result<(), MemberError> {
        let mut marks = files.iter().filter(|mark| !mark.complete);
        match marks.find(|mark| mark.path == output.mark.path) {
            Some(mark) => {
                output.cut_back(mark, amends)?;
                output.trail = Trail::new(mark.recent_from.unwrap_or(0));
            }
            None => self.mend_end(output)?,
        }
        if self.settings.has_lines() {
            output.finish_last_line()?;
        }
        output.begin_with(self.settings.format.header());
        output.sync()?;
        output.is_synced = true;
        Ok(())
    }

    /// A frame that was torn by a crash would spoil those after it.
    fn mend_end(&self, output: &mut OutputFile) -> Result<(), MemberError> {
        let path = output.mark.path.clone();
        if self.settings.written_format() == FrameFormat::Plain || output.mark.bytes == 0 {
            return Ok(());
        }
        let whole = whole::whole(output.file()?, FrameFormat::of(&path), 0);
        let whole = whole.map_err(failed("read", &path))?;
        if whole == 0 {
            return Err(FileError::Changed {
                path,
                why: "is not compressed as its name says",
            }
            .into());
        }
        let torn = output.mark.bytes - whole;
        if torn > 0 {
            disk::cut(output.file()?, &path, whole)?;
            let file = path.display();
            info!(target: STATE, %file, bytes = torn, "cut {torn} bytes off '{file}', whose end was torn");
            output.mark.bytes = whole;
        }
        Ok(())
    }
}

impl Sink for FileSink {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn begin(&mut self, files: &[FileMark], context: &SinkContext) -> Result<(), MemberError> {
        let disk = Disk::new(self.settings.waits_for_room, Arc::clone(&self.is_ending));
        let restored = self.restore(files, &disk)?;
        let encoder = self.encoder.take().expect("a sink begins once");
        let settings = (*self.settings).clone();
        let stats = Arc::clone(context.stats());
        let layout = self.layout.clone();
        let target = FileTarget::new(settings, layout, encoder, disk, stats, restored);
        // From now on a crash cuts back to here, even before anything is accepted.
        self.counted = target.marks();
        context.accept_up_to(0, self.counted.clone());
        self.writer = Some(Writer::start(&self.name, target, context.clone())?);
        Ok(())
    }

    async fn recall(&mut self) -> Vec<Point> {
        let counted = std::mem::take(&mut self.counted);
        if self.formatter.is_some() {
            if counted.iter().any(|mark| mark.bytes > 0) {
                let name = &self.name;
                info!(target: STATE, name, "{name} cannot be read back, as it holds no JSON lines; if the server renumbers its events, the last ones may come again");
            }
            return Vec::new();
        }
        let back_us = micros(self.settings.recall);
        let reading = spawn_blocking(move || recall::read(&counted, back_us));
        reading.await.unwrap_or_default()
    }

    async fn accept(
        &mut self,
        batch: &mut Batch,
        _context: &SinkContext,
    ) -> Result<(), MemberError> {
        let writer = self.writer.as_mut().expect(HAS_BEGUN);
        if self.reopen.is_asked() {
            writer.reopen(&self.reopen.0.is_asked).await?;
        }
        match &mut self.formatter {
            Some(formatter) => writer.write_as(formatter, batch).await,
            None => writer.write(batch).await,
        }
    }

    async fn checkpoint(&mut self) -> Result<(), MemberError> {
        self.writer.as_mut().expect(HAS_BEGUN).sync().await
    }

    fn on_cursor_saved(&mut self, _context: &SinkContext) -> Result<(), MemberError> {
        self.writer.as_mut().expect(HAS_BEGUN).saved()
    }

    async fn finish(&mut self, _context: &SinkContext) -> Result<(), MemberError> {
        self.is_ending.store(true, Ordering::Release);
        self.writer.as_mut().expect(HAS_BEGUN).finish().await
    }

    async fn drive(&mut self) -> MemberError {
        let writer = self.writer.as_mut().expect(HAS_BEGUN);
        loop {
            tokio::select! {
                error = writer.failed() => return error,
                () = self.reopen.0.notify.notified() => {}
            }
            if self.reopen.is_asked()
                && let Err(error) = writer.reopen(&self.reopen.0.is_asked).await
            {
                return error;
            }
        }
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        self.is_ending.store(true, Ordering::Release);
    }
}
