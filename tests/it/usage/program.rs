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
