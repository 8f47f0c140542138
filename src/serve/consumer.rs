//! One consumer: its frames in, its events out, until it leaves, is too slow, or the server ends.
//!
//! One task, which holds one shared block at most. What it sends next is chosen when all before is
//! written.

mod headway;
mod stream;

use std::{convert::Infallible, io::IoSlice, pin::pin, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use self::{
    headway::Headway,
    stream::{Next, Stage},
};
use super::{
    Shared,
    budget::Share,
    disconnect::Disconnect,
    encoding::{Encoding, Wire},
    fault::Fault,
    feed::{Extent, Feed},
    incoming::{Incoming, Message},
    options::{Options, Update},
    outbox::{Outbox, PIECES},
    request::Subscribe,
};

/// The close code of whom there is no room for (IANA's registry).
const TRY_AGAIN: u16 = 1013;

/// A connection that was upgraded.
pub(super) struct Consumer<F> {
    shared: Arc<Shared<F>>,
    stop: CancellationToken,
    /// Ends when the server is killed on purpose.
    life: CancellationToken,
    options: Options,
    encoding: Encoding,
    stage: Stage,
    /// How far the feed reaches, where it grows.
    extent: Option<watch::Receiver<Extent>>,
    outbox: Outbox,
    incoming: Incoming,
    /// What its filter and its messages take of what all consumers may hold.
    share: Share,
    /// Since when a message is under way.
    within_since: Option<Instant>,
    next_ping: Instant,
    pong_due: Option<Instant>,
    /// When something was written last, or began to wait for it.
    progress: Instant,
    headway: Headway,
    /// The code that was sent, and until when the other side may close too.
    closing: Option<(u16, Instant)>,
    /// Why it was closed, where that is to be logged.
    cause: Option<Disconnect>,
    /// The other side took leave: nothing follows but our answer.
    has_left: bool,
    /// How many events it was sent.
    n_sent: u64,
    /// How the connection is spoilt on purpose, once all is written.
    fault: Option<Fault>,
}

impl<F: Feed> Consumer<F> {
    pub(super) fn new(
        shared: Arc<Shared<F>>,
        subscribe: Subscribe,
        received: Vec<u8>,
        share: Share,
        stop: CancellationToken,
    ) -> Self {
        let now = Instant::now();
        let Subscribe {
            query, encoding, ..
        } = subscribe;
        let mut consumer = Self {
            next_ping: now + shared.settings.ping_every,
            headway: Headway::start(&shared.settings),
            life: shared.life(),
            extent: shared.feed.growth(),
            shared,
            stop,
            options: query.options,
            encoding,
            stage: Stage::AwaitingHello(query.cursor),
            outbox: Outbox::new(encoding),
            incoming: Incoming::new(received),
            share,
            within_since: None,
            pong_due: None,
            progress: now,
            closing: None,
            cause: None,
            has_left: false,
            n_sent: 0,
            fault: None,
        };
        if !query.require_hello {
            consumer.begin();
        }
        consumer
    }

    /// Serves it to its end.
    pub(super) async fn run(mut self, stream: &mut TcpStream) -> Disconnect {
        let (mut reader, mut writer) = stream.split();
        let result = self.serve(&mut reader, &mut writer).await;
        if let Some(cause) = self.cause {
            return cause;
        }
        match (result, self.closing) {
            (Ok(never), _) => match never {},
            (Err(Disconnect::Gone | Disconnect::Broken(_)), Some((code, _))) => {
                Disconnect::Closed(code)
            }
            (Err(left), _) => left,
        }
    }

    async fn serve(
        &mut self,
        reader: &mut ReadHalf<'_>,
        writer: &mut WriteHalf<'_>,
    ) -> Result<Infallible, Disconnect> {
        self.receive().await?;
        let (life, stop) = (self.life.clone(), self.stop.clone());
        let (mut killed, mut stopped) = (pin!(life.cancelled()), pin!(stop.cancelled()));
        let mut alarm = pin!(sleep_until(self.next_ping));
        let mut was_writing = false;
        loop {
            let mut next = Next::Nothing;
            if self.life.is_cancelled() {
                return Err(Disconnect::Cut);
            }
            if self.outbox.is_empty() {
                self.fail_on_purpose(reader).await?;
            }
            if self.outbox.is_empty() && self.closing.is_none() {
                next = self.choose().await?;
            }
            let is_writing = !self.outbox.is_empty();
            if is_writing && !was_writing {
                self.progress = Instant::now();
            }
            was_writing = is_writing;
            if self.has_left && !is_writing {
                return Err(Disconnect::Gone);
            }
            let again = matches!(next, Next::Again) && !is_writing;
            let awaits_growth = matches!(next, Next::Growth) && !is_writing;
            let wake = self.deadline(&next, is_writing);
            // Too early does no harm, and costs less than to be set anew for each write.
            if alarm.is_elapsed() || wake < alarm.deadline() {
                alarm.as_mut().reset(wake);
            }
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let n_pieces = self.outbox.pieces(&mut pieces);
            tokio::select! {
                read = reader.read_buf(self.incoming.room()) => {
                    if read? == 0 {
                        return Err(Disconnect::Gone);
                    }
                    self.receive().await?;
                }
                written = writer.write_vectored(pieces.get(..n_pieces).unwrap_or_default()), if is_writing => {
                    self.outbox.advance(written?);
                    self.progress = Instant::now();
                }
                () = tokio::task::yield_now(), if again => {}
                Some(()) = grown(&mut self.extent), if awaits_growth => {}
                () = &mut killed => return Err(Disconnect::Cut),
                () = &mut stopped, if self.closing.is_none() => {
                    self.close(1001, "server shutting down");
                }
                () = &mut alarm => {
                    self.check(is_writing)?;
                    self.check_headway().await?;
                }
            }
        }
    }

    /// Does what is to go wrong with the connection.
    async fn fail_on_purpose(&mut self, reader: &mut ReadHalf<'_>) -> Result<(), Disconnect> {
        match self.fault.take() {
            Some(Fault::Kill(time_us)) => {
                self.shared.kill(time_us);
                return Err(Disconnect::Cut);
            }
            Some(Fault::Cut) => return Err(Disconnect::Cut),
            Some(Fault::Stall) => match self.stall(reader).await? {},
            Some(Fault::Close(code)) => self.close(code, "closed on purpose, by the fault close"),
            None => {}
        }
        Ok(())
    }

    /// The moment at which something is to be done or to be looked at.
    fn deadline(&self, next: &Next, is_writing: bool) -> Instant {
        let settings = &self.shared.settings;
        let mut wake = match self.closing {
            Some((_, until)) => until,
            None => self
                .headway
                .until()
                .min(self.pong_due.unwrap_or(self.next_ping)),
        };
        if is_writing {
            wake = wake.min(self.progress + settings.write_within);
        }
        if let (Some(since), None) = (self.within_since, self.closing) {
            wake = wake.min(since + settings.message_within);
        }
        if let Next::At(due) = next {
            wake = wake.min(*due);
        }
        wake
    }

    /// Ends what is overdue, and pings.
    fn check(&mut self, is_writing: bool) -> Result<(), Disconnect> {
        let (now, settings) = (Instant::now(), &self.shared.settings);
        if is_writing && now >= self.progress + settings.write_within {
            return Err(Disconnect::Slow(settings.write_within));
        }
        if let Some((code, until)) = self.closing {
            return if now >= until {
                Err(Disconnect::Closed(code))
            } else {
                Ok(())
            };
        }
        let within = settings.message_within;
        if self.within_since.is_some_and(|since| now >= since + within) {
            self.cause = Some(Disconnect::Unfinished(within));
            self.close(1008, "a message takes too long");
            return Ok(());
        }
        match self.pong_due {
            Some(due) if now >= due => return Err(Disconnect::Silent(settings.pong_within)),
            None if now >= self.next_ping => {
                self.outbox.ping();
                self.pong_due = Some(now + settings.pong_within);
            }
            _ => {}
        }
        Ok(())
    }

    /// Acts on what was received.
    async fn receive(&mut self) -> Result<(), Disconnect> {
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
                Ok(Message::Text(_) | Message::Binary) if self.encoding.wire() == Wire::V2 => {
                    self.close(1008, "unexpected data message");
                }
                Ok(Message::Text(text)) if self.closing.is_none() => self.update(text).await?,
                Ok(Message::Text(_) | Message::Binary) => {}
            }
            if !self.incoming.is_in_parts() {
                self.within_since = None;
            }
        }
        self.incoming.tidy();
        if !self.incoming.is_within() {
            self.within_since = None;
        } else if self.within_since.is_none() {
            self.within_since = Some(Instant::now());
        }
        self.hold();
        Ok(())
    }

    /// Counts its filter and its messages that are not whole.
    fn hold(&mut self) {
        let bytes = self.options.held_bytes + self.incoming.held_bytes();
        if !self.share.hold(bytes) && self.closing.is_none() {
            self.cause = Some(self.shared.over_budget());
            self.close(
                TRY_AGAIN,
                "the filters of all consumers are too large, try again later",
            );
            // What was under way is let go.
            self.incoming.tidy();
            self.hold();
        }
    }

    async fn update(&mut self, text: Vec<u8>) -> Result<(), Disconnect> {
        let began = Instant::now();
        let update = self.shared.read(text.len(), move || Update::parse(&text));
        // The program ends.
        let update = update.await.ok_or(Disconnect::Gone)?;
        let waited = began.elapsed();
        // What it could not show meanwhile is not held against it.
        self.progress += waited;
        self.pong_due = self.pong_due.map(|due| due + waited);
        match update {
            Update::None => {}
            Update::Options(options) => {
                self.options = options;
                self.hold();
                if matches!(self.stage, Stage::AwaitingHello(_)) && self.closing.is_none() {
                    self.begin();
                }
            }
            Update::Malformed(reason) => self.close(1007, reason),
            Update::Invalid(error) if self.shared.settings.legacy => {
                self.close(1000, &error.to_string());
            }
            Update::Invalid(error) => self.close(1008, &error.to_string()),
        }
        Ok(())
    }

    /// Takes leave, behind the events that are being written. Of what comes still nothing is kept,
    /// nor its filter.
    fn close(&mut self, code: u16, reason: &str) {
        if self.closing.is_none() {
            self.outbox.close(code, reason);
            self.options = Options::default();
            self.incoming.refuse();
            self.closing = Some((code, Instant::now() + self.shared.settings.close_timeout));
        }
    }

    /// Says nothing more, and reads on so that the other side does not notice by its own writes.
    async fn stall(&mut self, reader: &mut ReadHalf<'_>) -> Result<Infallible, Disconnect> {
        let mut ignored = [0; 4096];
        loop {
            tokio::select! {
                read = reader.read(&mut ignored) => {
                    if read? == 0 {
                        return Err(Disconnect::Gone);
                    }
                }
                () = self.stop.cancelled() => return Err(Disconnect::Gone),
            }
        }
    }
}

/// Resolves once the feed reaches further; `None` where it will not.
async fn grown(extent: &mut Option<watch::Receiver<Extent>>) -> Option<()> {
    extent.as_mut()?.changed().await.ok()
}
