//! What each flag does, where no other module says it.

use std::{fs, net::TcpListener};

use rustix::process::Signal;

use crate::support::events::now_us;
use crate::support::{
    events::{EPOCH, STEP, account, commit, did, identity, post, unlike},
    jetstream::{Request, Server},
    program::{Output, Rocketman, Running},
    wait_until,
};

/// Sends these events, and waits until the client is gone.
fn sending(events: impl IntoIterator<Item = String>) -> Server {
    let events: Vec<String> = events.into_iter().collect();
    Server::one(|request| {
        let mut connection = request.accept();
        connection.send_all(events);
        connection.until_closed();
    })
}

/// A call that meets three posts.
fn three_posts(flags: &str) -> Output {
    let server = sending((0..3).map(post));
    Rocketman::tail(&server.url()).with(flags).succeed()
}

/// A call that finds no server.
fn unreachable(flags: &str) -> Rocketman {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    Rocketman::tail(&address).with(flags)
}

/// Event 0 at another time.
fn post_at(time_us: u64) -> String {
    post(0).replace(&EPOCH.to_string(), &time_us.to_string())
}

#[test]
fn each_part_of_the_filter_keeps_what_it_names() {
    let profile = || commit(4, Some(5), "update", "app.bsky.actor.profile", "");
    let one_account = format!("-d {}", did(3));
    let cases = [
        ("-c app.bsky.feed.post", vec![post(5)]),
        ("-c app.bsky.feed.*", vec![unlike(1), post(5)]),
        (
            "-c app.bsky.feed.post -k all",
            vec![identity(2), account(3), post(5)],
        ),
        (&one_account, vec![account(3)]),
        ("-k account -k identity", vec![identity(2), account(3)]),
        ("--op delete --op update", vec![unlike(1), profile()]),
        ("--op create -k all", vec![identity(2), account(3), post(5)]),
    ];
    for (flags, expected) in cases {
        let server = sending([unlike(1), identity(2), account(3), profile(), post(5)]);
        let call = Rocketman::tail(&server.url()).with(flags);
        let output = call.with(&format!("-n {}", expected.len())).succeed();
        assert_eq!(output.lines(), expected, "{flags}");
    }
}

#[test]
fn since_begins_at_a_time() {
    let server = sending((0..3).map(post));
    let call = Rocketman::tail(&server.url()).with("-n 2 --since 2026-09-21T14:13:20.001Z");
    assert_eq!(call.succeed().lines(), [post(1), post(2)]);
    let asked = format!("&cursor={}", EPOCH + STEP);
    assert!(server.requests()[0].ends_with(&asked), "{asked}");
}

#[test]
fn a_cursor_is_sent_as_given() {
    let server = sending([post(4)]);
    let call = Rocketman::tail(&server.url()).with("-n 1 --cursor 5");
    assert_eq!(call.succeed().lines(), [post(4)]);
    assert!(server.requests()[0].ends_with("&cursor=5"));
}

#[test]
fn a_cursor_file_resumes_and_rewinds_on_another_server() {
    let folder = tempfile::tempdir().unwrap();
    let run = |server: &Server, flags: &str| {
        let call = Rocketman::tail(&server.url()).with("--cursor-file c");
        call.with(flags).inside(folder.path()).succeed()
    };
    let script = |from: u64| {
        let serve = move |request: Request| {
            let mut connection = request.accept();
            connection.send_all((from..from + 2).map(post));
            connection.until_closed();
        };
        Box::new(serve) as Box<dyn FnOnce(Request) + Send>
    };
    let server = Server::expecting([script(0), script(1)]);
    assert_eq!(run(&server, "-n 2").lines(), [post(0), post(1)]);
    assert_eq!(run(&server, "-n 1").lines(), [post(2)]);
    assert!(server.requests()[1].ends_with("&cursor=2"));
    let other = sending([post(2), post(3)]);
    assert_eq!(run(&other, "-n 1 --rewind 1ms").lines(), [post(3)]);
    let asked = format!("&cursor={}", EPOCH + STEP);
    assert!(other.requests()[0].ends_with(&asked), "{asked}");
}

#[test]
fn the_cursor_file_is_saved_at_its_pace() {
    let server = sending([post(0)]);
    let call = Rocketman::tail(&server.url()).with("--cursor-file c --save-interval 20ms -o out");
    let running = call.start();
    let saved = |running: &Running| fs::read_to_string(running.path("c")).unwrap_or_default();
    let is_beginning = |text: &str| text.contains(r#""identity": null"#);
    wait_until("a saved event", || {
        let text = saved(&running);
        !text.is_empty() && !is_beginning(&text)
    });
    drop(running);
    // The first ping comes after a third of the limit, and so after the pace that is the default.
    let server = Server::one(|request| {
        let mut connection = request.accept();
        connection.send(post(0));
        assert!(connection.receive().is_ping());
        connection.send(post(1));
        connection.until_closed();
    });
    let call = Rocketman::tail(&server.url()).with("--cursor-file c --save-interval 1h -o out");
    let running = call.with("--frame-timeout 3600ms").start();
    let both = format!("{}\n{}\n", post(0), post(1));
    wait_until("both events", || {
        fs::read_to_string(running.path("out")).unwrap_or_default() == both
    });
    assert!(
        is_beginning(&saved(&running)),
        "more than the beginning was saved before its time"
    );
}

#[test]
fn output_appends_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.ndjson");
    fs::write(&file, "before\n").unwrap();
    let output = three_posts(&format!("-n 2 -o {}", file.display()));
    assert_eq!(output.stdout, "");
    let expected = format!("before\n{}\n{}\n", post(0), post(1));
    assert_eq!(fs::read_to_string(file).unwrap(), expected);
}

