//! Cutting a torn end off.

use std::{
    fs::{File, TryLockError},
    io::{self, Write},
    path::Path,
};

use super::found::{Form, Found, State};
use rocketman::compressed::FrameFormat;

/// Cuts a torn file to what is whole of it, or to a frame of nothing, durably. What a running
/// process has is left alone.
pub(super) fn repair(path: &Path, found: &mut Found) {
    if found.state != State::Torn {
        return;
    }
    let Form::Lines(form) = found.form else {
        let why = "and a run with the cursor file that counts on it mends it";
        found.why = found.why.take().map(|torn| format!("{torn}, {why}"));
        return;
    };
    match cut(path, form, found) {
        Ok(()) => found.state = State::Repaired,
        Err(error) => found.why = Some(format!("it is torn, and cannot be cut: {error}")),
    }
}

fn cut(path: &Path, form: FrameFormat, found: &Found) -> io::Result<()> {
    let file = File::options().read(true).write(true).open(path)?;
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Err(io::Error::other("a running process writes to it"));
    }
    if file.metadata()?.len() != found.bytes {
        return Err(io::Error::other("it has changed meanwhile"));
    }
    file.set_len(found.whole_bytes)?;
    if found.whole_bytes == 0 {
        (&file).write_all(form.empty())?;
    }
    file.sync_all()
}
