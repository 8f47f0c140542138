//! Several programs at once: order of each account, whole lines, and nothing left behind.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    process::Command,
};

use super::*;

/// What a script has logged, as words.
fn log(folder: &Path) -> Vec<Vec<String>> {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect();
    read(folder, "log").lines().map(words).collect()
}

#[test]
fn events_of_one_account_never_overlap_or_swap() {
    // Ten accounts, each once in ten events.
    let posts = (0..120).map(|n| post(n).replace(&did(n), &did(n % 10)));
    let server = Server::one(events(posts));
    let text = "d=$ROCKETMAN_EVENT_DID; n=$ROCKETMAN_EVENT_CURSOR
        echo begin $d $n >> log; sleep 0.0$(($$ % 4)); echo end $d $n >> log";
    let rocketman = with_script(&server, text, "-n 120 --jobs 6");
    let running = rocketman.start();
    running.message("120 events delivered");
    let mut under_way: HashMap<String, u64> = HashMap::new();
    let mut last: HashMap<String, u64> = HashMap::new();
    let mut most = 0;
    for words in log(running.folder()) {
        let (did, n) = (words[1].clone(), words[2].parse().unwrap());
        if words[0] == "begin" {
            assert!(last.insert(did.clone(), n) < Some(n), "{did} swapped");
            assert_eq!(under_way.insert(did, n), None, "overlapped at {n}");
        } else {
            assert_eq!(under_way.remove(&did), Some(n));
        }
        most = most.max(under_way.len());
    }
    assert_eq!(last.values().max(), Some(&120));
    assert!((3..=6).contains(&most), "{most} ran at once");
    assert_eq!(running.finish().code, Some(0));
}

#[test]
fn others_pass_a_slow_event_and_the_cursor_does_not() {
    let server = Server::one(events((0..60).map(post)));
    let text = "n=$ROCKETMAN_EVENT_CURSOR
        [ $n != 5 ] || while ! [ -e go ]; do sleep 0.02; done; echo $n >> log";
    let rocketman = with_script(&server, text, "--jobs 3 --cursor-file cursor -n 60");
    let rocketman = rocketman.env("ROCKETMAN_SAVE_INTERVAL", "10ms");
    let running = rocketman.start();
    let log = running.path("log");
    let n_logged = || fs::read_to_string(&log).unwrap_or_default().lines().count();
    wait_until("all but one are done", || n_logged() == 59);
    wait_until("the cursor is before it", || {
        saved_seq(running.folder()) == 4
    });
    fs::write(running.path("go"), "").unwrap();
    running.message("60 events delivered");
    assert_eq!(saved_seq(running.folder()), 60);
    assert_eq!(running.finish().code, Some(0));
}

#[test]
fn what_programs_print_is_not_torn_and_their_last_line_ends() {
    let server = Server::one(events((0..40).map(post)));
    let text = "n=$((ROCKETMAN_EVENT_CURSOR % 10)); x=$n$n$n$n$n$n$n$n$n$n; x=$x$x$x$x$x$x$x$x$x$x
        for i in 1 2 3 4 5 6 7 8; do printf $x; printf \"$x\\n\"; done; printf end";
    let output = with_script(&server, text, "-n 40 --jobs 8").succeed();
    let lines = output.lines();
    assert_eq!(lines.len(), 40 * 9);
    for line in lines {
        let first = line.chars().next().unwrap();
        let is_whole = line.len() == 200 && line.chars().all(|c| c == first);
        assert!(line == "end" || is_whole, "torn: {line}");
    }
}