#[test]
fn exec_runs_a_program_for_each_event() {
    let folder = tempfile::tempdir().unwrap();
    let server = sending([identity(0), post(1), unlike(2)]);
    let call = Rocketman::tail(&server.url()).with("-x sh -c");
    let call = call.arg("cat >> got; echo $ROCKETMAN_EVENT_KIND $0 >> got");
    let call = call.with("word ; -k commit -n 2").inside(folder.path());
    assert_eq!(call.succeed().stdout, "");
    let expected = format!("{}\ncommit word\n{}\ncommit word\n", post(1), unlike(2));
    let got = fs::read_to_string(folder.path().join("got")).unwrap();
    assert_eq!(got, expected);
}

#[test]
fn print0_ends_each_event_with_nul() {
    let output = three_posts("-n 2 -0");
    assert_eq!(output.stdout, format!("{}\0{}\0", post(0), post(1)));
}

#[test]
fn limits_end_the_stream_before_the_first_event_behind_them() {
    let output = three_posts("-n 2");
    assert_eq!(output.lines(), [post(0), post(1)]);
    output.assert_says(0, &["the count is reached"]);
    let server = sending([0, 2, 1, 10_002, 0].map(post));
    let flags = "--since 2026-09-21T14:13:20Z --until 2026-09-21T14:13:20.002Z";
    let output = Rocketman::tail(&server.url()).with(flags).succeed();
    assert_eq!(output.lines(), [post(0), post(1)]);
    output.assert_says(0, &["--until is reached"]);
    let hour = 3_600_000_000;
    let (past, future) = (post_at(now_us() - hour), post_at(now_us() + hour));
    let server = sending([past.clone(), future, post(3)]);
    let output = Rocketman::tail(&server.url()).with("-e").succeed();
    assert_eq!(output.lines(), [past]);
    output.assert_says(0, &["the end is reached"]);
    let output = three_posts("--duration 500ms");
    assert_eq!(output.lines().len(), 3);
    output.assert_says(0, &["--duration is reached"]);
}

#[test]
fn grace_bounds_the_wait_for_a_program_that_hangs() {
    let server = sending([post(0)]);
    let call = Rocketman::tail(&server.url()).with("--grace 100ms -x sh -c");
    let running = call.arg(": > begun; exec sleep 600").start();
    wait_until("the program", || running.path("begun").exists());
    running.signal(Signal::TERM);
    running
        .finish()
        .assert_says(1, &["within 100ms", "--grace"]);
}

#[test]
fn retries_are_as_many_as_allowed_and_no_further_apart() {
    let server = Server::every(|request| request.refuse("503 Service Unavailable", "", ""));
    let output = Rocketman::new(["tail", &server.url()])
        .logging_each_try()
        .with("--max-retries 12 --max-backoff 9ms")
        .run();
    output.assert_says(3, &["after 13 failed tries in a row", "HTTP 503"]);
    assert_eq!(server.requests().len(), 13);
    let waits = output.stderr.matches("trying again in 0.0 s").count();
    assert_eq!(waits, 12, "{}", output.stderr);
}

#[test]
fn a_silent_connection_is_lost_after_the_frame_timeout() {
    let server = Server::one(|request| request.accept().stall());
    let call = Rocketman::tail(&server.url());
    let output = call.with("--max-retries 0 --frame-timeout 300ms").run();
    output.assert_says(3, &["nothing was received for 300ms"]);
}

#[test]
fn quiet_leaves_only_errors() {
    assert_eq!(three_posts("-n 1 -q").stderr, "");
    let output = unreachable("--max-retries 1 -q").run();
    output.assert_says(3, &["gave up"]);
    assert!(!output.stderr.contains("warning"), "{}", output.stderr);
}

#[test]
fn each_v_says_more() {
    let said = ["", "-v", "-vv", "-vvv"].map(|flags| three_posts(&format!("-n 1 {flags}")).stderr);
    let words = ["rocketman: reading", "connected", "connecting", "trace: "];
    for (level, said) in said.iter().enumerate() {
        for (needed, word) in words.iter().enumerate() {
            assert_eq!(said.contains(word), level >= needed, "{word:?} in {said}");
        }
    }
}

#[test]
fn json_messages_are_json_to_the_last_line() {
    let output = unreachable("--max-retries 1 --log-format json").run();
    let lines: Vec<serde_json::Value> = output
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let levels: Vec<_> = lines.iter().map(|line| line["level"].clone()).collect();
    assert_eq!(levels, ["INFO", "WARN", "ERROR"]);
    assert_eq!(lines[2]["exit_code"], 3);
}

