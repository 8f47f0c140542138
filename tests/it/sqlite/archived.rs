//! The archive of a service as a table: its commits, and what became of their accounts.

use std::{fs, path::Path};

use rustix::process::Signal;

use super::{number, records};
use crate::support::{
    cable::Cable,
    fold::{Accounts, Fold},
    program::Rocketman,
    serve::Serving,
    wait_until,
};

fn call(folder: &Path, arguments: &str) {
    let call = Rocketman::new(arguments.split(' ')).inside(folder);
    call.succeed();
}

/// What accounts write and become.
fn history(seed: u64, accounts: u64, n: usize) -> Vec<String> {
    let mut accounts = Accounts::new(seed, accounts);
    let mut lines = Vec::new();
    while lines.len() < n {
        lines.extend(accounts.step());
    }
    lines
}

/// Segment files of these lines, in `segments`.
fn pack(folder: &Path, lines: &[String]) {
    fs::write(folder.join("lines.ndjson"), lines.join("\n") + "\n").unwrap();
    call(folder, "pack lines.ndjson segments");
}

fn serve(folder: &Path) -> Serving {
    Serving::start(Rocketman::new(["serve", "segments"]).inside(folder))
}

/// `rocketman replay` of one collection into `x.db`.
fn replay(folder: &Path, server: &Serving, flags: &str) -> Rocketman {
    replay_of(folder, server.address(), flags)
}

fn replay_of(folder: &Path, address: &str, flags: &str) -> Rocketman {
    Rocketman::new(["replay", &format!("http://{address}")])
        .with(&format!("-c a.b.c -o sqlite:x.db {flags}"))
        .inside(folder)
}

/// Asserts that `x.db` is what these events lead to.
fn assert_state(folder: &Path, lines: &[String]) {
    let is_wanted = |line: &&String| !line.contains(r#""collection":"d.e.f""#);
    let mut fold = Fold::default();
    fold.add(0, lines.iter().filter(is_wanted));
    let (wanted, visible) = (fold.records(), fold.visible());
    assert!(wanted.len() > visible.len(), "{}", wanted.len());
    let path = folder.join("x.db");
    assert_eq!(records(&path, "all_records"), wanted);
    assert_eq!(records(&path, "records"), visible);
}

#[test]
fn what_became_of_accounts_comes_with_their_archive() {
    let folder = tempfile::tempdir().unwrap();
    let lines = history(11, 40, 4000);
    pack(folder.path(), &lines);
    let server = serve(folder.path());
    for flags in ["", "--threads 2"] {
        let flags = format!("{flags} --before-seq {}", lines.len());
        let output = replay(folder.path(), &server, &flags).succeed();
        let said = "asking the archive what became of 40 accounts since number 1\n";
        output.assert_says(0, &[said]);
        assert_state(folder.path(), &lines);
        // Nothing is owed any more.
        let again = replay(folder.path(), &server, &flags).succeed();
        assert!(!again.stderr.contains("asking"), "{}", again.stderr);
        fs::remove_file(folder.path().join("x.db")).unwrap();
    }
}

#[test]
fn a_repository_that_was_reset_is_so_in_segment_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let lines = history(12, 40, 4000);
    pack(folder.path(), &lines);
    call(folder.path(), "replay segments -c a.b.c -o sqlite:x.db");
    assert_state(folder.path(), &lines);
    fs::remove_file(folder.path().join("x.db")).unwrap();
    for _ in 0..2 {
        let fold = Rocketman::new(["fold", "segments", "-c", "a.b.c", "-o", "sqlite:x.db"]);
        let output = fold.inside(folder.path()).succeed();
        assert!(!output.stderr.contains("beginning"), "{}", output.stderr);
        assert_state(folder.path(), &lines);
    }
}

#[test]
fn an_archive_becomes_a_table_for_the_price_of_its_commits() {
    let folder = tempfile::tempdir().unwrap();
    let (path, accounts) = (folder.path(), "SELECT count(*) FROM handles");
    call(path, "tail demo: --since 1h -n 3000 -q -o demo.ndjson");
    call(path, "pack --renumber demo.ndjson segments");
    call(
        path,
        "fold demo.ndjson -c app.bsky.feed.post -o sqlite:wanted.db",
    );
    let server = serve(path);
    let run = |flags: &str| {
        let service = format!("http://{}", server.address());
        let call = Rocketman::new(["replay", &service]).inside(path);
        call.with("-c app.bsky.feed.post --before-seq 3000")
            .with(flags)
            .succeed()
    };
    let output = run("-o sqlite:x.db");
    output.assert_says(0, &["and then what became of their accounts"]);
    let (found, wanted) = (path.join("x.db"), path.join("wanted.db"));
    let n_handles = number(&found, accounts);
    assert!(records(&wanted, "records").len() > 50);
    assert_eq!(records(&found, "records"), records(&wanted, "records"));
    let output = run("-o sqlite:all.db --kind all");
    assert!(!output.stderr.contains("what became of"), "{output:?}");
    assert!(number(&path.join("all.db"), accounts) > n_handles);
}

#[test]
fn accounts_are_asked_for_before_a_run_goes_live() {
    let folder = tempfile::tempdir().unwrap();
    let lines = history(13, 40, 4000);
    pack(folder.path(), &lines);
    let server = serve(folder.path());
    let running = replay(folder.path(), &server, "--follow").start();
    running.message("going on with the socket");
    running.signal(Signal::TERM);
    let output = running.finish();
    let at = |words: &str| output.stderr.find(words).unwrap();
    assert!(at("asking the archive") < at("going on with the socket"));
    assert_state(folder.path(), &lines);
}

#[test]
fn killed_at_any_moment_accounts_are_still_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let lines = history(14, 300, 16_000);
    pack(folder.path(), &lines);
    let server = serve(folder.path());
    let (_, port) = server.address().rsplit_once(':').unwrap();
    let cable = Cable::to(port.parse().unwrap());
    let address = format!("127.0.0.1:{}", cable.port);
    let path = folder.path().join("x.db");
    let before = format!("--before-seq {}", lines.len());
    let slow = format!("{before} --max-rate 100K");
    let owed = "SELECT count(*) FROM rocketman_settings WHERE name LIKE 'owed%'";
    for _ in 0..2 {
        // While commits are read, and twice while it is read what became of accounts.
        for reads_commits in [true, false, false] {
            let running = replay_of(folder.path(), &address, &slow).start();
            if !reads_commits {
                running.message("asking the archive");
            }
            let least = cable.passed() + fastrand::u64(1..50_000);
            wait_until("some bytes", || cable.passed() >= least);
            running.kill();
            assert_eq!(number(&path, owed), 1);
        }
        replay(folder.path(), &server, &before).succeed();
        assert_eq!(number(&path, owed), 0);
        assert_state(folder.path(), &lines);
        fs::remove_file(&path).unwrap();
    }
}
