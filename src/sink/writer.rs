//! A thread that writes whole buffers, so that a slow reader or disk never holds up the socket's
//! pings or a signal.
//!
//! While it has nothing to do, what can be written without waiting is written at once, and the
//! thread sleeps on: waking it costs more than the write. What it writes to, and when an event
//! counts as accepted, is the [`Target`]'s business.

mod target;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use tokio::sync::{mpsc, oneshot};

pub(super) use self::target::{Buffer, Target};
use super::{OutputError, SinkContext, format::Formatter};
use crate::{error::MemberError, event::Batch};

/// Buffers on their way to the thread. With a batch's size this bounds the memory between source
/// and target.
const MAX_QUEUED_BUFFERS: usize = 2;

/// A buffer larger than this, which a large event makes of it, waits alone, and is given back.
const MAX_KEPT_BYTES: usize = 320 * 1024;

/// Why a sink has its writer.
pub(super) const HAS_BEGUN: &str = "a pipeline begins its sink before anything else";

enum Job {
    Write(Buffer),
    Sync,
    Saved,
    Reopen,
    Finish,
}

/// What both sides of the thread have in their hands.
struct Shared<T: ?Sized> {
    /// Jobs that the thread is done with.
    done: AtomicU64,
    /// Only ever locked by the near side while the thread has nothing to do, so that nobody waits
    /// for it.
    target: Mutex<T>,
}

impl<T: ?Sized> Shared<T> {
    fn target(&self) -> MutexGuard<'_, T> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The near side of the thread.
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    written: mpsc::Receiver<Buffer>,
    /// How the thread ended; `None` once that was returned.
    outcome: Option<oneshot::Receiver<Result<(), MemberError>>>,
    shared: Arc<Shared<dyn Target>>,
    /// Jobs that were handed over.
    jobs_given: u64,
    /// Events that were written or handed over.
    given: u64,
    context: SinkContext,
    takes_apart: bool,
    /// For the marks of a batch that is written at once.
    spare: Buffer,
}

impl Writer {
    /// Starts the thread. It ends with `finish`, at the first failure, or when this is dropped.
    pub(super) fn start(
        name: &str,
        target: impl Target,
        context: SinkContext,
    ) -> Result<Self, MemberError> {
        // One more for a sync: were it passed over while the thread is behind, nothing would become
        // durable in a long backlog.
        let (jobs, mut inbox) = mpsc::channel(MAX_QUEUED_BUFFERS + 1);
        // Room for every buffer there can be, so that the thread never waits to give one back.
        let (outbox, written) = mpsc::channel(MAX_QUEUED_BUFFERS + 2);
        let (tell, outcome) = oneshot::channel();
        let takes_apart = target.takes_apart();
        let shared = Arc::new(Shared {
            done: AtomicU64::new(0),
            target: Mutex::new(target),
        });
        let (near, seen) = (Arc::clone(&shared), context.clone());
        let work = move || {
            let mut run = || {
                while let Some(job) = inbox.blocking_recv() {
                    let mut target = shared.target();
                    match job {
                        Job::Write(mut buffer) => {
                            target.write(&buffer, &context)?;
                            if buffer.lines.capacity() > MAX_KEPT_BYTES {
                                buffer.lines = Vec::new();
                            }
                            // Full only if the near side stopped taking buffers back; then it is
                            // freed.
                            outbox.try_send(buffer).ok();
                        }
                        Job::Sync => target.sync(&context)?,
                        Job::Saved => target.saved(&context)?,
                        Job::Reopen => target.reopen(&context)?,
                        Job::Finish => return target.finish(&context),
                    }
                    drop(target);
                    shared.done.fetch_add(1, Ordering::Release);
                }
                Ok(())
            };
            let result = run();
            // Nobody listens any more only when the sink was dropped.
            tell.send(result).ok();
        };
        thread::Builder::new()
            .name(format!("write {name}"))
            .spawn(work)
            .map_err(|source| OutputError {
                action: "start a thread for",
                target: name.to_owned(),
                source,
            })?;
        Ok(Self {
            jobs,
            written,
            outcome: Some(outcome),
            shared: near,
            jobs_given: 0,
            given: 0,
            context: seen,
            takes_apart,
            spare: Buffer::default(),
        })
    }

