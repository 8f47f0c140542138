//! How much of a file is whole, after a crash that may have torn its end.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
};

use crate::compressed::{FrameFormat, Frames};

/// How much of a file is whole lines, frames or members. That is so up to `from` in any case.
pub(super) fn whole(file: &File, form: FrameFormat, from: u64) -> io::Result<u64> {
    let mut file = file;
    file.seek(SeekFrom::Start(from))?;
    if form == FrameFormat::Plain {
        let mut reader = BufReader::new(file);
        let (mut at, mut whole) = (from, from);
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let n = reader.read(&mut chunk)?;
            if n == 0 {
                return Ok(whole);
            }
            if let Some(end) = memchr::memrchr(b'\n', chunk.get(..n).unwrap_or_default()) {
                whole = at + end as u64 + 1;
            }
            at += n as u64;
        }
    }
    let mut frames = Frames::new(form, BufReader::with_capacity(256 * 1024, file));
    loop {
        match frames.read(&mut |_| {}) {
            Ok(true) => {}
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return Err(error),
            Ok(false) | Err(_) => return Ok(from + frames.whole()),
        }
    }
}
