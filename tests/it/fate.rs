//! Deliveries that fail on purpose, for every sink.

use std::{collections::BTreeSet, fs, path::Path};

use crate::support::{
    events::{EPOCH, STEP, post, posts, posts_and_later},
    jetstream::Server,
    program::{Output, Rocketman},
};

/// Runs with a fate until a run gets to the end, and returns what all of them printed.
fn run_to_the_end(server: &Server, folder: &Path, flags: &str) -> (String, usize) {
    let end = rocketman::event::Start::Time(EPOCH + 200 * STEP).to_string();
    let mut all = String::new();
    for n_runs in 1..100 {
        let output = Rocketman::tail(&server.url())
            .with(&format!(
                "--cursor-file cursor --fate 0.02 --until {end} {flags}"
            ))
            .inside(folder)
            .run();
        all.push_str(&output.stdout);
        if output.code == Some(0) {
            return (all, n_runs);
        }
        output.assert_says(
            1,
            &["deliveries fail on purpose", "failed on purpose\n\nhint: "],
        );
    }
    panic!("no run got to the end");
}

#[test]
fn stdout_repeats_what_failed_and_loses_nothing() {
    let server = Server::every(posts_and_later(201));
    let folder = tempfile::tempdir().unwrap();
    let (printed, n_runs) = run_to_the_end(&server, folder.path(), "");
    let lines: Vec<_> = printed.lines().map(str::to_owned).collect();
    let different: BTreeSet<_> = lines.iter().cloned().collect();
    assert_eq!(different, (0..200).map(post).collect());
    assert!(
        n_runs == 1 || lines.len() > different.len(),
        "{n_runs} runs"
    );
}

#[test]
fn a_file_is_cut_back_and_holds_each_event_once() {
    let server = Server::every(posts_and_later(201));
    let folder = tempfile::tempdir().unwrap();
    let (_, n_runs) = run_to_the_end(&server, folder.path(), "-o file");
    assert!(n_runs < 30, "{n_runs} runs: hardly any progress in each");
    let expected: String = (0..200).map(|n| post(n) + "\n").collect();
    let file = fs::read_to_string(folder.path().join("file")).unwrap();
    assert!(file == expected);
}

fn with_program(folder: &Path, program: &str) -> Output {
    let server = Server::one(posts(200));
    Rocketman::tail(&server.url())
        .with("-n 200 --jobs 8 --fate 0.05 --fate-seed 7 --exec-retries 20 -x sh -c")
        .arg(program)
        .inside(folder)
        .succeed()
}

#[test]
fn only_an_idempotent_program_hides_repeats() {
    let folder = tempfile::tempdir().unwrap();
    let program = "echo $ROCKETMAN_EVENT_CURSOR >> log; echo $ROCKETMAN_EVENT_KIND > rows.$ROCKETMAN_EVENT_CURSOR";
    let output = with_program(folder.path(), program);
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    let different: BTreeSet<_> = log.lines().collect();
    assert_eq!(different.len(), 200);
    assert!(log.lines().count() > 200, "no repeats");
    let rows = fs::read_dir(folder.path()).unwrap().flatten();
    let rows = rows.filter(|entry| entry.file_name().to_string_lossy().starts_with("rows."));
    assert_eq!(rows.count(), 200);
    output.assert_says(
        0,
        &[
            "--fate 0.05 --fate-seed 7",
            "on purpose, by fate; trying again",
        ],
    );
}

#[test]
fn the_same_seed_fails_the_same_deliveries() {
    let failed = |seed: &str| {
        let server = Server::one(posts(200));
        let output = Rocketman::tail(&server.url())
            .with(&format!("--fate 0.05 --fate-seed {seed}"))
            .run();
        let error = output.stderr.lines().find(|line| line.contains("error:"));
        error.unwrap().to_owned()
    };
    assert_eq!(failed("7"), failed("7"));
    assert_ne!(failed("7"), failed("8"));
}

#[test]
fn a_fate_that_is_no_probability_is_refused() {
    for wrong in ["1.1", "-0.1", "nan", "inf", "5%", ""] {
        let output = Rocketman::new(["tail", "demo:", &format!("--fate={wrong}")]).run();
        output.assert_says(2, &["--fate"]);
    }
    let output = Rocketman::new(["tail", "demo:", "--fate-seed", "1"]).run();
    output.assert_says(2, &["--fate"]);
}
