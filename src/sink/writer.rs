//! A thread that writes whole buffers, so that a slow reader or disk never holds up the socket's pings or a signal.
//!
//! What it writes to, and when an event counts as accepted, is the [`Target`]'s business.

use std::thread;

use tokio::sync::{mpsc, oneshot};

use super::{Ledger, SinkError};
use crate::event::Batch;

/// Buffers on their way to the thread. With a batch's size this bounds the memory between source and target.
const QUEUED: usize = 2;

/// Why a sink has its writer.
pub(super) const BEGUN: &str = "a pipeline begins its sink before anything else";

/// The lines of one batch.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    pub(super) lines: Vec<u8>,
    /// Some ends of lines: the offset behind the line, and the number of events up to it since the beginning of the run.
    pub(super) marks: Vec<(usize, u64)>,
}

/// What a writer writes to. Every method may block.
pub(super) trait Target: Send + 'static {
    /// Writes all of it, and accepts in the ledger what that makes accepted.
    fn write(&mut self, buffer: &Buffer, ledger: &Ledger) -> Result<(), SinkError>;
    /// Makes durable what was written, and accepts it.
    fn sync(&mut self, ledger: &Ledger) -> Result<(), SinkError>;
    /// Ends, and accepts what can be.
    fn finish(&mut self, ledger: &Ledger) -> Result<(), SinkError>;
}

enum Job {
    Write(Buffer),
    Sync,
    Finish,
}

/// The near side of the thread.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    written: mpsc::Receiver<Buffer>,
    /// How the thread ended; `None` once that was told.
    outcome: Option<oneshot::Receiver<Result<(), SinkError>>>,
    given: u64,
    ledger: Ledger,
}

impl Writer {
    /// Starts the thread. It ends with `finish`, at the first failure, or when this is dropped.
    pub(super) fn start(
        name: &str,
        mut target: impl Target,
        ledger: Ledger,
    ) -> Result<Self, SinkError> {
        // One more for a sync: were it passed over while the thread is behind, nothing would become durable in a long backlog.
        let (jobs, mut inbox) = mpsc::channel(QUEUED + 1);
        // Room for every buffer there can be, so that the thread never waits to give one back.
        let (outbox, written) = mpsc::channel(QUEUED + 2);
        let (tell, outcome) = oneshot::channel();
        let seen = ledger.clone();
        let work = move || {
            let mut run = || {
                while let Some(job) = inbox.blocking_recv() {
                    match job {
                        Job::Write(buffer) => {
                            target.write(&buffer, &ledger)?;
                            // Full only if the near side stopped taking buffers back; then it is freed.
                            outbox.try_send(buffer).ok();
                        }
                        Job::Sync => target.sync(&ledger)?,
                        Job::Finish => return target.finish(&ledger),
                    }
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
            .map_err(|source| SinkError::Io {
                action: "start a thread for",
                target: name.to_owned(),
                source,
            })?;
        Ok(Self {
            jobs,
            written,
            outcome: Some(outcome),
            given: 0,
            ledger: seen,
        })
    }

    /// Hands all lines of the batch over, and waits while the thread has enough to do.
    pub(super) async fn write(&mut self, batch: &mut Batch) -> Result<(), SinkError> {
        // The second place is kept free for a sync.
        let permit = match self.jobs.reserve_many(2).await {
            Ok(mut permits) => permits.next(),
            Err(_) => None,
        };
        let Some(permit) = permit else {
            return Err(end_of(&mut self.outcome).await);
        };
        let mut buffer = self.written.try_recv().unwrap_or_default();
        let before = self.given;
        buffer.marks.clear();
        buffer
            .marks
            .extend(batch.stops().map(|stop| (stop.end, before + stop.events)));
        self.given += batch.all().len() as u64;
        buffer.lines.clear();
        buffer.lines = batch.take_lines(std::mem::take(&mut buffer.lines));
        permit.send(Job::Write(buffer));
        Ok(())
    }

    /// Asks for what was handed over to be made durable, without waiting for it.
    pub(super) async fn sync(&mut self) -> Result<(), SinkError> {
        if self.given == self.ledger.accepted() {
            return Ok(());
        }
        match self.jobs.try_send(Job::Sync) {
            // It is only ever full behind another sync.
            Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(end_of(&mut self.outcome).await),
        }
    }

    /// Waits until all is written and the target has ended.
    pub(super) async fn finish(&mut self) -> Result<(), SinkError> {
        // A thread that is gone already tells why below.
        self.jobs.send(Job::Finish).await.ok();
        match self.outcome.take() {
            Some(outcome) => outcome.await.unwrap_or_else(|_| Err(died())),
            None => Ok(()),
        }
    }

    /// Resolves when the thread fails.
    pub(super) async fn failed(&mut self) -> SinkError {
        end_of(&mut self.outcome).await
    }
}

/// Why the thread ended, once it has.
///
/// Cancel safety: nothing is taken before the outcome is there.
async fn end_of(outcome: &mut Option<oneshot::Receiver<Result<(), SinkError>>>) -> SinkError {
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

fn died() -> SinkError {
    SinkError::Other("the writing thread ended unexpectedly".to_owned(), None)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as std_mpsc;

    use super::*;

    /// Takes its time for each write: until it is told to go on.
    struct Slow {
        go_on: std_mpsc::Receiver<()>,
        written: u64,
    }

    impl Target for Slow {
        fn write(&mut self, buffer: &Buffer, _ledger: &Ledger) -> Result<(), SinkError> {
            self.go_on.recv().ok();
            self.written = buffer.marks.last().map_or(self.written, |mark| mark.1);
            Ok(())
        }

        fn sync(&mut self, ledger: &Ledger) -> Result<(), SinkError> {
            ledger.accept_up_to(self.written, Vec::new());
            Ok(())
        }

        fn finish(&mut self, _ledger: &Ledger) -> Result<(), SinkError> {
            Ok(())
        }
    }

    fn one_event() -> Batch {
        let mut batch = Batch::new();
        let line = br#"{"did":"did:plc:a","time_us":1,"kind":"identity"}"#;
        batch.buffer().extend_from_slice(line);
        let envelope = batch.read(0, crate::event::LineRules::default()).unwrap();
        batch.keep(0, envelope);
        batch
    }

    #[tokio::test]
    async fn a_checkpoint_is_not_passed_over_while_the_target_is_behind() {
        let (tell, go_on) = std_mpsc::channel();
        let ledger = Ledger::default();
        let target = Slow { go_on, written: 0 };
        let mut writer = Writer::start("slow", target, ledger.clone()).unwrap();
        let mut given = 0;
        // As many as it takes without anything being written.
        while let Ok(result) = tokio::time::timeout(
            std::time::Duration::from_millis(100),
            writer.write(&mut one_event()),
        )
        .await
        {
            result.unwrap();
            given += 1;
        }
        writer.sync().await.unwrap();
        for _ in 0..given {
            tell.send(()).unwrap();
        }
        writer.finish().await.unwrap();
        assert_eq!(ledger.accepted(), given);
    }
}
