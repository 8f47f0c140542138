//! A recording, read batch by batch: its lines, whatever it is compressed with.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    thread,
};

use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::platform::is_fifo;
use rocketman::{
    compressed::{FrameFormat, Frames},
    event::Batch,
    source::Flow,
};

/// How many pieces of a recording are read ahead.
const PIECES_AHEAD: usize = 4;

/// The size of such a piece.
const PIECE_BYTES: usize = 256 * 1024;

/// What is beyond this of a line is not kept, so that it is no event.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the recording '{}'", path.display())]
pub(crate) struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

/// The lines of a recording, read by a thread of its own.
pub(crate) struct Recording {
    path: PathBuf,
    pieces: Receiver<io::Result<Vec<u8>>>,
    /// The beginning of a line.
    rest: Vec<u8>,
    /// How many lines were no events.
    n_bad: u64,
}

/// What a recording is read from.
enum Opened {
    Stdin,
    /// One with a name, not opened yet.
    Pipe(PathBuf),
    File(File),
}

impl Opened {
    /// May block for as long as nobody writes to a pipe.
    fn reader(self) -> io::Result<Box<dyn BufRead + Send>> {
        Ok(match self {
            Self::Stdin => Box::new(BufReader::new(io::stdin())),
            Self::Pipe(path) => Box::new(BufReader::new(File::open(path)?)),
            Self::File(file) => Box::new(BufReader::new(file)),
        })
    }
}

impl Recording {
    pub(super) fn open(path: PathBuf) -> Result<Self, Unreadable> {
        let failed = |source| Unreadable {
            path: path.clone(),
            source,
        };
        let form = if path == Path::new("-") {
            FrameFormat::Plain
        } else {
            form(&path)
        };
        // A pipe is waited for until somebody writes to it, anything else is there or not.
        let is_pipe = is_fifo(&path);
        let open = if path == Path::new("-") {
            Opened::Stdin
        } else if is_pipe {
            Opened::Pipe(path.clone())
        } else {
            Opened::File(File::open(&path).map_err(failed)?)
        };
        let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
        thread::Builder::new()
            .name("recording".to_owned())
            .spawn(move || match open.reader() {
                Ok(reader) => give(Frames::new(form, reader), &sender),
                Err(error) => drop(sender.blocking_send(Err(error))),
            })
            .map_err(failed)?;
        Ok(Self {
            path,
            pieces,
            rest: Vec::new(),
            n_bad: 0,
        })
    }

    /// Adds the next events.
    ///
    /// Cancel safety: no event is lost.
    pub(super) async fn read(&mut self, batch: &mut Batch) -> Result<Flow, Unreadable> {
        let piece = match self.pieces.recv().await {
            None => {
                let last = std::mem::take(&mut self.rest);
                self.take(&last, batch);
                return Ok(Flow::End);
            }
            Some(Ok(piece)) => piece,
            Some(Err(source)) => {
                let path = self.path.clone();
                return Err(Unreadable { path, source });
            }
        };
        let Some(end) = memchr::memrchr(b'\n', &piece) else {
            if self.rest.len() < MAX_LINE_BYTES {
                self.rest.extend_from_slice(&piece);
            }
            return Ok(Flow::More);
        };
        let (lines, rest) = piece.split_at(end);
        let mut first = std::mem::take(&mut self.rest);
        for line in lines.split(|byte| *byte == b'\n') {
            if first.is_empty() {
                self.take(line, batch);
            } else {
                first.extend_from_slice(line);
                self.take(&first, batch);
                first.clear();
            }
        }
        self.rest
            .extend_from_slice(rest.get(1..).unwrap_or_default());
        Ok(Flow::More)
    }

    /// How many lines were no events.
    pub(super) fn n_bad(&self) -> u64 {
        self.n_bad
    }

    fn take(&mut self, line: &[u8], batch: &mut Batch) {
        let line = line.trim_ascii();
        if !line.is_empty() && batch.push(line).is_err() {
            self.n_bad += 1;
        }
    }
}

/// The form of a file, which may be an unfinished one.
pub(super) fn form(path: &Path) -> FrameFormat {
    FrameFormat::of(finished_name(path).map_or(path, Path::new))
}

/// The name that an unfinished file is to get.
pub(super) fn finished_name(path: &Path) -> Option<&str> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.and_then(|name| name.strip_suffix(".partial"));
    name.map(|name| match name.rsplit_once(".+") {
        Some((name, length)) if length.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => name,
    })
}

/// Gives all that is in a file, in pieces, as long as it is wanted.
fn give(mut frames: Frames<Box<dyn BufRead + Send>>, sender: &Sender<io::Result<Vec<u8>>>) {
    let mut piece = Vec::new();
    loop {
        let read = frames.read(&mut |text| {
            piece.extend_from_slice(text);
            if piece.len() >= PIECE_BYTES && !sender.is_closed() {
                sender.blocking_send(Ok(std::mem::take(&mut piece))).ok();
            }
        });
        match read {
            Ok(true) if !sender.is_closed() => {}
            // The end of a compressed recording is torn when its writer was killed.
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                sender.blocking_send(Err(error)).ok();
                return;
            }
            _ => break,
        }
    }
    sender.blocking_send(Ok(piece)).ok();
}
