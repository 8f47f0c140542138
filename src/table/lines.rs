//! Taking records out of a recording of lines: all other lines stay byte for byte what they are.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Seek, SeekFrom, Write},
    mem,
};

use super::{Pruned, RecordVersion};
use crate::{
    compressed::{Encoder, FrameFormat, Frames},
    event::Batch,
};

/// How much text is compressed at once, as a frame or a member.
const FRAME_BYTES: usize = 4 * 1024 * 1024;

/// The longest line of a recording.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// Counts the records of a recording that are removed. Where there are any, and a draft, what the
/// recording is without them is written there, durably, and compressed as it is; renaming that to
/// the recording is left to the caller.
///
/// Lines that are no events stay, and are counted apart. A torn end is an error of the kind
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof). Blocks on the disk.
pub fn prune_lines(
    file: &File,
    form: FrameFormat,
    draft: Option<&File>,
    mut is_removed: impl FnMut(&RecordVersion<'_>) -> bool,
) -> io::Result<(Pruned, u64)> {
    let mut found = Reading::default();
    each_line(file, form, |line| {
        found.is_kept(line, &mut is_removed);
        Ok(())
    })?;
    let Some(draft) = draft.filter(|_| found.pruned.removed > 0) else {
        return Ok((found.pruned, found.bad));
    };
    let mut out = Writer::new(draft, form)?;
    found = Reading::default();
    each_line(file, form, |line| {
        if found.is_kept(line, &mut is_removed) {
            out.push(line)?;
        }
        Ok(())
    })?;
    out.finish()?;
    draft.sync_all()?;
    Ok((found.pruned, found.bad))
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    pruned: Pruned,
    bad: u64,
    batch: Batch,
}

impl Reading {
    /// Whether a line stays, which has its line end if it has one.
    fn is_kept(
        &mut self,
        line: &[u8],
        is_removed: &mut impl FnMut(&RecordVersion<'_>) -> bool,
    ) -> bool {
        let line = line.trim_ascii();
        if line.is_empty() {
            return true;
        }
        self.batch.clear();
        if self.batch.push(line).is_err() {
            self.bad += 1;
            return true;
        }
        self.pruned.events += 1;
        let mut events = self.batch.events();
        let version = events.next().and_then(|event| RecordVersion::of(&event));
        let is_removed = version.is_some_and(|version| is_removed(&version));
        self.pruned.removed += u64::from(is_removed);
        !is_removed
    }
}

/// Gives away each line with its line end.
fn each_line(
    mut file: &File,
    form: FrameFormat,
    mut give: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let mut frames = Frames::new(form, BufReader::with_capacity(256 * 1024, file));
    let mut rest = Vec::new();
    let mut given = Ok(());
    loop {
        let is_more = frames.read(&mut |text| {
            if given.is_ok() {
                given = split(text, &mut rest, &mut give);
            }
        })?;
        mem::replace(&mut given, Ok(()))?;
        if !is_more {
            break;
        }
    }
    if rest.is_empty() {
        return Ok(());
    }
    give(&rest)
}

/// Gives away the lines that end here; `rest` is the beginning of one.
fn split(
    text: &[u8],
    rest: &mut Vec<u8>,
    give: &mut impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let is_whole = line.ends_with(b"\n");
        if is_whole && rest.is_empty() {
            give(line)?;
            continue;
        }
        if rest.len() + line.len() > MAX_LINE_BYTES {
            let text = format!("a line is longer than {MAX_LINE_BYTES} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        rest.extend_from_slice(line);
        if is_whole {
            give(rest)?;
            rest.clear();
        }
    }
    Ok(())
}

/// Writes lines, frame by frame.
struct Writer<'a> {
    out: BufWriter<&'a File>,
    encoder: Encoder,
    text: Vec<u8>,
    /// Something was written, so that the file can be inflated.
    has_frame: bool,
}

impl<'a> Writer<'a> {
    fn new(draft: &'a File, form: FrameFormat) -> io::Result<Self> {
        Ok(Self {
            out: BufWriter::new(draft),
            encoder: Encoder::new(form, None)?,
            text: Vec::with_capacity(FRAME_BYTES),
            has_frame: false,
        })
    }

    fn push(&mut self, line: &[u8]) -> io::Result<()> {
        self.text.extend_from_slice(line);
        if self.text.len() >= FRAME_BYTES {
            self.end_frame()?;
        }
        Ok(())
    }

    fn end_frame(&mut self) -> io::Result<()> {
        self.out.write_all(self.encoder.encode(&self.text)?)?;
        self.text.clear();
        self.has_frame = true;
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        if !self.text.is_empty() {
            self.end_frame()?;
        }
        if !self.has_frame {
            self.out.write_all(self.encoder.form().empty())?;
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(n: u32) -> String {
        format!(
            "{{\"did\":\"did:x:a\",\"time_us\":{n},\"kind\":\"commit\",\"commit\":{{\"rev\":\"3\",\"operation\":\"create\",\"collection\":\"a.b.c\",\"rkey\":\"{n}\",\"record\":{{}},\"cid\":\"x\"}}}}"
        )
    }

    fn pruned(text: &str, gone: &str) -> (String, Pruned, u64) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let draft = tempfile::tempfile().unwrap();
        let is_removed = |version: &RecordVersion<'_>| version.rkey == gone;
        let (pruned, bad) =
            prune_lines(&file, FrameFormat::Plain, Some(&draft), is_removed).unwrap();
        let mut kept = Vec::new();
        each_line(&draft, FrameFormat::Plain, |line| {
            kept.extend_from_slice(line);
            Ok(())
        })
        .unwrap();
        (String::from_utf8(kept).unwrap(), pruned, bad)
    }

    #[test]
    fn all_other_lines_stay_byte_for_byte() {
        let (one, two) = (post(1), post(2));
        let text = format!("{one}\r\n\n{{\"no\":\"event\"}}\n  {two} \n{one}");
        let (kept, pruned, bad) = pruned(&text, "2");
        assert_eq!(kept, format!("{one}\r\n\n{{\"no\":\"event\"}}\n{one}"));
        assert_eq!((pruned.events, pruned.removed, bad), (3, 1, 1));
        let (kept, pruned, _) = self::pruned(&text, "3");
        assert_eq!((kept.as_str(), pruned.removed), ("", 0));
    }
}
