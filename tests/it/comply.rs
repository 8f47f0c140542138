//! `rocketman comply`: archives without what was deleted since, held against an oracle that knows
//! no database.

mod elsewhere;
mod killed;
mod official;
mod segments;
mod spared;

use std::{
    collections::HashMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    sqlite::records,
    support::{
        events::{commit, post},
        fold::Accounts,
        jetstream::{Request, Server},
        program::Rocketman,
        recorded::{files_below, read},
        rows::rows,
    },
};

fn comply(folder: &Path, arguments: &str) -> Rocketman {
    Rocketman::new(["comply"]).with(arguments).inside(folder)
}

/// A history of this length, with all that can remove a record.
fn history(seed: u64, n: usize) -> Vec<String> {
    let mut accounts = Accounts::new(seed, 60);
    let steps = std::iter::repeat_with(|| accounts.step());
    steps.take(n).flatten().collect()
}

/// The deletion of post `n`, as event `at`, of the same account.
fn unpost(n: u64, at: u64) -> String {
    assert_eq!(n % 100, at % 100);
    let rkey = |n: u64| format!("3l{n:011}");
    commit(at, Some(at + 1), "delete", "app.bsky.feed.post", "").replace(&rkey(at), &rkey(n))
}

/// What removes records, as far as events say.
#[derive(Default)]
struct Removed {
    /// The last revision that deleted it, by the address of a record.
    deleted: HashMap<String, String>,
    /// The last time, by account.
    gone: HashMap<String, u64>,
    /// The last revision that a repository was reset at.
    reset: HashMap<String, String>,
}

fn text<'a>(event: &'a Value, pointer: &str) -> &'a str {
    event.pointer(pointer).and_then(Value::as_str).unwrap()
}

fn address(event: &Value) -> String {
    let part = |key| text(event, &format!("/commit/{key}"));
    format!(
        "{}/{}/{}",
        text(event, "/did"),
        part("collection"),
        part("rkey")
    )
}

impl Removed {
    fn of<'a>(lines: impl IntoIterator<Item = &'a String>) -> Self {
        let mut removed = Self::default();
        for line in lines {
            let event: Value = serde_json::from_str(line).unwrap();
            let did = text(&event, "/did").to_owned();
            if event["commit"]["operation"] == "delete" {
                let rev = text(&event, "/commit/rev").to_owned();
                let last = removed.deleted.entry(address(&event)).or_default();
                *last = rev.max(last.clone());
            } else if event["account"]["status"] == "deleted" {
                let time = event["time_us"].as_u64().unwrap();
                let last = removed.gone.entry(did).or_default();
                *last = time.max(*last);
            } else if event["kind"] == "sync" {
                let rev = text(&event, "/sync/rev").to_owned();
                let last = removed.reset.entry(did).or_default();
                *last = rev.max(last.clone());
            }
        }
        removed
    }

    /// Whether a line is removed, or the row of a table.
    fn has(&self, line: &str) -> bool {
        let mut event: Value = serde_json::from_str(line).unwrap();
        if event["rkey"].is_string() {
            event = json!({"did": event["did"], "time_us": event["time"], "kind": event["kind"], "commit": event});
        }
        if event["kind"] != "commit" || event["commit"]["operation"] == "delete" {
            return false;
        }
        let (did, rev) = (text(&event, "/did"), text(&event, "/commit/rev"));
        let time = event["time_us"].as_u64().unwrap();
        self.deleted
            .get(&address(&event))
            .is_some_and(|last| rev <= last.as_str())
            || self.gone.get(did).is_some_and(|last| time < *last)
            || self.reset.get(did).is_some_and(|last| rev < last.as_str())
    }

    fn kept(&self, lines: &[String]) -> Vec<String> {
        lines
            .iter()
            .filter(|line| !self.has(line))
            .cloned()
            .collect()
    }
}

