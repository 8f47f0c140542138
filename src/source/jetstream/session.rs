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
use tracing::{debug, trace};

use super::{
    ahead::MIN_BACKLOG_BYTES,
    endpoint::WireVersion,
    lost::{Lost, STRANGE},
    read_state::{Counts, ReadState},
    signs::{Overdue, Signs},
    socket::{Incoming, Socket},
    stranger::Stranger,
};
use crate::{
    event::{BadEvent, Batch, Origin},
    source::Flow,
};

/// Three pings fit into the frame limit, so that one lost answer does not end a connection.
const PINGS_PER_LIMIT: u32 = 3;

/// How long taking leave may take.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(250);

/// A wait for the sink that may have cost the connection. Servers allow five to ten seconds for a
/// write (protocol reference, sections 0 and 1.10).
const LONG_SINK_WAIT: Duration = Duration::from_secs(4);

/// For how long afterwards it may have.
const SINK_WAIT_EFFECT: Duration = Duration::from_secs(60);

/// An open connection.
#[derive(Debug)]
pub(super) struct Session {
    socket: Socket,
    version: WireVersion,
    origin: Arc<Origin>,
    limits: Limits,
    signs: Signs,
    /// The last event, wanted, early or repeated, or a part of one; time in which nothing was read
    /// does not count.
    last_event: Instant,
    has_events: bool,
    /// Messages that were no events, while none was.
    strange: u64,
    like: Option<Stranger>,
    next_ping: Instant,
    timer: Pin<Box<Sleep>>,
    /// From this time on, by the server's clock, its events are live; `None` once they are.
    live_from_us: Option<u64>,
    /// Since when nothing is read, for the sink takes nothing.
    idle_since: Option<Instant>,
    /// The latest long wait for the sink, and when it was over.
    slow: Option<(Duration, Instant)>,
}

/// How long a connection may bring nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// No frame at all.
    pub(super) frame_timeout: Duration,
    /// The same message.
    pub(super) message_timeout: Duration,
    /// No event; `None` where that is no reason to doubt the server.
    pub(super) patience: Option<Duration>,
}

impl Session {
    /// A connection that was just opened. `live_from_us` is the time from which on its events are
    /// live; `None` for one that began at the live tip.
    pub(super) fn new(
        socket: Socket,
        version: WireVersion,
        origin: Arc<Origin>,
        limits: Limits,
        live_from_us: Option<u64>,
    ) -> Self {
        let now = Instant::now();
        let next_ping = now + limits.frame_timeout / PINGS_PER_LIMIT;
        Self {
            socket,
            version,
            origin,
            limits,
            signs: Signs::new(limits.frame_timeout, limits.message_timeout, now),
            last_event: now,
            has_events: false,
            strange: 0,
            like: None,
            next_ping,
            // It is set to the first of the clocks when it is first waited for.
            timer: Box::pin(sleep_until(now)),
            live_from_us,
            idle_since: None,
            slow: None,
        }
    }

    /// How long the sink took nothing, if that was so long and so lately that it may have cost the
    /// connection.
    pub(super) fn slow_for(&self) -> Option<Duration> {
        let (waited, over) = self.slow?;
        (over.elapsed() < SINK_WAIT_EFFECT).then_some(waited)
    }

    /// The wire that is spoken.
    pub(super) fn version(&self) -> WireVersion {
        self.version
    }

    /// Sends one message; used before anything is read.
    pub(super) async fn send(&mut self, message: String) -> io::Result<()> {
        self.socket.text(&message);
        poll_fn(|cx| self.socket.poll_flush(cx)).await
    }

    /// Sends one message beside what is read, with the next read. Returns false where nothing
    /// leaves any more.
    pub(super) fn update(&mut self, message: &str) -> bool {
        let leaves = !self.socket.is_stuck();
        if leaves {
            self.socket.text(message);
        }
        leaves
    }

