//! The official Jetstream server and its network simulator, on loopback, where their binaries are
//! at hand.

use std::{
    fs::File,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long the server may take to be ready, or to have so many events: a minute in upstream's own
/// tests, and more where eight of them share two cores.
const READY: Duration = Duration::from_secs(180);

/// A small network: a simulator that writes 150 commits a second, and a server that archives them.
pub struct World {
    bin: PathBuf,
    compaction: &'static str,
    flags: &'static [&'static str],
    folder: TempDir,
    simulator: Child,
    server: Child,
    ports: (u16, u16),
    /// A second server of the same network, if one was started, and its port.
    second: Option<(Child, u16)>,
}

impl World {
    /// `None`, with the reason printed, when the binaries are not at hand.
    pub fn start(test: &str) -> Option<Self> {
        Self::with(test, "5s", 5)
    }

    /// The same with more at its beginning, of which the server changes nothing afterwards.
    pub fn frozen(test: &str) -> Option<Self> {
        Self::with(test, "0", 25)
    }

    fn with(test: &str, compaction: &'static str, records: usize) -> Option<Self> {
        let Some(bin) = std::env::var_os("ROCKETMAN_JETSTREAM_BIN").map(PathBuf::from) else {
            println!("{test}: skipped, for ROCKETMAN_JETSTREAM_BIN is not set");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let ports = (free_port(), free_port());
        let simulator = simulator(&bin, folder.path(), ports.0, records);
        wait_for("the simulator", || {
            TcpStream::connect(("127.0.0.1", ports.0)).is_ok()
        });
        let server = server(&bin, folder.path(), ports, ("js", compaction, &[]));
        let world = Self {
            bin,
            compaction,
            flags: &[],
            folder,
            simulator,
            server,
            ports,
            second: None,
        };
        world.wait_until_ready();
        Some(world)
    }

    /// The address to give to the program.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/subscribe", self.ports.1)
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.1)
    }

    /// The same server as a service, which is read over the v2 wire.
    pub fn service(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.1)
    }

    /// kill -9, and a new start with the same data on the same port.
    pub fn kill_server(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
        let data = ("js", self.compaction, self.flags);
        self.server = server(&self.bin, self.folder.path(), self.ports, data);
    }

    /// Starts the server anew with these flags, and waits until it serves.
    pub fn restart_with(&mut self, flags: &'static [&'static str]) {
        self.flags = flags;
        self.kill_server();
        self.wait_until_ready();
    }

    /// Waits until everything up to a number is sealed.
    pub fn wait_until_sealed(&self, seq: u64) {
        wait_for("the archive to grow", || self.sealed_up_to() >= seq);
    }

    /// Waits until there are this many files.
    pub fn wait_for_files(&self, what: &str, files: usize) {
        wait_for(what, || self.sealed().len() >= files);
    }

    /// Waits for something, as long as for the server itself.
    pub fn wait(what: &str, condition: impl FnMut() -> bool) {
        wait_for(what, condition);
    }

    /// Nothing happens any more in the network, and all that happened is sealed. Returns the highest
    /// number.
    pub fn come_to_rest(&mut self) -> u64 {
        self.simulator.kill().unwrap();
        self.simulator.wait().unwrap();
        let mut last = (0, String::new());
        let mut since = Instant::now();
        wait_for("the archive to come to rest", || {
            let list = get(self.archive_port(), SEGMENTS).unwrap_or_default();
            let now = (self.sealed_up_to(), list);
            if now != last {
                (last, since) = (now, Instant::now());
            }
            // Two rounds of compaction that change nothing.
            last.0 > 0 && since.elapsed() > Duration::from_secs(12)
        });
        last.0
    }

    /// What the official client reads from the archive with these flags.
    pub fn official(&self, flags: &str) -> Vec<serde_json::Value> {
        let host = format!("127.0.0.1:{}", self.archive_port());
        self.replayed(&host, flags)
    }

    /// Has the server change nothing of its archive any more, once it has this many files, and heed
    /// these flags.
    pub fn freeze_with(&mut self, files: usize, flags: &'static [&'static str]) {
        wait_for("the files to be sealed", || self.sealed().len() >= files);
        self.compaction = "0";
        self.flags = flags;
        self.kill_server();
        self.wait_until_ready();
    }

    /// Stops the server where it stands, or lets it go on: its sockets stay open, and it says
    /// nothing.
    pub fn signal_server(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.server), signal).unwrap();
    }

    /// Starts a second server of the same network, which counts for itself, and returns its address
    /// once it is ready.
    pub fn start_second(&mut self) -> String {
        let port = free_port();
        let ports = (self.ports.0, port);
        let server = server(
            &self.bin,
            self.folder.path(),
            ports,
            ("js2", self.compaction, self.flags),
        );
        self.second = Some((server, port));
        wait_for("the second server", || get(port, SEGMENTS).is_some());
        format!("ws://127.0.0.1:{port}/subscribe")
    }

    /// The port of the server whose archive is meant: the second, if there is one.
    fn archive_port(&self) -> u16 {
        self.second.as_ref().map_or(self.ports.1, |(_, port)| *port)
    }

    /// The folder of its segment files.
    pub fn segments(&self) -> PathBuf {
        self.folder.path().join("js/segments")
    }

    /// Waits until the server serves.
    pub fn wait_until_ready(&self) {
        wait_for("the server", || get(self.ports.1, SEGMENTS).is_some());
    }

    /// The files that are sealed, as the server lists them.
    pub fn sealed(&self) -> Vec<serde_json::Value> {
        let body = get(self.archive_port(), SEGMENTS).unwrap_or_default();
        let list: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        list["segments"].as_array().cloned().unwrap_or_default()
    }

    /// The highest number in a sealed segment.
    pub fn sealed_up_to(&self) -> u64 {
        let files = self.sealed();
        let last = files.last().and_then(|file| file["maxSeq"].as_u64());
        last.unwrap_or_default()
    }

    /// Everything up to `seq`, once it is sealed, as the official client reads it from the archive.
    pub fn archive_up_to(&self, seq: u64) -> Vec<serde_json::Value> {
        self.wait_until_sealed(seq);
        self.official("")
            .into_iter()
            .filter(|event| event["cursor"].as_u64().is_some_and(|cursor| cursor <= seq))
            .collect()
    }

    /// The archive of a server as the official client reads it, with these flags.
    pub fn replayed(&self, host: &str, flags: &str) -> Vec<serde_json::Value> {
        let output = Command::new(self.bin.join("client"))
            .args(["--host", host, "--after-seq", "0"])
            .args(["--backfill-only", "--print"])
            .args(flags.split_whitespace())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && !said.contains("event error"),
            "{said}"
        );
        let text = String::from_utf8(output.stdout).unwrap();
        let events = text.lines().map(|line| serde_json::from_str(line).unwrap());
        events.collect()
    }
}

