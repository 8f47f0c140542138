//! Files that end in .parquet: their rows, their row groups, and what becomes of them.

use std::{fs, io::Write, path::Path, process::Command};

use serde_json::Value;

use super::{event, killed::Game, stages::Stages};
use crate::soak::is_soak;
use crate::support::{
    jetstream::{Request, Server},
    program::Rocketman,
    recorded::files_below,
    rows::{groups, row_of, rows},
    wait_until,
};

/// Sends these events, behind the cursor, and stays.
fn sending(n: u64) -> Server {
    Server::every(move |request: Request| {
        let from = request.cursor().map_or(0, |seq| seq - 1);
        let mut connection = request.accept();
        connection.send_all((from..n).map(event));
        connection.until_closed();
    })
}

fn tail(server: &Server, folder: &Path, n: u64, arguments: &str) -> Rocketman {
    Rocketman::tail(&server.url())
        .with(&format!("-n {n} --no-compress {arguments}"))
        .inside(folder)
}

fn expected(n: u64) -> Vec<Value> {
    (0..n).map(|n| row_of(&event(n))).collect()
}

/// The names of all files below a folder.
fn names(folder: &Path) -> Vec<String> {
    let files = files_below(folder);
    let names = files.iter().map(|path| path.file_name().unwrap());
    names
        .map(|name| name.to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn rows_are_what_the_lines_say() {
    let server = sending(2000);
    let folder = tempfile::tempdir().unwrap();
    tail(&server, folder.path(), 2000, "-o x.parquet").succeed();
    let path = folder.path().join("x.parquet");
    assert_eq!(rows(&path), expected(2000));
    assert_eq!(groups(&path), [2000]);
    assert_eq!(names(folder.path()), ["x.parquet"]);
}

#[test]
fn the_largest_row_group_ends_when_all_are_too_large() {
    let server = sending(2000);
    let folder = tempfile::tempdir().unwrap();
    let flags = "-o out/{collection}.parquet --row-group-size 100K --checkpoint 4K";
    tail(&server, folder.path(), 2000, flags).succeed();
    let out = folder.path().join("out");
    let likes = groups(&out.join("app.bsky.feed.like.parquet"));
    assert!(
        likes.len() > 1 && likes.iter().sum::<i64>() == 1000,
        "{likes:?}"
    );
    let mut all: Vec<_> = files_below(&out)
        .iter()
        .flat_map(|path| rows(path))
        .collect();
    all.sort_by_key(|row| row["seq"].as_u64());
    assert_eq!(all, expected(2000));
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    for (flags, expected) in [
        ("-o x.parquet --raw", "--raw does not go with"),
        ("-o x.parquet --print0", "--print0 does not go with"),
        ("-o x.parquet --format pretty", "--format does not go with"),
        ("-o x.parquet --row-group-size 2G", "at most 1G"),
        (
            "-o x.ndjson --row-group-size 1M",
            "for files that end in .parquet",
        ),
        ("-o x.parquet --tombstones", "--tombstones is for databases"),
        ("-o x.ndjson --no-record", "--no-record is for tables"),
        ("-o x.PARQUET", "ends in .PARQUET"),
        ("--bad-events x.parquet", "ends in .parquet"),
    ] {
        let output = Rocketman::tail("ws://127.0.0.1:9").with(flags).run();
        assert_eq!(output.code, Some(2), "{flags}: {output:#?}");
        assert!(
            output.stderr.contains(expected),
            "{flags}: {}",
            output.stderr
        );
    }
}

#[test]
fn columns_of_ones_own_hold_what_fits_them() {
    let server = sending(600);
    let folder = tempfile::tempdir().unwrap();
    let flags = "-o x.parquet --no-record --column text=/commit/record/text --column n:integer=/identity/seq --column odd:integer=/commit/rkey --column at:time=/identity/time --column gone:boolean=/account/active";
    let output = tail(&server, folder.path(), 600, flags).succeed();
    assert!(
        output.stderr.contains("400 values do not fit"),
        "{}",
        output.stderr
    );
    let rows = rows(&folder.path().join("x.parquet"));
    assert!(
        rows.iter()
            .all(|row| row["record"].is_null() && row["odd"].is_null())
    );
    assert_eq!(rows[0]["n"], 1000);
    assert_eq!(rows[0]["at"], 1_783_175_887_877_000_u64);
    assert_eq!(rows[100]["gone"], false);
    assert_eq!(rows[300]["text"], "héllo 🚀");
    let more = tail(&server, folder.path(), 10, "-o x.parquet").run();
    more.assert_says(2, &["x.parquet", "other columns", "--no-record"]);
}

#[test]
fn a_run_goes_on_with_the_open_row_group() {
    let server = sending(3000);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let flags = "-o out/%Y.parquet --cursor-file cursor --checkpoint 4K";
    for n in [700, 800, 1500] {
        tail(&server, folder.path(), n, flags).succeed();
        let names = names(&out);
        assert!(names[0].ends_with(".parquet.+4.journal"), "{names:?}");
        assert!(names[1].ends_with(".parquet.partial"), "{names:?}");
    }
    // Without the cursor what is there is completed, and the first event comes behind it.
    tail(&server, folder.path(), 1, "-o out/%Y.parquet").succeed();
    let files = files_below(&out);
    assert_eq!(groups(&files[0]), [3000, 1]);
    assert_eq!(rows(&files[0])[..3000], expected(3000));
    assert_eq!(files.len(), 1);
}

#[test]
fn one_table_is_complete_after_each_run_and_gone_on_with() {
    let server = sending(3000);
    let folder = tempfile::tempdir().unwrap();
    let flags = "-o out/x.parquet --cursor-file cursor";
    let path = folder.path().join("out/x.parquet");
    for (n, total) in [(500, 500), (1000, 1500), (1500, 3000)] {
        tail(&server, folder.path(), n, flags).succeed();
        assert_eq!(names(&folder.path().join("out")), ["x.parquet"]);
        assert_eq!(rows(&path), expected(total));
    }
    assert_eq!(groups(&path), [500, 1000, 1500]);
}

#[test]
fn a_table_that_is_not_complete_at_the_end_is_named() {
    let server = sending(30);
    let folder = tempfile::tempdir().unwrap();
    let cursor = "--cursor-file cursor -o";
    let told = |flags: &str| tail(&server, folder.path(), 10, flags).run().stderr;
    let open = told(&format!("{cursor} out/{{collection}}.parquet"));
    assert!(open.contains(".parquet.partial'"), "{open}");
    assert!(open.contains("cannot be read before a later run"), "{open}");
    for complete in [
        "--cursor-file other -o x.parquet",
        "-o all/{collection}.parquet",
    ] {
        let complete = told(complete);
        assert!(!complete.contains("cannot be read"), "{complete}");
    }
}

#[test]
fn what_a_run_without_a_cursor_left_is_kept() {
    let server = sending(1000);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let flags = "-o out/{collection}.parquet --row-group-size 50K --checkpoint 4K,10ms";
    let running = Rocketman::tail(&server.url())
        .with("--no-compress")
        .with(flags)
        .inside(folder.path())
        .start();
    let journaled = || {
        let files = files_below(&out);
        let journals = files
            .iter()
            .filter(|path| path.extension().unwrap() == "journal");
        journals
            .map(|path| fs::metadata(path).unwrap().len())
            .sum::<u64>()
    };
    wait_until("something is in the journals", || {
        out.exists() && names(&out).len() >= 10 && journaled() > 1000
    });
    running.kill();
    tail(&server, folder.path(), 1, flags).succeed();
    let names = names(&out);
    assert!(
        names.iter().all(|name| name.ends_with(".parquet")),
        "{names:?}"
    );
    let n: usize = files_below(&out).iter().map(|path| rows(path).len()).sum();
    assert!(n > 100, "{n}");
}

#[test]
fn killed_again_and_again_each_event_is_in_a_row_once() {
    let rounds = if is_soak() { 500 } else { 25 };
    let game = Game {
        rounds,
        events: rounds * 320,
        server_dies: false,
    };
    let mut stages = Stages::default();
    for (flags, least) in [
        (
            "-o out/{collection}/%M%S.parquet --checkpoint 4K,10ms --row-group-size 30K",
            30,
        ),
        (
            "-o out/{collection}.parquet --rotate-count 300 --checkpoint 4K,10ms --row-group-size 40K",
            25,
        ),
    ] {
        let (n_files, came_at) = game.play_and_look(flags);
        assert!(n_files >= least, "{flags}");
        stages.add(&came_at);
    }
    // On both sides of the save; of which step of the file is luck, where they are few.
    let [group, footer, saved, named] =
        [Stages::GROUP, Stages::FOOTER, Stages::SAVED, Stages::NAMED].map(|stage| stages.of(stage));
    assert!(group + footer > 5 && saved + named > 1, "{stages}");
    if is_soak() {
        assert!(footer > 0 && saved > 0 && named > 0, "{stages}");
    }
}

#[test]
fn a_table_and_its_kills_with_few_files_open() {
    let game = Game {
        rounds: 6,
        events: 8_000,
        server_dies: true,
    };
    let flags =
        "-o out/{collection}.parquet --max-open-files 2 --checkpoint 4K,10ms --row-group-size 60K";
    assert_eq!(game.play(flags), 5);
    assert_eq!(
        game.play("-o out/x.parquet --checkpoint 4K,10ms --row-group-size 20K"),
        1
    );
}

#[test]
fn check_reads_tables_and_their_journals() {
    let server = sending(2000);
    let folder = tempfile::tempdir().unwrap();
    let flags = "-o out/%Y.parquet --cursor-file cursor --checkpoint 4K --row-group-size 100K";
    tail(&server, folder.path(), 2000, flags).succeed();
    tail(&server, folder.path(), 500, "-o out/whole.parquet").succeed();
    let check = || {
        let output = Rocketman::new(["check", "--json", "out"])
            .inside(folder.path())
            .run();
        let files = output
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        (output.code, files.collect::<Vec<Value>>())
    };
    let (code, files) = check();
    assert_eq!((code, files.len()), (Some(0), 2), "{files:#?}");
    for (file, events) in files.iter().zip([2000, 500]) {
        assert_eq!(file["form"], "parquet");
        assert_eq!(
            (&file["state"], &file["events"]),
            (&"whole".into(), &events.into())
        );
        assert_eq!(file["numbers_back"], 0);
    }
    // The second file begins with the same events.
    assert_eq!(
        (&files[0]["repeats"], &files[1]["repeats"]),
        (&0.into(), &500.into())
    );
    let unfinished = files_below(&folder.path().join("out")).remove(1);
    fs::OpenOptions::new()
        .append(true)
        .open(&unfinished)
        .unwrap()
        .write_all(b"torn")
        .unwrap();
    let (code, files) = check();
    assert_eq!(
        (code, &files[0]["state"]),
        (Some(1), &"torn".into()),
        "{files:#?}"
    );
    assert_eq!(files[0]["events"], 2000);
    let whole = folder.path().join("out/whole.parquet");
    let length = fs::metadata(&whole).unwrap().len();
    fs::OpenOptions::new()
        .write(true)
        .open(&whole)
        .unwrap()
        .set_len(length - 9)
        .unwrap();
    let (_, files) = check();
    assert_eq!(files[1]["state"], "damaged", "{files:#?}");
}

/// What counts the events and the posts of a file, by each reader that is installed.
const READERS: &str = r#"
import sys
path, found = sys.argv[1], []
def reader(name):
    try:
        return __import__(name, fromlist=['x'])
    except ImportError:
        return None
if duckdb := reader('duckdb'):
    found.append(('duckdb', *duckdb.execute(f"select count(*), count(*) filter ((record->>'$.text') like 'h%') from '{path}'").fetchone()))
if pl := reader('polars'):
    table = pl.read_parquet(path)
    found.append(('polars', table.height, table.filter(pl.col('record').str.contains('"text":"h')).height))
if pq := reader('pyarrow.parquet'):
    table = pq.read_table(path).to_pylist()
    found.append(('pyarrow', len(table), sum('"text":"h' in (row['record'] or '') for row in table)))
print(*(' '.join(map(str, one)) for one in found), sep='\n')
"#;

/// The Python to ask is that of `ROCKETMAN_PYTHON`, or `python3`.
#[test]
fn the_readers_that_people_have_read_it() {
    let server = sending(2000);
    let folder = tempfile::tempdir().unwrap();
    let flags = "-o x.parquet --checkpoint 4K --row-group-size 100K";
    tail(&server, folder.path(), 2000, flags).succeed();
    let python = std::env::var("ROCKETMAN_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let path = folder.path().join("x.parquet");
    let output = Command::new(&python)
        .args(["-c", READERS])
        .arg(&path)
        .output();
    let Ok(output) = output else {
        return println!("skipped: there is no {python}");
    };
    assert!(output.status.success(), "{output:?}");
    let found = String::from_utf8(output.stdout).unwrap();
    if found.trim().is_empty() {
        return println!("skipped: {python} has no duckdb, polars or pyarrow");
    }
    for line in found.lines() {
        assert!(line.ends_with(" 2000 1600"), "{found}");
    }
}
