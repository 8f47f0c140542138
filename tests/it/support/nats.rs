//! A real NATS server on loopback, with a store of its own, where one is at hand.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use async_nats::jetstream::{
    consumer::{AckPolicy, pull},
    stream,
};
use futures_util::StreamExt;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;
use tokio::time::timeout;

use super::{DEADLINE, wait_until};

/// The server. Dropped, it is killed.
pub struct Nats {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    child: Child,
}

impl Nats {
    /// A server with JetStream, open to everybody. `None`, with the reason printed, when no server
    /// is at hand.
    pub fn start(test: &str) -> Option<Self> {
        Self::configured(test, "jetstream {}")
    }

    /// A server with this in its configuration; the folder of the store is added.
    pub fn configured(test: &str, configuration: &str) -> Option<Self> {
        let program = find(test)?;
        let folder = tempfile::tempdir().unwrap();
        configure(folder.path(), configuration);
        let child = run(&program, folder.path(), -1);
        let mut nats = Self {
            program,
            folder,
            port: 0,
            child,
        };
        nats.port = nats.port_of_file();
        Some(nats)
    }

    /// `nats://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Whether it is of this version or a newer one.
    pub fn is_at_least(&self, major: i64, minor: i64) -> bool {
        block_on(async {
            let client = async_nats::connect(self.url()).await.unwrap();
            client.is_server_compatible(major, minor, 0)
        })
    }

    /// The port it serves on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of a stream, or of a bucket and a key.
    pub fn address(&self, path: &str) -> String {
        format!("{}/{path}", self.url())
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, with the same store on the same port, and waits until it serves.
    pub fn restart(&mut self) {
        self.child = run(&self.program, self.folder.path(), i32::from(self.port));
        assert_eq!(self.port_of_file(), self.port);
    }

    /// Puts this into its configuration, which counts from the next start on.
    pub fn configure(&self, configuration: &str) {
        configure(self.folder.path(), configuration);
    }

    /// Has it take over another configuration while it runs. What it says of that is in its log.
    pub fn reload(&self, configuration: &str) {
        let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let reloads = || log().matches("Reloaded server configuration").count();
        let before = reloads();
        configure(self.folder.path(), configuration);
        kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
        wait_until("the configuration to be taken over", || reloads() > before);
    }

    /// Stops it as a machine that hangs: connections stay open, and nothing is answered.
    pub fn freeze(&self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::STOP).unwrap();
        // The signal alone leaves it time for an answer.
        waitpid(Some(pid), WaitOptions::UNTRACED).unwrap();
    }

    /// Has it go on.
    pub fn thaw(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    /// Runs something against the server with a client that is not ours.
    pub fn with<T, F: Future<Output = T>>(
        &self,
        work: impl FnOnce(async_nats::jetstream::Context) -> F,
    ) -> T {
        block_on(async {
            let client = async_nats::connect(self.url()).await.unwrap();
            work(async_nats::jetstream::new(client)).await
        })
    }

    /// Stores a message of any bytes in a stream, as no client would: `headers` is all that stands
    /// before the payload.
    pub fn publish_raw(&self, subject: &[u8], headers: &[u8], payload: &[u8]) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let command = match headers {
            [] => format!(" _INBOX.raw {}\r\n", payload.len()),
            headers => {
                let all = headers.len() + payload.len();
                format!(" _INBOX.raw {} {all}\r\n", headers.len())
            }
        };
        let verb: &[u8] = if headers.is_empty() {
            b"PUB "
        } else {
            b"HPUB "
        };
        let connect = b"CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB _INBOX.raw 1\r\n";
        let message = [verb, subject, command.as_bytes(), headers, payload, b"\r\n"].concat();
        stream.write_all(connect).unwrap();
        stream.write_all(&message).unwrap();
        let mut answers = BufReader::new(stream).lines();
        let stored = answers.any(|line| line.unwrap().contains("\"seq\":"));
        assert!(stored, "the message was not stored");
    }

    /// How many consumers a stream has.
    pub fn consumers(&self, stream: &str) -> usize {
        self.with(async |jetstream| {
            let stream = jetstream.get_stream(stream).await.unwrap();
            stream.cached_info().state.consumer_count
        })
    }

    /// Makes a stream with these subjects.
    pub fn add_stream(&self, config: stream::Config) {
        self.with(async |jetstream| drop(jetstream.create_stream(config).await.unwrap()));
    }

