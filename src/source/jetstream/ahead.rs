//! Inflating on a second core where many events are ready.
//!
//! Inflating is most of what a compressed event costs. The events that lie ready in the socket's
//! buffer are cut into chunks; the reader inflates from the first one on as ever, a second thread
//! from the last one back, and where they meet the reader goes on with what the thread has made.
//! Events are read in their order, one after the other, and by the reader alone: whatever an event
//! means is decided as without the thread.

use std::{
    collections::VecDeque,
    io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use tracing::warn;

use super::{dictionary::Dictionary, inflate::Inflater};
use crate::event::BadEvent;

/// The compressed bytes of a chunk: some 40 events, and about as long to inflate as it takes to
/// wake a thread.
const CHUNK_BYTES: usize = 8 * 1024;

/// How many inflated bytes may wait for the reader: what lies ready inflates to a small part of it,
/// unless a server means harm.
const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;

/// What a chunk keeps for the next events.
const MAX_KEPT_BYTES: usize = 64 * 1024;

/// From how many bytes on the thread is woken.
pub(super) const MIN_BACKLOG_BYTES: usize = 3 * CHUNK_BYTES;

/// What inflates the events of a connection: one core, or two.
#[derive(Debug)]
pub(super) struct Inflation {
    cap: usize,
    /// The id of the dictionary, where it is not that of the v1 wire.
    id: Option<u32>,
    own: Inflater,
    ahead: Option<ParallelInflater>,
}

impl Inflation {
    /// Refuses events larger than `cap` bytes, and starts a second thread where `threads` is more
    /// than one.
    pub(super) fn new(cap: usize, threads: u8) -> Self {
        let ahead = (threads > 1).then(|| ParallelInflater::start(cap));
        Self {
            cap,
            id: None,
            own: Inflater::new(cap),
            ahead: ahead.transpose().unwrap_or_else(|error| {
                warn!(%error, "cannot start a second thread, inflating on one: {error}");
                None
            }),
        }
    }

    /// Whether it wants to know what lies ready.
    #[inline]
    pub(super) fn is_out_of_work(&self) -> bool {
        self.ahead.as_ref().is_some_and(|ahead| ahead.planned == 0)
    }

    /// Begins with the compressed events that are asked for next, in their order. Only asked while
    /// it is out of work.
    pub(super) fn schedule<'a>(&mut self, frames: impl Iterator<Item = &'a [u8]>) {
        if let Some(ahead) = &mut self.ahead {
            ahead.schedule(frames);
        }
    }

    /// Forgets what was planned: the connection it came over is gone.
    pub(super) fn forget(&mut self) {
        if let Some(ahead) = &mut self.ahead {
            ahead.forget();
        }
    }

    /// From now on events are made with this dictionary; without one, with that of the v1 wire.
    /// Nothing may be planned. Returns false, and changes nothing, where the dictionary is damaged.
    pub(super) fn use_dictionary(&mut self, dictionary: Option<&Dictionary>) -> bool {
        let id = dictionary.map(Dictionary::id);
        if id == self.id {
            return true;
        }
        let make = || match dictionary {
            Some(dictionary) => Inflater::with(self.cap, dictionary),
            None => Some(Inflater::new(self.cap)),
        };
        let (Some(own), Some(theirs)) = (make(), make()) else {
            return false;
        };
        self.own = own;
        if let Some(ahead) = &mut self.ahead {
            ahead.shared.lock().fresh = Some(theirs);
        }
        self.id = id;
        true
    }

    /// Appends the inflated event to `out`, or leaves `out` as it was.
    #[inline]
    pub(super) fn inflate(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), BadEvent> {
        match self.ahead.as_mut().and_then(ParallelInflater::take) {
            None => self.own.inflate(frame, out),
            Some(inflated) => {
                out.extend_from_slice(inflated?);
                Ok(())
            }
        }
    }
}

/// Compressed events, and what became of them.
#[derive(Debug, Default)]
struct Chunk {
    frames: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    inflated: Vec<u8>,
    /// Where each of the inflated ones ends, or why it could not be inflated.
    outcomes: Vec<Result<usize, BadEvent>>,
}

impl Chunk {
    fn clear(&mut self) {
        self.frames.clear();
        self.ends.clear();
        self.inflated.clear();
        self.outcomes.clear();
    }

    fn has_room(&self) -> bool {
        self.frames.len() < CHUNK_BYTES
    }

    /// Inflates until there are that many bytes; what is left is the reader's.
    fn inflate(&mut self, inflater: &mut Inflater, room: usize) {
        let mut start = 0;
        for &end in &self.ends {
            if self.inflated.len() >= room {
                break;
            }
            let frame = self.frames.get(start..end).unwrap_or_default();
            let outcome = inflater.inflate(frame, &mut self.inflated);
            self.outcomes.push(outcome.map(|()| self.inflated.len()));
            start = end;
        }
    }
}

/// The second thread, seen from the reader.
#[derive(Debug)]
struct ParallelInflater {
    shared: Arc<Shared>,
    /// Events that were planned and not asked for yet.
    planned: usize,
    now: Share,
    /// Chunks that are to be filled again.
    spare: Vec<Chunk>,
}

/// Where the reader is.
#[derive(Debug)]
enum Share {
    /// It inflates this number of events itself.
    Local(usize),
    /// It takes what the thread has made: how many of the chunk's events are taken, and where they
    /// end.
    Done(Chunk, usize, usize),
}

