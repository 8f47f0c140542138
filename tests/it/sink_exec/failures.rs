//! Programs that fail or hang: tried again, skipped, kept as dead letters, or the end.

use super::*;

fn dead_letters(folder: &Path) -> Vec<serde_json::Value> {
    read(folder, "dead")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_failed_event_is_tried_again_as_often_as_allowed() {
    let server = Server::one(events((0..3).map(post)));
    let text = "n=$ROCKETMAN_EVENT_CURSOR; echo $n >> log
        [ $n != 2 ] || [ $(grep -c 2 log) = 3 ]";
    let output = with_script(&server, text, "-n 3 --exec-retries 2").start();
    output.message("3 events delivered");
    assert_eq!(read(output.folder(), "log"), "1\n2\n2\n2\n3\n");
    let server = Server::one(events((0..3).map(post)));
    let output = with_script(
        &server,
        "echo $ROCKETMAN_EVENT_CURSOR; false",
        "--exec-retries 1",
    )
    .run();
    assert_eq!(output.lines(), ["1", "1"]);
    output.assert_says(
        1,
        &[
            "trying again ",
            "'./each' failed on at://",
            ": exit status: 1",
        ],
    );
}

/// A signal to our process group meets a program that is only just being started.
#[test]
fn a_program_that_a_stray_signal_ends_is_run_once_more() {
    for signal in ["HUP", "INT", "TERM"] {
        let server = Server::one(events((0..3).map(post)));
        let text = format!(
            "n=$ROCKETMAN_EVENT_CURSOR; echo $n >> log
            [ $n != 2 ] || [ $(grep -c 2 log) = 2 ] || kill -{signal} $$"
        );
        let output = with_script(&server, &text, "-n 3 --on-exec-error skip").start();
        output.message("3 events delivered");
        assert_eq!(read(output.folder(), "log"), "1\n2\n2\n3\n");
        assert_eq!(output.finish().code, Some(0));
    }
    let server = Server::one(events((0..3).map(post)));
    let text = "echo $ROCKETMAN_EVENT_CURSOR; kill $$";
    let output = with_script(&server, text, "").run();
    assert_eq!(output.lines(), ["1", "1"]);
    output.assert_says(1, &["'./each' failed on at://", ": signal: 15"]);
}

#[test]
fn a_hanging_program_is_ended_with_all_that_it_started() {
    let server = Server::one(events([post(0)]));
    let text = "trap 'echo term >> log' TERM; sleep 600 & echo $! > pid
        while :; do sleep 0.05; done";
    let running = with_script(&server, text, "--exec-timeout 1s").start();
    running.message("it took longer than 1s");
    assert_eq!(read(running.folder(), "log"), "term\n");
    let sleeper = read(running.folder(), "pid");
    wait_until("the other is gone too", || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", sleeper.trim()));
        stat.is_err() || stat.unwrap().contains(") Z")
    });
    assert_eq!(finish_promptly(running).code, Some(1));
}

#[test]
fn a_skipped_event_is_told_and_passed() {
    let server = Server::one(events((0..3).map(post)));
    let text = "[ $ROCKETMAN_EVENT_CURSOR != 2 ] && echo $ROCKETMAN_EVENT_CURSOR";
    let output = with_script(&server, text, "-n 3 --on-exec-error skip").succeed();
    assert_eq!(output.lines(), ["1", "3"]);
    let told = "3l00000000001: exit status: 1; it is skipped";
    output.assert_says(0, &[told, "3 events delivered", ", 1 event given up"]);
}

