//! How a stream goes on over the v2 wire, and over both.

use std::fs;

use super::{DICTIONARY, STREAM, frame, is_compressed, refuse, send, service, streams};
use crate::support::{
    events::{EPOCH, STEP, post},
    jetstream::{Request, Server},
    program::Rocketman,
};

/// 100 seconds after event 0.
const LATER: u64 = 100_000;

/// Sends posts from the one that was asked for on, up to this one, and cuts or stays.
fn posts_up_to(request: Request, end: u64, cuts: bool) {
    let from = request.cursor().map_or(0, |seq| seq - 1);
    let compressed = is_compressed(&request);
    let mut connection = request.accept();
    send(&mut connection, compressed, (from..end).map(post));
    if cuts {
        connection.cut();
    } else {
        connection.until_closed();
    }
}

#[test]
fn a_resume_is_by_number_and_verified() {
    let server = service(|request| {
        let is_first = request.cursor().is_none();
        posts_up_to(request, if is_first { 5 } else { 9 }, is_first);
    });
    let output = Rocketman::tail(&server.service()).with("-n 9").succeed();
    assert_eq!(output.lines(), (0..9).map(post).collect::<Vec<_>>());
    let query = format!("{STREAM}?zstdDictionary=20260811");
    assert_eq!(streams(&server), [query.clone(), query + "&cursor=5"]);
    assert!(
        output.stderr.contains("1 repeat dropped"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_number_that_means_another_event_now_is_resumed_by_time() {
    let server = service(|request| match request.cursor() {
        None => posts_up_to(request, 5, true),
        // The same number, and another event: the server was killed in between.
        Some(5) => {
            let mut connection = request.accept();
            let other = frame(&post(7)).replace("\"seq\":8", "\"seq\":5");
            connection.send(other);
            connection.until_closed();
        }
        Some(cursor) => {
            assert_eq!(cursor, EPOCH + 4 * STEP - 2000);
            let mut connection = request.accept();
            let numbered = |n: u64| {
                let frame = frame(&post(n));
                frame.replace(
                    &format!("\"seq\":{}", n + 1),
                    &format!("\"seq\":{}", n + 50),
                )
            };
            connection.send_all((2..8).map(numbered));
            connection.until_closed();
        }
    });
    let call = Rocketman::tail(&server.service()).with("-n 8 --rewind 2ms --no-compress");
    let output = call.succeed();
    let number = |n: u64| {
        let line = post(n);
        line.replace(
            &format!("\"cursor\":{}", n + 1),
            &format!("\"cursor\":{}", n + 50),
        )
    };
    let expected: Vec<_> = (0..5).map(post).chain((5..8).map(number)).collect();
    assert_eq!(output.lines(), expected);
    let said = "renumbered its events; resuming by time";
    assert!(output.stderr.contains(said), "{}", output.stderr);
}

#[test]
fn a_future_number_is_noticed_by_what_comes() {
    let server = service(|request| match request.cursor() {
        None => posts_up_to(request, 5, true),
        // The server has less than it had: it answers with the live tip.
        Some(5) => {
            let mut connection = request.accept();
            connection.send(frame(&post(9)).replace("\"seq\":10", "\"seq\":3"));
            connection.until_closed();
        }
        Some(_) => {
            let mut connection = request.accept();
            let fresh = frame(&post(9)).replace("\"seq\":10", "\"seq\":3");
            connection.send_all([frame(&post(4)).replace("\"seq\":5", "\"seq\":2"), fresh]);
            connection.until_closed();
        }
    });
    let output = Rocketman::tail(&server.service())
        .with("-n 6 --no-compress")
        .succeed();
    assert_eq!(
        output.lines()[5],
        post(9).replace("\"cursor\":10", "\"cursor\":3")
    );
}

/// A server that has lost all events before [`LATER`].
fn forgetful() -> Server {
    service(|request| match request.cursor() {
        None => posts_up_to(request, 3, true),
        Some(1..1_000_000_000_000_000) => refuse(request, "400 Bad Request", "CursorTooOld"),
        Some(_) => {
            let mut connection = request.accept();
            let info = r#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#info","name":"OutdatedCursor"}}"#;
            connection.send(info);
            connection.send_all([LATER, LATER + 1].map(|n| frame(&post(n))));
            connection.until_closed();
        }
    })
}

#[test]
fn a_number_that_is_too_old_is_a_gap_told_in_time() {
    let server = forgetful();
    let call = Rocketman::tail(&server.service()).with("-n 5 --no-compress");
    let output = call.succeed();
    let expected = [0, 1, 2, LATER, LATER + 1].map(post);
    assert_eq!(output.lines(), expected);
    let line = "GAP from=2026-09-21T14:13:20.002000Z to=2026-09-21T14:15:00.000000Z: ";
    assert_eq!(output.stderr.matches(line).count(), 1, "{}", output.stderr);
    // What is our own doing is no reconnect: there was one cut.
    assert!(output.stderr.contains(", 1 reconnect"), "{}", output.stderr);
}

#[test]
fn on_gap_fail_ends_where_a_number_is_too_old() {
    let server = forgetful();
    let call = Rocketman::tail(&server.service()).with("--on-gap fail --no-compress");
    let output = call.run();
    output.assert_says(4, &["GAP from=2026-09-21T14:13:20.002000Z"]);
    assert_eq!(output.lines(), [0, 1, 2].map(post));
}

#[test]
fn a_gap_of_moments_is_told_where_the_server_says_so() {
    let server = service(|request| match request.cursor() {
        None => posts_up_to(request, 3, true),
        Some(3) => refuse(request, "400 Bad Request", "CursorTooOld"),
        Some(_) => {
            let mut connection = request.accept();
            connection.send(frame(&post(9)));
            connection.until_closed();
        }
    });
    let output = Rocketman::tail(&server.service())
        .with("-n 4 --no-compress")
        .succeed();
    let line = "GAP from=2026-09-21T14:13:20.002000Z to=2026-09-21T14:13:20.009000Z";
    assert!(output.stderr.contains(line), "{}", output.stderr);
}

#[test]
fn another_error_of_that_status_is_a_refusal() {
    let server = service(|request| match request.cursor() {
        None => posts_up_to(request, 3, true),
        Some(_) => refuse(request, "400 Bad Request", "CursorTooNew"),
    });
    let output = Rocketman::tail(&server.service())
        .with("--no-compress")
        .run();
    output.assert_says(6, &["CursorTooNew"]);
}

#[test]
fn a_change_of_wire_goes_on_by_number() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::every(|request| match &*request.target {
        DICTIONARY => request.bytes("", b"none"),
        target if target.starts_with(STREAM) => {
            let from = request.cursor().map_or(0, |seq| seq - 1);
            let mut connection = request.accept();
            send(&mut connection, false, (from..20).map(post));
            connection.until_closed();
        }
        _ => {
            let from = request.cursor().map_or(0, |seq| seq - 1);
            let mut connection = request.accept();
            connection.send_all((from..20).map(post));
            connection.until_closed();
        }
    });
    let run = |source: &str| {
        let call = Rocketman::tail(source).with("-n 3 --cursor-file c --no-compress");
        call.inside(folder.path()).succeed().stdout
    };
    let sources = [server.url(), server.service(), server.url()];
    let read: String = sources.iter().map(|source| run(source)).collect();
    let expected: String = (0..9).map(|n| post(n) + "\n").collect();
    assert_eq!(read, expected);
    let cursors: Vec<_> = server
        .requests()
        .iter()
        .filter_map(|target| Some(target.split_once("cursor=")?.1.to_owned()))
        .collect();
    assert_eq!(cursors, ["3", "6"]);
    // A file of an earlier version names the path.
    let file = folder.path().join("c");
    let text = fs::read_to_string(&file).unwrap();
    let earlier = text.replace(&server.service(), &server.url());
    assert_ne!(text, earlier);
    fs::write(&file, earlier).unwrap();
    let fourth: String = (9..12).map(|n| post(n) + "\n").collect();
    assert_eq!(run(&server.service()), fourth);
    assert!(server.requests().last().unwrap().ends_with("cursor=9"));
}
