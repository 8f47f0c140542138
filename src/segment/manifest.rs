//! What a folder of segment files is a copy of: the archive, the filter, and each file with its
//! checksum.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    error::{Damage, Fault, SegmentError},
    file::SegmentFile,
    header::Opening,
    names::MANIFEST,
};
use crate::{
    log::printable,
    platform::{paths::regular, sync_folder},
};

/// The largest that is read: ten thousand accounts and a million files have some 100 MB.
const MAX_BYTES: u64 = 128 * 1024 * 1024;

/// The version that is written, and read.
const VERSION: u32 = 1;

/// What a folder holds of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    version: u32,
    /// The address of the service.
    pub(crate) origin: String,
    pub(crate) filter: Copied,
    /// All with a higher number, as far as the filter goes,
    pub(crate) after_seq: u64,
    /// and up to this one.
    pub(crate) tip: u64,
    /// By names, which rise with the numbers.
    pub(crate) files: Vec<CopiedFile>,
}

/// The filter of a copy; empty lists stand for everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Copied {
    pub(crate) kinds: Vec<String>,
    pub(crate) collections: Vec<String>,
    pub(crate) dids: Vec<String>,
}

/// A file of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CopiedFile {
    pub(crate) name: String,
    /// As its header has it, in 16 hexadecimal digits.
    pub(crate) checksum: String,
    pub(crate) bytes: u64,
    /// The checksums that it has or is about to have since records were taken out of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) pruned: Vec<String>,
}

impl CopiedFile {
    /// Whether the file may have this checksum.
    fn may_have(&self, checksum: &str) -> bool {
        self.checksum == checksum || self.pruned.iter().any(|pruned| pruned == checksum)
    }
}

/// Why a folder is not the copy that it is meant to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestError {
    #[error("'{}' cannot be read", shown(.0))]
    Io(PathBuf, #[source] io::Error),
    #[error("'{}' is no manifest of an archive", shown(.0))]
    Foreign(PathBuf, #[source] serde_json::Error),
    #[error(
        "'{}' is of version {version}, and only version {VERSION} is known",
        shown(path)
    )]
    Version { path: PathBuf, version: u32 },
    #[error("'{}' is missing, which the manifest names", shown(.0))]
    Missing(PathBuf),
    #[error(
        "'{}' has the checksum {found}, and the manifest says {expected}",
        shown(path)
    )]
    Other {
        path: PathBuf,
        found: String,
        expected: String,
    },
    #[error("'{}' is not in the manifest", shown(.0))]
    Unknown(PathBuf),
    #[error(transparent)]
    File(#[from] SegmentError),
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

impl Copied {
    /// Whether all that another filter keeps is kept.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let has = |ours: &[String], theirs: &[String], is_in: fn(&str, &str) -> bool| {
            let is_covered = |one: &String| ours.iter().any(|pattern| is_in(one, pattern));
            ours.is_empty() || (!theirs.is_empty() && theirs.iter().all(is_covered))
        };
        let equal: fn(&str, &str) -> bool = |one, other| one == other;
        has(&self.kinds, &other.kinds, equal)
            && has(&self.dids, &other.dids, equal)
            && has(&self.collections, &other.collections, is_below)
    }
}

/// Whether a collection, or all of a prefix, is among those of a pattern.
fn is_below(one: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => one.starts_with(prefix),
        None => one == pattern,
    }
}

impl Manifest {
    /// Of nothing yet.
    pub(crate) fn new(origin: String, filter: Copied, after_seq: u64) -> Self {
        Self {
            version: VERSION,
            origin,
            filter,
            after_seq,
            tip: after_seq,
            files: Vec::new(),
        }
    }

