//! Which file an event is in, and what the file is called meanwhile.

use std::{fs, path::Path};

use rustix::process::Signal;

use super::{event, post_in};
use crate::support::{
    events::{EPOCH, post},
    jetstream::{Request, Server},
    program::Rocketman,
    recorded::{assert_each_once, files_below, numbers},
    wait_until,
};

/// Sends these events, behind the cursor, and stays.
fn sending(events: Vec<String>) -> Server {
    Server::every(move |request: Request| {
        let from = request.cursor().map_or(0, |seq| seq - 1);
        let from = usize::try_from(from).unwrap().min(events.len());
        let mut connection = request.accept();
        connection.send_all(events[from..].iter().cloned());
        connection.until_closed();
    })
}

/// The names of all files below a folder, as parts of its path.
fn names(folder: &Path) -> Vec<String> {
    let below = |path: &Path| path.strip_prefix(folder).unwrap().display().to_string();
    files_below(folder).iter().map(|path| below(path)).collect()
}

/// `rocketman tail SERVER -n N` in a folder that stays.
fn tail(server: &Server, folder: &Path, n: u64, arguments: &str) -> Rocketman {
    Rocketman::tail(&server.url())
        .with(&format!("-n {n} --no-compress {arguments}"))
        .inside(folder)
}

#[test]
fn a_file_gets_its_name_once_the_cursor_counts_it() {
    let server = sending((0..2500).map(event).collect());
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    // The first second is that of the epoch of these events.
    let arguments = "-o out/%Y/%j-%H%M%S.ndjson --cursor-file cursor";
    let expected = jiff::Timestamp::from_microsecond(EPOCH.cast_signed()).unwrap();
    let name = |second: i64| {
        let time = expected + jiff::SignedDuration::from_secs(second);
        time.strftime("%Y/%j-%H%M%S.ndjson").to_string()
    };
    tail(&server, folder.path(), 1500, arguments).succeed();
    assert_eq!(names(&out), [name(0), name(1) + ".partial"]);
    tail(&server, folder.path(), 1000, arguments).succeed();
    assert_eq!(names(&out), [name(0), name(1), name(2) + ".partial"]);
    assert_eq!(assert_each_once(&out, 2500), 3);
    assert_eq!(
        numbers(&out.join(name(1))),
        (1001..=2000).collect::<Vec<_>>()
    );
}

#[test]
fn time_only_moves_forward() {
    let mut events: Vec<String> = (0..30).map(|n| post(n * 100)).collect();
    // Behind the turn of a second comes one from before it.
    events.swap(12, 8);
    let server = Server::one(move |request: Request| {
        let mut connection = request.accept();
        connection.send_all(events);
        connection.until_closed();
    });
    let folder = tempfile::tempdir().unwrap();
    tail(&server, folder.path(), 30, "-o out/%S").succeed();
    let out = folder.path().join("out");
    let found: Vec<_> = files_below(&out).iter().map(|path| numbers(path)).collect();
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [8, 12, 10]);
    assert!(found[1].contains(&801), "{found:?}");
}

#[test]
fn rotation_is_by_count_size_and_time() {
    let server = sending((0..1000).map(event).collect());
    let folder = tempfile::tempdir().unwrap();
    for (arguments, first, n_files) in [
        (
            "-o count/x.ndjson.gz --rotate-count 300",
            "count/x.000001.ndjson.gz",
            4,
        ),
        (
            "-o size/x-{n}.ndjson --rotate-size 40K",
            "size/x-000001.ndjson",
            7,
        ),
        (
            "-o every/x.zst --rotate-every 1s --rotate-count 600",
            "every/x.000001.zst",
            2,
        ),
    ] {
        tail(&server, folder.path(), 1000, arguments).succeed();
        let first = folder.path().join(first);
        let out = first.parent().unwrap();
        assert_eq!(assert_each_once(out, 1000), n_files, "{:?}", names(out));
        assert!(first.exists());
    }
    let sizes: Vec<_> = files_below(&folder.path().join("size"))
        .iter()
        .map(|path| fs::metadata(path).unwrap().len())
        .collect();
    assert!(sizes.iter().all(|size| *size <= 40 * 1024), "{sizes:?}");
    assert!(
        sizes.iter().rev().skip(1).all(|size| *size > 39 * 1024),
        "{sizes:?}"
    );
    // The next run begins behind the highest number.
    tail(
        &server,
        folder.path(),
        10,
        "-o count/x.ndjson.gz --rotate-count 300",
    )
    .succeed();
    assert_eq!(
        numbers(&folder.path().join("count/x.000005.ndjson.gz")).len(),
        10
    );
}

