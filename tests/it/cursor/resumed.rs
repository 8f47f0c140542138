//! From one run to the next.

use std::fs;

use rustix::process::Signal;

use super::*;
use crate::support::wait_until;

#[test]
fn after_a_clean_end_the_next_run_has_no_repeats_or_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(30);
    let mut all = Vec::new();
    for _ in 0..3 {
        let output = tail(&server, folder.path()).with("-n 10").succeed();
        all.extend(output.stdout.lines().map(str::to_owned));
    }
    assert_eq!(all, posts(0, 30));
    // A number goes only to a server that is known to count, and then always.
    assert_eq!(cursors(&server), ["", "10", "20"]);
}

#[test]
fn a_server_that_does_not_count_is_asked_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let server = legacy_server(30);
    let mut all = Vec::new();
    for _ in 0..3 {
        let output = tail(&server, folder.path()).with("-n 10").succeed();
        all.extend(output.stdout.lines().map(str::to_owned));
    }
    assert_eq!(all, (0..30).map(legacy_post).collect::<Vec<_>>());
    // It goes back the rewind, and not beyond the first event; what it finds there is known.
    let first = EPOCH.to_string();
    assert_eq!(cursors(&server), ["", &first, &first]);
}

#[test]
fn after_a_signal_the_next_run_has_no_repeats_or_gaps() {
    let folder = tempfile::tempdir().unwrap();
    // The first connection has ten events, the second goes on from there.
    let server = Server::every(|request| {
        let (first, end) = request.cursor().map_or((0, 10), |cursor| (cursor - 1, 20));
        send(request, (first..end).map(post));
    });
    let mut running = tail(&server, folder.path()).start();
    let first = running.lines(10);
    running.signal(Signal::TERM);
    let output = running.finish();
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""));
    assert_eq!(count(&output, "10 events delivered, cursor saved at"), 1);
    let output = tail(&server, folder.path()).with("-n 10").succeed();
    assert_eq!(first, posts(0, 10));
    assert_eq!(output.lines(), posts(10, 20));
}

#[test]
fn after_kill_9_nothing_is_missing() {
    const TOTAL: u64 = 4000;
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(TOTAL);
    let mut printed = Vec::new();
    for n in [1, 700, 1500] {
        let mut running = tail(&server, folder.path())
            .with("--save-interval 1ms")
            .start();
        let mut lines = running.lines(n);
        // It trails what was read by what the pipe holds; this much it has to be saved before the
        // kill.
        wait_until("the cursor follows", || {
            read(folder.path()).is_some_and(|saved| saved["seq"].as_u64().unwrap() + 400 > n as u64)
        });
        let rest = running.kill();
        lines.extend(rest.split_inclusive('\n').filter_map(|line| {
            // A line that was torn by the kill comes again.
            line.strip_suffix('\n').map(str::to_owned)
        }));
        printed.push(lines);
    }
    let mut last = tail(&server, folder.path()).start();
    let mut lines = Vec::new();
    while lines.last() != Some(&post(TOTAL - 1)) {
        lines.push(last.line());
    }
    printed.push(lines);
    let mut next = 0;
    for run in printed {
        let first = run.first().map_or(next, |line| number(line));
        assert!(first <= next, "a gap from {next} to {first}");
        let expected = posts(first, first + run.len() as u64);
        assert!(run == expected, "a run of {} lines from {first}", run.len());
        next = next.max(first + run.len() as u64);
    }
    assert_eq!(next, TOTAL);
    let resumed: Vec<u64> = cursors(&server)[1..]
        .iter()
        .map(|cursor| cursor.parse().unwrap())
        .collect();
    assert!(
        resumed.is_sorted() && resumed[2] > 500,
        "the whole stream came again each time: {resumed:?}"
    );
}

