//! A full disk under the cursor file, and a limit on file sizes.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    sync::mpsc,
    time::Instant,
};

use rustix::process::Signal;

use super::AT_ONCE;
use crate::support::{
    DEADLINE,
    disk::SmallDisk,
    events::{post, posts},
    jetstream::{Request, Server},
    program::Rocketman,
    wait_until,
};

/// Writes until nothing more fits.
fn fill(path: &Path) {
    let mut ballast = File::create(path).unwrap();
    while ballast.write_all(&[0; 1024]).is_ok() {}
}

/// The number in the cursor file, which has to be whole whenever it is there.
fn saved_seq(path: &Path) -> Option<u64> {
    let text = fs::read(path).ok()?;
    let cursor: serde_json::Value = serde_json::from_slice(&text).unwrap();
    cursor["seq"].as_u64()
}

#[test]
fn a_full_disk_under_the_cursor_file_loses_nothing() {
    for gets_room in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let small = folder.path().join("small");
        fs::create_dir(&small).unwrap();
        let Some(_disk) = SmallDisk::mount(&small) else {
            return;
        };
        let (cursor, ballast) = (small.join("cursor"), small.join("ballast"));
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let may_go_on = std::sync::Mutex::new(may_go_on);
        let server = Server::every(move |request: Request| {
            let from = request.cursor().map_or(0, |seq| seq - 1);
            let mut connection = request.accept();
            connection.send_all((from..from + 10).map(post));
            if from == 0 {
                may_go_on.lock().unwrap().recv_timeout(DEADLINE).unwrap();
                connection.send_all((10..20).map(post));
            }
            connection.until_closed();
        });
        let run = || {
            Rocketman::tail(&server.url())
                .with("-o events --cursor-file small/cursor --save-interval 20ms")
                .inside(folder.path())
        };
        let running = run().start();
        wait_until("ten events are saved", || saved_seq(&cursor) == Some(10));
        fill(&ballast);
        let begin = Instant::now();
        go_on.send(()).unwrap();
        let told = running.message("the cursor could not be saved, trying again: ");
        assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
        assert!(told.contains("'small/cursor'"), "{told}");
        assert!(
            told.ends_with("No space left on device (os error 28)"),
            "{told}"
        );
        assert_eq!(saved_seq(&cursor), Some(10));
        if gets_room {
            fs::remove_file(&ballast).unwrap();
            running.message("the cursor is saved again");
            wait_until("twenty events are saved", || saved_seq(&cursor) == Some(20));
        }
        running.signal(Signal::TERM);
        let output = running.finish();
        let code = i32::from(!gets_room);
        assert_eq!(output.code, Some(code), "{output:#?}");
        let told = output.stderr.matches("could not be saved").count();
        assert_eq!(told, 1, "{output:#?}");
        if !gets_room {
            output.assert_says(1, &["error: cannot write cursor file 'small/cursor'"]);
            assert_eq!(saved_seq(&cursor), Some(10));
            fs::remove_file(&ballast).unwrap();
            run().with("-n 9").succeed();
        }
        let end = if gets_room { 20 } else { 19 };
        let expected: String = (0..end).map(|n| post(n) + "\n").collect();
        assert_eq!(
            fs::read_to_string(folder.path().join("events")).unwrap(),
            expected
        );
    }
}

/// `LimitFSIZE=` of a unit, or `ulimit -f` of a shell.
#[test]
fn a_limit_on_file_sizes_is_said_and_nothing_is_lost() {
    const ALL: u64 = 400;
    for (flags, hint) in [
        ("-o events.ndjson", "LimitFSIZE="),
        ("-o events.ndjson --on-disk-full wait", "LimitFSIZE="),
        ("", "ulimit -f"),
    ] {
        let server = Server::every(posts(ALL));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.ndjson");
        let run = |is_limited| {
            let call = Rocketman::tail(&server.url())
                .with("--cursor-file cursor --save-interval 5ms")
                .with(flags)
                .inside(folder.path());
            // 32 kB, which the cursor needs less than.
            let call = if is_limited {
                call.with_file_limit(64)
            } else {
                call
            };
            if flags.is_empty() {
                let out = File::options().create(true).append(true).open(&path);
                call.stdout(out.unwrap()).start_elsewhere()
            } else {
                call.start()
            }
        };
        let output = run(true).finish();
        output.assert_says(1, &["error: cannot write to ", "File too large", hint]);
        let cursor = folder.path().join("cursor");
        assert!(
            saved_seq(&cursor).is_some_and(|seq| seq < ALL),
            "{output:#?}"
        );
        let running = run(false);
        wait_until("all is saved", || saved_seq(&cursor) == Some(ALL));
        running.signal(Signal::TERM);
        let output = running.finish();
        assert_eq!(output.code, Some(0), "{output:#?}");
        let text = fs::read_to_string(&path).unwrap();
        if flags.is_empty() {
            // A redirected stdout has the half line that the limit left, and what was not
            // certain comes again.
            let mut seen: Vec<_> = text.lines().filter(|line| line.ends_with('}')).collect();
            seen.dedup();
            assert!((0..ALL).all(|n| seen.iter().any(|line| line.ends_with(&post(n)))));
        } else {
            let expected: String = (0..ALL).map(|n| post(n) + "\n").collect();
            assert!(text == expected, "{flags}: {} lines", text.lines().count());
        }
    }
}

#[test]
fn programs_meet_a_limit_on_file_sizes_as_ever() {
    let server = Server::every(posts(1));
    let call =
        Rocketman::tail(&server.url()).with("-n 1 -x grep -E Sig(Ign|Cgt) /proc/self/status");
    let output = call.succeed();
    let masks: Vec<_> = output
        .lines()
        .iter()
        .map(|line| u64::from_str_radix(line.rsplit('\t').next().unwrap(), 16).unwrap())
        .collect();
    assert_eq!(masks.len(), 2, "{output:#?}");
    let bit = 1 << (Signal::XFSZ.as_raw() - 1);
    assert!(masks.iter().all(|mask| mask & bit == 0), "{output:#?}");
}
