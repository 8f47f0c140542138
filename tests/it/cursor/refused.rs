//! Cursor files that cannot be used. None of them is ever taken for "start live".

use std::net::TcpListener;

use super::*;

/// Runs with this cursor file, and wants this exit code and no connection.
fn refused(contents: &str, code: i32) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cursor.json"), contents).unwrap();
    let output = refused_in(folder.path(), "cursor.json", code);
    let after = fs::read_to_string(folder.path().join("cursor.json")).unwrap();
    assert_eq!(after, contents, "what was refused is left as it was");
    output
}

fn refused_in(folder: &Path, file: &str, code: i32) -> Output {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("ws://{}/subscribe", listener.local_addr().unwrap());
    let output = Rocketman::tail(&url)
        .with("-n 1 --max-retries 0 --cursor-file")
        .arg(file)
        .inside(folder)
        .run();
    assert_eq!(output.code, Some(code), "{output:#?}");
    assert_eq!(output.stdout, "");
    let came = listener.accept().map(|_| ());
    assert_eq!(
        came.unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock,
        "a connection was made"
    );
    output
}

fn valid() -> String {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "ws://127.0.0.1:1/subscribe", 3);
    fs::read_to_string(folder.path().join("cursor.json")).unwrap()
}

#[test]
fn an_empty_file_is_refused() {
    for contents in ["", " \n"] {
        let output = refused(contents, 1);
        assert_eq!(count(&output, "cursor.json' is empty"), 1, "{output:#?}");
        assert_eq!(count(&output, "hint: to start over"), 1, "{output:#?}");
    }
}

#[test]
fn a_file_that_was_cut_short_is_refused() {
    let valid = valid();
    for len in [1, valid.len() / 2, valid.len() - 1] {
        let output = refused(valid.get(..len).unwrap(), 1);
        let said = "cursor.json' is damaged or no cursor file";
        assert_eq!(count(&output, said), 1, "{output:#?}");
    }
}

#[test]
fn a_file_of_another_program_is_refused() {
    for contents in [
        "1725911162329308",
        r#"{"cursor":1725911162329308}"#,
        "[]",
        "time,seq\n1,2\n",
    ] {
        let output = refused(contents, 1);
        let said = "cursor.json' is damaged or no cursor file";
        assert_eq!(count(&output, said), 1, "{output:#?}");
    }
}

#[test]
fn another_format_is_refused_and_named() {
    let output = refused(r#"{"format":3,"anything":"else"}"#, 1);
    let said = "cursor.json' has format 3, and this version reads format 2";
    assert_eq!(count(&output, said), 1, "{output:#?}");
}

#[test]
fn the_cursor_of_another_kind_of_source_is_refused() {
    let contents = valid().replace("\"jetstream\"", "\"nats\"");
    let output = refused(&contents, 2);
    let said = "the saved cursor belongs to a nats source, and this one is jetstream";
    assert_eq!(count(&output, said), 1, "{output:#?}");
}

#[test]
fn a_refused_cursor_leaves_the_output_file_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(30);
    let with_output = |server: &Server| tail(server, folder.path()).with("-o events.ndjson -n 5");
    with_output(&server).succeed();
    let mark = fs::read_to_string(folder.path().join("cursor.json")).unwrap();
    let foreign = mark.replace("\"jetstream\"", "\"nats\"");
    fs::write(folder.path().join("cursor.json"), foreign).unwrap();
    with_output(&server).run();
    let longer = fs::read_to_string(folder.path().join("events.ndjson")).unwrap() + "more\n";
    fs::write(folder.path().join("events.ndjson"), &longer).unwrap();
    let output = with_output(&server).run();
    assert_eq!(output.code, Some(2), "{output:#?}");
    let after = fs::read_to_string(folder.path().join("events.ndjson")).unwrap();
    assert_eq!(after, longer);
}

#[test]
fn a_folder_that_is_missing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = refused_in(folder.path(), "nowhere/cursor.json", 2);
    assert_eq!(count(&output, "'nowhere/cursor.json'"), 1, "{output:#?}");
}

#[test]
fn a_folder_in_place_of_the_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("taken")).unwrap();
    let output = refused_in(folder.path(), "taken", 2);
    assert_eq!(count(&output, "cursor file 'taken'"), 1, "{output:#?}");
}

/// Nobody may make files in /proc, not even root.
#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_cannot_be_written_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = refused_in(folder.path(), "/proc/cursor.json", 2);
    assert_eq!(count(&output, "'/proc/cursor.json'"), 1, "{output:#?}");
}

#[test]
fn a_file_that_another_process_has_is_refused_with_exit_code_7() {
    let folder = tempfile::tempdir().unwrap();
    let server = counting_server(5);
    let mut first = tail(&server, folder.path()).start();
    first.lines(5);
    let output = refused_in(folder.path(), "cursor.json", 7);
    let said = "cursor file 'cursor.json' is in use by another process";
    assert_eq!(count(&output, said), 1, "{output:#?}");
    // The lock goes with its process, however that ends.
    first.kill();
    let output = tail(&server, folder.path()).with("--duration 10ms").run();
    assert_eq!(output.code, Some(0), "{output:#?}");
}

#[test]
fn a_cursor_file_without_a_folder_is_wrong_usage() {
    let call = Rocketman::tail("ws://127.0.0.1:1/subscribe").with("--cursor-file no/such/dir/c");
    let hint = "hint: make the folder of --cursor-file";
    call.run()
        .assert_says(2, &["cannot lock cursor file 'no/such/dir/c'", hint]);
}
