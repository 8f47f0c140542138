//! One run of a program: its CPU time, its wall time, its memory, and when its first byte came.

use std::{
    fs::File,
    io::Read,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use wait4::Wait4;

use super::server::Server;

/// A program and its arguments.
pub struct Program {
    command: Command,
    /// A second run that is ended after its first byte.
    first_byte: Command,
    /// Removed afterwards.
    folder: Option<tempfile::TempDir>,
}

/// What a run cost.
#[derive(Clone, Copy)]
pub struct Measured {
    cpu: Duration,
    wall: Duration,
    peak_bytes: u64,
    first_byte: Duration,
}

impl Program {
    /// The bare loop: this very program with another argument.
    pub fn bare(server: &Server, wire: &str, n_events: usize) -> Self {
        let command = || {
            let mut command = Command::new(std::env::current_exe().unwrap());
            let query = if wire == "zstd" { "?compress=true" } else { "" };
            command.args([
                "bare-loop",
                &format!("{}{query}", server.url()),
                &n_events.to_string(),
            ]);
            command
        };
        Self {
            command: command(),
            first_byte: command(),
            folder: None,
        }
    }

    /// `rocketman tail`, until the events are all there.
    pub fn rocketman(server: &Server, wire: &str, arguments: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let command = |name: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_rocketman"));
            command.args(["tail", &server.url(), "-q"]).env_clear();
            if wire == "plain" {
                command.arg("--no-compress");
            }
            command.args(arguments.split_whitespace());
            if arguments == "--cursor-file" {
                command.arg(folder.path().join(name));
            }
            command
        };
        // With a filter the count never comes; the last event's time does.
        let mut whole = command("whole");
        whole.args(["--until", &super::corpus::end_time()]);
        Self {
            command: whole,
            first_byte: command("first"),
            folder: Some(folder),
        }
    }

    pub fn measure(mut self) -> Measured {
        let started = Instant::now();
        let mut child = self
            .command
            .stdout(File::create("/dev/null").unwrap())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let used = child.wait4().unwrap();
        let wall = started.elapsed();
        assert!(
            used.status.success(),
            "the measured program failed: {:?}",
            used.status
        );
        let first_byte = self.first_byte();
        drop(self.folder);
        Measured {
            cpu: used.rusage.utime + used.rusage.stime,
            wall,
            peak_bytes: used.rusage.maxrss,
            first_byte,
        }
    }

    fn first_byte(&mut self) -> Duration {
        let started = Instant::now();
        let mut child = self
            .first_byte
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let elapsed = started.elapsed();
        child.kill().unwrap();
        child.wait().unwrap();
        elapsed
    }
}

impl Measured {
    /// The median of each figure by itself.
    pub fn median(all: &[Self]) -> Self {
        fn middle<T: Ord + Copy>(all: &[Measured], figure: impl Fn(&Measured) -> T) -> T {
            let mut figures: Vec<T> = all.iter().map(figure).collect();
            figures.sort_unstable();
            figures[figures.len() / 2]
        }
        Self {
            cpu: middle(all, |one| one.cpu),
            wall: middle(all, |one| one.wall),
            peak_bytes: middle(all, |one| one.peak_bytes),
            first_byte: middle(all, |one| one.first_byte),
        }
    }

    pub fn print(&self, name: &str, bare: &Self, n_events: usize) {
        println!(
            "{name:40} {:>9.3} {:>6.2}x {:>8.2} {:>7.2}x {:>9.1} {:>6.1} ms",
            self.cpu.as_secs_f64() * 1e6 / n_events as f64,
            self.cpu.as_secs_f64() / bare.cpu.as_secs_f64(),
            n_events as f64 / self.wall.as_secs_f64() / 1e6,
            bare.wall.as_secs_f64() / self.wall.as_secs_f64(),
            self.peak_bytes as f64 / 1e6,
            self.first_byte.as_secs_f64() * 1e3,
        );
    }
}
