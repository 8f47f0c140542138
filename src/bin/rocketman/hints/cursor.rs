//! What to do when a cursor cannot be used.

use std::{error::Error, io};

use rocketman::{ErrorKind, MemberError, Reason};

pub(super) fn hint(error: &MemberError) -> Option<String> {
    #[cfg(feature = "nats")]
    if let Some(hint) = error.reason().and_then(super::of_nats) {
        return Some(hint);
    }
    let hint = match error.reason()? {
        Reason::CursorFile => return of_refusal(error).map(str::to_owned),
        Reason::TooManyFiles => "allow fewer files with --max-files, or begin new ones less often",
        Reason::CursorFileDamaged { path } => {
            return Some(format!(
                "to start over, move '{}' away and say where to begin, for example with --since 2h",
                path.display()
            ));
        }
        Reason::CursorFileTaken => {
            "stop that one first, or give each process a --cursor-file of its own"
        }
        Reason::NoBucket { bucket } => {
            return Some(format!(
                "rocketman tail --create-bucket makes it, and so does nats kv add {bucket}"
            ));
        }
        Reason::BucketGone { bucket } => {
            return Some(format!(
                "nats kv add {bucket} makes it anew while this runs, and --create-bucket does so by itself"
            ));
        }
        Reason::CursorKeyTaken => "stop that one first, or give each process a key of its own",
        Reason::CursorKeyDamaged => {
            "to start over, delete the key (nats kv del BUCKET KEY) and say where to begin, for example with --since 2h"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

fn of_refusal(error: &MemberError) -> Option<&'static str> {
    let refusal = error.source()?.downcast_ref::<io::Error>()?;
    match refusal.kind() {
        io::ErrorKind::NotFound => Some("make the folder of --cursor-file, or put it back"),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some("give --cursor-file a place that this user may write to")
        }
        _ if error.kind() == ErrorKind::Usage => {
            Some("move it away, or name another --cursor-file")
        }
        _ => None,
    }
}
