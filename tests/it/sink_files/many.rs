//! Far more collections than files: strangers invent them, and decide neither how many files there
//! are nor for how long a run stops.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::process::Signal;

use super::{event, post_in};
use crate::support::{
    jetstream::{Request, Server},
    program::Rocketman,
    recorded::{assert_each_once, files_below, finished_name, numbers},
    wait_until,
};

/// Sends `n` events from the cursor on, and stays. Event `i` is in one of a number of collections.
fn sending(n: u64, n_collections: u64) -> Server {
    Server::every(move |request: Request| {
        let from = request.cursor().map_or(0, |seq| seq - 1);
        let mut connection = request.accept();
        let name = |i: u64| format!("com.example.n{}", i % n_collections);
        connection.send_all((from..n).map(|i| post_in(i, &name(i))));
        connection.until_closed();
    })
}

fn tail(server: &Server, folder: &Path, arguments: &str) -> Rocketman {
    Rocketman::tail(&server.url())
        .with("--no-compress")
        .with(arguments)
        .inside(folder)
}

/// The number of events in each file, by its finished name.
fn counts(out: &Path) -> BTreeMap<String, usize> {
    let files = files_below(out);
    let count = |path: &std::path::PathBuf| (finished_name(path), numbers(path).len());
    files.iter().map(count).collect()
}

#[test]
fn beyond_the_limit_collections_share_one_file() {
    let server = sending(200, 20);
    for (name, compressed) in [("x-{collection}.ndjson", ""), ("{collection}/x.zst", "")] {
        let folder = tempfile::tempdir().unwrap();
        let arguments = format!("-n 200 --max-files 5 -o out/{name} {compressed}");
        let output = tail(&server, folder.path(), &arguments).succeed();
        let said = "5 collections have files of their own: events of further ones go to '";
        assert_eq!(output.stderr.matches(said).count(), 1, "{output:#?}");
        assert!(
            output.stderr.contains("'; --max-files allows more\n"),
            "{output:#?}"
        );
        let summary = "200 events delivered, read up to";
        output.assert_says(0, &[summary, ", 150 events in the shared file", "_others"]);
        let out = folder.path().join("out");
        assert_eq!(assert_each_once(&out, 200), 6);
        let shared = out.join(name.replace("{collection}", "_others"));
        assert_eq!(numbers(&shared).len(), 150);
    }
}

#[test]
fn no_collection_can_have_the_name_of_the_shared_file() {
    let names = ["a.b.c", "_others", "d.e.f", "_", "g.h.i"];
    let server = Server::one(move |request: Request| {
        let mut connection = request.accept();
        connection.send_all((0..).zip(names).map(|(n, name)| post_in(n, name)));
        connection.until_closed();
    });
    let folder = tempfile::tempdir().unwrap();
    let arguments = "-n 5 --max-files 2 -o out/{collection}";
    tail(&server, folder.path(), arguments).succeed();
    let out = folder.path().join("out");
    let expected = [("%5Fothers", 1), ("_others", 3), ("a.b.c", 1)];
    let expected = expected.map(|(name, n)| (name.to_owned(), n));
    assert_eq!(counts(&out), BTreeMap::from(expected));
    assert_each_once(&out, 5);
}

#[test]
fn after_a_restart_collections_go_where_they_went() {
    let server = sending(400, 20);
    for flags in ["", "--max-open-files 2", "--rotate-count 30"] {
        let folder = tempfile::tempdir().unwrap();
        let arguments = format!(
            "-n 100 --max-files 7 --save-interval 10ms --cursor-file cursor -o out/{{collection}} {flags}"
        );
        for _ in 0..4 {
            tail(&server, folder.path(), &arguments).succeed();
        }
        let out = folder.path().join("out");
        assert_each_once(&out, 400);
        let mut events: BTreeMap<String, usize> = BTreeMap::new();
        for (name, n) in counts(&out) {
            let name = name.split(".0").next().unwrap().to_owned();
            *events.entry(name).or_default() += n;
        }
        assert_eq!(events.remove("_others"), Some(260), "{flags}");
        assert_eq!(events.len(), 7, "{flags}: {events:?}");
        assert!(events.values().all(|n| *n == 20), "{flags}: {events:?}");
    }
}

