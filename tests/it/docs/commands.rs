//! The commands of a page, run as printed: in the order of the page and in a folder of their own,
//! against invented events where they name no server, and against a real NATS server. What would
//! reach out into the world is not what it seems: `curl`.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use async_nats::jetstream::stream;
use tempfile::TempDir;

use super::{Page, blocks::Block};
use crate::support::{
    nats::Nats,
    path_of,
    program::{Output, Rocketman, Running},
    segment_file::{created, sealed},
};

/// Programs that a page may call, and that a machine may lack.
const OTHERS: [&str; 3] = ["jq", "python3", "sqlite3"];

/// Where the commands of a page run.
struct Scene {
    folder: TempDir,
    path: String,
    /// The port of the server that a page starts.
    port: u16,
    nats: Option<Nats>,
}

impl Scene {
    /// With the files that a user would have written: those that the page shows, programs, and a
    /// list of accounts.
    fn new(page: &Page) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stubs = folder.path().join("stubs");
        fs::create_dir(&stubs).unwrap();
        write_program(&stubs.join("curl"), "cat > /dev/null");
        for name in ["reply.sh", "index.sh", "store.sh"] {
            write_program(&folder.path().join(name), "cat > /dev/null");
        }
        let accounts = "# friends\ndid:plc:demo7xety56taurazeelog4x\n";
        fs::write(folder.path().join("dids.txt"), accounts).unwrap();
        for block in page.blocks() {
            if block.info == "python" {
                fs::write(folder.path().join("store.py"), block.text).unwrap();
            }
        }
        if page.text.contains("segments/") {
            write_segments(&folder.path().join("segments"));
        }
        let letters = Rocketman::new(["tail", "demo:"]).inside(folder.path());
        letters
            .with("-n 5 --on-exec-error dead-letter=dead.ndjson -x false")
            .succeed();
        let program = Path::new(env!("CARGO_BIN_EXE_rocketman")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let has_nats = page.text.contains("```sh nats");
        Self {
            path: format!("{}:{}:{path}", stubs.display(), program.display()),
            port: listener.local_addr().unwrap().port(),
            nats: has_nats.then(|| nats_with_orders(&page.path)).flatten(),
            folder,
        }
    }

    /// The script of a block, with our ports in place of the usual ones. `None` where it cannot be
    /// run here.
    fn script(&self, block: &Block) -> Option<String> {
        let script = block.script()?;
        let lacks = |name: &&&str| {
            let mut words = script.split(|char: char| !char.is_alphanumeric());
            words.any(|word| word == **name) && !self.has(name)
        };
        if let Some(missing) = OTHERS.iter().find(lacks) {
            println!("line {}: skipped, for there is no {missing}", block.line);
            return None;
        }
        let script = script.replace("127.0.0.1:6008", &format!("127.0.0.1:{}", self.port));
        if !script.contains("nats://localhost") && !script.contains("nats:") {
            return Some(script);
        }
        let nats = self.nats.as_ref()?;
        Some(script.replace("nats://localhost", &nats.url()))
    }

    fn has(&self, program: &str) -> bool {
        let mut folders = std::env::split_paths(&self.path);
        folders.any(|folder| folder.join(program).is_file())
    }

    /// Runs it as a shell does that stops at the first failure. Streams without an end have one
    /// after a second.
    fn run(&self, script: &str) -> Output {
        let script =
            format!("set -eo pipefail\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n{script}");
        let child = Command::new(path_of("bash"))
            .args(["-c", &script])
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.folder.path())
            .env("ROCKETMAN_SOURCE", "demo:?rate=2000")
            .env("ROCKETMAN_DURATION", "1s")
            .env("ROCKETMAN_LISTEN", format!("127.0.0.1:{}", self.port))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running::of(child).finish()
    }
}

/// A server with a stream of messages that are no events, as a user of NATS has one.
fn nats_with_orders(test: &str) -> Option<Nats> {
    let nats = Nats::start(test)?;
    nats.add_stream(stream::Config {
        name: "ORDERS".to_owned(),
        subjects: vec!["orders.>".to_owned()],
        ..stream::Config::default()
    });
    nats.publish_raw(b"orders.17.created", b"", br#"{"id":17}"#);
    Some(nats)
}

/// Two sealed files of a server, with a hole between them.
fn write_segments(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for (index, from) in [(0, 1), (2, 30)] {
        let rows = (from..from + 10).map(|seq| created(seq, "app.bsky.feed.post"));
        let file = folder.join(format!("seg_{index:010}.jss"));
        fs::write(file, sealed(&[rows.collect()])).unwrap();
    }
}

fn write_program(path: &Path, body: &str) {
    fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    let file = File::open(path).unwrap();
    file.set_permissions(fs::Permissions::from_mode(0o755))
        .unwrap();
}

/// Runs all of a page, and wants no failure and no `null` where there should be something.
fn commands_work(path: &str) {
    let page = Page::read(path);
    let scene = Scene::new(&page);
    let has_scripts = page.blocks().iter().any(|block| block.script().is_some());
    assert!(has_scripts, "{path} has no commands");
    for block in page.blocks() {
        let Some(script) = scene.script(&block) else {
            continue;
        };
        let output = scene.run(&script);
        let line = block.line;
        assert_eq!(
            output.code,
            Some(0),
            "{path}:{line}: {script}\n{}",
            output.stderr
        );
        let null = output.lines().into_iter().any(|line| line == "null");
        assert!(!null, "{path}:{line}: {script}\nprints null");
    }
}

#[test]
fn the_commands_of_the_readme_work_as_printed() {
    commands_work("README.md");
}

#[test]
fn the_commands_of_the_guide_work_as_printed() {
    commands_work("docs/guide.md");
}

#[test]
fn the_recipes_work_as_printed() {
    commands_work("docs/recipes.md");
}

#[test]
fn the_commands_about_files_work_as_printed() {
    commands_work("docs/files.md");
}

#[test]
fn the_commands_about_lines_work_as_printed() {
    commands_work("docs/line.md");
}

#[test]
fn the_commands_about_programs_work_as_printed() {
    commands_work("docs/programs.md");
}

#[test]
fn the_commands_about_endpoints_work_as_printed() {
    commands_work("docs/http.md");
}

#[test]
fn the_command_about_clickhouse_works_as_printed() {
    commands_work("docs/clickhouse.md");
}

#[test]
fn the_commands_about_serving_work_as_printed() {
    commands_work("docs/serve.md");
}

#[test]
fn the_commands_about_segments_work_as_printed() {
    commands_work("docs/segments.md");
}

#[test]
fn the_commands_about_archives_work_as_printed() {
    commands_work("docs/archive.md");
}

#[test]
fn the_commands_about_tables_work_as_printed() {
    commands_work("docs/tables.md");
}

#[test]
fn commands_about_deletions_work() {
    commands_work("docs/deletions.md");
}

#[test]
fn the_commands_about_nats_work_as_printed() {
    commands_work("docs/nats.md");
}

#[test]
fn no_page_with_commands_is_left_out() {
    let run = include_str!("commands.rs");
    for page in Page::all() {
        let has_script = |block: &Block| {
            block
                .script()
                .is_some_and(|text| text.contains("rocketman "))
        };
        let is_run = run.contains(&format!("commands_work({:?})", page.path));
        let has_commands = page.blocks().iter().any(has_script);
        assert!(is_run || !has_commands, "{} is run by no test", page.path);
    }
}