#[test]
fn rotation_by_time_is_by_the_time_of_the_events() {
    let server = sending((0..5000).map(event).collect());
    let folder = tempfile::tempdir().unwrap();
    tail(&server, folder.path(), 5000, "-o out/x --rotate-every 2s").succeed();
    let out = folder.path().join("out");
    assert_each_once(&out, 5000);
    let turns: Vec<_> = files_below(&out)
        .iter()
        .map(|path| {
            let second = |n: u64| (EPOCH / 1000 + n - 1) / 2000;
            let numbers = numbers(path);
            assert_eq!(second(numbers[0]), second(*numbers.last().unwrap()));
            second(numbers[0])
        })
        .collect();
    assert!(
        turns.is_sorted_by(|a, b| a < b) && turns.len() >= 3,
        "{turns:?}"
    );
}

#[test]
fn names_from_the_network_stay_in_their_folder() {
    let long = "a".repeat(300);
    let hostile = [
        "../../up",
        "..",
        "/etc/passwd",
        r"a\u0000b",
        r"a\nb",
        ".hidden",
        "x.partial",
        &long,
    ];
    let mut events: Vec<String> = (0..)
        .zip(hostile)
        .map(|(n, name)| post_in(n, name))
        .collect();
    events.extend((8..10).map(event));
    events.push(post_in(10, "app.bsky.feed.post"));
    let server = sending(events);
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    tail(
        &server,
        &inner,
        11,
        "-o out/{collection} --max-open-files 2",
    )
    .succeed();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(names(&inner).len(), 10, "{:?}", names(&inner));
    assert_each_once(&inner.join("out"), 11);
    let names = names(&inner.join("out"));
    for expected in [
        "%2E",
        "app.bsky.feed.post",
        "identity",
        "a%00b",
        "a%0Ab",
        "x%2Epartial",
    ] {
        assert!(
            names.iter().any(|name| name.starts_with(expected)),
            "{expected} in {names:?}"
        );
    }
}

#[test]
fn few_open_files_are_enough_for_many_collections() {
    let events = (0..200).map(|n| post_in(n, &format!("com.example.n{}", n % 7)));
    let server = sending(events.collect());
    let folder = tempfile::tempdir().unwrap();
    for part in ["-n 120", "-n 80"] {
        let arguments =
            format!("{part} -o out/{{collection}}.gz --max-open-files 1 --cursor-file cursor");
        Rocketman::tail(&server.url())
            .with(&arguments)
            .inside(folder.path())
            .succeed();
    }
    assert_eq!(assert_each_once(&folder.path().join("out"), 200), 7);
}

#[test]
fn without_a_cursor_files_are_named_at_the_end_and_extended() {
    let server = sending((0..100).map(event).collect());
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    // As a run leaves it that was killed while it wrote.
    fs::write(out.join("x-2026.ndjson.partial"), post(5) + "\n{\"torn").unwrap();
    for _ in 0..2 {
        let output = tail(&server, folder.path(), 100, "-o out/x-%Y.ndjson").succeed();
        let said = "without --cursor-file, events may be in files 'out/x-%Y.ndjson' twice";
        assert!(output.stderr.contains(said), "{}", output.stderr);
    }
    assert_eq!(names(&out), ["x-2026.ndjson"]);
    let expected: Vec<u64> = [6].into_iter().chain(1..=100).chain(1..=100).collect();
    assert_eq!(numbers(&out.join("x-2026.ndjson")), expected);
}

#[test]
fn nobody_elses_files_are_touched() {
    let server = sending((0..3000).map(event).collect());
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let arguments = "-o out/x-%S.ndjson --cursor-file cursor";
    tail(&server, folder.path(), 100, arguments).succeed();
    let others = [
        "notes.partial",
        "x-1.ndjson.partial",
        "x-20.gz.partial",
        "y-20.ndjson.partial",
        "x-99.ndjson",
    ];
    for other in others {
        fs::write(out.join(other), "mine\n").unwrap();
    }
    // These it could have made, and no cursor counts them.
    fs::write(out.join("x-77.ndjson.partial"), "{}\n").unwrap();
    fs::write(out.join("x-78.ndjson.+3.partial"), "{}\n{}\n").unwrap();
    let output = tail(&server, folder.path(), 2900, arguments).succeed();
    for said in [
        "removed '",
        "put '",
        "x-77.ndjson.partial",
        "back to the 3 bytes",
    ] {
        assert!(output.stderr.contains(said), "{}", output.stderr);
    }
    for other in others {
        assert_eq!(fs::read_to_string(out.join(other)).unwrap(), "mine\n");
        fs::remove_file(out.join(other)).unwrap();
    }
    assert_eq!(fs::read_to_string(out.join("x-78.ndjson")).unwrap(), "{}\n");
    fs::remove_file(out.join("x-78.ndjson")).unwrap();
    assert_each_once(&out, 3000);
}

