//! What a cursor file holds after it was set or moved back, and what is said of it.

use crate::support::events::now_us;
use std::os::unix::fs::symlink;

use serde_json::json;

use super::*;

const HOST: &str = "wss://jetstream.example/subscribe";

/// The same as it is written today.
const SERVICE: &str = "https://jetstream.example";

/// The parts of a report that tell where a cursor stands.
fn place(folder: &Path) -> Value {
    let report = shown(folder);
    let keys = ["place", "host", "seq", "time_us", "filter"];
    keys.map(|key| report[key].clone()).into_iter().collect()
}

#[test]
fn a_missing_file_is_made_by_a_time_for_any_server() {
    for (value, time_us) in [
        ("2026-09-21T14:13:20.000123Z", EPOCH + 123),
        ("2026-09-21T16:13:20+02:00", EPOCH),
        ("1790000000000456", EPOCH + 456),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = cursor(folder.path(), &format!("set cursor.json {value}")).succeed();
        assert_eq!(output.stdout, "");
        assert_eq!(
            count(&output, "set 'cursor.json' to 2026-09-21T14:13:20.000"),
            1
        );
        assert_eq!(count(&output, "it is a new file"), 1, "{output:#?}");
        let expected = json!(["time", null, null, time_us, null]);
        assert_eq!(place(folder.path()), expected, "{value}");
        assert_eq!(names(folder.path()), ["cursor.json", "cursor.json.lock"]);
    }
}

#[test]
fn an_age_is_counted_from_now_and_none_is_now() {
    let folder = tempfile::tempdir().unwrap();
    for (age, us) in [("2h", 7_200_000_000), ("0s", 0)] {
        let before = now_us();
        cursor(folder.path(), &format!("set cursor.json {age}")).succeed();
        let time_us = shown(folder.path())["time_us"].as_u64().unwrap();
        assert!((before - us..=now_us() - us).contains(&time_us), "{age}");
    }
}

#[test]
fn server_and_filter_are_kept_unless_another_server_is_named() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), HOST, 20);
    let other = "http://127.0.0.1:6008";
    for (arguments, kind, host, seq, time_us) in [
        ("2026-09-21T14:13:20Z", "time", HOST, None, Some(EPOCH)),
        ("17", "seq", HOST, Some(17), None),
        (
            "999999999999999",
            "seq",
            HOST,
            Some(999_999_999_999_999_u64),
            None,
        ),
        ("18 --source 127.0.0.1:6008", "seq", other, Some(18), None),
        ("1790000000000000", "time", other, None, Some(EPOCH)),
        (
            "2026-09-21T14:13:20Z --source jetstream.example",
            "time",
            SERVICE,
            None,
            Some(EPOCH),
        ),
    ] {
        cursor(folder.path(), &format!("set cursor.json {arguments}")).succeed();
        let expected = json!([kind, host, seq, time_us, "all kinds of events"]);
        assert_eq!(place(folder.path()), expected, "{arguments}");
    }
}

#[test]
fn a_missing_file_is_made_by_a_number_of_a_server_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = cursor(
        folder.path(),
        "set cursor.json 17 --source jetstream.example",
    )
    .succeed();
    let said =
        format!("rocketman: set 'cursor.json' to number 17 of {SERVICE}; it is a new file\n");
    assert_eq!(output.stderr, said);
    let expected = json!(["seq", SERVICE, 17, null, null]);
    assert_eq!(place(folder.path()), expected);
}

#[test]
fn rewind_moves_the_time_back_and_forgets_number_and_event() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), HOST, 20);
    let text = text(folder.path()).replace("null", "\"00000000000000ff\"");
    fs::write(folder.path().join("cursor.json"), text).unwrap();
    let output = cursor(folder.path(), "rewind cursor.json 5ms").succeed();
    let said = "rocketman: moved 'cursor.json' back by 5ms: \
                from 2026-09-21T14:13:20.020000Z to 2026-09-21T14:13:20.015000Z (";
    assert!(output.stderr.starts_with(said), "{}", output.stderr);
    assert_eq!(output.stderr.lines().count(), 1);
    let at = |n| json!(["time", HOST, null, EPOCH + n * STEP, "all kinds of events"]);
    assert_eq!(place(folder.path()), at(15));
    assert_eq!(shown(folder.path())["identity"], Value::Null);
    // And from there once more.
    let call = cursor(folder.path(), "rewind cursor.json").arg("2ms 1000us");
    call.succeed();
    assert_eq!(place(folder.path()), at(12));
}