    /// Writes the lines of the batch as far as they can leave at once, and hands the rest over;
    /// waits while the thread has enough to do.
    ///
    /// Cancel safety: either nothing of the batch is taken, or all.
    pub(super) async fn write(&mut self, batch: &mut Batch) -> Result<(), MemberError> {
        self.has_room(batch.lines().len()).await?;
        let mut buffer = std::mem::take(&mut self.spare);
        buffer.marks.clear();
        let before = self.given;
        buffer.latest_us = 0;
        for sample in batch.sample_positions() {
            buffer.marks.push((sample.end, before + sample.events));
            buffer.latest_us = buffer.latest_us.max(sample.point.time_us);
        }
        self.given += batch.len() as u64;
        if self.takes_apart {
            buffer.note_pieces(batch);
        }
        if self.write_now(batch.lines(), &mut buffer) {
            batch.take(batch.len());
            self.spare = buffer;
            return Ok(());
        }
        self.send(buffer, |spare| batch.take_lines(spare)).await
    }

    /// Writes the events of the batch in another form, likewise.
    ///
    /// Cancel safety: either nothing of the batch is taken, or all.
    pub(super) async fn write_as(
        &mut self,
        formatter: &mut Formatter,
        batch: &mut Batch,
    ) -> Result<(), MemberError> {
        let mut buffer = std::mem::take(&mut self.spare);
        formatter.begin();
        let (before, takes_apart) = (self.given, self.takes_apart);
        buffer.note_written(batch, before, takes_apart, |event| formatter.add(event));
        let lines = formatter.lines_mut();
        self.has_room(lines.len()).await?;
        self.given += batch.len() as u64;
        batch.take(batch.len());
        // Events without a line are the target's to accept.
        let is_out = self.write_now(lines, &mut buffer) && !lines.is_empty();
        if is_out {
            self.spare = buffer;
        } else {
            self.send(buffer, |spare| std::mem::replace(lines, spare))
                .await?;
        }
        formatter.lead_mut().clear();
        Ok(())
    }

    /// Writes lines that are not those of a batch; with the last of them `total` events since the
    /// beginning are written.
    ///
    /// Cancel safety: either nothing of the lines is taken, or all.
    pub(super) async fn write_lines(
        &mut self,
        lines: &mut Vec<u8>,
        total: u64,
    ) -> Result<(), MemberError> {
        self.has_room(lines.len()).await?;
        let mut buffer = std::mem::take(&mut self.spare);
        buffer.marks.clear();
        buffer.marks.push((lines.len(), total));
        self.given = total;
        // Events without a line are the target's to accept.
        if self.write_now(lines, &mut buffer) && !lines.is_empty() {
            lines.clear();
            self.spare = buffer;
            return Ok(());
        }
        self.send(buffer, |spare| std::mem::replace(lines, spare))
            .await
    }

    /// Writes what can leave at once, unless the thread is at work on the target. Returns whether
    /// that was all.
    fn write_now(&self, lines: &[u8], buffer: &mut Buffer) -> bool {
        buffer.written = if self.is_idle() {
            let mut target = self.shared.target();
            target.write_now(lines, &buffer.marks, &self.context)
        } else {
            0
        };
        buffer.written == lines.len()
    }

    /// Hands over the lines that `exchange` gives for an empty buffer. There has to be room for
    /// them: what waits could be cancelled between two parts of a line.
    async fn send(
        &mut self,
        mut buffer: Buffer,
        exchange: impl FnOnce(Vec<u8>) -> Vec<u8>,
    ) -> Result<(), MemberError> {
        self.spare = self.written.try_recv().unwrap_or_default();
        self.spare.lines.clear();
        buffer.lines = exchange(std::mem::take(&mut self.spare.lines));
        match self.jobs.try_send(Job::Write(buffer)) {
            Ok(()) => {
                self.jobs_given += 1;
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(_)) => unreachable!("there was room"),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(end_of(&mut self.outcome).await),
        }
    }

