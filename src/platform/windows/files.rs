//! Opening and knowing files.
//!
//! The index of a file and the number of its names are not to be had without unsafe code: a file is
//! known by the time at which it was made. Who owns it is left to its folder, which hands it down.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, FileType, Metadata, OpenOptions},
    io::{self, Write},
    os::windows::fs::{MetadataExt as _, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::platform::Links;

/// `FILE_FLAG_OPEN_REPARSE_POINT`
const OPEN_REPARSE_POINT: u32 = 0x0020_0000;

/// `FILE_FLAG_DELETE_ON_CLOSE`
#[cfg(feature = "serve")]
const DELETE_ON_CLOSE: u32 = 0x0400_0000;

/// See the one of Unix.
pub(crate) trait MetadataExt {
    fn dev(&self) -> u64;
    fn ino(&self) -> u64;
    fn nlink(&self) -> u64;
}

impl MetadataExt for Metadata {
    fn dev(&self) -> u64 {
        0
    }

    fn ino(&self) -> u64 {
        self.creation_time()
    }

    fn nlink(&self) -> u64 {
        1
    }
}

/// See the one of Unix: there is none of these kinds here.
pub(crate) trait FileTypeExt {
    fn is_fifo(&self) -> bool {
        false
    }
    fn is_socket(&self) -> bool {
        false
    }
}

impl FileTypeExt for FileType {}

/// See the one of Unix: a name is read as text where it is put together anew.
pub(crate) trait OsStrExt {
    fn from_bytes(bytes: &[u8]) -> &Self;
    fn as_bytes(&self) -> &[u8];
}

impl OsStrExt for OsStr {
    fn from_bytes(bytes: &[u8]) -> &Self {
        Self::new(str::from_utf8(bytes).unwrap_or("\u{fffd}"))
    }

    fn as_bytes(&self) -> &[u8] {
        self.as_encoded_bytes()
    }
}

/// See the one of Unix.
pub(crate) trait OsStringExt {
    fn from_vec(bytes: Vec<u8>) -> Self;
}

impl OsStringExt for OsString {
    fn from_vec(bytes: Vec<u8>) -> Self {
        String::from_utf8_lossy(&bytes).into_owned().into()
    }
}

/// See the one of Unix.
#[cfg(any(feature = "serve", feature = "segments", feature = "parquet"))]
pub(crate) trait FileExt {
    fn read_exact_at(&self, out: &mut [u8], at: u64) -> io::Result<()>;
    #[cfg(feature = "serve")]
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
}

#[cfg(any(feature = "serve", feature = "segments", feature = "parquet"))]
impl FileExt for File {
    fn read_exact_at(&self, mut out: &mut [u8], mut at: u64) -> io::Result<()> {
        while !out.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(self, out, at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    out = out.get_mut(n..).unwrap_or_default();
                    at += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    #[cfg(feature = "serve")]
    fn write_all_at(&self, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match std::os::windows::fs::FileExt::seek_write(self, bytes, at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    bytes = bytes.get(n..).unwrap_or_default();
                    at += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What tells a file from all others, whatever its names but hard links.
pub(crate) type FileKey = PathBuf;

/// The key of what was found under this name.
pub(crate) fn file_key(path: &Path, _found: &Metadata) -> FileKey {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Files of a user's folders are for that user.
pub(crate) fn set_private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// No file has another end here. A link is opened itself, and is then no regular file.
pub(crate) fn set_no_wait(options: &mut OpenOptions, links: Links) -> &mut OpenOptions {
    options.custom_flags(match links {
        Links::Followed => 0,
        Links::Refused => OPEN_REPARSE_POINT,
    })
}

/// Names are durable once the journal of the file system says so.
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// One write, of as much as it takes.
pub(crate) fn write_once(mut file: &File, bytes: &[u8]) -> io::Result<usize> {
    file.write(bytes)
}

/// A file that is gone with its last handle.
#[cfg(feature = "serve")]
pub(crate) fn unnamed_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    options.custom_flags(DELETE_ON_CLOSE).open(path)
}

/// What is made in a folder belongs to whom the folder says.
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
pub(crate) fn keep_owner(_file: &File, _old: &Metadata, _path: &Path) -> io::Result<()> {
    Ok(())
}
