//! What is logged about files that are repaired after a crash: a few lines of each kind, and a
//! count of the rest, since there may be thousands.

use std::path::Path;

use tracing::info;

use crate::{log::STATE, log::throttle::Throttle};

/// How many files of a kind are named.
const MAX_NAMED_FILES: u64 = 3;

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Amend {
    /// This many bytes are cut off that the cursor does not count.
    Cut(u64),
    /// Removed, since the cursor does not count it.
    Removed,
    /// It is as long as it was when it got its name.
    PutBack(u64),
    /// Left unfinished by a run without a cursor, and complete now.
    Completed,
}

/// The files of one kind.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    named: u64,
    more: u64,
    more_bytes: u64,
}

/// Logs what is repaired; the rest is counted at the end.
#[derive(Debug)]
pub(super) struct Amends {
    tallies: [Tally; 4],
    pace: Throttle,
}

impl Default for Amends {
    fn default() -> Self {
        Self {
            tallies: [Tally::default(); 4],
            pace: Throttle::sparse(),
        }
    }
}

impl Amends {
    /// Names the file, or counts it where several of its kind were named.
    pub(super) fn note(&mut self, path: &Path, amend: Amend) {
        let bytes = match amend {
            Amend::Cut(bytes) => bytes,
            _ => 0,
        };
        let [cut, removed, put_back, completed] = &mut self.tallies;
        let tally = match amend {
            Amend::Cut(_) => cut,
            Amend::Removed => removed,
            Amend::PutBack(_) => put_back,
            Amend::Completed => completed,
        };
        if tally.named == MAX_NAMED_FILES {
            tally.more += 1;
            tally.more_bytes += bytes;
            return;
        }
        tally.named += 1;
        let file = path.display();
        match amend {
            Amend::Cut(bytes) => {
                info!(target: STATE, %file, bytes, "cut {bytes} bytes off '{file}' that the cursor does not count; those events come again");
            }
            Amend::Removed => {
                info!(target: STATE, %file, "removed '{file}', which the cursor does not count; those events come again");
            }
            Amend::PutBack(length) => {
                info!(target: STATE, %file, length, "put '{file}' back to the {length} bytes that count; later events come again");
            }
            Amend::Completed => {
                info!(target: STATE, %file, "'{file}' was left unfinished, and is complete now");
            }
        }
    }

    /// Says how many were not named, if that is not too often.
    pub(super) fn log_rest_if_due(&mut self) {
        if self.tallies.iter().any(|tally| tally.more > 0) && self.pace.check().is_some() {
            self.log_rest();
        }
    }

    fn log_rest(&mut self) {
        let bytes = self.tallies[0].more_bytes;
        let [cut, removed, put_back, completed] = self.tallies.each_mut().map(|tally| {
            tally.more_bytes = 0;
            std::mem::take(&mut tally.more)
        });
        if cut > 0 {
            info!(target: STATE, files = cut, bytes, "cut {bytes} bytes off {} that the cursor does not count; those events come again", more(cut));
        }
        if removed > 0 {
            info!(target: STATE, files = removed, "removed {} that the cursor does not count; those events come again", more(removed));
        }
        if put_back > 0 {
            info!(target: STATE, files = put_back, "put {} back to the bytes that count; later events come again", more(put_back));
        }
        if completed > 0 {
            info!(target: STATE, files = completed, "{} left unfinished before, complete now", more(completed));
        }
    }
}

fn more(n: u64) -> String {
    match n {
        1 => "1 more file".to_owned(),
        n => format!("{n} more files"),
    }
}

impl Drop for Amends {
    fn drop(&mut self) {
        self.log_rest();
    }
}
