//! A receiver of events over HTTP, whose answers a test decides.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// How many came before it.
    pub number: usize,
    /// The first line, and each header behind it.
    pub head: Vec<String>,
    pub body: Vec<u8>,
    /// How many came before it over the same connection.
    pub reused: usize,
    pub at: Instant,
}

/// What is answered.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: String,
    body: String,
    closes: bool,
    missing: usize,
    after: Duration,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: String::new(),
            body: String::new(),
            closes: false,
            missing: 0,
            after: Duration::ZERO,
        }
    }

    /// The connection is lost without an answer.
    pub fn lost() -> Self {
        Self::status(0)
    }

    /// Whether it accepts what was sent.
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn header(mut self, header: &str) -> Self {
        self.headers += header;
        self.headers += "\r\n";
        self
    }

    pub fn saying(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// More of the body is announced than ever comes.
    pub fn unfinished(mut self) -> Self {
        self.missing = 10;
        self
    }

    /// The connection is closed behind the answer, without a word about it.
    pub fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    /// The answer takes this long.
    pub fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }
}

impl Received {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The numbers of its events, which are lines.
    pub fn events(&self) -> Vec<u64> {
        self.text().lines().map(number_of).collect()
    }
}

/// The number that an event of the tests has, from 0 on.
pub fn number_of(line: &str) -> u64 {
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    event["cursor"].as_u64().unwrap() - 1
}

type Handler = dyn Fn(&Received) -> Reply + Send + Sync;

/// Listens until the test ends.
pub struct Receiver {
    address: SocketAddr,
    all: Arc<Mutex<Vec<(Received, u16)>>>,
}

impl Receiver {
    /// Answers each request as the handler says.
    pub fn start(handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let all = Arc::<Mutex<Vec<_>>>::default();
        let (shared, handler): (_, Arc<Handler>) = (Arc::clone(&all), Arc::new(handler));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (all, handler) = (Arc::clone(&shared), Arc::clone(&handler));
                thread::spawn(move || attend(stream, &all, &*handler));
            }
        });
        Self { address, all }
    }

    /// Accepts everything.
    pub fn accepting() -> Self {
        Self::start(|_| Reply::status(204))
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// All requests, in the order in which they came.
    pub fn requests(&self) -> Vec<Received> {
        let all = self.all.lock().unwrap();
        all.iter().map(|(request, _)| request.clone()).collect()
    }

    /// Those that were answered so.
    pub fn answered(&self, status: u16) -> Vec<Received> {
        let all = self.all.lock().unwrap();
        let all = all.iter().filter(|(_, answered)| *answered == status);
        all.map(|(request, _)| request.clone()).collect()
    }

    /// The events that were accepted, in the order in which they were.
    pub fn accepted(&self) -> Vec<u64> {
        let answered = self.answered(204);
        answered.iter().flat_map(Received::events).collect()
    }

    /// How many different events were accepted.
    pub fn n_accepted(&self) -> usize {
        let accepted = self.accepted();
        accepted
            .iter()
            .collect::<std::collections::BTreeSet<_>>()
            .len()
    }
}

/// Asserts that each account's events were first accepted in their order, and that all of the first
/// `n` but these were.
#[track_caller]
pub fn assert_all_in_order(accepted: &[u64], n: u64, without: &[u64]) {
    let mut last = HashMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for number in accepted {
        if seen.insert(*number) {
            let before = last.insert(number % 100, *number);
            assert!(
                before.is_none_or(|before| before < *number),
                "{number} came late"
            );
        }
    }
    let missing: Vec<_> = (0..n).filter(|number| !seen.contains(number)).collect();
    assert_eq!(missing, without);
}

fn attend(stream: TcpStream, all: &Mutex<Vec<(Received, u16)>>, handler: &Handler) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    for reused in 0.. {
        let Some((head, body)) = read(&mut reader) else {
            return;
        };
        let mut request = Received {
            number: 0,
            head,
            body,
            reused,
            at: Instant::now(),
        };
        let at = {
            let mut all = all.lock().unwrap();
            request.number = all.len();
            all.push((request.clone(), 0));
            request.number
        };
        let reply = handler(&request);
        thread::sleep(reply.after);
        all.lock().unwrap()[at].1 = reply.status;
        if reply.status == 0 {
            return;
        }
        let Reply {
            status,
            headers,
            body,
            ..
        } = &reply;
        let length = match status {
            204 => String::new(),
            _ => format!("Content-Length: {}\r\n", body.len() + reply.missing),
        };
        let answer = format!("HTTP/1.1 {status} -\r\n{length}{headers}\r\n{body}");
        if stream.write_all(answer.as_bytes()).is_err() || reply.closes {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<(Vec<String>, Vec<u8>)> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let length = head.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}
