//! The program under test, in a clean environment and a folder of its own.

mod apart;
mod process;

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{self, OpenptFlags},
    termios::{Winsize, tcsetwinsize},
};
use tempfile::TempDir;

use super::DEADLINE;

/// A call of `rocketman`, not yet made.
pub struct Rocketman {
    command: Command,
    folder: TempDir,
}

/// What a call left behind.
#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// The lines of stdout.
    pub fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }

    /// Wants this exit code, and each of these pieces of text on stderr.
    #[track_caller]
    pub fn assert_says(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for word in words {
            let said = &self.stderr;
            assert!(said.contains(word), "no {word:?} in {said}");
        }
    }
}

impl Rocketman {
    /// `rocketman` with these arguments. The environment holds nothing but PATH.
    pub fn new<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = program();
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .current_dir(folder.path());
        Self { command, folder }
    }

    /// `rocketman tail SOURCE` with a wait between tries that is no wait.
    pub fn tail(source: &str) -> Self {
        Self::new(["tail", source, "--max-backoff", "1ms"])
    }

    /// `rocketman probe SOURCE…`.
    pub fn probe<A: AsRef<OsStr>>(sources: impl IntoIterator<Item = A>) -> Self {
        let mut call = Self::new(["probe"]);
        call.command.args(sources);
        call
    }

    /// More arguments; blanks separate them.
    pub fn with(mut self, arguments: &str) -> Self {
        self.command.args(arguments.split_whitespace());
        self
    }

    /// One more argument, as it is.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The folder it runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in that folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs in the folder of another call, which has to be kept.
    pub fn inside(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Sends stdout somewhere of the test's own.
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    /// Makes it the head of a process group, as a shell does.
    pub fn own_group(mut self) -> Self {
        self.command.process_group(0);
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Output {
        self.start().finish()
    }

    /// Runs it to its end and wants exit code 0.
    pub fn succeed(self) -> Output {
        let output = self.run();
        assert_eq!(output.code, Some(0), "{output:#?}");
        output
    }

    /// Starts it with pipes.
    pub fn start(mut self) -> Running {
        let child = self
            .command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running::new(child, self.folder)
    }

    /// Starts it with stdout as set by [`Rocketman::stdout`].
    pub fn start_elsewhere(mut self) -> Running {
        let child = self
            .command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running::new(child, self.folder)
    }

    /// Runs it to its end with a file as its stdout and stderr, and returns its exit code.
    pub fn run_into(mut self, file: &File) -> Option<i32> {
        self.command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file.try_clone().unwrap())
            .status()
            .unwrap()
            .code()
    }

    /// Runs it to its end with a terminal as its stderr.
    pub fn run_on_terminal(self) -> Output {
        let (screen, terminal) = Screen::open();
        self.run_on(screen, terminal, Stdio::piped())
    }

    /// Runs it to its end with a terminal as its stdout and stderr; all of it is in the output's stderr.
    pub fn run_all_on_terminal(self) -> Output {
        let (screen, terminal) = Screen::open();
        let stdout = terminal.try_clone().unwrap().into();
        self.run_on(screen, terminal, stdout)
    }

    fn run_on(mut self, screen: Screen, terminal: OwnedFd, stdout: Stdio) -> Output {
        let child = self
            .command
            .env("TERM", "xterm")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(terminal)
            .spawn()
            .unwrap();
        // The command keeps the terminal open, and the screen does not end before it is closed.
        drop(self.command);
        Running::reading(child, screen, self.folder).finish()
    }
}

/// Our side of a terminal of 120 columns.
struct Screen(File);

impl Screen {
    fn open() -> (Self, OwnedFd) {
        let screen = pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        pty::grantpt(&screen).unwrap();
        pty::unlockpt(&screen).unwrap();
        let size = Winsize {
            ws_row: 40,
            ws_col: 120,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&screen, size).unwrap();
        let name = pty::ptsname(&screen, Vec::new()).unwrap();
        let terminal = File::options()
            .read(true)
            .write(true)
            .open(name.to_str().unwrap())
            .unwrap();
        (Self(File::from(screen)), terminal.into())
    }
}

impl Read for Screen {
    /// A terminal that was closed by its last user is an error to read; here it is the end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.0.read(buffer).unwrap_or_default())
    }
}

/// The program, with the signals that a person's shell would give it: where the tests run in the background or under nohup,
/// some are ignored, and what is ignored is inherited.
fn program() -> Command {
    let program = env!("CARGO_BIN_EXE_rocketman");
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = u64::from_str_radix(ignored.unwrap_or("0").trim(), 16).unwrap();
    let asked_for =
        [Signal::HUP, Signal::INT, Signal::TERM].map(|signal| 1 << (signal.as_raw() - 1));
    if asked_for.iter().all(|bit| ignored & bit == 0) {
        return Command::new(program);
    }
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT,TERM", program]);
    command
}

/// A call under way. Dropped, it is killed.
pub struct Running {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    stderr: Option<JoinHandle<String>>,
    messages: mpsc::Receiver<String>,
    folder: TempDir,
}

impl Running {
    fn new(mut child: Child, folder: TempDir) -> Self {
        let stderr = child.stderr.take().unwrap();
        Self::reading(child, stderr, folder)
    }

    fn reading(mut child: Child, stderr: impl Read + Send + 'static, folder: TempDir) -> Self {
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
