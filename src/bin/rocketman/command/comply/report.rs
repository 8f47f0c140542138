//! What has become of each file, for people and for scripts.

use std::path::Path;

use indicatif::HumanCount;
use serde::Serialize;

use super::rewrite::{Outcome, Rewritten};
use rocketman::Shown;

/// All that is reported of a file. The names are the keys of `--json`, which scripts rely on.
#[derive(Serialize)]
struct Line<'a> {
    file: String,
    state: &'static str,
    why: Option<&'a str>,
    events: u64,
    removed: u64,
    bad_lines: u64,
}

impl Rewritten {
    /// One object on a line.
    pub(super) fn json(&self, path: &Path) -> String {
        let (state, why) = match &self.outcome {
            Outcome::Unchanged => ("unchanged", None),
            Outcome::Rewritten => ("rewritten", None),
            Outcome::Due => ("due", None),
            Outcome::Spared(why) => ("spared", Some(why.as_str())),
            Outcome::Failed(why) => ("failed", Some(why.as_str())),
        };
        let line = Line {
            file: path.to_string_lossy().into_owned(),
            state,
            why,
            events: self.pruned.events,
            removed: self.pruned.removed,
            bad_lines: self.bad,
        };
        serde_json::to_string(&line).expect("plain data with string keys is always JSON") + "\n"
    }

    /// One line for people; none of a file that is as it was and should be.
    pub(super) fn text(&self, path: &Path) -> Option<String> {
        let file = Shown::text(&path.to_string_lossy()).to_string();
        let of_all = || {
            let (removed, events) = (self.pruned.removed, self.pruned.events);
            format!("{} of {} events", HumanCount(removed), HumanCount(events))
        };
        let told = match &self.outcome {
            Outcome::Unchanged if self.bad == 0 => return None,
            Outcome::Unchanged => "nothing to remove".to_owned(),
            Outcome::Rewritten => format!("{} removed", of_all()),
            Outcome::Due => format!("{} to be removed", of_all()),
            Outcome::Spared(why) => format!("left alone: {}", Shown::text(why)),
            Outcome::Failed(why) => format!("failed: {}", Shown::text(why)),
        };
        let bad = match self.bad {
            0 => String::new(),
            1 => ", and 1 line that is no event stays".to_owned(),
            n => format!(", and {} lines that are no events stay", HumanCount(n)),
        };
        Some(format!("{file}: {told}{bad}\n"))
    }
}

/// What has become of all files.
#[derive(Debug, Default)]
pub(super) struct Total {
    pub(super) files: usize,
    /// Those that were rewritten, or would be.
    due: usize,
    spared: usize,
    pub(super) failed: usize,
    events: u64,
    removed: u64,
    pub(super) bad: u64,
}

impl Total {
    pub(super) fn add(&mut self, rewritten: &Rewritten) {
        self.files += 1;
        match rewritten.outcome {
            Outcome::Unchanged => {}
            Outcome::Rewritten | Outcome::Due => self.due += 1,
            Outcome::Spared(_) => self.spared += 1,
            Outcome::Failed(_) => self.failed += 1,
        }
        self.events += rewritten.pruned.events;
        self.removed += rewritten.pruned.removed;
        self.bad += rewritten.bad;
    }

    /// One line for people.
    pub(super) fn text(&self, dry_run: bool) -> String {
        let done = if dry_run { "to be removed" } else { "removed" };
        let plural = if self.files == 1 { "" } else { "s" };
        let spared = match self.spared {
            0 => String::new(),
            n => format!(", {n} left alone"),
        };
        format!(
            "{} of {} events {done}, in {} of {} file{plural}{spared}\n",
            HumanCount(self.removed),
            HumanCount(self.events),
            self.due,
            self.files
        )
    }
}
