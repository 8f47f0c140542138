//! `rocketman inspect`: what segment files hold, whether they are whole, and what is missing
//! between them.

mod json;
mod table;

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use self::table::Total;
use crate::{
    args::InspectArgs,
    failure::Failure,
    settings::{of_segments, refuse_address},
    terminal::{print, print_json},
};
use rocketman::{
    ErrorKind,
    segment::{self, FileRange, InspectSettings, Seam, SegmentError},
};

/// Why segment files are not as they should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InspectError {
    #[error("cannot look for segment files in '{}'", path.display())]
    Missing {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("there is no segment file in '{}'", .0.display())]
    Nothing(PathBuf),
    #[error("{} damaged", which(*bad, *all))]
    Damaged {
        bad: usize,
        all: usize,
        /// One of them has a block beyond the limit.
        any_too_large: bool,
    },
    #[error("the numbers of files do not follow their names")]
    Misplaced,
}

fn which(bad: usize, all: usize) -> String {
    match (bad, all) {
        (_, 1) => "the file is".to_owned(),
        (1, all) => format!("1 of {all} files is"),
        (bad, all) => format!("{bad} of {all} files are"),
    }
}

impl From<InspectError> for Failure {
    fn from(error: InspectError) -> Self {
        let kind = match error {
            InspectError::Missing { .. } | InspectError::Nothing(_) => ErrorKind::Usage,
            InspectError::Damaged { .. } | InspectError::Misplaced => ErrorKind::Failed,
        };
        let hint = match error {
            InspectError::Damaged {
                any_too_large: true,
                ..
            } => Some("allow larger blocks with --max-block-size".to_owned()),
            _ => None,
        };
        Self::new(kind, error).hint(hint)
    }
}

/// Looks into all of them, and shows each as soon as that is done.
pub(crate) fn run(args: &InspectArgs) -> Result<ExitCode, Failure> {
    let files = find(&args.path)?;
    let mut settings = InspectSettings::default();
    settings.verify = args.verify;
    settings.max_block_bytes = args.max_block_size;
    let mut total = Total::default();
    let mut ranges = Vec::new();
    let (mut bad, mut any_too_large) = (0, false);
    for path in &files {
        let found = segment::inspect(path, &settings);
        bad += usize::from(found.is_err());
        any_too_large |= found.as_ref().is_err_and(SegmentError::is_too_large);
        let text = match (&found, args.json) {
            (Ok(found), true) => json::file(found),
            (Ok(found), false) => table::file(found),
            (Err(error), true) => json::damaged(error),
            (Err(error), false) => damaged(error),
        };
        show(&text, args.json)?;
        if let Ok(found) = found {
            total.add(&found);
            ranges.push(found.range());
        }
    }
    let is_misplaced = print_seams(&mut ranges, args.json)?;
    if !args.json {
        print(total.text(files.len()).as_bytes())?;
    }
    if bad > 0 {
        let all = files.len();
        return Err(InspectError::Damaged {
            bad,
            all,
            any_too_large,
        }
        .into());
    }
    if is_misplaced {
        return Err(InspectError::Misplaced.into());
    }
    Ok(ExitCode::SUCCESS)
}

fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        refuse_address("PATH", path)?;
        let found = segment::files(path).map_err(|source| {
            let path = path.clone();
            InspectError::Missing { path, source }
        })?;
        if found.is_empty() {
            return Err(InspectError::Nothing(path.clone()).into());
        }
        files.extend(found);
    }
    of_segments(&files)?;
    Ok(files)
}

/// Shows what is wrong between files, and returns whether any are not in order.
fn print_seams(ranges: &mut [FileRange], json: bool) -> Result<bool, Failure> {
    let mut is_misplaced = false;
    for seam in segment::seams(ranges) {
        is_misplaced |= matches!(seam, Seam::Misplaced { .. });
        let text = if json {
            json::seam(&seam)
        } else {
            table::seam(&seam)
        };
        show(&text, json)?;
    }
    Ok(is_misplaced)
}

fn show(text: &str, json: bool) -> Result<ExitCode, Failure> {
    if json {
        print_json(text)
    } else {
        print(text.as_bytes())
    }
}

/// One line for a file that cannot be read; the error names it.
fn damaged(error: &SegmentError) -> String {
    format!("{}\n", rocketman::Shown::error(error))
}

/// A path, safe for a screen.
fn shown(path: &Path) -> String {
    rocketman::Shown::text(&path.to_string_lossy()).to_string()
}
