//! Tables of ClickHouse: what is sent runs in chDB, where Python has that.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use super::saved_seq;
use crate::support::{
    jetstream::{Request, Server},
    program::Rocketman,
    wait_until,
};

/// A server that is never reached.
const NOBODY: &str = "ws://127.0.0.1:1";

/// Events, and how often the program is killed: in the suite, and once by hand.
fn scale() -> (u64, u64) {
    if std::env::var_os("ROCKETMAN_SOAK").is_some() {
        (1_000_000, 100)
    } else {
        (20_000, 6)
    }
}

/// Event `n`, counted from 0, of any collection or kind, from one of a thousand accounts.
fn mixed(n: u64) -> String {
    let head = format!(
        r#"{{"did":"did:plc:{:024}","time_us":{},"cursor":{}"#,
        n * 7 % 1000,
        1_790_000_000_000_000 + n,
        n + 1
    );
    let (rev, rkey) = (format!("3k{n:011}"), n / 3);
    match n % 10 {
        0 => format!(r#"{head},"kind":"identity","identity":{{"seq":{n},"handle":"a.example"}}}}"#),
        1 => format!(r#"{head},"kind":"account","account":{{"seq":{n},"active":true}}}}"#),
        2 => format!(
            r#"{head},"kind":"commit","commit":{{"rev":"{rev}","operation":"delete","collection":"app.bsky.feed.like","rkey":"{rkey}"}}}}"#
        ),
        collection => format!(
            r#"{head},"kind":"commit","commit":{{"rev":"{rev}","operation":"create","collection":"com.example.c{collection}","rkey":"{rkey}","record":{{"text":"héllo \"{n}\"\n"}},"cid":"bafy{n}"}}}}"#
        ),
    }
}

/// A server that runs what it is sent, until it is dropped.
struct ChDb {
    port: u16,
    process: Child,
    _folder: tempfile::TempDir,
}

impl ChDb {
    /// None where Python has no chDB.
    fn start() -> Option<Self> {
        let python = std::env::var("ROCKETMAN_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let has = Command::new(&python).args(["-c", "import chdb"]).output();
        if !has.is_ok_and(|has| has.status.success()) {
            println!("skipped: {python} has no chdb");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(&python)
            .args(["-c", include_str!("clickhouse.py")])
            .arg(folder.path().join("chdb"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        Some(Self {
            port: line.trim().parse().unwrap(),
            process,
            _folder: folder,
        })
    }

    fn url(&self) -> String {
        format!("clickhouse://127.0.0.1:{}/db/events", self.port)
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        body.trim().to_owned()
    }

    fn select(&self, what: &str) -> String {
        self.get(&format!("/?query=SELECT+{what}"))
    }
}

impl Drop for ChDb {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn into(server: &Server, chdb: &ChDb) -> Rocketman {
    Rocketman::tail(&server.url())
        .with("--begin oldest --cursor-file cursor --save-interval 100ms --create-table -o")
        .arg(chdb.url())
}

#[test]
fn every_event_is_inserted_once_through_kills() {
    let Some(chdb) = ChDb::start() else { return };
    let (n, rounds) = scale();
    let server = Server::every(move |request: Request| {
        let from = request.cursor().map_or(0, |seq| seq.saturating_sub(1));
        let mut connection = request.accept();
        connection.send_all((from..n).map(mixed));
        connection.until_closed();
    });
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        into(&server, &chdb)
            .with("--batch 500,50ms --column text=/commit/record/text")
            .inside(folder.path())
            .start()
    };
    let (mut n_further, mut before) = (0, 0);
    for round in 1..=rounds {
        let running = start();
        let goal = (before + 1).max(n * round / (rounds + 1));
        wait_until("it goes on", || saved_seq(folder.path()) >= goal.min(n));
        thread::sleep(Duration::from_micros(fastrand::u64(..50_000)));
        running.kill();
        let now = saved_seq(folder.path());
        n_further += u64::from(now > before);
        before = now;
    }
    let running = start();
    while before < n {
        wait_until("it goes on", || saved_seq(folder.path()) > before);
        before = saved_seq(folder.path());
    }
    drop(running);
    println!("{n_further} runs got on");
    assert_eq!(chdb.get("/failures"), "");
    // No FINAL: nothing is left for a merge to remove.
    assert_eq!(chdb.select("count()+FROM+db.events"), n.to_string());
    let distinct = chdb.select("uniqExact(did,identity)+FROM+db.events");
    assert_eq!(distinct, n.to_string());
    let texts = chdb.select("count()+FROM+db.events+WHERE+text+LIKE+%27h%C3%A9llo%25%27");
    assert_eq!(texts, (n * 7 / 10).to_string());
    let kinds = chdb.select("countIf(kind=%27commit%27),countIf(detail+IS+NULL)+FROM+db.events");
    assert_eq!(kinds, format!("{}\t{}", n * 8 / 10, n * 8 / 10));
    let time = chdb.select("toUnixTimestamp64Micro(max(time))+FROM+db.events");
    assert_eq!(time, (1_790_000_000_000_000 + n - 1).to_string());
}

#[test]
fn flags_of_other_forms_are_refused() {
    for (flags, said) in [
        (
            "--body array",
            "--body does not go with a table of ClickHouse",
        ),
        (
            "--http-method PUT",
            "--http-method does not go with a table",
        ),
        ("--format csv --fields did", "a table of ClickHouse"),
        ("--table state", "--table is for databases"),
    ] {
        Rocketman::tail(NOBODY)
            .with(flags)
            .with("-o clickhouse://localhost/db/events")
            .run()
            .assert_says(2, &[said]);
    }
    Rocketman::tail(NOBODY)
        .with("--create-table -o http://localhost/")
        .run()
        .assert_says(2, &["--create-table is for a table of ClickHouse"]);
    Rocketman::tail(NOBODY)
        .with("-o clickhouse://localhost/events")
        .run()
        .assert_says(2, &["write clickhouse://HOST/DATABASE/TABLE"]);
}
