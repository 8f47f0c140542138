//! What disks refuse: a clear error, and a cursor that stays at what is durable.

use std::{
    fs::{self, File, Permissions},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
};

use rustix::process::Signal;

use crate::support::{
    disk::SmallDisk,
    events::{post, posts},
    jetstream::{Request, Server},
    program::Rocketman,
    recorded::{assert_each_once, numbers},
    wait_until,
};

/// Writes until nothing more fits.
fn fill(path: &Path) {
    let mut ballast = File::create(path).unwrap();
    while ballast.write_all(&[0; 1024]).is_ok() {}
}

#[test]
fn with_wait_a_full_disk_is_said_and_waited_for() {
    const ALL: u64 = 600;
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    fs::create_dir(&small).unwrap();
    let Some(_disk) = SmallDisk::mount(&small) else {
        return;
    };
    for name in ["x.ndjson", "%S.ndjson", "x.zst"] {
        let ballast = small.join("ballast");
        fill(&ballast);
        let server = Server::every(posts(ALL));
        let run = || {
            Rocketman::tail(&server.url())
                .with("--cursor-file cursor --save-interval 20ms --on-disk-full wait --grace 1s -o")
                .arg(format!("small/out/{name}").replace("out/x", "x"))
                .inside(folder.path())
        };
        // A stop ends the wait, and is a failure: not all could be written.
        let running = run().start();
        let told = running.message("the disk is full, waiting for room to");
        assert!(
            told.contains("No space left") || told.contains("small/"),
            "{told}"
        );
        running.signal(Signal::TERM);
        let output = running.finish();
        output.assert_says(1, &["error: "]);
        let running = run().start();
        running.message("the disk is full, waiting for room to");
        fs::remove_file(&ballast).unwrap();
        running.message("there is room on the disk again");
        let cursor = folder.path().join("cursor");
        let last = format!("\"seq\": {ALL},");
        let is_done = || {
            fs::read_to_string(&cursor)
                .unwrap_or_default()
                .contains(&last)
        };
        if name == "x.zst" {
            running.signal(Signal::TERM);
            assert_eq!(running.finish().code, Some(0));
            let n = numbers(&small.join(name));
            assert!(n.iter().copied().eq(1..=n.len() as u64));
        } else {
            wait_until("all is saved", is_done);
            running.signal(Signal::TERM);
            assert_eq!(running.finish().code, Some(0));
            assert_each_once(&small, ALL);
        }
        for entry in fs::read_dir(&small).unwrap() {
            let path = entry.unwrap().path();
            fs::remove_dir_all(&path)
                .or_else(|_| fs::remove_file(&path))
                .unwrap();
        }
        fs::remove_file(cursor).unwrap();
    }
}

#[test]
fn with_wait_a_torn_last_line_waits_for_room_too() {
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    fs::create_dir(&small).unwrap();
    let Some(_disk) = SmallDisk::mount(&small) else {
        return;
    };
    // To the byte a whole number of pages, so that a line end needs one more.
    let torn = small.join("x.ndjson");
    fs::write(&torn, vec![b'x'; 64 * 1024]).unwrap();
    let ballast = small.join("ballast");
    fill(&ballast);
    let server = Server::every(posts(3));
    let running = Rocketman::tail(&server.url())
        .with("--on-disk-full wait -o small/x.ndjson")
        .inside(folder.path())
        .start();
    running.message("the disk is full, waiting for room to write to");
    fs::remove_file(&ballast).unwrap();
    let text = || fs::read_to_string(&torn).unwrap();
    wait_until("the events", || text().lines().count() == 4);
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code, Some(0));
    let text = text();
    let lines: Vec<_> = text.lines().skip(1).collect();
    assert_eq!(lines, [0, 1, 2].map(post));
}

#[test]
fn a_full_disk_ends_it_with_a_hint_and_loses_nothing() {
    const ALL: u64 = 650;
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    fs::create_dir(&small).unwrap();
    let Some(_disk) = SmallDisk::mount(&small) else {
        return;
    };
    let server = Server::every(posts(ALL));
    let ballast = small.join("ballast");
    fs::write(&ballast, vec![0; 120 * 1024]).unwrap();
    let run = || {
        Rocketman::tail(&server.url())
            .with("-o small/%S.ndjson --rotate-count 50 --cursor-file cursor --save-interval 5ms")
            .inside(folder.path())
    };
    let hint = "hint: make room";
    let output = run().run();
    output.assert_says(1, &["No space left on device", hint, "--on-disk-full wait"]);
    // Once more, to no avail.
    run()
        .run()
        .assert_says(1, &["No space left on device", hint]);
    fs::remove_file(&ballast).unwrap();
    let cursor = folder.path().join("cursor");
    let running = run().start();
    running.message("reading ");
    let last = format!("\"seq\": {ALL},");
    wait_until("all is saved", || {
        let text = fs::read_to_string(&cursor).unwrap_or_default();
        text.contains(&last)
    });
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code, Some(0));
    assert_each_once(&small, ALL);
}