/// Where a server lists what it has archived.
const SEGMENTS: &str = "/xrpc/network.bsky.jetstream.listSegments?limit=1000";

/// The body of a 200; `None` for anything else.
fn get(port: u16, target: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    write!(stream, "GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.lines()
        .next()?
        .contains(" 200 ")
        .then(|| body.to_owned())
}

impl Drop for World {
    fn drop(&mut self) {
        let second = self.second.as_mut().map(|(child, _)| child);
        for child in [&mut self.server, &mut self.simulator]
            .into_iter()
            .chain(second)
        {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn simulator(bin: &Path, folder: &Path, port: u16, records: usize) -> Child {
    let mut command = clean(bin.join("simulator"), folder, "simulator.log");
    command.args([
        "--log-format",
        "text",
        "serve",
        "--reset",
        "--seed",
        "42",
        "--accounts",
        "200",
    ]);
    command.args([
        "--initial-records-per-account",
        &records.to_string(),
        "--commits-per-sec",
        "150",
        "--firehose-history",
        "100000",
    ]);
    command.args([
        "--addr",
        &format!("127.0.0.1:{port}"),
        "--public-url",
        &format!("http://127.0.0.1:{port}"),
    ]);
    command
        .arg("--data-dir")
        .arg(folder.join("sim"))
        .spawn()
        .unwrap()
}

fn server(
    bin: &Path,
    folder: &Path,
    (simulator, port): (u16, u16),
    (data, compaction, flags): (&str, &str, &[&str]),
) -> Child {
    let upstream = format!("http://127.0.0.1:{simulator}");
    let mut command = clean(bin.join("jetstream"), folder, &format!("{data}.log"));
    command.args([
        "--log-format",
        "text",
        "serve",
        "--skip-merge-discovery",
        "--compaction-interval",
        compaction,
    ]);
    command.args(flags);
    command.args([
        "--addr",
        &format!("127.0.0.1:{port}"),
        "--relay-url",
        &upstream,
        "--plc-url",
        &upstream,
    ]);
    command
        .arg("--data-dir")
        .arg(folder.join(data))
        .spawn()
        .unwrap()
}

/// Unknown `JETSTREAM_*` variables would make the server exit.
fn clean(program: PathBuf, folder: &Path, log: &str) -> Command {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join(log))
        .unwrap();
    let mut command = Command::new(program);
    command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    command
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + READY;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
