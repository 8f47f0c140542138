//! A store as where a pipeline's events go.
//!
//! What comes within 20 ms is written as one batch; then readers have it. An event is accepted once
//! it is durable: a cursor beside the store never lies ahead of it.

use std::{
    fs::File,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Release},
    },
    time::Duration,
};

use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep_until},
};
use tracing::warn;

use super::{
    appender::{Appender, Pending},
    error::{StoreError, failed},
    recall::{self, RECALL},
    shelf::{Newest, Shelf},
};
use crate::{
    error::MemberError,
    event::{Batch, FileMark, Place, Point, Position, micros, now_us},
    log::{STATE, chain},
    serve::line::Layout,
    sink::{Sink, SinkContext},
};

/// How long an event waits for others at most.
const COALESCE: Duration = Duration::from_millis(20);

/// A time that lies further beyond this machine's clock does not count as that of the stream.
const MAX_AHEAD_US: u64 = 24 * 60 * 60 * 1_000_000;

/// How many bytes are written at once, whatever the time.
const FULL_BYTES: usize = 256 * 1024;

/// How many events may be written and not be durable: numbers go on beyond them after a start.
pub(super) const MAX_UNSYNCED: u64 = 1_000_000;

/// A write, and what comes back of it.
type Writing = JoinHandle<(Box<Appender>, Pending, Result<(), StoreError>)>;

/// Keeps what it is given, under numbers of its own, for the [feed](super::StoreFeed) beside it.
#[derive(Debug)]
pub struct StoreSink {
    name: String,
    shelf: Arc<Shelf>,
    /// Away while something is written.
    appender: Option<Box<Appender>>,
    writing: Option<Writing>,
    syncing: Option<JoinHandle<(u64, Result<(), StoreError>)>>,
    /// What is written next.
    pending: Pending,
    /// The number of the next event.
    next: u64,
    /// When the next write may begin.
    due: Instant,
    /// How many events it was given, and how many of them are written and durable.
    taken: u64,
    written: u64,
    durable: u64,
    is_checkpoint: bool,
    context: SinkContext,
    is_ending: Arc<AtomicBool>,
}

impl StoreSink {
    pub(super) fn new(
        name: String,
        shelf: Arc<Shelf>,
        appender: Appender,
        is_ending: Arc<AtomicBool>,
    ) -> Self {
        Self {
            name,
            next: shelf.extent().next,
            shelf,
            appender: Some(Box::new(appender)),
            writing: None,
            syncing: None,
            pending: Pending::default(),
            due: Instant::now(),
            taken: 0,
            written: 0,
            durable: 0,
            is_checkpoint: false,
            context: SinkContext::default(),
            is_ending,
        }
    }

    fn take(&mut self, batch: &mut Batch) {
        let Self { pending, next, .. } = self;
        if pending.events == 0 {
            pending.first = *next;
        }
        let latest_us = now_us().saturating_add(MAX_AHEAD_US);
        for event in batch.events() {
            let line = event.line();
            // A message of NATS, which the wire has no form for, has none.
            let Some(layout) = Layout::read(line) else {
                continue;
            };
            layout.rewrite(line, event.time_us(), Some(*next), &mut pending.lines);
            pending.lines.push(b'\n');
            *next += 1;
            pending.events += 1;
            // One event of a far time would have every beginning by time find that event.
            if event.time_us() <= latest_us {
                pending.latest_us = pending.latest_us.max(event.time_us());
            }
            pending.point = Some(*event.point());
        }
        if pending.point.is_some() {
            pending.origin = batch.origin().cloned();
        }
        self.taken += batch.len() as u64;
        pending.taken = self.taken;
        batch.take(batch.len());
    }

    /// Whether there is something to write, and nothing in its way.
    fn may_write(&self) -> bool {
        self.pending.taken > self.written && self.appender.is_some()
    }

    /// Begins to write what is there.
    fn write(&mut self) {
        let Some(mut appender) = self.appender.take() else {
            return;
        };
        let taken = self.taken;
        let next = Pending {
            taken,
            ..Pending::default()
        };
        let pending = std::mem::replace(&mut self.pending, next);
        self.due = Instant::now() + COALESCE;
        self.writing = Some(spawn_blocking(move || {
            let result = appender.append(&pending);
            (appender, pending, result)
        }));
    }

    /// Begins to make durable what is written.
    fn sync(&mut self) {
        let Some(appender) = &self.appender else {
            return;
        };
        self.is_checkpoint = false;
        let (written, file) = (self.written, appender.file());
        if !appender.is_kept() {
            self.accept_durable(written);
            return;
        }
        self.syncing = Some(spawn_blocking(move || (written, sync(file))));
    }

    fn accept_durable(&mut self, durable: u64) {
        self.context.accept_up_to(durable, Vec::new());
        self.durable = durable;
    }

