//! What lies where a cursor file, its lock or its next version is to be.

use std::{fs, os::unix::fs::symlink, path::Path};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::counting_server;
use crate::support::program::Rocketman;

fn make_pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

#[test]
fn a_pipe_in_place_of_a_cursor_is_refused_and_never_awaited() {
    for name in ["c", "c.lock", "c.new"] {
        let call = Rocketman::tail("ws://127.0.0.1:1/subscribe").with("--cursor-file c");
        make_pipe(&call.path(name));
        let pipe = format!("{name}' is a named pipe, and no regular file");
        call.run()
            .assert_says(2, &["cursor file 'c'", &pipe, "name another --cursor-file"]);
    }
    for command in ["cursor show c", "cursor set c 2h", "cursor rewind c 2h"] {
        let call = Rocketman::new(command.split(' '));
        make_pipe(&call.path("c"));
        call.run()
            .assert_says(2, &["'c' is a named pipe", "hint: "]);
    }
}

#[test]
fn a_link_beside_a_cursor_is_refused_and_left_alone() {
    for name in ["c.lock", "c.new"] {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        symlink(&victim, folder.path().join(name)).unwrap();
        let refused = || {
            let call = Rocketman::tail("ws://127.0.0.1:1/subscribe").with("--cursor-file c");
            let output = call.inside(folder.path()).run();
            output.assert_says(2, &[name, "is a link", "hint: move it away"]);
        };
        refused();
        assert!(!victim.exists(), "{name}");
        fs::write(&victim, "precious").unwrap();
        refused();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    }
}

#[test]
fn a_cursor_behind_a_link_that_leads_nowhere_is_made_there() {
    let server = counting_server(9);
    let folder = tempfile::tempdir().unwrap();
    let (link, real) = (folder.path().join("link"), folder.path().join("real"));
    symlink("real", &link).unwrap();
    let tail = |name: &str| {
        let call = Rocketman::tail(&server.url()).with("-n 3 --cursor-file");
        call.arg(name).inside(folder.path()).succeed()
    };
    let first = tail("link").stdout;
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::symlink_metadata(&real).unwrap().is_file());
    // It is the same cursor under both names.
    let second = tail("real").stdout;
    assert!(
        first.contains("\"cursor\":3") && second.contains("\"cursor\":4"),
        "{second}"
    );
}

#[test]
fn a_page_of_the_manual_is_not_written_through_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let [victim, page] = ["victim", "rocketman.1"].map(|name| folder.path().join(name));
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, &page).unwrap();
    let call = Rocketman::new(["man", "--dir", "."]);
    call.inside(folder.path()).succeed();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(
        fs::read_to_string(&page)
            .unwrap()
            .contains(".TH ROCKETMAN 1")
    );
}
