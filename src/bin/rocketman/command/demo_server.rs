//! `demo:` as a source: a server of invented events on a thread of this process, to be read like
//! any other.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::mpsc::{SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use rocketman::{
    serve::{Demo, Server, ServerSettings},
    source::jetstream::Endpoint,
};

/// Nobody else reads it, so that a reader that pauses is no burden: it is not cut as public servers
/// do.
const SLOW_CLIENT_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// How long the end of the process may be held up by closing connections.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(250);

/// The server. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct DemoServer {
    endpoint: Endpoint,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl DemoServer {
    /// Serves on a free port of this machine.
    pub(crate) fn start(demo: Demo) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let (tell, told) = sync_channel(1);
        let until = stop.clone();
        let name = demo.to_string();
        let thread = thread::Builder::new()
            .name("demo".to_owned())
            .spawn(move || serve(demo, &tell, &until))?;
        let address: SocketAddr = told.recv().map_err(io::Error::other)??;
        let endpoint = Endpoint::parse(&format!("ws://{address}/subscribe"));
        Ok(Self {
            endpoint: endpoint.map_err(io::Error::other)?.named(name),
            stop,
            thread: Some(thread),
        })
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Drop for DemoServer {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic there was reported there.
            thread.join().ok();
        }
    }
}

/// Serves until it is stopped, and sends its address first.
fn serve(demo: Demo, tell: &SyncSender<io::Result<SocketAddr>>, stop: &CancellationToken) {
    let settings = ServerSettings {
        pong_within: SLOW_CLIENT_TIMEOUT,
        write_within: SLOW_CLIENT_TIMEOUT,
        slow_window: SLOW_CLIENT_TIMEOUT,
        message_within: SLOW_CLIENT_TIMEOUT,
        close_timeout: CLOSE_TIMEOUT,
        ..ServerSettings::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    // The caller waits for an answer, whatever it is.
    match runtime {
        Err(error) => tell.send(Err(error)).unwrap_or_default(),
        Ok(runtime) => runtime.block_on(async {
            let address = (Ipv4Addr::LOCALHOST, 0).into();
            match Server::bind(address, demo, settings).await {
                Err(error) => tell.send(Err(error)).unwrap_or_default(),
                Ok(server) => {
                    tell.send(server.address()).unwrap_or_default();
                    server.run(stop.cancelled()).await;
                }
            }
        }),
    }
}
