//! One consumer: its frames in, its events out, until it leaves, is too slow, or the server ends.
//!
//! One task, which holds one shared block at most. What it sends next is chosen when all before is written.

use std::{
    io::{self, IoSlice},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    block::{Block, Encoding},
    feed::{Feed, FeedError, Place},
    incoming::{Incoming, Message},
    options::{Cursor, Options, Update},
    outbox::{Outbox, PIECES},
    request::Subscribe,
};

/// Events that are due are sent so often: fewer, larger writes, and nobody sees the difference.
const TICK: Duration = Duration::from_millis(10);

/// Messages that are not whole yet may take this much memory, those of all consumers together.
const MOST_HELD_BYTES: usize = 256 * 1024 * 1024;

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Left {
    #[error("it left")]
    Gone,
    #[error("the connection broke")]
    Broken(#[from] io::Error),
    #[error("it took nothing for {}", humantime::format_duration(*.0))]
    Slow(Duration),
    #[error("it did not answer a ping within {}", humantime::format_duration(*.0))]
    Silent(Duration),
    #[error("closed with {0}")]
    Closed(u16),
    #[error("the feed failed")]
    Feed(#[from] FeedError),
}

/// Where a consumer is in the stream.
#[derive(Debug)]
enum At {
    /// It has not begun: a message is required first.
    Nowhere(Cursor),
    /// It looks for its place, in this block.
    Seeking {
        index: u64,
        place: Place,
        is_tip: bool,
    },
    /// It is within a block.
    Within {
        index: u64,
        block: Arc<Block>,
        idx: usize,
    },
    /// It is at this block, which is not read yet.
    Before(u64),
    /// It has everything.
    End,
}

/// What to do when nothing is left to write.
enum Next {
    /// Look again at once.
    Again,
    /// Nothing before this moment.
    At(Instant),
    /// Nothing any more.
    Nothing,
}

/// A connection that was upgraded.
pub(super) struct Consumer<F> {
    shared: Arc<Shared<F>>,
    stop: CancellationToken,
    options: Options,
    encoding: Encoding,
    at: At,
    outbox: Outbox,
    incoming: Incoming,
    /// How much of the shared bound this consumer's messages take.
    held_bytes: usize,
    next_ping: Instant,
    pong_due: Option<Instant>,
    /// When something was written last, or began to wait for it.
    progress: Instant,
    /// The code that was sent, and until when the other side may take leave too.
    closing: Option<(u16, Instant)>,
    /// The other side took leave: nothing follows but our answer.
    has_left: bool,
}

impl<F: Feed> Consumer<F> {
    pub(super) fn new(
        shared: Arc<Shared<F>>,
        subscribe: Subscribe,
        received: Vec<u8>,
        stop: CancellationToken,
    ) -> Self {
        let now = Instant::now();
        let Subscribe {
            query, encoding, ..
        } = subscribe;
        let mut consumer = Self {
            next_ping: now + shared.settings.ping_every,
            shared,
            stop,
            options: query.options,
            encoding,
            at: At::Nowhere(query.cursor),
            outbox: Outbox::new(encoding),
            incoming: Incoming::new(received),
            held_bytes: 0,
            pong_due: None,
            progress: now,
            closing: None,
            has_left: false,
        };
        if !query.require_hello {
            consumer.begin();
        }
        consumer
    }

    /// Serves it to its end.
    pub(super) async fn run(mut self, stream: &mut TcpStream) -> Left {
        let (mut reader, mut writer) = stream.split();
        let result = self.serve(&mut reader, &mut writer).await;
        self.shared.held_bytes.fetch_sub(self.held_bytes, Relaxed);
        match (result, self.closing) {
            (Ok(never), _) => match never {},
            (Err(Left::Gone | Left::Broken(_)), Some((code, _))) => Left::Closed(code),
            (Err(left), _) => left,
        }
    }

    async fn serve(
        &mut self,
        reader: &mut ReadHalf<'_>,
        writer: &mut WriteHalf<'_>,
    ) -> Result<std::convert::Infallible, Left> {
        self.receive();
        let mut was_writing = false;
        loop {
            let mut next = Next::Nothing;
            if self.outbox.is_empty() && self.closing.is_none() {
                next = self.choose().await?;
            }
            let is_writing = !self.outbox.is_empty();
            if is_writing && !was_writing {
                self.progress = Instant::now();
            }
            was_writing = is_writing;
            if self.has_left && !is_writing {
                return Err(Left::Gone);
            }
            let again = matches!(next, Next::Again) && !is_writing;
            let wake = self.deadline(&next, is_writing);
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let n_pieces = self.outbox.pieces(&mut pieces);
            tokio::select! {
                read = reader.read_buf(&mut self.incoming.bytes) => {
                    if read? == 0 {
                        return Err(Left::Gone);
                    }
                    self.receive();
                }
                written = writer.write_vectored(pieces.get(..n_pieces).unwrap_or_default()), if is_writing => {
                    self.outbox.advance(written?);
                    self.progress = Instant::now();
                }
                () = tokio::task::yield_now(), if again => {}
                () = self.stop.cancelled(), if self.closing.is_none() => {
                    self.close(1001, "server shutting down");
                }
                () = sleep_until(wake) => self.check(is_writing)?,
            }
        }
    }

    /// The moment at which something is to be done or to be looked at.
    fn deadline(&self, next: &Next, is_writing: bool) -> Instant {
        let settings = &self.shared.settings;
        let mut wake = match self.closing {
            Some((_, until)) => until,
            None => self.pong_due.unwrap_or(self.next_ping),
        };
        if is_writing {
            wake = wake.min(self.progress + settings.write_within);
        }
        if let Next::At(due) = next {
            wake = wake.min(*due);
        }
        wake
    }

    /// Ends what is overdue, and pings.
    fn check(&mut self, is_writing: bool) -> Result<(), Left> {
        let (now, settings) = (Instant::now(), &self.shared.settings);
        if is_writing && now >= self.progress + settings.write_within {
            return Err(Left::Slow(settings.write_within));
        }
        if let Some((code, until)) = self.closing {
            return if now >= until {
                Err(Left::Closed(code))
            } else {
                Ok(())
            };
        }
        match self.pong_due {
            Some(due) if now >= due => return Err(Left::Silent(settings.pong_within)),
            None if now >= self.next_ping => {
                self.outbox.ping();
                self.pong_due = Some(now + settings.pong_within);
            }
            _ => {}
        }
        Ok(())
    }

    /// Acts on what was received.
    fn receive(&mut self) {
        while let Some(message) = self.incoming.next() {
            match message {
                Err(violation) => self.close(violation.0, violation.1),
                Ok(Message::Close(code)) => {
                    self.has_left = true;
                    self.close(code.unwrap_or(1000), "");
                }
                Ok(Message::Ping(payload)) => self.outbox.pong(&payload),
                Ok(Message::Pong) => {
                    if self.pong_due.take().is_some() {
                        self.next_ping = Instant::now() + self.shared.settings.ping_every;
                    }
                }
                Ok(Message::Text(text)) if self.closing.is_none() => self.update(&text),
                Ok(Message::Text(_) | Message::Binary) => {}
            }
        }
        self.incoming.shrink();
        self.hold(self.incoming.held_bytes());
    }

    /// Counts unfinished messages against what all consumers may hold together.
    fn hold(&mut self, bytes: usize) {
        let total = self.shared.held_bytes.fetch_add(bytes, Relaxed) + bytes - self.held_bytes;
        self.shared.held_bytes.fetch_sub(self.held_bytes, Relaxed);
        let grows = bytes > self.held_bytes;
        self.held_bytes = bytes;
        if grows && total > MOST_HELD_BYTES {
            self.close(1013, "too many large messages at once, try again later");
        }
    }

    fn update(&mut self, text: &[u8]) {
        match Update::parse(text) {
            Update::None => {}
            Update::Options(options) => {
                self.options = options;
                if matches!(self.at, At::Nowhere(_)) {
                    self.begin();
                }
            }
            Update::Malformed(reason) => self.close(1007, reason),
            Update::Invalid(error) if self.shared.settings.legacy => {
                self.close(1000, &error.to_string());
            }
            Update::Invalid(error) => self.close(1008, &error.to_string()),
        }
    }

    /// Takes leave, behind the events that are being written.
    fn close(&mut self, code: u16, reason: &str) {
        if self.closing.is_none() {
            self.outbox.close(code, reason);
            self.closing = Some((code, Instant::now() + self.shared.settings.farewell));
        }
    }

    /// Begins where it asked to.
    fn begin(&mut self) {
        let At::Nowhere(cursor) = self.at else {
            return;
        };
        match cursor {
            Cursor::Tip => self.seek(self.shared.tip(), true),
            Cursor::Seq(seq) => self.seek(Place::Seq(seq), false),
            Cursor::Time(time_us) => self.seek(Place::Time(time_us), false),
        }
    }

    fn seek(&mut self, place: Place, is_tip: bool) {
        let index = self.shared.feed.find(place, self.shared.start_us());
        self.at = At::Seeking {
            index,
            place,
            is_tip,
        };
    }

    /// Chooses what is sent next, from one block at most.
    async fn choose(&mut self) -> Result<Next, Left> {
        match &self.at {
            At::Nowhere(_) | At::End => Ok(Next::Nothing),
            At::Seeking {
                index,
                place,
                is_tip,
            } => {
                let (index, place, is_tip) = (*index, *place, *is_tip);
                self.find(index, place, is_tip).await
            }
            At::Before(index) => {
                let index = *index;
                match self.read(index).await? {
                    Some(block) => {
                        self.at = At::Within {
                            index,
                            block,
                            idx: 0,
                        };
                        Ok(Next::Again)
                    }
                    None => Ok(self.end()),
                }
            }
            At::Within { index, block, idx } => {
                let (index, block, idx) = (*index, Arc::clone(block), *idx);
                let (idx, next) = self.send(&block, idx);
                self.at = if idx < block.entries().len() {
                    At::Within { index, block, idx }
                } else {
                    At::Before(index + 1)
                };
                Ok(next)
            }
        }
    }

    async fn read(&self, index: u64) -> Result<Option<Arc<Block>>, FeedError> {
        let start_us = self.shared.start_us();
        self.shared.blocks.get(index, start_us, self.encoding).await
    }

    /// Looks for the place that was asked for in a block.
    async fn find(&mut self, index: u64, place: Place, is_tip: bool) -> Result<Next, Left> {
        let Some(block) = self.read(index).await? else {
            return Ok(self.end());
        };
        let found = block.entries().iter().position(|entry| match place {
            Place::Beginning => true,
            Place::Seq(seq) => entry.seq >= seq,
            Place::Time(time_us) => entry.time_us >= time_us,
        });
        let Some(idx) = found else {
            self.at = At::Seeking {
                index: index + 1,
                place,
                is_tip,
            };
            return Ok(Next::Again);
        };
        let time_us = block.entries().get(idx).map_or(0, |entry| entry.time_us);
        let is_future = self
            .shared
            .due(time_us)
            .is_none_or(|due| due > Instant::now());
        if is_future && !is_tip {
            // What lies in the future is the live tip (protocol reference, section 1.5).
            self.seek(self.shared.tip(), true);
            return Ok(Next::Again);
        }
        self.at = At::Within { index, block, idx };
        Ok(Next::Again)
    }

    /// Puts the events that are wanted and due into the outbox, and returns the event that is next.
    fn send(&mut self, block: &Arc<Block>, from: usize) -> (usize, Next) {
        let now = Instant::now();
        let (mut idx, mut n_sent) = (from, 0);
        let mut next = Next::Again;
        while let Some(entry) = block.entries().get(idx) {
            let due = self.shared.due(entry.time_us);
            if due.is_none_or(|due| due > now) {
                next = due.map_or(Next::Nothing, |due| Next::At(due.max(now + TICK)));
                break;
            }
            if self.is_wanted(block, idx) {
                self.outbox.push(block, block.frame(idx, self.encoding));
                n_sent += 1;
            }
            idx += 1;
        }
        self.shared.sent.fetch_add(n_sent, Relaxed);
        (idx, next)
    }

    fn is_wanted(&self, block: &Block, idx: usize) -> bool {
        let Options { filter, max_bytes } = &self.options;
        let is_small = *max_bytes == 0 || {
            // Legacy servers compare what they send (protocol reference, section 1.1).
            let bytes = if self.shared.settings.legacy && self.encoding == Encoding::Zstd {
                block.frame(idx, self.encoding).len()
            } else {
                block.json_bytes(idx)
            };
            bytes <= *max_bytes as usize
        };
        is_small && (filter.is_everything() || block.is_wanted(idx, filter))
    }

    fn end(&mut self) -> Next {
        self.at = At::End;
        if self.shared.settings.exit_at_end {
            self.shared.over.cancel();
            self.close(1001, "the recording is over");
            return Next::Again;
        }
        Next::Nothing
    }
}
