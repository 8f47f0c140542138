//! A program for each event: what it gets, and what becomes of the run when it fails.

mod crash;
mod failures;
mod jobs;
mod stream;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::support::{
    events::{EPOCH, STEP, did, identity, post, unlike},
    jetstream::{Request, Server},
    program::{Output, Rocketman, Running},
    wait_until,
};

/// A server with these events, which honours the cursor and stays.
fn events(events: impl IntoIterator<Item = String>) -> impl Fn(Request) + Send + Sync + 'static {
    let events: Vec<_> = events.into_iter().collect();
    move |request| {
        let from = request.cursor().map_or(0, |seq| seq - 1);
        let mut connection = request.accept();
        connection.send_all(events.iter().skip(usize::try_from(from).unwrap()).cloned());
        connection.until_closed();
    }
}

/// Writes a shell script that can be called as `./NAME`.
fn script(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_default()
}

/// The number that the cursor file in this folder stands at; 0 without one.
fn saved_seq(folder: &Path) -> u64 {
    let saved = serde_json::from_str(&read(folder, "cursor"));
    saved.map_or(0, |saved: serde_json::Value| {
        saved["seq"].as_u64().unwrap_or(0)
    })
}

/// `rocketman tail`, in its folder, with a script to run.
fn with_script(server: &Server, text: &str, arguments: &str) -> Rocketman {
    let rocketman = Rocketman::tail(&server.url());
    script(rocketman.folder(), "each", text);
    rocketman.with(arguments).with("-x ./each")
}

/// The children of a process, each with its state.
fn children(pid: u32) -> Vec<(u32, char)> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let Some((_, rest)) = stat.rsplit_once(") ") else {
            continue;
        };
        let words: Vec<_> = rest.split(' ').collect();
        if words[1] == pid.to_string() {
            let child = entry.file_name().to_str().unwrap().parse().unwrap();
            children.push((child, words[0].chars().next().unwrap()));
        }
    }
    children
}

fn finish_promptly(running: Running) -> Output {
    let begin = Instant::now();
    let output = running.finish();
    assert!(begin.elapsed() < Duration::from_secs(5));
    output
}

#[test]
fn the_program_gets_the_line_and_nothing_else_on_stdin() {
    let server = Server::one(events([post(0), unlike(1), identity(2)]));
    let output = with_script(&server, "cat; echo end", "-n 3").succeed();
    let wanted = format!(
        "{}\nend\n{}\nend\n{}\nend\n",
        post(0),
        unlike(1),
        identity(2)
    );
    assert_eq!(output.stdout, wanted);
}

#[test]
fn the_environment_names_the_event() {
    let server = Server::one(events([post(0), identity(1)]));
    let show = "env | grep ^ROCKETMAN_ | sort";
    let output = with_script(&server, show, "-n 2")
        .env("ROCKETMAN_EVENT_RKEY", "left over")
        .succeed();
    let wanted = [
        "ROCKETMAN_EVENT_COLLECTION=app.bsky.feed.post".to_owned(),
        "ROCKETMAN_EVENT_CURSOR=1".to_owned(),
        format!("ROCKETMAN_EVENT_DID={}", did(0)),
        "ROCKETMAN_EVENT_KIND=commit".to_owned(),
        "ROCKETMAN_EVENT_OPERATION=create".to_owned(),
        "ROCKETMAN_EVENT_RKEY=3l00000000000".to_owned(),
        format!("ROCKETMAN_EVENT_TIME_US={EPOCH}"),
        format!(
            "ROCKETMAN_EVENT_URI=at://{}/app.bsky.feed.post/3l00000000000",
            did(0)
        ),
        "ROCKETMAN_EVENT_COLLECTION=".to_owned(),
        "ROCKETMAN_EVENT_CURSOR=2".to_owned(),
        format!("ROCKETMAN_EVENT_DID={}", did(1)),
        "ROCKETMAN_EVENT_KIND=identity".to_owned(),
        "ROCKETMAN_EVENT_OPERATION=".to_owned(),
        "ROCKETMAN_EVENT_RKEY=".to_owned(),
        format!("ROCKETMAN_EVENT_TIME_US={}", EPOCH + STEP),
        "ROCKETMAN_EVENT_URI=".to_owned(),
    ];
    assert_eq!(output.lines(), wanted);
}

#[test]
fn arguments_reach_the_program_as_they_are() {
    let server = Server::one(events([post(0)]));
    let hostile = [
        "$(touch harm)",
        "`touch harm`",
        "a;touch harm",
        "\"q' $HOME",
        "--help",
        "",
    ];
    let mut rocketman = with_script(&server, "printf '[%s]\\n' \"$@\"", "-n 1");
    for argument in hostile {
        rocketman = rocketman.arg(argument);
    }
    let harm = rocketman.path("harm");
    let output = rocketman.succeed();
    assert_eq!(
        output.lines(),
        hostile.map(|argument| format!("[{argument}]"))
    );
    assert!(!harm.exists());
}

