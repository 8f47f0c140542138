//! A cable between the program and a server, which can be pulled: what was open then stays open,
//! and the program hears nothing more. Or it can be cut: what was open is closed.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst},
    },
    thread,
};

/// Passes bytes on to a port of this machine until it is pulled.
pub struct Cable {
    pub port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    is_pulled: AtomicBool,
    pulls: AtomicU32,
    /// What came from the other side.
    passed: AtomicU64,
    clients: Mutex<Vec<TcpStream>>,
}

impl Cable {
    /// A cable to `behind`, plugged in.
    pub fn to(behind: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming() {
                let state = Arc::clone(&shared);
                thread::spawn(move || connect(client.unwrap(), behind, &state));
            }
        });
        Self { port, state }
    }

    /// Bytes that came from the other side.
    pub fn passed(&self) -> u64 {
        self.state.passed.load(SeqCst)
    }

    /// From now on nothing passes. New connections are accepted, and nobody answers there either.
    pub fn pull(&self) {
        self.state.is_pulled.store(true, SeqCst);
        self.state.pulls.fetch_add(1, SeqCst);
    }

    /// Closes all connections. New ones pass.
    pub fn cut(&self) {
        for client in self.state.clients.lock().unwrap().drain(..) {
            client.shutdown(Shutdown::Both).ok();
        }
    }

    /// New connections pass again. What was opened before stays dead.
    pub fn plug(&self) {
        self.state.is_pulled.store(false, SeqCst);
    }
}

fn connect(mut client: TcpStream, behind: u16, state: &Arc<State>) {
    let since = state.pulls.load(SeqCst);
    if state.is_pulled.load(SeqCst) {
        // Held open until the client goes away.
        client.read_to_end(&mut Vec::new()).ok();
        return;
    }
    state
        .clients
        .lock()
        .unwrap()
        .push(client.try_clone().unwrap());
    let server = TcpStream::connect(("127.0.0.1", behind)).unwrap();
    let (from_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let for_other = Arc::clone(state);
    let other = thread::spawn(move || {
        if pass(&from_server, &to_client, &for_other, since, true) {
            to_client.shutdown(Shutdown::Both).ok();
        }
    });
    pass(&client, &server, state, since, false);
    // The client is gone; where the cable was pulled, this tells only the script behind it.
    server.shutdown(Shutdown::Both).ok();
    other.join().unwrap();
}

/// Passes on what comes from one side until there is no more of it; returns whether the cable held
/// until then.
fn pass(
    mut from: &TcpStream,
    mut to: &TcpStream,
    state: &State,
    since: u32,
    is_from_server: bool,
) -> bool {
    let mut buffer = [0; 16 * 1024];
    loop {
        let received = from.read(&mut buffer).unwrap_or(0);
        let holds = state.pulls.load(SeqCst) == since;
        if received == 0 {
            return holds;
        }
        if holds {
            if is_from_server {
                state.passed.fetch_add(received as u64, SeqCst);
            }
            // A side that is gone is noticed where it is read.
            to.write_all(&buffer[..received]).ok();
        }
    }
}
