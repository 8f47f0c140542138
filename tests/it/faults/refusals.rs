//! HTTP answers that are no upgrade, in the middle of a run.

use std::time::Duration;

use super::{AT_ONCE, script, the_last_of_three, two_and_a_cut, unreachable};
use crate::support::{
    events::post,
    jetstream::{Request, Server},
    program::Rocketman,
};

#[test]
fn a_refusal_that_passes_is_tried_again() {
    for status in [
        "429 Too Many Requests",
        "500 Internal Server Error",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "504 Gateway Timeout",
    ] {
        let survived = unreachable("", move |request| request.refuse(status, "", "not\nyet"));
        let code = status.get(..3).unwrap();
        let words = format!(r"HTTP {code}: not\nyet; trying again in 0.0 s");
        survived.assert_told(&words, Duration::ZERO..AT_ONCE);
    }
}

#[test]
fn a_refusal_for_good_is_the_end_and_the_next_run_goes_on() {
    let location = "Location: https://new.example/subscribe\r\n";
    for (status, headers, hint) in [
        (
            "400 Bad Request",
            "",
            "check --cursor, --collection and --did",
        ),
        ("401 Unauthorized", "", "credentials"),
        ("403 Forbidden", "", "credentials"),
        ("404 Not Found", "", "/subscribe"),
        ("301 Moved Permanently", location, "https://new.example/"),
        ("302 Found", location, "https://new.example/"),
        ("307 Temporary Redirect", location, "https://new.example/"),
        ("308 Permanent Redirect", location, "https://new.example/"),
    ] {
        let server = Server::expecting([
            script(two_and_a_cut),
            script(move |request: Request| request.refuse(status, headers, "no")),
            script(the_last_of_three),
        ]);
        let folder = tempfile::tempdir().unwrap();
        let run = || {
            Rocketman::tail(&server.url())
                .with("-n 3 --cursor-file cursor")
                .inside(folder.path())
        };
        let output = run().run();
        let code = status.get(..3).unwrap();
        let error = format!("error: {} refused: HTTP {code}: no\n", server.url());
        output.assert_says(6, &[&error, "\nhint: ", hint]);
        assert_eq!(output.lines(), [post(0), post(1)]);
        let output = run().with("-n 1").succeed();
        assert_eq!(output.lines(), [post(2)], "{status}");
    }
}

/// What a server may say before it answers.
const BEFORE: &str = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\nDate: x\r\n\r\n";

#[test]
fn answers_before_the_last_are_passed_over() {
    let upgraded = |request: Request| {
        let mut connection = request.before_it(BEFORE.as_bytes()).accept();
        connection.send(post(0));
        connection.until_closed();
    };
    let refused = |request: Request| {
        let request = request.before_it(BEFORE.as_bytes());
        request.refuse("404 Not Found", "", "no");
    };
    let server = Server::expecting([script(upgraded), script(refused)]);
    let output = Rocketman::tail(&server.url()).with("-n 1").succeed();
    assert_eq!(output.lines(), [post(0)]);
    let output = Rocketman::tail(&server.url()).run();
    output.assert_says(6, &["refused: HTTP 404: no"]);
}

#[test]
fn answers_before_the_last_that_never_end_are_a_failed_try() {
    let server = Server::one(|request| {
        let heads = BEFORE.repeat(64 * 1024 / BEFORE.len() + 1);
        request.before_it(heads.as_bytes()).until_gone();
    });
    let call = Rocketman::tail(&server.url()).with("--max-retries 0");
    call.run().assert_says(3, &["longer than 64 KiB"]);
}

#[test]
fn an_answer_of_hundreds_of_lines_is_read() {
    let server = Server::one(|request| {
        let headers = "X-Something: or other\r\n".repeat(500);
        request.refuse("404 Not Found", &headers, "no");
    });
    let output = Rocketman::tail(&server.url()).run();
    output.assert_says(6, &["refused: HTTP 404: no"]);
}
