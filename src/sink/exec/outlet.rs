//! What programs print, on its way to our stdout: whole lines, and an event counts only once its own have left.

use std::{
    mem::{swap, take},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::super::{Ledger, SinkError, stdout, writer::Writer};

/// So much may wait for a stdout that is slow; then the programs do.
const FULL: usize = 256 * 1024;

/// The longest line of a program: what the longest event is by default. It has to be held in memory until it ends.
pub(super) const LONGEST: usize = 8 * 1024 * 1024;

/// Lines that were printed and not written yet. A clone is the same basket.
#[derive(Debug, Clone, Default)]
pub(super) struct Basket(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    lines: Mutex<Vec<u8>>,
    /// Lines were put in.
    news: Notify,
    /// Lines were taken out.
    room: Notify,
}

impl Basket {
    /// Puts whole lines in, once there is room.
    ///
    /// Cancel safety: either nothing of the lines is put in, or all.
    pub(super) async fn put(&self, lines: &[u8]) {
        if lines.is_empty() {
            return;
        }
        loop {
            let mut room = pin!(self.0.room.notified());
            room.as_mut().enable();
            {
                let mut held = self.lines();
                if held.len() < FULL {
                    held.extend_from_slice(lines);
                    break;
                }
            }
            room.await;
        }
        self.0.news.notify_one();
    }

    fn lines(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way from the basket to stdout.
#[derive(Debug)]
pub(super) struct Outlet {
    basket: Basket,
    writer: Writer,
    /// Lines that were taken out of the basket.
    lines: Vec<u8>,
    /// So many events are done with what was written.
    total: u64,
    /// Why nothing can be written any more was told.
    is_broken: bool,
}

impl Outlet {
    /// Opens stdout.
    pub(super) fn open(ledger: &Ledger) -> Result<Self, SinkError> {
        Ok(Self {
            basket: Basket::default(),
            writer: stdout::writer(ledger)?,
            lines: Vec::new(),
            total: 0,
            is_broken: false,
        })
    }

    /// Where programs put their lines.
    pub(super) fn basket(&self) -> Basket {
        self.basket.clone()
    }

    /// Resolves when lines were put into the basket, or fails when stdout does.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(super) async fn news(&mut self) -> Result<(), SinkError> {
        tokio::select! {
            () = self.basket.0.news.notified() => Ok(()),
            error = self.writer.failed(), if !self.is_broken => {
                self.is_broken = true;
                Err(error)
            }
        }
    }

    /// Writes what is in the basket. With it, so many events are done since the beginning.
    ///
    /// Cancel safety: asked again it goes on where it was.
    pub(super) async fn flush(&mut self, total: u64) -> Result<(), SinkError> {
        self.empty_basket();
        if self.is_broken || (self.lines.is_empty() && self.total == total) {
            return Ok(());
        }
        let written = self.writer.write_lines(&mut self.lines, total).await;
        self.total = total;
        self.is_broken = written.is_err();
        written
    }

    /// Makes certain what was read of stdout.
    pub(super) async fn sync(&mut self) -> Result<(), SinkError> {
        if self.is_broken {
            return Ok(());
        }
        self.writer.sync().await
    }

    /// Waits until all is written.
    pub(super) async fn finish(&mut self) -> Result<(), SinkError> {
        if self.is_broken {
            return Ok(());
        }
        self.writer.finish().await
    }

    fn empty_basket(&mut self) {
        let mut held = self.basket.lines();
        if self.lines.is_empty() {
            swap(&mut self.lines, &mut held);
        } else {
            self.lines.append(&mut held);
        }
        drop(held);
        if self.is_broken {
            // Programs need not wait for a stdout that takes nothing.
            self.lines.clear();
        }
        self.basket.0.room.notify_waiters();
    }
}

/// What one program prints: whole lines are passed on, and the beginning of the next is kept.
#[derive(Debug, Default)]
pub(super) struct Printed(Vec<u8>);

impl Printed {
    /// Adds some bytes, and returns the whole lines that are there now.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.0.extend_from_slice(bytes);
        match memchr::memrchr(b'\n', bytes) {
            Some(last) => {
                let rest = self.0.split_off(self.0.len() - (bytes.len() - last - 1));
                std::mem::replace(&mut self.0, rest)
            }
            None => Vec::new(),
        }
    }

    /// Whether the line that has begun is longer than any may be.
    pub(super) fn is_too_long(&self) -> bool {
        self.0.len() > LONGEST
    }

    /// The last line, ended if it was not.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut last = take(&mut self.0);
        if !last.is_empty() {
            last.push(b'\n');
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn only_whole_lines_are_passed_on() {
        let mut printed = Printed::default();
        assert_eq!(printed.add(b"on"), b"");
        assert_eq!(printed.add(b"e\ntwo\nthr"), b"one\ntwo\n");
        assert_eq!(printed.add(b"\n"), b"thr\n");
        assert_eq!(printed.finish(), b"");
        assert_eq!(printed.add(b"end"), b"");
        assert_eq!(printed.finish(), b"end\n");
    }

    #[tokio::test]
    async fn a_full_basket_waits_for_room_and_loses_nothing() {
        let basket = Basket::default();
        let line = vec![b'x'; FULL];
        basket.put(&line).await;
        let mut waiting = pin!(basket.put(b"more"));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert_eq!(take(&mut *basket.lines()).len(), FULL);
        basket.0.room.notify_waiters();
        waiting.await;
        assert_eq!(*basket.lines(), b"more");
    }
}
