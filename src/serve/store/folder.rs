//! The folder of a store at its opening: its lock, its files, and what is left of them.

use std::{
    collections::VecDeque,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::warn;

use super::{
    error::{StoreError, failed},
    note::FORMAT,
    scan::{End, Scanned, Unusable, scan},
    sealed::{self, Known},
    segment::Segment,
};
use crate::{log::STATE, platform::paths::regular};

/// The suffix of files with events.
const SUFFIX: &str = "events";

/// Where the system says since which start of the machine it runs.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The name of a file whose first event has this number. In the order of names numbers rise.
pub(super) fn name(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:016}.{SUFFIX}"))
}

/// What tells one start of the machine from another.
pub(super) fn boot() -> Option<String> {
    let text = fs::read_to_string(BOOT_ID).ok()?;
    Some(text.trim().to_owned())
}

/// Takes the lock of a folder, which is made where it is missing. The lock goes with the file, and
/// with the process.
pub(super) fn lock(folder: &Path) -> Result<File, StoreError> {
    fs::create_dir_all(folder).map_err(failed("make the folder", folder))?;
    let path = folder.join("lock");
    let mut options = File::options();
    let options = options.create(true).truncate(false).write(true);
    let opened = regular::open_no_link(options, &path);
    let file = opened.map_err(failed("open", &path))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(folder.to_owned())),
        // Where there are no locks, there is none.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// What is in a folder.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) segments: VecDeque<Segment>,
    /// No event has this number or a later one.
    pub(super) next: u64,
}

/// Reads what is in a folder, and cuts off what was not written to its end.
pub(super) fn read(folder: &Path) -> Result<Found, StoreError> {
    let boot = boot();
    let mut found = Found {
        segments: VecDeque::new(),
        next: 0,
    };
    let paths = list(folder)?;
    for (path, n_left) in paths.iter().zip((0..paths.len()).rev()) {
        let segment = open(path, n_left == 0, boot.as_deref())?;
        found.next = found.next.max(segment.next);
        if segment.parts.is_empty() {
            // Nothing but a head was written, and nobody was sent anything of it.
            fs::remove_file(path).map_err(failed("remove", path))?;
        } else {
            sealed::write(&segment);
            found.segments.push_back(segment);
        }
    }
    Ok(found)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed("read the folder", folder))? {
        let path = entry.map_err(failed("read the folder", folder))?.path();
        if path.extension().is_some_and(|suffix| suffix == SUFFIX) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn open(path: &Path, is_last: bool, boot: Option<&str>) -> Result<Segment, StoreError> {
    let mut options = File::options();
    let opened = regular::open(options.read(true).write(true), path);
    let file = opened.map_err(failed("open", path))?;
    let length = file.metadata().map_err(failed("read", path))?.len();
    let known = match sealed::read(path, length) {
        Some(known) => known,
        None => recover(path, &file, length, is_last, boot)?,
    };
    let Known {
        parts,
        next,
        bytes,
        stored_us,
    } = known;
    let mut segment = Segment {
        name: path.display().to_string(),
        path: Some(path.to_owned()),
        file: Arc::new(file),
        parts,
        next,
        bytes,
        stored_us,
    };
    segment.coarsen(0);
    Ok(segment)
}

/// Reads a file that was written to until the end came, and cuts it back to what is whole.
fn recover(
    path: &Path,
    file: &File,
    length: u64,
    is_last: bool,
    boot: Option<&str>,
) -> Result<Known, StoreError> {
    let scanned = match scan(file) {
        Ok(scanned) => scanned,
        Err(Unusable::Headless) if is_last => {
            return Ok(Known {
                parts: Vec::new(),
                next: 0,
                bytes: 0,
                stored_us: 0,
            });
        }
        Err(Unusable::Io(source)) => return Err(failed("read", path)(source)),
        Err(Unusable::Format(found)) => {
            return Err(StoreError::Format {
                path: path.to_owned(),
                found,
                known: FORMAT,
            });
        }
        Err(Unusable::Foreign | Unusable::Headless) => {
            return Err(StoreError::Foreign(path.to_owned()));
        }
    };
    let Scanned {
        head,
        parts,
        next,
        bytes,
        stored_us,
        end,
        ..
    } = scanned;
    // A machine that went down writes the end of a file in any order, or not at all.
    let may_be_lost = head.boot.as_deref() != boot || boot.is_none();
    let is_end = is_last && (end == End::Torn || may_be_lost);
    if end != End::Whole {
        if !is_end {
            return Err(StoreError::Damaged {
                path: path.to_owned(),
                offset: bytes,
            });
        }
        let (file_name, cut) = (path.display(), length - bytes);
        warn!(target: STATE, file = %file_name, bytes = cut, "the end of '{file_name}' was not written whole, and is cut off: {cut} bytes, of which nothing was sent unless the machine went down");
        file.set_len(bytes).map_err(failed("cut", path))?;
    }
    file.sync_data().map_err(failed("make durable", path))?;
    Ok(Known {
        parts,
        next,
        bytes,
        stored_us,
    })
}
