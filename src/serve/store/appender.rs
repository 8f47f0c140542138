//! The end of a store: batches are written behind each other, and readers find each once it is
//! whole. Blocks its thread.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Acquire},
    },
    thread,
    time::Duration,
};

use tracing::{info, warn};

use super::{
    error::{StoreError, failed},
    folder,
    note::{BatchNote, FORMAT, Hash, Head, Note},
    sealed,
    segment::{Part, Segment},
    shelf::{Retention, Shelf},
};
use crate::{
    event::{Origin, Point, Position, micros, now_us},
    log::STATE,
    platform::{FileExt, paths::regular, sync_folder},
    serve::unnamed,
};

/// How many files a store has at least once it is full: what goes goes by the file.
const FILES: u64 = 64;

/// The bounds of how long a file gets.
const SMALLEST_FILE: u64 = 64 * 1024;
const LARGEST_FILE: u64 = 256 * 1024 * 1024;

/// Waits for room begin with this and double up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(5);

/// How soon a wait notices that the end is wanted.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Events that are written together.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Their lines, under their numbers here.
    pub(super) lines: Vec<u8>,
    pub(super) first: u64,
    pub(super) events: u64,
    pub(super) latest_us: u64,
    /// Where the last of them came from, and its place there.
    pub(super) origin: Option<Arc<Origin>>,
    pub(super) point: Option<Point>,
    /// How many events the sink was given up to the last of them, stored or not.
    pub(super) taken: u64,
}

impl Pending {
    fn upstream(&self) -> Option<Position> {
        Some(Position {
            origin: Origin::clone(self.origin.as_ref()?),
            point: self.point?,
        })
    }
}

/// The file that is written to.
#[derive(Debug)]
struct Current {
    path: PathBuf,
    file: Arc<File>,
    bytes: u64,
    since_us: u64,
}

/// Writes batches.
#[derive(Debug)]
pub(super) struct Appender {
    shelf: Arc<Shelf>,
    folder: Option<PathBuf>,
    retention: Retention,
    current: Option<Current>,
    /// The latest time of any event so far.
    latest_us: u64,
    /// What is written next, kept for its memory.
    record: Vec<u8>,
    /// The end is wanted: no more waits.
    is_ending: Arc<AtomicBool>,
}

impl Appender {
    pub(super) fn new(
        shelf: Arc<Shelf>,
        folder: Option<PathBuf>,
        retention: Retention,
        is_ending: Arc<AtomicBool>,
    ) -> Self {
        Self {
            latest_us: shelf.latest_us(),
            shelf,
            folder,
            retention,
            current: None,
            record: Vec::new(),
            is_ending,
        }
    }

    /// The file that is written to, to be synced.
    pub(super) fn file(&self) -> Option<(PathBuf, Arc<File>)> {
        let current = self.current.as_ref()?;
        Some((current.path.clone(), Arc::clone(&current.file)))
    }

    /// Whether there is a folder, in which it outlives the process.
    pub(super) fn is_kept(&self) -> bool {
        self.folder.is_some()
    }

    /// Writes a batch and lets readers have it.
    pub(super) fn append(&mut self, batch: &Pending) -> Result<(), StoreError> {
        if batch.events == 0 {
            return Ok(());
        }
        let stored_us = now_us();
        self.turn_over(batch.first, stored_us)?;
        self.latest_us = self.latest_us.max(batch.latest_us);
        let note = BatchNote {
            first: batch.first,
            events: batch.events,
            bytes: batch.lines.len() as u64,
            hash: Hash(0),
            latest_us: self.latest_us,
            stored_us,
            upstream: batch.upstream(),
        }
        .sealed(Hash::of(&batch.lines));
        self.record.clear();
        self.record.extend_from_slice(&batch.lines);
        note.push(&mut self.record);
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        write(
            &current.file,
            &current.path,
            current.bytes,
            &self.record,
            &self.is_ending,
        )?;
        let part = Part {
            first: batch.first,
            offset: current.bytes,
            latest_us: self.latest_us,
        };
        let bytes = self.record.len() as u64;
        current.bytes += bytes;
        let next = batch.first + batch.events;
        self.shelf.add(part, next, bytes, stored_us);
        for path in self.shelf.forget(&self.retention, stored_us) {
            // What is left there goes at the next start.
            std::fs::remove_file(sealed::beside(&path)).ok();
            std::fs::remove_file(path).ok();
        }
        Ok(())
    }

