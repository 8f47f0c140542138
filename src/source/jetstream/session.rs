//! One connection: frames in, events out, until it is lost.
//!
//! Reads only when asked. What a loss means, and what comes after it, is decided one level up.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tracing::{debug, trace, warn};

use super::{
    OnGap,
    inflate::Inflater,
    resume::{Admission, Resume},
    socket::{Incoming, Socket, SocketError},
};
use crate::{
    STATE,
    event::{BadEvent, Batch, LineRules, Origin, show_time},
    source::Flow,
    stats::Stats,
};

/// Three pings fit into the frame limit, so that one lost answer does not end a connection.
const PINGS_PER_LIMIT: u32 = 3;

/// How long taking leave may take.
const FAREWELL: Duration = Duration::from_millis(250);

/// How much of a bad event is logged.
const EXCERPT: usize = 160;

/// Why a connection was lost.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("the server closed the connection ({0})")]
    Closed(String),
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error("nothing was received for {}", humantime::format_duration(*.0))]
    Silent(Duration),
    #[error("the server counts its events otherwise than before")]
    Renumbered,
    #[error("the server no longer has what was asked for")]
    Gap { from_us: u64, to_us: u64 },
}

/// What outlives a connection and is needed to read one.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) resume: Resume,
    pub(super) inflater: Inflater,
    pub(super) rules: LineRules,
    pub(super) stats: Arc<Stats>,
    /// The run ends at the first event of this time or later.
    pub(super) end_us: Option<u64>,
    /// With an end: how long a silence counts as the end.
    pub(super) end_silence: Duration,
    pub(super) on_gap: OnGap,
    /// Only some accounts are read, so that a pause may be theirs.
    pub(super) may_pause: bool,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Session {
    socket: Socket,
    origin: Arc<Origin>,
    frame_timeout: Duration,
    last_frame: Instant,
    last_event: Instant,
    next_ping: Instant,
    timer: Pin<Box<Sleep>>,
    was_idle: bool,
}

impl Session {
    pub(super) fn new(socket: Socket, origin: Arc<Origin>, frame_timeout: Duration) -> Self {
        let now = Instant::now();
        let next_ping = now + frame_timeout / PINGS_PER_LIMIT;
        Self {
            socket,
            origin,
            frame_timeout,
            last_frame: now,
            last_event: now,
            next_ping,
            timer: Box::pin(sleep_until(next_ping)),
            was_idle: false,
        }
    }

    /// Sends one message; used before anything is read.
    pub(super) async fn send(&mut self, message: String) -> io::Result<()> {
        self.socket.text(message);
        poll_fn(|cx| self.socket.poll_flush(cx)).await
    }

    /// Adds all events that are ready, and waits only while there is none.
    ///
    /// Cancel safety: events that were added stay in the batch, and no event is lost.
    pub(super) async fn read(
        &mut self,
        reader: &mut Reader,
        batch: &mut Batch,
    ) -> Result<Flow, Lost> {
        if std::mem::take(&mut self.was_idle) {
            // Nothing was read on purpose; the silence was ours.
            self.last_frame = Instant::now();
            self.last_event = self.last_frame;
        }
        batch.set_origin(&self.origin);
        poll_fn(|cx| self.poll_read(cx, reader, batch)).await
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Reader,
        batch: &mut Batch,
    ) -> Poll<Result<Flow, Lost>> {
        let mut counts = Counts::default();
        let outcome = self.drain(cx, reader, batch, &mut counts);
        self.flush(cx);
        if counts.frames > 0 {
            let Counts {
                frames,
                events,
                bytes,
                repeats,
                early,
            } = counts;
            trace!(frames, events, bytes, repeats, early, "read");
            self.last_frame = Instant::now();
            if counts.events > 0 {
                self.last_event = self.last_frame;
            }
            reader.note(&self.origin, batch, &counts);
        }
        if let Some(outcome) = outcome {
            return Poll::Ready(outcome);
        }
        if !batch.is_empty() {
            return Poll::Ready(Ok(Flow::More));
        }
        self.poll_clocks(cx, reader)
    }

    /// Takes frames until none is ready (`None`), the batch is full, or the connection is over.
    fn drain(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Reader,
        batch: &mut Batch,
        counts: &mut Counts,
    ) -> Option<Result<Flow, Lost>> {
        while !batch.is_full() {
            let incoming = match self.socket.poll_next(cx) {
                Poll::Pending => return None,
                Poll::Ready(Ok(incoming)) => incoming,
                Poll::Ready(Err(error)) => return Some(Err(error.into())),
            };
            counts.frames += 1;
            let start = batch.buffer().len();
            let filled = match incoming {
                Incoming::Text(text) => {
                    batch.buffer().extend_from_slice(text);
                    Ok(())
                }
                Incoming::Binary(frame) => reader
                    .inflater
                    .inflate(frame, batch.buffer())
                    .map_err(|bad| (bad, frame)),
                Incoming::TooLarge(head) => Err((BadEvent::TooLarge, head)),
                Incoming::Close(farewell) => return Some(Err(Lost::Closed(farewell))),
                Incoming::Other => continue,
            };
            counts.events += 1;
            match filled {
                Ok(()) => {
                    if let Some(outcome) = reader.admit(batch, start, counts) {
                        return Some(outcome);
                    }
                }
                Err((bad, bytes)) => reader.report(bad, bytes),
            }
        }
        Some(Ok(Flow::More))
    }

