//! What the next run makes of a cursor that was set: it asks for exactly that, and delivers the
//! event there first.

use super::*;
use crate::support::jetstream::Connection;

/// Words that would mean that the place was not taken as it was set.
const SPURIOUS: [&str; 5] = [
    "otherwise",
    "another server",
    "another filter",
    "GAP",
    "warning",
];

/// Sets the cursor, then reads three events, and wants nothing said about it.
#[track_caller]
fn three_after(server: &Server, folder: &Path, arguments: &str) -> Output {
    cursor(folder, arguments).succeed();
    let output = tail(server, folder).with("-n 3").succeed();
    for word in SPURIOUS {
        assert_eq!(count(&output, word), 0, "{word:?} in {}", output.stderr);
    }
    output
}

#[test]
fn a_time_is_asked_for_exactly_whichever_server_the_file_was_of() {
    let expected = (EPOCH + 7 * STEP).to_string();
    for host in [
        None,
        Some(String::new()),
        Some("wss://elsewhere.example/subscribe".to_owned()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = counting_server(30);
        if let Some(host) = host {
            let host = if host.is_empty() { server.url() } else { host };
            write(folder.path(), &host, 20);
        }
        let output = three_after(
            &server,
            folder.path(),
            "set cursor.json 2026-09-21T14:13:20.007Z",
        );
        assert_eq!(output.lines(), posts(7, 10));
        assert_eq!(cursors(&server), [expected.as_str()]);
        // From then on it is an ordinary cursor, by number.
        tail(&server, folder.path()).with("-n 1").succeed();
        assert_eq!(cursors(&server)[1], "10");
    }
}

#[test]
fn a_server_that_does_not_count_is_asked_for_the_time_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let server = legacy_server(30);
    tail(&server, folder.path()).with("-n 20").succeed();
    let output = three_after(
        &server,
        folder.path(),
        "set cursor.json 2026-09-21T14:13:20.007Z",
    );
    assert_eq!(output.lines(), (7..10).map(legacy_post).collect::<Vec<_>>());
    let output = three_after(&server, folder.path(), "rewind cursor.json 5ms");
    assert_eq!(output.lines(), (4..7).map(legacy_post).collect::<Vec<_>>());
    let asked = [7, 4].map(|n| (EPOCH + n * STEP).to_string());
    assert_eq!(cursors(&server)[1..], asked);
}

#[test]
fn a_number_is_asked_for_exactly_and_its_event_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(30);
    tail(&server, folder.path()).with("-n 20").succeed();
    let output = three_after(&server, folder.path(), "set cursor.json 8");
    assert_eq!(output.lines(), posts(7, 10));
    tail(&server, folder.path()).with("-n 1").succeed();
    assert_eq!(cursors(&server), ["", "8", "10"]);
    let fresh = tempfile::tempdir().unwrap();
    let source = format!("set cursor.json 8 --source {}", server.url());
    assert_eq!(
        three_after(&server, fresh.path(), &source).lines(),
        posts(7, 10)
    );
}

#[test]
fn rewind_delivers_again_what_lies_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(30);
    tail(&server, folder.path()).with("-n 20").succeed();
    let output = three_after(&server, folder.path(), "rewind cursor.json 10ms");
    assert_eq!(output.lines(), posts(9, 12));
    assert_eq!(cursors(&server)[1], (EPOCH + 9 * STEP).to_string());
    let output = three_after(&server, folder.path(), "rewind cursor.json 30s");
    assert_eq!(output.lines(), posts(0, 3));
}

#[test]
fn a_number_whose_event_is_gone_begins_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::every(|request| {
        let first = if request.cursor() == Some(8) { 9 } else { 0 };
        send(request, (first..20).map(post));
    });
    let source = format!("set cursor.json 8 --source {}", server.url());
    assert_eq!(
        three_after(&server, folder.path(), &source).lines(),
        posts(9, 12)
    );
    // The second one asks how far back the server goes.
    assert_eq!(cursors(&server), ["8", "1000000000000000"]);
}

#[test]
fn events_before_a_time_are_dropped_and_a_gap_after_it_shown() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::every(|request| send(request, (1..30).map(post)));
    let set = "set cursor.json 2026-09-21T14:13:20.007Z";
    let output = three_after(&server, folder.path(), set);
    assert_eq!(output.lines(), posts(7, 10));
    assert_eq!(
        count(&output, "6 earlier events dropped"),
        1,
        "{}",
        output.stderr
    );
    cursor(folder.path(), "rewind cursor.json 1h").succeed();
    let before = text(folder.path());
    let output = tail(&server, folder.path())
        .with("-n 3 --on-gap fail")
        .run();
    output.assert_says(4, &["GAP from=2026-09-21T13:13:20.009000Z"]);
    assert_eq!(text(folder.path()), before, "it stays before the gap");
}

#[test]
fn a_number_is_never_sent_to_another_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(30);
    cursor(
        folder.path(),
        "set cursor.json 8 --source elsewhere.example",
    )
    .succeed();
    let before = text(folder.path());
    let output = tail(&server, folder.path()).with("-n 3").run();
    let words = [
        "the saved cursor is number 8 of https://elsewhere.example, which is not among the sources",
        "hint: name that server as a SOURCE, or set the cursor to a time",
    ];
    output.assert_says(2, &words);
    assert!(server.requests().is_empty());
    assert_eq!(text(folder.path()), before);
    // What the hint says helps.
    assert_eq!(
        three_after(&server, folder.path(), "set cursor.json 1790000000000000").lines(),
        posts(0, 3)
    );
}

