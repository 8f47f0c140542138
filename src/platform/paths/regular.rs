//! Opening what has to be a regular file. Whatever lies there instead, nothing hangs and nothing is
//! written to it.

use std::{
    fs::{File, FileType, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use crate::platform::{FileTypeExt, Links, set_no_wait};

/// Something that is no regular file.
#[derive(Debug, thiserror::Error)]
#[error("'{}' is {what}, and no regular file", path.display())]
struct Irregular {
    path: PathBuf,
    what: &'static str,
}

/// Opens a file, and fails where it is a folder, a device, a named pipe or a socket. A link is
/// followed.
pub(crate) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    open_with(options, path, Links::Followed)
}

/// The same, and fails where it is a link too.
pub(crate) fn open_no_link(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    open_with(options, path, Links::Refused).map_err(|error| {
        let is_link = path
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_symlink());
        if is_link {
            irregular(path, "a link")
        } else {
            error
        }
    })
}

/// Whether an error says that something is no regular file.
pub(crate) fn is_refusal(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<Irregular>)
}

/// Fails where what has this name is of such a type.
pub(crate) fn check(path: &Path, kind: FileType) -> io::Result<()> {
    let what = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "a folder",
        kind if kind.is_symlink() => "a link",
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(irregular(path, what))
}

fn open_with(options: &mut OpenOptions, path: &Path, links: Links) -> io::Result<File> {
    // A named pipe would have us wait for its other end.
    let opened = set_no_wait(options, links).open(path);
    let file = opened.map_err(|error| {
        let found = path.metadata();
        match found.map(|found| check(path, found.file_type())) {
            // A pipe without a reader, or a folder.
            Ok(Err(irregular)) => irregular,
            _ => error,
        }
    })?;
    check(path, file.metadata()?.file_type())?;
    Ok(file)
}

fn irregular(path: &Path, what: &'static str) -> io::Error {
    let path = path.to_owned();
    io::Error::new(io::ErrorKind::InvalidInput, Irregular { path, what })
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use rustix::fs::{CWD, FileType as Kind, Mode, mknodat};

    use super::*;

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let [file, pipe, link] = ["file", "pipe", "link"].map(|name| folder.path().join(name));
        fs::write(&file, "").unwrap();
        mknodat(CWD, &pipe, Kind::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        symlink(&file, &link).unwrap();
        let write = |path: &Path| open(File::options().append(true).create(true), path);
        let read = |path: &Path| open_no_link(File::options().read(true), path);
        assert!(write(&file).is_ok() && read(&file).is_ok() && write(&link).is_ok());
        for (refused, what) in [
            (write(&pipe), "a named pipe"),
            (read(&pipe), "a named pipe"),
            (read(&link), "a link"),
            (write(Path::new("/dev/null")), "a device"),
            (write(folder.path()), "a folder"),
        ] {
            let error = refused.unwrap_err();
            assert!(is_refusal(&error), "{error:?}");
            let end = format!(" is {what}, and no regular file");
            assert!(error.to_string().ends_with(&end), "{error}");
        }
        let missing = read(&folder.path().join("missing")).unwrap_err();
        assert!(!is_refusal(&missing), "{missing:?}");
    }
}
