//! A file that keeps messages that were no events, to be looked at.
//!
//! A help for finding out, and no part of what is delivered: a write that fails is logged once and
//! costs nothing else.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::Serialize;
use tracing::warn;

use crate::{
    event::{BadEvent, Origin, Point, now_us, show_time},
    log::STATE,
    platform::{Links, set_no_wait},
};

/// At this size the file is put aside as `FILE.1`, in place of the one before, so that both
/// together never hold more than twice as much.
const LARGEST: u64 = 16 * 1024 * 1024;

/// How much of one message is kept.
const KEPT: usize = 64 * 1024;

/// One line of the file.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    class: &'static str,
    why: String,
    host: &'a str,
    /// The place of the last event before it; `null` before the first.
    after: Option<Point>,
    /// How much of the message is kept here.
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// Messages that were no events, one JSON object a line. Bounded in size, and appended to.
#[derive(Debug)]
pub struct BadEventFile {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    /// A device or a pipe is never put aside.
    is_regular: bool,
    bytes: u64,
    is_failing: bool,
}

impl BadEventFile {
    /// Opens the file to append to it, and makes it if it is not there.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let file = append_to(&path)?;
        let metadata = file.metadata()?;
        Ok(Self {
            path,
            state: Mutex::new(State {
                file,
                is_regular: metadata.is_file(),
                bytes: metadata.len(),
                is_failing: false,
            }),
        })
    }

    /// Appends one message, as far as it came and is not too long, with what is known of its place.
    pub fn append(&self, class: BadEvent, message: &[u8], origin: &Origin, after: Option<Point>) {
        let kept = message.get(..KEPT).unwrap_or(message);
        let text = str::from_utf8(kept).ok();
        let line = Line {
            time: show_time(now_us()),
            class: class.as_str(),
            why: class.to_string(),
            host: &origin.host,
            after,
            bytes: kept.len(),
            text,
            base64: text.is_none().then(|| data_encoding::BASE64.encode(kept)),
        };
        let mut line = serde_json::to_vec(&line).expect("plain data is always JSON");
        line.push(b'\n');
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = state.append(&self.path, &line);
        if let (Err(error), false) = (&result, state.is_failing) {
            let file = self.path.display();
            warn!(target: STATE, %file, %error, "cannot write to the file of bad events '{file}': {error}; they are only counted");
        }
        state.is_failing = result.is_err();
    }
}

impl State {
    fn append(&mut self, path: &Path, line: &[u8]) -> io::Result<()> {
        if self.is_regular && self.bytes > 0 && self.bytes + line.len() as u64 > LARGEST {
            let mut aside = path.as_os_str().to_owned();
            aside.push(".1");
            fs::rename(path, aside)?;
            self.file = append_to(path)?;
            self.bytes = 0;
        }
        self.file.write_all(line)?;
        self.bytes += line.len() as u64;
        Ok(())
    }
}

/// Neither opening nor writing waits for who reads a pipe.
fn append_to(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).append(true);
    set_no_wait(&mut options, Links::Followed).open(path)
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn origin() -> Origin {
        Origin {
            source: "jetstream".into(),
            host: "wss://example.com/subscribe".to_owned(),
            instance: None,
        }
    }

    #[test]
    fn each_message_is_one_line_of_json_whatever_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad");
        let file = BadEventFile::open(&path).unwrap();
        file.append(BadEvent::Envelope, b"{\"a\":\n\"\x1b\"}", &origin(), None);
        file.append(BadEvent::NotUtf8, &[0xff, 0, b'\n'], &origin(), None);
        file.append(BadEvent::NotJson, &vec![b'x'; KEPT + 1], &origin(), None);
        drop(file);
        // A second run appends.
        BadEventFile::open(&path)
            .unwrap()
            .append(BadEvent::TooLarge, b"", &origin(), None);
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0]["text"], "{\"a\":\n\"\u{1b}\"}");
        assert_eq!(lines[1]["base64"], "/wAK");
        assert_eq!(lines[2]["bytes"], KEPT);
        assert_eq!(lines[3]["class"], "too_large");
    }

    #[test]
    fn it_never_grows_beyond_its_size_and_is_put_aside_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad");
        let file = BadEventFile::open(&path).unwrap();
        let message = vec![b'x'; KEPT];
        for _ in 0..700 {
            file.append(BadEvent::Envelope, &message, &origin(), None);
        }
        let size = |name: &str| fs::metadata(folder.path().join(name)).unwrap().len();
        assert!(size("bad") <= LARGEST && size("bad.1") <= LARGEST);
        assert!(size("bad.1") > LARGEST - 2 * KEPT as u64);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_pipe_is_neither_waited_for_nor_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert!(BadEventFile::open(&path).is_err(), "nobody reads it");
        let _reader = File::options().read(true).write(true).open(&path).unwrap();
        let file = BadEventFile::open(&path).unwrap();
        for _ in 0..700 {
            file.append(BadEvent::Envelope, &vec![b'x'; KEPT], &origin(), None);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        // As much as goes by on a device leaves it where it is too.
        let name = Path::new("/dev/null");
        let null = BadEventFile::open(name).unwrap();
        let state = null.state.lock().unwrap();
        assert!(!state.is_regular);
    }
}
