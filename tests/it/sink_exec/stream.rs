//! Programs that live on: a line for each event, and a line back.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::support::{events::posts_and_later, memory::peaks};

const STREAM: &str = "--exec-mode stream";

/// A script that does this for each line, with its account in `$d` and its number in `$n`.
fn for_each(text: &str) -> String {
    let names = r#"d=${l#*did\":\"}; d=${d%%\"*}; n=${l#*cursor\":}; n=${n%%,*}"#;
    format!("while read -r l; do {names}; {text}; done")
}

#[test]
fn each_answered_line_accepts_an_event_and_goes_to_stdout() {
    let posts: Vec<_> = (0..3000).map(post).collect();
    let server = Server::one(events(posts.clone()));
    let rocketman = Rocketman::tail(&server.url()).with(STREAM);
    let output = rocketman.with("-n 3000 -x cat").succeed();
    assert!(output.lines() == posts);
    output.assert_says(0, &["3,000 events delivered"]);
}

#[test]
fn an_account_always_has_the_same_program_and_its_order() {
    let server = Server::one(events((0..600).map(post)));
    let text = for_each("echo $$ $d $n");
    let output = with_script(&server, &text, &format!("{STREAM} -n 600 --jobs 4")).succeed();
    let mut accounts: BTreeMap<&str, (&str, u64)> = BTreeMap::new();
    for line in output.lines() {
        let [pid, did, n] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let n = n.parse().unwrap();
        let (known, last) = accounts.entry(did).or_insert((pid, 0));
        assert_eq!(*known, pid, "{did} has two");
        assert!(*last < n, "{did} swapped");
        *last = n;
    }
    let programs: BTreeSet<_> = accounts.values().map(|(pid, _)| pid).collect();
    assert_eq!((accounts.len(), programs.len()), (100, 4));
}

#[test]
fn no_names_of_an_event_are_in_its_environment() {
    let server = Server::one(events([post(0)]));
    let text = "env | grep -c ROCKETMAN_EVENT; read -r l";
    let output = with_script(&server, text, &format!("{STREAM} -n 1"))
        .env("ROCKETMAN_EVENT_DID", "left over")
        .succeed();
    assert_eq!(output.stdout, "0\n");
}

#[test]
fn one_that_ends_is_started_again_with_what_it_had_not_answered() {
    let server = Server::one(events((0..22).map(post)));
    let text =
        "i=0; while read -r l; do i=$((i+1)); echo $i; [ $i -lt 5 ] || exit 3; done; echo end";
    let output = with_script(&server, text, &format!("{STREAM} -n 22")).succeed();
    let wanted = "1\n2\n3\n4\n5\n".repeat(4) + "1\n2\nend\n";
    assert_eq!(output.stdout, wanted);
    let told = "'./each' has ended (exit status: 3), unanswered events: ";
    output.assert_says(0, &[told, "starting it again in", "22 events delivered"]);
}

#[test]
fn an_event_at_which_two_programs_end_has_failed() {
    let server = Server::one(events((0..4).map(post)));
    let text = for_each("[ $n != 3 ] || { echo poison >&2; exit 9; }; echo $n");
    let flags = format!("{STREAM} -n 4 --on-exec-error dead-letter=dead");
    let running = with_script(&server, &text, &flags).start();
    running.message("4 events delivered");
    let dead = read(running.folder(), "dead");
    let letter: serde_json::Value = serde_json::from_str(dead.trim()).unwrap();
    assert_eq!(letter["event"]["cursor"], 3);
    assert_eq!(letter["status"], 9);
    assert_eq!(letter["stderr"], "poison");
    assert_eq!(running.finish().lines(), ["1", "2", "4"]);
}

#[test]
fn a_line_that_begins_with_error_fails_its_event() {
    let server = Server::one(events((0..6).map(post)));
    let text = for_each("if [ $n = 2 ]; then printf 'error: no \\033room\\n'; else echo $n; fi");
    let flags = format!("{STREAM} -n 6 --on-exec-error skip");
    let output = with_script(&server, &text, &flags).succeed();
    assert_eq!(output.lines(), ["1", "3", "4", "5", "6"]);
    output.assert_says(0, &[r"3l00000000001: no \u{1b}room; it is skipped"]);
    let server = Server::every(events((0..6).map(post)));
    let output = with_script(&server, &text, &format!("{STREAM} --in-flight 1")).run();
    assert_eq!(output.lines()[0], "1");
    output.assert_says(1, &[r"'./each' failed on at://", r": no \u{1b}room"]);
}

#[test]
fn a_retried_event_keeps_its_turn_within_its_account() {
    let posts = (0..60).map(|n| post(n).replace(&did(n), &did(n % 3)));
    let server = Server::one(events(posts));
    let text = for_each(
        "if [ $((n % 10)) = 7 ] && ! [ -e tried.$n ]; then : > tried.$n; echo error: later; else echo $d $n; fi",
    );
    let flags = format!("{STREAM} -n 60 --jobs 2 --exec-retries 1");
    let output = with_script(&server, &text, &flags).succeed();
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for line in output.lines() {
        let (did, n) = line.split_once(' ').unwrap();
        let n = n.parse().unwrap();
        assert!(last.insert(did, n) < Some(n), "{did} swapped at {n}");
    }
    assert_eq!(output.lines().len(), 60);
}

