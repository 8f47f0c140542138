//! Rows of CSV and TSV, read by others.

use std::{fs, path::Path, process::Command, thread, time::Duration};

use rustix::process::Signal;

use super::{events, of_each_kind, post_of};
use crate::support::{
    events::{did, post},
    jetstream::Server,
    program::Rocketman,
    recorded::{files_below, read},
    wait_until,
};

const FIELDS: &str = "did,cursor,commit.record.text,commit.record.langs";

fn call(server: &Server, format: &str) -> Rocketman {
    Rocketman::tail(&server.url())
        .with("--format")
        .with(format)
        .with("--fields")
        .with(FIELDS)
}

/// The rows that Python's reader of CSV finds in a file; `None` where there is no Python.
fn read_by_python(file: &Path) -> Option<Vec<Vec<String>>> {
    let script =
        "import csv, json, sys; print(json.dumps(list(csv.reader(open(sys.argv[1], newline='')))))";
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(file)
        .output();
    let Ok(output) = output else {
        println!("skipped: there is no python3 to read CSV with");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn csv_is_read_by_others_as_it_was_meant() {
    let texts = ["plain", "a \"b\", c", "two\nlines\r\n", "", " ä🚀\t"];
    let lines = (0..).zip(texts).map(|(n, text)| post_of(n, text));
    let server = Server::every(events(lines.collect()));
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        call(&server, "csv")
            .with("-n 5 -o posts.csv")
            .inside(folder.path())
    };
    run().succeed();
    let file = folder.path().join("posts.csv");
    let written = fs::read_to_string(&file).unwrap();
    let first = format!("{FIELDS}\n{},1,plain,\"[\"\"de\"\",\"\"en\"\"]\"\n", did(0));
    assert!(written.starts_with(&first), "{written}");
    let Some(rows) = read_by_python(&file) else {
        return;
    };
    let row = |(n, text): (u64, &str)| {
        let langs = r#"["de","en"]"#.to_owned();
        vec![did(n), (n + 1).to_string(), text.to_owned(), langs]
    };
    let header: Vec<_> = FIELDS.split(',').map(str::to_owned).collect();
    let expected: Vec<_> = (0..).zip(texts).map(row).collect();
    assert_eq!(rows, [std::slice::from_ref(&header), &expected].concat());
    // Never on append.
    run().succeed();
    let rows = read_by_python(&file).unwrap();
    assert_eq!(rows, [&[header], &*expected, &*expected].concat());
}

#[test]
fn tsv_has_one_line_for_each_event() {
    let server = Server::every(events(vec![post_of(0, "a\tb\nc\\d"), post(1)]));
    let output = call(&server, "tsv").with("-n 2").succeed();
    let expected = format!(
        "{}\n{}\t1\ta\\tb\\nc\\\\d\t[\"de\",\"en\"]\n{}\t2\théllo 🚀\t\n",
        FIELDS.replace(',', "\t"),
        did(0),
        did(1)
    );
    assert_eq!(output.stdout, expected);
}

#[test]
fn the_header_comes_once_in_each_new_file() {
    let server = Server::every(events((0..40).map(post).collect()));
    for flags in [
        "-o out/x.csv",
        "-o out/x.csv.zst",
        "-o out/x.csv.gz",
        "-o out/{n}.csv --rotate-count 7",
        "-o out/%H/{collection}.csv.zst",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        fs::create_dir(&out).unwrap();
        for _ in 0..4 {
            call(&server, "csv")
                .with("-n 10 --cursor-file cursor --begin oldest")
                .with(flags)
                .inside(folder.path())
                .succeed();
        }
        let mut numbers = Vec::new();
        for file in files_below(&out) {
            let text = read(&file);
            let (header, rows) = text.split_once('\n').unwrap();
            assert_eq!(header, FIELDS, "{flags}: {file:?}");
            let rows = rows.lines().map(|row| row.split(',').nth(1).unwrap());
            numbers.extend(rows.map(|n| n.parse::<u64>().unwrap()));
        }
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq(1..=40), "{flags}: {numbers:?}");
    }
}

