//! What Unix does.

mod files;
mod programs;
pub(crate) mod stdout;

#[cfg(any(feature = "serve", feature = "segments", feature = "parquet"))]
pub(crate) use std::os::unix::fs::FileExt;
pub(crate) use std::os::unix::{
    ffi::{OsStrExt, OsStringExt},
    fs::{FileTypeExt, MetadataExt},
};

#[cfg(feature = "serve")]
pub(crate) use self::files::unnamed_file;
pub(crate) use self::{
    files::{FileKey, file_key, keep_owner, set_no_wait, set_private, sync_folder, write_once},
    programs::{Group, is_stop, left_in},
};
