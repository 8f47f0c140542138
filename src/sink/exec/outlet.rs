//! What programs print, on its way to our stdout: whole lines, and an event counts only once its own have left.

use std::{
    mem::swap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::super::{SinkContext, SinkError, stdout, writer::Writer};

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
                if held.len() < FULL {
                    held.append(lines);
                    break;
                }
            }
            room.await;
        }
        self.0.news.notify_one();
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
    pub(super) fn open(context: &SinkContext) -> Result<Self, SinkError> {
        Ok(Self {
            basket: Basket::default(),
            writer: stdout::writer(context)?,
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
        if self.is_broken {
            // Programs need not wait for a stdout that takes nothing.
            self.basket.empty_into(&mut Vec::new());
            return Ok(());
        }
        let waiting = self.basket.lines().len();
        if self.lines.is_empty() && waiting == 0 && self.total == total {
            return Ok(());
        }
        let written = self.hand_over(waiting, total).await;
        self.is_broken = written.is_err();
        written
    }

    /// Takes nothing out of the basket before there is room for it behind, so that it does not lie in between too.
    async fn hand_over(&mut self, waiting: usize, total: u64) -> Result<(), SinkError> {
        self.writer.has_room(waiting).await?;
        if self.lines.is_empty() {
            self.basket.empty_into(&mut self.lines);
        }
        self.writer.write_lines(&mut self.lines, total).await?;
        self.total = total;
        Ok(())
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
}

/// What one program prints: whole lines to be passed on, and the beginning of the next.
#[derive(Debug, Default)]
pub(super) struct Printed {
    lines: Vec<u8>,
    begun: Vec<u8>,
}

impl Printed {
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
        self.begun.len() > LONGEST
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
        let mut printed = Printed::default();
        let mut added = |bytes: &[u8]| {
            printed.add(bytes);
            take(printed.lines())
        };
        assert_eq!(added(b"on"), b"");
        assert_eq!(added(b"e\ntwo\nthr"), b"one\ntwo\n");
        assert_eq!(added(b"\n"), b"thr\n");
        printed.finish();
        assert_eq!(printed.lines(), b"");
        printed.add(b"four\nfi");
        printed.add(b"ve\nend");
        printed.finish();
        assert_eq!(printed.lines(), b"four\nfive\nend\n");
    }

    #[tokio::test]
    async fn a_full_basket_waits_for_room_and_loses_nothing() {
        let basket = Basket::default();
        basket.put(&mut vec![b'x'; FULL]).await;
        let mut more = b"more".to_vec();
        assert!(basket.put(&mut more).now_or_never().is_none());
        assert_eq!(more, b"more");
        let mut waiting = Box::pin(basket.put(&mut more));
        assert!(waiting.as_mut().now_or_never().is_none());
        let mut out = Vec::new();
        basket.empty_into(&mut out);
        assert_eq!(out.len(), FULL);
        waiting.await;
        basket.put(&mut b"!".to_vec()).await;
        assert_eq!(*basket.lines(), b"more!");
        assert_eq!(more, b"");
    }
}
