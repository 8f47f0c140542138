//! Opening a connection: TLS, proxies, the upgrade, compression, long filters.

use std::{fs, net::TcpListener, sync::mpsc};

use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    compress::compress,
    events::{did, identity, post, unlike},
    front::{Proxy, TlsFront},
    jetstream::{Request, Server},
    program::Rocketman,
};

/// What a server noticed about a request.
struct Asked {
    target: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    fn header(&self, wanted: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    }
}

/// Sends one post, and waits until the client is gone.
fn send_one(request: Request) {
    let mut connection = request.accept();
    connection.send(post(0));
    connection.until_closed();
}

/// What a server is asked for, with these flags.
fn asked(flags: &str) -> Asked {
    let (tell, told) = mpsc::channel();
    let server = Server::one(move |request| {
        let (target, headers) = (request.target.clone(), request.headers.clone());
        tell.send(Asked { target, headers }).unwrap();
        send_one(request);
    });
    let call = Rocketman::tail(&server.url()).with("-n 1");
    assert_eq!(call.with(flags).succeed().lines(), [post(0)]);
    told.recv().unwrap()
}

/// A port that refuses connections.
fn closed_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

#[test]
fn the_filter_goes_as_repeated_parameters_of_the_query() {
    let flags = format!(
        "-c app.bsky.feed.post -c app.bsky.graph.* -d {} -d did:web:a%3A1 --max-message-size 64K",
        did(0)
    );
    let target = asked(&flags).target;
    let (path, query) = target.split_once('?').unwrap();
    assert_eq!(path, "/subscribe");
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let values = |wanted: &str| -> Vec<&str> {
        let of_name = pairs.iter().filter(|(name, _)| name == wanted);
        of_name.map(|(_, value)| value.as_str()).collect()
    };
    let collections = ["app.bsky.feed.post", "app.bsky.graph.*"];
    assert_eq!(values("wantedCollections"), collections);
    assert_eq!(values("wantedDids"), [did(0).as_str(), "did:web:a%3A1"]);
    assert_eq!(values("maxMessageSizeBytes"), ["65536"]);
    assert_eq!(values("cursor"), Vec::<&str>::new());
}

#[test]
fn what_is_above_the_size_limit_is_left_out_and_counted() {
    let large = post(1).replace("héllo", &"x".repeat(1000));
    let (at_the_limit, length) = (post(2), post(2).len());
    let messages = [post(0), large, at_the_limit, unlike(3)];
    let server = Server::every(move |request| {
        let mut connection = request.accept();
        connection.send_all(messages.clone());
        connection.until_closed();
    });
    let call = Rocketman::tail(&server.url()).with(&format!("--max-message-size {length} -n 3"));
    let output = call.succeed();
    assert_eq!(output.lines(), [post(0), post(2), unlike(3)]);
    let words = ["1 event above --max-message-size left out", "of at most"];
    output.assert_says(0, &words);
    // What is not wanted in any case is not counted.
    let flags = format!("--max-message-size {length} --op delete -n 1");
    let output = Rocketman::tail(&server.url()).with(&flags).succeed();
    assert_eq!(output.lines(), [unlike(3)]);
    assert!(!output.stderr.contains("left out"), "{}", output.stderr);
}

#[test]
fn compression_is_asked_for_unless_it_is_not_wanted() {
    assert_eq!(asked("").target, "/subscribe?compress=true");
    assert_eq!(asked("--no-compress").target, "/subscribe");
}

#[test]
fn the_request_says_who_asks() {
    let asked = asked("");
    let expected = concat!("rocketman/", env!("CARGO_PKG_VERSION"));
    assert_eq!(asked.header("user-agent"), Some(expected));
    assert!(asked.header("host").unwrap().starts_with("127.0.0.1:"));
}

