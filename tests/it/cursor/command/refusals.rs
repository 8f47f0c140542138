//! What cannot be shown or moved, and why. Nothing is left behind, and nothing is changed.

use std::os::unix::fs::symlink;

use super::*;

const HOST: &str = "wss://jetstream.example/subscribe";

/// Wants each of the three refused with this code and these words, and the folder as it was.
#[track_caller]
fn all_refused(folder: &Path, file: &str, code: i32, words: &[&str]) {
    let before = names(folder);
    for arguments in ["show {}", "set {} 2h", "rewind {} 1h"] {
        let output = cursor(folder, &arguments.replace("{}", file)).run();
        output.assert_says(code, words);
        assert_eq!(output.stdout, "", "{arguments}");
    }
    assert_eq!(names(folder), before);
}

/// The same for a file with these contents.
#[track_caller]
fn contents_refused(contents: &str, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cursor.json"), contents).unwrap();
    all_refused(folder.path(), "cursor.json", 1, words);
    assert_eq!(text(folder.path()), contents);
}

#[test]
fn a_missing_file_is_refused_with_the_way_to_make_one() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in ["show nowhere.json", "rewind nowhere.json 1h"] {
        let output = cursor(folder.path(), arguments).run();
        let words = [
            "error: there is no cursor file 'nowhere.json'",
            "hint: to make one, say where to begin: rocketman cursor set 'nowhere.json' 2h",
        ];
        output.assert_says(2, &words);
        assert_eq!(output.stdout, "");
    }
    symlink("nowhere.json", folder.path().join("link")).unwrap();
    let output = cursor(folder.path(), "show link").run();
    output.assert_says(2, &["there is no cursor file 'link'"]);
    assert_eq!(names(folder.path()), ["link"]);
}

#[test]
fn a_damaged_or_foreign_file_is_refused_as_it_is_by_tail() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), HOST, 3);
    let valid = text(folder.path());
    let damaged = "cursor file 'cursor.json' is damaged or no cursor file: ";
    for contents in [
        valid.get(..valid.len() / 2).unwrap(),
        "1725911162329308",
        r#"{"cursor":1725911162329308}"#,
        "{\"did\":\"did:plc:a\"}\n{\"did\":\"did:plc:b\"}\n",
        "\u{0}\u{1}",
        r#"{"format":1,"set":true,"seq":7}"#,
    ] {
        contents_refused(
            contents,
            &[damaged, "hint: to start over, move 'cursor.json' away"],
        );
    }
    for contents in ["", " \n"] {
        contents_refused(contents, &["cursor file 'cursor.json' is empty", "hint: "]);
    }
    contents_refused(
        r#"{"format":3,"anything":"else"}"#,
        &["'cursor.json' has format 3, and this version reads format 2"],
    );
    let large = "x".repeat(16 * 1024 * 1024 + 1);
    contents_refused(&large, &["'cursor.json' is too large to be a cursor file"]);
}

#[test]
fn a_path_that_leads_to_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("taken")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    symlink("loop", folder.path().join("loop")).unwrap();
    for (file, code, words) in [
        ("taken", 2, ["cursor file 'taken'", "is a folder"]),
        (
            "file/cursor.json",
            1,
            ["cursor file 'file/cursor.json'", "directory"],
        ),
        ("loop", 1, ["cursor file 'loop'", "symbolic links"]),
    ] {
        all_refused(folder.path(), file, code, &words);
    }
}

/// Nobody may make files in /proc, not even root.
#[test]
#[cfg(target_os = "linux")]
fn a_file_that_cannot_be_made_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["nowhere/cursor.json", "/proc/cursor.json"] {
        let output = cursor(folder.path(), &format!("set {file} 2h")).run();
        output.assert_says(2, &[&format!("cursor file '{file}'"), "(os error "]);
    }
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_file_that_a_process_has_is_moved_under_nobodys_hands() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(5);
    let running = tail(&server, folder.path()).with("-o events").start();
    wait_for_seq(folder.path(), 5);
    let before = text(folder.path());
    for arguments in [
        "set cursor.json 2h",
        "set cursor.json 3",
        "rewind cursor.json 1h",
    ] {
        let output = cursor(folder.path(), arguments).run();
        let words = [
            "error: cursor file 'cursor.json' is in use by another process",
            "hint: stop that one first, or give each process a --cursor-file of its own",
        ];
        output.assert_says(7, &words);
    }
    assert_eq!(text(folder.path()), before);
    running.kill();
    cursor(folder.path(), "rewind cursor.json 1ms --forget-files").succeed();
}

