//! Against the official server and its network simulator, where they are at hand.

mod killed;

use std::{collections::BTreeMap, fs, time::Duration};

use serde_json::Value;

use crate::{
    soak::{is_soak, wait_for},
    support::{program::Rocketman, wait_until, world::World},
};

/// What an event is, whatever line it came in: (account, revision, collection, key, operation), or
/// (kind, account, upstream number).
fn identity(event: &Value) -> String {
    let field = |pointer: &str| {
        event
            .pointer(pointer)
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    let kind = event["kind"].as_str().unwrap();
    match kind {
        "commit" => [
            "/did",
            "/commit/rev",
            "/commit/collection",
            "/commit/rkey",
            "/commit/operation",
        ]
        .map(field)
        .join(" "),
        _ => [
            kind.to_owned(),
            field("/did"),
            field(&format!("/{kind}/seq")),
        ]
        .join(" "),
    }
}

fn events(text: &str) -> Vec<Value> {
    // A line that kill -9 tore is written again by the next run.
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn tail(world: &World, arguments: &str) -> Vec<Value> {
    events(
        &Rocketman::tail(&world.url())
            .with("-q")
            .with(arguments)
            .succeed()
            .stdout,
    )
}

/// Whether an event is wanted.
type Wanted<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

#[test]
fn plain_compressed_and_filtered_events_agree() {
    let Some(world) = World::start("live_events") else {
        return;
    };
    assert_eq!(tail(&world, "-n 300").len(), 300);
    let up_to = tail(&world, "-n 1")[0]["time_us"].as_u64().unwrap();
    let range = format!("--cursor 1 --until {}", rfc3339(up_to));
    let whole = tail(&world, &range);
    assert!(whole.len() > 1000, "{} events", whole.len());
    assert_agrees(&world, &range, "--no-compress", |_| true);
    assert_agrees(&world, &range, "--threads 2", |_| true);
    let author = whole[0]["did"].as_str().unwrap().to_owned();
    // As many as servers take: too many for a query, so that they go as a message.
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("accounts");
    let others = (1..10_000).map(|n| format!("did:web:n{n}.example.com"));
    let all: Vec<_> = others.chain([author.clone()]).collect();
    fs::write(&list, all.join("\n")).unwrap();
    let is_of_author = |event: &Value| event["did"] == author.as_str();
    let checks: [(&str, Wanted<'_>); 6] = [
        (
            "-c app.bsky.feed.post",
            Box::new(|event| event["commit"]["collection"] == "app.bsky.feed.post"),
        ),
        (
            "-c app.bsky.feed.* --kind all",
            Box::new(|event| {
                event["kind"] != "commit"
                    || event["commit"]["collection"]
                        .as_str()
                        .unwrap()
                        .starts_with("app.bsky.feed.")
            }),
        ),
        (
            "--kind identity",
            Box::new(|event| event["kind"] == "identity"),
        ),
        (
            "--op delete",
            Box::new(|event| event["commit"]["operation"] == "delete"),
        ),
        (&format!("-d {author}"), Box::new(is_of_author)),
        (&format!("-d @{}", list.display()), Box::new(is_of_author)),
    ];
    for (arguments, wanted) in checks {
        assert_agrees(&world, &range, arguments, wanted);
    }
}

/// Wants the events of the range that are wanted. The server compacts every few seconds, and leaves
/// out what was deleted since: it is looked at a stretch of time in which it did not.
fn assert_agrees(world: &World, range: &str, arguments: &str, wanted: impl Fn(&Value) -> bool) {
    for _ in 0..10 {
        let whole = tail(world, range);
        let found = tail(world, &format!("{range} {arguments}"));
        if tail(world, range) != whole {
            continue;
        }
        let expected: Vec<_> = whole.into_iter().filter(|event| wanted(event)).collect();
        let is_tested = !expected.is_empty();
        assert!(is_tested, "{arguments} is not tested by this stream");
        assert_eq!(found, expected, "{arguments}");
        return;
    }
    panic!("the server compacts all the time");
}

#[test]
fn both_wires_bring_the_same_lines() {
    let Some(world) = World::frozen("both_wires") else {
        return;
    };
    let up_to = rfc3339(tail(&world, "-n 1")[0]["time_us"].as_u64().unwrap());
    let read = |source: &str, flags: &str| {
        let call = Rocketman::tail(source)
            .with("-q --cursor 1 --until")
            .arg(&up_to);
        call.with(flags).succeed().stdout
    };
    let v1 = read(&world.url(), "--no-compress");
    assert!(v1.lines().count() > 5000, "{}", v1.lines().count());
    let path = "/xrpc/network.bsky.jetstream.subscribeEvents";
    let exactly = world.url().replace("/subscribe", path);
    for (source, flags) in [
        (&world.service(), ""),
        (&world.service(), "--no-compress"),
        (&world.service(), "--threads 2"),
        (&world.service(), "--validate"),
        (&exactly, ""),
        (&world.url(), ""),
    ] {
        // Not shown where they differ: it is a book.
        assert!(read(source, flags) == v1, "{source} {flags}");
    }
    // As many accounts as fit into a request, over either wire.
    let author = events(v1.lines().next().unwrap())[0]["did"].to_string();
    let author = author.trim_matches('"');
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("accounts");
    let others = (1..9990).map(|n| format!("did:web:n{n}.example.com"));
    let all: Vec<_> = others.chain([author.to_owned()]).collect();
    fs::write(&list, all.join("\n")).unwrap();
    let flags = format!("-d @{}", list.display());
    let of_author = read(&world.service(), &flags);
    assert!(!of_author.is_empty() && of_author == read(&world.url(), &flags));
}

#[test]
fn segment_files_bring_the_lines_of_the_v1_wire() {
    let Some(world) = World::start("segment_files") else {
        return;
    };
    // Some are sealed, and may be rewritten meanwhile.
    let n_sealed = || fs::read_dir(world.segments()).unwrap().count() - 1;
    if is_soak() {
        wait_for("50 segments", Duration::from_secs(900), || n_sealed() >= 50);
    } else {
        wait_until("segments to be sealed", || n_sealed() >= 2);
    }
    let up_to = rfc3339(tail(&world, "-n 1")[0]["time_us"].as_u64().unwrap());
    let wire = Rocketman::tail(&world.url()).with("-q --cursor 1 --no-compress --until");
    let wire = wire.arg(&up_to).succeed().stdout;
    let number = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["cursor"].as_u64().unwrap()
    };
    let wire: BTreeMap<_, _> = wire.lines().map(|line| (number(line), line)).collect();
    // As they stand, while the server goes on.
    let folder = tempfile::tempdir().unwrap();
    for file in fs::read_dir(world.segments()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    let verified = Rocketman::new(["inspect", "--verify", "."]).inside(folder.path());
    verified.succeed();
    let files = Rocketman::new(["tail", "-q", "."])
        .inside(folder.path())
        .succeed()
        .stdout;
    let last = wire.keys().last().copied();
    let mut n_same = 0;
    for line in files.lines().filter(|line| Some(number(line)) <= last) {
        assert_eq!(wire.get(&number(line)), Some(&line));
        n_same += 1;
    }
    let n_files = fs::read_dir(folder.path()).unwrap().count();
    println!("{n_same} lines of {n_files} files are those of the v1 wire");
    assert!(n_same > 1000, "{n_same} events");
}

#[test]
fn each_form_of_cursor_begins_where_it_says() {
    let Some(world) = World::start("a_cursor_in_every_form") else {
        return;
    };
    let first = tail(&world, "-n 400");
    let (seq, time_us) = (
        first[200]["cursor"].as_u64().unwrap(),
        first[200]["time_us"].as_u64().unwrap(),
    );
    let from = |arguments: &str| tail(&world, &format!("{arguments} -n 1")).remove(0);
    assert_eq!(from(&format!("--cursor {seq}")), first[200]);
    for arguments in [
        format!("--cursor {time_us}"),
        format!("--cursor {}", rfc3339(time_us)),
        format!("--since {}", rfc3339(time_us)),
    ] {
        assert_eq!(
            from(&arguments)["time_us"].as_u64(),
            Some(time_us),
            "{arguments}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let from_file = |arguments: &str| {
        let set = Rocketman::new(["cursor"]).with(arguments);
        set.inside(folder.path()).succeed();
        let call = Rocketman::tail(&world.url()).with("-n 1 --cursor-file c");
        let output = call.inside(folder.path()).succeed();
        assert!(!output.stderr.contains("otherwise"), "{}", output.stderr);
        events(&output.stdout).remove(0)
    };
    let by_seq = format!("set c {seq} --source {} ", world.url());
    assert_eq!(from_file(&by_seq), first[200]);
    for by_time in [
        format!("set c {time_us}"),
        format!("set c {}", rfc3339(time_us)),
    ] {
        assert_eq!(from_file(&by_time)["time_us"], time_us, "{by_time}");
    }
    let all = tail(&world, "--since 1h --exit-at-end");
    // Everything is younger than an hour; the very first events may have been compacted away
    // meanwhile.
    let number = |event: &Value| event["cursor"].as_u64().unwrap();
    assert!(number(&all[0]) < 100, "{}", all[0]);
    assert!(number(all.last().unwrap()) >= seq, "{} events", all.len());
}

fn rfc3339(time_us: u64) -> String {
    rocketman::event::Start::Time(time_us).to_string()
}
