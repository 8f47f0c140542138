//! What the fuzz targets share.

use std::{
    borrow::Cow,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Takes the first byte of the input: the choices that are no data.
pub fn choice(input: &mut &[u8]) -> u8 {
    match input {
        [first, rest @ ..] => {
            *input = rest;
            *first
        }
        [] => 0,
    }
}

/// A stream that hands out its bytes in pieces of the given sizes, over and over; 0 is a wait. It
/// takes whatever is written.
#[derive(Debug)]
pub struct Torn<'a> {
    pub bytes: Cow<'a, [u8]>,
    /// How many of the bytes were read.
    pub read: usize,
    pub written: Vec<u8>,
    pieces: &'a [u8],
    next_piece: usize,
    has_waited: bool,
}

impl<'a> Torn<'a> {
    /// Without pieces everything comes at once.
    pub fn new(bytes: &'a [u8], pieces: &'a [u8]) -> Self {
        Self {
            bytes: Cow::Borrowed(bytes),
            read: 0,
            written: Vec::new(),
            pieces,
            next_piece: 0,
            has_waited: false,
        }
    }

    /// How much comes next; `None` for a wait. After a wait something always comes.
    fn piece(&mut self) -> Option<usize> {
        if self.pieces.is_empty() {
            return Some(usize::MAX);
        }
        let piece = self.pieces[self.next_piece % self.pieces.len()];
        self.next_piece += 1;
        self.has_waited = piece == 0 && !self.has_waited;
        (!self.has_waited).then_some(usize::from(piece).max(1))
    }
}

impl AsyncRead for Torn<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(piece) = self.piece() else {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        let left = &self.bytes[self.read..];
        let n = piece.min(left.len()).min(space.remaining());
        space.put_slice(&left[..n]);
        self.read += n;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Torn<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(piece) = self.piece() else {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        let taken = piece.min(bytes.len());
        self.written.extend_from_slice(&bytes[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
