//! Against the official server and its network simulator, where they are at hand.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io,
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{
    program::{Rocketman, Running},
    recorded::files_below,
    wait_until,
    world::World,
};

/// What an event is, whatever line it came in: (account, revision, collection, key, operation), or (kind, account, upstream number).
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
fn live_events_come_plain_and_compressed_and_every_filter_agrees_with_the_whole() {
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

/// Wants the events of the range that are wanted. The server compacts every few seconds, and leaves out what was deleted since: it is
/// looked at a stretch of time in which it did not.
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
fn a_cursor_in_every_form_begins_where_it_says_and_the_end_is_the_moment_of_the_start() {
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
    // Everything is younger than an hour; the very first events may have been compacted away meanwhile.
    let number = |event: &Value| event["cursor"].as_u64().unwrap();
    assert!(number(&all[0]) < 100, "{}", all[0]);
    assert!(number(all.last().unwrap()) >= seq, "{} events", all.len());
}

/// The main promise, against the real thing: five kills of the program and five of the server, and nothing is lost.
#[test]
fn nothing_is_lost_over_kills_of_the_program_and_of_the_server() {
    let Some(mut world) = World::start("nothing_is_lost") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.ndjson");
    let mut run = start(&world, &out, folder.path(), "--cursor 1");
    // What comes again after a kill is no progress.
    let different = || {
        let text = fs::read_to_string(&out).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let events = events(whole);
        events.iter().map(identity).collect::<HashSet<_>>().len()
    };
    // Older than the rewind, and with its beginnings sealed: a younger server starts all over when it is killed.
    wait_until("2,500 events", || different() >= 2500);
    for round in 0..10 {
        let seen = different();
        wait_until("400 more events", || different() >= seen + 400);
        if round % 2 == 0 {
            run.signal(Signal::KILL);
            drop(run);
            run = start(&world, &out, folder.path(), "");
        } else {
            world.kill_server();
            world.wait_until_ready();
        }
    }
    let seen = different();
    wait_until("400 more events after the last kill", || {
        different() >= seen + 400
    });
    run.signal(Signal::TERM);
    let said = run.finish();
    assert_eq!(said.code, Some(0), "{said:#?}");

    let ours = events(&fs::read_to_string(&out).unwrap());
    // A server that was killed may count anew: only the last number is sure to be in the numbering of the archive.
    let last = ours.last().unwrap()["cursor"].as_u64().unwrap();
    let archive = world.archive_up_to(last);
    let mut counts: HashMap<String, usize> = HashMap::new();
    for event in &ours {
        *counts.entry(identity(event)).or_default() += 1;
    }
    let theirs: HashSet<_> = archive.iter().map(identity).collect();
    let lost: Vec<_> = theirs
        .iter()
        .filter(|event| !counts.contains_key(*event))
        .collect();
    let repeats: usize = counts.values().map(|n| n - 1).sum();
    println!(
        "{} lines, {} different events, {} in the archive, {} lost, {repeats} repeats",
        ours.len(),
        counts.len(),
        theirs.len(),
        lost.len()
    );
    assert!(lost.is_empty(), "lost {lost:#?}");
    assert!(theirs.len() > 1000);
    // Each kill of the program repeats at most what came since the last save, a second before, and the rewind.
    assert!(repeats < 5 * 11 * 400, "{repeats} repeats");
}

/// The program and the server are killed at the same moment, five times: what is in the files is exact all the same.
#[test]
fn each_event_is_in_the_files_once_over_kills_of_both() {
    let Some(mut world) = World::start("each_event_is_in_the_files_once") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let outputs = ["plain/x.ndjson", "zst/%H-%M.ndjson.zst"];
    for name in ["plain", "zst"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let start = |world: &World, arguments: &str| {
        outputs.map(|output| {
            let name = output.split('/').next().unwrap();
            Rocketman::tail(&world.url())
                .with("--max-backoff 200ms --max-retries 1000 --rewind 60s")
                .with(&format!(
                    "-o {output} --cursor-file {name}.cursor {arguments}"
                ))
                .with(if name == "zst" {
                    "--checkpoint 16K,1s"
                } else {
                    ""
                })
                .inside(folder.path())
                .start()
        })
    };
    // The number of events that both have on the disk.
    let count = || {
        let count = |name| {
            files_below(&folder.path().join(name))
                .iter()
                .map(|path| lines(path).len())
                .sum()
        };
        ["plain", "zst"]
            .map(count)
            .into_iter()
            .min()
            .unwrap_or(0usize)
    };
    let wait = |what: &str, n: usize| {
        let deadline = Instant::now() + Duration::from_secs(120);
        while count() < n {
            assert!(Instant::now() < deadline, "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    let mut running = start(&world, "--cursor 1");
    wait("2,500 events", 2500);
    for _ in 0..5 {
        let seen = count();
        wait("400 more events", seen + 400);
        for run in running {
            run.signal(Signal::KILL);
            drop(run);
        }
        world.kill_server();
        world.wait_until_ready();
        running = start(&world, "");
    }
    let seen = count();
    wait("400 more events after the last kill", seen + 400);
    for run in running {
        run.signal(Signal::TERM);
        let said = run.finish();
        assert_eq!(said.code, Some(0), "{said:#?}");
        println!("{}", said.stderr);
    }
    let of = |name: &str| -> Vec<Value> {
        let files = files_below(&folder.path().join(name));
        files.iter().flat_map(|path| lines(path)).collect()
    };
    let (plain, compressed) = (of("plain"), of("zst"));
    let last = |events: &[Value]| events.last().unwrap()["cursor"].as_u64().unwrap();
    let archive = world.archive_up_to(last(&plain).min(last(&compressed)));
    let theirs: HashSet<_> = archive.iter().map(identity).collect();
    assert!(theirs.len() > 3000, "{} in the archive", theirs.len());
    for (name, ours) in [("plain", plain), ("zst", compressed)] {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for event in &ours {
            *counts.entry(identity(event)).or_default() += 1;
        }
        let lost = theirs.iter().filter(|event| !counts.contains_key(*event));
        let lost: Vec<_> = lost.collect();
        let twice: Vec<_> = counts.iter().filter(|(_, n)| **n > 1).collect();
        println!(
            "{name}: {} events, {} in the archive, {} lost, {} twice",
            ours.len(),
            theirs.len(),
            lost.len(),
            twice.len()
        );
        assert!(lost.is_empty(), "{name}: lost {lost:#?}");
        assert!(twice.is_empty(), "{name}: twice {twice:#?}");
    }
}

/// The events of a file, as far as it is whole: more may be under way, and it may be about to get its name.
fn lines(path: &Path) -> Vec<Value> {
    let Ok(file) = File::open(path) else {
        return Vec::new();
    };
    let mut text = Vec::new();
    let read = if path.to_str().unwrap().contains(".zst") {
        io::copy(
            &mut zstd::stream::read::Decoder::new(file).unwrap(),
            &mut text,
        )
    } else {
        io::copy(&mut &file, &mut text)
    };
    read.ok();
    events(&String::from_utf8_lossy(&text))
}

fn start(world: &World, out: &Path, folder: &Path, arguments: &str) -> Running {
    let out = File::options().create(true).append(true).open(out).unwrap();
    Rocketman::tail(&world.url())
        .with("--cursor-file cursor.json --max-backoff 200ms --max-retries 1000")
        .with(arguments)
        .inside(folder)
        .stdout(out)
        .start_elsewhere()
}

fn rfc3339(time_us: u64) -> String {
    rocketman::event::show_time(time_us)
}