#[test]
fn a_bad_value_is_refused_with_the_reason_and_the_forms() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), HOST, 3);
    let before = text(folder.path());
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["set", "cursor.json", "yesterday"],
            &["VALUE: 'yesterday'", "2026-11-23T10:00:00Z", "2h"],
        ),
        (&["set", "cursor.json", ""], &["VALUE: ''"]),
        (
            &["set", "cursor.json", "900y"],
            &["VALUE", "'900y' lies before 1970"],
        ),
        (
            &["set", "cursor.json", "99999999999999999999"],
            &["VALUE: '99999999999999999999'"],
        ),
        (
            &["set", "cursor.json", "0"],
            &["VALUE: '0' is no place", "hint: "],
        ),
        (
            &["set", "cursor.json", "1970-01-01T00:00:00Z"],
            &["VALUE: '1970-01-01T00:00:00Z' is no place"],
        ),
        (
            &["set", "cursor.json", "2999-01-01T00:00:00Z"],
            &[
                "VALUE: 2999-01-01T00:00:00.000000Z lies in the future",
                "hint: ",
            ],
        ),
        (
            &["set", "cursor.json", "9999999999999999"],
            &["VALUE: 2286-11-20T17:46:39.999999Z lies in the future"],
        ),
        (
            &["set", "cursor.json", "17", "--source", "jetstream"],
            &["'jetstream' is not a source", "wss://HOST/subscribe"],
        ),
        (
            &[
                "set",
                "cursor.json",
                "17",
                "--source",
                "wss://me:hunter2@x.example",
            ],
            &["x.example", "user name or password"],
        ),
        (&["set", "cursor.json"], &["<VALUE>"]),
        (&["set"], &["<CURSOR>"]),
        (&["rewind", "cursor.json"], &["<DURATION>"]),
        (
            &["rewind", "cursor.json", "0s"],
            &["'0s'", "longer than none"],
        ),
        (
            &["rewind", "cursor.json", "-1h"],
            &["rocketman cursor rewind takes no negative value"],
        ),
        (&["rewind", "cursor.json", "soon"], &["'soon'", "1h 30m"]),
        (
            &["rewind", "cursor.json", "90y"],
            &[
                "90years before 2026-09-21T14:13:20.003000Z lies before 1970",
                "hint: ",
            ],
        ),
        (&["show", "cursor.json", "--raw"], &["--raw"]),
        (&["show"], &["<CURSOR>"]),
        (&["move", "cursor.json"], &["'move'"]),
    ];
    for (arguments, words) in cases {
        let call = Rocketman::new(["cursor"]).inside(folder.path());
        let output = arguments.iter().fold(call, Rocketman::arg).run();
        output.assert_says(2, words);
        assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
        assert_eq!(output.stdout, "");
    }
    assert_eq!(text(folder.path()), before);
}

#[test]
fn a_number_without_a_server_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = cursor(folder.path(), "set cursor.json 17").run();
    let words = [
        "17 is a number of one particular server, and there is no cursor file 'cursor.json'",
        "hint: name the server with --source, or give a time",
    ];
    output.assert_says(2, &words);
    assert!(names(folder.path()).is_empty());
    cursor(folder.path(), "set cursor.json 2h").succeed();
    // The servers of tail are not the one that a number is of.
    let output = cursor(folder.path(), "set cursor.json 17")
        .env("ROCKETMAN_SOURCE", HOST)
        .run();
    let words =
        ["17 is a number of one particular server, and cursor file 'cursor.json' names none"];
    output.assert_says(2, &words);
}

#[test]
fn a_number_has_no_time_to_go_back_from() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), HOST, 3);
    cursor(folder.path(), "set cursor.json 17").succeed();
    let before = text(folder.path());
    let output = cursor(folder.path(), "rewind cursor.json 1h").run();
    let words = [
        "cursor file 'cursor.json' stands at number 17, whose time only its server knows",
        "hint: say where to begin: rocketman cursor set 'cursor.json' 2h",
    ];
    output.assert_says(2, &words);
    assert_eq!(text(folder.path()), before);
}

#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), HOST, 3);
    let before = text(folder.path());
    for arguments in ["set cursor.json 2h", "rewind cursor.json 1h"] {
        let script = format!("trap '' XFSZ; ulimit -f 0; exec \"$0\" cursor {arguments}");
        let output = std::process::Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_rocketman")])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let why = "cursor.json': File too large";
        assert!(said.contains("error: cannot write cursor file '") && said.contains(why));
        assert_eq!(text(folder.path()), before);
        assert_eq!(names(folder.path()), ["cursor.json", "cursor.json.lock"]);
    }
}