    /// That of a folder; `None` where there is none.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, ManifestError> {
        let path = folder.join(MANIFEST);
        let file = match regular::open(File::options().read(true), &path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ManifestError::Io(path, error)),
        };
        let mut text = Vec::new();
        let read = file.take(MAX_BYTES).read_to_end(&mut text);
        read.map_err(|error| ManifestError::Io(path.clone(), error))?;
        let manifest: Self = serde_json::from_slice(&text)
            .map_err(|error| ManifestError::Foreign(path.clone(), error))?;
        match manifest.version {
            VERSION => Ok(Some(manifest)),
            version => Err(ManifestError::Version { path, version }),
        }
    }

    /// Replaces that of a folder: at any moment it is the old one or the new one.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        let draft = folder.join(format!("{MANIFEST}.new"));
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        // One that was left behind.
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::create_new(&draft)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&draft, folder.join(MANIFEST))?;
        sync_folder(folder)
    }

    /// Puts a file in, or another generation in its place.
    pub(crate) fn put(&mut self, file: CopiedFile) {
        match self.files.binary_search_by(|one| one.name.cmp(&file.name)) {
            Ok(at) => {
                if let Some(one) = self.files.get_mut(at) {
                    *one = file;
                }
            }
            Err(at) => self.files.insert(at, file),
        }
    }

    /// The checksum of a file.
    pub(crate) fn checksum(&self, name: &str) -> Option<&str> {
        let file = self.files.iter().find(|file| file.name == name)?;
        Some(&file.checksum)
    }

    /// Notes that a file is about to have another checksum, or keeps the one that it has. Returns
    /// whether the manifest names it.
    pub(crate) fn prune(&mut self, name: &str, has: &str, becomes: String) -> bool {
        let file = self.files.iter_mut().find(|file| file.name == name);
        file.is_some_and(|file| {
            file.pruned.retain(|pruned| pruned == has);
            file.pruned.push(becomes);
            true
        })
    }

    /// Whether these files of a folder are those that it names, by their headers.
    pub(crate) fn check(&self, folder: &Path, files: &[PathBuf]) -> Result<(), ManifestError> {
        let mut expected: HashMap<PathBuf, &CopiedFile> = self
            .files
            .iter()
            .map(|file| (folder.join(&file.name), file))
            .collect();
        for path in files {
            let Some(file) = expected.remove(path) else {
                return Err(ManifestError::Unknown(path.clone()));
            };
            let opened = SegmentFile::open(path)?;
            let Opening::Sealed(header) = opened.opening() else {
                return Err(opened.error(None, Fault::from(Damage::Header)).into());
            };
            let found = format!("{:016x}", header.checksum);
            if !file.may_have(&found) {
                let expected = file.checksum.clone();
                let path = path.clone();
                return Err(ManifestError::Other {
                    path,
                    found,
                    expected,
                });
            }
        }
        match expected.into_keys().min() {
            Some(missing) => Err(ManifestError::Missing(missing)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(kinds: &[&str], collections: &[&str], dids: &[&str]) -> Copied {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        Copied {
            kinds: owned(kinds),
            collections: owned(collections),
            dids: owned(dids),
        }
    }

    #[test]
    fn a_copy_covers_what_is_narrower_and_nothing_else() {
        let all = Copied::default();
        let posts = filter(&["commit"], &["app.bsky.feed.*"], &[]);
        assert!(all.covers(&posts) && all.covers(&all) && !posts.covers(&all));
        assert!(posts.covers(&filter(&["commit"], &["app.bsky.feed.post"], &["did:x:y"])));
        assert!(posts.covers(&filter(&["commit"], &["app.bsky.feed.a.*"], &[])));
        for wider in [
            filter(&["commit", "identity"], &["app.bsky.feed.post"], &[]),
            filter(&["commit"], &["app.bsky.*"], &[]),
            filter(&["commit"], &["app.bsky.feed.post", "a.b.c"], &[]),
            filter(&[], &["app.bsky.feed.post"], &[]),
        ] {
            assert!(!posts.covers(&wider), "{wider:?}");
        }
    }

    #[test]
    fn a_manifest_comes_back_and_files_are_replaced_in_order() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), None);
        let mut manifest = Manifest::new("https://a".to_owned(), Copied::default(), 7);
        for (name, checksum) in [("b", "1"), ("a", "2"), ("b", "3")] {
            let (name, checksum) = (name.to_owned(), checksum.to_owned());
            manifest.put(CopiedFile {
                name,
                checksum,
                bytes: 1,
                pruned: Vec::new(),
            });
        }
        assert_eq!(manifest.files.len(), 2);
        assert_eq!(manifest.checksum("b"), Some("3"));
        manifest.write(folder.path()).unwrap();
        manifest.write(folder.path()).unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), Some(manifest));
        fs::write(folder.path().join(MANIFEST), "{}").unwrap();
        let error = Manifest::read(folder.path()).unwrap_err();
        assert!(matches!(error, ManifestError::Foreign(..)), "{error}");
    }
}