#[test]
fn compressed_events_come_out_as_they_went_in() {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        for n in 0..200 {
            connection.send_binary(compress(&post(n), n % 2 == 0));
        }
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.url()).with("-n 200").succeed();
    assert_eq!(output.lines(), (0..200).map(post).collect::<Vec<_>>());
}

#[test]
fn a_long_list_of_accounts_goes_as_a_message() {
    let (tell, told) = mpsc::channel();
    let server = Server::one(move |request| {
        let target = request.target.clone();
        let mut connection = request.accept();
        let Message::Text(hello) = connection.receive() else {
            panic!("the first message is no text");
        };
        tell.send((target, hello.to_string())).unwrap();
        connection.send_all([post(7), post(3)]);
        connection.until_closed();
    });
    let call = Rocketman::tail(&server.url()).with("-n 1 -d @dids.txt -c app.bsky.feed.*");
    let wanted: Vec<String> = (0..100).filter(|n| *n != 7).map(did).collect();
    let file = format!("# a hundred, less one\n\n{} # me\n", wanted.join("\n\n"));
    fs::write(call.path("dids.txt"), file).unwrap();
    assert_eq!(call.succeed().lines(), [post(3)]);
    let (target, hello) = told.recv().unwrap();
    assert_eq!(target, "/subscribe?requireHello=true&compress=true");
    let hello: serde_json::Value = serde_json::from_str(&hello).unwrap();
    assert_eq!(hello["type"], "options_update");
    assert_eq!(hello["payload"]["wantedDids"], serde_json::json!(wanted));
    let collections = &hello["payload"]["wantedCollections"];
    assert_eq!(*collections, serde_json::json!(["app.bsky.feed.*"]));
}

#[test]
fn an_account_that_stands_in_a_list_many_times_counts_once() {
    let (tell, told) = mpsc::channel();
    let server = Server::one(move |request| {
        tell.send(request.target.clone()).unwrap();
        let mut connection = request.accept();
        connection.send_all([post(4), post(3)]);
        connection.until_closed();
    });
    let call = Rocketman::tail(&server.url()).with("-n 1 -d @dids.txt");
    let lines = format!("{}\n{}\n", did(5), did(3)).repeat(10_001);
    fs::write(call.path("dids.txt"), lines).unwrap();
    assert_eq!(call.succeed().lines(), [post(3)]);
    let target = told.recv().unwrap();
    assert_eq!(target.matches("wantedDids=").count(), 2, "{target}");
}

#[test]
fn a_secure_address_is_read_through_tls() {
    let server = Server::one(send_one);
    let front = TlsFront::before(server.port());
    let call = Rocketman::tail(&format!("wss://127.0.0.1:{}/subscribe", front.port));
    fs::write(call.path("roots.pem"), &front.certificate).unwrap();
    let output = call.env("SSL_CERT_FILE", "roots.pem").with("-n 1");
    assert_eq!(output.succeed().lines(), [post(0)]);
}

#[test]
fn an_untrusted_certificate_ends_the_try_with_its_reason() {
    let front = TlsFront::before(closed_port());
    let stranger = TlsFront::before(closed_port());
    let url = format!("wss://127.0.0.1:{}/subscribe", front.port);
    let call = Rocketman::tail(&url).with("--max-retries 0");
    fs::write(call.path("roots.pem"), &stranger.certificate).unwrap();
    let output = call.env("SSL_CERT_FILE", "roots.pem").run();
    let words = [&*url, "TLS with '127.0.0.1' failed", "certificate"];
    output.assert_says(3, &words);
    assert_eq!(output.stdout, "");
}

#[test]
fn without_any_root_certificate_the_variable_to_set_is_named() {
    let call = Rocketman::tail("wss://127.0.0.1:1/subscribe").with("--max-retries 0");
    let call = call.env("SSL_CERT_FILE", "nowhere.pem");
    call.run()
        .assert_says(2, &["root certificates", "nowhere.pem"]);
}

