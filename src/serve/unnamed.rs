//! A temporary file without a name: it is gone with the process, however that ends.

use std::{
    env,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    process,
};

/// Makes one, for this user alone.
pub(super) fn file() -> io::Result<File> {
    let name = format!("rocketman-{}-{:x}", process::id(), fastrand::u64(..));
    let path = env::temp_dir().join(name);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}
