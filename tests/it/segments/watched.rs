//! How much is read, how far it is, and accounts that change meanwhile.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::{fs::OFlags, process::Signal};

use super::{POST, Rocketman, archive, name, posts, tail};
use crate::support::{
    DEADLINE,
    segment_file::{MadeRow, created, sealed},
};

fn u64_at(file: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(file[at..at + 8].try_into().unwrap())
}

fn u32_at(file: &[u8], at: usize) -> u64 {
    u32::from_le_bytes(file[at..at + 4].try_into().unwrap()).into()
}

#[test]
fn only_blocks_that_hold_what_is_wanted_are_read() {
    let folder = archive(&[]);
    fs::create_dir(folder.path().join("a")).unwrap();
    let (mut expected, mut all) = (0, 0);
    for index in 0..10 {
        let from = 1 + index * 100;
        let mut blocks: Vec<_> = (0..10)
            .map(|n| posts(from + n * 10, from + n * 10 + 9))
            .collect();
        if index % 4 == 1 {
            blocks[3][5] = created(from + 35, "rare.one.here");
        }
        let file = sealed(&blocks);
        let footer_at = u64_at(&file, 58);
        all += file.len() as u64;
        // Its header and its footer.
        expected += 256 + file.len() as u64 - footer_at;
        if index % 4 == 1 {
            expected += 8 + u32_at(&file, usize::try_from(footer_at).unwrap() + 3 * 52 + 8);
        }
        fs::write(folder.path().join(name(index)), file).unwrap();
    }
    let output = tail(folder.path(), "a -c rare.one.*");
    let read = format!("read 3 blocks of 10 of 10 files, {expected} bytes; 97 blocks");
    output.assert_says(0, &[&read, "the end is reached: 3 events", " KiB read"]);
    assert!(expected < all, "{expected} of {all}");
    let threads = tail(folder.path(), "a -c rare.one.* --threads 3");
    threads.assert_says(0, &[&read]);
    assert_eq!(threads.stdout, output.stdout);
}

#[test]
fn a_terminal_shows_number_date_and_bytes() {
    let folder = archive(&[(0, &[posts(1, 9)])]);
    // While the program runs, the line is drawn.
    let call = Rocketman::new([
        "replay",
        "a",
        "-n",
        "1",
        "--progress",
        "always",
        "-x",
        "sleep",
        "0.6",
    ]);
    let output = call.inside(folder.path()).run_on_terminal();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let number = "number 9 (88%), 2027-01-15T08:00:09Z, ";
    assert!(output.stderr.contains(number), "{}", output.stderr);
    assert!(output.stderr.contains(" B read"), "{}", output.stderr);
}

/// A pipe to write to, once somebody reads it.
fn opened(pipe: &Path) -> File {
    let began = Instant::now();
    let mut options = OpenOptions::new();
    options
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    loop {
        match options.open(pipe) {
            Ok(file) => return file,
            Err(error) => assert!(began.elapsed() < DEADLINE, "nobody reads: {error}"),
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn accounts_are_read_again_at_a_hang_up() {
    for threads in ["1", "3"] {
        let call = Rocketman::new(["replay", "a", "-d", "@list", "--threads", threads]);
        let list = call.path("list");
        let status = Command::new("mkfifo").arg(&list).status();
        assert!(status.unwrap().success());
        // 1,200 events of 8 KB, of two accounts in turn.
        let text = [b"\xa1\x61a\x79\x20\x00".as_slice(), &[b'a'; 8192]].concat();
        let row = |seq| MadeRow {
            payload: text.clone(),
            did: format!(
                "did:web:{}.example",
                if seq % 2 == 0 { "even" } else { "odd" }
            ),
            ..created(seq, POST)
        };
        let rows = |block: u64| (block * 20 + 1..=block * 20 + 20).map(row).collect();
        fs::create_dir(call.path("a")).unwrap();
        let blocks: Vec<_> = (0..60).map(rows).collect();
        fs::write(call.path(&name(0)), sealed(&blocks)).unwrap();
        let tell = |did: &str| writeln!(opened(&list), "{did}").unwrap();
        let mut running = call.start();
        tell("did:web:even.example");
        running.line();
        running.signal(Signal::HUP);
        tell("did:web:odd.example");
        // What was printed is taken slowly, until the new list counts.
        let began = Instant::now();
        while running.line().contains("did:web:even.example") {
            assert!(began.elapsed() < DEADLINE, "the list never changes");
        }
        let rest = running.finish();
        assert_eq!(rest.code, Some(0), "{}", rest.stderr);
        assert!(
            rest.stderr.contains("have changed: 1 account"),
            "{}",
            rest.stderr
        );
        assert!(!rest.stdout.contains("did:web:even.example"));
        assert!(rest.stdout.contains("did:web:odd.example"));
    }
}
