//! Compressed files, and when they are made durable.

use std::{fs, io::Write, path::Path};

use crate::support::{
    events::{post, posts},
    jetstream::Server,
    program::Rocketman,
    recorded::{numbers, read},
    wait_until,
};

fn tail(server: &Server, folder: &Path, arguments: &str) -> Rocketman {
    Rocketman::tail(&server.url())
        .with(arguments)
        .inside(folder)
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[test]
fn suffix_and_level_decide_how_a_file_is_compressed() {
    let server = Server::every(posts(3000));
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..3000).map(|n| post(n) + "\n").collect();
    for (suffix, low, high) in [("zst", 1, 19), ("gz", 1, 9)] {
        for level in [low, high] {
            let arguments = format!("-o {level}.{suffix} --compression-level {level} -n 3000");
            tail(&server, folder.path(), &arguments).succeed();
            assert!(read(&folder.path().join(format!("{level}.{suffix}"))) == lines);
        }
        let size = |level| size(&folder.path().join(format!("{level}.{suffix}")));
        assert!(size(high) < size(low), "{suffix}");
        assert!(size(low) < lines.len() as u64 / 5, "{suffix}");
        // What comes later is appended.
        let arguments = format!("-o {low}.{suffix} -n 2");
        tail(&server, folder.path(), &arguments).succeed();
        let appended = read(&folder.path().join(format!("{low}.{suffix}")));
        assert!(appended == format!("{lines}{}\n{}\n", post(0), post(1)));
    }
}

#[test]
fn every_frame_of_zstd_has_a_checksum() {
    let server = Server::one(posts(10));
    let folder = tempfile::tempdir().unwrap();
    tail(&server, folder.path(), "-o x.zst -n 10").succeed();
    let file = fs::read(folder.path().join("x.zst")).unwrap();
    // The frame header's descriptor follows the magic number; bit 2 says so (RFC 8878, 3.1.1.1.1).
    assert_eq!(file[4] & 4, 4);
}

