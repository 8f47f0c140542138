//! What a message of a NATS stream costs: the whole program beside a bare pull consumer, from the
//! same server in the same run.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use async_nats::jetstream::{
    self,
    consumer::{AckPolicy, DeliverPolicy, pull},
    stream,
};
use futures_util::StreamExt;
use wait4::Wait4;

use super::{corpus, from_env, load, measure::Measured};

/// The bare consumer: batches of 1,000, without acknowledgements, payload and newline through a
/// buffer of 256 KiB.
pub fn bare(url: &str, n_messages: usize) {
    use std::io::Write;
    block_on(async {
        let client = async_nats::connect(url).await.unwrap();
        let stream = jetstream::new(client).get_stream("S").await.unwrap();
        let config = pull::Config {
            ack_policy: AckPolicy::None,
            deliver_policy: DeliverPolicy::All,
            memory_storage: true,
            ..pull::Config::default()
        };
        let consumer = stream.create_consumer(config).await.unwrap();
        let messages = consumer.stream().max_messages_per_batch(1000);
        let mut messages = messages.messages().await.unwrap().take(n_messages);
        let mut out = std::io::BufWriter::with_capacity(256 * 1024, std::io::stdout());
        while let Some(message) = messages.next().await {
            out.write_all(&message.unwrap().payload).unwrap();
            out.write_all(b"\n").unwrap();
        }
        out.flush().unwrap();
    });
}

/// Makes the stream and fills it.
pub fn fill(url: &str, n_messages: usize) {
    block_on(async {
        let client = async_nats::connect(url).await.unwrap();
        let jetstream = jetstream::new(client);
        let config = stream::Config {
            name: "S".to_owned(),
            ..stream::Config::default()
        };
        jetstream.create_stream(config).await.unwrap();
        let mut last = None;
        for line in corpus::lines(n_messages) {
            last = Some(jetstream.publish("S", line.into()).await.unwrap());
        }
        last.unwrap().await.unwrap();
    });
}

/// Prints the table.
pub fn compare() {
    let n_messages = from_env("ROCKETMAN_BENCH_EVENTS", 300_000);
    let n_rounds = from_env("ROCKETMAN_BENCH_ROUNDS", 5);
    let server = Server::start();
    server.fill(n_messages);
    println!(
        "{n_messages} messages; medians of {n_rounds} rounds; load {}\n",
        load()
    );
    let rows = [
        ("nats bare pull consumer", None),
        ("nats tail", Some("")),
        (
            "nats tail --cursor-file cursor",
            Some("--cursor-file %/cursor"),
        ),
        ("nats tail --envelope always", Some("--envelope always")),
    ];
    let mut measured = rows.map(|_| Vec::new());
    for round in 0..n_rounds {
        for n in 0..rows.len() {
            let n = if round % 2 == 1 {
                rows.len() - 1 - n
            } else {
                n
            };
            measured[n].push(server.measure(rows[n].1, n_messages));
        }
    }
    let bare = Measured::median(&measured[0]);
    for ((name, _), measured) in rows.iter().zip(&measured) {
        Measured::median(measured).print(name, &bare, n_messages);
    }
    println!("\nload {}", load());
}

/// A server with a stream of its own.
pub struct Server {
    folder: tempfile::TempDir,
    child: Child,
    pub url: String,
}

impl Server {
    /// Found by `NATS_SERVER`, or on PATH.
    pub fn start() -> Self {
        let program = std::env::var_os("NATS_SERVER").map_or("nats-server".into(), PathBuf::from);
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(program)
            .args(["-a", "127.0.0.1", "-p", "-1", "-js", "-sd"])
            .arg(folder.path())
            .arg("--ports_file_dir")
            .arg(folder.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let ports = folder
            .path()
            .join(format!("nats-server_{}.ports", child.id()));
        let deadline = Instant::now() + Duration::from_secs(10);
        let url = loop {
            let text = fs::read_to_string(&ports).unwrap_or_default();
            if let Some((_, url)) = text.split_once("nats://") {
                break format!("nats://{}", url.split('"').next().unwrap());
            }
            assert!(Instant::now() < deadline, "no NATS server");
            std::thread::sleep(Duration::from_millis(5));
        };
        Self { folder, child, url }
    }

    /// The server's process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fills the stream from a process of its own: what a process has held counts as the peak of
    /// those that it starts.
    fn fill(&self, n_messages: usize) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["fill-stream", &self.url, &n_messages.to_string()]);
        assert!(command.status().unwrap().success());
    }

    fn measure(&self, arguments: Option<&str>, n_messages: usize) -> Measured {
        let folder = self.folder.path().to_str().unwrap();
        let mut command;
        if let Some(arguments) = arguments {
            fs::remove_file(format!("{folder}/cursor")).ok();
            command = Command::new(env!("CARGO_BIN_EXE_rocketman"));
            command
                .args([
                    "tail",
                    &format!("{}/S", self.url),
                    "-q",
                    "--cursor",
                    "0",
                    "-e",
                ])
                .args(
                    arguments
                        .split_whitespace()
                        .map(|word| word.replace('%', folder)),
                )
                .env_clear();
        } else {
            command = Command::new(std::env::current_exe().unwrap());
            command.args(["bare-pull", &self.url, &n_messages.to_string()]);
        }
        let started = Instant::now();
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let used = child.wait4().unwrap();
        assert!(used.status.success(), "{command:?}: {:?}", used.status);
        Measured::new(&used, started.elapsed())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}