#[test]
fn an_unfinished_file_that_is_not_as_counted_is_refused() {
    let server = sending((0..100).map(event).collect());
    for (change, said) in [
        ("remove", "is missing, and the cursor counts on it"),
        ("shorten", "is shorter than the cursor counts on"),
        ("replace", "is not the file that the cursor counts on"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let arguments = "-o x-%Y --cursor-file cursor";
        tail(&server, folder.path(), 50, arguments).succeed();
        let file = folder.path().join("x-2026.partial");
        let text = fs::read(&file).unwrap();
        match change {
            "remove" => fs::remove_file(&file).unwrap(),
            "shorten" => fs::write(&file, &text[..text.len() - 1]).unwrap(),
            _ => {
                fs::write(folder.path().join("other"), &text).unwrap();
                fs::rename(folder.path().join("other"), &file).unwrap();
            }
        }
        let before = names(folder.path());
        let output = tail(&server, folder.path(), 1, arguments).run();
        output.assert_says(1, &[said, "hint: the cursor file counts on"]);
        assert_eq!(names(folder.path()), before);
    }
}

#[test]
fn two_processes_do_not_write_to_one_file() {
    let server = sending((0..100).map(event).collect());
    let folder = tempfile::tempdir().unwrap();
    let first = Rocketman::tail(&server.url())
        .with("-o x-%Y --save-interval 10ms")
        .inside(folder.path())
        .start();
    let file = folder.path().join("x-2026.partial");
    wait_until("it writes", || {
        fs::metadata(&file).is_ok_and(|file| file.len() > 0)
    });
    let output = tail(&server, folder.path(), 1, "-o x-%Y").run();
    output.assert_says(
        7,
        &[
            "x-2026.partial'",
            "is written to by another process",
            "hint: ",
        ],
    );
    first.signal(Signal::TERM);
    assert_eq!(first.finish().code, Some(0));
    assert_each_once(folder.path(), 100);
}

#[test]
fn hangup_closes_files_and_begins_new_ones() {
    for (arguments, moved) in [
        ("-o x.ndjson", true),
        ("-o x.gz", true),
        ("-o x.ndjson --rotate-count 1000000", false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
        let may_go_on = std::sync::Mutex::new(may_go_on);
        let server = Server::one(move |request: Request| {
            let mut connection = request.accept();
            connection.send_all((0..50).map(post));
            may_go_on.lock().unwrap().recv().unwrap();
            connection.send_all((50..100).map(post));
            connection.until_closed();
        });
        let out = folder.path().join("out");
        fs::create_dir(&out).unwrap();
        let cursor = out.join("../cursor");
        let mut call = Rocketman::tail(&server.url())
            .with("--cursor-file ../cursor --save-interval 10ms -n 100")
            .with(arguments);
        if arguments.contains("x.gz") {
            call = call.with("--checkpoint 1ms");
        }
        let running = call.inside(&out).start();
        let stands_at = |seq: u64| {
            let text = fs::read_to_string(&cursor).unwrap_or_default();
            text.contains(&format!("\"seq\": {seq},"))
        };
        wait_until("the first half", || stands_at(50));
        if moved {
            let name = files_below(&out).remove(0);
            fs::rename(
                &name,
                out.join("a.").with_extension(name.extension().unwrap()),
            )
            .unwrap();
        }
        running.signal(Signal::HUP);
        running.message("the output was closed and opened again");
        go_on.send(()).unwrap();
        assert_eq!(running.finish().code, Some(0));
        assert_eq!(assert_each_once(&out, 100), 2, "{arguments}");
        for file in files_below(&out) {
            assert_eq!(numbers(&file).len(), 50, "{arguments}: {}", file.display());
        }
    }
}
