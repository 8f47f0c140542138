//! How a cursor is kept while the program runs.

use std::thread;

use rustix::process::Signal;

use super::*;

#[test]
fn the_file_is_whole_whenever_it_is_read() {
    const TOTAL: u64 = 400;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::one(|request| {
        let mut connection = request.accept();
        for n in 0..TOTAL {
            connection.send(post(n));
            // Slowly enough for many saves.
            thread::sleep(std::time::Duration::from_millis(2));
        }
        connection.until_closed();
    });
    // To a file, which accepts as soon as it is synced; a pipe would hold the cursor back.
    let running = tail(&server, folder.path())
        .with("-o events.ndjson --save-interval 5ms")
        .start();
    let mut seen = Vec::new();
    wait_until("the last event is saved", || {
        for _ in 0..20 {
            // Fails by itself on anything that is not JSON.
            if let Some(cursor) = read(folder.path()) {
                let seq = cursor["seq"].as_u64().unwrap();
                if seen.last() != Some(&seq) {
                    seen.push(seq);
                }
            }
        }
        seen.last() == Some(&TOTAL)
    });
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code, Some(0));
    assert!(seen.is_sorted(), "it went backwards: {seen:?}");
    assert!(seen.len() > 10, "saved only at {seen:?}");
}

/// A folder that is taken away under the program, with its cursor.
fn with_folder_taken_away(then: impl FnOnce(&Path)) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let sub = folder.path().join("state");
    fs::create_dir(&sub).unwrap();
    let server = Server::every(|request| {
        let mut connection = request.accept();
        connection.send_all(posts(0, 2));
        // A ping every time round makes the stream go on, with an event for each answer.
        for n in 2.. {
            connection.ping();
            loop {
                match connection.try_receive() {
                    Some(message) if message.is_pong() => break,
                    Some(_) => {}
                    None => return,
                }
            }
            connection.send(post(n));
        }
    });
    let running = Rocketman::tail(&server.url())
        .with("--cursor-file state/cursor.json --save-interval 5ms -o events.ndjson")
        .inside(folder.path())
        .start();
    wait_until("a cursor", || sub.join("cursor.json").exists());
    // The program makes files in it meanwhile.
    wait_until("the folder goes", || fs::remove_dir_all(&sub).is_ok());
    running.message("the cursor could not be saved, trying again");
    // Many more saves fail, and nothing more is said.
    let file = folder.path().join("events.ndjson");
    let len = fs::metadata(&file).unwrap().len();
    wait_until("more events", || {
        fs::metadata(&file).unwrap().len() > len + 100_000
    });
    then(&sub);
    if sub.exists() {
        running.message("the cursor is saved again");
    }
    running.signal(Signal::TERM);
    running.finish()
}

#[test]
fn a_save_that_fails_is_told_once_and_tried_again() {
    let output = with_folder_taken_away(|folder| fs::create_dir(folder).unwrap());
    assert_eq!(output.code, Some(0), "{output:#?}");
    let said = "warning: the cursor could not be saved, trying again";
    assert_eq!(count(&output, said), 1, "{output:#?}");
    assert_eq!(count(&output, "the cursor is saved again"), 1);
}

#[test]
fn a_save_that_still_fails_at_the_end_is_exit_code_1() {
    let output = with_folder_taken_away(|_| {});
    assert_eq!(output.code, Some(1), "{output:#?}");
    let said = "warning: the cursor could not be saved, trying again";
    assert_eq!(count(&output, said), 1, "{output:#?}");
    assert_eq!(count(&output, "error: cannot write cursor file"), 1);
}

#[test]
fn a_failed_last_save_is_reported_beside_another_failure() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("state")).unwrap();
    let server = counting_server(2);
    let output = Rocketman::tail(&server.url())
        .with("--cursor-file state/cursor.json --save-interval 1h -x sh -c")
        .arg("[ -e second ] && rm -r state && exit 1; touch second")
        .inside(folder.path())
        .run();
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert_eq!(count(&output, "error: 'sh' failed on"), 1, "{output:#?}");
    let said = "warning: the cursor could not be saved at the end: cannot write cursor file";
    assert_eq!(count(&output, said), 1, "{output:#?}");
}

#[test]
fn a_closed_stdout_saves_the_cursor_for_what_was_certainly_read() {
    const TOTAL: u64 = 2000;
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(TOTAL);
    let mut running = tail(&server, folder.path()).start();
    let read_lines = running.lines(1000);
    running.close_stdout();
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output:#?}");
    // Our reader's buffer of 8 KiB may have read beyond the lines that were asked for.
    let most = 1000 + 8 * 1024 / post(0).len() as u64;
    let seq = read(folder.path()).unwrap()["seq"].as_u64().unwrap();
    assert!((1..=most).contains(&seq), "saved at {seq}");
    let next = number(&tail(&server, folder.path()).start().line());
    assert!(next <= most, "a gap up to {next}");
    assert_eq!(read_lines, posts(0, 1000));
}

#[test]
fn the_cursor_trails_what_the_reader_of_a_pipe_has_read() {
    const TOTAL: u64 = 2000;
    /// What the reader here takes out of the pipe at once.
    const AHEAD: u64 = 8 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(TOTAL);
    let mut running = tail(&server, folder.path())
        .with("--save-interval 1ms")
        .start();
    let saved = || read(folder.path()).unwrap()["seq"].as_u64().unwrap();
    // Nobody reads: the pipe fills up, and only a mere beginning is saved.
    wait_until("a cursor", || read(folder.path()).is_some());
    let cursor = read(folder.path()).unwrap();
    assert_eq!(cursor["seq"], 1);
    assert_eq!(cursor["identity"], serde_json::Value::Null);
    let lines = running.lines(1000);
    let read_at_most = 1000 + AHEAD / lines[0].len() as u64 + 1;
    wait_until("a further cursor", || {
        let seq = saved();
        assert!(
            seq <= read_at_most,
            "saved at {seq}, read at most {read_at_most}"
        );
        seq > 500
    });
    // Once all is read, the quiet stream's last lines count too, although the pipe could hold them.
    assert_eq!(running.lines(1000).last(), posts(1999, TOTAL).last());
    wait_until("the last cursor", || saved() == TOTAL);
}

#[test]
fn an_output_file_may_have_any_name() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let folder = tempfile::tempdir().unwrap();
    let name = OsStr::from_bytes(b"events-\xff");
    let server = counting_server(30);
    let archive = || {
        let call = tail(&server, folder.path()).with("-n 5 -o");
        call.arg(name).succeed();
    };
    archive();
    let file = folder.path().join(name);
    // As after a crash: the file has more than the cursor counts.
    fs::write(&file, fs::read_to_string(&file).unwrap() + &post(5) + "\n").unwrap();
    archive();
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written.lines().collect::<Vec<_>>(), posts(0, 10));
}