#[test]
fn only_the_server_of_the_number_is_asked_until_it_answers() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |request: Request| request.refuse("503 Service Unavailable", "", "");
    let serve = |request: Request| send(request, (7..30).map(post));
    let scripts: [Box<dyn FnOnce(Request) + Send>; 3] =
        [Box::new(refuse), Box::new(refuse), Box::new(serve)];
    let server = Server::expecting(scripts);
    let other = counting_server(30);
    let source = format!("set cursor.json 8 --source {}", server.url());
    cursor(folder.path(), &source).succeed();
    let call = Rocketman::tail(&other.url()).arg(server.url());
    let call = call
        .with("--cursor-file cursor.json -n 3")
        .inside(folder.path());
    assert_eq!(call.succeed().lines(), posts(7, 10));
    assert_eq!(cursors(&server), ["8", "8", "8"]);
    assert!(other.requests().is_empty());
    // This is the use that the drop of the other server asks for.
    Rocketman::tail(&other.url()).with("-n 1").succeed();
}

#[test]
fn a_server_without_the_number_is_an_error_and_not_a_tip() {
    type Events = fn() -> Vec<String>;
    let cases: [Events; 2] = [
        || (0..5).map(post).collect(),
        || (0..5).map(legacy_post).collect(),
    ];
    for events in cases {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::one(move |request| send(request, events().into_iter()));
        let source = format!("set cursor.json 8 --source {}", server.url());
        cursor(folder.path(), &source).succeed();
        let before = text(folder.path());
        let output = tail(&server, folder.path()).with("-n 3").run();
        let said = format!("{} does not begin with number 8", server.url());
        output.assert_says(2, &[&said, "hint: set the cursor to a time"]);
        assert_eq!(output.stdout, "");
        assert_eq!(text(folder.path()), before);
    }
}

#[test]
fn a_cursor_that_was_set_stays_until_the_first_event() {
    let folder = tempfile::tempdir().unwrap();
    let silent = |request: Request| send(request, std::iter::empty());
    let (say, heard) = std::sync::mpsc::channel::<()>();
    let one = move |request: Request| {
        let mut connection: Connection = request.accept();
        connection.send(post(7));
        heard.recv().ok();
    };
    let scripts: [Box<dyn FnOnce(Request) + Send>; 2] = [Box::new(silent), Box::new(one)];
    let server = Server::expecting(scripts);
    let source = format!("set cursor.json 8 --source {}", server.url());
    cursor(folder.path(), &source).succeed();
    let before = text(folder.path());
    let call = || tail(&server, folder.path()).with("--save-interval 1ms");
    call().with("--duration 300ms").succeed();
    assert_eq!(text(folder.path()), before);
    // Nobody has read it out of the pipe for certain, so that a crash has to come back to it.
    let mut running = call().start();
    assert_eq!(running.line(), post(7));
    wait_until("a beginning", || shown(folder.path())["place"] != "seq");
    let report = shown(folder.path());
    assert_eq!(
        (&report["seq"], &report["time_us"]),
        (&8.into(), &(EPOCH + 7 * STEP).into())
    );
    running.kill();
    drop(say);
}

#[test]
fn a_typed_beginning_wins_over_one_that_was_set() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(30);
    cursor(
        folder.path(),
        "set cursor.json 9 --source elsewhere.example",
    )
    .succeed();
    let output = tail(&server, folder.path())
        .with("-n 2 --cursor 5")
        .succeed();
    assert_eq!(output.lines(), posts(4, 6));
    let said = "a beginning is given: the saved cursor is not used";
    assert_eq!(count(&output, said), 1, "{}", output.stderr);
}

#[test]
fn a_changed_filter_is_still_said() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(30);
    tail(&server, folder.path()).with("-n 20").succeed();
    cursor(folder.path(), "set cursor.json 2026-09-21T14:13:20.007Z").succeed();
    let output = tail(&server, folder.path())
        .with("-n 3 -c app.bsky.feed.post")
        .succeed();
    assert_eq!(output.lines(), posts(7, 10));
    let said = "the saved cursor was made with another filter";
    assert_eq!(count(&output, said), 1, "{}", output.stderr);
}

#[test]
fn a_forgotten_file_is_kept_whole_and_counted_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(30);
    let file = folder.path().join("events.ndjson");
    let archive = |flags: &str| {
        let call = tail(&server, folder.path()).with("-o events.ndjson");
        call.with(flags).succeed();
    };
    let lines = || -> Vec<u64> {
        fs::read_to_string(&file)
            .unwrap()
            .lines()
            .map(number)
            .collect()
    };
    archive("-n 10");
    // As after a crash: the file has more than the cursor counts.
    fs::write(&file, fs::read_to_string(&file).unwrap() + &post(10) + "\n").unwrap();
    assert_eq!(shown(folder.path())["files"][0]["state"], "longer");
    cursor(folder.path(), "set cursor.json 21 --forget-files").succeed();
    archive("-n 2");
    let forward: Vec<u64> = (0..11).chain([20, 21]).collect();
    assert_eq!(lines(), forward, "nothing that was on the disk is cut off");
    cursor(folder.path(), "rewind cursor.json 16ms --forget-files").succeed();
    archive("-n 2");
    let back: Vec<u64> = forward.iter().copied().chain([5, 6]).collect();
    assert_eq!(lines(), back);
    // From now on exactly once again.
    fs::write(
        &file,
        fs::read_to_string(&file).unwrap() + &post(7) + "\n" + &post(8),
    )
    .unwrap();
    archive("-n 2");
    assert_eq!(lines(), [back, vec![7, 8]].concat());
}
