//! The beginning of a run over segment files: what there is to read, whether that is what was asked
//! for, and what is missing.

use std::{path::Path, sync::Arc};

use tracing::{info, warn};

use super::{
    Segments,
    archive::{self, Archive, ListedFile},
    error::ReplayError,
    plan::Plan,
    run::Run,
    settings::{Bounds, SegmentsSettings},
    wanted::Wanted,
};
use crate::{
    error::MemberError,
    event::{Start, now_us},
    log::{STATE, printable},
    segment::BlockReader,
    stats::Progress,
};

/// How far this machine's clock may be behind that of a server.
const CLOCK_TOLERANCE_US: u64 = 60_000_000;

/// How many holes are listed one by one.
const MAX_LISTED: usize = 20;

impl Segments {
    /// Reads all headers, and says what is missing.
    pub(super) fn open(&self) -> Result<Run<Plan>, MemberError> {
        let bounds = Bounds::new(&self.settings, self.start);
        let mut reader = BlockReader::new(self.settings.max_block_bytes);
        let archive = archive::list(&self.settings.paths, &bounds, &mut reader)?;
        self.check_beginning(&archive, *bounds.numbers.start())?;
        let files = archive.files;
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        info!(target: STATE, files = files.len(), bytes, "{} to read, {bytes} bytes", counted(files.len()));
        let holes = files.iter().filter(|file| file.hole.is_some());
        for file in holes.clone().take(MAX_LISTED) {
            self.tell_hole(file);
        }
        let more = holes.count().saturating_sub(MAX_LISTED);
        if more > 0 {
            warn!(target: STATE, "and {more} more gaps; rocketman inspect lists all of them");
        }
        self.stats.set_host(&self.origin.host);
        self.stats.set_connected(true);
        Ok(self.begin(files, bounds))
    }

    fn begin(&self, files: Vec<ListedFile>, bounds: Bounds) -> Run<Plan> {
        let first = files.first().map_or(0, |file| *file.numbers.start());
        let last = files.last().map_or(0, |file| *file.numbers.end());
        let first = first.max(*bounds.numbers.start());
        let progress = Progress {
            number: first,
            first,
            last: last.min(*bounds.numbers.end()),
            time_us: 0,
            bytes: files.iter().map(|file| file.bytes).sum(),
        };
        let SegmentsSettings {
            collections,
            kinds,
            dids,
            ..
        } = &self.settings;
        let wanted = Arc::new(Wanted::new(collections, kinds, dids, bounds));
        let plan = Plan::new(files, Arc::clone(&wanted), self.settings.on_gap);
        Run::begin(plan, wanted, self.settings.rows(), progress, &self.origin)
    }

    /// A beginning that was typed has to be one that these files have, or the next. A number that
    /// was saved may be of files that were put in the place of others.
    fn check_beginning(&self, archive: &Archive, from: u64) -> Result<(), ReplayError> {
        let is_saved = self.start != self.settings.start.or(self.settings.start_if_new);
        if let Some(Start::Time(time_us)) = self.start
            && !is_saved
            && archive.files.is_empty()
            && time_us > now_us().saturating_add(CLOCK_TOLERANCE_US)
        {
            return Err(ReplayError::Future(time_us));
        }
        let Some(last) = archive.last.filter(|last| from > last.saturating_add(1)) else {
            return Ok(());
        };
        if !(is_saved && self.start == Some(Start::Seq(from))) {
            return Err(ReplayError::Beyond { asked: from, last });
        }
        warn!(target: STATE, from, last, "number {from} comes next, and these files end at {last}: they are not those that were read before, or not all of them");
        Ok(())
    }

    fn tell_hole(&self, file: &ListedFile) {
        let Some(hole) = &file.hole else { return };
        let (from, to) = (hole.from, hole.to);
        let shown = |path: &Path| printable(&path.to_string_lossy());
        let before = shown(&file.path);
        let place = match &hole.after {
            Some(after) => format!("what lies between '{}' and '{before}'", shown(after)),
            None => format!("what lies before '{before}', the first file,"),
        };
        let end = if Plan::ends_at(hole, self.settings.on_gap) {
            "; the run ends before it"
        } else {
            ""
        };
        warn!(target: STATE, from, to, "GAP from={from} to={to}: {place} is missing{end}");
    }
}

fn counted(files: usize) -> String {
    match files {
        1 => "1 file".to_owned(),
        n => format!("{n} files"),
    }
}