#[test]
fn a_proxy_opens_the_way_to_a_host_that_only_it_can_reach() {
    let server = Server::one(send_one);
    let front = TlsFront::before(server.port());
    let proxy = Proxy::before(front.port, "200 Connection established");
    let call = Rocketman::tail("wss://jetstream.test/subscribe").with("-n 1 -v");
    fs::write(call.path("roots.pem"), &front.certificate).unwrap();
    let address = format!("http://me:hunter2@127.0.0.1:{}", proxy.port);
    let call = call.env("HTTPS_PROXY", address);
    let output = call.env("SSL_CERT_FILE", "roots.pem").succeed();
    assert_eq!(output.lines(), [post(0)]);
    let heads = proxy.heads();
    assert_eq!(heads.len(), 1);
    assert!(
        heads[0].starts_with("CONNECT jetstream.test:443 HTTP/1.1\r\n"),
        "{heads:?}"
    );
    assert!(
        heads[0].contains("Proxy-Authorization: Basic bWU6aHVudGVyMg==\r\n"),
        "{heads:?}"
    );
    assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
}

#[test]
fn a_proxy_that_refuses_is_named_without_its_secret() {
    let proxy = Proxy::before(closed_port(), "407 Proxy Authentication Required");
    let address = format!("http://me:hunter2@127.0.0.1:{}", proxy.port);
    let call = Rocketman::tail("ws://jetstream.test/subscribe").with("--max-retries 0");
    let output = call.env("ALL_PROXY", address).run();
    let shown = format!("the proxy http://127.0.0.1:{}", proxy.port);
    output.assert_says(3, &[&shown, "407", "ws://jetstream.test"]);
    assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
}

#[test]
fn what_a_proxy_says_before_its_answer_is_passed_over() {
    let server = Server::one(send_one);
    let before = "100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK";
    let proxy = Proxy::before(server.port(), before);
    let call = Rocketman::tail("ws://jetstream.test/subscribe").with("-n 1 --max-retries 0");
    let call = call.env("HTTP_PROXY", format!("127.0.0.1:{}", proxy.port));
    assert_eq!(call.succeed().lines(), [post(0)]);
    let after = "102 Processing\r\n\r\nHTTP/1.1 407 Proxy Authentication Required";
    let proxy = Proxy::before(server.port(), after);
    let call = Rocketman::tail("ws://jetstream.test/subscribe").with("--max-retries 0");
    let call = call.env("HTTP_PROXY", format!("127.0.0.1:{}", proxy.port));
    call.run()
        .assert_says(3, &["it answered 407 Proxy Authentication"]);
}

#[test]
fn an_unusable_proxy_is_said_where_it_would_be_used() {
    const PROXY: &str = "socks5://me:hunter2@127.0.0.1:1";
    let call = Rocketman::tail("ws://jetstream.test/subscribe");
    let output = call.env("ALL_PROXY", PROXY).run();
    let words = [
        "ALL_PROXY",
        "ws://jetstream.test",
        "http://HOST:PORT",
        "NO_PROXY",
    ];
    output.assert_says(2, &words);
    assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
    // Of a list, the one that would need it.
    let call = Rocketman::tail("ws://127.0.0.1:1").arg("ws://jetstream.test");
    call.env("all_proxy", PROXY)
        .run()
        .assert_says(2, &["all_proxy", "ws://jetstream.test"]);
}

#[test]
fn an_unusable_proxy_is_no_matter_where_none_is_needed() {
    let server = Server::every(send_one);
    let url = format!("ws://0.0.0.0:{}/subscribe", server.port());
    for (source, no_proxy) in [
        ("demo:", ""),
        (&server.url(), ""),
        (&url, "*"),
        (&url, "jetstream.test,0.0.0.0/8"),
    ] {
        let call = Rocketman::tail(source)
            .with("-n 1")
            .env("NO_PROXY", no_proxy);
        let call = call.env("ALL_PROXY", "socks5://127.0.0.1:1");
        let call = call.env("https_proxy", "https://127.0.0.1:1");
        assert_eq!(call.succeed().lines().len(), 1, "{source}");
    }
}

