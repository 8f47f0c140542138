//! What operating systems do differently, in one place: names of files in bytes, what tells one
//! file from another, opening without a wait, standard output, and programs with all that they
//! start. [`paths`] is what goes by it: whether two names are one file, and what may be opened.
//!
//! The names are those of Unix; what Windows cannot do is said where it stands (docs/limits.md).

pub(crate) mod paths;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use self::unix as system;
#[cfg(windows)]
use self::windows as system;

#[cfg(any(feature = "serve", feature = "segments", feature = "parquet"))]
pub(crate) use self::system::FileExt;
#[cfg(feature = "serve")]
pub(crate) use self::system::unnamed_file;
pub(crate) use self::system::{
    FileKey, FileTypeExt, Group, MetadataExt, OsStrExt, OsStringExt, file_key, is_stop, keep_owner,
    left_in, set_no_wait, set_private, stdout, sync_folder, write_once,
};

/// Whether an opened name may be a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    Followed,
    Refused,
}