    /// Sends what is queued, pings and answers to pings, as far as it can leave. The frame clock, or the next read, decides
    /// about a connection on which nothing leaves.
    fn flush(&mut self, cx: &mut Context<'_>) {
        if let Poll::Ready(Err(error)) = self.socket.poll_flush(cx) {
            debug!(%error, "cannot write to the socket");
        }
    }

    /// Sends pings, and notices silence. Ready only when something is to be reported.
    fn poll_clocks(&mut self, cx: &mut Context<'_>, reader: &Reader) -> Poll<Result<Flow, Lost>> {
        loop {
            self.flush(cx);
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            if now >= self.last_frame + self.frame_timeout {
                return Poll::Ready(Err(Lost::Silent(self.frame_timeout)));
            }
            let end_at = reader.end_us.map(|_| self.last_event + reader.end_silence);
            if end_at.is_some_and(|end_at| now >= end_at) {
                return Poll::Ready(Ok(Flow::EndAssumed));
            }
            if now >= self.next_ping {
                self.next_ping = now + self.frame_timeout / PINGS_PER_LIMIT;
                self.socket.ping();
                continue;
            }
            let next = self.next_ping.min(self.last_frame + self.frame_timeout);
            self.timer
                .as_mut()
                .reset(end_at.map_or(next, |end_at| next.min(end_at)));
        }
    }

    /// Sends pings and reads nothing, for as long as the pipeline is busy elsewhere.
    ///
    /// Cancel safety: a ping that was begun is finished by the next read.
    pub(super) async fn idle(&mut self) -> Infallible {
        self.was_idle = true;
        loop {
            sleep_until(self.next_ping).await;
            self.next_ping = Instant::now() + self.frame_timeout / PINGS_PER_LIMIT;
            self.socket.ping();
            // A broken connection is noticed, and told, by the next read.
            poll_fn(|cx| self.socket.poll_flush(cx)).await.ok();
        }
    }

    /// Takes leave, as far as that is quickly done.
    pub(super) async fn close(&mut self) {
        // Whether the farewell arrives makes no difference to anybody.
        self.socket.close();
        timeout(FAREWELL, poll_fn(|cx| self.socket.poll_flush(cx)))
            .await
            .ok();
    }
}

#[derive(Default)]
struct Counts {
    frames: u64,
    events: u64,
    bytes: u64,
    repeats: u64,
    early: u64,
}

impl Reader {
    /// Reads what stands behind `start` and keeps it if it is new.
    fn admit(
        &mut self,
        batch: &mut Batch,
        start: usize,
        counts: &mut Counts,
    ) -> Option<Result<Flow, Lost>> {
        counts.bytes += (batch.buffer().len() - start) as u64;
        let envelope = match batch.read(start, self.rules) {
            Ok(envelope) => envelope,
            Err(bad) => {
                self.report(bad, batch.tail(start));
                batch.cut(start);
                return None;
            }
        };
        let time_us = envelope.point.time_us;
        let outcome = match self.resume.admit(&envelope.point) {
            Admission::NewBehindGap(from_us) if self.tell_gap(from_us, time_us) => {
                Some(Err(Lost::Gap {
                    from_us,
                    to_us: time_us,
                }))
            }
            Admission::New | Admission::NewBehindGap(_) => {
                if self.end_us.is_none_or(|end_us| time_us < end_us) {
                    batch.keep(start, envelope);
                    return None;
                }
                Some(Ok(Flow::End))
            }
            Admission::Repeat => {
                counts.repeats += 1;
                None
            }
            Admission::Early => {
                counts.early += 1;
                None
            }
            Admission::Renumbered => Some(Err(Lost::Renumbered)),
        };
        batch.cut(start);
        outcome
    }

    /// Tells of a gap, and returns whether it is to end the run.
    fn tell_gap(&self, from_us: u64, to_us: u64) -> bool {
        let (from, to) = (show_time(from_us), show_time(to_us));
        if self.may_pause {
            warn!(target: STATE, from, to, "GAP? from={from} to={to}: cannot tell whether events are missing, for only some accounts are read");
            return false;
        }
        self.stats.add_gaps(1);
        if self.on_gap == OnGap::Fail {
            return true;
        }
        warn!(target: STATE, from, to, "GAP from={from} to={to}: the server no longer has the events in between");
        false
    }

    /// Notes once per batch what was counted, and how far the stream was read.
    fn note(&mut self, origin: &Arc<Origin>, batch: &Batch, counts: &Counts) {
        self.stats.add_received(counts.events);
        self.stats.add_bytes(counts.bytes);
        self.stats.add_repeats(counts.repeats);
        self.stats.add_early(counts.early);
        if let Some(point) = batch.reached() {
            self.resume.reached(origin, point);
            self.stats.set_last_time_us(point.time_us);
        }
    }

    /// Counts a bad event; the first of its class is logged.
    fn report(&self, bad: BadEvent, bytes: &[u8]) {
        if self.stats.add_bad(bad) {
            let shown = bytes.get(..EXCERPT).unwrap_or(bytes);
            let excerpt = shown.escape_ascii().to_string();
            warn!(why = %bad, excerpt, "skipped a message that is no event (later ones of this class are only counted)");
        }
    }
}
