//! `rocketman health`: whether a running rocketman is alive, as an exit code.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use rustix::net::{AddressFamily, SocketType};

use super::{metrics::address, plenty, read_on, unread};
use crate::support::{
    events::post,
    http::get,
    jetstream::Server,
    program::{Output, Rocketman},
    serve::Serving,
    wait_until,
};

fn health(arguments: &[&str]) -> Output {
    Rocketman::new([&["health"], arguments].concat()).run()
}

/// The address of somebody who answers each request with these bytes.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 1024];
            let _n_bytes = stream.read(&mut request).unwrap();
            // Who asks may leave before the end.
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    address
}

#[test]
fn a_tail_and_a_server_say_how_they_are() {
    let upstream = Serving::new("demo:?rate=1000");
    let own = upstream.address();
    let output = health(&[own]);
    output.assert_says(0, &[]);
    let said = "alive: serving invented events (demo:?rate=1000";
    assert!(output.stdout.starts_with(said), "{}", output.stdout);
    assert_eq!((output.lines().len(), &*output.stderr), (1, ""));

    let live = Serving::new(&format!("http://{own}"));
    wait_until("it reads", || {
        let output = health(&[&format!("http://{}/", live.address())]);
        assert_eq!(output.code, Some(0), "{output:?}");
        output.stdout.contains(" live, events sent: 0, ") && output.stdout.contains("s behind")
    });
    assert_eq!(get(live.address(), "/readyz").status, 200);

    let mut tail = upstream.tail("--metrics-addr 127.0.0.1:0").start();
    tail.lines(1);
    let output = health(&[&address(&tail)]);
    output.assert_says(0, &[]);
    assert!(output.stdout.starts_with("alive: "), "{}", output.stdout);
}

#[test]
fn a_standstill_is_said_with_code_1() {
    let server = plenty();
    let call =
        Rocketman::tail(&server.url()).with("--metrics-addr 127.0.0.1:0 --frame-timeout 500ms");
    let (running, reader) = unread(call);
    let address = address(&running);
    wait_until("it is dead", || health(&[&address]).code == Some(1));
    let output = health(&[&address]);
    output.assert_says(1, &[&format!("error: {address} is not alive: ")]);
    assert_eq!(output.stdout, "");
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    read_on(reader);
    wait_until("it is alive again", || health(&[&address]).code == Some(0));
}

#[test]
fn where_nobody_listens_is_unreachable() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let free = free.unwrap().to_string();
    let words = [
        &format!("cannot reach {free}: "),
        "hint: ",
        "--metrics-addr",
    ];
    health(&[&free]).assert_says(3, &words);
    health(&["nobody.invalid:9090", "--timeout", "10s"]).assert_says(3, &["nobody.invalid:9090"]);
}

#[test]
fn it_ends_in_its_time_whatever_is_silent() {
    let begin = Instant::now();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent
        .local_addr()
        .map(|at| (at.to_string(), silent))
        .unwrap();
    let words = [&*format!("{} gave no answer within 100ms", silent.0)];
    health(&[&silent.0, "--timeout", "100ms"]).assert_says(1, &words);

    // With one connection waiting, and no room for another.
    let full = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&full, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    rustix::net::listen(&full, 0).unwrap();
    let address = TcpListener::from(full);
    let at = address.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&at, Duration::from_millis(100)) {
        waiting.push(stream);
    }
    let words = [&*format!("no connection to {at} within 100ms")];
    health(&[&at.to_string(), "--timeout", "100ms"]).assert_says(3, &words);

    let endless = "HTTP/1.1 200 OK\r\n\r\n".to_owned() + &"x".repeat(1 << 20);
    let output = health(&[&answering(Box::leak(endless.into_boxed_str()))]);
    output.assert_says(0, &[]);
    assert!(output.stdout.len() < 1000, "{}", output.stdout.len());
    assert!(begin.elapsed() < Duration::from_secs(60));
}

#[test]
fn what_is_no_rocketman_is_not_alive() {
    for (answer, said) in [
        ("SSH-2.0-OpenSSH_9.2\r\n", "answers no HTTP"),
        ("", "answers no HTTP"),
        (
            "HTTP/1.1 404 Not Found\r\n\r\n\x1b[2Jno such page\n",
            r"HTTP 404: \u{1b}[2Jno such page",
        ),
        ("HTTP/1.1 503 X\r\n\r\ndead: 31 s\n", "is not alive: 31 s"),
    ] {
        health(&[&answering(answer)]).assert_says(1, &[said]);
    }
}

#[test]
fn without_an_address_the_environment_says_where() {
    health(&[]).assert_says(2, &["whom to ask is not said", "hint: ", "--listen"]);
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send(post(0));
        connection.until_closed();
    });
    let mut tail = Rocketman::tail(&server.url())
        .with("--metrics-addr 127.0.0.1:0")
        .start();
    tail.line();
    let at = address(&tail);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let free = free.unwrap().to_string();
    let asked = |metrics: &str, listen: &str| {
        let call = Rocketman::new(["health"]).env("ROCKETMAN_METRICS_ADDR", metrics);
        call.env("ROCKETMAN_LISTEN", listen).run()
    };
    for (metrics, listen) in [(&*at, ""), (&*at, &*free), (&*free, &*at)] {
        asked(metrics, listen).assert_says(0, &[]);
    }
    asked(&free, "").assert_says(3, &["cannot reach "]);
    asked("127.0.0.1:0", "").assert_says(2, &["ROCKETMAN_METRICS_ADDR: port 0"]);
}

#[test]
fn an_address_that_is_none_is_refused() {
    for (address, words) in [
        (
            "rocketman",
            "ADDR: 'rocketman' is not where a rocketman listens",
        ),
        ("https://rocketman:9090", "http://HOST:PORT"),
        ("ws://127.0.0.1:6008/subscribe", "http://HOST:PORT"),
        ("127.0.0.1:0", "port 0 stands for any that was free"),
    ] {
        health(&[address]).assert_says(2, &[words]);
    }
    let output = health(&["http://me:geheim@localhost:9090"]);
    output.assert_says(2, &["ADDR: "]);
    assert!(!output.stderr.contains("geheim"), "{}", output.stderr);
    health(&["9090", "--timeout", "0"]).assert_says(2, &["--timeout"]);
}
