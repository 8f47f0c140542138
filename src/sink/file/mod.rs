//! A file that lines are appended to. An event is accepted once it is on the disk.
//!
//! The ledger says how long the file was then; after a crash the next run cuts it back to that, so that each event is in it exactly once.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use tracing::info;

use super::{
    Ledger, Sink, SinkError,
    writer::{BEGUN, Buffer, Target, Writer},
};
use crate::{
    STATE,
    event::{Batch, FileMark},
};

/// Appends each event as one line to a file.
#[derive(Debug)]
pub struct FileSink {
    path: PathBuf,
    file: Option<File>,
    writer: Option<Writer>,
}

impl FileSink {
    /// Opens the file, or makes it; its folder has to exist. Nothing is written or cut yet.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SinkError> {
        let path = path.as_ref();
        let failed = |source| SinkError::Io {
            action: "open",
            target: shown(path),
            source,
        };
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(path)
            .map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(SinkError::NotAFile(path.to_owned()));
        }
        let path = std::fs::canonicalize(path).map_err(failed)?;
        Ok(Self {
            path,
            file: Some(file),
            writer: None,
        })
    }

    fn refusal(&self, action: &'static str) -> impl Fn(std::io::Error) -> SinkError + use<> {
        let target = shown(&self.path);
        move |source| SinkError::Io {
            action,
            target: target.clone(),
            source,
        }
    }

    /// Cuts the file back to what the saved cursor counts.
    fn cut_back(&self, file: &File, mark: &FileMark) -> Result<(), SinkError> {
        let changed = |why| SinkError::Changed {
            path: self.path.clone(),
            why,
        };
        let metadata = file.metadata().map_err(self.refusal("read"))?;
        if metadata.ino() != mark.inode {
            return Err(changed("is not the file that the cursor counts on"));
        }
        let surplus = metadata
            .len()
            .checked_sub(mark.bytes)
            .ok_or_else(|| changed("is shorter than the cursor counts on"))?;
        if surplus > 0 {
            file.set_len(mark.bytes)
                .and_then(|()| file.sync_all())
                .map_err(self.refusal("cut back"))?;
            let file = self.path.display();
            info!(target: STATE, %file, bytes = surplus, "cut {surplus} bytes off '{file}' that the cursor does not count; those events come again");
        }
        Ok(())
    }
}

impl Sink for FileSink {
    fn name(&self) -> String {
        shown(&self.path)
    }

    fn begin(&mut self, files: &[FileMark], ledger: &Ledger) -> Result<(), SinkError> {
        let mut file = self.file.take().expect("a sink begins once");
        if let Some(mark) = files.iter().find(|mark| mark.path == self.path) {
            self.cut_back(&file, mark)?;
        }
        finish_last_line(&mut file).map_err(self.refusal("read the end of"))?;
        let metadata = file.metadata().map_err(self.refusal("read"))?;
        let mark = FileMark::new(self.path.clone(), metadata.ino(), metadata.len());
        // From now on a crash cuts back to here, even before anything is accepted.
        ledger.accept_up_to(0, vec![mark.clone()]);
        let target = FileTarget {
            file,
            mark,
            durable: 0,
            events: 0,
        };
        self.writer = Some(Writer::start(&shown(&self.path), target, ledger.clone())?);
        Ok(())
    }

    async fn accept(&mut self, batch: &mut Batch, _ledger: &Ledger) -> Result<(), SinkError> {
        self.writer.as_mut().expect(BEGUN).write(batch).await
    }

    async fn checkpoint(&mut self) -> Result<(), SinkError> {
        self.writer.as_mut().expect(BEGUN).sync().await
    }

    async fn finish(&mut self, _ledger: &Ledger) -> Result<(), SinkError> {
        self.writer.as_mut().expect(BEGUN).finish().await
    }

    async fn failed(&mut self) -> SinkError {
        self.writer.as_mut().expect(BEGUN).failed().await
    }
}

/// A last line that was torn by a crash gets its line end, so that it does not spoil the next one.
fn finish_last_line(file: &mut File) -> std::io::Result<()> {
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last == *b"\n" {
        Ok(())
    } else {
        file.write_all(b"\n")
    }
}

/// The file, seen from the writing thread.
struct FileTarget {
    file: File,
    /// How long the file is.
    mark: FileMark,
    /// How many events are on the disk.
    durable: u64,
    /// How many events are written.
    events: u64,
}

impl Target for FileTarget {
    fn write(&mut self, buffer: &Buffer, _ledger: &Ledger) -> Result<(), SinkError> {
        self.file
            .write_all(&buffer.lines)
            .map_err(|source| self.failed("write to", source))?;
        self.mark.bytes += buffer.lines.len() as u64;
        if let Some((_, events)) = buffer.marks.last() {
            self.events = *events;
        }
        Ok(())
    }

    fn sync(&mut self, ledger: &Ledger) -> Result<(), SinkError> {
        if self.durable < self.events {
            self.file
                .sync_data()
                .map_err(|source| self.failed("make durable", source))?;
            self.durable = self.events;
            ledger.accept_up_to(self.events, vec![self.mark.clone()]);
        }
        Ok(())
    }

    fn finish(&mut self, ledger: &Ledger) -> Result<(), SinkError> {
        self.sync(ledger)
    }
}

impl FileTarget {
    fn failed(&self, action: &'static str, source: std::io::Error) -> SinkError {
        SinkError::Io {
            action,
            target: shown(&self.mark.path),
            source,
        }
    }
}

fn shown(path: &Path) -> String {
    format!("file '{}'", path.display())
}