#[test]
fn a_dead_letter_holds_event_status_and_the_end_of_stderr() {
    let server = Server::one(events([post(0), post(1), identity(2)]));
    let text = "[ $ROCKETMAN_EVENT_CURSOR = 1 ] && exit 0
        echo first >&2; printf 'last \\033\"' >&2; [ $ROCKETMAN_EVENT_CURSOR = 2 ] && exit 7; kill -9 $$";
    let flags = "-n 3 --exec-retries 1 --on-exec-error dead-letter=dead";
    let running = with_script(&server, text, flags).start();
    running.message(", 2 events given up");
    let letters = dead_letters(running.folder());
    assert_eq!(letters.len(), 2);
    let event: serde_json::Value = serde_json::from_str(&post(1)).unwrap();
    assert_eq!(letters[0]["event"], event);
    assert_eq!(letters[0]["status"], 7);
    assert_eq!(letters[0]["tries"], 2);
    assert_eq!(letters[0]["stderr"], "first\nlast \u{1b}\"");
    assert_eq!(letters[0]["error"], "exit status: 7");
    assert_eq!(letters[1]["error"], "signal: 9 (SIGKILL)");
    assert_eq!(letters[1].get("status"), None);
    assert_eq!(running.finish().code, Some(0));
}

#[test]
fn a_program_that_cannot_be_started_always_ends_the_run() {
    let server = Server::one(events([post(0)]));
    let call = Rocketman::tail(&server.url()).with("--on-exec-error skip --jobs 2 -x ./torn");
    make_torn(&call.path("torn"));
    call.run().assert_says(1, &["cannot start './torn'"]);
}

#[test]
fn a_file_of_dead_letters_that_cannot_be_opened_is_wrong_usage() {
    for (file, why) in [
        ("no/dead", "No such file"),
        ("/dev/null", "is a device, and no regular file"),
    ] {
        let output = Rocketman::tail("localhost:1")
            .with(&format!("--on-exec-error dead-letter={file} -x true"))
            .run();
        let named = format!("cannot open dead-letter file '{file}'");
        output.assert_says(2, &["--on-exec-error", &named, why]);
    }
}

#[test]
fn a_stop_leaves_what_would_be_tried_again_to_the_next_run() {
    let server = Server::one(events((0..3).map(post)));
    let flags = "--jobs 2 --exec-retries 1000 --cursor-file cursor";
    let running = with_script(&server, "[ $ROCKETMAN_EVENT_CURSOR = 1 ]", flags).start();
    running.message("trying again");
    running.signal(Signal::TERM);
    running.message("are left to the next run");
    let output = finish_promptly(running);
    output.assert_says(0, &["1 event delivered"]);
}

#[test]
fn what_runs_at_the_end_of_the_grace_period_gets_sigterm_first() {
    let server = Server::one(events([post(0)]));
    let text = "trap 'echo term >> log; exit' TERM; echo > begun; while :; do sleep 0.02; done";
    let running = with_script(&server, text, "--grace 200ms").start();
    let (begun, log) = (running.path("begun"), running.path("log"));
    wait_until("the program runs", || begun.exists());
    running.signal(Signal::TERM);
    running.message("did not take the rest within 200ms");
    assert_eq!(fs::read_to_string(log).unwrap(), "term\n");
    assert_eq!(finish_promptly(running).code, Some(1));
}

#[test]
fn a_second_signal_ends_programs_too() {
    let server = Server::one(events([post(0)]));
    let text = "trap 'echo term >> log; exit' TERM; echo $$ > pid; while :; do sleep 0.02; done";
    let running = with_script(&server, text, "").start();
    let (pid, log) = (running.path("pid"), running.path("log"));
    wait_until("the program runs", || pid.exists());
    running.signal(Signal::INT);
    running.message("SIGINT: stopping gracefully");
    running.signal(Signal::TERM);
    running.message("stopped at once");
    wait_until("the program is told", || log.exists());
    assert_eq!(finish_promptly(running).code, Some(130));
}

#[test]
fn a_failure_lets_others_end_and_nothing_more_begin() {
    let server = Server::one(events((0..50).map(post)));
    let text = "n=$ROCKETMAN_EVENT_CURSOR; echo $n >> log; [ $n != 3 ] || exit 1; sleep 0.3; echo $n >> done";
    let running = with_script(&server, text, "--jobs 3 --cursor-file cursor").start();
    running.message("failed on at://");
    let (begun, done) = (
        read(running.folder(), "log"),
        read(running.folder(), "done"),
    );
    assert_eq!(begun.lines().count() - 1, done.lines().count());
    assert!(begun.lines().count() <= 6, "{begun}");
    assert_eq!(saved_seq(running.folder()), 2);
    assert_eq!(running.finish().code, Some(1));
}