#[test]
fn after_kill_9_each_event_is_in_the_file_exactly_once() {
    const EACH: u64 = 3000;
    let folder = tempfile::tempdir().unwrap();
    // Every connection has some events more than the one before, so that each run is killed with
    // new ones in hand.
    let connections = std::sync::atomic::AtomicU64::new(0);
    let server = Server::every(move |request| {
        let end = EACH * (1 + connections.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
        let first = request.cursor().map_or(0, |cursor| cursor - 1);
        let mut connection = request.accept();
        for n in first..end {
            connection.send(post(n));
        }
        connection.until_closed();
    });
    let file = folder.path().join("events.ndjson");
    let len = || fs::metadata(&file).map_or(0, |file| file.len());
    for run in 0..5 {
        let before = len();
        let running = tail(&server, folder.path())
            .with("-o events.ndjson --save-interval 2ms")
            .start();
        server.wait_for_requests(run + 1);
        wait_until("a cursor and some growth", || {
            len() > before + 1000 * run as u64 && read(folder.path()).is_some()
        });
        running.kill();
    }
    let output = tail(&server, folder.path())
        .with("-o events.ndjson --duration 60s")
        .start();
    wait_for_seq(folder.path(), EACH * 6);
    output.signal(Signal::TERM);
    assert_eq!(output.finish().code, Some(0));
    let written = fs::read_to_string(&file).unwrap();
    let mut lines = written.lines();
    for n in 0..EACH * 6 {
        assert_eq!(lines.next(), Some(post(n).as_str()), "line {n}");
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn a_run_that_receives_nothing_leaves_the_cursor_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    // The second connection has nothing but the event that is known.
    let server = counting_server(5);
    tail(&server, folder.path())
        .with("-o events.ndjson -n 5")
        .succeed();
    let before = read(folder.path()).unwrap();
    assert_eq!(before["files"].as_array().map(Vec::len), Some(1));
    tail(&server, folder.path())
        .with("-o events.ndjson --save-interval 1ms --duration 300ms")
        .succeed();
    assert_eq!(read(folder.path()).unwrap(), before);
}

#[test]
fn the_cursor_of_another_host_resumes_by_time_less_the_rewind() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(30);
    write(folder.path(), "wss://elsewhere.example/subscribe", 20);
    let output = tail(&server, folder.path())
        .with("-n 3 --rewind 5ms")
        .succeed();
    assert_eq!(cursors(&server), [(EPOCH + 15 * STEP).to_string()]);
    assert_eq!(output.lines(), posts(15, 18));
    assert_eq!(
        count(
            &output,
            "the saved cursor is of another server; resuming by time"
        ),
        1,
        "{}",
        output.stderr
    );
    // From now on it is this server's.
    tail(&server, folder.path()).with("-n 1").succeed();
    assert_eq!(cursors(&server)[1], "18");
}

#[test]
fn of_several_servers_the_one_that_the_cursor_is_of_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let other = counting_server(30);
    let server = counting_server(30);
    write(folder.path(), &server.url(), 20);
    let output = Rocketman::tail(&other.url())
        .arg(server.url())
        .with("--cursor-file cursor.json -n 3")
        .inside(folder.path())
        .succeed();
    assert_eq!(output.lines(), posts(20, 23));
    assert_eq!(cursors(&server), ["21"]);
    assert!(other.requests().is_empty());
    // It is a server that is never used by the program; this is the use that its drop asks for.
    tail(&other, tempfile::tempdir().unwrap().path())
        .with("-n 1")
        .succeed();
}

#[test]
fn a_changed_filter_is_said_and_goes_on_without_repeats() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(30);
    tail(&server, folder.path()).with("-n 10").succeed();
    let output = tail(&server, folder.path())
        .with("-n 3 -c app.bsky.feed.post")
        .succeed();
    assert_eq!(cursors(&server)[1], "10");
    assert_eq!(output.lines(), posts(10, 13));
    let said = "the saved cursor was made with another filter";
    assert_eq!(count(&output, said), 1, "{}", output.stderr);
    let again = tail(&server, folder.path())
        .with("-n 1 -c app.bsky.feed.post")
        .succeed();
    assert_eq!(cursors(&server)[2], "13");
    assert_eq!(count(&again, said), 0, "{}", again.stderr);
}

#[test]
fn a_missing_cursor_file_starts_live_and_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(5);
    let output = tail(&server, folder.path()).with("-n 5").succeed();
    assert_eq!(cursors(&server), [""]);
    assert_eq!(output.lines(), posts(0, 5));
    let cursor = read(folder.path()).unwrap();
    assert_eq!(cursor["seq"], 5);
    assert_eq!(cursor["host"], server.service().as_str());
}

#[test]
fn another_event_under_the_saved_number_is_resumed_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(30);
    write(folder.path(), &server.url(), 20);
    // The file says another time for that number: the server has begun to count anew.
    let text = fs::read_to_string(folder.path().join("cursor.json")).unwrap();
    let earlier = text.replace(
        &(EPOCH + 20 * STEP).to_string(),
        &(EPOCH + 12 * STEP).to_string(),
    );
    fs::write(folder.path().join("cursor.json"), earlier).unwrap();
    let output = tail(&server, folder.path())
        .with("-n 3 --rewind 2ms")
        .succeed();
    assert_eq!(
        cursors(&server),
        ["21".to_owned(), (EPOCH + 10 * STEP).to_string()]
    );
    assert_eq!(output.lines(), posts(10, 13));
}
