//! Servers that cannot be used, what is said of them, and the exit code.

use std::{fs, net::TcpListener};

use serde_json::Value;

use super::{event, json, legacy_server, now_us, server};
use crate::support::{
    compress::compress_otherwise,
    front::{Proxy, TlsFront},
    jetstream::{Connection, Request, Server},
    program::{Output, Rocketman},
};

/// A server that answers every upgrade with this status.
fn refusing(status: &'static str, headers: &'static str, body: &'static str) -> Server {
    Server::every(move |request| request.refuse(status, headers, body))
}

/// A port that refuses connections.
fn closed() -> String {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("127.0.0.1:{}", free.local_addr().unwrap().port())
}

/// Wants one server to be unusable for this reason, in the table and in JSON, with this exit code.
#[track_caller]
fn assert_unusable(sources: &[String], flags: &str, code: i32, reason: &str) -> Value {
    let output = Rocketman::probe(sources).with(flags).run();
    output.assert_says(code, &["rocketman: error: "]);
    assert!(
        output.stdout.contains(reason),
        "no {reason:?} in {output:#?}"
    );
    let widest = output.stdout.lines().map(|row| row.chars().count()).max();
    assert!(widest <= Some(100), "{output:#?}");
    let output = Rocketman::probe(sources).with(flags).with("--json").run();
    assert_eq!(output.code, Some(code), "{output:#?}");
    let told = json(&output).remove(0);
    assert_eq!(told["usable"], false);
    assert!(
        told["error"].as_str().unwrap().contains(reason),
        "no {reason:?} in {told}"
    );
    told
}

#[test]
fn a_server_that_does_not_answer_is_given_up_after_the_timeout() {
    let server = Server::every(Request::until_gone);
    let told = assert_unusable(
        &[server.url()],
        "--timeout 300ms",
        3,
        "no answer within 300ms",
    );
    assert!(
        told["connect_ms"].is_number() && told["upgrade_ms"].is_null(),
        "{told}"
    );
}

#[test]
fn a_server_that_connects_and_stays_silent_is_not_usable() {
    let server = server(Connection::stall, Connection::stall, Request::until_gone);
    let reason = "it opens a connection and says nothing within 1s";
    let told = assert_unusable(&[server.url()], "--timeout 1s", 3, reason);
    assert!(
        told["upgrade_ms"].is_number() && told["ping_ms"].is_null(),
        "{told}"
    );
}

#[test]
fn passing_and_lasting_refusals_differ_in_exit_code() {
    let [busy, limited, missing, moved] = [
        refusing("503 Service Unavailable", "", "not ready\n"),
        refusing("429 Too Many Requests", "Retry-After: 60\r\n", ""),
        refusing("404 Not Found", "", "404 page not found\n"),
        refusing(
            "301 Moved Permanently",
            "Location: wss://new.example/\r\n",
            "",
        ),
    ];
    let told = assert_unusable(&[busy.url()], "", 3, "HTTP 503: not ready");
    assert_eq!(told["http_status"], 503);
    assert_unusable(&[limited.url()], "", 3, "HTTP 429");
    let told = assert_unusable(&[missing.url()], "", 6, "HTTP 404: 404 page not found");
    assert_eq!(told["http_status"], 404);
    assert_unusable(
        &[moved.url()],
        "",
        6,
        "HTTP 301, moved to wss://new.example/",
    );
    assert_unusable(&[missing.url(), moved.url()], "", 6, "HTTP 404");
    assert_unusable(&[missing.url(), busy.url()], "", 3, "HTTP 404");
    assert_unusable(&[missing.url(), closed()], "", 3, "HTTP 404");
    let usable = legacy_server();
    let sources = [missing.url(), busy.url(), usable.url(), closed()];
    let output = Rocketman::probe(sources).succeed();
    assert_eq!((output.lines().len(), output.stderr.as_str()), (5, ""));
}

#[test]
fn a_closed_port_is_told_with_its_address() {
    let source = closed();
    let reason = format!("cannot connect to {source}: Connection refused");
    let told = assert_unusable(&[source], "", 3, &reason);
    assert!(told["connect_ms"].is_null(), "{told}");
}

#[test]
fn a_name_that_cannot_be_looked_up_is_told() {
    // No name server is asked: a label has at most 63 characters.
    let source = format!("{}.example", "x".repeat(64));
    let output = Rocketman::probe([source]).run();
    output.assert_says(3, &["no server is usable"]);
    assert!(
        output.stdout.contains("cannot look up the name: "),
        "{output:#?}"
    );
}

#[test]
fn what_answers_and_is_no_jetstream_is_told() {
    let cases: [(&[u8], &str); 4] = [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not speak HTTP"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            "HTTP 200: hi",
        ),
        (
            b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: no\r\n\r\n",
            "does not speak WebSocket",
        ),
        (b"", "closed during the upgrade"),
    ];
    for (answer, reason) in cases {
        let server = Server::every(move |request| match answer {
            b"" => request.cut(),
            answer => request.answer(answer),
        });
        assert_unusable(&[server.url()], "", 3, reason);
    }
}

