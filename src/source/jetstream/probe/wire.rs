//! One connection of a probe, read only as far as it has something to tell.

use std::{
    future::poll_fn,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::{
    super::{
        endpoint::WireVersion,
        handshake::Upgraded,
        inflate::Inflater,
        lost::Lost,
        session::leave,
        settings::MAX_FRAME_BYTES,
        socket::{Incoming, Socket},
    },
    ProbeError, WireCompression, age,
};
use crate::{
    event::{
        BadEvent, Batch, Envelope, LineRules, Point,
        v2::{Frame, cut},
    },
    wire::dial::Stream,
};

/// How many messages are looked at: enough for a ratio, and over at once on a busy stream. A guess.
const SAMPLE: usize = 32;

/// On a stream that is less busy, the messages of so long a time are enough. A guess.
const SAMPLE_TIME: Duration = Duration::from_secs(1);

/// How long the answer to a ping is waited for when the events are seen.
const LATEST_PONG: Duration = Duration::from_secs(2);

/// A connection, and what it takes to read events from it.
pub(in crate::source::jetstream) struct Wire {
    socket: Socket,
    version: WireVersion,
    /// `None` until it is needed.
    inflater: Option<Inflater>,
    batch: Batch,
    /// What was read of the latest event.
    envelope: Option<Envelope>,
}

/// What came.
enum Seen {
    Event {
        point: Point,
        event_bytes: usize,
        /// Set for compressed ones.
        wire_bytes: Option<usize>,
    },
    Bad(BadEvent),
    Pong,
    Other,
}

/// What was seen of the live stream.
#[derive(Default)]
pub(super) struct Sample {
    pub(super) ping: Option<Duration>,
    pub(super) first_time_us: Option<u64>,
    pub(super) newest_time_us: Option<u64>,
    /// How old the newest event was.
    pub(super) behind: Option<Duration>,
    pub(super) sends_cursor: Option<bool>,
    pub(super) compression: Option<WireCompression>,
    pub(super) n_messages: usize,
    pub(super) bad: Option<BadEvent>,
    pub(super) lost: Option<Lost>,
}

impl Wire {
    pub(in crate::source::jetstream) fn new(
        upgraded: Upgraded<Stream>,
        version: WireVersion,
        inflater: Option<Inflater>,
    ) -> Self {
        Self {
            socket: Socket::new(upgraded.stream, &upgraded.received, MAX_FRAME_BYTES),
            version,
            inflater,
            batch: Batch::new(),
            envelope: None,
        }
    }

    /// Pings, and looks at some events; ends when both are done, at the deadline, or with the
    /// connection.
    pub(super) async fn sample(&mut self, deadline: Instant, clock_ahead_us: i64) -> Sample {
        let mut sample = Sample::default();
        let pinged = Instant::now();
        let mut first = None;
        self.socket.ping();
        loop {
            let end = sample
                .end(pinged, first)
                .map_or(deadline, |end| end.min(deadline));
            if Instant::now() >= end {
                break;
            }
            let seen = match timeout_at(end, self.next()).await {
                Ok(Ok(seen)) => seen,
                Ok(Err(lost)) => {
                    sample.lost = Some(lost);
                    return sample;
                }
                Err(_) => break,
            };
            if matches!(seen, Seen::Event { .. } | Seen::Bad(_)) {
                sample.n_messages += 1;
                first.get_or_insert_with(Instant::now);
            }
            sample.note(&seen, pinged, clock_ahead_us);
        }
        leave(&mut self.socket).await;
        sample
    }

    /// The first event.
    pub(super) async fn first_event(&mut self) -> Result<Point, ProbeError> {
        let first = self.event().await;
        self.leave().await;
        first
    }

    /// The next event; what is not one is an error.
    ///
    /// Cancel safety: nothing that was received is lost.
    pub(in crate::source::jetstream) async fn event(&mut self) -> Result<Point, ProbeError> {
        loop {
            match self.next().await? {
                Seen::Event { point, .. } => return Ok(point),
                Seen::Bad(bad) => return Err(ProbeError::NoEvent(bad)),
                Seen::Pong | Seen::Other => {}
            }
        }
    }

    /// The collection of the latest event; empty where it is no commit.
    pub(in crate::source::jetstream) fn collection(&mut self) -> Option<&str> {
        let envelope = self.envelope.take()?;
        self.batch.commit_tail(0, envelope);
        Some(self.batch.events().next()?.collection())
    }

    pub(in crate::source::jetstream) async fn leave(&mut self) {
        leave(&mut self.socket).await;
    }

    /// The next frame.
    ///
    /// Cancel safety: nothing that was received is lost.
    async fn next(&mut self) -> Result<Seen, Lost> {
        poll_fn(|cx| self.poll_seen(cx)).await
    }

    fn poll_seen(&mut self, cx: &mut Context<'_>) -> Poll<Result<Seen, Lost>> {
        if let Poll::Ready(Err(error)) = self.socket.poll_flush(cx) {
            debug!(%error, "cannot write to the socket");
        }
        self.batch.clear();
        let (filled, wire_bytes) = match ready!(self.socket.poll_next(cx))? {
            Incoming::Text(frame) if self.version == WireVersion::V2 => {
                match cut(frame, self.batch.buffer(), false) {
                    Ok(Frame::Event) => (Ok(()), None),
                    Ok(Frame::Info(_) | Frame::Error(_)) => return Poll::Ready(Ok(Seen::Other)),
                    Err(bad) => (Err(bad), None),
                }
            }
            Incoming::Text(text) => {
                self.batch.buffer().extend_from_slice(text);
                (Ok(()), None)
            }
            Incoming::Binary(frame) => {
                let inflater = self
                    .inflater
                    .get_or_insert_with(|| Inflater::new(MAX_FRAME_BYTES));
                (
                    inflater.inflate(frame, self.batch.buffer()),
                    Some(frame.len()),
                )
            }
            Incoming::TooLarge(_) => (Err(BadEvent::TooLarge), None),
            Incoming::Close(reason) => return Poll::Ready(Err(Lost::Closed(reason))),
            Incoming::Pong => return Poll::Ready(Ok(Seen::Pong)),
            Incoming::Ping | Incoming::Other => return Poll::Ready(Ok(Seen::Other)),
        };
        let event_bytes = self.batch.tail(0).len();
        let read = filled.and_then(|()| self.batch.parse_tail(0, LineRules::default()));
        Poll::Ready(Ok(match read {
            Ok(envelope) => {
                self.envelope = Some(envelope);
                Seen::Event {
                    point: envelope.point,
                    event_bytes,
                    wire_bytes,
                }
            }
            Err(bad) => Seen::Bad(bad),
        }))
    }
}

impl Sample {
    /// When enough is seen; `None` as long as no message came.
    fn end(&self, pinged: Instant, first: Option<Instant>) -> Option<Instant> {
        let first = first?;
        let seen = if self.n_messages < SAMPLE {
            first + SAMPLE_TIME
        } else {
            first
        };
        let ponged = if self.ping.is_none() {
            pinged + LATEST_PONG
        } else {
            first
        };
        Some(seen.max(ponged))
    }

    fn note(&mut self, seen: &Seen, pinged: Instant, clock_ahead_us: i64) {
        match seen {
            Seen::Pong => {
                self.ping.get_or_insert_with(|| pinged.elapsed());
            }
            Seen::Bad(bad) => self.bad = Some(*bad),
            Seen::Other => {}
            Seen::Event {
                point,
                event_bytes,
                wire_bytes,
            } => {
                self.first_time_us.get_or_insert(point.time_us);
                if self
                    .newest_time_us
                    .is_none_or(|newest| newest <= point.time_us)
                {
                    self.newest_time_us = Some(point.time_us);
                    self.behind = Some(age(point.time_us, clock_ahead_us));
                }
                let counts = self.sends_cursor.unwrap_or_default() || point.seq.is_some();
                self.sends_cursor = Some(counts);
                self.compression = Some(self.compression_with(*event_bytes, *wire_bytes));
            }
        }
    }

    /// The compression with one more event. A server that compresses is one, also where it sends
    /// some events plain.
    fn compression_with(&self, event_bytes: usize, wire_bytes: Option<usize>) -> WireCompression {
        match (self.compression, wire_bytes) {
            (before, None) => before.unwrap_or(WireCompression::Plain),
            (before, Some(wire)) => {
                let (wire_bytes, events) = match before {
                    Some(WireCompression::Zstd {
                        wire_bytes,
                        event_bytes,
                    }) => (wire_bytes, event_bytes),
                    _ => (0, 0),
                };
                WireCompression::Zstd {
                    wire_bytes: wire_bytes + wire as u64,
                    event_bytes: events + event_bytes as u64,
                }
            }
        }
    }

    /// Why the server cannot be used, if that is what was seen.
    pub(super) fn into_error(self, timeout: Duration) -> Option<ProbeError> {
        if self.first_time_us.is_some() {
            return None;
        }
        if let Some(bad) = self.bad {
            return Some(ProbeError::NoEvent(bad));
        }
        if let Some(lost) = self.lost {
            return Some(lost.into());
        }
        self.ping.is_none().then_some(ProbeError::Silent(timeout))
    }
}
