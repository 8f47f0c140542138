//! One run of a program: its CPU time, its wall time, its memory, and when its first byte came.

use std::{
    fs::File,
    io::{Read, copy, sink},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use wait4::{ResUse, Wait4};

use super::{corpus, server::Server};

/// Where a program writes to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// `/dev/null` as stdout.
    Nowhere,
    /// A pipe that is read as fast as it can be.
    Pipe,
    /// A file as stdout.
    Redirected,
    /// A file that it opens.
    File,
    /// A compressed file that it opens.
    Zstd,
    /// A compressed file that the program `zstd` writes, at the same level.
    ThroughZstd,
}

/// What is run: the bare loop, or `tail` with these arguments.
#[derive(Clone, Copy)]
pub enum Program {
    Bare,
    /// The same where lines shall not wait for others.
    BareFlushed,
    Tail(&'static str),
    /// A library user's program whose ingestors do nothing: `one` after the other, with eight
    /// `jobs`, or in `batches`.
    Ingest(&'static str),
}

/// One line of the table.
#[derive(Clone, Copy)]
pub struct Variant {
    pub wire: &'static str,
    pub program: Program,
    pub output: Output,
}

/// What a run cost.
#[derive(Clone, Copy)]
pub struct Measured {
    pub cpu: Duration,
    pub wall: Duration,
    peak_bytes: u64,
    /// Where it writes to stdout.
    first_byte: Option<Duration>,
}

impl Variant {
    pub fn name(&self) -> String {
        let program = match self.program {
            Program::Bare => "bare loop".to_owned(),
            Program::BareFlushed => "bare loop that flushes each line".to_owned(),
            Program::Tail(arguments) => format!("tail {}", arguments.replace("%/", "")),
            Program::Ingest(way) => format!("ingestors that do nothing: {way}"),
        };
        let output = match self.output {
            Output::Nowhere => "",
            Output::Pipe => "| reader",
            Output::Redirected => "> file",
            Output::File => "-o file",
            Output::Zstd => "-o file.zst",
            Output::ThroughZstd => "| zstd -3 > file.zst",
        };
        format!("{} {program} {output}", self.wire)
    }

    /// The program and its arguments, with an end of its own if `ends`. `%` stands for the folder.
    pub fn command(&self, url: &str, n_events: usize, folder: &str, ends: bool) -> Command {
        let mut command;
        match self.program {
            Program::Bare | Program::BareFlushed => {
                let query = if self.wire == "zstd" {
                    "?compress=true"
                } else {
                    ""
                };
                command = Command::new(std::env::current_exe().unwrap());
                let mode = match self.program {
                    Program::Bare => "bare-loop",
                    _ => "bare-loop-flushed",
                };
                command.args([mode, &format!("{url}{query}"), &n_events.to_string()]);
            }
            Program::Ingest(way) => {
                command = Command::new(std::env::current_exe().unwrap());
                command.args(["ingest", url, &n_events.to_string(), way, self.wire]);
            }
            Program::Tail(arguments) => {
                command = Command::new(env!("CARGO_BIN_EXE_rocketman"));
                command.args(["tail", url, "-q"]).env_clear();
                for word in arguments.split_whitespace() {
                    match word {
                        "%collections" => command.args(COLLECTIONS.flat_map(collection)),
                        "%did" => command.arg(first_did()),
                        _ => command.arg(word.replace('%', folder)),
                    };
                }
                if self.wire.ends_with("plain") {
                    command.arg("--no-compress");
                }
                match self.output {
                    Output::File => {
                        command.args(["-o", &format!("{folder}/out")]);
                    }
                    Output::Zstd => {
                        command.args(["-o", &format!("{folder}/out.zst")]);
                    }
                    Output::Nowhere | Output::Pipe | Output::Redirected | Output::ThroughZstd => {}
                }
                if ends {
                    // With a filter a count never comes; the last event's time does.
                    command.args(["--until", &corpus::end_time()]);
                }
            }
        }
        command
    }

    pub fn measure(&self, server: &Server, n_events: usize) -> Measured {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_str().unwrap();
        if self.name().contains("@dids") {
            write_dids(&format!("{folder}/dids"));
        }
        let stdout = match self.output {
            Output::Pipe => Stdio::piped(),
            Output::Redirected => File::create(format!("{folder}/out")).unwrap().into(),
            Output::Nowhere | Output::File | Output::Zstd | Output::ThroughZstd => Stdio::null(),
        };
        let url = if self.wire.starts_with("v2") {
            server.v2_url()
        } else {
            server.url()
        };
        let mut command = self.command(&url, n_events, folder, true);
        if self.output == Output::ThroughZstd {
            command = through_zstd(&command, folder);
        }
        let started = Instant::now();
        let mut child = command.stdout(stdout).spawn().unwrap();
        let reader = read_on(&mut child);
        let used = child.wait4().unwrap();
        let wall = started.elapsed();
        assert!(used.status.success(), "{}: {:?}", self.name(), used.status);
        reader.join().unwrap();
        let has_stdout = !matches!(self.output, Output::File | Output::Zstd)
            && !matches!(self.program, Program::Ingest(_));
        let first_byte = has_stdout.then(|| {
            // It shall not go on where the first run ended.
            std::fs::remove_file(format!("{folder}/cursor")).ok();
            first_byte(&mut self.command(&url, n_events, folder, false))
        });
        Measured {
            cpu: used.rusage.utime + used.rusage.stime,
            wall,
            peak_bytes: used.rusage.maxrss,
            first_byte,
        }
    }
}

/// The hundred collections of the widest filter that servers take; the last three are in the
/// corpus.
const COLLECTIONS: std::ops::Range<usize> = 0..100;

fn collection(n: usize) -> [String; 2] {
    let names = [
        "app.bsky.feed.like",
        "app.bsky.feed.repost",
        "app.bsky.feed.post",
    ];
    let name = match names.get(COLLECTIONS.end - 1 - n) {
        Some(name) => (*name).to_owned(),
        None => format!("com.example.collection.number{n}"),
    };
    ["-c".to_owned(), name]
}

/// The most accounts that servers take.
const N_DIDS: usize = 10_000;

/// Makes the accounts of the first events, in a process of its own, whose memory is not counted.
fn dids() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["dids", &N_DIDS.to_string()]);
    command
}