#[test]
fn a_stream_without_an_event_that_can_be_read_is_told() {
    let closes = |connection: Connection| connection.close(1008, "too \u{1b}[2J many");
    let server = server(closes, closes, |request| {
        request.refuse("404 Not Found", "", "");
    });
    assert_unusable(
        &[server.url()],
        "",
        3,
        r"the server closed the connection (code 1008: too \x1b[2J many)",
    );
    let echo = streams(|connection| connection.send("welcome to the chat"));
    assert_unusable(
        &[echo.url()],
        "",
        3,
        "what it sends is no event: its envelope cannot be read",
    );
    let other =
        streams(|connection| connection.send_binary(compress_otherwise(&event(now_us(), None))));
    assert_unusable(
        &[other.url()],
        "",
        3,
        "it was compressed with another dictionary",
    );
    let broken = streams(|connection| connection.send_raw(b"\xff\xff\xff\xff"));
    assert_unusable(
        &[broken.url()],
        "",
        3,
        "the server broke the WebSocket protocol",
    );
}

/// A server whose streams begin like this.
fn streams(begin: impl Fn(&mut Connection) + Send + Sync + Copy + 'static) -> Server {
    let stream = move |mut connection: Connection| {
        begin(&mut connection);
        connection.until_closed();
    };
    server(stream, stream, |request| {
        request.refuse("404 Not Found", "", "");
    })
}

#[test]
fn hostile_answers_are_shown_without_what_a_terminal_acts_upon() {
    let body = "\u{1b}[2Jgone\r\n\u{202e}\u{9b}31mdlrow \"quoted\" \u{7}";
    let server = refusing("400 Bad Request", "Location: \u{9b}2J\u{202e}\r\n", body);
    let output = Rocketman::probe([server.url()]).run();
    assert_eq!(output.code, Some(6));
    assert_eq!(output.stdout.lines().count(), 2, "{output:#?}");
    let is_harmless = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
    assert!(output.stdout.chars().all(is_harmless), "{output:#?}");
    assert!(
        output.stdout.contains(r"HTTP 400: \u{1b}[2Jgone"),
        "{output:#?}"
    );
    let output = Rocketman::probe([server.url()]).with("--json").run();
    assert!(output.stdout.chars().all(is_harmless), "{output:#?}");
    assert_eq!(output.stdout.lines().count(), 1, "{output:#?}");
}

#[test]
fn a_certificate_or_a_proxy_that_is_no_good_is_told() {
    let (front, stranger) = (TlsFront::before(1), TlsFront::before(1));
    let call = Rocketman::probe([format!("wss://127.0.0.1:{}", front.port)]);
    fs::write(call.path("roots.pem"), &stranger.certificate).unwrap();
    let output = call.env("SSL_CERT_FILE", "roots.pem").run();
    output.assert_says(3, &["no server is usable"]);
    assert!(
        output
            .stdout
            .contains("TLS failed: invalid peer certificate"),
        "{output:#?}"
    );
    let proxy = Proxy::before(1, "407 Proxy Authentication Required");
    let call = Rocketman::probe(["ws://jetstream.test"]);
    let address = format!("http://me:hunter2@127.0.0.1:{}", proxy.port);
    let output = call.env("ALL_PROXY", address).with("--json").run();
    output.assert_says(3, &["no server is usable"]);
    let reason = json(&output)[0]["error"].to_string();
    assert!(
        reason.contains("407") && !output.stdout.contains("hunter2"),
        "{output:#?}"
    );
}

#[test]
fn what_cannot_be_begun_is_refused() {
    let run = |arguments: &[&str]| Rocketman::probe(arguments).run();
    run(&["localhost:1", "posts"]).assert_says(2, &["'posts' is not a source", "wss://HOST"]);
    run(&["wss://x.example/?a=b"]).assert_says(2, &["carries a query", "hint: ", "--collection"]);
    run(&["localhost:1", "--timeout", "0s"]).assert_says(2, &["--timeout", "longer than none"]);
    run(&["localhost:1", "--timeout", "500000000000y"]).assert_says(2, &["at most 100 years"]);
    run(&["localhost:1", "--timeout", "soon"]).assert_says(2, &["--timeout", "'soon'", "30s"]);
    run(&["localhost:1", "--cursor", "5"]).assert_says(2, &["--cursor"]);
    let roots = Rocketman::probe(["wss://127.0.0.1:1"]).env("SSL_CERT_FILE", "nowhere.pem");
    roots
        .run()
        .assert_says(2, &["root certificates", "nowhere.pem"]);
    let proxy = Rocketman::probe(["x.example"]).env("HTTPS_PROXY", "socks5://127.0.0.1:1");
    proxy
        .run()
        .assert_says(2, &["HTTPS_PROXY", "https://x.example", "http://HOST:PORT"]);
    let unneeded = Rocketman::probe(["ws://127.0.0.1:1"]).env("ALL_PROXY", "socks5://127.0.0.1:1");
    unneeded.run().assert_says(3, &["no server is usable"]);
}

#[test]
fn a_silent_archive_or_past_takes_no_longer_than_the_timeout() {
    let live = |mut connection: Connection| {
        connection.send(event(now_us(), Some(1)));
        connection.until_closed();
    };
    let server = server(live, Connection::stall, Request::until_gone);
    let Output { code, stdout, .. } = Rocketman::probe([server.url()]).with("--timeout 2s").run();
    assert_eq!(code, Some(0));
    let row: Vec<_> = stdout.lines().nth(1).unwrap().split_whitespace().collect();
    assert!(row.join(" ").ends_with(" s new ? ? no"), "{stdout}");
}