    /// Waits until this many bytes can be handed over without a wait.
    ///
    /// Cancel safety: it only waits.
    pub(super) async fn has_room(&mut self, bytes: usize) -> Result<(), MemberError> {
        if self.is_idle() || room(&self.jobs, bytes).await.is_some() {
            return Ok(());
        }
        Err(end_of(&mut self.outcome).await)
    }

    /// Whether the thread has nothing to do, and so leaves the target alone.
    fn is_idle(&self) -> bool {
        self.shared.done.load(Ordering::Acquire) == self.jobs_given
    }

    /// Asks for what was handed over to be made durable, without waiting for it.
    pub(super) async fn sync(&mut self) -> Result<(), MemberError> {
        if self.given == self.context.accepted() {
            return Ok(());
        }
        match self.jobs.try_send(Job::Sync) {
            Ok(()) => {
                self.jobs_given += 1;
                Ok(())
            }
            // It is only ever full after another sync.
            Err(mpsc::error::TrySendError::Full(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(end_of(&mut self.outcome).await),
        }
    }

    /// Lets the target know that a cursor was saved. A thread that is behind looks by itself.
    pub(super) fn saved(&mut self) -> Result<(), MemberError> {
        if self.outcome.is_none() {
            // It has ended, and nobody else does it.
            return self.shared.target().saved(&self.context);
        }
        if self.jobs.try_send(Job::Saved).is_ok() {
            self.jobs_given += 1;
        }
        Ok(())
    }

    /// Has the target opened again, and takes the wish back once that is under way.
    ///
    /// Cancel safety: the wish stays until then.
    pub(super) async fn reopen(&mut self, wish: &AtomicBool) -> Result<(), MemberError> {
        match self.jobs.reserve().await {
            Ok(permit) => {
                wish.store(false, Ordering::Release);
                permit.send(Job::Reopen);
                self.jobs_given += 1;
                Ok(())
            }
            Err(_) => Err(end_of(&mut self.outcome).await),
        }
    }

    /// Waits until all is written and the target has ended.
    pub(super) async fn finish(&mut self) -> Result<(), MemberError> {
        // Why a thread ended already is returned below.
        self.jobs.send(Job::Finish).await.ok();
        match self.outcome.take() {
            Some(outcome) => outcome.await.unwrap_or_else(|_| Err(died())),
            None => Ok(()),
        }
    }

    /// Resolves when the thread fails.
    pub(super) async fn failed(&mut self) -> MemberError {
        end_of(&mut self.outcome).await
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

/// Waits for room for one more job of this many bytes, with a second place kept free for a sync.
/// `None` when the thread is gone.
///
/// Cancel safety: nothing is given away before there is room.
async fn room(jobs: &mpsc::Sender<Job>, bytes: usize) -> Option<mpsc::Permit<'_, Job>> {
    let n_free = if bytes > MAX_KEPT_BYTES {
        MAX_QUEUED_BUFFERS + 1
    } else {
        2
    };
    match jobs.try_reserve_many(n_free) {
        Ok(mut permits) => permits.next(),
        Err(_) => jobs.reserve_many(n_free).await.ok()?.next(),
    }
}

/// Why the thread ended, once it has.
///
/// Cancel safety: nothing is taken before the outcome is there.
async fn end_of(outcome: &mut Option<oneshot::Receiver<Result<(), MemberError>>>) -> MemberError {
    let Some(waiting) = outcome else {
        return std::future::pending().await;
    };
    let result = waiting.await;
    *outcome = None;
    match result {
        Ok(Err(error)) => error,
        Ok(Ok(())) | Err(_) => died(),
    }
}

fn died() -> MemberError {
    MemberError::other("the writing thread ended unexpectedly")
}

#[cfg(test)]
mod tests;
