//! Events from stdin as they come, one line each, as the source of a pipeline.

use std::{
    io::{self, Read},
    sync::Arc,
    thread,
};

use tokio::sync::mpsc;
use tracing::warn;

use crate::{
    error::MemberError,
    event::{BadEvent, Batch, Origin, Place, Trail},
    log::STATE,
    log::throttle::Throttle,
    source::{Flow, RunContext, Source},
};

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;

/// A longer line is no event: twice what our own sinks are sent.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// Lines of stdin. What was read before a start does not come again.
#[derive(Debug)]
pub struct Stdin {
    pieces: mpsc::Receiver<io::Result<Vec<u8>>>,
    origin: Arc<Origin>,
    /// What is read of a line that has not ended.
    line: Vec<u8>,
    /// The line is too long, and its rest is stepped over.
    is_skipping: bool,
    run: Option<RunContext>,
    throttle: Throttle,
}

impl Stdin {
    /// Reads on a thread of its own, which may outlive this: nothing can wake it.
    pub fn open() -> io::Result<Self> {
        Self::of(io::stdin())
    }

    fn of(input: impl Read + Send + 'static) -> io::Result<Self> {
        let (send, pieces) = mpsc::channel(1);
        thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(move || read(input, &send))?;
        Ok(Self {
            pieces,
            origin: Arc::new(Origin {
                source: "stdin".into(),
                host: "-".to_owned(),
                instance: None,
            }),
            line: Vec::new(),
            is_skipping: false,
            run: None,
            throttle: Throttle::new(),
        })
    }

    /// Adds the lines that end in a piece.
    fn add(&mut self, mut piece: &[u8], batch: &mut Batch) {
        while let Some(end) = memchr::memchr(b'\n', piece) {
            let (line, rest) = piece.split_at(end);
            piece = rest.get(1..).unwrap_or_default();
            self.extend(line);
            self.end_line(batch);
        }
        self.extend(piece);
    }

    fn extend(&mut self, part: &[u8]) {
        if self.line.len() + part.len() > MAX_LINE_BYTES {
            self.line = Vec::new();
            self.is_skipping = true;
        }
        if !self.is_skipping {
            self.line.extend_from_slice(part);
        }
    }

    fn end_line(&mut self, batch: &mut Batch) {
        let line = std::mem::take(&mut self.line);
        let added = if std::mem::take(&mut self.is_skipping) {
            Err(BadEvent::TooLarge)
        } else if line.trim_ascii().is_empty() {
            Ok(())
        } else {
            batch.push(line.trim_ascii())
        };
        if let Err(why) = added {
            if let Some(run) = &self.run {
                run.stats.add_bad(why);
            }
            if let Some(n_before) = self.throttle.check() {
                let more = match n_before {
                    0 => String::new(),
                    n => format!(" ({n} more before)"),
                };
                warn!(target: STATE, class = why.as_str(), "a line of stdin is no event and is skipped: {why}{more}");
            }
        }
        self.line = line;
        self.line.clear();
        self.line.shrink_to(READ_BYTES);
    }
}

impl Source for Stdin {
    fn attach(&mut self, run: &RunContext) {
        self.run = Some(run.clone());
    }

    fn resume(&mut self, _: &Place, _: &Trail, _: bool) -> Result<bool, MemberError> {
        Ok(false)
    }

    async fn next_batch(&mut self, batch: &mut Batch) -> Result<Flow, MemberError> {
        batch.set_origin(&self.origin);
        let mut piece = self.pieces.recv().await;
        while let Some(read) = piece {
            let read = read.map_err(|error| MemberError::caused("stdin cannot be read", error))?;
            self.add(&read, batch);
            if batch.is_full() {
                return Ok(Flow::More);
            }
            piece = match self.pieces.try_recv() {
                Ok(next) => Some(next),
                Err(mpsc::error::TryRecvError::Empty) => return Ok(Flow::More),
                Err(mpsc::error::TryRecvError::Disconnected) => None,
            };
        }
        if !self.line.is_empty() || self.is_skipping {
            self.end_line(batch);
        }
        Ok(Flow::End)
    }
}

/// Sends what is read until it ends, or nobody listens any more.
fn read(mut input: impl Read, send: &mpsc::Sender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; READ_BYTES];
        let piece = match input.read(&mut piece) {
            Ok(0) => return,
            Ok(n) => {
                piece.truncate(n);
                Ok(piece)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let is_failed = piece.is_err();
        if send.blocking_send(piece).is_err() || is_failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Yields these pieces, one a read.
    struct Pieces(Vec<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            out[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    #[tokio::test]
    async fn lines_are_whole_wherever_reads_end() {
        let line = |n: u64| {
            format!(
                "{{\"did\":\"did:plc:a\",\"time_us\":{n},\"kind\":\"account\",\"account\":{{}}}}"
            )
        };
        let text = format!("{}\n\nnothing\n{}\r\n{}", line(1), line(2), line(3));
        for step in [1, 7, 50, 1000] {
            let pieces = text.as_bytes().chunks(step).map(<[u8]>::to_vec).collect();
            let mut stdin = Stdin::of(Pieces(pieces)).unwrap();
            let mut lines = Vec::new();
            let mut batch = Batch::new();
            loop {
                batch.clear();
                let flow = stdin.next_batch(&mut batch).await.unwrap();
                lines.extend(batch.events().map(|event| event.line_str().to_owned()));
                if flow == Flow::End {
                    break;
                }
            }
            assert_eq!(lines, [line(1), line(2), line(3)], "{step}");
        }
    }
}
