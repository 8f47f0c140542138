//! What is left alone, and what cannot be rewritten.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::Value;

use super::{comply, unpost};
use crate::support::{
    events::{post, posts},
    jetstream::Server,
    program::Rocketman,
    wait_until,
};

/// Posts, of which the first is deleted.
fn recording() -> String {
    let lines: Vec<_> = (0..20).map(post).chain([unpost(0, 100)]).collect();
    lines.join("\n") + "\n"
}

fn states(stdout: &str) -> Vec<(String, String, Value)> {
    let lines = stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    lines
        .map(|line| {
            (
                text(&line["file"]),
                text(&line["state"]),
                line["why"].clone(),
            )
        })
        .collect()
}

fn state_of(folder: &Path, arguments: &str, file: &str) -> (String, Value) {
    let output = comply(folder, arguments).arg("--json").run();
    let states = states(&output.stdout);
    let found = states.into_iter().find(|(path, ..)| path == file);
    let (_, state, why) = found.unwrap_or_else(|| panic!("{output:#?}"));
    (state, why)
}

fn spared(why: &str) -> (String, Value) {
    ("spared".to_owned(), why.into())
}

#[test]
fn files_that_are_written_to_or_counted_on_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::every(posts(20));
    fs::write(folder.path().join("more.ndjson"), unpost(0, 100) + "\n").unwrap();
    let tail = || Rocketman::tail(&server.url()).inside(folder.path());
    let running = tail().with("--cursor 1 -o run.ndjson").start();
    let path = folder.path().join("run.ndjson");
    wait_until("20 lines are written", || {
        fs::read_to_string(&path).is_ok_and(|text| text.lines().count() == 20)
    });
    let named = "run.ndjson more.ndjson";
    let is_used = spared("a running process writes to it");
    assert_eq!(state_of(folder.path(), named, "run.ndjson"), is_used);
    running.signal(rustix::process::Signal::TERM);
    running.finish();

    tail()
        .with("--cursor 1 -n 20 -o counted.ndjson --cursor-file c")
        .succeed();
    let named = "counted.ndjson more.ndjson";
    let is_counted = spared("the cursor 'c' counts on it");
    let with_cursor = format!("{named} --cursor-file c");
    assert_eq!(
        state_of(folder.path(), &with_cursor, "counted.ndjson"),
        is_counted
    );
    let call = comply(folder.path(), named).env("ROCKETMAN_CURSOR_FILE", "c");
    let output = call.succeed();
    let line = "counted.ndjson: left alone: the cursor 'c' counts on it\n";
    assert!(output.stdout.contains(line), "{}", output.stdout);
    assert!(
        output
            .stdout
            .ends_with("0 of 1 events removed, in 0 of 2 files, 1 left alone\n")
    );
    assert_eq!(
        state_of(folder.path(), named, "counted.ndjson").0,
        "rewritten"
    );

    fs::write(folder.path().join("x.ndjson.partial"), recording()).unwrap();
    let is_partial = spared("it is unfinished");
    assert_eq!(
        state_of(folder.path(), "x.ndjson.partial", "x.ndjson.partial"),
        is_partial
    );
    let text = fs::read_to_string(folder.path().join("x.ndjson.partial")).unwrap();
    assert_eq!(text, recording());
    fs::create_dir(folder.path().join("tables")).unwrap();
    fs::write(folder.path().join("tables/a.ndjson"), recording()).unwrap();
    fs::write(folder.path().join("tables/x.parquet.partial"), "PAR1").unwrap();
    assert_eq!(
        state_of(folder.path(), "tables", "tables/x.parquet.partial"),
        spared("it is unfinished")
    );
}

#[test]
fn what_unfinished_files_say_was_deleted_counts() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("archive")).unwrap();
    fs::write(folder.path().join("archive/a.ndjson"), post(0) + "\n").unwrap();
    fs::write(
        folder.path().join("archive/b.ndjson.partial"),
        unpost(0, 100) + "\n",
    )
    .unwrap();
    assert_eq!(
        state_of(folder.path(), "archive", "archive/a.ndjson").0,
        "rewritten"
    );
    assert_eq!(
        fs::read(folder.path().join("archive/a.ndjson")).unwrap(),
        b""
    );
}

