//! What to do when a cursor cannot be used.

use std::io;

#[cfg(feature = "nats")]
use rocketman::cursor::KvCursorError;
use rocketman::{
    ErrorKind,
    cursor::{CursorError, CursorFileError},
};

pub(super) fn hint(error: &CursorError) -> Option<String> {
    if let Some(of_file) = error.downcast_ref() {
        return hint_of_file(of_file, error.kind());
    }
    #[cfg(feature = "nats")]
    {
        if let Some(error) = error.downcast_ref() {
            return of_key(error);
        }
        if let Some(error) = error.downcast_ref() {
            return super::of_nats(error);
        }
    }
    None
}

fn hint_of_file(error: &CursorFileError, kind: ErrorKind) -> Option<String> {
    let hint = match error {
        CursorFileError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            "make the folder of --cursor-file, or put it back"
        }
        CursorFileError::Io { source, .. }
            if matches!(
                source.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            "give --cursor-file a place that this user may write to"
        }
        CursorFileError::Io { .. } if kind == ErrorKind::Usage => {
            "move it away, or name another --cursor-file"
        }
        CursorFileError::TooManyFiles { .. } => {
            "allow fewer files with --max-files, or begin new ones less often"
        }
        CursorFileError::Empty(path)
        | CursorFileError::Damaged { path, .. }
        | CursorFileError::TooLarge(path)
        | CursorFileError::Format { path, .. } => {
            return Some(format!(
                "to start over, move '{}' away and say where to begin, for example with --since 2h",
                path.display()
            ));
        }
        CursorFileError::Taken(_) => {
            "stop that one first, or give each process a --cursor-file of its own"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(feature = "nats")]
fn of_key(error: &KvCursorError) -> Option<String> {
    let hint = match error {
        KvCursorError::NoBucket { bucket, .. } => {
            return Some(format!(
                "rocketman tail --create-bucket makes it, and so does nats kv add {bucket}"
            ));
        }
        KvCursorError::BucketGone { bucket, .. } => {
            return Some(format!(
                "nats kv add {bucket} makes it anew while this runs, and --create-bucket does so by itself"
            ));
        }
        KvCursorError::KeyTaken(_) | KvCursorError::Overtaken(_) => {
            "stop that one first, or give each process a key of its own"
        }
        KvCursorError::DamagedKey { .. } => {
            "to start over, delete the key (nats kv del BUCKET KEY) and say where to begin, for example with --since 2h"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}
