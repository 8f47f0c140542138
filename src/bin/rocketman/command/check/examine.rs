//! One file, read to its end.

use std::{
    fs::{File, TryLockError},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use super::table;
use super::{
    found::{Form, Found, State, is_unfinished},
    tally::{Lines, Repeats, Tally},
};
use crate::command::recording;
use rocketman::compressed::{FrameFormat, Frames};

/// Reads a file to its end.
pub(super) fn examine(path: &Path, repeats: &mut Repeats) -> Found {
    let mut found = Found {
        form: form(path),
        state: State::Whole,
        why: None,
        is_in_use: false,
        bytes: 0,
        whole_bytes: 0,
        frames: 0,
        tally: Tally::default(),
    };
    let examined = File::open(path).and_then(|file| {
        found.bytes = file.metadata()?.len();
        // Shared, and for no longer than this takes.
        found.is_in_use = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        file.unlock().ok();
        match found.form {
            Form::Lines(FrameFormat::Plain) => plain(&file, &mut found, repeats),
            Form::Lines(form) => compressed(path, &file, form, &mut found, repeats),
            Form::Table => table::examine(path, &file, &mut found, repeats),
        }
    });
    if let Err(error) = examined {
        found.state = State::Unreadable;
        found.why = Some(error.to_string());
    }
    found
}

/// The form of a file, which may be an unfinished one.
fn form(path: &Path) -> Form {
    if table::is_table(path) {
        return Form::Table;
    }
    Form::Lines(recording::form(path))
}

fn plain(file: &File, found: &mut Found, repeats: &mut Repeats) -> io::Result<()> {
    let mut lines = Lines::new(repeats);
    let mut frames = Frames::new(
        FrameFormat::Plain,
        BufReader::with_capacity(256 * 1024, file),
    );
    frames.read(&mut |text| lines.take(text))?;
    let ends_well = lines.finish();
    found.tally = lines.tally;
    found.whole_bytes = lines.good;
    let is_recording = lines.tally.events + lines.tally.messages > 0;
    if lines.bad_within > 0 || (lines.tally.bad_lines > 0 && !is_recording) {
        found.state = State::Damaged;
        found.why = Some(why_damaged(&found.tally));
    } else if lines.tally.bad_lines > 0 {
        found.state = State::Torn;
        let why = if ends_well {
            "its last lines are not events"
        } else {
            "its last line is torn"
        };
        found.why = Some(why.to_owned());
    }
    Ok(())
}

fn compressed(
    path: &Path,
    file: &File,
    form: FrameFormat,
    found: &mut Found,
    repeats: &mut Repeats,
) -> io::Result<()> {
    let mut lines = Lines::new(repeats);
    let mut frames = Frames::new(form, BufReader::with_capacity(256 * 1024, file));
    let broken = loop {
        // What is in a frame counts once all of it was read.
        found.tally = lines.tally;
        match frames.read(&mut |text| lines.take(text)) {
            Ok(true) => found.frames += 1,
            Ok(false) => break None,
            Err(error) if is_of_the_disk(&error) => return Err(error),
            Err(error) => break Some(error),
        }
    };
    found.whole_bytes = frames.whole();
    let Some(broken) = broken else {
        let is_torn = lines.is_within_line() && !lines.finish();
        found.tally = lines.tally;
        if is_torn || found.tally.bad_lines > 0 {
            found.state = State::Damaged;
            found.why = Some(why_damaged(&found.tally));
        } else if found.bytes == 0 && !found.is_in_use && !is_unfinished(path) {
            found.state = State::Torn;
            found.why = Some("it is empty, and no tool can inflate that".to_owned());
        }
        return Ok(());
    };
    if found.frames == 0 || found.tally.bad_lines > 0 || is_followed(file, form, found)? {
        found.state = State::Damaged;
        found.why = Some(format!("it cannot be inflated: {broken}"));
    } else {
        found.state = State::Torn;
        found.why = Some("its last frame is torn".to_owned());
    }
    Ok(())
}

fn why_damaged(tally: &Tally) -> String {
    let why = if tally.events + tally.messages == 0 {
        "none of its lines is an event; tables, and what a template wrote, are no recordings"
    } else {
        "some lines are not events"
    };
    why.to_owned()
}

/// Whether whole frames come after the one that cannot be inflated, so that more than its end is
/// damaged.
fn is_followed(file: &File, form: FrameFormat, found: &Found) -> io::Result<bool> {
    let magic = form.magic();
    let mut at = found.whole_bytes + 1;
    let mut chunk = vec![0; 1024 * 1024];
    loop {
        let mut reader = file;
        reader.seek(SeekFrom::Start(at))?;
        let n = read_full(&mut reader, &mut chunk)?;
        let text = chunk.get(..n).unwrap_or_default();
        for place in memchr::memmem::find_iter(text, magic) {
            reader.seek(SeekFrom::Start(at + place as u64))?;
            let mut frames = Frames::new(form, BufReader::new(reader));
            if matches!(frames.read(&mut |_| {}), Ok(true)) {
                return Ok(true);
            }
        }
        if n < chunk.len() {
            return Ok(false);
        }
        // One may lie across the end of what was read.
        at += (n - magic.len()) as u64;
    }
}

fn read_full(reader: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let mut n = 0;
    let mut reader = BufReader::new(reader);
    while n < out.len() {
        let text = reader.fill_buf()?;
        if text.is_empty() {
            break;
        }
        let part = text.len().min(out.len() - n);
        if let (Some(to), Some(from)) = (out.get_mut(n..n + part), text.get(..part)) {
            to.copy_from_slice(from);
        }
        reader.consume(part);
        n += part;
    }
    Ok(n)
}

/// Whether the disk refused, rather than what is on it made no sense.
fn is_of_the_disk(error: &io::Error) -> bool {
    error.raw_os_error().is_some() || error.kind() == io::ErrorKind::Unsupported
}