#[test]
fn a_link_and_the_mode_of_a_file_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (
        folder.path().join("real.ndjson"),
        folder.path().join("a.ndjson"),
    );
    fs::write(&real, recording()).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real.ndjson", &link).unwrap();
    comply(folder.path(), "a.ndjson").succeed();
    assert!(link.is_symlink());
    assert_eq!(
        fs::read_to_string(&real).unwrap(),
        recording().replace(&(post(0) + "\n"), "")
    );
    assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn what_cannot_be_read_or_written_is_said_and_the_rest_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("good.ndjson"), recording()).unwrap();
    let whole = zstd::encode_all(recording().as_bytes(), 1).unwrap();
    fs::write(at("torn.ndjson.zst"), &whole[..whole.len() - 9]).unwrap();
    fs::write(at("none.parquet"), "no table").unwrap();
    let output = comply(folder.path(), "good.ndjson torn.ndjson.zst none.parquet").run();
    output.assert_says(
        1,
        &[
            "2 of 3 files could not be rewritten",
            "hint: they are as they were",
        ],
    );
    for words in [
        "good.ndjson: 1 of 21 events removed",
        "torn.ndjson.zst: failed: ",
        "none.parquet: failed: ",
    ] {
        assert!(output.stdout.contains(words), "{}", output.stdout);
    }
    assert_eq!(
        fs::read(at("torn.ndjson.zst")).unwrap(),
        &whole[..whole.len() - 9]
    );
    let empty = zstd::encode_all((post(0) + "\n" + &unpost(0, 100) + "\n").as_bytes(), 1).unwrap();
    fs::write(at("one.ndjson.zst"), empty).unwrap();
    comply(folder.path(), "one.ndjson.zst").succeed();
    Rocketman::new(["check", "one.ndjson.zst"])
        .inside(folder.path())
        .succeed();
}

#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..20_000).map(post).chain([unpost(0, 20_000)]).collect();
    let text = lines.join("\n");
    fs::write(folder.path().join("a.ndjson"), &text).unwrap();
    let output = comply(folder.path(), "a.ndjson")
        .with_file_limit(2_000)
        .run();
    output.assert_says(1, &["1 of 1 files could not be rewritten"]);
    assert!(
        output.stdout.contains("a.ndjson: failed: "),
        "{}",
        output.stdout
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("a.ndjson")).unwrap(),
        text
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.ndjson"), recording()).unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let call = |arguments: &str| comply(folder.path(), arguments).run();
    call("-").assert_says(2, &["stdin cannot be rewritten", "./-"]);
    call("empty").assert_says(2, &["there is no recording in 'empty'"]);
    call("nowhere").assert_says(2, &["cannot look for recordings in 'nowhere'"]);
    call("a.ndjson --cursor-file c").assert_says(2, &["--cursor-file: there is no cursor in 'c'"]);
    for source in ["demo:", "nats://localhost/S"] {
        let refused = call(&format!("a.ndjson --deletions {source}"));
        refused.assert_says(
            2,
            &["--deletions: ", source, "hint: name a Jetstream server"],
        );
    }
    call("a.ndjson --deletions sqlite:a.ndjson").assert_says(2, &["is no SQLite database"]);
    call("a.ndjson --deletions ./nowhere").assert_says(2, &["'./nowhere'"]);
    call("a.ndjson --on-account-gone hide")
        .assert_says(2, &["--on-account-gone", "it takes follow or remove"]);
    assert_eq!(
        fs::read_to_string(folder.path().join("a.ndjson")).unwrap(),
        recording()
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    let lock = fs::File::create(folder.path().join(".rocketman-comply.lock")).unwrap();
    lock.lock().unwrap();
    call("a.ndjson").assert_says(7, &["another rocketman comply works in '.'", "hint: wait"]);
}
