//! What whole-program tests share: the program, a scripted server, and events to send.

pub mod archive;
pub mod cable;
pub mod cluster;
pub mod compress;
pub mod disk;
pub mod events;
pub mod fold;
pub mod front;
pub mod http;
pub mod jetstream;
pub mod kept;
pub mod memory;
pub mod nats;
pub mod program;
pub mod receiver;
pub mod recorded;
pub mod resolver;
pub mod rows;
pub mod segment_file;
pub mod serve;
pub mod state_log;
pub mod tap;
pub mod terminal;
pub mod world;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long anything may take before a test fails. Far above what is needed on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for a condition, and fails with `what` when it does not come about.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Where a program of the system is. A command with an environment of its own and a bare name would
/// be started from a copy of this process, whose memory is that of all tests.
pub fn path_of(program: &str) -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut paths = std::env::split_paths(&folders).map(|folder| folder.join(program));
    paths
        .find(|path| path.is_file())
        .unwrap_or_else(|| program.into())
}

/// Each Rust file below a folder of the repository: its path from there, and its text.
pub fn code_below(folder: &str) -> impl Iterator<Item = (String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files.into_iter().map(move |path| {
        let name = path.strip_prefix(root).unwrap_or(&path);
        (
            name.display().to_string(),
            fs::read_to_string(&path).unwrap(),
        )
    })
}

/// Fails when one of these tests does not exist: each is a path of modules in `tests/it`, and a
/// function.
pub fn assert_tests_exist<'a>(tests: impl IntoIterator<Item = &'a str>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for test in tests {
        let (module, function) = test.rsplit_once("::").unwrap();
        let file = folder.join(format!("{}.rs", module.replace("::", "/")));
        let source = fs::read_to_string(file).unwrap_or_default();
        let definition = format!("#[test]\nfn {function}() {{");
        assert!(source.contains(&definition), "there is no test {test}");
    }
}