#[test]
fn files_wait_for_a_cursor_that_cannot_be_saved() {
    const ALL: u64 = 400;
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    fs::create_dir(&small).unwrap();
    let Some(_disk) = SmallDisk::mount(&small) else {
        return;
    };
    let (cursor, ballast) = (small.join("cursor"), small.join("ballast"));
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let may_go_on = std::sync::Mutex::new(may_go_on);
    let server = Server::every(move |request: Request| {
        let from = request.cursor().map_or(0, |seq| seq - 1);
        let mut connection = request.accept();
        connection.send_all((from..10).map(post));
        may_go_on.lock().unwrap().recv().ok();
        connection.send_all((from.max(10)..250).map(post));
        may_go_on.lock().unwrap().recv().ok();
        connection.send_all((from.max(250)..ALL).map(post));
        connection.until_closed();
    });
    let run = || {
        Rocketman::tail(&server.url())
            .with("-o out/x --rotate-count 1 --cursor-file small/cursor --save-interval 10ms")
            .inside(folder.path())
            .start()
    };
    let saved = |seq: u64| {
        let text = fs::read_to_string(&cursor).unwrap_or_default();
        text.contains(&format!("\"seq\": {seq},"))
    };
    let running = run();
    wait_until("ten events are saved", || saved(10));
    fill(&ballast);
    go_on.send(()).unwrap();
    running.message("the cursor could not be saved, trying again");
    let out = folder.path().join("out");
    wait_until("many files", || fs::read_dir(&out).unwrap().count() >= 250);
    go_on.send(()).unwrap();
    running.kill();
    assert!(saved(10));
    fs::remove_file(&ballast).unwrap();
    let running = run();
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    wait_until("all is saved", || saved(ALL));
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code, Some(0));
    assert_eq!(assert_each_once(&out, ALL) as u64, ALL);
}

/// A server that sends the second half when it is told to.
fn in_two_halves() -> (Server, std::sync::mpsc::Sender<()>) {
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let may_go_on = std::sync::Mutex::new(may_go_on);
    let server = Server::one(move |request: Request| {
        let mut connection = request.accept();
        connection.send_all((0..10).map(post));
        may_go_on.lock().unwrap().recv().ok();
        connection.send_all((10..20).map(post));
        connection.until_closed();
    });
    (server, go_on)
}

#[test]
fn a_file_or_folder_removed_under_it_is_an_error() {
    for name in ["out/x.ndjson", "out/%Y.ndjson"] {
        let (server, go_on) = in_two_halves();
        let folder = tempfile::tempdir().unwrap();
        let (out, cursor) = (folder.path().join("out"), folder.path().join("cursor"));
        fs::create_dir(&out).unwrap();
        let running = Rocketman::tail(&server.url())
            .with("--cursor-file cursor --save-interval 10ms -o")
            .arg(name)
            .inside(folder.path())
            .start();
        let saved = |seq: u64| {
            let text = fs::read_to_string(&cursor).unwrap_or_default();
            text.contains(&format!("\"seq\": {seq},"))
        };
        wait_until("ten events are saved", || saved(10));
        fs::remove_dir_all(&out).unwrap();
        go_on.send(()).unwrap();
        let output = running.finish();
        output.assert_says(1, &["was removed while it was written to", "hint: "]);
        assert!(saved(10), "the cursor went on");
    }
}

#[test]
fn a_folder_that_may_not_be_written_to_is_said_with_a_hint() {
    if rustix::process::geteuid().is_root() {
        println!("skipped: root may write everywhere");
        return;
    }
    let server = Server::one(posts(10));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::set_permissions(&out, Permissions::from_mode(0o500)).unwrap();
    let output = Rocketman::tail(&server.url())
        .with("-o out/%Y.ndjson")
        .inside(folder.path())
        .run();
    output.assert_says(
        1,
        &[
            "cannot make file",
            "Permission denied",
            "hint: give --output a place",
        ],
    );
}

#[test]
fn a_name_that_somebody_else_took_is_not_written_over() {
    let (server, go_on) = in_two_halves();
    let folder = tempfile::tempdir().unwrap();
    let running = Rocketman::tail(&server.url())
        .with("-o %Y.ndjson --save-interval 10ms -n 20")
        .inside(folder.path())
        .start();
    let partial = folder.path().join("2026.ndjson.partial");
    wait_until("it writes", || partial.exists());
    fs::write(folder.path().join("2026.ndjson"), "mine\n").unwrap();
    go_on.send(()).unwrap();
    let output = running.finish();
    output.assert_says(1, &["there is such a file", "hint: move that file away"]);
    assert_eq!(
        fs::read_to_string(folder.path().join("2026.ndjson")).unwrap(),
        "mine\n"
    );
    assert_eq!(numbers(&partial).len(), 20);
}
