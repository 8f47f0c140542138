//! Whether two names are one file, also where neither is there yet.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::platform::{FileKey, file_key};

/// As many links one behind the other as the system follows.
const MOST_LINKS: usize = 40;

/// What tells one file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileId {
    /// What the system knows it by.
    There(FileKey),
    /// The name that it would be made under.
    Missing(PathBuf),
}

impl FileId {
    /// `None` where the name is that of something else, such as a device or a pipe, which any
    /// number may write to.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        if let Ok(found) = fs::metadata(path) {
            return found.is_file().then(|| Self::There(file_key(path, &found)));
        }
        let path = lead(path).ok()?;
        let within = folder(&path);
        let within = fs::canonicalize(within).or_else(|_| std::path::absolute(within));
        Some(Self::Missing(within.ok()?.join(path.file_name()?)))
    }
}

/// Where a path leads: links are followed, and the last one may lead to what is missing.
pub(crate) fn lead(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::canonicalize(&path) {
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        match fs::read_link(&path) {
            Ok(target) => path = folder(&path).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links lead to it"))
}

/// The folder that a file lies in.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn one_file_under_two_names_is_known_as_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("b")).unwrap();
        fs::write(path("there"), "").unwrap();
        fs::write(path("other"), "").unwrap();
        fs::hard_link(path("there"), path("hard")).unwrap();
        symlink("there", path("soft")).unwrap();
        symlink("missing", path("dangling")).unwrap();
        symlink("b", path("c")).unwrap();
        for (one, other, is_same) in [
            ("there", "b/../there", true),
            ("there", "hard", true),
            ("there", "soft", true),
            ("there", "other", false),
            ("there", "missing", false),
            ("missing", "b/../missing", true),
            ("missing", "dangling", true),
            ("missing", "b/missing", false),
            ("b/missing", "c/missing", true),
            ("no/folder", "no/folder", true),
        ] {
            let (one_id, other_id) = (FileId::of(&path(one)), FileId::of(&path(other)));
            assert!(one_id.is_some() && other_id.is_some());
            assert_eq!(one_id == other_id, is_same, "{one} and {other}");
        }
        assert_eq!(FileId::of(Path::new("/dev/null")), None);
        assert_eq!(FileId::of(folder.path()), None);
    }
}
