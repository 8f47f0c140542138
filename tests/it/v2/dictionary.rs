//! The dictionary of the v2 wire: where it comes from, and what becomes of trouble with it.

use std::fs;

use super::{DICTIONARY, ID, STREAM, frame, is_compressed, refuse, send, service, streams};
use crate::support::{
    compress::{compress_with, dictionary},
    events::post,
    jetstream::{Request, Server},
    program::Rocketman,
};

fn three_posts(request: Request) {
    let compressed = is_compressed(&request);
    let mut connection = request.accept();
    send(&mut connection, compressed, (0..3).map(post));
    connection.until_closed();
}

fn parameter(request: &Request) -> String {
    request.parameters("zstdDictionary").concat()
}

#[test]
fn a_dictionary_is_kept_for_the_next_run() {
    let server = Server::every(|request| {
        if request.target != DICTIONARY {
            assert!(is_compressed(&request));
            return three_posts(request);
        }
        match request.header("if-none-match") {
            None => request.bytes("", &dictionary(ID)),
            Some(tag) => {
                assert_eq!(tag, format!("\"zstd-dict-{ID}\""));
                request.refuse("304 Not Modified", "", "");
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    for (name, below) in [
        ("XDG_CACHE_HOME", "rocketman"),
        ("HOME", ".cache/rocketman"),
    ] {
        let home = folder.path().join(name);
        for _ in 0..2 {
            let call = Rocketman::tail(&server.service())
                .with("-n 3")
                .env(name, &home);
            assert_eq!(call.succeed().lines(), [0, 1, 2].map(post));
        }
        let kept = home.join(below).join(format!("jetstream-{ID}.zdict"));
        if cfg!(target_os = "linux") || name == "XDG_CACHE_HOME" {
            assert_eq!(fs::read(kept).unwrap(), dictionary(ID));
        }
    }
}

#[test]
fn a_dictionary_that_is_no_use_is_no_obstacle() {
    let torn = b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n";
    let torn = [&torn[..], &dictionary(ID)[..30_000]].concat();
    let huge = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
    let huge = [&huge[..], &vec![0; 2 << 20]].concat();
    let whole = |body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let mut damaged = dictionary(ID);
    damaged[8..400].fill(0xff);
    for (answer, why) in [
        (torn, "did not arrive whole"),
        (huge, "larger than 1 MiB"),
        (whole(b"<html>welcome</html>"), "is not one"),
        (whole(&dictionary(0)), "is not one"),
        (whole(&damaged), "is damaged"),
    ] {
        let server = Server::every(move |request| {
            if request.target == DICTIONARY {
                let mut stream = request.into_stream();
                // The client does not read all of what is too large.
                std::io::Write::write_all(&mut stream, &answer).ok();
            } else {
                three_posts(request);
            }
        });
        let output = Rocketman::tail(&server.service()).with("-n 3").succeed();
        assert_eq!(output.lines(), [0, 1, 2].map(post));
        assert_eq!(streams(&server), [STREAM]);
        let said = format!("{why}; reading plain events");
        assert!(output.stderr.contains(&said), "{}", output.stderr);
    }
}

/// A server that has this dictionary in truth, while what is asked without an id gets another one
/// from a cache, unless that is gone around.
fn behind_a_cache(current: u32, heeds: bool) -> Server {
    Server::every(move |request| {
        if request.target.starts_with(STREAM) {
            match &*parameter(&request) {
                "" => three_posts(request),
                id if id == current.to_string() => {
                    let mut connection = request.accept();
                    for n in 0..3 {
                        let frame = frame(&post(n));
                        connection.send_binary(compress_with(&dictionary(current), &frame, true));
                    }
                    connection.until_closed();
                }
                id => {
                    let body = format!(
                        r#"{{"error":"UnknownZstdDictionary","message":"no {id}: the current dictionary id is {current}"}}"#
                    );
                    request.refuse("400 Bad Request", "", &body);
                }
            }
            return;
        }
        let around = request.header("cache-control") == Some("no-cache");
        let by_id = request.target == format!("{DICTIONARY}?id={current}");
        let id = if by_id || (around && heeds) {
            current
        } else {
            7
        };
        request.bytes("", &dictionary(id));
    })
}

#[test]
fn a_retired_dictionary_is_replaced() {
    for heeds in [true, false] {
        let server = behind_a_cache(ID, heeds);
        let output = Rocketman::tail(&server.service()).with("-n 3").succeed();
        assert_eq!(output.lines(), [0, 1, 2].map(post));
        let asked = [7, ID].map(|id| format!("{STREAM}?zstdDictionary={id}"));
        assert_eq!(streams(&server), asked);
        let by_id = server
            .requests()
            .iter()
            .any(|target| target.contains("?id="));
        assert_eq!(by_id, !heeds);
        assert!(!output.stderr.contains("warning"), "{}", output.stderr);
    }
}

#[test]
fn where_no_dictionary_is_taken_events_are_read_plain() {
    let server = service(|request| {
        if parameter(&request).is_empty() {
            three_posts(request);
        } else {
            refuse(request, "400 Bad Request", "UnknownZstdDictionary");
        }
    });
    let output = Rocketman::tail(&server.service()).with("-n 3").succeed();
    assert_eq!(output.lines(), [0, 1, 2].map(post));
    assert_eq!(
        streams(&server),
        [&*format!("{STREAM}?zstdDictionary={ID}"), STREAM]
    );
    let said = format!("it refuses its own dictionary {ID}; reading plain events");
    assert!(output.stderr.contains(&said), "{}", output.stderr);
}

#[test]
fn a_dictionary_that_rotates_while_connected_loses_nothing() {
    let server = Server::every(|request| {
        if request.target.starts_with(DICTIONARY) {
            let id = if request.target.ends_with("?id=8") {
                8
            } else {
                7
            };
            return request.bytes("", &dictionary(id));
        }
        let id: u32 = parameter(&request).parse().unwrap();
        let from = request.cursor().map_or(0, |seq| seq - 1);
        let mut connection = request.accept();
        for n in from..6 {
            let id = if n < 3 { id } else { 8 };
            let frame = compress_with(&dictionary(id), &frame(&post(n)), true);
            connection.send_binary(frame);
        }
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.service()).with("-n 6").succeed();
    assert_eq!(output.lines(), (0..6).map(post).collect::<Vec<_>>());
    let asked = ["7", "8&cursor=3"].map(|rest| format!("{STREAM}?zstdDictionary={rest}"));
    assert_eq!(streams(&server), asked);
}

#[test]
fn plain_frames_on_a_compressed_connection_are_read() {
    let server = service(|request| {
        assert!(is_compressed(&request));
        let mut connection = request.accept();
        for n in 0..6 {
            send(&mut connection, n % 2 == 0, [post(n)]);
        }
        connection.until_closed();
    });
    let output = Rocketman::tail(&server.service()).with("-n 6").succeed();
    assert_eq!(output.lines(), (0..6).map(post).collect::<Vec<_>>());
}