#[test]
fn a_file_that_was_moved_away_leaves_its_header_to_the_next() {
    let server = Server::every(|request| {
        let mut connection = request.accept();
        let mut posts = (0..).map(post);
        while posts.next().is_some_and(|post| connection.try_send(post)) {
            thread::sleep(Duration::from_millis(5));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let rows = |name: &str| {
        let text = fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let running = Rocketman::tail(&server.url())
        .with("--format csv --fields cursor --cursor-file cursor --save-interval 10ms -o x.csv")
        .inside(folder.path())
        .start();
    wait_until("rows", || rows("x.csv").len() > 3);
    fs::rename(folder.path().join("x.csv"), folder.path().join("old.csv")).unwrap();
    running.signal(Signal::HUP);
    wait_until("rows in the next file", || rows("x.csv").len() > 3);
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code, Some(0));
    let all = [rows("old.csv"), rows("x.csv")];
    assert!(all.iter().all(|rows| rows[0] == "cursor"), "{all:#?}");
    let rows = all.iter().flat_map(|rows| rows.iter().skip(1));
    for (n, row) in (1_u64..).zip(rows) {
        assert_eq!(*row, n.to_string(), "{all:#?}");
    }
}

#[test]
fn stdout_begins_with_the_header_unless_appended_to() {
    let (server, _) = of_each_kind();
    let rows = |n: &str, flags: &str| {
        let call = Rocketman::tail(&server.url()).with("--format csv --fields kind -n");
        call.with(n).with(flags).succeed().stdout
    };
    assert_eq!(rows("2", ""), "kind\ncommit\ncommit\n");
    assert_eq!(rows("2", "--no-header"), "commit\ncommit\n");
    let none = rows("1", "--collection no.such.thing --duration 300ms");
    assert_eq!(none, "kind\n", "a table without rows has its header");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kinds");
    for _ in 0..2 {
        let file = fs::File::options().create(true).append(true).open(&path);
        Rocketman::tail(&server.url())
            .with("--format csv --fields kind -n 1")
            .stdout(file.unwrap())
            .start_elsewhere()
            .finish()
            .assert_says(0, &[]);
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "kind\ncommit\ncommit\n");
}

#[test]
fn after_kill_9_no_row_is_torn_and_each_event_is_in_once() {
    const N: u64 = 6_000;
    let line = |n| post_of(n, &format!("event \"{n}\",\nof {N}"));
    let server = Server::every(events((0..N).map(line).collect()));
    for output in [
        "posts.csv",
        "posts.csv.zst --checkpoint 16K,10ms",
        "posts-%Y.csv",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let saved = || {
            let text = fs::read_to_string(folder.path().join("cursor")).unwrap_or_default();
            let cursor: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            cursor["seq"].as_u64().unwrap_or(0)
        };
        let run = || {
            call(&server, "csv")
                .with("--cursor-file cursor --save-interval 10ms --begin oldest -o")
                .with(output)
                .inside(folder.path())
                .start()
        };
        for share in [1, N / 3, N / 2] {
            let running = run();
            wait_until("it goes on", || saved() >= share);
            running.kill();
        }
        let running = run();
        running.message("reading ");
        wait_until("the end", || saved() == N);
        running.signal(Signal::TERM);
        assert_eq!(running.finish().code, Some(0));
        let files = files_below(folder.path());
        let file = files
            .iter()
            .find(|file| file.to_str().unwrap().contains("posts"));
        let plain = folder.path().join("plain");
        fs::write(&plain, read(file.unwrap())).unwrap();
        let Some(rows) = read_by_python(&plain) else {
            return;
        };
        assert_eq!(rows[0], FIELDS.split(',').collect::<Vec<_>>());
        let rows = rows
            .iter()
            .skip(1)
            .map(|row| (row[1].clone(), row[2].clone()));
        let expected = (0..N).map(|n| ((n + 1).to_string(), format!("event \"{n}\",\nof {N}")));
        assert!(rows.eq(expected), "{output}");
    }
}

#[test]
fn what_is_no_table_is_refused_with_the_way_out() {
    for (flags, words) in [
        (
            "--format csv",
            ["--format csv is a table", "--fields did,commit.rkey"],
        ),
        (
            "--fields did",
            ["--fields is for --format csv or tsv", "add --format csv"],
        ),
        (
            "--format human --no-header",
            ["--no-header is for --format csv or tsv", "leave it off"],
        ),
        (
            "--format csv --fields did,,x",
            ["--fields", "'' is not a field"],
        ),
        ("-o x.csv", ["ends in .csv", "--format csv --fields"]),
        ("-o x.tsv.zst", ["ends in .tsv", "--format tsv --fields"]),
    ] {
        let call = Rocketman::tail("demo:").with(flags);
        call.run().assert_says(2, &words);
    }
}

#[test]
fn a_table_is_no_recording_and_check_says_so() {
    let (server, _) = of_each_kind();
    let folder = tempfile::tempdir().unwrap();
    call(&server, "csv")
        .with("-n 4 -o posts.csv")
        .inside(folder.path())
        .succeed();
    let before = fs::read(folder.path().join("posts.csv")).unwrap();
    let output = Rocketman::new(["check", "--repair", "posts.csv"]);
    let output = output.inside(folder.path()).run();
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert!(output.stdout.contains("tables"), "{output:#?}");
    assert_eq!(fs::read(folder.path().join("posts.csv")).unwrap(), before);
}
