//! Opening, owning and knowing files.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::Path,
};

use rustix::fs::OFlags;
use tracing::warn;

use crate::{log::STATE, platform::Links};

/// What tells a file from all others, whatever its names: its device and its inode.
pub(crate) type FileKey = (u64, u64);

/// The key of what was found under this name.
pub(crate) fn file_key(_path: &Path, found: &Metadata) -> FileKey {
    (found.dev(), found.ino())
}

/// Has what is made be for this user alone.
pub(crate) fn set_private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// Has nothing wait for the other end of a named pipe.
pub(crate) fn set_no_wait(options: &mut OpenOptions, links: Links) -> &mut OpenOptions {
    let no_links = match links {
        Links::Followed => OFlags::empty(),
        Links::Refused => OFlags::NOFOLLOW,
    };
    options.custom_flags((OFlags::NONBLOCK | no_links).bits().cast_signed())
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// One write, of as much as it takes.
pub(crate) fn write_once(file: &File, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::io::write(file, bytes)?)
}

/// A file whose name is gone already.
#[cfg(feature = "serve")]
pub(crate) fn unnamed_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    let file = set_private(&mut options).open(path)?;
    fs::remove_file(path)?;
    Ok(file)
}

/// Gives a file the owner and the mode of another. Only root may give a file away; then the group
/// alone is kept, if it is one of ours.
pub(crate) fn keep_owner(file: &File, old: &Metadata, path: &Path) -> io::Result<()> {
    let new = file.metadata()?;
    let mut mode = old.mode() & 0o7777;
    let (owner, group) = (Some(old.uid()), Some(old.gid()));
    let is_kept = (new.uid(), new.gid()) == (old.uid(), old.gid());
    if !is_kept && fchown(file, owner, group).is_err() {
        if new.gid() != old.gid() && fchown(file, None, group).is_err() {
            // Another group may do what all may.
            mode = mode & !0o070 | (mode & 0o007) << 3;
        }
        let (file, user) = (path.display(), new.uid());
        warn!(target: STATE, %file, "cursor file '{file}' belongs to user {user} from now on, and no longer to user {} and group {}: only root may leave it to them", old.uid(), old.gid());
    }
    if file.metadata()?.mode() & 0o7777 == mode {
        return Ok(());
    }
    file.set_permissions(fs::Permissions::from_mode(mode))
}
