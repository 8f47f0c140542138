//! `rocketman check`: what is found of recordings, and what is repaired.

use std::{fs, io::Write, path::Path};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{
    events::{EPOCH, STEP, legacy_post, post, posts},
    jetstream::Server,
    program::{Output, Rocketman},
    recorded::read,
    wait_until,
};

/// The lines of events `from` up to `to`.
fn lines(from: u64, to: u64) -> String {
    (from..to).map(|n| post(n) + "\n").collect()
}

/// One frame or member, as the suffix says.
fn frame(suffix: &str, text: &str) -> Vec<u8> {
    if suffix == "gz" {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        return encoder.finish().unwrap();
    }
    let mut compressor = zstd::bulk::Compressor::new(1).unwrap();
    compressor.include_checksum(true).unwrap();
    compressor.compress(text.as_bytes()).unwrap()
}

fn check(folder: &Path, arguments: &str) -> Output {
    Rocketman::new(["check"])
        .with(arguments)
        .inside(folder)
        .run()
}

/// What `--json` tells of each file.
fn objects(output: &Output) -> Vec<Value> {
    let lines = output.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What `--json` tells of the one file.
fn object(folder: &Path, arguments: &str) -> Value {
    let mut objects = objects(&check(folder, &format!("--json {arguments}")));
    assert_eq!(objects.len(), 1);
    objects.remove(0)
}

#[test]
fn a_whole_archive_is_counted_file_by_file() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    fs::create_dir_all(out.join("b")).unwrap();
    fs::write(out.join("a.ndjson"), lines(0, 10)).unwrap();
    for suffix in ["gz", "zst"] {
        let parts = [frame(suffix, &lines(10, 15)), frame(suffix, &lines(15, 30))];
        fs::write(out.join(format!("b/x.{suffix}.partial")), parts.concat()).unwrap();
    }
    fs::write(out.join(".hidden"), "no event").unwrap();
    let output = check(folder.path(), "out");
    output.assert_says(0, &[]);
    assert_eq!(output.stderr, "");
    let first = format!(
        "out/a.ndjson: whole, 10 events, {} to {}\n",
        time(0),
        time(9)
    );
    assert!(output.stdout.starts_with(&first), "{}", output.stdout);
    // The second compressed file holds the same events.
    let last = format!(
        "3 files: 50 events, {} to {}, 20 repeats\n",
        time(0),
        time(29)
    );
    assert!(output.stdout.ends_with(&last), "{}", output.stdout);
    let objects = objects(&check(folder.path(), "out --json"));
    let frames: Vec<_> = objects
        .iter()
        .map(|object| object["frames"].as_u64())
        .collect();
    assert_eq!(frames, [None, Some(2), Some(2)]);
    assert_eq!(objects[1]["unfinished"], true);
    assert_eq!(objects[1]["events"], 20);
    assert_eq!(objects[1]["whole_bytes"], objects[1]["bytes"]);
}

fn time(n: u64) -> String {
    let time_us = (EPOCH + n * STEP).cast_signed();
    let time = jiff::Timestamp::from_microsecond(time_us).unwrap();
    time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[test]
fn repeats_and_what_goes_back_are_shown_and_are_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let all = [
        post(5),
        post(6),
        post(3),
        post(6),
        legacy_post(7),
        legacy_post(6),
    ];
    // The last line may lack its line end.
    fs::write(folder.path().join("x"), all.join("\n")).unwrap();
    let found = object(folder.path(), "x");
    for (key, expected) in [
        ("events", 6),
        ("repeats", 2),
        ("times_back", 2),
        ("numbers_back", 1),
    ] {
        assert_eq!(found[key], expected, "{key}");
    }
    assert_eq!(found["state"], "whole");
    let output = check(folder.path(), "x");
    assert_eq!(output.code, Some(0));
    for said in [
        "2 repeats",
        "2 times that go back",
        "1 number that goes back",
    ] {
        assert!(output.stdout.contains(said), "{}", output.stdout);
    }
}

#[test]
fn a_torn_end_is_told_and_cut_off_on_demand() {
    for suffix in ["ndjson", "gz", "zst"] {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("x.{suffix}");
        let file = folder.path().join(&name);
        let pieces = [lines(0, 5), lines(5, 9)];
        let pieces = pieces.map(|text| match suffix {
            "ndjson" => text.into_bytes(),
            _ => frame(suffix, &text),
        });
        let whole = pieces.concat();
        let more = match suffix {
            "ndjson" => post(9).into_bytes(),
            _ => frame(suffix, &lines(9, 12)),
        };
        // The last of them is what a disk leaves that lost its power.
        for torn in [&more[..more.len() - 1], &more[..5], &[0; 3000]] {
            fs::write(&file, [&whole, torn].concat()).unwrap();
            let output = check(folder.path(), &name);
            output.assert_says(1, &["the file is not whole", "hint: --repair cuts"]);
            assert!(output.stdout.contains(": torn ("), "{}", output.stdout);
            assert!(output.stdout.contains("9 events"), "{}", output.stdout);
            let found = object(folder.path(), &name);
            assert_eq!(found["whole_bytes"], whole.len());
            assert_eq!(found["events"], 9);
            let output = check(folder.path(), &format!("--repair {name}"));
            output.assert_says(0, &[]);
            assert!(output.stdout.contains(": repaired ("), "{}", output.stdout);
            assert!(fs::read(&file).unwrap() == whole);
            assert_eq!(object(folder.path(), &name)["state"], "whole");
        }
    }
}