#[test]
fn a_lone_semicolon_ends_the_programs_arguments() {
    let server = Server::one(events((0..5).map(post)));
    let output = with_script(&server, "echo \"$@\"", "")
        .with("one -n two ; -n 2 -c app.bsky.feed.post")
        .succeed();
    assert_eq!(output.stdout, "one -n two\none -n two\n");
}

#[test]
fn programs_run_one_at_a_time_and_in_order() {
    let server = Server::one(events((0..30).map(post)));
    let text = "mkdir running || exit 9; echo $ROCKETMAN_EVENT_CURSOR; rmdir running";
    let output = with_script(&server, text, "-n 30").succeed();
    let wanted: Vec<_> = (1..=30).map(|seq| seq.to_string()).collect();
    assert_eq!(output.lines(), wanted);
}

#[test]
fn a_failure_ends_the_run_and_a_restart_begins_with_that_event() {
    let server = Server::every(events((0..6).map(post)));
    let folder = tempfile::tempdir().unwrap();
    let text = "echo $ROCKETMAN_EVENT_CURSOR; [ $ROCKETMAN_EVENT_CURSOR != 4 ] || [ -e mended ]";
    script(folder.path(), "each", text);
    let run = || {
        Rocketman::tail(&server.url())
            .with("--cursor 1 --cursor-file cursor -n 6 -x ./each")
            .inside(folder.path())
            .run()
    };
    let failed = run();
    assert_eq!(failed.code, Some(1), "{failed:#?}");
    assert_eq!(failed.lines(), ["1", "2", "3", "4"]);
    let error = format!(
        "rocketman: error: './each' failed on at://{}/app.bsky.feed.post/3l00000000003: exit status: 1",
        did(3)
    );
    assert!(failed.stderr.contains(&error), "{failed:#?}");
    assert!(
        failed
            .stderr
            .contains("\nhint: the event counts as not delivered")
    );
    let saved: serde_json::Value = serde_json::from_str(&read(folder.path(), "cursor")).unwrap();
    assert_eq!(saved["seq"], 3);
    fs::write(folder.path().join("mended"), "").unwrap();
    let again = Rocketman::tail(&server.url())
        .with("--cursor-file cursor -n 3 -x ./each")
        .inside(folder.path())
        .succeed();
    assert_eq!(again.lines(), ["4", "5", "6"]);
}

#[test]
fn a_program_ended_by_a_signal_has_failed() {
    let server = Server::one(events([identity(0)]));
    let output = with_script(&server, "kill -SEGV $$", "").run();
    assert_eq!(output.code, Some(1), "{output:#?}");
    let error = format!("'./each' failed on {}: signal: 11 (SIGSEGV)", did(0));
    assert!(output.stderr.contains(&error), "{output:#?}");
}

/// An event of more than a pipe holds.
fn large() -> String {
    post(1).replace("héllo", &"x".repeat(200_000))
}

#[test]
fn a_program_that_does_not_read_has_not_failed() {
    let server = Server::every(events([post(0), large(), post(2)]));
    for program in ["true", "./closes", "./leaves_one_behind"] {
        let rocketman = Rocketman::tail(&server.url()).with("-n 3");
        script(rocketman.folder(), "closes", "exec <&-; exit 0");
        let text = "exec 3<&0; sleep 600 0<&3 3<&- >/dev/null 2>&1 & echo $! >> left; exit 0";
        script(rocketman.folder(), "leaves_one_behind", text);
        let left = rocketman.path("left");
        let begin = Instant::now();
        let running = rocketman.with("-x").arg(program).start();
        running.message("the count is reached: 3 events");
        let took = begin.elapsed();
        for pid in fs::read_to_string(left).unwrap_or_default().lines() {
            let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
            kill_process(pid, Signal::KILL).unwrap();
        }
        assert!(took < Duration::from_secs(10), "{program}: {took:?}");
        assert_eq!(running.finish().code, Some(0), "{program}");
    }
}

