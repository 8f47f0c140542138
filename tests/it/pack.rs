//! `rocketman pack`: recordings to segment files.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::support::{
    archive,
    program::{Output, Rocketman},
    wait_until,
};

/// A folder with a recording of the demo, of `n` events.
fn recorded(name: &str, n: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let tail = Rocketman::tail("demo:?rate=max").with(&format!("--cursor 1 -n {n} -o {name}"));
    tail.inside(folder.path()).succeed();
    folder
}

fn pack(folder: &Path, arguments: &str) -> Output {
    Rocketman::new(["pack"])
        .with(arguments)
        .inside(folder)
        .run()
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn verify(folder: &Path) -> String {
    let inspect = Rocketman::new(["inspect", "--verify", "segments"]).inside(folder);
    inspect.succeed().stdout
}

#[test]
fn what_is_packed_comes_back_and_is_whole() {
    let folder = recorded("demo.ndjson.zst", 5000);
    let output = pack(folder.path(), "demo.ndjson.zst segments");
    output.assert_says(0, &[]);
    assert!(
        output.stdout.starts_with("5000 events in 1 file of "),
        "{}",
        output.stdout
    );
    assert_eq!(
        names(&folder.path().join("segments")),
        ["seg_0000000000.jss"]
    );
    let found = verify(folder.path());
    assert!(found.contains("2 blocks, 5,000 events"), "{found}");
    assert!(found.contains("numbers 1 to 5000"), "{found}");
    official_agrees(&folder.path().join("segments/seg_0000000000.jss"));
}

/// The official program finds the same in the file, where it is at hand.
fn official_agrees(file: &Path) {
    let Some(folder) = std::env::var_os("ROCKETMAN_JETSTREAM_BIN") else {
        println!("the official program: skipped, for ROCKETMAN_JETSTREAM_BIN is not set");
        return;
    };
    let program = PathBuf::from(folder).join("jetstream");
    let output = Command::new(program)
        .arg("inspect-segment")
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("app.bsky.feed.like"), "{text}");
    assert!(text.replace(',', "").contains("5000"), "{text}");
}

