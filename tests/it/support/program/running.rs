//! A call under way: what it prints, what it says, and its end.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, ExitStatus},
    sync::mpsc,
    thread::{self, JoinHandle},
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
    stderr: Option<JoinHandle<String>>,
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
        let stderr = BufReader::new(stderr);
        let stderr = thread::spawn(move || {
            let mut all = String::new();
            for line in stderr.lines().map_while(Result::ok) {
                all.push_str(&line);
                all.push('\n');
                tell.send(line).ok();
            }
            all
        });
        Self {
            stdout: child.stdout.take().map(BufReader::new),
            child,
            stderr: Some(stderr),
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

    /// The next line of stdout. A program that prints nothing is killed after the deadline.
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
            stderr: self.stderr.take().unwrap().join().unwrap(),
        }
    }

    fn rest(&mut self) -> Vec<u8> {
        let pid = self.pid();
        let (done, is_done) = mpsc::channel::<()>();
        let guard = thread::spawn(move || {
            if is_done.recv_timeout(3 * DEADLINE) == Err(mpsc::RecvTimeoutError::Timeout) {
                kill_process(pid, Signal::KILL).ok();
            }
        });
        let mut stdout = Vec::new();
        if let Some(reader) = &mut self.stdout {
            reader.read_to_end(&mut stdout).unwrap();
        }
        drop(done);
        guard.join().unwrap();
        stdout
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + 3 * DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > deadline {
                self.child.kill().unwrap();
                let stderr = self.stderr.take().unwrap().join().unwrap();
                panic!("the program did not end; it said\n{stderr}");
            }
            thread::sleep(Duration::from_millis(2));
        }
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
