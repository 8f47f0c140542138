//! The lines of a recording, whatever it is compressed with.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use super::CommandError;
use rocketman::compressed::{FrameFormat, Frames};

/// A longer line is no event: twice what servers may send.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

const BUFFER_BYTES: usize = 256 * 1024;

/// Gives `take` each line that is not empty, with its number, from 1 on.
pub(super) fn each_line(
    path: &Path,
    take: &mut impl FnMut(u64, &[u8]) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let unreadable = |source| CommandError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let recording: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(unreadable)?)
    };
    let recording = BufReader::with_capacity(BUFFER_BYTES, recording);
    let mut frames = Frames::new(FrameFormat::of(path), recording);
    let mut lines = Lines {
        begun: Vec::new(),
        number: 0,
    };
    loop {
        let mut given = Ok(());
        let read = frames.read(&mut |text| {
            if given.is_ok() {
                given = lines.give(text, take);
            }
        });
        given?;
        if lines.begun.len() > MAX_LINE_BYTES {
            return Err(unreadable(io::Error::other("a line that is too long")));
        }
        if !read.map_err(unreadable)? {
            return lines.finish(take);
        }
    }
}

struct Lines {
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
    number: u64,
}

impl Lines {
    fn give(
        &mut self,
        text: &[u8],
        take: &mut impl FnMut(u64, &[u8]) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        for part in text.split_inclusive(|byte| *byte == b'\n') {
            let Some(end) = part.strip_suffix(b"\n") else {
                // No longer than this, so that what is no text of lines does not fill memory.
                let room = (MAX_LINE_BYTES + 1).saturating_sub(self.begun.len());
                self.begun.extend(part.iter().take(room));
                continue;
            };
            if self.begun.is_empty() {
                self.line(end, take)?;
            } else {
                let mut begun = std::mem::take(&mut self.begun);
                begun.extend_from_slice(end);
                self.line(&begun, take)?;
                begun.clear();
                self.begun = begun;
            }
        }
        Ok(())
    }

    fn line(
        &mut self,
        line: &[u8],
        take: &mut impl FnMut(u64, &[u8]) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        self.number += 1;
        let line = line.trim_ascii();
        if line.is_empty() {
            Ok(())
        } else {
            take(self.number, line)
        }
    }

    fn finish(
        mut self,
        take: &mut impl FnMut(u64, &[u8]) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let last = std::mem::take(&mut self.begun);
        self.line(&last, take)
    }
}
