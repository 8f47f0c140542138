//! `rocketman check`: whether recordings can be read to their end, and what is in them.

mod examine;
mod found;
mod repair;
mod report;
mod table;
mod tally;

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use self::{examine::examine, repair::repair, report::Total, tally::Repeats};
use crate::{
    args::CheckArgs,
    failure::Failure,
    settings::{STDERR, STDOUT, refuse_address, refuse_segments},
    terminal::{print, print_json},
};
use rocketman::{ErrorKind, sink::FileSettings};

/// Why recordings are not as they should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckError {
    #[error("cannot look for recordings in '{}'", path.display())]
    Missing {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("'{}' is where stdout or stderr goes, and cannot be checked", .0.display())]
    PrintedTo(PathBuf),
    #[error("there is no recording in '{}'", .0.display())]
    Nothing(PathBuf),
    #[error("{} not whole", which(*bad, *all))]
    Damaged {
        bad: usize,
        all: usize,
        /// Some of them can be repaired.
        any_torn: bool,
    },
}

fn which(bad: usize, all: usize) -> String {
    match (bad, all) {
        (_, 1) => "the file is".to_owned(),
        (1, all) => format!("1 of {all} files is"),
        (bad, all) => format!("{bad} of {all} files are"),
    }
}

impl From<CheckError> for Failure {
    fn from(error: CheckError) -> Self {
        let kind = match error {
            CheckError::Missing { .. } | CheckError::Nothing(_) | CheckError::PrintedTo(_) => {
                ErrorKind::Usage
            }
            CheckError::Damaged { .. } => ErrorKind::Failed,
        };
        let hint = error.hint().map(str::to_owned);
        Self::new(kind, error).hint(hint)
    }
}

impl CheckError {
    /// What to do about it.
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Damaged { any_torn: true, .. } => Some(
                "--repair cuts torn ends off; a run with the cursor file that counts on them does so by itself",
            ),
            Self::PrintedTo(_) => Some("send stdout and stderr to a file of another name"),
            Self::Damaged { .. } | Self::Missing { .. } | Self::Nothing(_) => None,
        }
    }
}

/// Checks all of them, and shows each as soon as it is done.
pub(crate) fn run(args: CheckArgs) -> Result<ExitCode, Failure> {
    let CheckArgs {
        path: paths,
        repair: repairs,
        json,
    } = args;
    for path in &paths {
        refuse_address("PATH", path)?;
        refuse_segments("check", &path.to_string_lossy())?;
    }
    let mut files = Vec::new();
    for path in paths {
        add_files(path, &mut files)?;
    }
    let mut repeats = Repeats::default();
    let mut total = Total::default();
    for path in &files {
        let mut found = examine(path, &mut repeats);
        if repairs {
            repair(path, &mut found);
        }
        total.add(&found);
        if json {
            print_json(&found.json(path))?;
        } else {
            print(found.text(path).as_bytes())?;
        }
    }
    if !json && files.len() > 1 {
        print(total.text().as_bytes())?;
    }
    match total.error() {
        Some(error) => Err(error.into()),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Adds a file, or all that lie in a folder.
fn add_files(path: PathBuf, files: &mut Vec<PathBuf>) -> Result<(), CheckError> {
    // What is printed is no recording, and grows meanwhile.
    let is_printed_to = |path: &Path| {
        [STDOUT, STDERR]
            .iter()
            .any(|stream| FileSettings::is_same_file(path, stream.as_ref()))
    };
    let missing = |path: &Path| {
        let path = path.to_owned();
        |source| CheckError::Missing { path, source }
    };
    let metadata = fs::metadata(&path).map_err(missing(&path))?;
    if is_printed_to(&path) {
        return Err(CheckError::PrintedTo(path));
    }
    if !metadata.is_dir() {
        files.push(path);
        return Ok(());
    }
    let before = files.len();
    let mut folders = vec![path.clone()];
    let mut found = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(missing(&folder))? {
            let entry = entry.map_err(missing(&folder))?;
            let kind = entry.file_type().map_err(missing(&entry.path()))?;
            let name = entry.file_name();
            // A journal is read with the file that it belongs to.
            if name.as_encoded_bytes().starts_with(b".") || is_journal(&name) {
                continue;
            }
            // A link is neither: it could lead back here.
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && !is_printed_to(&entry.path()) {
                found.insert(entry.path());
            }
        }
    }
    files.extend(found);
    if files.len() == before {
        return Err(CheckError::Nothing(path));
    }
    Ok(())
}

/// Whether a file of this name lies beside one that is written in row groups.
fn is_journal(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(b".journal")
}
