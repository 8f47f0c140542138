//! What listens in between the program and a server.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

type Recorded = Arc<Mutex<Vec<u8>>>;

/// Passes bytes on to a port of this machine, and records both directions of each connection.
pub struct Tap {
    pub port: u16,
    connections: Arc<Mutex<Vec<[Recorded; 2]>>>,
}

impl Tap {
    pub fn before(behind: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::<Mutex<Vec<[Recorded; 2]>>>::default();
        let shared = Arc::clone(&connections);
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect(("127.0.0.1", behind)).unwrap();
                let recorded = [Recorded::default(), Recorded::default()];
                shared.lock().unwrap().push(recorded.clone());
                let [sent, came] = recorded;
                let (other_client, other_server) =
                    (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || pass(&client, &server, &sent));
                thread::spawn(move || pass(&other_server, &other_client, &came));
            }
        });
        Self { port, connections }
    }

    /// The heads of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        let mut requests: Vec<String> = Vec::new();
        for [sent, _] in &*self.connections.lock().unwrap() {
            let sent = sent.lock().unwrap();
            for line in String::from_utf8_lossy(&sent).lines() {
                if line.ends_with(" HTTP/1.1") {
                    requests.push(String::new());
                }
                if let Some(request) = requests.last_mut() {
                    request.push_str(line);
                    request.push('\n');
                }
            }
        }
        requests
    }

    /// How many answers had this status.
    pub fn answers(&self, status: u16) -> usize {
        let head = format!("HTTP/1.1 {status} ");
        let connections = self.connections.lock().unwrap();
        let of_one = |came: &Recorded| {
            let came = came.lock().unwrap();
            let heads = came.windows(head.len());
            heads.filter(|bytes| *bytes == head.as_bytes()).count()
        };
        connections.iter().map(|[_, came]| of_one(came)).sum()
    }
}

fn pass(mut from: &TcpStream, mut to: &TcpStream, recorded: &Recorded) {
    let mut buffer = [0; 16 * 1024];
    loop {
        // A side that is gone is the end of both.
        let n = from.read(&mut buffer).unwrap_or(0);
        recorded.lock().unwrap().extend(&buffer[..n]);
        if n == 0 || to.write_all(&buffer[..n]).is_err() {
            to.shutdown(Shutdown::Both).ok();
            return;
        }
    }
}