#[test]
fn a_checkpoint_comes_after_so_much_input_or_so_long() {
    let server = Server::every(posts(2000));
    // It is never soon, so that only the other of the two can bring it about.
    for (checkpoint, comes) in [
        ("1h", true),
        ("1G,20ms", true),
        ("1K,1h", true),
        ("1G,1h", false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (file, cursor) = (folder.path().join("x.zst"), folder.path().join("cursor"));
        let arguments = "-o x.zst --cursor-file cursor --save-interval 10ms --checkpoint";
        let running = tail(&server, folder.path(), arguments)
            .arg(checkpoint)
            .start();
        let saved = || {
            let text = fs::read_to_string(&cursor).unwrap_or_default();
            let cursor: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            cursor["files"][0]["bytes"].as_u64()
        };
        if comes {
            wait_until("a checkpoint", || saved().is_some_and(|bytes| bytes > 0));
            // All up to a checkpoint is a file that can be read.
            let bytes = usize::try_from(saved().unwrap()).unwrap();
            let copy = folder.path().join("copy.zst");
            fs::write(&copy, &fs::read(&file).unwrap()[..bytes]).unwrap();
            assert!(!numbers(&copy).is_empty());
        } else {
            wait_until("the beginning is saved", || saved() == Some(0));
            // The next save would come within this, were there anything to save.
            let begin = std::time::Instant::now();
            wait_until("some saves later", || begin.elapsed().as_millis() > 100);
            assert_eq!((saved(), size(&file)), (Some(0), 0));
        }
        running.kill();
    }
}

#[test]
fn without_a_cursor_a_torn_end_is_cut_and_said() {
    let server = Server::every(posts(100));
    for suffix in ["zst", "gz"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(format!("x.{suffix}"));
        let arguments = format!("-o x.{suffix} -n 100");
        tail(&server, folder.path(), &arguments).succeed();
        let whole = fs::read(&file).unwrap();
        let mut appending = fs::File::options().append(true).open(&file).unwrap();
        appending.write_all(&whole[..whole.len() - 3]).unwrap();
        let output = tail(&server, folder.path(), &arguments).succeed();
        assert!(output.stderr.contains("whose end was torn"), "{output:#?}");
        assert_eq!(numbers(&file), (1..=100).chain(1..=100).collect::<Vec<_>>());
        fs::write(&file, "something else").unwrap();
        let output = tail(&server, folder.path(), &arguments).run();
        output.assert_says(1, &["is not compressed as its name says", "hint: "]);
        assert_eq!(fs::read(&file).unwrap(), b"something else");
    }
}

#[test]
fn a_compressed_file_without_events_can_be_inflated() {
    let server = Server::every(posts(3));
    for suffix in ["gz", "zst"] {
        for cursor in ["", "--cursor-file cursor"] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join(format!("x.{suffix}"));
            let nothing = |source: &str| {
                let arguments = format!("-c fm.teal.none -o x.{suffix} --duration 300ms {cursor}");
                let output = Rocketman::tail(source)
                    .with(&arguments)
                    .inside(folder.path())
                    .succeed();
                assert!(!output.stderr.contains("cut"), "{output:#?}");
                assert_eq!(read(&file), "");
                assert!(size(&file) > 0, "0 bytes are no {suffix}");
            };
            nothing(&server.url());
            // The next run finds it as it is, and what comes later is appended.
            nothing(&server.url());
            let check = Rocketman::new(["check", "--json"])
                .arg(&file)
                .succeed()
                .stdout;
            assert!(check.contains(r#""state":"whole""#), "{check}");
            let arguments = format!("-o x.{suffix} -n 3");
            tail(&server, folder.path(), &arguments).succeed();
            assert_eq!(numbers(&file), [1, 2, 3]);
        }
    }
}

#[test]
fn a_file_that_is_moved_away_without_events_can_be_inflated() {
    let folder = tempfile::tempdir().unwrap();
    let (file, moved) = (folder.path().join("x.gz"), folder.path().join("moved.gz"));
    let running = Rocketman::tail("demo:")
        .with("-c fm.teal.none -o x.gz")
        .inside(folder.path())
        .start();
    // It is opened by then, and not merely made.
    running.message("without --cursor-file");
    fs::rename(&file, &moved).unwrap();
    running.signal(rustix::process::Signal::HUP);
    wait_until("a new one is there", || file.exists());
    wait_until("the old one is ended", || size(&moved) > 0);
    running.signal(rustix::process::Signal::TERM);
    assert_eq!(running.finish().code, Some(0));
    for file in [file, moved] {
        assert_eq!(read(&file), "");
    }
}

#[test]
fn a_pattern_makes_no_file_without_an_event() {
    for pattern in [
        "out/%Y.ndjson.gz",
        "out/x.zst --rotate-count 9",
        "out/{collection}",
    ] {
        let call = Rocketman::tail("demo:").with("-c fm.teal.none --duration 300ms -o");
        let folder = tempfile::tempdir().unwrap();
        call.with(pattern).inside(folder.path()).succeed();
        let n_files = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(n_files, 0, "{pattern}");
    }
}

#[test]
fn a_suffix_that_is_not_written_is_refused() {
    for name in [
        "x.ndjson.xz",
        "x.tgz",
        "x.ndjson.sz",
        "x.snappy",
        "x.bz2",
        "x.lz4",
        "x.br",
        "x.lzma",
        "x.7z",
        "x.zip",
        "x.Z",
        "x.zstd",
        "x.Parquet",
        "x.GZ",
        "x.Zst",
        "%Y/%m.xz",
    ] {
        let call = Rocketman::tail("ws://127.0.0.1:1/subscribe").with("-n 1 -o");
        let folder = tempfile::tempdir().unwrap();
        let output = call.arg(name).inside(folder.path()).run();
        let suffix = name.rsplit_once('.').unwrap().1;
        output.assert_says(
            2,
            &[
                &format!("--output: '{name}' ends in .{suffix}"),
                ".zst or .gz",
            ],
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{name}");
    }
    for (arguments, words) in [
        (
            "--bad-events b.gz",
            ["--bad-events: 'b.gz'", "leave .gz off"],
        ),
        (
            "--on-exec-error dead-letter=d.xz -x cat",
            ["--on-exec-error: 'd.xz'", "leave .xz off"],
        ),
    ] {
        let call = Rocketman::tail("ws://127.0.0.1:1/subscribe").with(arguments);
        call.run().assert_says(2, &words);
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_opened() {
    for (arguments, words) in [
        (
            "-o x-%Q",
            [
                "--output: 'x-%Q'",
                "'%Q' is no part of a time",
                "hint: write %%",
            ],
        ),
        (
            "-o {colection}",
            [
                "'{colection}' is not known",
                "{collection} and {n}",
                "hint: ",
            ],
        ),
        (
            "-o %Y/",
            ["--output: '%Y/'", "names a folder and no file", "hint: "],
        ),
        (
            "-o {n}/x",
            ["{n} has to be in the name", "not of a folder", "hint: "],
        ),
        (
            "-o x.gz --compression-level 10",
            ["--compression-level: 10", "too much for .gz", "1 to 9"],
        ),
        (
            "-o x --compression-level 3",
            ["--compression-level is for files", ".zst", ".gz"],
        ),
        (
            "-o x.zst --compression-level 23",
            ["--compression-level", "23", "from 1 to 22"],
        ),
        (
            "-o x --checkpoint 1s",
            ["--checkpoint is for files", ".zst or .gz", "hint: "],
        ),
        (
            "-o x.zst --checkpoint 1s,2s",
            ["--checkpoint", "one of each", "1M,5s"],
        ),
        (
            "-o x.zst --checkpoint often",
            ["--checkpoint", "often", "30s"],
        ),
        (
            "--rotate-size 1M",
            [
                "--rotate-size is for output files",
                "hint: ",
                "--output FILE",
            ],
        ),
        ("-o x --rotate-size 0", ["--rotate-size", "64K", "1G"]),
        (
            "-o x --rotate-every 1ms",
            ["--rotate-every", "at least 1s", "1ms"],
        ),
        (
            "-o x --max-open-files 3",
            ["--max-open-files is for names", "{collection}", "error"],
        ),
        (
            "-o x-%Y --max-files 3",
            ["--max-files is for names", "{collection}", "error"],
        ),
        (
            "-o {collection} --max-files 10001",
            ["--max-files", "10001", "from 1 to 10000"],
        ),
        (
            "--on-disk-full wait",
            [
                "--on-disk-full is for output files",
                "hint: ",
                "--output FILE",
            ],
        ),
        (
            "-x true ; --rotate-count 3",
            [
                "--rotate-count is for output files",
                "hint: ",
                "--output FILE",
            ],
        ),
    ] {
        let call = Rocketman::tail("ws://127.0.0.1:1/subscribe").with(arguments);
        let folder = tempfile::tempdir().unwrap();
        call.inside(folder.path()).run().assert_says(2, &words);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            0,
            "{arguments}"
        );
    }
}
