//! A consumer that costs little: it looks at nothing but numbers.

use std::{
    io::{self, BufReader, Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long nothing may come before it looks whether all is over.
const READ_TIMEOUT: Duration = Duration::from_millis(500);

fn upgrade(query: &str) -> String {
    format!(
        "GET /subscribe{query} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// What a consumer got.
#[derive(Debug, Default)]
pub struct Got {
    pub first: u64,
    pub last: u64,
    pub events: u64,
    /// Of all numbers, in their order.
    pub sum: u64,
    pub connects: u64,
}

/// The sum of numbers in an order.
pub fn sum(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0, |sum, number| add(sum, *number))
}

fn add(sum: u64, number: u64) -> u64 {
    sum.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(number)
}

/// A consumer on a thread of its own, which connects again whenever it is cut off.
pub struct Client {
    last: Arc<AtomicU64>,
    thread: JoinHandle<Got>,
}

impl Client {
    pub fn start(address: &str, is_over: &Arc<AtomicBool>) -> Self {
        let last = Arc::new(AtomicU64::new(0));
        let (address, is_over, tell) = (address.to_owned(), Arc::clone(is_over), Arc::clone(&last));
        let read = move || {
            let mut got = Got::default();
            while !is_over.load(Relaxed) {
                // It was cut off, or nobody listens at the moment.
                read(&address, &mut got, &tell, &is_over).ok();
                thread::sleep(Duration::from_millis(20));
            }
            got
        };
        Self {
            last,
            thread: thread::spawn(read),
        }
    }

    /// The last number it got.
    pub fn last(&self) -> u64 {
        self.last.load(Relaxed)
    }

    pub fn finish(self) -> Got {
        self.thread.join().unwrap()
    }
}

/// One connection, until it ends.
fn read(address: &str, got: &mut Got, tell: &AtomicU64, is_over: &AtomicBool) -> io::Result<()> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    let mut writer = stream.try_clone()?;
    let query = match got.last {
        0 => "?cursor=0".to_owned(),
        last => format!("?cursor={last}"),
    };
    writer.write_all(upgrade(&query).as_bytes())?;
    let mut reader = BufReader::with_capacity(64 * 1024, Patient { stream, is_over });
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        reader.read_exact(&mut byte)?;
        head.extend(byte);
    }
    assert!(
        head.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&head)
    );
    got.connects += 1;
    let mut payload = Vec::new();
    loop {
        let opcode = frame(&mut reader, &mut payload)?;
        match opcode {
            1 => note(got, number(&payload), tell),
            // A pong, masked with nothing.
            9 => writer.write_all(&[0x8a, 0x80, 0, 0, 0, 0])?,
            _ => return Ok(()),
        }
    }
}

fn note(got: &mut Got, number: u64, tell: &AtomicU64) {
    if got.first == 0 {
        got.first = number;
    }
    // A resume begins with the event that came last.
    if number == got.last {
        return;
    }
    got.last = number;
    got.events += 1;
    got.sum = add(got.sum, number);
    tell.store(number, Relaxed);
}

fn frame(reader: &mut impl Read, payload: &mut Vec<u8>) -> io::Result<u8> {
    let mut head = [0; 2];
    reader.read_exact(&mut head)?;
    let length = match head[1] {
        126 => {
            let mut length = [0; 2];
            reader.read_exact(&mut length)?;
            u64::from(u16::from_be_bytes(length))
        }
        127 => {
            let mut length = [0; 8];
            reader.read_exact(&mut length)?;
            u64::from_be_bytes(length)
        }
        length => u64::from(length),
    };
    payload.resize(usize::try_from(length).unwrap(), 0);
    reader.read_exact(payload)?;
    Ok(head[0] & 15)
}

/// The number of an event: it stands behind its account and its time.
fn number(line: &[u8]) -> u64 {
    const KEY: &[u8] = b"\"cursor\":";
    let mut commas = memchr::memchr_iter(b',', line);
    let at = commas.find(|at| line[at + 1..].starts_with(KEY)).unwrap();
    let digits = line[at + 1 + KEY.len()..].iter();
    let digits = digits.take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// Reads on after each time-out, until all is over.
struct Patient<'a> {
    stream: TcpStream,
    is_over: &'a AtomicBool,
}

impl Read for Patient<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.stream.read(out) {
                Err(error)
                    if error.kind() == io::ErrorKind::WouldBlock && !self.is_over.load(Relaxed) => {
                }
                result => return result,
            }
        }
    }
}

/// A consumer that takes nothing.
pub struct Stopped {
    _stream: TcpStream,
}

impl Stopped {
    pub fn connect(address: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(upgrade("?cursor=0").as_bytes()).unwrap();
        Self { _stream: stream }
    }
}