    pub fn delete_stream(&self, name: &str) {
        self.with(async |jetstream| {
            let deleted = jetstream.delete_stream(name).await.unwrap();
            assert!(deleted.success);
        });
    }

    /// The number of the last message of a stream; 0 when there is no such stream.
    pub fn last_seq(&self, stream: &str) -> u64 {
        self.with(async |jetstream| {
            let stream = jetstream.get_stream(stream).await;
            stream.map_or(0, |stream| stream.cached_info().state.last_sequence)
        })
    }

    /// Everything in a stream, in its order, as any client reads it.
    pub fn messages(&self, stream: &str) -> Vec<Message> {
        self.read(stream, Message::new)
    }

    /// What is made of each message of a stream, in its order.
    pub fn read<T>(
        &self,
        stream: &str,
        make: impl Fn(&async_nats::jetstream::Message) -> T,
    ) -> Vec<T> {
        self.with(async |jetstream| {
            let stream = jetstream.get_stream(stream).await.unwrap();
            let count = usize::try_from(stream.cached_info().state.messages).unwrap();
            let config = pull::Config {
                ack_policy: AckPolicy::None,
                ..pull::Config::default()
            };
            let consumer = stream.create_consumer(config).await.unwrap();
            let mut messages = Vec::with_capacity(count);
            let mut reader = consumer.messages().await.unwrap();
            while messages.len() < count {
                let next = timeout(DEADLINE, reader.next()).await.unwrap();
                messages.push(make(&next.unwrap().unwrap()));
            }
            messages
        })
    }

    /// The port that the server tells once it serves.
    fn port_of_file(&self) -> u16 {
        let file = format!("nats-server_{}.ports", self.child.id());
        let path = self.folder.path().join(file);
        let mut port = None;
        wait_until("the NATS server to serve", || {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let ports: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            let url = ports["nats"][0].as_str().unwrap_or_default();
            port = url.rsplit(':').next().and_then(|port| port.parse().ok());
            port.is_some()
        });
        port.unwrap()
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            println!("the NATS server said\n{log}");
        }
    }
}

/// A message of a stream.
#[derive(Debug, Clone)]
pub struct Message {
    pub seq: u64,
    pub subject: String,
    pub headers: BTreeMap<String, String>,
    pub payload: String,
}

impl Message {
    fn new(message: &async_nats::jetstream::Message) -> Self {
        let headers = message.headers.iter().flat_map(|headers| headers.iter());
        Self {
            seq: message.info().unwrap().stream_sequence,
            subject: message.subject.to_string(),
            headers: headers
                .map(|(name, values)| (name.to_string(), values[0].to_string()))
                .collect(),
            payload: String::from_utf8(message.payload.to_vec()).unwrap(),
        }
    }
}

/// Runs a future to its end on a runtime of its own.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    block_on_within(3 * DEADLINE, work)
}

/// Runs a future that may take this long.
pub fn block_on_within<T>(limit: Duration, work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = runtime
        .unwrap()
        .block_on(async { timeout(limit, work).await });
    done.expect("it ends in time")
}

/// Writes the configuration of a server whose store is in this folder.
fn configure(folder: &Path, configuration: &str) {
    let store = folder.join("store");
    let store = format!("jetstream {{ store_dir: \"{}\", ", store.display());
    let configuration = configuration.replace("jetstream {", &store);
    fs::write(folder.join("nats.conf"), configuration).unwrap();
}

/// `$NATS_SERVER`, then PATH, then where `.ci/run` puts one. `None`, with the reason printed, when
/// no server is at hand.
pub(super) fn find(test: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join(".nats/bin");
    let folders = env::split_paths(&path).chain([ours]);
    let mut programs = folders.map(|folder| folder.join("nats-server"));
    let named = env::var_os("NATS_SERVER").map(PathBuf::from);
    let found = named.or_else(|| programs.find(|program| program.is_file()));
    if found.is_none() {
        let reason = "no nats-server: neither NATS_SERVER nor PATH nor .nats/bin has one";
        assert!(env::var_os("ROCKETMAN_REQUIRE_NATS").is_none(), "{reason}");
        println!("{test}: skipped, for there is {reason}");
    }
    found
}

fn run(program: &Path, folder: &Path, port: i32) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    Command::new(program)
        .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-c"])
        .arg(folder.join("nats.conf"))
        .arg("--ports_file_dir")
        .arg(folder)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}
