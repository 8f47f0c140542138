//! One file, or one stream, in two roles.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::Path,
};

use crate::support::{
    events::{post, posts},
    jetstream::Server,
    program::{Output, Rocketman},
    recorded::files_below,
};

const NOBODY: &str = "ws://127.0.0.1:1/subscribe";

/// Runs it in a folder where `list`, `credentials` and links to them are.
fn run(folder: &Path, arguments: &str) -> Output {
    let tail = Rocketman::tail(NOBODY).with("-n 1").with(arguments);
    tail.inside(folder).run()
}

/// The names and contents of all files.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = files_below(folder).into_iter();
    files
        .map(|file| {
            (
                file.display().to_string(),
                fs::read(&file).unwrap_or_default(),
            )
        })
        .collect()
}

#[test]
fn a_file_in_two_roles_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("list"), "did:plc:000000000000000000000001\n").unwrap();
    fs::write(path("seed"), "SUAEXAMPLE").unwrap();
    fs::write(path("there"), "precious\n").unwrap();
    fs::hard_link(path("there"), path("hard")).unwrap();
    symlink("there", path("soft")).unwrap();
    symlink("missing", path("dangling")).unwrap();
    let before = contents(folder.path());
    for (arguments, roles) in [
        ("-o x --cursor-file x", ["--cursor-file", "--output"]),
        ("-o ./x --cursor-file x", ["--cursor-file", "--output"]),
        ("-o hard --cursor-file there", ["--cursor-file", "--output"]),
        ("-o soft --bad-events there", ["--bad-events", "--output"]),
        (
            "-o dangling --bad-events missing",
            ["--bad-events", "--output"],
        ),
        (
            "-o x.lock --cursor-file x",
            ["the lock of --cursor-file", "--output"],
        ),
        (
            "-o x.new --cursor-file x",
            ["the next version of --cursor-file", "--output"],
        ),
        ("-o x --bad-events x", ["--bad-events", "--output"]),
        (
            "-o x.1 --bad-events x",
            ["what --bad-events puts aside", "--output"],
        ),
        (
            "--bad-events x --cursor-file x",
            ["--cursor-file", "--bad-events"],
        ),
        (
            "--bad-events x.lock --cursor-file x",
            ["the lock of --cursor-file", "--bad-events"],
        ),
        (
            "--on-exec-error dead-letter=x --cursor-file x -x cat",
            ["--cursor-file", "--on-exec-error"],
        ),
        (
            "--on-exec-error dead-letter=x --bad-events x -x cat",
            ["--bad-events", "--on-exec-error"],
        ),
        (
            "--durable d --on-undeliverable dead-letter=x --bad-events x",
            ["--bad-events", "--on-undeliverable"],
        ),
        ("-d @list -o list", ["--did", "--output"]),
        ("-d @list --cursor-file list", ["--cursor-file", "--did"]),
        ("-d @list --bad-events list", ["--bad-events", "--did"]),
        #[cfg(feature = "nats")]
        ("--creds seed -o seed", ["--creds", "--output"]),
        #[cfg(feature = "nats")]
        (
            "--tlskey seed --bad-events seed",
            ["--bad-events", "--tlskey"],
        ),
    ] {
        let output = run(folder.path(), arguments);
        output.assert_says(2, &["cannot be both", "give each a file of its own"]);
        output.assert_says(2, &roles);
        assert_eq!(contents(folder.path()), before, "{arguments}");
    }
}

#[test]
fn a_file_that_stdout_goes_to_has_no_other_role() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let to_file = |arguments: &[&str]| {
        let stdout = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap();
        let call = Rocketman::new(arguments)
            .inside(folder.path())
            .stdout(stdout);
        call.start_elsewhere().finish()
    };
    for flag in ["--cursor-file", "--bad-events", "-o"] {
        to_file(&["tail", NOBODY, "-n", "1", flag, "x"]).assert_says(2, &["stdout", flag]);
    }
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    // What is shown of a cursor would damage it.
    let set = Rocketman::new(["cursor", "set", "x", "2h"]);
    fs::remove_file(&path).unwrap();
    set.inside(folder.path()).succeed();
    let before = fs::read(&path).unwrap();
    to_file(&["cursor", "show", "x"]).assert_says(2, &["stdout", "--cursor-file"]);
    assert_eq!(fs::read(&path).unwrap(), before);
    // What is printed of recordings is not one.
    to_file(&["check", "x"]).assert_says(2, &["'x' is where stdout or stderr goes", "hint: "]);
    fs::write(folder.path().join("a.ndjson"), "").unwrap();
    fs::write(&path, "").unwrap();
    to_file(&["check", "."]).assert_says(0, &[]);
}