#[test]
fn a_silent_program_is_ended_after_the_timeout() {
    let server = Server::one(events((0..10).map(post)));
    let rocketman = Rocketman::tail(&server.url()).with(STREAM);
    let rocketman = rocketman.with("--in-flight 3 --exec-timeout 500ms -x sh -c");
    let running = rocketman.arg("cat > log").start();
    running.message("failed on at://");
    assert_eq!(read(running.folder(), "log").lines().count(), 3);
    running
        .finish()
        .assert_says(1, &["it took longer than 500ms"]);
}

#[test]
fn a_line_too_many_ends_the_run_whatever_was_chosen() {
    let server = Server::one(events((0..4).map(post)));
    let text = "while read -r l; do echo one; echo two; done";
    let flags = format!("{STREAM} --on-exec-error skip --exec-retries 3");
    let output = with_script(&server, text, &flags).run();
    let told = ["answered more events than it was given", "exactly one line"];
    output.assert_says(1, &told);
}

#[test]
fn a_stop_waits_for_the_answers_and_lets_programs_see_the_end() {
    let server = Server::one(events((0..8).map(post)));
    let text =
        "while read -r l; do while ! [ -e go ]; do sleep 0.02; done; echo taken; done; echo end";
    let flags = format!("{STREAM} --cursor-file cursor");
    let running = with_script(&server, text, &flags).start();
    wait_until("it runs", || !children(running.id()).is_empty());
    wait_until("the place of the first is saved", || {
        saved_seq(running.folder()) == 1
    });
    running.signal(Signal::TERM);
    running.message("SIGTERM: stopping gracefully");
    fs::write(running.path("go"), "").unwrap();
    running.message("8 events delivered");
    assert_eq!(saved_seq(running.folder()), 8);
    let output = finish_promptly(running);
    assert_eq!(output.stdout, "taken\n".repeat(8) + "end\n");
}

#[test]
fn after_kill_9_it_sees_the_end_of_its_stdin() {
    let server = Server::one(events((0..3).map(post)));
    let text = "while read -r l; do echo taken; done; echo > end";
    let mut running = with_script(&server, text, STREAM).start();
    let end = running.path("end");
    assert_eq!(running.lines(3), ["taken"; 3]);
    running.signal(Signal::KILL);
    wait_until("it has seen the end", || end.exists());
    drop(running);
}

#[test]
fn nothing_is_lost_when_both_sides_die() {
    let server = Server::every(posts_and_later(1501));
    let folder = tempfile::tempdir().unwrap();
    // Ends now and then, and fails now and then.
    let text = for_each(
        "i=$((i + 1)); r=$((($$ * 7919 + i * 31) % 200)); [ $r != 1 ] || exit 1
        if [ $r = 2 ]; then echo error: moody; else echo $n >> log; echo; fi",
    );
    script(folder.path(), "each", &text);
    let end = rocketman::event::Start::Time(EPOCH + 1500 * STEP).to_string();
    let call = || {
        Rocketman::tail(&server.url())
            .with("--cursor-file cursor --save-interval 10ms --jobs 4 --in-flight 16")
            .with(&format!(
                "{STREAM} --exec-retries 20 --until {end} -x ./each"
            ))
            .inside(folder.path())
    };
    let n_logged = || read(folder.path(), "log").lines().count();
    for n in [200, 600, 1000] {
        let running = call().start();
        wait_until("some events are taken", || n_logged() >= n);
        running.kill();
    }
    call().succeed().assert_says(0, &["--until is reached"]);
    let log = read(folder.path(), "log");
    let numbers: BTreeSet<u64> = log.lines().map(|n| n.parse().unwrap()).collect();
    assert_eq!(numbers, (1..=1500).collect());
}

#[test]
fn deliveries_that_fail_on_purpose_come_again() {
    let server = Server::one(events((0..300).map(post)));
    let flags = format!("{STREAM} -n 300 --jobs 2 --fate 0.05 --fate-seed 1 --exec-retries 20");
    let output = with_script(&server, &for_each("echo $n"), &flags).succeed();
    let lines = output.lines();
    let different: BTreeSet<_> = lines.iter().collect();
    assert_eq!(different.len(), 300);
    assert!(lines.len() > 300, "no repeats");
}

#[test]
fn what_makes_no_sense_for_it_is_refused() {
    let name = Rocketman::new([
        "tail",
        "demo:",
        "--exec-mode",
        "stream",
        "-x",
        "cat",
        "a{did}",
    ]);
    name.run()
        .assert_says(2, &["{did} is the name of one event", "hint: "]);
    let alone = Rocketman::new(["tail", "demo:", "--in-flight", "2", "-x", "cat"]);
    alone
        .run()
        .assert_says(2, &["--in-flight is for --exec-mode stream", "hint: "]);
    let without = Rocketman::new(["tail", "demo:", "--exec-mode", "stream"]);
    without.run().assert_says(2, &["--exec"]);
}

/// Neither what waits for the program nor what it has printed.
#[test]
fn large_events_do_not_pile_up_before_a_slow_program() {
    let [small, large] = peaks("--exec-mode stream -x", "cat", 20_000, 40);
    assert!(large <= small + 6 * 1024, "{small} kB, then {large} kB");
}
