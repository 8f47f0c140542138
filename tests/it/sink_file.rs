//! Lines in a file: appended, durable, and each exactly once, whatever happened to the run before.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use rustix::process::Signal;

use crate::support::{
    disk::SmallDisk,
    events::{post, posts},
    jetstream::{Request, Server},
    program::{Output, Rocketman},
    wait_until,
};

/// The lines of events `from` up to `to`.
fn lines(from: u64, to: u64) -> String {
    (from..to).map(|n| post(n) + "\n").collect()
}

/// `rocketman tail -o events --cursor-file cursor` in a folder that stays.
fn archive(server: &Server, folder: &Path) -> Rocketman {
    Rocketman::tail(&server.url())
        .with("-o events --cursor-file cursor")
        .inside(folder)
}

fn seq_in(cursor: &Path) -> Option<u64> {
    let text = fs::read_to_string(cursor).ok()?;
    let cursor: serde_json::Value = serde_json::from_str(&text).unwrap();
    cursor["seq"].as_u64()
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Asserts that the run was refused over its file, with a hint.
fn assert_refused(output: &Output, why: &str) {
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert!(output.stderr.contains(why), "{output:#?}");
    assert!(output.stderr.contains("\nhint: the cursor file counts on"));
}

#[test]
fn lines_are_appended_and_stdout_stays_empty() {
    let server = Server::every(posts(10));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events");
    fs::write(&file, "before\n").unwrap();
    for _ in 0..2 {
        let output = Rocketman::tail(&server.url())
            .with("-o events -n 3")
            .inside(folder.path())
            .succeed();
        assert_eq!(output.stdout, "");
    }
    let wanted = format!("before\n{}{}", lines(0, 3), lines(0, 3));
    assert_eq!(fs::read_to_string(file).unwrap(), wanted);
}

#[test]
fn the_saved_cursor_counts_exactly_the_bytes_of_the_file() {
    let server = Server::one(posts(500));
    let folder = tempfile::tempdir().unwrap();
    archive(&server, folder.path()).with("-n 321").succeed();
    let text = fs::read_to_string(folder.path().join("cursor")).unwrap();
    let cursor: serde_json::Value = serde_json::from_str(&text).unwrap();
    let file = folder.path().join("events");
    assert_eq!(cursor["seq"], 321);
    assert_eq!(cursor["files"][0]["bytes"], size(&file));
    assert_eq!(fs::read_to_string(&file).unwrap(), lines(0, 321));
}

#[test]
fn lines_become_durable_at_the_cursors_pace_while_it_runs() {
    let server = Server::one(posts(50));
    let folder = tempfile::tempdir().unwrap();
    let running = archive(&server, folder.path())
        .with("--save-interval 20ms")
        .start();
    let cursor = folder.path().join("cursor");
    wait_until("all events are accepted", || seq_in(&cursor) == Some(50));
    let written = fs::read_to_string(folder.path().join("events")).unwrap();
    assert_eq!(written, lines(0, 50));
    running.kill();
}

#[test]
fn a_run_that_never_connected_leaves_the_cursor_as_it_was() {
    let server = Server::expecting([
        Box::new(posts(20)) as Box<dyn FnOnce(Request) + Send>,
        Box::new(Request::until_gone),
    ]);
    let folder = tempfile::tempdir().unwrap();
    archive(&server, folder.path()).with("-n 5").succeed();
    let cursor = folder.path().join("cursor");
    let saved = fs::read_to_string(&cursor).unwrap();
    let running = archive(&server, folder.path()).start();
    server.wait_for_requests(2);
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code, Some(0));
    assert_eq!(fs::read_to_string(&cursor).unwrap(), saved);
}

#[test]
fn killed_ten_times_each_event_is_in_the_file_once() {
    const ALL: u64 = 60_000;
    let server = Server::every(posts(ALL));
    let folder = tempfile::tempdir().unwrap();
    let (file, cursor) = (folder.path().join("events"), folder.path().join("cursor"));
    let mut cut_back = 0;
    for round in 0..10 {
        let running = archive(&server, folder.path())
            .with("--save-interval 20ms")
            .start();
        if round > 0 {
            // A restart cuts first; only then does the size say anything.
            running.message("reading ");
            wait_until("it is connected", || server.requests().len() > round);
        }
        let enough = size(&file) + fastrand::u64(1..1_200_000);
        // Before the first save there is nothing to go on from.
        wait_until("the file grows", || {
            cursor.exists() && size(&file) >= enough
        });
        running.kill();
        let saved = seq_in(&cursor).unwrap();
        cut_back += u64::from(size(&file) != lines(0, saved).len() as u64);
    }
    let running = archive(&server, folder.path()).start();
    wait_until("the end of the stream", || {
        size(&file) >= lines(0, ALL).len() as u64
    });
    running.signal(Signal::TERM);
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(cut_back > 0, "no kill ever left lines behind the cursor");
    let found = fs::read_to_string(&file).unwrap();
    for (n, line) in found.lines().enumerate() {
        assert_eq!(line, post(n as u64), "line {n}");
    }
    assert_eq!(found.lines().count() as u64, ALL);
}

#[test]
fn a_torn_last_line_from_elsewhere_gets_its_line_end() {
    let server = Server::one(posts(3));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events");
    fs::write(&file, "whole\n{\"torn\":").unwrap();
    archive(&server, folder.path()).with("-n 3").succeed();
    let wanted = format!("whole\n{{\"torn\":\n{}", lines(0, 3));
    assert_eq!(fs::read_to_string(file).unwrap(), wanted);
}

