//! What stands between the program and a server: TLS, and a proxy. Each passes bytes on to a port
//! of this machine.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// TLS with a certificate of its own for `127.0.0.1` and `jetstream.test`.
pub struct TlsFront {
    pub port: u16,
    /// What a client has to trust.
    pub certificate: String,
}

impl TlsFront {
    /// Passes on to `behind` what comes in through TLS.
    pub fn before(behind: u16) -> Self {
        let names = ["127.0.0.1", "jetstream.test"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let port = listen(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                // A client that trusts nobody goes away here, and tells why itself.
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    pass(&mut stream, behind).await;
                }
            }
        });
        Self {
            port,
            certificate: made.cert.pem(),
        }
    }
}

/// A proxy that opens tunnels, all of them to one port whatever was asked for.
pub struct Proxy {
    pub port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Answers CONNECT with `status`, and with 200 passes on to `behind`.
    pub fn before(behind: u16, status: &'static str) -> Self {
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let port = listen(move |mut stream| {
            let seen = Arc::clone(&seen);
            async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                seen.lock().unwrap().push(String::from_utf8(head).unwrap());
                let answer = format!("HTTP/1.1 {status}\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
                // There may be answers before the last.
                if status
                    .rsplit("HTTP/1.1 ")
                    .next()
                    .unwrap()
                    .starts_with("200")
                {
                    pass(&mut stream, behind).await;
                }
            }
        });
        Self { port, heads }
    }

    /// What it was asked for so far: whole heads.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn pass(stream: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin), to: u16) {
    let mut behind = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
    // Ends with the connection of either side, in whatever way.
    copy_bidirectional(stream, &mut behind).await.ok();
}

/// Serves a free port in a thread of its own, for as long as the tests run.
fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        connections.spawn(serve(accepted.unwrap().0));
                    }
                    Some(ended) = connections.join_next() => ended.unwrap(),
                }
            }
        });
    });
    port
}
