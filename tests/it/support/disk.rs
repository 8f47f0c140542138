//! A disk that is easily full.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A file system of its own with room for 256 kB, gone when dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, with the reason printed, where nothing may be mounted.
    pub fn mount(at: &Path) -> Option<Self> {
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
            .arg(at)
            .status();
        if done.is_ok_and(|status| status.success()) {
            return Some(Self(at.to_owned()));
        }
        println!("skipped: it takes root to mount a small disk");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}