/// What a terminal shows of a run that lasts long enough to show something: the first ping tells
/// when.
fn on_terminal(flags: &str, run: impl FnOnce(Rocketman) -> Output) -> Output {
    let server = Server::one(|request| {
        let mut connection = request.accept();
        assert!(connection.receive().is_ping());
        connection.send(post(0));
        connection.until_closed();
    });
    let call = Rocketman::tail(&server.url()).with("-n 1 --frame-timeout 900ms");
    run(call.with(flags))
}

fn has_status_line(output: &Output) -> bool {
    ["connecting", "0/s read"]
        .iter()
        .any(|word| output.stderr.contains(word))
}

#[test]
fn the_status_line_is_shown_where_it_is_wanted() {
    let cases = [
        // What reads the pipe most often writes to the same terminal.
        ("", false),
        ("--progress always", true),
        ("-q", false),
        ("-q --progress always", true),
        ("--progress never", false),
    ];
    for (flags, is_shown) in cases {
        let output = on_terminal(flags, Rocketman::run_on_terminal);
        assert_eq!(output.lines(), [post(0)]);
        assert_eq!(has_status_line(&output), is_shown, "{flags} {output:?}");
    }
    let piped = on_terminal("--progress always", Rocketman::run);
    assert!(!has_status_line(&piped), "{piped:?}");
}

#[test]
fn the_status_line_stays_off_a_terminal_that_gets_events() {
    for (flags, is_shown) in [("", false), ("-o -", false), ("-o out", true)] {
        let output = on_terminal(flags, Rocketman::run_all_on_terminal);
        let has_events = output.stderr.contains("feed.post");
        assert_eq!(has_events, !is_shown, "{flags}");
        assert_eq!(has_status_line(&output), is_shown, "{flags} {output:?}");
    }
}

#[test]
fn messages_are_coloured_where_it_is_wanted() {
    let flags = "--max-retries 1 --progress never";
    let call = || unreachable(flags);
    let cases = [
        (call().run(), false),
        (call().with("--color always").run(), true),
        (call().run_on_terminal(), true),
        (call().env("NO_COLOR", "1").run_on_terminal(), false),
        (call().with("--color never").run_on_terminal(), false),
    ];
    for (output, is_coloured) in cases {
        let said = &output.stderr;
        let warning = said.contains("\x1b[33mwarning: \x1b[0mcannot reach");
        assert_eq!(warning, is_coloured, "{said:?}");
        assert_eq!(said.contains('\x1b'), is_coloured, "{said:?}");
    }
}

#[test]
fn completions_are_those_of_the_shell() {
    let cases = [
        ("bash", "-F _clap_complete_rocketman rocketman"),
        ("zsh", "#compdef rocketman"),
        ("fish", "--command rocketman"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion:arg-completer[rocketman]"),
    ];
    for (shell, word) in cases {
        let output = Rocketman::new(["completions", shell]).succeed();
        assert!(output.stdout.contains(word), "{shell}");
    }
    let output = Rocketman::new(["completions", "abacus"]).run();
    output.assert_says(2, &["'abacus'", "bash", "zsh"]);
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let call = Rocketman::new(["man", "--dir"]).arg(folder.path());
    assert_eq!(call.succeed().stdout, "");
    let pages = [
        ("", "rocketman"),
        ("tail", "rocketman-tail"),
        ("probe", "rocketman-probe"),
        ("serve", "rocketman-serve"),
        ("man", "rocketman-man"),
        ("completions", "rocketman-completions"),
        ("cursor", "rocketman-cursor"),
        ("check", "rocketman-check"),
        ("compare", "rocketman-compare"),
        ("inspect", "rocketman-inspect"),
        ("pack", "rocketman-pack"),
        ("fold", "rocketman-fold"),
        ("comply", "rocketman-comply"),
        ("health", "rocketman-health"),
        ("replay", "rocketman-replay"),
        ("cursor show", "rocketman-cursor-show"),
        ("cursor set", "rocketman-cursor-set"),
        ("cursor rewind", "rocketman-cursor-rewind"),
    ];
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), pages.len());
    for (command, page) in pages {
        let printed = Rocketman::new(["man"]).with(command).succeed().stdout;
        assert!(
            printed.contains(&format!(".TH {} 1", page.to_uppercase())),
            "{printed}"
        );
        let file = folder.path().join(format!("{page}.1"));
        assert_eq!(fs::read_to_string(file).unwrap(), printed);
    }
    let hyphenated = Rocketman::new(["man", "cursor-set"]).succeed();
    assert!(hyphenated.stdout.contains(".TH ROCKETMAN-CURSOR-SET 1"));
    for nothing in ["nothing", "cursor nothing"] {
        let output = Rocketman::new(["man"]).with(nothing).run();
        output.assert_says(2, &[&format!("'{nothing}'"), "rocketman help"]);
    }
    let output = Rocketman::new(["man", "--dir", "nowhere"]).run();
    output.assert_says(1, &["cannot write 'nowhere/rocketman.1'", "No such file"]);
}