/// A program that is there and may be executed, and of which only the beginning is left.
fn make_torn(path: &Path) {
    fs::write(path, b"\x7fELF\x02\x01\x01\0").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_large_event_arrives_whole() {
    let server = Server::one(events([post(0), large()]));
    let output = with_script(&server, "cat", "-n 2").succeed();
    assert_eq!(output.lines(), [post(0), large()]);
}

#[test]
fn a_program_that_cannot_be_started_after_all_is_named() {
    let server = Server::one(events([post(0)]));
    let call = Rocketman::tail(&server.url()).with("-x ./torn");
    make_torn(&call.path("torn"));
    let output = call.run();
    assert_eq!(output.code, Some(1), "{output:#?}");
    let error = "rocketman: error: cannot start './torn': Exec format error (os error 8)\n\nhint: ";
    assert!(output.stderr.contains(error), "{output:#?}");
}

#[test]
fn hostile_names_neither_crash_nor_reach_a_shell() {
    let names = [
        r"a\u0000b",
        "../../etc/passwd",
        r"\u001b[2J\u0007",
        r#"\"; touch harm; \""#,
        "$(touch harm)`touch harm`",
        r"\ud83d\ude80",
        "",
    ];
    let hostile = names.map(|name| {
        let event = post(0).replace("3l00000000000", name);
        event.replace(&did(0), &format!("did:plc:{name}"))
    });
    let n = hostile.len();
    let server = Server::one(events(hostile));
    let text = "cat > /dev/null; echo \"$ROCKETMAN_EVENT_RKEY\"";
    let rocketman = with_script(&server, text, &format!("-n {n}"));
    let harm = rocketman.path("harm");
    let output = rocketman.succeed();
    assert_eq!(
        output.lines(),
        [
            "ab",
            "../../etc/passwd",
            "[2J",
            "\"; touch harm; \"",
            "$(touch harm)`touch harm`",
            "🚀",
            "",
        ]
    );
    assert!(!harm.exists());
}

#[test]
fn a_name_longer_than_an_environment_takes_does_not_end_the_run() {
    let long = post(0).replace("3l00000000000", &"x".repeat(200_000));
    let server = Server::one(events([long, post(1)]));
    let output = with_script(
        &server,
        "echo $ROCKETMAN_EVENT_CURSOR.$ROCKETMAN_EVENT_RKEY",
        "-n 2",
    )
    .succeed();
    assert_eq!(output.lines(), ["1.", "2.3l00000000001"]);
}

#[test]
fn an_error_shows_a_hostile_name_without_its_control_characters() {
    let event = post(0).replace("3l00000000000", r"\u001b[2J");
    let server = Server::one(events([event]));
    let output = with_script(&server, "false", "").run();
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert!(!output.stderr.contains('\x1b'), "{output:#?}");
    assert!(output.stderr.contains(r"\u{1b}[2J"), "{output:#?}");
}

#[test]
fn a_stop_waits_for_the_program_that_runs_and_no_other() {
    for (signal, code) in [(Signal::TERM, 0), (Signal::INT, 130)] {
        let server = Server::one(events((0..50).map(post)));
        let text = "echo begin >> log; sleep 0.3; echo end >> log";
        let rocketman = with_script(&server, text, "--cursor-file cursor");
        let log = rocketman.path("log");
        let running = rocketman.start();
        wait_until("the second runs", || {
            fs::read_to_string(&log).is_ok_and(|log| log.matches("begin").count() >= 2)
        });
        running.signal(signal);
        running.message("events delivered");
        let log = fs::read_to_string(&log).unwrap();
        let (begun, ended) = (log.matches("begin").count(), log.matches("end").count());
        assert_eq!(begun, ended, "it was waited for");
        assert!(begun <= 4, "{begun} of 50 ran");
        let saved: serde_json::Value =
            serde_json::from_str(&read(running.folder(), "cursor")).unwrap();
        assert_eq!(saved["seq"], begun);
        let output = finish_promptly(running);
        assert_eq!(output.code, Some(code), "{output:#?}");
    }
}

/// A terminal sends SIGINT to the whole foreground group; the program is in one of its own.
#[test]
fn an_interrupt_from_the_keyboard_leaves_the_program_alone() {
    let server = Server::one(events((0..50).map(post)));
    let rocketman = with_script(&server, "touch running; sleep 0.3; touch done", "");
    let (is_running, done) = (rocketman.path("running"), rocketman.path("done"));
    let running = rocketman.own_group().start();
    wait_until("the program runs", || is_running.exists());
    let group = Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
    kill_process_group(group, Signal::INT).unwrap();
    running.message("stopped by SIGINT: ");
    assert!(done.exists());
    assert_eq!(running.finish().code, Some(130));
}

#[test]
fn a_hanging_program_is_named_after_the_grace_and_killed() {
    let server = Server::one(events([post(0)]));
    let text = "echo $$ > pid; exec sleep 600";
    let rocketman = with_script(&server, text, "--grace 200ms --cursor-file cursor");
    let pid = rocketman.path("pid");
    let running = rocketman.start();
    let mut child = String::new();
    wait_until("the program runs", || {
        child = fs::read_to_string(&pid).unwrap_or_default();
        child.ends_with('\n')
    });
    running.signal(Signal::TERM);
    running.message("program './each' did not take the rest within 200ms");
    let output = finish_promptly(running);
    assert_eq!(output.code, Some(1), "{output:#?}");
    wait_until("the program is gone", || {
        let status = fs::read_to_string(format!("/proc/{}/stat", child.trim()));
        status.is_err() || status.unwrap().contains(") Z")
    });
}