/// Parts of a history in recordings of every form, and in files of Parquet.
fn archive(folder: &Path, lines: &[String]) {
    let part = |n: usize| {
        let of = lines.len() / 4;
        lines[n * of..((n + 1) * of).min(lines.len())].join("\n") + "\n"
    };
    fs::create_dir_all(folder.join("archive/2026")).unwrap();
    fs::write(folder.join("archive/2026/d.ndjson"), part(0)).unwrap();
    let zstd = zstd::encode_all(part(1).as_bytes(), 1).unwrap();
    fs::write(folder.join("archive/c.ndjson.zst"), zstd).unwrap();
    let file = fs::File::create(folder.join("archive/b.jsonl.gz")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    gzip.write_all(part(2).as_bytes()).unwrap();
    gzip.finish().unwrap();
    let rest = lines[lines.len() / 4 * 3..].to_vec();
    let n = rest.len();
    let server = Server::every(move |request: Request| {
        let mut connection = request.accept();
        connection.send_all(rest.clone());
        connection.until_closed();
    });
    Rocketman::tail(&server.url())
        .inside(folder)
        .with(&format!("--kind all --cursor 1 -n {n} --no-compress"))
        .with("--row-group-size 100K --column text=/commit/record/text -o archive/a{n}.parquet")
        .with("--rotate-count 400")
        .succeed();
}

/// All lines or rows of an archive, by file.
fn lines_of(folder: &Path) -> Vec<(PathBuf, Vec<String>)> {
    let lines = |path: PathBuf| {
        let lines = if path.extension().is_some_and(|suffix| suffix == "parquet") {
            rows(&path).iter().map(Value::to_string).collect()
        } else {
            read(&path).lines().map(str::to_owned).collect()
        };
        (path, lines)
    };
    files_below(&folder.join("archive"))
        .into_iter()
        .map(lines)
        .collect()
}

#[test]
fn what_was_deleted_leaves_every_form_of_archive() {
    let folder = tempfile::tempdir().unwrap();
    let lines = history(5, 4_000);
    archive(folder.path(), &lines);
    let fold = |name: &str| {
        let call = format!("archive -o sqlite:{name}");
        Rocketman::new(["fold"])
            .with(&call)
            .inside(folder.path())
            .succeed();
        records(&folder.path().join(name), "all_records")
    };
    let (before, state) = (lines_of(folder.path()), fold("before.db"));
    let removed = Removed::of(&lines);
    let n_removed = lines.iter().filter(|line| removed.has(line)).count();
    assert!(before.len() > 4 && n_removed > 800, "{n_removed}");

    let dry = comply(folder.path(), "archive --dry-run").succeed();
    assert_eq!(lines_of(folder.path()), before);
    assert!(
        dry.stdout.contains("archive/2026/d.ndjson: "),
        "{}",
        dry.stdout
    );
    let total = |done: &str| {
        format!(
            " of {} events {done}, in {n} of {n} files\n",
            human(lines.len()),
            n = before.len()
        )
    };
    let end = human(n_removed) + &total("to be removed");
    assert!(dry.stdout.ends_with(&end), "{}", dry.stdout);

    let output = comply(folder.path(), "archive").succeed();
    let end = human(n_removed) + &total("removed");
    assert!(output.stdout.ends_with(&end), "{}", output.stdout);
    let after = lines_of(folder.path());
    let wanted: Vec<_> = before
        .iter()
        .map(|(path, lines)| (path.clone(), removed.kept(lines)))
        .collect();
    assert_eq!(after, wanted);
    assert_eq!(fold("after.db"), state);
    Rocketman::new(["check", "archive"])
        .inside(folder.path())
        .succeed();

    let again = comply(folder.path(), "archive").succeed();
    let n = human(lines.len() - n_removed);
    assert_eq!(
        again.stdout,
        format!("0 of {n} events removed, in 0 of {} files\n", before.len())
    );
    assert_eq!(lines_of(folder.path()), after);
}

fn human(n: usize) -> String {
    indicatif::HumanCount(n as u64).to_string()
}

#[test]
fn columns_of_ones_own_stay_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::every(|request: Request| {
        let mut connection = request.accept();
        let lines: Vec<_> = (0..50).map(post).chain([unpost(7, 107)]).collect();
        connection.send_all(lines);
        connection.until_closed();
    });
    Rocketman::tail(&server.url())
        .inside(folder.path())
        .with("--kind all --cursor 1 -n 51 --no-compress -o a.parquet --column text=/commit/record/text")
        .with("--column n:integer=/time_us --column x:boolean=/commit/record/x --column y:real=/cursor --no-record")
        .succeed();
    let path = folder.path().join("a.parquet");
    let mut wanted = rows(&path);
    assert!(
        wanted
            .iter()
            .all(|row| row["n"].is_number() && row["y"].is_number())
    );
    comply(folder.path(), "a.parquet").succeed();
    let gone = wanted.remove(7);
    assert_eq!(gone["rkey"], "3l00000000007");
    assert_eq!(rows(&path), wanted);
}

#[test]
fn lines_that_are_no_events_stay_and_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "{}\nno event\n{}\n{}\n{{\"did\":",
        post(0),
        post(1),
        unpost(1, 101)
    );
    fs::write(folder.path().join("a.ndjson"), &text).unwrap();
    let output = comply(folder.path(), "a.ndjson").run();
    output.assert_says(
        1,
        &["2 lines are no events, and stay", "hint: rocketman check"],
    );
    assert!(
        output
            .stdout
            .starts_with("a.ndjson: 1 of 3 events removed, and 2 lines that are no events stay\n"),
        "{}",
        output.stdout
    );
    let kept = fs::read_to_string(folder.path().join("a.ndjson")).unwrap();
    assert_eq!(kept, text.replace(&(post(1) + "\n"), ""));
}
