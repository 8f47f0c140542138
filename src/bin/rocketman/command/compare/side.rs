//! One of the two that are compared: a server or a recording, read batch by batch.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::{command::demo_server::DemoServer, platform::is_fifo, settings::Compared};
use rocketman::{
    Error, Stats,
    compressed::{FrameFormat, Frames},
    event::Batch,
    source::{
        Flow, RunContext, Source,
        jetstream::{Jetstream, JetstreamSettings},
    },
};

/// How many pieces of a recording are read ahead.
const PIECES_AHEAD: usize = 4;

/// The size of such a piece.
const PIECE_BYTES: usize = 256 * 1024;

/// What is beyond this of a line is not kept, so that it is no event.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// Why one of the two cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum SideError {
    #[error("cannot read the recording '{}'", path.display())]
    Recording {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot serve the demo")]
    Demo(#[source] io::Error),
    #[error(transparent)]
    Run(#[from] Error),
}

/// What is read.
pub(super) enum Side {
    Server {
        source: Box<Jetstream>,
        /// It is served as long as it is read.
        _demo: Option<DemoServer>,
    },
    Recording(Lines),
}

impl Side {
    pub(super) fn open(compared: Compared) -> Result<Self, SideError> {
        Ok(match compared {
            Compared::Server(settings) => Self::of_server(*settings, None),
            Compared::Demo(demo, settings) => {
                let server = DemoServer::start(demo).map_err(SideError::Demo)?;
                let settings = JetstreamSettings {
                    endpoints: vec![server.endpoint().clone()],
                    ..*settings
                };
                Self::of_server(settings, Some(server))
            }
            Compared::Recording(path) => Self::Recording(Lines::open(path)?),
        })
    }

    fn of_server(settings: JetstreamSettings, demo: Option<DemoServer>) -> Self {
        let mut source = Box::new(Jetstream::new(settings));
        source.attach(&RunContext::new(Arc::new(Stats::default())));
        Self::Server {
            source,
            _demo: demo,
        }
    }

    /// Adds the next events.
    ///
    /// Cancel safety: no event is lost.
    pub(super) async fn read(&mut self, batch: &mut Batch) -> Result<Flow, SideError> {
        match self {
            Self::Server { source, .. } => {
                let flow = source.next_batch(batch).await;
                Ok(flow.map_err(Error::Source)?)
            }
            Self::Recording(lines) => lines.read(batch).await,
        }
    }

    /// Up to which time everything was read, where that is known at the end.
    pub(super) fn end_us(&self) -> Option<u64> {
        match self {
            Self::Server { source, .. } => source.end_us(),
            Self::Recording(_) => None,
        }
    }

    /// How many lines of a recording were no events.
    pub(super) fn bad_lines(&self) -> u64 {
        match self {
            Self::Server { .. } => 0,
            Self::Recording(lines) => lines.n_bad,
        }
    }

    /// Keeps it alive while the other one is read.
    pub(super) async fn idle(&mut self) {
        match self {
            Self::Server { source, .. } => {
                source.idle().await;
            }
            Self::Recording(_) => std::future::pending().await,
        }
    }

    pub(super) async fn close(&mut self) {
        if let Self::Server { source, .. } = self {
            source.close().await;
        }
    }
}

/// The lines of a recording, read by a thread of its own.
pub(super) struct Lines {
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

impl Lines {
    fn open(path: PathBuf) -> Result<Self, SideError> {
        let failed = |source| SideError::Recording {
            path: path.clone(),
            source,
        };
        let form = if path == Path::new("-") {
            FrameFormat::Plain
        } else {
            FrameFormat::of(&path)
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

    async fn read(&mut self, batch: &mut Batch) -> Result<Flow, SideError> {
        let piece = match self.pieces.recv().await {
            None => {
                let last = std::mem::take(&mut self.rest);
                self.take(&last, batch);
                return Ok(Flow::End);
            }
            Some(Ok(piece)) => piece,
            Some(Err(source)) => {
                let path = self.path.clone();
                return Err(SideError::Recording { path, source });
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

    fn take(&mut self, line: &[u8], batch: &mut Batch) {
        let line = line.trim_ascii();
        if !line.is_empty() && batch.push(line).is_err() {
            self.n_bad += 1;
        }
    }
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
