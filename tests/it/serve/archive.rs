//! Segment files, served: an archive of one's own.

use std::{fs, path::Path};

use crate::support::{
    program::{Output, Rocketman},
    segment_file::{MadeRow, active, created, sealed},
    serve::Serving,
};

const POST: &str = "app.bsky.feed.post";

/// A folder with a recording of the demo in `demo.ndjson`, and segment files of it in `segments`.
fn packed(n: u32) -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let tail = Rocketman::tail("demo:?rate=max").with(&format!("--cursor 1 -n {n} -o demo.ndjson"));
    tail.inside(folder.path()).succeed();
    let pack = Rocketman::new(["pack", "demo.ndjson", "segments"]);
    pack.inside(folder.path()).succeed();
    let lines = fs::read_to_string(folder.path().join("demo.ndjson")).unwrap();
    (folder, lines.lines().map(str::to_owned).collect())
}

fn serving(folder: &Path, arguments: &str) -> Serving {
    let call = Rocketman::new(["serve"]).with(arguments).inside(folder);
    Serving::start(call)
}

fn refused(folder: &Path, arguments: &str) -> Output {
    Rocketman::new(["serve", "--listen", "127.0.0.1:0"])
        .with(arguments)
        .inside(folder)
        .run()
}

#[test]
fn an_archive_is_served_as_it_was_recorded_on_both_wires() {
    let (folder, lines) = packed(6000);
    let server = serving(folder.path(), "segments");
    let v2 = format!("http://{}", server.address());
    for (url, flags) in [
        (&server.url, ""),
        (&server.url, "--no-compress"),
        (&v2, ""),
        (&v2, "--no-compress"),
    ] {
        let tail = |more: &str| Rocketman::tail(url).with(flags).with(more);
        let all = tail("--cursor 1 -n 6000").succeed();
        assert!(all.lines() == lines, "{url} {flags}");
        // 4,096 events are in a block of the file.
        let some = tail("--cursor 4090 -n 20").succeed();
        assert!(some.lines() == lines[4089..4109], "{url} {flags}");
        let at = lines[5000].split("\"time_us\":").nth(1).unwrap();
        let at = at.split(',').next().unwrap();
        let some = tail(&format!("--cursor {at} -n 3")).succeed();
        assert!(some.lines() == lines[5000..5003], "{url} {flags}");
    }
    let likes = server.tail("-c app.bsky.feed.like --cursor 1 -n 50");
    let expected = lines
        .iter()
        .filter(|line| line.contains("\"collection\":\"app.bsky.feed.like\""));
    assert!(likes.succeed().lines() == expected.take(50).cloned().collect::<Vec<_>>());
}

#[test]
fn an_archive_that_is_served_anew_goes_on_by_number() {
    let (folder, lines) = packed(3000);
    let first = serving(folder.path(), "segments");
    let address = first.address().to_owned();
    let tail = |n: u32| {
        let call = Rocketman::tail(&format!("ws://{address}/subscribe"));
        let call = call.with("--cursor-file c --begin oldest");
        call.with(&format!("-n {n}")).inside(folder.path())
    };
    let mut got = tail(1000).succeed().stdout;
    drop(first);
    let call = Rocketman::new(["serve", "segments", "--listen", &address]);
    let again = call.inside(folder.path()).start();
    again.message("serving ");
    got += &tail(2000).succeed().stdout;
    assert!(got.lines().eq(&lines), "{} events", got.lines().count());
}

#[test]
fn at_a_speed_an_archive_is_as_old_as_its_clock() {
    let (folder, lines) = packed(3000);
    // Three seconds of events, in three hundredths of one.
    let server = serving(folder.path(), "segments --speed 100 --exit-at-end");
    let output = server.tail("--cursor 1 --max-retries 0 -n 3000").succeed();
    assert!(output.lines() == lines);
}

#[test]
fn what_is_missing_of_an_archive_or_not_sealed_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let posts = |from: u64, to: u64| (from..=to).map(|seq| created(seq, POST)).collect();
    let blocks: [(&str, Vec<MadeRow>); 2] = [("0", posts(1, 5)), ("2", posts(11, 15))];
    for (index, rows) in blocks {
        let path = folder.path().join(format!("seg_000000000{index}.jss"));
        fs::write(path, sealed(&[rows])).unwrap();
    }
    let unsealed = active(&[posts(16, 17)]);
    fs::write(folder.path().join("seg_0000000003.jss"), unsealed).unwrap();
    let call = Rocketman::new(["serve", ".", "--listen", "127.0.0.1:0"]);
    let server = call.inside(folder.path()).start();
    server.message("is left out: it is not sealed");
    server.message("'./seg_0000000002.jss' is missing");
    server.message("serving 10 events of 2 segment files");
}

#[test]
fn a_damaged_archive_is_told_with_file_and_block() {
    let (folder, _) = packed(3000);
    let path = folder.path().join("segments/seg_0000000000.jss");
    let mut bytes = fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let server = serving(folder.path(), "segments");
    let _consumer = server.tail("--cursor 1").start();
    server
        .running
        .message("block 0 of 'segments/seg_0000000000.jss' is damaged");
    bytes.truncate(300);
    fs::write(&path, bytes).unwrap();
    refused(folder.path(), "segments").assert_says(1, &["seg_0000000000.jss", "inspect --verify"]);
}

#[test]
fn what_does_not_go_with_an_archive_is_refused() {
    let (folder, _) = packed(10);
    for (arguments, words) in [
        (
            "segments --loop",
            ["--loop is for recordings", "an archive of segment files"],
        ),
        (
            "segments --rebase",
            ["--rebase is for recordings", "an archive of segment files"],
        ),
        (
            "segments demo.ndjson",
            ["segment files are read by themselves", "'demo.ndjson'"],
        ),
        (
            "segments --store x",
            ["--store is for live streams", "the source is not one"],
        ),
        (
            "no.jss",
            ["cannot look for segment files in 'no.jss'", "No such file"],
        ),
    ] {
        refused(folder.path(), arguments).assert_says(2, &words);
    }
}