#[test]
fn output_files_are_not_forgotten_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(30);
    let archive = tail(&server, folder.path()).with("-o events.ndjson -n 5");
    archive.succeed();
    let before = text(folder.path());
    for arguments in [
        "set cursor.json 2h",
        "set cursor.json 3",
        "rewind cursor.json 1ms",
    ] {
        let output = cursor(folder.path(), arguments).run();
        let words = [
            "cursor file 'cursor.json' counts on output file '",
            "events.ndjson', and elsewhere in the stream events would come twice or not at all",
            "hint: with --forget-files it is moved all the same",
        ];
        output.assert_says(2, &words);
    }
    assert_eq!(text(folder.path()), before);
    for arguments in ["rewind cursor.json 1ms", "set cursor.json 3"] {
        fs::write(folder.path().join("cursor.json"), &before).unwrap();
        let call = cursor(folder.path(), arguments).with("--forget-files");
        let output = call.succeed();
        let said = "events.ndjson' stays as it is, and the cursor no longer counts on it";
        assert_eq!(count(&output, said), 1, "{output:#?}");
        assert_eq!(output.stderr.lines().count(), 2, "{output:#?}");
        assert_eq!(shown(folder.path())["files"], json!([]));
    }
}

#[test]
fn a_link_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().join("real");
    fs::create_dir(&real).unwrap();
    write(&real, HOST, 20);
    symlink("real/cursor.json", folder.path().join("cursor.json")).unwrap();
    cursor(folder.path(), "set cursor.json 17").succeed();
    assert!(
        fs::symlink_metadata(folder.path().join("cursor.json"))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(names(folder.path()), ["cursor.json", "real"]);
    assert_eq!(shown(&real)["seq"], 17);
}

#[test]
fn what_was_done_is_said_as_it_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), HOST, 20);
    let quiet = cursor(folder.path(), "set cursor.json 17 -q").succeed();
    assert_eq!((&*quiet.stdout, &*quiet.stderr), ("", ""));
    for call in [
        cursor(folder.path(), "--log-format json set cursor.json 18"),
        cursor(folder.path(), "set cursor.json 18 --log-format json"),
    ] {
        let output = call.succeed();
        let message: Value = serde_json::from_str(&output.stderr).unwrap();
        assert_eq!(
            (&message["level"], &message["to"]),
            (&"INFO".into(), &"number 18".into())
        );
    }
    let output = cursor(folder.path(), "rewind cursor.json 1h --log-format json").run();
    let message: Value = serde_json::from_str(&output.stderr).unwrap();
    assert_eq!((output.code, &message["exit_code"]), (Some(2), &2.into()));
    let coloured = cursor(folder.path(), "rewind cursor.json 1h --color always").run();
    assert!(
        coloured.stderr.starts_with("rocketman: \x1b[31merror: "),
        "{coloured:#?}"
    );
}

#[test]
fn a_name_means_the_same_file_as_it_does_to_tail_in_a_service() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let call = |arguments: &str| cursor(folder.path(), arguments).env("STATE_DIRECTORY", &state);
    call("set cursor.json 2h").succeed();
    assert_eq!(names(&state), ["cursor.json", "cursor.json.lock"]);
    call("rewind cursor.json 1h").succeed();
    let seen: Value =
        serde_json::from_str(&call("show cursor.json --json").succeed().stdout).unwrap();
    assert_eq!(seen["file"], state.join("cursor.json").to_str().unwrap());
    let absolute = state.join("cursor.json");
    call("show").arg(absolute).succeed();
}