    /// Adds all events that are ready, and waits only while there is none.
    ///
    /// Cancel safety: events that were added stay in the batch, and no event is lost.
    pub(super) async fn read(
        &mut self,
        state: &mut ReadState,
        batch: &mut Batch,
    ) -> Result<Flow, Lost> {
        if let Some(since) = self.idle_since.take() {
            // Nothing was read on purpose; the silence was ours.
            let now = Instant::now();
            self.signs.excuse(now, now - since);
            self.last_event += now - since;
            if now - since >= LONG_SINK_WAIT {
                self.slow = Some((now - since, now));
            }
        }
        batch.set_origin(&self.origin);
        poll_fn(|cx| self.poll_read(cx, state, batch)).await
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        state: &mut ReadState,
        batch: &mut Batch,
    ) -> Poll<Result<Flow, Lost>> {
        let mut counts = Counts::default();
        let outcome = self.drain(cx, state, batch, &mut counts);
        self.flush(cx);
        counts.wire_bytes = self.socket.take_received();
        if counts.frames > 0 || counts.wire_bytes > 0 {
            let now = Instant::now();
            let completed = counts.messages > 0;
            self.signs
                .received(now, completed, self.socket.is_in_message());
            self.note(&counts, now);
            trace!(?counts, "read");
            let stats = &state.stats;
            stats.set_alive_until(now + self.limits.frame_timeout);
            state.flush_counts(&self.origin, batch, &counts);
            state.stay(batch, &counts);
        }
        if state.unmatched.is_open() && self.is_live(batch) {
            state.unmatched.look_at(batch);
        }
        if let Some(outcome) = outcome {
            return Poll::Ready(outcome);
        }
        if batch.reached().is_some() {
            return Poll::Ready(Ok(Flow::More));
        }
        self.poll_clocks(cx, state)
    }

    /// Takes frames until none is ready (`None`), the batch is full, or the connection is over.
    fn drain(
        &mut self,
        cx: &mut Context<'_>,
        state: &mut ReadState,
        batch: &mut Batch,
        counts: &mut Counts,
    ) -> Option<Result<Flow, Lost>> {
        while !batch.is_full() {
            if state.inflation.is_out_of_work() && self.socket.n_ready() >= MIN_BACKLOG_BYTES {
                state.inflation.schedule(self.socket.ready_binaries());
            }
            let incoming = match self.socket.poll_next(cx) {
                Poll::Pending => return None,
                Poll::Ready(Ok(incoming)) => incoming,
                Poll::Ready(Err(error)) => return Some(Err(error.into())),
            };
            counts.frames += 1;
            let lost = match (incoming, self.version) {
                (Incoming::Text(text), WireVersion::V1) => state.admit_text(text, batch, counts),
                (Incoming::Binary(compressed), WireVersion::V1) => {
                    state.admit_compressed(compressed, batch, counts)
                }
                (Incoming::Text(frame), WireVersion::V2) => state.admit_frame(frame, batch, counts),
                (Incoming::Binary(compressed), WireVersion::V2) => {
                    state.admit_compressed_frame(compressed, batch, counts)
                }
                (Incoming::TooLarge(head), _) => {
                    state.report(BadEvent::TooLarge, head, batch, counts);
                    None
                }
                (Incoming::Close(reason), _) => return Some(Err(Lost::Closed(reason))),
                (Incoming::Ping, _) => {
                    if self.is_live(batch) {
                        state.on_ping(batch);
                    }
                    continue;
                }
                (Incoming::Pong | Incoming::Other, _) => continue,
            };
            counts.messages += 1;
            if let Some(lost) = lost {
                return Some(Err(lost));
            }
            if let Some(like) = self.is_strange(counts) {
                return Some(Err(Lost::Strange(like)));
            }
        }
        Some(Ok(Flow::More))
    }

    /// What the server seems to speak, once that is no language of events.
    fn is_strange(&self, counts: &Counts) -> Option<Stranger> {
        if counts.bad == 0 || self.has_events || counts.messages > counts.bad {
            return None;
        }
        let like = self.like.or(counts.like)?;
        (self.strange + counts.bad >= STRANGE).then_some(like)
    }

