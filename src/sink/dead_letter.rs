//! A file for events that could not be delivered, each with what went wrong, so that nothing is
//! lost and the stream goes on.
//!
//! A letter is on the disk before its event counts as accepted. What is to become of the letters is
//! their reader's business.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use serde_json::value::RawValue;

use super::OutputError;
use crate::{
    error::MemberError,
    event::{now_us, show_time},
    platform::{paths::regular, sync_folder},
};

/// An event that could not be delivered, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeadLetter<'a> {
    /// The event's line.
    pub event: &'a [u8],
    /// What went wrong the last time.
    pub error: &'a str,
    /// The exit status of a program that ended by itself.
    pub status: Option<i32>,
    /// The end of what a program wrote to stderr.
    pub stderr: Option<&'a str>,
    /// How often it was tried.
    pub tries: u32,
}

/// One line of the file.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<i32>,
    tries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr: Option<&'a str>,
    /// An event that is JSON, as the object that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a RawValue>,
    /// An event that is not valid JSON, or that would tear the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_text: Option<String>,
}

impl DeadLetter<'_> {
    /// The letter as one line of JSON, with its end.
    fn line(&self) -> Vec<u8> {
        let is_one_line = memchr::memchr2(b'\n', b'\r', self.event).is_none();
        let event = serde_json::from_slice::<&RawValue>(self.event)
            .ok()
            .filter(|_| is_one_line);
        let line = Line {
            time: show_time(now_us()),
            error: self.error,
            status: self.status,
            tries: self.tries,
            stderr: self.stderr,
            event,
            event_text: event
                .is_none()
                .then(|| String::from_utf8_lossy(self.event).into_owned()),
        };
        let mut line = serde_json::to_vec(&line).expect("plain data is always JSON");
        line.push(b'\n');
        line
    }
}

/// Dead letters, one JSON object a line: `time`, `error`, `status`, `tries`, `stderr` and the
/// `event` itself. Appended to.
///
/// A clone appends to the same file.
#[derive(Debug, Clone)]
pub struct DeadLetterFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    file: File,
    /// Letters that are written.
    written: Mutex<u64>,
    /// Letters that are on the disk. Held while that is being done, so that those who wait for it
    /// share the outcome.
    durable: Mutex<u64>,
}

impl DeadLetterFile {
    /// Opens the file to append to it, or makes it; its folder has to exist.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, MemberError> {
        let path = path.into();
        match open(&path) {
            Ok(file) => Ok(Self(Arc::new(Inner {
                path,
                file,
                written: Mutex::default(),
                durable: Mutex::default(),
            }))),
            Err(source) => Err(failed(&path, "open", source)),
        }
    }

    /// The file, as it was given.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Appends a letter, and returns once it is on the disk. Several that come at the same time
    /// share one wait for the disk.
    ///
    /// Cancel safety: once begun, it comes to its end also when nobody waits for it.
    pub(crate) async fn append(&self, letter: DeadLetter<'_>) -> Result<(), MemberError> {
        let line = letter.line();
        let inner = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || inner.append(&line)).await;
        done.unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|source| failed(&self.0.path, "write to", source))
    }
}

impl Inner {
    fn append(&self, line: &[u8]) -> io::Result<()> {
        let mine = {
            let mut written = locked(&self.written);
            (&self.file).write_all(line)?;
            *written += 1;
            *written
        };
        let mut durable = locked(&self.durable);
        if *durable < mine {
            let written = *locked(&self.written);
            self.file.sync_data()?;
            *durable = written;
        }
        Ok(())
    }
}

fn locked(count: &Mutex<u64>) -> MutexGuard<'_, u64> {
    count.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let mut file = regular::open(options.create(true).read(true).append(true), path)?;
    if file.metadata()?.len() == 0 {
        // Its name has to be on the disk too.
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        sync_folder(folder.unwrap_or(Path::new(".")))?;
        return Ok(file);
    }
    // A last line that was torn by a crash must not spoil the next one.
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

fn failed(path: &Path, action: &'static str, source: io::Error) -> MemberError {
    OutputError {
        action,
        target: format!("dead-letter file '{}'", path.display()),
        source,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures_util::future::join_all;

    use super::*;

    const EVENT: &[u8] = br#"{"did":"did:plc:a","time_us":1,"kind":"identity"}"#;

    fn letter(event: &[u8]) -> DeadLetter<'_> {
        DeadLetter {
            event,
            error: "exit status: 3",
            status: Some(3),
            stderr: Some("no \"room\"\nleft"),
            tries: 2,
        }
    }

    fn lines(path: &Path) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[tokio::test]
    async fn a_letter_is_one_line_with_the_event_and_what_went_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead");
        let file = DeadLetterFile::open(&path).unwrap();
        file.append(letter(EVENT)).await.unwrap();
        let bare = DeadLetter {
            status: None,
            stderr: None,
            ..letter(EVENT)
        };
        file.append(bare).await.unwrap();
        let lines = lines(&path);
        assert_eq!(lines[0]["event"]["did"], "did:plc:a");
        assert_eq!(lines[0]["error"], "exit status: 3");
        assert_eq!(
            (&lines[0]["status"], &lines[0]["tries"]),
            (&3.into(), &2.into())
        );
        assert_eq!(lines[0]["stderr"], "no \"room\"\nleft");
        assert_eq!(
            (lines[1].get("status"), lines[1].get("stderr")),
            (None, None)
        );
        let text = fs::read(&path).unwrap();
        assert!(memchr::memmem::find(&text, EVENT).is_some(), "as it came");
    }

    #[tokio::test]
    async fn an_event_that_would_break_the_line_is_kept_as_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead");
        let file = DeadLetterFile::open(&path).unwrap();
        for event in [&b"{\"a\":\n1}"[..], b"{\"a\":}", b"\xff{}"] {
            file.append(letter(event)).await.unwrap();
        }
        let lines = lines(&path);
        let texts: Vec<_> = lines.iter().map(|line| &line["event_text"]).collect();
        assert_eq!(texts, ["{\"a\":\n1}", "{\"a\":}", "\u{fffd}{}"]);
        assert_eq!(lines[0].get("event"), None);
    }

    #[tokio::test]
    async fn a_line_that_a_crash_tore_does_not_spoil_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead");
        fs::write(&path, "{}\n{\"to").unwrap();
        let file = DeadLetterFile::open(&path).unwrap();
        file.append(letter(EVENT)).await.unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("{}\n{\"to\n{\"time\":"), "{text}");
    }

    #[tokio::test]
    async fn many_at_once_come_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead");
        let file = DeadLetterFile::open(&path).unwrap();
        let all = join_all((0..100).map(|_| file.append(letter(EVENT)))).await;
        assert!(all.into_iter().all(|result| result.is_ok()));
        assert_eq!(lines(&path).len(), 100);
        assert_eq!(*locked(&file.0.durable), 100);
    }

    #[test]
    fn what_is_no_file_is_refused_by_name() {
        for path in ["/dev/null", "/no/such/folder/dead", "/"] {
            let error = DeadLetterFile::open(path).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("cannot open dead-letter file '{path}'")
            );
        }
    }
}