#[test]
fn a_fixed_path_may_be_called_like_an_unfinished_file() {
    let server = Server::every(posts(20));
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        Rocketman::tail(&server.url())
            .with("-o x.partial --cursor-file cursor -n 5")
            .inside(folder.path())
            .succeed();
    }
    let found = fs::read_to_string(folder.path().join("x.partial")).unwrap();
    assert_eq!(found, lines(0, 10));
}

#[test]
fn what_was_appended_behind_the_cursor_is_cut_back_and_said() {
    let server = Server::every(posts(20));
    let folder = tempfile::tempdir().unwrap();
    archive(&server, folder.path()).with("-n 5").succeed();
    let file = folder.path().join("events");
    let mut appending = File::options().append(true).open(&file).unwrap();
    appending
        .write_all((post(5) + "\n{\"to").as_bytes())
        .unwrap();
    let output = archive(&server, folder.path()).with("-n 5").succeed();
    assert!(output.stderr.contains("bytes off"), "{output:#?}");
    assert_eq!(fs::read_to_string(file).unwrap(), lines(0, 10));
}

#[test]
fn a_file_shorter_than_its_cursor_says_is_refused() {
    let server = Server::one(posts(20));
    let folder = tempfile::tempdir().unwrap();
    archive(&server, folder.path()).with("-n 5").succeed();
    let (file, cursor) = (folder.path().join("events"), folder.path().join("cursor"));
    let saved = fs::read(&cursor).unwrap();
    let shorter = File::options().write(true).open(&file).unwrap();
    shorter.set_len(100).unwrap();
    let output = archive(&server, folder.path()).run();
    assert_refused(&output, "is shorter than the cursor counts on");
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        lines(0, 5).get(..100).unwrap()
    );
    assert_eq!(fs::read(&cursor).unwrap(), saved);
}

#[test]
fn another_file_of_the_same_name_is_refused_and_left_alone() {
    let server = Server::one(posts(20));
    let folder = tempfile::tempdir().unwrap();
    archive(&server, folder.path()).with("-n 5").succeed();
    let (file, cursor) = (folder.path().join("events"), folder.path().join("cursor"));
    let saved = fs::read(&cursor).unwrap();
    // Both exist at once, so that the inode is certainly another.
    let other = folder.path().join("other");
    fs::write(&other, lines(0, 9)).unwrap();
    fs::rename(&other, &file).unwrap();
    let output = archive(&server, folder.path()).run();
    assert_refused(&output, "is not the file that the cursor counts on");
    assert_eq!(fs::read_to_string(&file).unwrap(), lines(0, 9));
    assert_eq!(fs::read(&cursor).unwrap(), saved);
}

#[test]
fn a_path_that_cannot_be_a_file_is_refused_before_reading() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    for (path, said) in [
        (
            "folder",
            "cannot open file 'folder': Is a directory (os error 21)",
        ),
        (
            "missing/file",
            "cannot open file 'missing/file': No such file or directory (os error 2)",
        ),
        ("/dev/null", "output file '/dev/null' is not a regular file"),
    ] {
        let output = Rocketman::tail("ws://127.0.0.1:1/subscribe")
            .with("-o")
            .arg(path)
            .inside(folder.path())
            .run();
        assert_eq!(output.code, Some(2), "{output:#?}");
        let first = output.stderr.lines().next();
        assert_eq!(first, Some(format!("rocketman: error: {said}").as_str()));
        assert!(output.stderr.contains("\nhint: "), "{output:#?}");
        assert!(!output.stderr.contains("cursor"), "{output:#?}");
    }
}

#[test]
fn a_dash_is_stdout() {
    let server = Server::one(posts(3));
    let folder = tempfile::tempdir().unwrap();
    let output = Rocketman::tail(&server.url())
        .with("-o - -n 3")
        .inside(folder.path())
        .succeed();
    assert_eq!(output.stdout, lines(0, 3));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn after_a_full_disk_each_event_comes_once() {
    const ALL: u64 = 2000;
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    fs::create_dir(&small).unwrap();
    let Some(_disk) = SmallDisk::mount(&small) else {
        return;
    };
    let ballast = small.join("ballast");
    fs::write(&ballast, vec![0; 100 * 1024]).unwrap();
    let server = Server::every(posts(ALL));
    let run = || {
        Rocketman::tail(&server.url())
            .with("-o small/events --cursor-file cursor --save-interval 20ms")
            .inside(folder.path())
    };
    let output = run().run();
    assert_eq!(output.code, Some(1), "{output:#?}");
    let file = small.join("events");
    let error = format!(
        "cannot write to file '{}': No space left on device",
        file.display()
    );
    assert!(output.stderr.contains(&error), "{output:#?}");
    let text = fs::read_to_string(folder.path().join("cursor")).unwrap();
    let cursor: serde_json::Value = serde_json::from_str(&text).unwrap();
    let durable = usize::try_from(cursor["files"][0]["bytes"].as_u64().unwrap()).unwrap();
    let durable = fs::read(&file).unwrap()[..durable].to_vec();
    let done = memchr::memchr_iter(b'\n', &durable).count();
    fs::remove_file(ballast).unwrap();
    // Still too small for everything, but not for this.
    run().with(&format!("-n {}", 700 - done)).succeed();
    assert_eq!(fs::read_to_string(&file).unwrap(), lines(0, 700));
}
