//! What a person, or a script, sees of a cursor file.

use crate::support::events::now_us;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use rocketman::event::Start;
use rustix::process::Signal;

use super::*;

const HOST: &str = "wss://jetstream.example/subscribe";

/// What a person sees of this file.
fn seen(contents: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cursor.json"), contents).unwrap();
    let output = cursor(folder.path(), "show cursor.json").succeed();
    assert_eq!(output.stderr, "");
    assert_eq!(names(folder.path()), ["cursor.json"]);
    output.stdout
}

/// A cursor that an event took here so long ago.
fn reached(time_us: u64, rest: &str) -> String {
    format!(
        r#"{{"format":1,"source":"jetstream","host":"{HOST}","time_us":{time_us},{rest},"filter":"commit events"}}"#
    )
}

#[test]
fn a_person_sees_server_time_number_filter_and_what_comes_next() {
    let time_us = now_us() - 190_000_000;
    let contents = reached(time_us, r#""seq":17,"identity":"00000000000000ff""#);
    let expected = format!(
        "server    {HOST} (jetstream)\n\
         time      {} (3 min ago)\n\
         number    17\n\
         next run  goes on after the event of this number, which has to come again first\n\
         filter    commit events\n\
         in use    no\n",
        Start::Time(time_us)
    );
    assert_eq!(seen(&contents), expected);
}

#[test]
fn the_three_sorts_of_saved_position_are_told_apart() {
    let time_us = now_us();
    let cases = [
        (
            reached(time_us, r#""seq":17,"identity":"00000000000000ff""#),
            "goes on after the event of this number, which has to come again first",
        ),
        (
            reached(time_us, r#""identity":"00000000000000ff""#),
            "goes on after the event of this time, which comes again first",
        ),
        (
            reached(time_us, r#""seq":17,"identity":null"#),
            "begins with the event of this number, which is not delivered yet",
        ),
        (
            reached(time_us, r#""identity":null"#),
            "begins with the first event of this time or later",
        ),
        (
            format!(r#"{{"format":1,"set":true,"time_us":{time_us}}}"#),
            "begins with the first event of this time or later, as it was set",
        ),
        (
            format!(r#"{{"format":1,"set":true,"source":"jetstream","host":"{HOST}","seq":17}}"#),
            "begins with the event of this number, or the next one that is left, as it was set",
        ),
    ];
    for (contents, expected) in cases {
        let seen = seen(&contents);
        let line = format!("\nnext run  {expected}\n");
        assert!(seen.contains(&line), "no {expected:?} in {seen}");
    }
}

#[test]
fn a_place_without_server_time_or_filter_says_so() {
    let any = seen(r#"{"format":1,"set":true,"time_us":1790000000000000}"#);
    assert!(any.starts_with("server    any server\n"), "{any}");
    assert!(any.contains("\nfilter    none yet\n"), "{any}");
    let number = seen(&format!(
        r#"{{"format":1,"set":true,"source":"jetstream","host":"{HOST}","seq":17}}"#
    ));
    assert!(!number.contains("\ntime "), "{number}");
    let future = now_us() + 7_300_000_000;
    let ahead = seen(&format!(r#"{{"format":1,"set":true,"time_us":{future}}}"#));
    assert!(ahead.contains("Z (in 2 h)\n"), "{ahead}");
    let absurd = seen(&format!(
        r#"{{"format":1,"set":true,"time_us":{}}}"#,
        u64::MAX
    ));
    assert!(absurd.contains("18446744073709551615 µs (in "), "{absurd}");
}

#[test]
fn json_has_the_same_keys_for_every_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursor.json");
    let time_us = now_us() - 190_000_000;
    let event = reached(time_us, r#""seq":17,"identity":"00000000000000ff""#);
    fs::write(&path, event).unwrap();
    let report = shown(folder.path());
    let age = report["age_seconds"].as_i64().unwrap();
    assert!((190..250).contains(&age), "{age}");
    let expected = serde_json::json!({
        "file": "cursor.json", "key": null, "place": "event", "source": "jetstream", "host": HOST,
        "seq": 17, "time_us": time_us, "time": Start::Time(time_us).to_string(), "age_seconds": age,
        "highest_us": null, "highest": null, "first_us": null, "others": [],
        "identity": "00000000000000ff", "filter": "commit events", "files": [], "in_use": false,
    });
    assert_eq!(report, expected);
    let keys = |report: &Value| {
        report
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    let cases = [
        (reached(5, r#""identity":null"#), "beginning"),
        (r#"{"format":1,"set":true,"time_us":5}"#.to_owned(), "time"),
        (
            r#"{"format":1,"set":true,"source":"jetstream","host":"h","seq":17}"#.to_owned(),
            "seq",
        ),
    ];
    for (contents, place) in cases {
        fs::write(&path, contents).unwrap();
        let report = shown(folder.path());
        assert_eq!(report["place"], place);
        assert_eq!(keys(&report), keys(&expected), "{place}");
    }
}

/// The state of an output file of which the cursor counts four bytes.
fn state_of(file: &Path, inode: u64) -> (Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let files = format!(
        r#""identity":null,"files":[{{"path":"{}","inode":{inode},"bytes":4}}]"#,
        file.display()
    );
    fs::write(folder.path().join("cursor.json"), reached(5, &files)).unwrap();
    let report = shown(folder.path())["files"][0].clone();
    let seen = cursor(folder.path(), "show cursor.json").succeed().stdout;
    let line = seen
        .lines()
        .find(|line| line.starts_with("output "))
        .unwrap();
    (report, line.to_owned())
}

#[test]
fn output_files_are_shown_with_counted_and_present_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events");
    fs::write(&file, "1234").unwrap();
    let inode = fs::metadata(&file).unwrap().ino();
    let line = |rest: &str| format!("output    '{}': 4 bytes, {rest}", file.display());
    let cases = [
        ("1234", inode, "same", "matches the cursor"),
        (
            "123456",
            inode,
            "longer",
            "and 2 more that the cursor does not count",
        ),
        ("123", inode, "shorter", "but the file has only 3"),
        (
            "1234",
            inode + 1,
            "other",
            "but another file has its name now",
        ),
    ];
    for (contents, inode, state, words) in cases {
        fs::write(&file, contents).unwrap();
        let (report, seen) = state_of(&file, inode);
        assert_eq!(seen, line(words));
        let expected = serde_json::json!({
            "path": file.to_str().unwrap(), "inode": inode, "bytes": 4,
            "length": contents.len(), "state": state,
        });
        assert_eq!(report, expected);
    }
    let (report, _) = state_of(&file.join("below"), inode);
    assert_eq!(
        (&report["state"], &report["length"]),
        (&"unreadable".into(), &Value::Null)
    );
    fs::remove_file(&file).unwrap();
    let (report, seen) = state_of(&file, inode);
    assert_eq!(
        (&report["state"], &report["length"]),
        (&"missing".into(), &Value::Null)
    );
    assert_eq!(seen, line("but the file is missing"));
}

#[test]
fn a_complete_file_that_has_its_name_is_not_missing() {
    let server = counting_server(30);
    let folder = tempfile::tempdir().unwrap();
    tail(&server, folder.path())
        .with("-o x --rotate-count 12 --save-interval 1h -n 30")
        .succeed();
    let report = shown(folder.path());
    let states: Vec<_> = report["files"].as_array().unwrap().iter().collect();
    let of = |name: &str| {
        let file = states
            .iter()
            .find(|file| file["path"].as_str().unwrap().ends_with(name));
        file.unwrap()["state"].clone()
    };
    assert_eq!(of("/x.000001.partial"), "complete");
    assert_eq!(of("/x.000003.partial"), "same");
    let seen = cursor(folder.path(), "show cursor.json").succeed().stdout;
    assert!(seen.contains("bytes, complete\n"), "{seen}");
    assert!(folder.path().join("x.000001").exists());
}

#[test]
fn a_running_process_is_seen_and_not_disturbed() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(2000);
    let running = tail(&server, folder.path())
        .with("-o events.ndjson --save-interval 1ms")
        .start();
    wait_until("a cursor", || read(folder.path()).is_some());
    let mut report = shown(folder.path());
    wait_until("the last event", || {
        assert_eq!(report["in_use"], true);
        report = shown(folder.path());
        report["seq"] == 2000
    });
    let seen = cursor(folder.path(), "show cursor.json").succeed().stdout;
    assert!(
        seen.ends_with("\nin use    yes, by a running process\n"),
        "{seen}"
    );
    running.signal(Signal::TERM);
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(count(&output, "warning"), 0, "{output:#?}");
    assert_eq!(shown(folder.path())["in_use"], false);
}

#[test]
fn a_process_that_starts_is_not_kept_out_by_one_that_looks() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(1);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let ordering = std::sync::atomic::Ordering::Relaxed;
    tail(&server, folder.path()).with("-n 1").succeed();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(ordering) {
                shown(folder.path());
            }
        });
        for _ in 0..20 {
            let output = tail(&server, folder.path()).with("--duration 1ms").run();
            is_over.store(output.code != Some(0), ordering);
            assert_eq!(output.code, Some(0), "{output:#?}");
        }
        is_over.store(true, ordering);
    });
}

#[test]
fn a_folder_that_may_only_be_read_is_enough_and_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), HOST, 3);
    let permit = |mode| {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    };
    permit(0o555);
    let modified = || fs::metadata(folder.path()).unwrap().modified().unwrap();
    let before = modified();
    let report = shown(folder.path());
    assert_eq!(
        (&report["seq"], &report["in_use"]),
        (&4.into(), &false.into())
    );
    assert_eq!(modified(), before, "nothing is made, not even for a moment");
    assert_eq!(names(folder.path()), ["cursor.json"]);
    permit(0o755);
}

#[test]
fn a_link_shows_the_file_it_points_to_and_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().join("real");
    fs::create_dir(&real).unwrap();
    let server = counting_server(3);
    let mut running = tail(&server, &real).start();
    running.lines(3);
    wait_until("a cursor", || read(&real).is_some());
    symlink(real.join("cursor.json"), folder.path().join("cursor.json")).unwrap();
    let report = shown(folder.path());
    assert_eq!(
        (&report["host"], &report["in_use"]),
        (&server.service().into(), &true.into())
    );
}

#[test]
fn what_a_file_says_is_escaped() {
    let contents = reached(5, r#""identity":null"#);
    let hostile = contents
        .replace("jetstream.example", r"\u001b[31mjetstream")
        .replace("commit events", r"a\u0007b\n\u202ec");
    let seen = seen(&hostile);
    assert_eq!(seen.lines().count(), 5, "{seen:?}");
    assert!(seen.contains(r"wss://\u{1b}[31mjetstream"), "{seen:?}");
    assert!(seen.contains(r"a\u{7}b\n\u{202e}c"), "{seen:?}");
}

#[test]
fn quiet_and_json_messages_leave_the_data_alone() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), HOST, 3);
    let plain = cursor(folder.path(), "show cursor.json").succeed();
    for flags in [
        "-q",
        "--log-format json",
        "-vv",
        "--color always --progress always",
    ] {
        let output = cursor(folder.path(), "show cursor.json")
            .with(flags)
            .succeed();
        assert_eq!(output.stdout, plain.stdout, "{flags}");
    }
    // An alias may hold a flag that is typed once more.
    let twice = cursor(folder.path(), "show --json cursor.json --json").succeed();
    assert!(twice.stdout.starts_with('{'), "{twice:#?}");
    let (closed, writer) = std::io::pipe().unwrap();
    drop(closed);
    let call = cursor(folder.path(), "show cursor.json").stdout(writer);
    assert_eq!(call.start_elsewhere().finish().code, Some(0));
}