#[derive(Debug, Default)]
struct Shared {
    work: Mutex<Work>,
    has_work: Condvar,
    is_made: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the thread has made the chunk that it is at.
    fn until_idle<'a>(&self, mut work: MutexGuard<'a, Work>) -> MutexGuard<'a, Work> {
        while work.is_working {
            let woken = self.is_made.wait(work);
            work = woken.unwrap_or_else(PoisonError::into_inner);
        }
        work
    }
}

#[derive(Debug, Default)]
struct Work {
    /// Nobody's yet; the reader takes from the front, the thread from the back.
    waiting: VecDeque<Chunk>,
    is_working: bool,
    /// Made by the thread; the last one comes first in the stream.
    made: Vec<Chunk>,
    /// What the thread goes on with.
    fresh: Option<Inflater>,
    is_over: bool,
}

impl ParallelInflater {
    fn start(cap: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("inflate".to_owned())
            .spawn(move || work(&theirs, Inflater::new(cap)))?;
        Ok(Self {
            shared,
            planned: 0,
            now: Share::Local(0),
            spare: Vec::new(),
        })
    }

    fn schedule<'a>(&mut self, frames: impl Iterator<Item = &'a [u8]>) {
        let mut chunks: VecDeque<Chunk> = VecDeque::new();
        let mut first = 0;
        let mut first_bytes = 0;
        for frame in frames {
            self.planned += 1;
            // The thread never comes to the first chunk before the reader does.
            if first_bytes < CHUNK_BYTES {
                first += 1;
                first_bytes += frame.len();
                continue;
            }
            let chunk = match chunks.back_mut() {
                Some(chunk) if chunk.has_room() => chunk,
                _ => {
                    chunks.push_back(self.spare.pop().unwrap_or_default());
                    chunks.back_mut().expect("it was just pushed")
                }
            };
            chunk.frames.extend_from_slice(frame);
            chunk.ends.push(chunk.frames.len());
        }
        self.recycle(Share::Local(first));
        if !chunks.is_empty() {
            self.shared.lock().waiting = chunks;
            self.shared.has_work.notify_one();
        }
    }

    /// The next event, inflated; `None` where the reader is to do it.
    fn take(&mut self) -> Option<Result<&[u8], BadEvent>> {
        self.planned = self.planned.checked_sub(1)?;
        loop {
            match &mut self.now {
                Share::Local(left) if *left > 0 => {
                    *left -= 1;
                    return None;
                }
                Share::Done(chunk, taken, _) if *taken < chunk.outcomes.len() => break,
                _ => self.advance(),
            }
        }
        let Share::Done(chunk, taken, start) = &mut self.now else {
            return None;
        };
        let outcome = *chunk.outcomes.get(*taken)?;
        *taken += 1;
        Some(outcome.map(|end| {
            let inflated = chunk.inflated.get(*start..end).unwrap_or_default();
            *start = end;
            inflated
        }))
    }

    /// Goes on to the next chunk: the reader's own if the thread has not come to it, else what the
    /// thread has made of it.
    fn advance(&mut self) {
        if let Share::Done(chunk, taken, _) = &self.now
            && *taken < chunk.ends.len()
        {
            // There was no room for them.
            let left = chunk.ends.len() - taken;
            self.recycle(Share::Local(left));
            return;
        }
        let mut work = self.shared.lock();
        let next = if let Some(mut chunk) = work.waiting.pop_front() {
            let left = chunk.ends.len();
            chunk.clear();
            self.spare.push(chunk);
            Share::Local(left)
        } else {
            work = self.shared.until_idle(work);
            // There is one as long as something is planned; if not, inflating it oneself is right
            // in any case.
            let made = work.made.pop();
            made.map_or(Share::Local(self.planned + 1), |chunk| {
                Share::Done(chunk, 0, 0)
            })
        };
        drop(work);
        self.recycle(next);
    }

    fn recycle(&mut self, next: Share) {
        if let Share::Done(mut chunk, ..) = mem::replace(&mut self.now, next) {
            chunk.clear();
            chunk.inflated.shrink_to(MAX_KEPT_BYTES);
            self.spare.push(chunk);
        }
    }

    fn forget(&mut self) {
        self.planned = 0;
        self.recycle(Share::Local(0));
        let mut work = self.shared.lock();
        work.waiting.clear();
        work = self.shared.until_idle(work);
        work.made.clear();
    }
}

impl Drop for ParallelInflater {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.has_work.notify_one();
    }
}

/// The second thread.
fn work(shared: &Shared, mut inflater: Inflater) {
    let mut work = shared.lock();
    loop {
        if work.is_over {
            return;
        }
        if let Some(fresh) = work.fresh.take() {
            inflater = fresh;
        }
        let Some(mut chunk) = work.waiting.pop_back() else {
            let woken = shared.has_work.wait(work);
            work = woken.unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let held: usize = work.made.iter().map(|chunk| chunk.inflated.len()).sum();
        work.is_working = true;
        drop(work);
        chunk.inflate(&mut inflater, MAX_WAITING_BYTES.saturating_sub(held));
        work = shared.lock();
        work.made.push(chunk);
        work.is_working = false;
        shared.is_made.notify_one();
    }
}

#[cfg(feature = "zstd")]
#[cfg(test)]
mod tests;
