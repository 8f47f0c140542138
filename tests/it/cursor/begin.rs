//! A beginning for the first run alone.

use super::*;

#[test]
fn a_new_cursor_begins_there_and_a_known_one_goes_on() {
    for (begin, first) in [
        ("2026-09-21T14:13:20.004Z", 4),
        ("1790000000006000", 6),
        ("9", 8),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = counting_server(30);
        let call = || {
            tail(&server, folder.path())
                .with("-v -n 2 --begin")
                .arg(begin)
        };
        let output = call().succeed();
        assert_eq!(output.lines(), posts(first, first + 2), "{begin}");
        assert_eq!(count(&output, "from the cursor in"), 0, "{}", output.stderr);
        let output = call().succeed();
        assert_eq!(output.lines(), posts(first + 2, first + 4), "{begin}");
        assert_eq!(count(&output, "from the cursor in"), 1, "{}", output.stderr);
    }
}

#[test]
fn the_oldest_is_what_the_server_still_has_and_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::every(|request: Request| {
        let first = request.cursor().map_or(29, |cursor| cursor.max(11) - 1);
        send(request, (first..30).map(post));
    });
    let call = || {
        let call = tail(&server, folder.path());
        call.with("-n 2 --begin oldest --on-gap fail")
    };
    let output = call().succeed();
    assert_eq!(output.lines(), posts(10, 12));
    output.assert_says(0, &["from the oldest event on"]);
    assert_eq!(call().succeed().lines(), posts(12, 14));
    assert_eq!(cursors(&server), ["0", "12"]);
}

#[test]
fn a_kill_before_anything_was_saved_begins_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(3);
    let call = |flags: &str| {
        let call = tail(&server, folder.path()).with("--begin 2026-09-21T14:13:20.001Z");
        call.with(flags)
    };
    let mut running = call("--save-interval 1h -n 9").start();
    assert_eq!(running.line(), post(1));
    running.kill();
    assert_eq!(call("-n 2").succeed().lines(), posts(1, 3));
}

#[test]
fn it_needs_a_cursor_and_no_other_beginning() {
    let tail = || Rocketman::tail("ws://127.0.0.1:1/subscribe").with("--begin oldest");
    let refused = tail().run();
    refused.assert_says(
        2,
        &[
            "--begin is for a cursor that is kept, and none is",
            "hint: keep one with --cursor-file, or begin every run there with --cursor",
        ],
    );
    for flag in ["--cursor 1", "--since 2h"] {
        let refused = tail().with("--cursor-file c").with(flag).run();
        refused.assert_says(2, &["--begin", "cannot be used with"]);
    }
    let refused = Rocketman::tail("ws://127.0.0.1:1/subscribe")
        .with("--cursor-file c --begin eldest")
        .run();
    refused.assert_says(2, &["--begin: 'eldest' is neither"]);
}

#[test]
fn what_is_typed_wins_over_a_variable_of_another_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(9);
    let call = || tail(&server, folder.path()).env("ROCKETMAN_BEGIN", "2");
    assert_eq!(
        call().with("-n 1 --cursor 5").succeed().lines(),
        posts(4, 5)
    );
    assert_eq!(call().with("-n 1").succeed().lines(), posts(5, 6));
}
