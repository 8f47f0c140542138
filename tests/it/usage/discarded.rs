//! A stdout that nobody gets.

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::support::{events::posts, jetstream::Server, program::Rocketman};

const REMARK: &str = "stdout is /dev/null";

/// What is said where stdout is discarded.
fn said(server: &Server, arguments: &str) -> String {
    let call = Rocketman::tail(&server.url()).with("-n 2").with(arguments);
    let output = call.stdout(Stdio::null()).start_elsewhere().finish();
    assert_eq!(output.code, Some(0), "{output:#?}");
    output.stderr
}

#[test]
fn the_first_message_says_that_stdout_is_discarded() {
    let server = Server::every(posts(2));
    let (first, programs) = (said(&server, ""), said(&server, "-x cat"));
    let remark = format!("from now on; {REMARK}, and no event is kept");
    assert!(first.lines().next().unwrap().ends_with(&remark), "{first}");
    let remark = format!("{REMARK}, and what programs print is not kept");
    assert!(
        programs.lines().next().unwrap().ends_with(&remark),
        "{programs}"
    );
    for arguments in ["-q", "-o out", "--no-output -x cat"] {
        assert!(!said(&server, arguments).contains(REMARK), "{arguments}");
    }
    let piped = Rocketman::tail(&server.url()).with("-n 2").succeed();
    assert!(!piped.stderr.contains(REMARK), "{piped:#?}");
}

#[test]
fn a_closed_stdout_looks_the_same_and_is_said() {
    let server = Server::one(posts(2));
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("/bin/sh")
        // Variables of the tests are none of the program's, which would say so first.
        .env_clear()
        .args(["-c", "exec \"$0\" tail \"$1\" -n 2 2>said >&-"])
        .args([env!("CARGO_BIN_EXE_rocketman"), &server.url()])
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let said = fs::read_to_string(folder.path().join("said")).unwrap();
    assert!(said.lines().next().unwrap().contains(REMARK), "{said}");
}
