//! What programs print, on its way to our stdout: whole lines. An event counts only once its own
//! lines have left.

use std::{
    mem::swap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::super::{SinkContext, stdout, writer::Writer};
use crate::error::MemberError;

/// How many bytes may wait for a stdout that is slow; beyond that, the programs wait.
const MAX_WAITING_BYTES: usize = 256 * 1024;

/// The longest line of a program: what the longest event is by default. It has to be held in memory
/// until it ends.
pub(super) const MAX_LINE_BYTES: usize = 8 * 1024 * 1024;

/// Lines that were printed and not written yet. A clone is the same buffer.
#[derive(Debug, Clone, Default)]
pub(super) struct StdoutBuffer(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    lines: Mutex<Vec<u8>>,
    /// Lines were put in.
    changed: Notify,
    /// Lines were taken out.
    room: Notify,
}

impl StdoutBuffer {
    /// Moves whole lines in, once there is room.
    ///
    /// Cancel safety: either nothing of the lines is moved, or all.
    pub(super) async fn put(&self, lines: &mut Vec<u8>) {
        if lines.is_empty() {
            return;
        }
        loop {
            let mut room = pin!(self.0.room.notified());
            room.as_mut().enable();
            {
                let mut held = self.lines();
                if held.is_empty() {
                    swap(&mut *held, lines);
                    break;
                }
                if held.len() < MAX_WAITING_BYTES {
                    held.append(lines);
                    break;
                }
            }
            room.await;
        }
        self.0.changed.notify_one();
    }

    /// Takes all lines out, in exchange for an empty buffer.
    fn empty_into(&self, empty: &mut Vec<u8>) {
        swap(empty, &mut *self.lines());
        self.0.room.notify_waiters();
    }

    fn lines(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves lines from the buffer to stdout.
#[derive(Debug)]
pub(super) struct StdoutMux {
    stdout_buffer: StdoutBuffer,
    writer: Writer,
    /// Lines that were taken out of the buffer.
    lines: Vec<u8>,
    /// How many events are done with what was written.
    total: u64,
    /// The error of stdout was returned already.
    is_broken: bool,
}

impl StdoutMux {
    /// Opens stdout.
    pub(super) fn open(context: &SinkContext) -> Result<Self, MemberError> {
        Ok(Self {
            stdout_buffer: StdoutBuffer::default(),
            writer: stdout::writer(context)?,
            lines: Vec::new(),
            total: 0,
            is_broken: false,
        })
    }

    /// Where programs put their lines.
    pub(super) fn stdout_buffer(&self) -> StdoutBuffer {
        self.stdout_buffer.clone()
    }

    /// Resolves when lines were put into the buffer, or fails when stdout does.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(super) async fn changed(&mut self) -> Result<(), MemberError> {
        tokio::select! {
            () = self.stdout_buffer.0.changed.notified() => Ok(()),
            error = self.writer.failed(), if !self.is_broken => {
                self.is_broken = true;
                Err(error)
            }
        }
    }

    /// Writes what is in the buffer. With it, `total` events are done since the beginning.
    ///
    /// Cancel safety: asked again it goes on where it was.
    pub(super) async fn flush(&mut self, total: u64) -> Result<(), MemberError> {
        if self.is_broken {
            // Programs need not wait for a stdout that takes nothing.
            self.stdout_buffer.empty_into(&mut Vec::new());
            return Ok(());
        }
        let waiting = self.stdout_buffer.lines().len();
        if self.lines.is_empty() && waiting == 0 && self.total == total {
            return Ok(());
        }
        let written = self.hand_over(waiting, total).await;
        self.is_broken = written.is_err();
        written
    }

    /// Takes nothing out of the buffer before the writer has room for it, so that no third copy
    /// lies in between.
    async fn hand_over(&mut self, waiting: usize, total: u64) -> Result<(), MemberError> {
        self.writer.has_room(waiting).await?;
        if self.lines.is_empty() {
            self.stdout_buffer.empty_into(&mut self.lines);
        }
        self.writer.write_lines(&mut self.lines, total).await?;
        self.total = total;
        Ok(())
    }

    /// Makes certain what was read of stdout.
    pub(super) async fn sync(&mut self) -> Result<(), MemberError> {
        if self.is_broken {
            return Ok(());
        }
        self.writer.sync().await
    }

    /// Waits until all is written.
    pub(super) async fn finish(&mut self) -> Result<(), MemberError> {
        if self.is_broken {
            return Ok(());
        }
        self.writer.finish().await
    }
}

/// What one program prints: whole lines to be passed on, and the beginning of the next.
#[derive(Debug, Default)]
pub(super) struct LineSplitter {
    lines: Vec<u8>,
    begun: Vec<u8>,
}

impl LineSplitter {
    /// Adds some bytes.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let whole = memchr::memrchr(b'\n', bytes).map_or(0, |last| last + 1);
        let (whole, begun) = bytes.split_at(whole);
        if !whole.is_empty() {
            self.begun.extend_from_slice(whole);
            self.end_lines();
        }
        self.begun.extend_from_slice(begun);
    }

    /// The whole lines that were not passed on yet.
    pub(super) fn lines(&mut self) -> &mut Vec<u8> {
        &mut self.lines
    }

    /// Whether the line that has begun is longer than any may be.
    pub(super) fn is_too_long(&self) -> bool {
        self.begun.len() > MAX_LINE_BYTES
    }

    /// Ends the last line if it has no end.
    pub(super) fn finish(&mut self) {
        if !self.begun.is_empty() {
            self.begun.push(b'\n');
            self.end_lines();
        }
    }

    /// What has begun is whole.
    fn end_lines(&mut self) {
        if self.lines.is_empty() {
            swap(&mut self.lines, &mut self.begun);
        } else {
            self.lines.append(&mut self.begun);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::mem::take;

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn only_whole_lines_are_passed_on() {
        let mut splitter = LineSplitter::default();
        let mut added = |bytes: &[u8]| {
            splitter.add(bytes);
            take(splitter.lines())
        };
        assert_eq!(added(b"on"), b"");
        assert_eq!(added(b"e\ntwo\nthr"), b"one\ntwo\n");
        assert_eq!(added(b"\n"), b"thr\n");
        splitter.finish();
        assert_eq!(splitter.lines(), b"");
        splitter.add(b"four\nfi");
        splitter.add(b"ve\nend");
        splitter.finish();
        assert_eq!(splitter.lines(), b"four\nfive\nend\n");
    }

    #[tokio::test]
    async fn a_full_basket_waits_for_room_and_loses_nothing() {
        let stdout_buffer = StdoutBuffer::default();
        stdout_buffer.put(&mut vec![b'x'; MAX_WAITING_BYTES]).await;
        let mut more = b"more".to_vec();
        assert!(stdout_buffer.put(&mut more).now_or_never().is_none());
        assert_eq!(more, b"more");
        let mut waiting = Box::pin(stdout_buffer.put(&mut more));
        assert!(waiting.as_mut().now_or_never().is_none());
        let mut out = Vec::new();
        stdout_buffer.empty_into(&mut out);
        assert_eq!(out.len(), MAX_WAITING_BYTES);
        waiting.await;
        stdout_buffer.put(&mut b"!".to_vec()).await;
        assert_eq!(*stdout_buffer.lines(), b"more!");
        assert_eq!(more, b"");
    }
}
