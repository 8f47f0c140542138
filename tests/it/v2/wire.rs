//! Which wire is read, and what comes over it.

use super::{DICTIONARY, STREAM, frame, is_compressed, refuse, send, service, streams};
use crate::support::{
    events::{account, identity, post, posts, unlike},
    jetstream::Server,
    program::Rocketman,
};

fn lines() -> Vec<String> {
    vec![post(0), unlike(1), identity(2), account(3), post(4)]
}

#[test]
fn frames_become_the_lines_of_the_v1_wire() {
    for (flags, compressed) in [("", true), ("--threads 2", true), ("--no-compress", false)] {
        let server = service(move |request| {
            assert_eq!(is_compressed(&request), compressed);
            let offered = request.header("sec-websocket-protocol");
            assert_eq!(offered, Some("xrpc.v1.json"));
            let mut connection = request.accept();
            send(&mut connection, compressed, lines());
            connection.until_closed();
        });
        let call = Rocketman::tail(&server.service()).with("-n 5").with(flags);
        assert_eq!(call.succeed().lines(), lines());
    }
}

#[test]
fn raw_keeps_the_frames() {
    let server = service(|request| {
        let mut connection = request.accept();
        send(&mut connection, false, lines());
        connection.until_closed();
    });
    let call = Rocketman::tail(&server.service()).with("--raw -n 2 -c app.bsky.feed.post");
    let output = call.succeed();
    let frames = [post(0), post(4)].map(|line| frame(&line));
    assert_eq!(output.lines(), frames);
}

#[test]
fn the_v1_wire_is_read_only_where_there_is_no_other() {
    for (status, code) in [("404 Not Found", 404), ("501 Not Implemented", 501)] {
        let server = Server::every(move |request| match &*request.target {
            DICTIONARY => request.refuse(status, "", ""),
            _ => posts(3)(request),
        });
        let call = Rocketman::tail(&server.service()).with("-n 3 --no-compress");
        let output = call.succeed();
        assert_eq!(output.lines(), [0, 1, 2].map(post));
        assert_eq!(server.requests(), [DICTIONARY, "/subscribe"]);
        let said = format!("does not have the v2 wire (HTTP {code})");
        assert!(output.stderr.contains(&said), "{}", output.stderr);
    }
}

#[test]
fn trouble_at_the_question_is_trouble_of_the_host() {
    let server = Server::every(|request| match &*request.target {
        DICTIONARY => request.refuse("503 Service Unavailable", "", "soon"),
        other => panic!("{other}"),
    });
    let call = Rocketman::tail(&server.service()).with("--max-retries 2");
    call.run()
        .assert_says(3, &["HTTP 503", "gave up on http://127.0.0.1"]);
    assert_eq!(server.requests(), [DICTIONARY; 3]);
}

#[test]
fn a_service_that_loses_its_v2_wire_is_read_over_v1() {
    let server = Server::every(|request| match &*request.target {
        DICTIONARY => request.bytes("", b"<html>welcome</html>"),
        STREAM => request.refuse("404 Not Found", "", ""),
        _ => posts(3)(request),
    });
    let call = Rocketman::tail(&server.service()).with("-n 3 --no-compress");
    assert_eq!(call.succeed().lines(), [0, 1, 2].map(post));
}

#[test]
fn an_address_with_the_path_of_the_v2_wire_is_read_there() {
    let server = service(|request| {
        let compressed = is_compressed(&request);
        let mut connection = request.accept();
        send(&mut connection, compressed, lines());
        connection.until_closed();
    });
    let url = server.url().replace("/subscribe", STREAM);
    assert_eq!(
        Rocketman::tail(&url).with("-n 5").succeed().lines(),
        lines()
    );
    // Where nothing is to be compressed there is nothing to ask.
    let call = Rocketman::tail(&url).with("-n 1 --no-compress");
    call.succeed();
    assert_eq!(server.requests()[2..], [STREAM]);
}