    /// Begins what is due.
    fn begin_due(&mut self) {
        let is_full = self.pending.lines.len() >= FULL_BYTES;
        if self.may_write() && (is_full || Instant::now() >= self.due) {
            self.write();
        }
        let is_behind = self.written - self.durable >= MAX_UNSYNCED / 2;
        if (self.is_checkpoint || is_behind) && self.syncing.is_none() {
            self.sync();
        }
    }

    /// Waits for whatever is under way, or due.
    ///
    /// Cancel safety: dropped and asked again at any time.
    async fn turn(&mut self) -> Result<(), MemberError> {
        self.begin_due();
        let due = self.due;
        let may_write = self.may_write();
        tokio::select! {
            written = under_way(&mut self.writing) => {
                let (appender, pending, result) = written.map_err(io::Error::other)?;
                self.writing = None;
                self.appender = Some(appender);
                result?;
                self.written = pending.taken;
                self.shelf.announce(Newest {
                    first: pending.first,
                    next: pending.first + pending.events,
                    lines: pending.lines,
                });
            }
            synced = under_way(&mut self.syncing) => {
                let (durable, result) = synced.map_err(io::Error::other)?;
                self.syncing = None;
                result?;
                self.accept_durable(durable);
            }
            () = sleep_until(due), if may_write => {}
        }
        self.begin_due();
        Ok(())
    }

    /// Waits no longer for room on the disk once a stop is asked for.
    async fn turn_until_stopped(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        if context.is_stopped() {
            self.is_ending.store(true, Release);
            return self.turn().await;
        }
        tokio::select! {
            biased;
            result = self.turn() => result,
            () = context.stopped() => {
                self.is_ending.store(true, Release);
                Ok(())
            }
        }
    }
}

/// What becomes of work that is under way; nothing where there is none.
async fn under_way<T>(work: &mut Option<JoinHandle<T>>) -> Result<T, tokio::task::JoinError> {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

fn sync(file: Option<(PathBuf, Arc<File>)>) -> Result<(), StoreError> {
    file.map_or(Ok(()), |(path, file)| {
        file.sync_data().map_err(failed("make durable", path))
    })
}

impl Sink for StoreSink {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn last_position(&mut self, _: Option<&Place>) -> Result<Option<Position>, MemberError> {
        let Some(stretch) = self.shelf.last() else {
            return Ok(None);
        };
        let read = spawn_blocking(move || recall::last_position(&stretch));
        let position = read.await.map_err(io::Error::other)?;
        position.map_err(MemberError::other)
    }

    fn begin(&mut self, _: &[FileMark], context: &SinkContext) -> Result<(), MemberError> {
        self.context = context.clone();
        Ok(())
    }

    async fn recall(&mut self) -> Vec<Point> {
        let since_us = self.shelf.latest_us().saturating_sub(micros(RECALL));
        let stretches = self.shelf.since(since_us, recall::MAX_BYTES);
        let read = spawn_blocking(move || recall::points(&stretches, since_us));
        match read.await.map_err(io::Error::other) {
            Ok(Ok(points)) => points,
            Ok(Err(error)) => {
                let error = chain(&error);
                warn!(target: STATE, error, "the store cannot be read back: {error}; the last events may come again");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }

    async fn accept(
        &mut self,
        batch: &mut Batch,
        context: &SinkContext,
    ) -> Result<(), MemberError> {
        self.begin_due();
        while self.pending.lines.len() >= FULL_BYTES {
            self.turn_until_stopped(context).await?;
        }
        self.take(batch);
        // What has come to its end meanwhile makes room for the next.
        while self.writing.as_ref().is_some_and(JoinHandle::is_finished)
            || self.syncing.as_ref().is_some_and(JoinHandle::is_finished)
        {
            self.turn().await?;
        }
        self.begin_due();
        Ok(())
    }

    async fn checkpoint(&mut self) -> Result<(), MemberError> {
        self.is_checkpoint |= self.written > self.durable;
        self.begin_due();
        Ok(())
    }

    async fn finish(&mut self, context: &SinkContext) -> Result<(), MemberError> {
        self.due = Instant::now();
        loop {
            self.due = Instant::now();
            self.is_checkpoint = self.written > self.durable && !self.may_write();
            self.begin_due();
            if self.durable == self.taken {
                break;
            }
            self.turn_until_stopped(context).await?;
        }
        if let Some(mut appender) = self.appender.take() {
            let ended = spawn_blocking(move || appender.end()).await;
            ended.map_err(io::Error::other)??;
        }
        self.shelf.end();
        Ok(())
    }

    async fn abandon(&mut self) {
        self.is_ending.store(true, Release);
    }

    async fn drive(&mut self) -> MemberError {
        loop {
            if let Err(error) = self.turn().await {
                return error;
            }
        }
    }
}
