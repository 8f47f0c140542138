//! Events whose time lies far in the future, and cursors that remember one.

use std::{fs, path::Path};

use crate::support::{
    events::{EPOCH, STEP, post},
    jetstream::{Request, Server},
    program::Rocketman,
    recorded::{files_below, numbers},
};

/// 2100-01-01, in microseconds since 1970.
const FUTURE: &str = "4102444800000000";

/// Post `n`, of the year 2100.
fn in_the_future(n: u64) -> String {
    let time_us = EPOCH + n * STEP;
    post(n).replace(&time_us.to_string(), FUTURE)
}

/// Six posts, of which the third is of the year 2100, and stays.
fn server() -> Server {
    Server::every(|request: Request| {
        let from = request.cursor().map_or(0, |seq| seq - 1);
        let mut connection = request.accept();
        connection.send_all((from..6).map(|n| match n {
            2 => in_the_future(n),
            n => post(n),
        }));
        connection.until_closed();
    })
}

fn names(folder: &Path) -> Vec<String> {
    let name = |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    files_below(folder).iter().map(name).collect()
}

#[test]
fn an_event_from_the_future_takes_no_names_there() {
    let server = server();
    for (pattern, name) in [
        ("%Y-%m.ndjson", "2026-09.ndjson"),
        ("x.ndjson --rotate-every 1h", "x.000001.ndjson"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = Rocketman::tail(&server.url())
            .with(&format!("-n 6 -o out/{pattern}"))
            .inside(folder.path())
            .succeed();
        let said = "an event has the time 2100-01-01T00:00:00.000000Z, more than a day after";
        assert_eq!(output.stderr.matches(said).count(), 1, "{output:#?}");
        let out = folder.path().join("out");
        assert_eq!(names(&out), [name]);
        assert_eq!(numbers(&out.join(name)), [1, 2, 3, 4, 5, 6]);
    }
}

#[test]
fn a_first_event_from_the_future_counts_as_now() {
    let server = Server::one(|request: Request| {
        let mut connection = request.accept();
        connection.send_all((0..2).map(in_the_future));
        connection.until_closed();
    });
    let folder = tempfile::tempdir().unwrap();
    Rocketman::tail(&server.url())
        .with("-n 2 -o %Y.ndjson")
        .inside(folder.path())
        .succeed();
    let year = jiff::Timestamp::now().strftime("%Y").to_string();
    assert_eq!(names(folder.path()), [format!("{year}.ndjson")]);
}

#[test]
fn a_cursor_that_counts_on_files_of_the_future_is_healed() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let call = |n: u64| {
        Rocketman::tail(&server.url())
            .with(&format!("-n {n} -o %Y-%m.ndjson --cursor-file cursor"))
            .inside(folder.path())
    };
    call(4).succeed();
    let (cursor, here) = (folder.path().join("cursor"), folder.path());
    // As the first versions left it: the file is that of 2100, and so are all that follow.
    fs::rename(
        here.join("2026-09.ndjson.partial"),
        here.join("2100-01.ndjson.partial"),
    )
    .unwrap();
    let mut text: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&cursor).unwrap()).unwrap();
    let mark = &mut text["files"][0];
    let path = mark["path"].as_str().unwrap().replace("2026-09", "2100-01");
    mark["path"] = path.into();
    mark["latest_us"] = FUTURE.parse::<u64>().unwrap().into();
    fs::write(&cursor, text.to_string()).unwrap();
    let output = call(2).succeed();
    output.assert_says(0, &["the files of the cursor are those of 2100-01-01T"]);
    let expected = ["2026-09.ndjson.partial", "2100-01.ndjson"];
    let found: Vec<_> = names(here)
        .into_iter()
        .filter(|name| name.contains("ndjson"))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(numbers(&here.join(expected[1])), [1, 2, 3, 4]);
    assert_eq!(numbers(&here.join(expected[0])), [5, 6]);
}