#[test]
fn damage_before_the_end_is_told_and_never_cut() {
    for suffix in ["ndjson", "gz", "zst"] {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("x.{suffix}");
        let file = folder.path().join(&name);
        let pieces: Vec<Vec<u8>> = (0..4)
            .map(|n| match suffix {
                "ndjson" => lines(n, n + 1).into_bytes(),
                _ => frame(suffix, &lines(n, n + 1)),
            })
            .collect();
        let mut damaged = pieces.concat();
        damaged[pieces[0].len() + 60] ^= 0xff;
        fs::write(&file, &damaged).unwrap();
        let output = check(folder.path(), &format!("--repair --json {name}"));
        assert_eq!(output.code, Some(1), "{output:#?}");
        assert_eq!(objects(&output)[0]["state"], "damaged", "{suffix}");
        assert!(!output.stderr.contains("hint"), "{output:#?}");
        assert!(fs::read(&file).unwrap() == damaged);
    }
}

#[test]
fn what_is_no_recording_is_told_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("notes.txt", &b"hello\nworld\n"[..]),
        ("notes.gz", b"hello"),
        ("half.zst", &frame("zst", &lines(0, 50))[..100]),
        ("text.zst", &frame("zst", "hello\n")),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
        let output = check(folder.path(), &format!("--repair {name}"));
        output.assert_says(1, &["the file is not whole"]);
        assert!(output.stdout.contains(": damaged ("), "{}", output.stdout);
        assert_eq!(fs::read(folder.path().join(name)).unwrap(), content);
    }
    fs::write(folder.path().join("empty.gz"), "").unwrap();
    assert_eq!(object(folder.path(), "empty.gz")["state"], "torn");
    fs::create_dir(folder.path().join("nothing")).unwrap();
    let cases = [
        (
            "missing",
            ["cannot look for recordings in 'missing'", "No such file"],
        ),
        ("empty.gz missing", ["'missing'", "No such file"]),
        ("nothing", ["there is no recording in 'nothing'", "error"]),
        ("", ["<PATH>", "is missing"]),
    ];
    for (arguments, words) in cases {
        check(folder.path(), arguments).assert_says(2, &words);
    }
}

#[test]
fn an_empty_compressed_file_is_torn_and_mended_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.gz", "x.zst"] {
        let file = folder.path().join(name);
        fs::write(&file, "").unwrap();
        let output = check(folder.path(), name);
        output.assert_says(1, &["the file is not whole", "--repair"]);
        assert_eq!(
            output.stdout,
            format!("{name}: torn (it is empty, and no tool can inflate that), 0 events\n")
        );
        check(folder.path(), &format!("--repair {name}")).assert_says(0, &[]);
        assert_eq!(object(folder.path(), name)["state"], "whole");
        assert_eq!(read(&file), "");
        assert!(fs::metadata(&file).unwrap().len() > 0);
        // An unfinished one is removed by the next run, and is nobody's to read.
        fs::write(folder.path().join(format!("{name}.partial")), "").unwrap();
        let unfinished = object(folder.path(), &format!("{name}.partial"));
        assert_eq!(unfinished["state"], "whole");
    }
}

#[test]
fn a_file_that_a_running_process_writes_to_is_not_cut() {
    let server = Server::one(posts(20));
    let folder = tempfile::tempdir().unwrap();
    let running = Rocketman::tail(&server.url())
        .with("-o x-%Y --cursor-file cursor --save-interval 10ms")
        .inside(folder.path())
        .start();
    let file = folder.path().join("x-2026.partial");
    wait_until("it writes", || {
        fs::metadata(&file).is_ok_and(|file| file.len() > 0)
    });
    fs::File::options()
        .append(true)
        .open(&file)
        .unwrap()
        .write_all(b"{\"torn")
        .unwrap();
    let output = check(folder.path(), "--repair x-2026.partial");
    output.assert_says(1, &["the file is not whole"]);
    for said in [
        "being written to",
        "cannot be cut: a running process writes to it",
    ] {
        assert!(output.stdout.contains(said), "{}", output.stdout);
    }
    running.signal(Signal::TERM);
    running.finish();
    // The next run cuts it back by itself.
    assert_eq!(object(folder.path(), "x-2026.partial")["state"], "torn");
    Rocketman::tail("ws://127.0.0.1:1/subscribe")
        .with("-o x-%Y --cursor-file cursor --max-retries 0")
        .inside(folder.path())
        .run();
    assert_eq!(object(folder.path(), "x-2026.partial")["state"], "whole");
}
