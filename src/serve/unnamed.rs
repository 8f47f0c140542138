//! A temporary file without a name: it is gone with the process, however that ends.

use std::{env, fs::File, io, process};

use crate::platform::unnamed_file;

/// Makes one, for this user alone.
pub(super) fn file() -> io::Result<File> {
    let name = format!("rocketman-{}-{:x}", process::id(), fastrand::u64(..));
    unnamed_file(&env::temp_dir().join(name))
}