#[test]
fn only_what_is_wanted_is_asked_for() {
    for (flags, query) in [
        (
            "-c app.bsky.feed.post",
            "?kinds=commit&kinds=identity&collections=app.bsky.feed.post",
        ),
        ("-k account", "?kinds=identity&kinds=account"),
        ("-k all -c app.bsky.feed.*", "?collections=app.bsky.feed.*"),
        ("--max-message-size 1000", "?maxMessageSizeBytes=1000"),
        ("--did did:plc:a", "?dids=did%3Aplc%3Aa"),
        ("", ""),
    ] {
        let server = service(|request| refuse(request, "400 Bad Request", "InvalidRequest"));
        let call = Rocketman::tail(&server.service())
            .with("--no-compress")
            .with(flags);
        call.run().assert_says(6, &["InvalidRequest"]);
        assert_eq!(streams(&server), [format!("{STREAM}{query}")]);
    }
}

#[test]
fn another_subprotocol_than_was_offered_is_an_error() {
    let server = service(|mut request| {
        let answer = request.upgrade("Sec-WebSocket-Protocol: xrpc.v2.cbor\r\n");
        request = request.before_it(answer.as_bytes());
        request.until_gone();
    });
    let call = Rocketman::tail(&server.service()).with("--max-retries 0");
    call.run()
        .assert_says(3, &["another subprotocol", "'xrpc.v2.cbor'"]);
}

#[test]
fn what_is_no_event_is_counted_and_the_stream_goes_on() {
    let server = service(|request| {
        let mut connection = request.accept();
        send(&mut connection, false, [post(0)]);
        let info = r#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#info","name":"OutdatedCursor","message":"m"}}"#;
        connection.send(info);
        connection.send(r#"{"$type":"gossip"}"#);
        connection.send(frame(&post(1)).replace("#commit", "#gossip"));
        connection.send(frame(&post(1)).replace("\"did\"", "\"dad\""));
        connection.send(post(1));
        send(&mut connection, false, [post(2)]);
        connection.until_closed();
    });
    let call = Rocketman::tail(&server.service()).with("-n 2 --bad-events bad");
    let bad = call.path("bad");
    let folder = tempfile::tempdir().unwrap();
    let output = call.inside(folder.path()).succeed();
    drop(bad);
    assert_eq!(output.lines(), [0, 2].map(post));
    let kept = std::fs::read_to_string(folder.path().join("bad")).unwrap();
    assert_eq!(
        kept.matches(r#""class":"unknown_type""#).count(),
        2,
        "{kept}"
    );
    assert_eq!(kept.matches(r#""class":"envelope""#).count(), 2, "{kept}");
    let said = "4 malformed messages skipped";
    assert!(output.stderr.contains(said), "{}", output.stderr);
}

#[test]
fn why_the_server_ends_a_connection_is_said() {
    let server = service(|request| {
        let is_first = request.cursor().is_none();
        let mut connection = request.accept();
        send(&mut connection, false, (0..3).map(post));
        if is_first {
            connection
                .send(r#"{"$type":"error","error":"ConsumerTooSlow","message":"be\u001bquick"}"#);
        } else {
            send(&mut connection, false, [post(3)]);
        }
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.service()).with("-n 4").succeed();
    assert_eq!(output.lines(), [0, 1, 2, 3].map(post));
    let said = r"the server ends the connection: ConsumerTooSlow: be\u{1b}quick";
    assert!(output.stderr.contains(said), "{}", output.stderr);
}

#[test]
fn failover_goes_from_wire_to_wire_by_time() {
    let v2 = service(|request| {
        if request.cursor().is_some() {
            return refuse(request, "503 Service Unavailable", "ServiceUnavailable");
        }
        let mut connection = request.accept();
        send(&mut connection, false, (0..3).map(post));
        connection.cut();
    });
    let v1 = Server::every(|request| {
        assert!(request.cursor() >= Some(1_000_000_000_000_000));
        let mut connection = request.accept();
        connection.send_all((0..5).map(post));
        connection.until_closed();
    });
    let call = Rocketman::new(["tail", &v2.service(), &v1.url()]);
    let output = call.with("-n 5 --max-backoff 1ms --no-compress").succeed();
    assert_eq!(output.lines(), (0..5).map(post).collect::<Vec<_>>());
}