    /// Notes what one read found.
    fn note(&mut self, counts: &Counts, now: Instant) {
        let has_events = counts.messages > counts.bad;
        self.has_events |= has_events;
        // One that is on its way may take longer than a silence.
        if has_events || self.socket.is_in_message() {
            self.last_event = now;
        }
        if !self.has_events {
            self.strange += counts.bad;
            self.like = self.like.or(counts.like);
        }
    }

    /// Whether all that was before this connection is read: it began at the live tip, or an event
    /// from after its beginning came.
    fn is_live(&mut self, batch: &Batch) -> bool {
        if let (Some(live_from_us), Some(point)) = (self.live_from_us, batch.reached())
            && point.time_us >= live_from_us
        {
            self.live_from_us = None;
        }
        self.live_from_us.is_none()
    }

    /// Sends what is queued, pings and answers to pings, as far as it can leave. The frame clock,
    /// or the next read, decides about a connection on which nothing leaves.
    fn flush(&mut self, cx: &mut Context<'_>) {
        if let Poll::Ready(Err(error)) = self.socket.poll_flush(cx) {
            debug!(%error, "cannot write to the socket");
        }
    }

    /// Sends pings, and notices silence. Ready only when something is to be reported.
    fn poll_clocks(&mut self, cx: &mut Context<'_>, state: &ReadState) -> Poll<Result<Flow, Lost>> {
        // All other clocks only move on; this one begins with a message.
        if self.signs.due() < self.timer.deadline() {
            self.timer.as_mut().reset(self.signs.due());
        }
        loop {
            self.flush(cx);
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let Limits {
                frame_timeout,
                message_timeout,
                patience,
            } = self.limits;
            if let Some(overdue) = self.signs.overdue(now) {
                return Poll::Ready(Err(match overdue {
                    Overdue::Anything => Lost::Silent(frame_timeout),
                    Overdue::Message => Lost::Slow {
                        limit: message_timeout,
                        message: self.socket.under_way(),
                    },
                }));
            }
            let quiet_at = patience.map(|patience| (patience, self.last_event + patience));
            if let Some((after, quiet_at)) = quiet_at
                && now >= quiet_at
            {
                let like = self.like.filter(|_| !self.has_events);
                return Poll::Ready(Err(Lost::Quiet { after, like }));
            }
            let end_at = state.end_by_silence(self.last_event);
            if end_at.is_some_and(|end_at| now >= end_at) {
                return Poll::Ready(Ok(Flow::EndAssumed));
            }
            if now >= self.next_ping {
                self.next_ping = now + frame_timeout / PINGS_PER_LIMIT;
                self.socket.ping();
                continue;
            }
            let clocks = [
                Some(self.signs.due()),
                quiet_at.map(|(_, quiet_at)| quiet_at),
                end_at,
            ];
            let next = clocks
                .into_iter()
                .flatten()
                .fold(self.next_ping, Instant::min);
            self.timer.as_mut().reset(next);
        }
    }

    /// Sends pings and reads nothing, for as long as the pipeline is busy elsewhere.
    ///
    /// Cancel safety: a ping that was begun is finished by the next read.
    pub(super) async fn idle(&mut self) -> Infallible {
        self.idle_since.get_or_insert_with(Instant::now);
        self.socket.give_back();
        loop {
            sleep_until(self.next_ping).await;
            self.next_ping = Instant::now() + self.limits.frame_timeout / PINGS_PER_LIMIT;
            self.socket.ping();
            // A broken connection is noticed, and logged, by the next read.
            poll_fn(|cx| self.socket.poll_flush(cx)).await.ok();
        }
    }

    /// Takes leave, as far as that is quickly done.
    pub(super) async fn close(&mut self) {
        leave(&mut self.socket).await;
    }
}

/// Takes leave of the server, as far as that is quickly done.
pub(super) async fn leave(socket: &mut Socket) {
    // Whether the close frame arrives makes no difference to anybody.
    socket.close();
    timeout(CLOSE_TIMEOUT, poll_fn(|cx| socket.poll_flush(cx)))
        .await
        .ok();
}