#[test]
fn what_programs_say_on_stderr_gets_their_name_and_no_escape() {
    let server = Server::one(events([post(0), post(1)]));
    let text = "printf 'one\\ntwo\\033[2J\\tx' >&2; printf '%05000d\\n' 0 >&2";
    let output = with_script(&server, text, "-n 2 -q").succeed();
    let said: Vec<_> = output.stderr.lines().collect();
    assert_eq!(said[0], "rocketman: ./each: one");
    let long = format!("rocketman: ./each: two\\u{{1b}}[2J\tx{:0>4087}", 0);
    assert_eq!(said[1].len(), long.len());
    assert!(said[1].starts_with(long.get(..100).unwrap()), "{output:#?}");
    let all: Vec<_> = said
        .iter()
        .map(|line| line.strip_prefix("rocketman: ./each: "))
        .collect();
    assert!(all.iter().all(Option::is_some), "{output:#?}");
    let zeros: usize = all
        .iter()
        .map(|line| line.unwrap().matches('0').count())
        .sum();
    assert_eq!(zeros, 2 * 5000);
    let json = with_script(
        &Server::one(events([post(0)])),
        text,
        "-n 1 --log-format json",
    )
    .succeed();
    assert!(json.stderr.contains(r#""program":"./each""#), "{json:#?}");
}

#[test]
fn no_output_drops_what_programs_print() {
    for jobs in ["1", "2"] {
        let server = Server::one(events((0..4).map(post)));
        let flags = format!("-n 4 --no-output --jobs {jobs}");
        assert_eq!(
            with_script(&server, "echo word", &flags).succeed().stdout,
            ""
        );
    }
}

/// However much programs have to print, and however many.
#[test]
fn a_reader_of_stdout_that_leaves_ends_the_run_quietly() {
    for flags in ["--jobs 2", "--jobs 2 --exec-mode stream"] {
        let server = Server::one(events((0..10_000).map(post)));
        let text =
            "while read -r l; do echo word; [ $1 = stream ] || yes more | head -c 1000000; done";
        let running = with_script(&server, text, flags);
        let mut running = running.arg(flags.rsplit(' ').next().unwrap()).start();
        assert_eq!(running.line(), "word");
        running.close_stdout();
        let output = finish_promptly(running);
        assert_eq!(output.code, Some(0), "{output:#?}");
    }
}

/// The event that met the end of the pipe has not failed, whatever is done with those that have.
#[test]
fn a_reader_that_leaves_is_the_same_end_however_programs_run() {
    for flags in [
        "",
        "--on-exec-error skip",
        "--exec-retries 1000",
        "--jobs 2",
        "--exec-mode stream",
    ] {
        let server = Server::one(events((0..10_000).map(post)));
        let mut running = with_script(&server, "cat", flags).start();
        assert!(running.line().starts_with('{'));
        running.close_stdout();
        let output = finish_promptly(running);
        assert_eq!(output.code, Some(0), "{flags}: {output:#?}");
        let told: Vec<_> = output.stderr.lines().collect();
        assert!(
            matches!(told[..], [first] if first.contains("reading ")),
            "{flags}: {told:#?}"
        );
    }
}

/// Also where it has ended long before a slow stdout takes that.
#[test]
fn all_that_programs_have_printed_comes_out() {
    const LINES: usize = 400;
    for flags in ["--jobs 4", "--jobs 1 --exec-mode stream"] {
        let server = Server::one(events((0..20).map(post)));
        let text = format!(
            "l=$(head -c 999 /dev/zero | tr '\\0' x); p() {{ yes $l | head -n {LINES}; }}
            if [ $1 = each ]; then p; else while read -r line; do echo ok; done; p; fi"
        );
        let kind = if flags.contains("stream") {
            "stream"
        } else {
            "each"
        };
        let running = with_script(&server, &text, &format!("-n 20 {flags}"));
        let (reader, writer) = std::io::pipe().unwrap();
        let running = running.arg(kind).stdout(writer).start_elsewhere();
        let lines = std::thread::spawn(move || {
            let mut reader = BufReader::with_capacity(4096, reader);
            let mut n = 0;
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).unwrap() > 0 {
                n += usize::from(line.len() == 1000);
                line.clear();
                if n % 100 == 0 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            n
        });
        let output = running.finish();
        assert_eq!(output.code, Some(0), "{output:#?}");
        let n_programs = if kind == "each" { 20 } else { 1 };
        assert_eq!(lines.join().unwrap(), n_programs * LINES, "{flags}");
    }
}

/// Someone in the background who holds all pipes of a program that has ended.
#[test]
fn what_a_program_leaves_behind_is_not_waited_for() {
    let server = Server::one(events((0..4).map(post)));
    let text = "echo word; sleep 600 & echo $! >> left; exit 0";
    let running = with_script(&server, text, "-n 4 --jobs 2").start();
    running.message("4 events delivered");
    for pid in read(running.folder(), "left").lines() {
        let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
    }
    let output = finish_promptly(running);
    assert_eq!(output.lines(), ["word"; 4]);
}

fn n_descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// Waits until no more than `most` descriptors are open once `n_events` are done, half of
/// which have failed, and returns how many are. Looks at what programs get, too.
fn n_descriptors_after(n_events: u64, most: usize) -> usize {
    let server = Server::one(events((0..n_events).map(post)));
    let text = "ls /proc/self/fd | wc -l; exit $((ROCKETMAN_EVENT_CURSOR % 2))";
    let flags = "--jobs 4 --on-exec-error skip --cursor-file cursor --save-interval 10ms";
    let mut running = with_script(&server, text, flags).start();
    // The shell of the tests may have left some open for everybody.
    let mut usual = Command::new("sh");
    let usual = usual.args(["-c", "ls /proc/self/fd | wc -l"]).output();
    let usual = String::from_utf8(usual.unwrap().stdout).unwrap();
    for line in running.lines(usize::try_from(n_events).unwrap()) {
        assert_eq!(line, usual.trim_end());
    }
    wait_until("all are done", || saved_seq(running.folder()) == n_events);
    wait_until("none is left", || children(running.id()).is_empty());
    wait_until("few are open", || n_descriptors(running.id()) <= most);
    let n_open = n_descriptors(running.id());
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code, Some(0));
    n_open
}

#[test]
fn no_descriptor_and_no_zombie_is_left_behind() {
    // While the cursor is saved one more is open.
    let few = n_descriptors_after(4, usize::MAX) + 1;
    n_descriptors_after(200, few);
}

#[test]
fn names_in_arguments_are_replaced_and_reach_no_shell() {
    let hostile = post(1).replace(
        "3l00000000001",
        r"$(touch harm);\u0000\u001b[2J\n`touch harm`{did}",
    );
    let long = post(2).replace("3l00000000002", &"x".repeat(300_000));
    let server = Server::one(events([post(0), hostile, long, identity(3)]));
    let rocketman = with_script(&server, "printf '[%s]' \"$@\"; echo", "-n 4");
    let harm = rocketman.path("harm");
    let output = rocketman
        .with("{did} {uri}@{time_us} {collection}/{rkey} {nothing} {")
        .succeed();
    assert!(!harm.exists());
    let post = "app.bsky.feed.post";
    let wanted = [
        format!(
            "[{0}][at://{0}/{post}/3l00000000000@{EPOCH}][{post}/3l00000000000][{{nothing}}][{{]",
            did(0)
        ),
        format!(
            "[{0}][at://{0}/{post}/{1}@{2}][{post}/{1}][{{nothing}}][{{]",
            did(1),
            "$(touch harm);[2J`touch harm`{did}",
            EPOCH + STEP
        ),
        format!(
            "[{}][@{}][{post}/][{{nothing}}][{{]",
            did(2),
            EPOCH + 2 * STEP
        ),
        format!("[{}][@{}][/][{{nothing}}][{{]", did(3), EPOCH + 3 * STEP),
    ];
    assert_eq!(output.lines(), wanted);
}
