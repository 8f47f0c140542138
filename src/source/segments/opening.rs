//! The beginning of a run over segment files: what there is to read, whether that is what was asked
//! for, and what is missing.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::{info, warn};

use super::{
    Segments,
    archive::{self, Archive, Hole, ListedFile},
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
    segment::{BlockReader, Copied, Manifest, files},
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
        let copies = self.copies()?;
        let mut archive = archive::list(&self.settings.paths, &bounds, &mut reader)?;
        // What a copy leaves out holds nothing that is wanted.
        for file in &mut archive.files {
            let is_copied = copies.iter().any(|copy| copy.covers(file));
            file.hole = file.hole.take().filter(|_| !is_copied);
        }
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

    /// The folders that are copies of an archive, each of which has to be what its manifest says,
    /// and to have all that is wanted.
    fn copies(&self) -> Result<Vec<FolderCopy>, ReplayError> {
        let mut copies = Vec::new();
        for path in self.settings.paths.iter().filter(|path| path.is_dir()) {
            let Some(manifest) = Manifest::read(path)? else {
                continue;
            };
            let listed = files(path).map_err(|source| ReplayError::missing(path, source))?;
            manifest.check(path, &listed)?;
            if !manifest.filter.covers(&self.filter()) {
                return Err(ReplayError::Narrower(path.clone()));
            }
            info!(target: STATE, tip = manifest.tip, "'{}' is what its manifest says: {} of {}, numbers above {} up to {}", printable(&path.to_string_lossy()), counted(listed.len()), printable(&manifest.origin), manifest.after_seq, manifest.tip);
            copies.push(FolderCopy {
                folder: path.clone(),
                after_seq: manifest.after_seq,
                tip: manifest.tip,
            });
        }
        Ok(copies)
    }

    fn filter(&self) -> Copied {
        let SegmentsSettings {
            collections,
            kinds,
            dids,
            ..
        } = &self.settings;
        Copied {
            kinds: kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
            collections: collections
                .iter()
                .map(|one| one.as_str().to_owned())
                .collect(),
            dids: dids.iter().map(|did| did.as_str().to_owned()).collect(),
        }
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

/// A folder that is a copy of an archive, whole between these numbers.
struct FolderCopy {
    folder: PathBuf,
    after_seq: u64,
    tip: u64,
}

impl FolderCopy {
    /// Whether what is missing before a file is nothing that is wanted.
    fn covers(&self, file: &ListedFile) -> bool {
        let is_within = |hole: &Hole| self.after_seq <= hole.from && hole.to <= self.tip;
        file.path.parent() == Some(&self.folder) && file.hole.as_ref().is_some_and(is_within)
    }
}

fn counted(files: usize) -> String {
    match files {
        1 => "1 file".to_owned(),
        n => format!("{n} files"),
    }
}
