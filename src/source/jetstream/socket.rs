//! A WebSocket as a client of a stream needs it: large reads, and frames looked at where they lie.
//!
//! Done here rather than by the WebSocket library (RFC 6455, section 5): that saves a copy, an
//! allocation and a buffer to clear per event, and a message that is too large is stepped over
//! instead of ending the connection.

mod error;
mod fragments;
mod incoming;
mod outgoing;

use std::{
    io,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(super) use self::{error::SocketError, incoming::Incoming};
use self::{fragments::Fragments, incoming::reason, outgoing::Outgoing};
use super::slow::UnderWay;
use crate::wire::{
    dial::Stream,
    frame::{self, BINARY, CLOSE, CONTINUATION, Header, PING, PONG, Sender, TEXT},
};

/// How much is read at once, and the size of the buffer unless a message is larger. Twice and half
/// of it were measured: no difference.
const BUFFER_BYTES: usize = 128 * 1024;

/// How much of a message that is too large is shown.
const EXCERPT_BYTES: usize = 160;

/// The largest frame that is stepped over, unless larger ones are wanted. What says that it is
/// larger is no frame, and would swallow the stream.
const MAX_SKIPPED_BYTES: u64 = 1 << 30;

/// The code that closes a connection that has served its purpose (RFC 6455, section 7.4.1).
const NORMAL_CLOSURE: u16 = 1000;

/// A client's end of an open connection.
#[derive(Debug)]
pub(super) struct Socket<S = Stream> {
    stream: S,
    buffer: Vec<u8>,
    /// What was received and not looked at yet.
    start: usize,
    end: usize,
    /// How much of a message that is too large is still to come, and how large it is as far as that
    /// is known.
    to_skip: u64,
    skipping: u64,
    message: Option<Fragments>,
    /// The message that was put together last, which the caller may still look at.
    assembled: Vec<u8>,
    cap: usize,
    /// Bytes received and not asked about yet.
    n_received: u64,
    outgoing: Outgoing,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// A connection whose upgrade is done, and what was received behind it. Messages larger than
    /// `cap` bytes are stepped over.
    pub(super) fn new(stream: S, received: &[u8], cap: usize) -> Self {
        let mut buffer = vec![0; BUFFER_BYTES.max(received.len())];
        buffer[..received.len()].copy_from_slice(received);
        Self {
            stream,
            buffer,
            start: 0,
            end: received.len(),
            to_skip: 0,
            skipping: 0,
            message: None,
            assembled: Vec::new(),
            cap,
            n_received: received.len() as u64,
            outgoing: Outgoing::default(),
        }
    }

    /// The next frame, or message where it comes in one.
    ///
    /// Cancel safety: what was received and not returned stays.
    #[inline]
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Incoming<'_>, SocketError>> {
        match self.take_simple() {
            Some((TEXT, payload)) => Poll::Ready(Ok(Incoming::Text(&self.buffer[payload]))),
            Some((_, payload)) => Poll::Ready(Ok(Incoming::Binary(&self.buffer[payload]))),
            None => self.poll_general(cx),
        }
    }

    /// The next frame if it has come and is a whole message of a usual size: what it is, and where
    /// its payload lies. `None` says nothing.
    #[inline]
    fn take_simple(&mut self) -> Option<(u8, Range<usize>)> {
        if self.to_skip > 0 || self.message.is_some() {
            return None;
        }
        let (opcode, payload) = self.peek_simple(self.start)?;
        self.start = payload.end;
        Some((opcode, payload))
    }

    /// The frame at this place of the buffer, as `take_simple` has it.
    #[inline]
    fn peek_simple(&self, start: usize) -> Option<(u8, Range<usize>)> {
        let (opcode, header, length) = frame::peek_simple(self.buffer.get(start..self.end)?)?;
        let payload = start + header..start + header + length;
        if payload.end > self.end || length > self.cap {
            return None;
        }
        Some((opcode, payload))
    }

    /// Whether a message is begun and not complete, or not stepped over yet.
    pub(super) fn is_in_message(&self) -> bool {
        self.to_skip > 0 || self.message.is_some() || self.n_ready() > 0
    }

    /// The message that is begun and not complete, as far as is known.
    pub(super) fn under_way(&self) -> UnderWay {
        let received = &self.buffer[self.start..self.end];
        let frame = Header::parse(received, Sender::Server).ok().flatten();
        let frame = frame.filter(|head| self.to_skip == 0 && head.opcode < CLOSE);
        let payload = frame.as_ref().and_then(|head| received.get(head.bytes..));
        let (before, first, is_text) = match &self.message {
            None => (
                0,
                payload,
                frame.as_ref().is_some_and(|head| head.opcode == TEXT),
            ),
            Some(message) => (message.bytes, Some(&*message.payload), message.is_text),
        };
        let bytes = if self.to_skip > 0 {
            self.skipping
        } else {
            before.saturating_add(frame.map_or(0, |head| head.payload_bytes))
        };
        UnderWay::new(bytes, is_text, first.unwrap_or_default())
    }

    /// How many bytes have come and were not looked at yet.
    #[inline]
    pub(super) fn n_ready(&self) -> usize {
        self.end - self.start
    }

    /// The binary messages that are next, as far as they have come and are whole and of a usual
    /// size.
    pub(super) fn ready_binaries(&self) -> impl Iterator<Item = &[u8]> {
        let mut at = if self.to_skip > 0 || self.message.is_some() {
            self.end
        } else {
            self.start
        };
        std::iter::from_fn(move || {
            let (opcode, payload) = self.peek_simple(at)?;
            at = payload.end;
            (opcode == BINARY).then(|| self.buffer.get(payload))?
        })
    }

    fn poll_general(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming<'_>, SocketError>> {
        self.assembled = Vec::new();
        loop {
            self.skip();
            let received = &self.buffer[self.start..self.end];
            let head = if self.to_skip > 0 {
                None
            } else {
                Header::parse(received, Sender::Server)?
            };
            let Some(head) = head else {
                ready!(self.poll_fill(cx, 0))?;
                continue;
            };
            self.check(&head)?;
            let is_control = head.opcode >= CLOSE;
            if !is_control && head.payload_bytes > self.cap as u64 {
                return Poll::Ready(Ok(self.too_large(&head)));
            }
            let length = usize::try_from(head.payload_bytes).unwrap_or(usize::MAX);
            let frame = head.bytes + length;
            if received.len() < frame {
                ready!(self.poll_fill(cx, frame))?;
                continue;
            }
            let payload = self.start + head.bytes..self.start + frame;
            self.start += frame;
            return Poll::Ready(match head.opcode {
                TEXT | BINARY if head.is_final && self.message.is_none() => {
                    let payload = &self.buffer[payload];
                    Ok(if head.opcode == TEXT {
                        Incoming::Text(payload)
                    } else {
                        Incoming::Binary(payload)
                    })
                }
                TEXT | BINARY | CONTINUATION => Ok(self.on_fragment(&head, payload)),
                PING => {
                    self.answer(payload);
                    Ok(Incoming::Ping)
                }
                CLOSE => Ok(self.closed(payload)),
                _ => Ok(Incoming::Pong),
            });
        }
    }

    /// Whether a frame may come now, before any of it is read or stepped over.
    fn check(&self, head: &Header) -> Result<(), SocketError> {
        Err(SocketError::Protocol(match head.opcode {
            CONTINUATION if self.message.is_none() => "a message continues that did not begin",
            TEXT | BINARY if self.message.is_some() => "a message begins inside of another",
            _ if head.payload_bytes > MAX_SKIPPED_BYTES.max(self.cap as u64) => {
                "a frame says that it is larger than 1 GiB"
            }
            _ => return Ok(()),
        }))
    }

    /// Drops what belongs to a message that is too large.
    fn skip(&mut self) {
        let here = usize::try_from(self.to_skip)
            .unwrap_or(usize::MAX)
            .min(self.end - self.start);
        self.start += here;
        self.to_skip -= here as u64;
    }

    /// Begins to step over a frame whose payload is too large.
    fn too_large(&mut self, head: &Header) -> Incoming<'_> {
        let first = self.start + head.bytes;
        let shown = first..self.end.min(first + EXCERPT_BYTES).max(first);
        self.start = first;
        self.to_skip = head.payload_bytes;
        let before = self.message.as_ref().map_or(0, |message| message.bytes);
        let bytes = before.saturating_add(head.payload_bytes);
        self.skipping = bytes;
        match (head.is_final, &mut self.message) {
            (true, None) => {}
            (false, None) => {
                self.message = Some(Fragments {
                    is_text: head.opcode == TEXT,
                    payload: Vec::new(),
                    bytes,
                    is_too_large: true,
                });
            }
            (false, Some(message)) => {
                message.give_up();
                message.bytes = bytes;
                return Incoming::Other;
            }
            (true, Some(_)) => self.message = None,
        }
        Incoming::TooLarge(&self.buffer[shown])
    }

    /// Takes one frame of a message that comes in several.
    fn on_fragment(&mut self, head: &Header, payload: Range<usize>) -> Incoming<'_> {
        let part = &self.buffer[payload];
        match &mut self.message {
            None => self.message = Some(Fragments::begin(head, part)),
            Some(message) => message.add(head, part, self.cap),
        }
        if !head.is_final {
            return Incoming::Other;
        }
        let Some(Fragments {
            is_text,
            payload,
            is_too_large,
            bytes: _,
        }) = self.message.take()
        else {
            return Incoming::Other;
        };
        if is_too_large {
            return Incoming::TooLarge(&[]);
        }
        self.assembled = payload;
        if is_text {
            Incoming::Text(&self.assembled)
        } else {
            Incoming::Binary(&self.assembled)
        }
    }

    /// Receives more, into a buffer that has room for a frame of `frame` bytes.
    fn poll_fill(&mut self, cx: &mut Context<'_>, frame: usize) -> Poll<Result<(), SocketError>> {
        let left = self.end - self.start;
        if left == 0 {
            (self.start, self.end) = (0, 0);
            if frame <= BUFFER_BYTES {
                self.give_back();
            }
        } else if self.buffer.len() - self.start < frame.max(left + 1)
            || self.end == self.buffer.len()
        {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, left);
        }
        if self.buffer.len() < frame {
            self.buffer.resize(frame, 0);
        }
        let mut space = ReadBuf::new(&mut self.buffer[self.end..]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space))?;
        match space.filled().len() {
            0 => Poll::Ready(Err(SocketError::Eof)),
            received => {
                self.end += received;
                self.n_received += received as u64;
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Gives back what one large message has made of the buffer, if nothing is in it.
    pub(super) fn give_back(&mut self) {
        if self.start == self.end && self.buffer.len() > BUFFER_BYTES {
            (self.start, self.end) = (0, 0);
            self.buffer.truncate(BUFFER_BYTES);
            self.buffer.shrink_to_fit();
        }
        self.assembled = Vec::new();
    }

    /// How many bytes were received since this was last asked.
    pub(super) fn take_received(&mut self) -> u64 {
        std::mem::take(&mut self.n_received)
    }

    /// The bytes that are held, for the fuzz targets.
    #[cfg(fuzzing)]
    pub(super) fn memory(&self) -> usize {
        let message = self.message.as_ref();
        self.buffer.capacity()
            + self.outgoing.memory()
            + self.assembled.capacity()
            + message.map_or(0, |message| message.payload.capacity())
    }

    /// Queues the answer to a ping; an answer more when nothing leaves helps nobody.
    fn answer(&mut self, payload: Range<usize>) {
        if !self.outgoing.is_stuck() {
            self.outgoing.push(PONG, &self.buffer[payload]);
        }
    }

    fn closed(&mut self, payload: Range<usize>) -> Incoming<'_> {
        self.outgoing.push(CLOSE, b"");
        Incoming::Close(reason(&self.buffer[payload]))
    }

    /// Queues a ping.
    pub(super) fn ping(&mut self) {
        if !self.outgoing.is_stuck() {
            self.outgoing.push(PING, b"");
        }
    }

    /// Whether much is queued that has not left.
    pub(super) fn is_stuck(&self) -> bool {
        self.outgoing.is_stuck()
    }

    /// Queues a text message.
    pub(super) fn text(&mut self, text: &str) {
        self.outgoing.push(TEXT, text.as_bytes());
    }

    /// Queues the close frame.
    pub(super) fn close(&mut self) {
        self.outgoing.push(CLOSE, &NORMAL_CLOSURE.to_be_bytes());
    }

    /// Writes what is queued. Ready when nothing waits any more.
    ///
    /// Cancel safety: what was not written stays queued.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.poll_flush(cx, &mut self.stream)
    }
}

#[cfg(test)]
mod tests;