#[test]
fn nothing_is_printed_into_a_recording_that_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..3).map(|n| post(n) + "\n").collect();
    for name in ["a.ndjson", "b.ndjson"] {
        fs::write(folder.path().join(name), &lines).unwrap();
    }
    for command in [
        "compare a.ndjson b.ndjson",
        "compare --json b.ndjson a.ndjson",
        "compare demo: ./a.ndjson",
        "serve a.ndjson b.ndjson --listen 127.0.0.1:0 --exit-at-end",
        "check b.ndjson a.ndjson",
        "pack b.ndjson a.ndjson segments",
    ] {
        for stream in [">>", "2>>"] {
            let line = format!("\"$0\" {command} {stream} a.ndjson");
            let status = std::process::Command::new("sh")
                .args(["-c", &line, env!("CARGO_BIN_EXE_rocketman")])
                .current_dir(folder.path())
                .stderr(std::process::Stdio::null())
                .stdout(std::process::Stdio::null())
                .status()
                .unwrap();
            assert_eq!(status.code(), Some(2), "{line}");
            let left = fs::read_to_string(folder.path().join("a.ndjson")).unwrap();
            // A refusal has to be said somewhere.
            let said = left.strip_prefix(&lines).unwrap();
            let is_said_here = stream == "2>>" && said.contains("a.ndjson");
            assert!(said.is_empty() || is_said_here, "{line}: {said}");
            fs::write(folder.path().join("a.ndjson"), &lines).unwrap();
        }
    }
}

#[test]
fn nothing_is_written_into_a_segment_file_that_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let delete = r#"{"did":"did:plc:a","time_us":1790000000000000,"cursor":7,"kind":"commit","commit":{"rev":"3r","operation":"delete","collection":"a.b.c","rkey":"1"}}"#;
    fs::write(path("a.ndjson"), delete).unwrap();
    let pack = Rocketman::new(["pack", "a.ndjson", "archive"]);
    pack.inside(folder.path()).succeed();
    let segment = path("archive/seg_0000000000.jss");
    fs::hard_link(&segment, path("hard")).unwrap();
    let before = fs::read(&segment).unwrap();
    for line in [
        "tail archive -o archive/seg_0000000000.jss",
        "tail archive -o hard",
        "replay hard -o hard",
        "replay hard -o '{n}' --rotate-count 1 >> hard",
        "tail archive -o 'archive/seg_{n}.jss'",
        "tail archive -o other.jss",
        "tail archive --bad-events hard",
        "tail archive --bad-events other.jss",
        "tail archive --cursor-file hard",
        "tail archive --on-exec-error dead-letter=hard -x true",
        "tail archive >> hard",
        "tail archive/seg_0000000000.jss >> archive/seg_0000000000.jss",
        "inspect archive >> hard",
        "inspect --json archive/seg_0000000000.jss >> hard",
    ] {
        let line = format!("\"$0\" {line}");
        let status = std::process::Command::new("sh")
            .args(["-c", &line, env!("CARGO_BIN_EXE_rocketman")])
            .current_dir(folder.path())
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(2), "{line}");
        assert!(fs::read(&segment).unwrap() == before, "{line}");
        assert!(!path("other.jss").exists(), "{line}");
    }
}

#[test]
fn stdout_and_stderr_may_go_to_one_file_and_to_devices() {
    let server = Server::every(posts(3));
    let call = Rocketman::tail(&server.url()).with("-n 3 --bad-events /dev/null");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all");
    assert_eq!(call.run_into(&File::create(&path).unwrap()), Some(0));
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains("3 events delivered"), "{text}");
}

#[test]
fn a_name_that_a_pattern_makes_is_looked_at_when_it_is_made() {
    let server = Server::every(posts(9));
    // The events are of September 2026.
    for (pattern, arguments) in [
        ("%Y.ndjson", "--cursor-file 2026.ndjson"),
        ("%Y", "--cursor-file ./2026"),
        ("%Y.lock", "--cursor-file 2026"),
        ("%Y", "--bad-events 2026"),
        ("%Y", "--bad-events 2026.partial"),
        ("{collection}", "--bad-events app.bsky.feed.post"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let call = Rocketman::tail(&server.url()).with("-n 9 -o").arg(pattern);
        let output = call.with(arguments).inside(folder.path()).run();
        output.assert_says(2, &["is used for something else by this run", "hint: "]);
        // Nothing of the events is anywhere, and a cursor that was saved can be read.
        for file in files_below(folder.path()) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(!text.contains("app.bsky"), "{}: {text}", file.display());
        }
        if let Some(cursor) = arguments.strip_prefix("--cursor-file ") {
            let show = Rocketman::new(["cursor", "show", cursor, "--json"]);
            let shown = show.inside(folder.path()).succeed().stdout;
            assert!(shown.contains("\"beginning\""), "{shown}");
        }
    }
}

#[test]
#[cfg(feature = "nats")]
fn a_stream_in_two_roles_is_refused() {
    for (source, arguments, roles) in [
        (
            "nats://127.0.0.1:1/A",
            "-o nats://127.0.0.1:1/A",
            ["SOURCE", "--output"],
        ),
        (
            "nats://127.0.0.1:1/KV_b",
            "--cursor-kv nats://127.0.0.1:1/b/k",
            ["SOURCE", "--cursor-kv"],
        ),
        (
            NOBODY,
            "-o nats://127.0.0.1:1/KV_b --cursor-kv nats://127.0.0.1:1/b/k",
            ["--output", "--cursor-kv"],
        ),
    ] {
        let output = Rocketman::tail(source).with(arguments).run();
        output.assert_says(2, &["cannot be both", "write to another"]);
        output.assert_says(2, &roles);
    }
}
