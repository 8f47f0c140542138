//! The program under test, in a clean environment and a folder of its own.

mod apart;
mod process;
mod running;
mod screen;

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::Signal;
use tempfile::TempDir;

pub use self::running::Running;
use self::screen::Screen;

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
            .stdin(Stdio::null())
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

    /// Has it log each try to connect, also those that are not worth a warning.
    pub fn logging_each_try(self) -> Self {
        self.env("RUST_LOG", "warn,rocketman::state=debug")
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

    /// Has it read stdin from a file.
    pub fn stdin(mut self, file: File) -> Self {
        self.command.stdin(file);
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
        let (screen, terminal) = Screen::open(120);
        self.run_on(screen, terminal, Stdio::piped())
    }

    /// Runs it to its end with a terminal as its stdout and stderr; all of it is in the output's
    /// stderr.
    pub fn run_all_on_terminal(self) -> Output {
        self.run_all_on_terminal_of(120)
    }

    /// The same in a terminal of this many columns.
    pub fn run_all_on_terminal_of(self, columns: u16) -> Output {
        let (screen, terminal) = Screen::open(columns);
        let stdout = terminal.try_clone().unwrap().into();
        self.run_on(screen, terminal, stdout)
    }

    fn run_on(mut self, screen: Screen, terminal: OwnedFd, stdout: Stdio) -> Output {
        if !self.command.get_envs().any(|(name, _)| name == "TERM") {
            self.command.env("TERM", "xterm");
        }
        let child = self
            .command
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

/// The program, with the signals that a person's shell would give it: where the tests run in the
/// background or under nohup, some are ignored, and what is ignored is inherited.
fn program() -> Command {
    let other = std::env::var_os("ROCKETMAN_PROGRAM");
    let program = other.unwrap_or_else(|| env!("CARGO_BIN_EXE_rocketman").into());
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = u64::from_str_radix(ignored.unwrap_or("0").trim(), 16).unwrap();
    let asked_for =
        [Signal::HUP, Signal::INT, Signal::TERM].map(|signal| 1 << (signal.as_raw() - 1));
    if asked_for.iter().all(|bit| ignored & bit == 0) {
        return Command::new(program);
    }
    let mut command = Command::new(super::path_of("env"));
    command.arg("--default-signal=HUP,INT,TERM").arg(program);
    command
}
