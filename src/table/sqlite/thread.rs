//! The thread that writes to the database, from its near side.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

#[cfg(feature = "history")]
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{job::Job, lock::Lock, worker::Database};
use crate::{cursor::Saved, error::MemberError, event::Batch};

/// Batches on their way to the thread. With a batch's size this bounds the memory between source
/// and database.
const MAX_QUEUED: usize = 2;

/// Places in the queue that rows leave free, for a commit and a save.
const KEPT_FREE: usize = 2;

/// The near side of the thread; a clone is the same. With the last one it comes to its end.
#[derive(Clone)]
pub(super) struct Worker(Arc<Shared>);

struct Shared {
    jobs: Option<mpsc::Sender<Job>>,
    spares: Mutex<mpsc::Receiver<Box<Batch>>>,
    /// How the thread failed, once it has.
    failure: tokio::sync::Mutex<Option<oneshot::Receiver<MemberError>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    pub(super) fn start(mut database: Database, lock: Lock) -> Result<Self, MemberError> {
        let (jobs, mut inbox) = mpsc::channel::<Job>(MAX_QUEUED + KEPT_FREE);
        let (outbox, spares) = mpsc::channel(MAX_QUEUED + 1);
        let (tell, failure) = oneshot::channel();
        let work = move || {
            let _lock = lock;
            while let Some(job) = inbox.blocking_recv() {
                match database.work(job) {
                    Ok(spare) => {
                        spare.map(|batch| outbox.try_send(batch).ok());
                    }
                    Err(error) => {
                        tell.send(error).ok();
                        return;
                    }
                }
            }
            database.close();
        };
        let thread = thread::Builder::new()
            .name("write database".to_owned())
            .spawn(work)
            .map_err(|error| {
                MemberError::caused("cannot start a thread for the database", error)
            })?;
        Ok(Self(Arc::new(Shared {
            jobs: Some(jobs),
            spares: Mutex::new(spares),
            failure: tokio::sync::Mutex::new(Some(failure)),
            thread: Mutex::new(Some(thread)),
        })))
    }

    /// An empty batch, one that was used before if there is one.
    pub(super) fn spare(&self) -> Box<Batch> {
        let mut spares = self.0.spares.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = spares
            .try_recv()
            .unwrap_or_else(|_| Box::new(Batch::with_room()));
        batch.clear();
        batch
    }

    /// Waits for room for rows.
    ///
    /// Cancel safety: nothing is given away before there is room.
    pub(super) async fn room(&self) -> Result<mpsc::Permit<'_, Job>, MemberError> {
        let Some(jobs) = &self.0.jobs else {
            return Err(died());
        };
        match jobs.reserve_many(1 + KEPT_FREE).await {
            Ok(mut permits) => permits.next().ok_or_else(died),
            Err(_) => Err(self.failure().await.unwrap_or_else(died)),
        }
    }

    /// Gives a job that is soon done; does nothing where there is no room.
    pub(super) fn ask(&self, job: Job) {
        self.0.jobs.as_ref().map(|jobs| jobs.try_send(job).ok());
    }

    pub(super) async fn save(&self, saved: &Saved) -> Result<(), MemberError> {
        let (tell, done) = oneshot::channel();
        let saved = Box::new(saved.clone());
        self.give(Job::Save(saved, tell)).await?;
        done.await.unwrap_or_else(|_| Err(died()))
    }

    async fn give(&self, job: Job) -> Result<(), MemberError> {
        match &self.0.jobs {
            Some(jobs) => jobs.send(job).await.map_err(|_| died()),
            None => Err(died()),
        }
    }

    /// Asks something, once all that was given before is done.
    #[cfg(feature = "history")]
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<rusqlite::Result<T>, MemberError> {
        let (tell, answer) = oneshot::channel();
        let read = Box::new(move |connection: &Connection| {
            tell.send(read(connection)).ok();
        });
        self.give(Job::Read(read)).await?;
        answer.await.map_err(|_| died())
    }

    /// Changes something, and commits it with all that was given before.
    #[cfg(feature = "history")]
    pub(super) async fn change(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<(), MemberError> {
        let (tell, done) = oneshot::channel();
        self.give(Job::Change(Box::new(change), tell)).await?;
        done.await.unwrap_or_else(|_| Err(died()))
    }

    /// Waits until all that was given is done.
    pub(super) async fn finish(&self) -> Result<(), MemberError> {
        let (tell, done) = oneshot::channel();
        let sent = match &self.0.jobs {
            Some(jobs) => jobs.send(Job::Finish(tell)).await.is_ok(),
            None => false,
        };
        if sent && done.await.is_ok() {
            return Ok(());
        }
        // What was said already is not said again.
        self.failure().await.map_or(Ok(()), Err)
    }

    /// Resolves when the thread fails.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(super) async fn failed(&self) -> MemberError {
        match self.failure().await {
            Some(error) => error,
            None => std::future::pending().await,
        }
    }

    /// How the thread failed, once it has; `None` where that was told before.
    ///
    /// Cancel safety: dropped and asked again at any time.
    async fn failure(&self) -> Option<MemberError> {
        let mut failure = self.0.failure.lock().await;
        let error = failure.as_mut()?.await;
        *failure = None;
        Some(error.unwrap_or_else(|_| died()))
    }

    /// Does not wait for what still blocks.
    pub(super) fn let_go(&self) {
        let thread = self.0.thread.lock();
        drop(thread.unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// The database is closed before the process ends, so that nothing but it stays.
impl Drop for Shared {
    fn drop(&mut self) {
        self.jobs = None;
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        thread.take().map(|thread| thread.join().ok());
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Worker")
    }
}

fn died() -> MemberError {
    MemberError::other("the thread of the database ended unexpectedly")
}
