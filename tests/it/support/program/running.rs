//! A call under way: what it prints, what it says, and its end.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, ExitStatus},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::Output;
use crate::support::DEADLINE;

/// A call under way. Dropped, it is killed.
pub struct Running {
    pub(super) child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    /// All of stderr, once it ends.
    stderr: mpsc::Receiver<String>,
    messages: mpsc::Receiver<String>,
    folder: TempDir,
}

impl Running {
    pub(super) fn new(mut child: Child, folder: TempDir) -> Self {
        let stderr = child.stderr.take().unwrap();
        Self::reading(child, stderr, folder)
    }

    pub(super) fn reading(
        mut child: Child,
        stderr: impl Read + Send + 'static,
        folder: TempDir,
    ) -> Self {
        let (tell, messages) = mpsc::channel();
        let lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let stderr = apart(move || {
            let mut all = String::new();
            for line in lines {
                all.push_str(&line);
                all.push('\n');
                tell.send(line).ok();
            }
            all
        });
        Self {
            stdout: child.stdout.take().map(BufReader::new),
            child,
            stderr,
            messages,
            folder,
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of stdout. A program that prints none within the deadline has failed.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let pid = self.pid();
        let (done, is_done) = mpsc::channel::<()>();
        let guard = thread::spawn(move || {
            if is_done.recv_timeout(DEADLINE) == Err(mpsc::RecvTimeoutError::Timeout) {
                kill_process(pid, Signal::KILL).ok();
            }
        });
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        drop(done);
        guard.join().unwrap();
        if line.is_empty() {
            self.child.kill().unwrap();
            panic!("there is no next line; it said\n{}", self.said());
        }
        line.truncate(line.trim_end().len());
        line
    }

    /// The next `n` lines of stdout.
    pub fn lines(&mut self, n: usize) -> Vec<String> {
        (0..n).map(|_| self.line()).collect()
    }

    /// Waits for a line of stderr that contains `text`.
    pub fn message(&self, text: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        let mut seen = Vec::new();
        loop {
            match self
                .messages
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => seen.push(line),
                Err(mpsc::RecvTimeoutError::Timeout | mpsc::RecvTimeoutError::Disconnected) => {
                    panic!("no message with {text:?}, only {seen:#?}")
                }
            }
        }
    }

    /// Closes our end of its stdout.
    pub fn close_stdout(&mut self) {
        self.stdout = None;
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// kill -9, and what it had printed until then; that may end within a character.
    pub fn kill(mut self) -> String {
        self.signal(Signal::KILL);
        String::from_utf8_lossy(&self.rest()).into_owned()
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Output {
        let stdout = String::from_utf8(self.rest()).unwrap();
        let status = self.wait();
        Output {
            code: status.code(),
            stdout,
            stderr: self.said(),
        }
    }

    /// What it still prints until nobody has its stdout any more: it, or a process that it left.
    fn rest(&mut self) -> Vec<u8> {
        let Some(mut reader) = self.stdout.take() else {
            return Vec::new();
        };
        let rest = apart(move || {
            let mut stdout = Vec::new();
            reader.read_to_end(&mut stdout).unwrap();
            stdout
        });
        rest.recv_timeout(3 * DEADLINE).unwrap_or_else(|_| {
            self.child.kill().unwrap();
            panic!("its stdout did not end; it said\n{}", self.said())
        })
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + 3 * DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > deadline {
                self.child.kill().unwrap();
                panic!("the program did not end; it said\n{}", self.said());
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// All of stderr, or what of it nobody has asked for where it does not end.
    fn said(&self) -> String {
        let said = self.stderr.recv_timeout(DEADLINE);
        said.unwrap_or_else(|_| {
            let lines: Vec<_> = self.messages.try_iter().collect();
            format!("{}\nand its stderr did not end", lines.join("\n"))
        })
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Does some work on a thread of its own, so that who waits for it may stop waiting.
fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> mpsc::Receiver<T> {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || done.send(work()).ok());
    is_done
}
