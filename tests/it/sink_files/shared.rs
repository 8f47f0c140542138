//! Two processes and one fixed path: only one may count on its bytes, and what merely appends
//! may be there too.

use std::{
    fs::{self, File},
    path::Path,
};

use rustix::process::Signal;

use crate::support::{
    events::{post, posts},
    jetstream::Server,
    program::{Rocketman, Running},
    recorded::numbers,
    wait_until,
};

/// `rocketman tail -o x.ndjson` with a cursor of its own, in a folder that stays.
fn call(server: &Server, folder: &Path, cursor: &str) -> Rocketman {
    Rocketman::tail(&server.url())
        .with("-o x.ndjson --save-interval 10ms --cursor-file")
        .arg(cursor)
        .inside(folder)
}

/// The same, once it has saved all ten events.
fn started(server: &Server, folder: &Path, cursor: &str) -> Running {
    let running = call(server, folder, cursor).start();
    let cursor = folder.join(cursor);
    wait_until("ten events are saved", || {
        let text = fs::read_to_string(&cursor).unwrap_or_default();
        text.contains("\"seq\": 10,")
    });
    running
}

const REFUSAL: [&str; 3] = [
    "x.ndjson'",
    "is written to by another process",
    "hint: give each process an --output of its own",
];

#[test]
fn a_second_process_on_a_fixed_path_is_refused() {
    let server = Server::every(posts(10));
    let folder = tempfile::tempdir().unwrap();
    let first = started(&server, folder.path(), "a");
    call(&server, folder.path(), "b")
        .run()
        .assert_says(7, &REFUSAL);
    // Nor by another name of the same file.
    fs::hard_link(
        folder.path().join("x.ndjson"),
        folder.path().join("y.ndjson"),
    )
    .unwrap();
    let output = Rocketman::tail(&server.url())
        .with("-o y.ndjson")
        .inside(folder.path())
        .run();
    output.assert_says(7, &["y.ndjson'", "is written to by another process"]);
    first.kill();
    // What a killed process had is free at once.
    let second = started(&server, folder.path(), "b");
    second.signal(Signal::TERM);
    assert_eq!(second.finish().code, Some(0));
    let file = folder.path().join("x.ndjson");
    assert_eq!(numbers(&file), (1..=10).chain(1..=10).collect::<Vec<_>>());
}

#[test]
fn a_shell_that_appends_is_not_kept_out() {
    let server = Server::every(posts(10));
    let folder = tempfile::tempdir().unwrap();
    let first = started(&server, folder.path(), "a");
    let append = || {
        let file = folder.path().join("x.ndjson");
        File::options().append(true).open(file).unwrap()
    };
    let appending = |_| {
        Rocketman::tail(&server.url())
            .with("-n 10")
            .stdout(append())
            .start_elsewhere()
    };
    for running in [1, 2].map(appending) {
        assert_eq!(running.finish().code, Some(0));
    }
    let lines: String = (0..10).map(|n| post(n) + "\n").collect();
    let found = fs::read_to_string(folder.path().join("x.ndjson")).unwrap();
    assert_eq!(found.len(), 3 * lines.len());
    first.kill();
}

#[test]
fn after_a_hangup_the_lock_is_that_of_the_new_file() {
    let server = Server::every(posts(10));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let first = started(&server, folder.path(), "a");
    fs::rename(path("x.ndjson"), path("old.ndjson")).unwrap();
    first.signal(Signal::HUP);
    first.message("the output was closed and opened again");
    call(&server, folder.path(), "b")
        .run()
        .assert_says(7, &REFUSAL);
    first.signal(Signal::HUP);
    first.message("the output was closed and opened again");
    // The file is free for another one before it is asked for, and then is not shared.
    fs::rename(path("x.ndjson"), path("older.ndjson")).unwrap();
    let second = started(&server, folder.path(), "b");
    first.signal(Signal::HUP);
    first.finish().assert_says(7, &REFUSAL);
    assert_eq!(numbers(&path("x.ndjson")), (1..=10).collect::<Vec<_>>());
    second.kill();
}