#[test]
fn another_time_begins_to_count_anew() {
    let server = Server::every(|request: Request| {
        let mut connection = request.accept();
        connection.send_all((0..3000).map(event));
        connection.until_closed();
    });
    let folder = tempfile::tempdir().unwrap();
    let arguments = "-n 3000 --max-files 2 -o out/%S/{collection}";
    tail(&server, folder.path(), arguments).succeed();
    let out = folder.path().join("out");
    assert_each_once(&out, 3000);
    for entry in fs::read_dir(&out).unwrap() {
        let names: Vec<_> = counts(&entry.unwrap().path()).into_keys().collect();
        assert_eq!(names.len(), 3, "{names:?}");
        assert_eq!(names[0], "_others");
    }
}

#[test]
fn with_thousands_of_files_a_stop_stays_within_its_grace() {
    const ALL: u64 = 20_000;
    for name in ["{collection}.ndjson", "{collection}-{n}.ndjson"] {
        let server = sending(ALL, ALL);
        let folder = tempfile::tempdir().unwrap();
        let arguments = format!("--cursor-file cursor -o out/{name}");
        let running = tail(&server, folder.path(), &arguments).start();
        let out = folder.path().join("out");
        let count = || fs::read_dir(&out).map_or(0, Iterator::count);
        wait_until("the files", || count() > 500);
        running.signal(Signal::TERM);
        let output = running.finish();
        assert_eq!(output.code, Some(0), "{output:#?}");
        // What the cursor counts is in them, and the next run goes on behind it.
        let running = tail(&server, folder.path(), &arguments).start();
        let cursor = folder.path().join("cursor");
        wait_until("the end of the stream", || {
            let text = fs::read_to_string(&cursor).unwrap_or_default();
            text.contains(&format!("\"seq\": {ALL},"))
        });
        running.signal(Signal::TERM);
        assert_eq!(running.finish().code, Some(0));
        assert_eq!(assert_each_once(&out, ALL), 1001);
    }
}

#[test]
fn what_a_kill_left_in_many_files_is_told_in_a_few_lines() {
    let end = Arc::new(AtomicU64::new(40));
    let seen = Arc::clone(&end);
    let server = Server::every(move |request: Request| {
        let from = request.cursor().map_or(0, |seq| seq - 1);
        let mut connection = request.accept();
        let post = |i| {
            post_in(
                i,
                &format!("com.example.n{}", i % if i < 40 { 20 } else { 30 }),
            )
        };
        connection.send_all((from..seen.load(Ordering::SeqCst)).map(post));
        connection.until_closed();
    });
    let folder = tempfile::tempdir().unwrap();
    let flags = "--cursor-file cursor --save-interval 10ms -o out/{collection}";
    let running = tail(&server, folder.path(), flags).start();
    let cursor = folder.path().join("cursor");
    wait_until("all is saved", || {
        let text = fs::read_to_string(&cursor).unwrap_or_default();
        text.contains("\"seq\": 40,")
    });
    running.kill();
    let out = folder.path().join("out");
    for path in files_below(&out) {
        let mut file = fs::File::options().append(true).open(path).unwrap();
        file.write_all(b"torn").unwrap();
    }
    for n in 0..30 {
        fs::write(out.join(format!("org.example.n{n}.partial")), "torn").unwrap();
    }
    end.store(60, Ordering::SeqCst);
    let output = tail(&server, folder.path(), &format!("{flags} -n 20")).succeed();
    let count = |text: &str| output.stderr.matches(text).count();
    assert_eq!(count("cut 4 bytes off '"), 3, "{output:#?}");
    assert_eq!(count("cut 68 bytes off 17 more files"), 1, "{output:#?}");
    assert_eq!(count("removed '"), 3, "{output:#?}");
    assert_eq!(count("removed 27 more files"), 1, "{output:#?}");
    assert_each_once(&out, 60);
}