#[test]
fn hosts_in_no_proxy_are_reached_directly() {
    // The one address that leads to this machine and is not loopback, which is always direct.
    let server = Server::every(send_one);
    let url = format!("ws://0.0.0.0:{}/subscribe", server.port());
    let proxy = Proxy::before(server.port(), "200 OK");
    for (no_proxy, tunnels) in [
        ("jetstream.test,10.0.0.0/8", 1),
        ("jetstream.test,0.0.0.0", 1),
        ("0.0.0.0/8", 1),
    ] {
        let call = Rocketman::tail(&url).with("-n 1");
        let call = call.env("HTTP_PROXY", format!("127.0.0.1:{}", proxy.port));
        let output = call.env("NO_PROXY", no_proxy).succeed();
        assert_eq!(output.lines(), [post(0)]);
        assert_eq!(proxy.heads().len(), tunnels, "{no_proxy}");
    }
}

#[test]
fn a_silent_server_is_given_up_after_the_connect_timeout() {
    let server = Server::one(Request::until_gone);
    let call = Rocketman::tail(&server.url());
    let output = call.with("--max-retries 0 --connect-timeout 300ms").run();
    output.assert_says(3, &[&server.url(), "no answer within 300ms"]);
}

#[test]
fn what_answers_and_is_no_jetstream_is_told() {
    let cases: [(&[u8], &str); 3] = [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not speak HTTP"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
            "does not speak WebSocket",
        ),
        (b"", "closed during the upgrade"),
    ];
    for (answer, why) in cases {
        let server = Server::one(move |request| match answer {
            b"" => request.cut(),
            answer => request.answer(answer),
        });
        let call = Rocketman::tail(&server.url()).with("--max-retries 0");
        call.run().assert_says(3, &[&server.url(), why]);
    }
}

#[test]
fn the_next_source_is_tried_when_one_refuses() {
    let server = Server::one(send_one);
    let closed = format!("ws://127.0.0.1:{}/subscribe", closed_port());
    let call = Rocketman::tail(&closed).arg(server.url()).with("-n 1");
    let output = call.succeed();
    assert_eq!(output.lines(), [post(0)]);
    let trying = format!("trying {}", server.url());
    output.assert_says(0, &[&format!("cannot reach {closed}"), &trying]);
    let first = output.stderr.lines().next().unwrap();
    assert!(
        first.contains(&format!("{closed} (or 1 other)")),
        "{first:?}"
    );
}

#[test]
fn the_first_message_says_what_is_read_and_what_is_left_out() {
    let all = "all kinds of events, from now on";
    let hint = "add --kind all to keep account, identity and sync events";
    let cases = [
        ("", all, false),
        (
            "-c app.bsky.feed.post",
            "collections app.bsky.feed.post",
            true,
        ),
        (
            "-c app.bsky.feed.post -k all",
            "all kinds of events, collections app.bsky.feed.post",
            false,
        ),
        (
            "--since 2026-09-21T14:00:00Z",
            "from 2026-09-21T14:00:00.000000Z",
            false,
        ),
        ("--cursor 1", "from number 1", false),
    ];
    for (flags, words, has_hint) in cases {
        let server = Server::every(|request| {
            let mut connection = request.accept();
            connection.send(identity(0));
            connection.send(post(10_000_000));
            connection.until_closed();
        });
        let call = Rocketman::tail(&server.url()).with("-n 1");
        let output = call.with(flags).succeed();
        let first = output.stderr.lines().next().unwrap();
        let beginning = format!("rocketman: reading {}: ", server.url());
        assert!(first.starts_with(&beginning), "{first:?}");
        assert!(first.contains(words), "no {words:?} in {first:?}");
        assert_eq!(first.contains(hint), has_hint, "{first:?}");
    }
}