fn first_did() -> String {
    let output = dids().output().unwrap();
    assert!(output.status.success());
    let dids = String::from_utf8(output.stdout).unwrap();
    dids.lines().next().unwrap().to_owned()
}

fn write_dids(path: &str) {
    let file = File::create(path).unwrap();
    assert!(dids().stdout(file).status().unwrap().success());
}

/// The same, with `zstd` behind it. What the shell waited for is counted with it.
fn through_zstd(command: &Command, folder: &str) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "\"$@\" | zstd -q -3 > \"$0\""])
        .arg(format!("{folder}/out.zst"))
        .arg(command.get_program())
        .args(command.get_args());
    shell
}

/// Reads whatever comes, as fast as it does.
fn read_on(child: &mut Child) -> thread::JoinHandle<()> {
    let stdout = child.stdout.take();
    thread::spawn(move || {
        if let Some(mut stdout) = stdout {
            copy(&mut stdout, &mut sink()).unwrap();
        }
    })
}

fn first_byte(command: &mut Command) -> Duration {
    let started = Instant::now();
    let mut child = command
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

impl Measured {
    /// A run whose first line was not waited for.
    pub fn new(used: &ResUse, wall: Duration) -> Self {
        Self {
            cpu: used.rusage.utime + used.rusage.stime,
            wall,
            peak_bytes: used.rusage.maxrss,
            first_byte: None,
        }
    }

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
        let first_byte = self.first_byte.map_or("-".to_owned(), |first_byte| {
            format!("{:.1} ms", first_byte.as_secs_f64() * 1e3)
        });
        println!(
            "{name:58} {:>9.3} {:>6.2}x {:>8.2} {:>7.2}x {:>9.1} {first_byte:>9}",
            self.cpu.as_secs_f64() * 1e6 / n_events as f64,
            self.cpu.as_secs_f64() / bare.cpu.as_secs_f64(),
            n_events as f64 / self.wall.as_secs_f64() / 1e6,
            bare.wall.as_secs_f64() / self.wall.as_secs_f64(),
            self.peak_bytes as f64 / 1e6,
        );
    }
}
