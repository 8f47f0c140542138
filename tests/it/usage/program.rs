//! Programs that cannot be started.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::support::program::Rocketman;

#[test]
fn a_program_that_cannot_start_is_refused_before_anything() {
    for (program, why) in [
        ("./nope.sh", "No such file"),
        ("no-such-program-anywhere", "No such file"),
        ("./folder", "directory"),
        ("./locked.sh", "Permission denied"),
        ("locked.sh", "Permission denied"),
    ] {
        // Nobody is there: what comes to the server says so.
        let call = Rocketman::tail("ws://127.0.0.1:1/subscribe");
        let folder = tempfile::tempdir().unwrap();
        let locked = folder.path().join("locked.sh");
        fs::create_dir(folder.path().join("folder")).unwrap();
        fs::write(&locked, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o644)).unwrap();
        let call = call.with("--on-exec-error dead-letter=dead -x");
        let path = format!(".:{}", std::env::var("PATH").unwrap_or_default());
        let call = call.arg(program).inside(folder.path()).env("PATH", path);
        let error = format!("--exec: cannot start '{program}'");
        let output = call.run();
        output.assert_says(2, &[&error, why, "on your PATH"]);
        assert!(!output.stderr.contains("reading"), "{output:#?}");
        assert!(!folder.path().join("dead").exists());
    }
}

#[test]
fn a_program_without_a_name_is_refused() {
    for mode in ["event", "stream"] {
        let call = Rocketman::tail("ws://127.0.0.1:1/subscribe").with("--exec-mode");
        let output = call.arg(mode).arg("-x").arg("").run();
        output.assert_says(2, &["--exec: the name of the program is empty", "hint: "]);
    }
}

#[test]
fn a_program_with_its_arguments_in_quotes_is_explained() {
    let call = Rocketman::tail("ws://127.0.0.1:1/subscribe").with("-x");
    let output = call.arg("sh -c true").run();
    output.assert_says(2, &["cannot start 'sh -c true'", "leave the quotes off"]);
}

#[test]
fn a_script_without_its_interpreter_is_refused_before_anything() {
    for (script, words, hint) in [
        (
            "#!/no/such/interpreter -e\n",
            "whose first line names '/no/such/interpreter': No such file",
            "#!/usr/bin/env",
        ),
        (
            "#!/bin/sh\r\ncat\r\n",
            "whose first line names '/bin/sh\\r': No such file",
            "as on Windows",
        ),
        (
            "cat\n",
            "its first line names no interpreter",
            "--exec sh FILE",
        ),
    ] {
        for mode in ["event --jobs 3", "stream"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("job.sh");
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            // Nobody is there: what comes to the server says so.
            let call = Rocketman::tail("ws://127.0.0.1:1/subscribe").inside(folder.path());
            let call = call.with("--exec-mode").with(mode).with("-x ./job.sh");
            let output = call.run();
            let error = "--exec: cannot start './job.sh'";
            output.assert_says(2, &[error, words, hint]);
            assert!(!output.stderr.contains("reading"), "{output:#?}");
        }
    }
}
