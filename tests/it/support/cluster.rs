//! Three real NATS servers on loopback that are one cluster, each of which can be killed, frozen
//! and started again.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use async_nats::jetstream::{self, Context};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::timeout;

use super::nats::{block_on_within, find};

/// How many servers there are.
pub const NODES: usize = 3;

/// How long a cluster may take to be one again on a busy machine.
pub const START_TIMEOUT: Duration = Duration::from_secs(90);

/// How long a single question may take.
const QUESTION: Duration = Duration::from_secs(5);

/// The cluster. Dropped, all of it is killed.
pub struct Cluster {
    program: PathBuf,
    folder: TempDir,
    ports: [u16; NODES],
    nodes: [Option<Child>; NODES],
}

impl Cluster {
    /// A cluster with JetStream, all of it started. `None`, with the reason printed, when no server
    /// is at hand.
    pub fn start(test: &str) -> Option<Self> {
        let program = find(test)?;
        let folder = tempfile::tempdir().unwrap();
        let ports = free_ports::<{ 2 * NODES }>();
        let (ports, routes) = ports.split_at(NODES);
        let list: Vec<_> = routes
            .iter()
            .map(|port| format!("nats://127.0.0.1:{port}"))
            .collect();
        for (node, (port, route)) in ports.iter().zip(routes).enumerate() {
            let store = folder.path().join(format!("store{node}"));
            let configuration = format!(
                "server_name: n{node}, listen: \"127.0.0.1:{port}\", jetstream {{ store_dir: \"{}\" }}, \
                 cluster {{ name: c, listen: \"127.0.0.1:{route}\", routes: [{}] }}",
                store.display(),
                list.join(", "),
            );
            fs::write(folder.path().join(format!("n{node}.conf")), configuration).unwrap();
        }
        let mut cluster = Self {
            program,
            folder,
            ports: ports.try_into().unwrap(),
            nodes: [const { None }; NODES],
        };
        for node in 0..NODES {
            cluster.launch(node);
        }
        // A leader may lead before it knows the others.
        cluster.ask(
            "a cluster with room for three replicas",
            async |jetstream| {
                let config = jetstream::stream::Config {
                    name: "REPLICAS".to_owned(),
                    num_replicas: NODES,
                    ..jetstream::stream::Config::default()
                };
                jetstream.get_or_create_stream(config).await.ok()?;
                jetstream.delete_stream("REPLICAS").await.ok()
            },
        );
        Some(cluster)
    }

    /// Starts a server that does not run.
    pub fn launch(&mut self, node: usize) {
        assert!(self.nodes[node].is_none(), "n{node} runs already");
        let log = self.folder.path().join(format!("n{node}.log"));
        let log = File::options().create(true).append(true).open(log).unwrap();
        let child = Command::new(&self.program)
            .arg("-c")
            .arg(self.folder.path().join(format!("n{node}.conf")))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.nodes[node] = Some(child.unwrap());
    }

    /// Ends a server by this signal, and waits until it is gone.
    pub fn end(&mut self, node: usize, signal: Signal) {
        self.signal(node, signal);
        self.nodes[node].take().unwrap().wait().unwrap();
    }

    /// SIGSTOP and SIGCONT leave it there.
    pub fn signal(&self, node: usize, signal: Signal) {
        let child = self.nodes[node].as_ref().unwrap();
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// The address of a stream, or of a bucket and a key, at all of the servers.
    pub fn address(&self, path: &str) -> String {
        format!("{}/{path}", self.urls().join(","))
    }

    /// Where each of them serves.
    pub fn urls(&self) -> Vec<String> {
        let urls = self.ports.iter();
        urls.map(|port| format!("nats://127.0.0.1:{port}"))
            .collect()
    }

    /// Asks any of the servers until there is an answer.
    #[track_caller]
    pub fn ask<T>(&self, what: &str, question: impl AsyncFn(Context) -> Option<T>) -> T {
        let deadline = Instant::now() + START_TIMEOUT;
        block_on_within(2 * START_TIMEOUT, async {
            loop {
                let asked = async {
                    let client = async_nats::connect(self.urls()).await.ok()?;
                    question(jetstream::new(client)).await
                };
                if let Ok(Some(answer)) = timeout(QUESTION, asked).await {
                    return answer;
                }
                assert!(Instant::now() < deadline, "waited in vain: {what}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    }

    /// The server that leads a stream.
    #[track_caller]
    pub fn leader(&self, stream: &str) -> usize {
        self.ask("a leader of the stream", async |jetstream| {
            let stream = jetstream.get_stream(stream).await.ok()?;
            let leader = stream.cached_info().cluster.as_ref()?.leader.clone()?;
            leader.strip_prefix('n')?.parse().ok()
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().flatten() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Ports that nobody uses just now.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