#[test]
fn the_official_client_reads_what_is_packed() {
    let Some(bin) = std::env::var_os("ROCKETMAN_JETSTREAM_BIN") else {
        println!("the official client: skipped, for ROCKETMAN_JETSTREAM_BIN is not set");
        return;
    };
    let folder = recorded("all", 5000);
    pack(folder.path(), "all segments").assert_says(0, &[]);
    let client = Command::new(PathBuf::from(bin).join("client"))
        .args(["--host", &archive::serve(&folder.path().join("segments"))])
        .args(["--after-seq", "0", "--backfill-only", "--print"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&client.stderr);
    assert!(
        client.status.success() && !errors.contains("error"),
        "{errors}"
    );
    let theirs = String::from_utf8(client.stdout).unwrap();
    let ours = fs::read_to_string(folder.path().join("all")).unwrap();
    let event = |line| -> Value { serde_json::from_str(line).unwrap() };
    let (ours, theirs) = (ours.lines().map(event), theirs.lines().map(event));
    let mut n_events = 0;
    for (ours, mut theirs) in ours.zip(theirs) {
        if let Some(commit) = theirs.get_mut("commit").and_then(Value::as_object_mut) {
            commit.remove("record_cbor");
        }
        assert_eq!(ours, theirs);
        n_events += 1;
    }
    assert_eq!(n_events, 5000);
}

#[test]
fn recordings_are_packed_one_after_the_other() {
    let folder = recorded("all", 300);
    let all = fs::read_to_string(folder.path().join("all")).unwrap();
    let (first, rest) = all.split_at(all.match_indices('\n').nth(99).unwrap().0 + 1);
    fs::write(folder.path().join("first"), first).unwrap();
    let piped = Rocketman::new(["pack", "first", "-", "segments"]).inside(folder.path());
    let rest_file = folder.path().join("rest");
    fs::write(&rest_file, format!("\n{}", rest.trim_end())).unwrap();
    let piped = piped.stdin(fs::File::open(rest_file).unwrap()).run();
    assert!(
        piped.stdout.starts_with("300 events in 1 file"),
        "{piped:?}"
    );
    assert!(verify(folder.path()).contains("numbers 1 to 300"));
}

#[test]
fn numbers_that_do_not_rise_are_refused_or_made_anew() {
    let folder = recorded("all", 50);
    let path = folder.path();
    let output = pack(path, "all all segments");
    output.assert_says(
        1,
        &["line 1 of 'all'", "the number 1 follows 50", "--renumber"],
    );
    assert!(names(&path.join("segments")).is_empty());
    let line = r#"{"did":"did:plc:a","time_us":5,"kind":"account","account":{"active":true,"did":"did:plc:a","seq":3,"time":"t"}}"#;
    fs::write(path.join("legacy"), line).unwrap();
    pack(path, "legacy segments").assert_says(1, &["line 1 of 'legacy'", "has no number"]);
    pack(path, "--renumber all legacy all segments").assert_says(0, &[]);
    assert!(verify(path).contains("numbers 1 to 101"));
}

#[test]
fn an_event_whose_cid_is_not_its_records_is_left_out() {
    let folder = recorded("all", 200);
    let path = folder.path();
    let all = fs::read_to_string(path.join("all")).unwrap();
    let mut lines: Vec<_> = all.lines().map(str::to_owned).collect();
    let at = lines
        .iter()
        .position(|line| line.contains("\"createdAt\":\"2026"))
        .unwrap();
    lines[at] = lines[at].replace("\"createdAt\":\"2026", "\"createdAt\":\"2025");
    fs::write(path.join("changed"), lines.join("\n")).unwrap();
    let output = pack(path, "changed segments");
    let named = format!("line {} of 'changed' is left out: its cid", at + 1);
    output.assert_says(1, &[&named, "1 of 200 events were left out"]);
    assert!(verify(path).contains("199 events"));
}

#[test]
fn a_line_that_is_no_event_ends_it() {
    let folder = recorded("all", 20);
    let path = folder.path();
    let mut file = fs::File::options()
        .append(true)
        .open(path.join("all"))
        .unwrap();
    file.write_all(b"{\"did\":\"torn").unwrap();
    pack(path, "all segments").assert_says(1, &["line 21 of 'all'", "not an event"]);
    assert!(names(&path.join("segments")).is_empty());
    pack(path, "missing segments").assert_says(1, &["cannot read 'missing'"]);
}

#[test]
fn a_folder_with_segment_files_is_refused() {
    let folder = recorded("all", 20);
    pack(folder.path(), "all segments").assert_says(0, &[]);
    let again = pack(folder.path(), "all segments");
    again.assert_says(
        2,
        &["'segments' has segment files already", "another folder"],
    );
}

#[test]
fn a_kill_leaves_no_file_that_looks_whole() {
    let folder = recorded("all", 200);
    let mut child = Command::new(env!("CARGO_BIN_EXE_rocketman"))
        .args(["pack", "-", "segments"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let all = fs::read(folder.path().join("all")).unwrap();
    child.stdin.as_mut().unwrap().write_all(&all).unwrap();
    let segments = folder.path().join("segments");
    wait_until("a file is begun", || !names(&segments).is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(names(&segments), ["seg_0000000000.jss.partial"]);
    pack(folder.path(), "all segments").assert_says(0, &[]);
    assert_eq!(names(&segments), ["seg_0000000000.jss"]);
    assert!(verify(folder.path()).contains("200 events"));
}

#[test]
fn a_limit_on_file_sizes_is_said_and_leaves_nothing() {
    let folder = recorded("demo.ndjson", 2000);
    let call = Rocketman::new(["pack", "demo.ndjson", "segments"]).inside(folder.path());
    let output = call.with_file_limit(64).run();
    output.assert_says(1, &["File too large"]);
    assert!(names(&folder.path().join("segments")).is_empty());
}
