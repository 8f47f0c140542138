//! A scripted Jetstream server: a real socket on a free port, one script for each connection it
//! expects.
//!
//! Dropped, it fails the test if a script was left, a script failed, or somebody came who was not
//! expected.

mod raw;

use std::{
    collections::VecDeque,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustix::net::sockopt;
use tokio_tungstenite::tungstenite::{
    Message, WebSocket,
    protocol::{CloseFrame, Role},
};

pub use self::raw::End;
use super::{DEADLINE, wait_until};

type Script = Box<dyn FnOnce(Request) + Send>;

/// The server. Each connection runs the next script, in a thread of its own.
pub struct Server {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    scripts: Mutex<VecDeque<Script>>,
    requests: Mutex<Vec<String>>,
    failures: Mutex<Vec<String>>,
    running: Mutex<usize>,
    expects_more: bool,
}

impl Server {
    /// Expects exactly these connections, in this order.
    pub fn expecting(scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::start(scripts.into_iter().collect(), false)
    }

    /// Expects one connection.
    pub fn one(script: impl FnOnce(Request) + Send + 'static) -> Self {
        Self::expecting([Box::new(script) as Script])
    }

    /// Runs the same script for every connection, at least one and however many.
    pub fn every(script: impl Fn(Request) + Send + Sync + 'static) -> Self {
        let script = Arc::new(script);
        let make = move || {
            let script = Arc::clone(&script);
            Box::new(move |request| script(request)) as Script
        };
        Self::start((0..100_000).map(|_| make()).collect(), true)
    }

    fn start(scripts: VecDeque<Script>, expects_more: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            scripts: Mutex::new(scripts),
            expects_more,
            ..State::default()
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                shared.serve(stream.unwrap());
            }
        });
        Self { port, state }
    }

    /// The address to give to the program.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/subscribe", self.port)
    }

    /// The service at that address, which is asked which wires it has.
    pub fn service(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The targets (path and query) that were asked for so far.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Waits until `n` connections came.
    pub fn wait_for_requests(&self, n: usize) {
        wait_until("connections", || self.requests().len() >= n);
    }
}