    /// Ends the file that is written to.
    pub(super) fn end(&mut self) -> Result<(), StoreError> {
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        if self.folder.is_some() {
            let synced = current.file.sync_data();
            synced.map_err(failed("make durable", &current.path))?;
        }
        self.shelf.seal(sealed::write);
        Ok(())
    }

    /// Begins another file where there is none, or it is long or old enough to be removed by
    /// itself.
    fn turn_over(&mut self, first: u64, now_us: u64) -> Result<(), StoreError> {
        if let Some(current) = &self.current {
            let bytes = self.retention.bytes.unwrap_or(u64::MAX) / FILES;
            let is_long = current.bytes >= bytes.clamp(SMALLEST_FILE, LARGEST_FILE);
            let age = self.retention.age.map_or(u64::MAX, micros) / FILES;
            let is_old = now_us.saturating_sub(current.since_us) >= age;
            if !is_long && !is_old {
                return Ok(());
            }
            self.end()?;
        }
        let mut head = Vec::new();
        Head {
            format: FORMAT,
            first,
            boot: folder::boot(),
        }
        .push(&mut head);
        let (path, file) = self.make(first)?;
        let bytes = head.len() as u64;
        write(&file, &path, 0, &head, &self.is_ending)?;
        let file = Arc::new(file);
        self.shelf.begin(Segment {
            name: path.display().to_string(),
            path: self.folder.is_some().then(|| path.clone()),
            file: Arc::clone(&file),
            parts: Vec::new(),
            next: first,
            bytes,
            stored_us: now_us,
        });
        self.current = Some(Current {
            path,
            file,
            bytes,
            since_us: now_us,
        });
        Ok(())
    }

    fn make(&self, first: u64) -> Result<(PathBuf, File), StoreError> {
        let Some(folder) = &self.folder else {
            let path = PathBuf::from("the temporary store");
            let file = attempt(&path, &self.is_ending, unnamed::file)?;
            return Ok((path, file));
        };
        let path = folder::name(folder, first);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        let open = || regular::open_no_link(&mut options.clone(), &path);
        let file = attempt(&path, &self.is_ending, open)?;
        let synced = sync_folder(folder);
        synced.map_err(failed("sync the folder", folder))?;
        Ok((path, file))
    }
}

/// Writes all of it at this place. What is left of it where that fails is written over, or cut off
/// at the next start.
fn write(
    file: &File,
    path: &Path,
    offset: u64,
    bytes: &[u8],
    is_ending: &AtomicBool,
) -> Result<(), StoreError> {
    attempt(path, is_ending, || file.write_all_at(bytes, offset))
}

/// Does what may find the disk full, again and again until the end is wanted.
fn attempt<T>(
    path: &Path,
    is_ending: &AtomicBool,
    mut work: impl FnMut() -> io::Result<T>,
) -> Result<T, StoreError> {
    let (mut wait, mut is_logged) = (FIRST_WAIT, false);
    loop {
        match work() {
            Err(error) if is_full(&error) && !is_ending.load(Acquire) => {
                if !is_logged {
                    let file = path.display();
                    warn!(target: STATE, %file, %error, "the disk is full, waiting for room to write to '{file}'; nothing is sent that is not stored");
                    is_logged = true;
                }
                pause(wait, is_ending);
                wait = (wait * 2).min(MAX_WAIT);
            }
            result => {
                if is_logged && result.is_ok() {
                    info!(target: STATE, "there is room on the disk again");
                }
                return result.map_err(failed("write to", path));
            }
        }
    }
}

fn pause(wait: Duration, is_ending: &AtomicBool) {
    let mut left = wait;
    while !left.is_zero() && !is_ending.load(Acquire) {
        let glance = left.min(POLL_INTERVAL);
        thread::sleep(glance);
        left -= glance;
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
