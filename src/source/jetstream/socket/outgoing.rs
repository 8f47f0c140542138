//! Frames on their way out.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;

use crate::wire::frame::{self, Mask};

/// How much may wait for a socket that takes nothing before it counts as stuck.
const MAX_WAITING_BYTES: usize = 16 * 1024;

/// Frames that wait to be written, and how much of them is.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    waiting: Vec<u8>,
    written: usize,
}

impl Outgoing {
    /// Whether much is queued that has not left.
    pub(super) fn is_stuck(&self) -> bool {
        self.waiting.len() - self.written >= MAX_WAITING_BYTES
    }

    /// Queues a frame.
    pub(super) fn push(&mut self, opcode: u8, payload: &[u8]) {
        frame::push_masked(&mut self.waiting, opcode, payload, mask());
    }

    /// Writes what is queued. Ready when nothing waits any more.
    ///
    /// Cancel safety: what was not written stays queued.
    pub(super) fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
    ) -> Poll<io::Result<()>> {
        while let Some(rest @ [_, ..]) = self.waiting.get(self.written..) {
            let n = ready!(Pin::new(&mut *stream).poll_write(cx, rest))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += n;
        }
        if self.written > 0 {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.waiting.clear();
            self.waiting.shrink_to(MAX_WAITING_BYTES);
            self.written = 0;
        }
        Poll::Ready(Ok(()))
    }

    /// The bytes that are held, for the fuzz targets.
    #[cfg(fuzzing)]
    pub(super) fn memory(&self) -> usize {
        self.waiting.capacity()
    }
}

fn mask() -> Mask {
    fastrand::u32(..).to_ne_bytes()
}