impl State {
    fn serve(self: &Arc<Self>, stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let Some(script) = self.scripts.lock().unwrap().pop_front() else {
            self.failures
                .lock()
                .unwrap()
                .push("an unexpected connection".to_owned());
            return;
        };
        *self.running.lock().unwrap() += 1;
        let state = Arc::clone(self);
        thread::spawn(move || {
            let run = std::panic::AssertUnwindSafe(|| {
                if let Some(request) = Request::read(stream) {
                    state.requests.lock().unwrap().push(request.target.clone());
                    script(request);
                }
            });
            if let Err(panic) = std::panic::catch_unwind(run) {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text
                    .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
                    .unwrap_or_default();
                state
                    .failures
                    .lock()
                    .unwrap()
                    .push(format!("a script failed: {text}"));
            }
            *state.running.lock().unwrap() -= 1;
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        wait_until("the end of every script", || {
            *self.state.running.lock().unwrap() == 0
        });
        let failures = self.state.failures.lock().unwrap();
        assert!(failures.is_empty(), "the server met {failures:?}");
        let left = self.state.scripts.lock().unwrap().len();
        assert!(
            left == 0 || (self.state.expects_more && !self.requests().is_empty()),
            "{left} scripts were left"
        );
    }
}

/// A connection before its upgrade.
pub struct Request {
    stream: TcpStream,
    /// The path and the query.
    pub target: String,
    /// Name and value of each header, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// `None` when the client went away without a word.
    fn read(mut stream: TcpStream) -> Option<Self> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if !matches!(stream.read(&mut byte), Ok(1)) {
                return None;
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let target = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Some(Self {
            stream,
            target,
            headers,
        })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of a query parameter.
    pub fn parameters(&self, name: &str) -> Vec<String> {
        let query = self
            .target
            .split_once('?')
            .map(|(_, query)| query)
            .unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes())
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    /// The `cursor` that was asked for.
    pub fn cursor(&self) -> Option<u64> {
        self.parameters("cursor")
            .first()
            .map(|cursor| cursor.parse().unwrap())
    }

    pub fn is_compressed(&self) -> bool {
        self.parameters("compress") == ["true"]
    }

    /// Upgrades, with a `Date` if one is given.
    pub fn accept_dated(mut self, date: Option<&str>) -> Connection {
        let date = date
            .map(|date| format!("Date: {date}\r\n"))
            .unwrap_or_default();
        let answer = self.upgrade(&date);
        self.stream.write_all(answer.as_bytes()).unwrap();
        Connection {
            socket: WebSocket::from_raw_socket(self.stream, Role::Server, None),
            pings: 0,
        }
    }

    /// Upgrades.
    pub fn accept(self) -> Connection {
        self.accept_dated(None)
    }

    /// Answers 200 with bytes.
    pub fn bytes(self, headers: &str, body: &[u8]) {
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {length}\r\n\r\n");
        self.answer(&[head.as_bytes(), body].concat());
    }

    /// Answers without an upgrade. The body goes in a packet of its own.
    pub fn refuse(mut self, status: &str, headers: &str, body: &str) {
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.write_all(head.as_bytes()).unwrap();
        self.stream.flush().unwrap();
        self.stream.write_all(body.as_bytes()).unwrap();
        self.until_gone();
    }

    /// Answers without an upgrade, with a body that is late on purpose.
    pub fn refuse_late(mut self, status: &str, body: &str) {
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.write_all(head.as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(50));
        self.stream.write_all(body.as_bytes()).unwrap();
        self.until_gone();
    }

    /// Answers with bytes of the test's own, and waits until the client is gone.
    pub fn answer(mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.until_gone();
    }

    /// Says nothing, and waits until the client is gone.
    pub fn until_gone(mut self) {
        self.stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut sink = Vec::new();
        self.stream.read_to_end(&mut sink).ok();
    }

    /// Closes the connection without an answer.
    pub fn cut(self) {
        self.stream.shutdown(Shutdown::Both).ok();
    }
}

/// An upgraded connection.
pub struct Connection {
    socket: WebSocket<TcpStream>,
    pings: usize,
}

impl Connection {
    /// Sends one event as a text message.
    pub fn send(&mut self, event: impl Into<String>) {
        // The client may be gone already; what it printed is what counts.
        self.socket.send(Message::text(event.into())).ok();
    }

    /// Sends one event and tells whether the client was still there to be sent it.
    pub fn try_send(&mut self, event: impl Into<String>) -> bool {
        self.socket.send(Message::text(event.into())).is_ok()
    }

    /// Sends events, in as few packets as they fit.
    pub fn send_all(&mut self, events: impl IntoIterator<Item = String>) {
        for event in events {
            if self.socket.write(Message::text(event)).is_err() {
                // The client is gone.
                return;
            }
        }
        self.socket.flush().ok();
    }

    pub fn send_binary(&mut self, bytes: Vec<u8>) {
        self.socket.send(Message::binary(bytes)).ok();
    }

    pub fn ping(&mut self) {
        // A client that is gone answers nothing, and that is what a script notices.
        self.socket.send(Message::Ping("are you there".into())).ok();
    }

    /// Puts bytes on the socket that need not be WebSocket frames.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.socket.flush().unwrap();
        self.socket.get_mut().write_all(bytes).ok();
    }

    /// The next message from the client.
    pub fn receive(&mut self) -> Message {
        self.socket
            .get_mut()
            .set_read_timeout(Some(DEADLINE))
            .unwrap();
        self.socket.read().unwrap()
    }

    /// The next message from the client; `None` when it is gone.
    pub fn try_receive(&mut self) -> Option<Message> {
        self.socket
            .get_mut()
            .set_read_timeout(Some(DEADLINE))
            .unwrap();
        self.socket
            .read()
            .ok()
            .filter(|message| !message.is_close())
    }

    /// Sends the head of a text or binary message, its beginning, and then a byte now and then,
    /// until the client is gone.
    pub fn trickle(mut self, opcode: u8, bytes: u64, beginning: &[u8]) {
        self.send_raw(&[&[0x80 | opcode, 127][..], &bytes.to_be_bytes(), beginning].concat());
        while self.socket.get_mut().write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends with a close frame.
    pub fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.to_owned().into(),
        };
        self.socket.close(Some(frame)).unwrap();
        self.until_closed();
    }

    /// Ends without a close frame (FIN).
    pub fn cut(mut self) {
        self.socket.flush().ok();
        self.socket.get_mut().shutdown(Shutdown::Both).ok();
    }

    /// Ends with a reset (RST).
    pub fn reset(mut self) {
        self.socket.flush().ok();
        sockopt::set_socket_linger(self.socket.get_mut(), Some(Duration::ZERO)).unwrap();
    }
}
