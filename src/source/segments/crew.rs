//! Several cores that print: each has jobs of its own in turn, and what they make is taken in the
//! order in which the jobs were given.
//!
//! Each works ahead of its taker by at most [`MAX_AHEAD_BYTES`], and by the batch at hand.

use std::{
    collections::VecDeque,
    io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::sync::Notify;

use super::{error::ReplayError, job::Job, printer::Printer, tally::Tally};
use crate::event::{Batch, Origin};

/// How much may wait to be taken of one core: the lines of more than one block of a server.
const MAX_AHEAD_BYTES: usize = 4 * 1024 * 1024;

/// How many jobs a core has, the one at hand included.
const MAX_JOBS: usize = 2;

/// How many batches are kept to be filled again.
const MAX_SPARE: usize = 4;

/// Several cores, and what is to come of them.
#[derive(Debug)]
pub(super) struct Crew<N> {
    lanes: Vec<Arc<Lane>>,
    /// The core that is given the next job.
    turn: usize,
    upcoming: VecDeque<Upcoming<N>>,
}

/// What comes next.
#[derive(Debug)]
enum Upcoming<N> {
    /// What this core makes of its first job.
    Job(usize),
    /// What was noted between two jobs.
    Note(N),
}

/// What has come.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and never kept")]
pub(super) enum Received<N> {
    /// A batch was filled, with this to tell, and then a job may have come to its end, or failed.
    Batch(Tally, Option<Result<(), ReplayError>>),
    /// What was noted between two jobs.
    Note(N),
    /// A core is gone: something of it has panicked.
    Gone,
}

/// One core, seen from both sides.
#[derive(Debug, Default)]
struct Lane {
    work: Mutex<Work>,
    /// A job was given, or something was taken.
    has_work: Condvar,
    has_made: Notify,
}

#[derive(Debug, Default)]
struct Work {
    jobs: VecDeque<Job>,
    made: VecDeque<Made>,
    made_bytes: usize,
    spare: Vec<Batch>,
    /// Nobody takes anything any more.
    is_over: bool,
    /// Nobody makes anything any more.
    is_gone: bool,
}

/// A batch of a job, and whether the job is done with it.
#[derive(Debug)]
struct Made {
    batch: Batch,
    tally: Tally,
    end: Option<Result<(), ReplayError>>,
}

impl Made {
    fn bytes(&self) -> usize {
        self.batch.lines().len() + self.tally.held_bytes()
    }
}

impl<N> Crew<N> {
    /// Starts as many threads as there are printers.
    pub(super) fn start(printers: Vec<Printer>, origin: &Arc<Origin>) -> io::Result<Self> {
        let mut crew = Self {
            lanes: Vec::new(),
            turn: 0,
            upcoming: VecDeque::new(),
        };
        for printer in printers {
            let lane = Arc::new(Lane::default());
            let (theirs, origin) = (Arc::clone(&lane), Arc::clone(origin));
            thread::Builder::new()
                .name("print".to_owned())
                .spawn(move || work(&theirs, printer, &origin))?;
            crew.lanes.push(lane);
        }
        Ok(crew)
    }

    /// Whether something more is to be given, so that no core waits for it.
    pub(super) fn has_room(&self) -> bool {
        self.upcoming.len() < self.lanes.len() * MAX_JOBS
    }

    /// Whether nothing is to come.
    pub(super) fn is_idle(&self) -> bool {
        self.upcoming.is_empty()
    }

    /// Gives a job to the core whose turn it is.
    pub(super) fn give(&mut self, job: Job) {
        if let Some(lane) = self.lanes.get(self.turn) {
            lane.lock().jobs.push_back(job);
            lane.has_work.notify_one();
            self.upcoming.push_back(Upcoming::Job(self.turn));
        }
        self.turn = (self.turn + 1) % self.lanes.len().max(1);
    }

    /// Notes something that comes after the jobs that were given.
    pub(super) fn note(&mut self, note: N) {
        self.upcoming.push_back(Upcoming::Note(note));
    }

    /// Waits for what comes next, and puts a batch into `batch`, which is empty. `None` where
    /// nothing was given.
    ///
    /// Cancel safety: nothing is lost.
    pub(super) async fn receive(&mut self, batch: &mut Batch) -> Option<Received<N>> {
        let lane = match self.upcoming.front()? {
            Upcoming::Note(_) => {
                return match self.upcoming.pop_front()? {
                    Upcoming::Note(note) => Some(Received::Note(note)),
                    Upcoming::Job(_) => None,
                };
            }
            Upcoming::Job(lane) => self.lanes.get(*lane)?,
        };
        let Some(mut made) = lane.made().await else {
            return Some(Received::Gone);
        };
        mem::swap(batch, &mut made.batch);
        lane.recycle(made.batch);
        if made.end.is_some() {
            self.upcoming.pop_front();
        }
        Some(Received::Batch(made.tally, made.end))
    }
}

impl<N> Drop for Crew<N> {
    fn drop(&mut self) {
        for lane in &self.lanes {
            lane.lock().is_over = true;
            lane.has_work.notify_one();
        }
    }
}

impl Lane {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the core has made something; `None` where it never will.
    async fn made(&self) -> Option<Made> {
        loop {
            {
                let mut work = self.lock();
                if let Some(made) = work.made.pop_front() {
                    work.made_bytes -= made.bytes();
                    self.has_work.notify_one();
                    return Some(made);
                }
                if work.is_gone {
                    return None;
                }
            }
            self.has_made.notified().await;
        }
    }

    fn recycle(&self, mut batch: Batch) {
        batch.clear();
        let mut work = self.lock();
        if work.spare.len() < MAX_SPARE {
            work.spare.push(batch);
        }
    }

    /// Waits for a job; `None` where there will be none.
    fn job(&self) -> Option<Job> {
        let mut work = self.lock();
        loop {
            if work.is_over {
                return None;
            }
            match work.jobs.pop_front() {
                Some(job) => return Some(job),
                None => work = self.until_changed(work),
            }
        }
    }

    /// Hands over a batch once there is room for it; `false` where nobody takes it.
    fn hand_over(&self, made: Made) -> bool {
        let bytes = made.bytes();
        let mut work = self.lock();
        while !work.is_over && !work.made.is_empty() && work.made_bytes + bytes > MAX_AHEAD_BYTES {
            work = self.until_changed(work);
        }
        if work.is_over {
            return false;
        }
        work.made_bytes += bytes;
        work.made.push_back(made);
        self.has_made.notify_one();
        true
    }

    fn until_changed<'a>(&self, work: MutexGuard<'a, Work>) -> MutexGuard<'a, Work> {
        let woken = self.has_work.wait(work);
        woken.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that the core is gone, however it goes.
struct Leaving<'a>(&'a Lane);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.lock().is_gone = true;
        self.0.has_made.notify_one();
    }
}

/// One core.
fn work(lane: &Lane, mut printer: Printer, origin: &Arc<Origin>) {
    let _leaving = Leaving(lane);
    while let Some(job) = lane.job() {
        printer.begin(job);
        loop {
            let mut batch = lane.lock().spare.pop().unwrap_or_else(Batch::with_room);
            batch.set_origin(origin);
            let mut tally = Tally::default();
            let end = match printer.fill(&mut batch, &mut tally) {
                Ok(false) => None,
                Ok(true) => Some(Ok(())),
                Err(error) => Some(Err(error)),
            };
            let is_done = end.is_some();
            if !lane.hand_over(Made { batch, tally, end }) {
                return;
            }
            if is_done {
                break;
            }
        }
    }
}
