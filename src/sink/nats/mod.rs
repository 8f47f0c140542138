//! A stream of NATS JetStream: each event once, in order, and no cursor store needed.
//!
//! An event is accepted when the server has acknowledged it, or a later one: each message is tied
//! to the one before, so that nothing can be stored after a hole. What was refused or lost on the
//! way is settled by the stream's own last message, never by waiting for the server to recognise
//! duplicates. That message also says where the next run goes on.

mod chain;
mod error;
mod message;
mod recent;
mod stream;
mod writer;

use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use tracing::info;

use self::{error::StreamError, message::MessageFormat, writer::Writer};
use super::{RECALL, Sink, SinkContext};
use crate::{
    error::MemberError,
    event::{Batch, FileMark, Place, Position, show_time},
    log::{STATE, printable},
    nats::{Connection, NatsSettings, StreamPlan, retry},
};

/// Where and how to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsSinkSettings {
    /// How to connect.
    pub nats: NatsSettings,
    /// The stream.
    pub stream: String,
    /// What the subjects of events begin with. Where messages of another stream keep theirs, it may
    /// be empty.
    pub prefix: String,
    /// What comes is messages of another stream, as a source yields them by
    /// [`WrapMode::Carried`](crate::source::nats::WrapMode): each keeps subject, headers and
    /// payload. A prefix is put before their subjects.
    pub carried: bool,
    /// Put one of this number of partitions into the subject, by account.
    pub partitions: Option<NonZeroU32>,
    /// Make the stream like this if it is not there.
    pub create: Option<StreamPlan>,
    /// How many events may be on their way at once.
    pub window: NonZeroUsize,
    /// How far back the stream is read at the start, by the time of the events, so that one that
    /// comes again is not written again.
    pub recall: Duration,
    /// Somebody said where to begin, so that a stream whose last message is gone can be gone on
    /// with.
    pub start_is_given: bool,
}

impl NatsSinkSettings {
    /// The subject that events are written below when nothing else is said.
    pub const DEFAULT_PREFIX: &str = "atproto";

    /// Writes to this stream, below `atproto`.
    pub fn new(nats: NatsSettings, stream: impl Into<String>) -> Self {
        Self {
            nats,
            stream: stream.into(),
            prefix: Self::DEFAULT_PREFIX.to_owned(),
            carried: false,
            partitions: None,
            create: None,
            window: const { NonZeroUsize::new(1024).unwrap() },
            recall: RECALL,
            start_is_given: false,
        }
    }
}

/// Writes each event as one message to a stream.
#[derive(Debug)]
pub struct NatsSink {
    settings: NatsSinkSettings,
    writer: Option<Writer>,
    has_failed: bool,
}

/// Why the writer is there.
const REACHED: &str = "a sink is asked where it is before it is given anything";

impl NatsSink {
    /// Nothing is connected to yet.
    pub fn new(settings: NatsSinkSettings) -> Self {
        Self {
            settings,
            writer: None,
            has_failed: false,
        }
    }

    fn writer(&mut self) -> &mut Writer {
        self.writer.as_mut().expect(REACHED)
    }

    /// Notes a failure, after which nothing is to be waited for.
    fn note<T>(&mut self, result: Result<T, MemberError>) -> Result<T, MemberError> {
        self.has_failed |= result.is_err();
        result
    }
}

impl Sink for NatsSink {
    fn name(&self) -> String {
        let NatsSinkSettings { nats, stream, .. } = &self.settings;
        format!("stream '{}' of {}", printable(stream), nats.shown())
    }

    async fn last_position(
        &mut self,
        saved: Option<&Place>,
    ) -> Result<Option<Position>, MemberError> {
        let NatsSinkSettings {
            nats,
            stream: name,
            create,
            window,
            recall,
            start_is_given,
            ..
        } = &self.settings;
        let id: String = std::iter::repeat_with(fastrand::alphanumeric)
            .take(8)
            .collect();
        let format = MessageFormat::new(&self.settings, &id);
        let connection = Connection::open(nats).await?;
        let (info, tail) = retry(nats, || async {
            let info = stream::open(&connection, name, &format, create.as_ref()).await?;
            let tail = stream::tail(&connection, name, &info).await?;
            Ok::<_, MemberError>((info, tail))
        })
        .await?;
        let (shown, seq) = (printable(name), tail.seq);
        if tail.is_gone && saved.is_none() && !start_is_given {
            return Err(StreamError::Gone { stream: shown, seq }.into());
        }
        if seq > 0 && !tail.is_gone && tail.position.is_none() {
            return Err(StreamError::NotOurs { stream: shown, seq }.into());
        }
        if let Some(position) = &tail.position {
            let until = show_time(position.point.time_us);
            info!(target: STATE, stream = shown, seq, until, "the stream '{shown}' has events up to {until}");
        }
        let recent = match seq {
            0 => Vec::new(),
            _ => stream::recent(&connection, name, &info, *recall).await,
        };
        let sizes = (window.get(), nats.request_timeout);
        let mut writer = Writer::start(connection, info, &tail, format, id, sizes).await?;
        writer.know(recent);
        self.writer = Some(writer);
        Ok(tail.position)
    }

    fn begin(&mut self, _files: &[FileMark], context: &SinkContext) -> Result<(), MemberError> {
        self.writer().count_in(context.clone());
        Ok(())
    }

    async fn accept(
        &mut self,
        batch: &mut Batch,
        _context: &SinkContext,
    ) -> Result<(), MemberError> {
        let result = self.writer().take(batch).await;
        self.note(result)
    }

    async fn finish(&mut self, _context: &SinkContext) -> Result<(), MemberError> {
        while !self.has_failed && !self.writer().is_done() {
            let result = self.writer().turn().await;
            self.note(result)?;
        }
        let repeats = self.writer().repeats();
        if repeats > 0 {
            info!(target: STATE, repeats, "{repeats} events came again and were not written again");
        }
        Ok(())
    }

    async fn drive(&mut self) -> MemberError {
        loop {
            if let Err(error) = self.writer().turn().await {
                self.has_failed = true;
                return error;
            }
        }
    }
}
