//! The recordings and segment files among what was named.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use rocketman::segment::{is_manifest, is_segment};

/// What recordings end in, before what says that they are compressed or unfinished.
const RECORDINGS: [&str; 3] = ["json", "jsonl", "ndjson"];

/// Why they cannot be found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilesError {
    #[error("cannot look for recordings in '{}'", path.display())]
    Missing {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("there is no recording in '{}'", .0.display())]
    Nothing(PathBuf),
}

/// Files by what they are, each kind in the order of their names.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) recordings: BTreeSet<PathBuf>,
    /// Files of Parquet.
    pub(crate) tables: BTreeSet<PathBuf>,
    pub(crate) segments: Vec<PathBuf>,
    pub(crate) skipped: Vec<PathBuf>,
}

/// Looks at all that was named, and into folders. What is named itself is read, whatever it is
/// called.
pub(crate) fn find(paths: Vec<PathBuf>) -> Result<Found, FilesError> {
    let mut found = Found::default();
    for path in paths {
        if path == Path::new("-") {
            found.recordings.insert(path);
            continue;
        }
        let metadata = fs::metadata(&path).map_err(missing(&path))?;
        if metadata.is_dir() {
            let before = found.len();
            found.look_into(&path)?;
            if found.len() == before {
                return Err(FilesError::Nothing(path));
            }
        } else if is_segment(&path) {
            found.segments.push(path);
        } else if is_table(&path) {
            found.tables.insert(path);
        } else {
            found.recordings.insert(path);
        }
    }
    found.segments.sort();
    Ok(found)
}

impl Found {
    /// How many files there are to be read.
    pub(crate) fn len(&self) -> usize {
        self.recordings.len() + self.tables.len() + self.segments.len()
    }

    fn look_into(&mut self, folder: &Path) -> Result<(), FilesError> {
        for entry in fs::read_dir(folder).map_err(missing(folder))? {
            let entry = entry.map_err(missing(folder))?;
            let kind = entry.file_type().map_err(missing(&entry.path()))?;
            let path = entry.path();
            // A link is neither: it could lead back here.
            if kind.is_dir() {
                self.look_into(&path)?;
            } else if !kind.is_file()
                || is_manifest(&path)
                || entry.file_name().as_encoded_bytes().starts_with(b".")
            {
            } else if is_segment(&path) {
                self.segments.push(path);
            } else if is_table(&path) {
                self.tables.insert(path);
            } else if is_recording(&path) {
                self.recordings.insert(path);
            } else {
                self.skipped.push(path);
            }
        }
        Ok(())
    }
}

/// A complete one: what is unfinished has the rest of it in its journal.
fn is_table(path: &Path) -> bool {
    path.extension().is_some_and(|suffix| suffix == "parquet")
}

fn is_recording(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".partial").unwrap_or(&name);
    let packed = [".zst", ".gz"];
    let name = packed
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name);
    name.rsplit_once('.')
        .is_some_and(|(_, suffix)| RECORDINGS.contains(&suffix))
}

fn missing(path: &Path) -> impl FnOnce(io::Error) -> FilesError {
    let path = path.to_owned();
    |source| FilesError::Missing { path, source }
}
