//! kill -9 of the server, of the program, and of both.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io,
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;

use super::{events, identity};
use crate::soak::{is_soak, is_wanted};
use crate::support::{
    program::{Rocketman, Running},
    recorded::files_below,
    wait_until,
    world::World,
};

/// The main promise, against the real thing: five kills of the program and five of the server, and
/// nothing is lost.
#[test]
fn nothing_is_lost_over_kills_of_the_program_and_of_the_server() {
    let Some(mut world) = World::start("nothing_is_lost") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.ndjson");
    let mut run = start(&world.url(), &out, folder.path(), "--cursor 1");
    // What comes again after a kill is no progress.
    let different = || {
        let text = fs::read_to_string(&out).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let events = events(whole);
        events.iter().map(identity).collect::<HashSet<_>>().len()
    };
    // Older than the rewind, and with its beginnings sealed: a younger server starts all over when
    // it is killed.
    wait_until("2,500 events", || different() >= 2500);
    for round in 0..10 {
        let seen = different();
        wait_until("400 more events", || different() >= seen + 400);
        if round % 2 == 0 {
            run.signal(Signal::KILL);
            drop(run);
            run = start(&world.url(), &out, folder.path(), "");
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
    // A server that was killed may count anew: only the last number is sure to be in the numbering
    // of the archive.
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
    // Each kill of the program repeats at most what came since the last save, a second before, and
    // the rewind.
    assert!(repeats < 5 * 11 * 400, "{repeats} repeats");
}

/// A client that lives on, over the v2 wire: the server gives new numbers and times to what it
/// reads again, and some events their old number by chance.
#[test]
fn each_event_comes_once_over_kills_of_the_server() {
    let Some(mut world) = World::start("each_event_comes_once") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.ndjson");
    let run = start(&world.service(), &out, folder.path(), "--cursor 1");
    let count = || lines(&out).len();
    // Older than the rewind, and with its beginnings sealed: a younger server starts all over when
    // it is killed.
    wait_until("2,500 events", || count() >= 2500);
    for _ in 0..10 {
        let seen = count();
        wait_until("200 more events", || count() >= seen + 200);
        world.kill_server();
        world.wait_until_ready();
    }
    let seen = count();
    wait_until("400 more events after the last kill", || {
        count() >= seen + 400
    });
    run.signal(Signal::TERM);
    let said = run.finish();
    assert_eq!(said.code, Some(0), "{said:#?}");
    println!("{}", said.stderr);

    let ours = lines(&out);
    let archive = world.archive_up_to(ours.last().unwrap()["cursor"].as_u64().unwrap());
    assert_each_once("living", &ours, &archive);
}

/// The program and the server are killed at the same moment, five times and ten under soak: what is
/// in the files is exact all the same.
#[test]
fn each_event_is_in_the_files_once_over_kills_of_both() {
    let rounds = if is_soak() { 10 } else { 5 };
    files_over_kills("each_event_is_in_the_files_once", rounds, true);
}

/// The same while the server lives on; the first test here has it, to stdout.
#[test]
fn files_have_each_event_once_over_ten_kills_of_the_program() {
    let test = "files_have_each_event_once_over_ten_kills_of_the_program";
    if is_wanted(test) {
        files_over_kills(test, 10, false);
    }
}

/// Where a run writes to, and over which wire it reads.
const RUNS: [(&str, &str, bool); 3] = [
    ("plain", "plain/x.ndjson", true),
    ("zst", "zst/%H-%M.ndjson.zst --checkpoint 16K,1s", true),
    ("v1", "v1/%H-%M.ndjson.zst --checkpoint 16K,1s", false),
];

/// Starts all runs, or goes on with them.
fn start_all(world: &World, folder: &Path, arguments: &str) -> [Running; 3] {
    RUNS.map(|(name, output, is_v2)| {
        let source = if is_v2 { world.service() } else { world.url() };
        Rocketman::tail(&source)
            .with("--max-backoff 200ms --max-retries 1000 --rewind 60s")
            .with(&format!(
                "-o {output} --cursor-file {name}.cursor {arguments}"
            ))
            .inside(folder)
            .start()
    })
}

/// Kills all runs again and again, the server at the same moment or not, and wants every event of
/// the archive once in the files of each.
fn files_over_kills(test: &str, rounds: usize, server_dies: bool) {
    let Some(mut world) = World::start(test) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, ..) in RUNS {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let of = |name: &str| -> Vec<Value> {
        let files = files_below(&folder.path().join(name));
        files.iter().flat_map(|path| lines(path)).collect()
    };
    // The number of events that all have on the disk.
    let count = || RUNS.map(|(name, ..)| of(name).len()).into_iter().min();
    let wait = |what: &str, n: usize| {
        let deadline = Instant::now() + Duration::from_secs(120);
        while count() < Some(n) {
            assert!(Instant::now() < deadline, "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    let mut running = start_all(&world, folder.path(), "--cursor 1");
    wait("2,500 events", 2500);
    for _ in 0..rounds {
        let seen = count().unwrap_or_default();
        wait("400 more events", seen + 400);
        for run in running {
            run.signal(Signal::KILL);
            drop(run);
        }
        if server_dies {
            world.kill_server();
            world.wait_until_ready();
        }
        running = start_all(&world, folder.path(), "");
    }
    let seen = count().unwrap_or_default();
    wait("400 more events after the last kill", seen + 400);
    for run in running {
        run.signal(Signal::TERM);
        let said = run.finish();
        assert_eq!(said.code, Some(0), "{said:#?}");
        println!("{}", said.stderr);
    }
    let found = RUNS.map(|(name, ..)| (name, of(name)));
    let last = |events: &[Value]| events.last().unwrap()["cursor"].as_u64().unwrap();
    let last = found.iter().map(|(_, events)| last(events)).min().unwrap();
    let archive = world.archive_up_to(last);
    assert!(archive.len() > 3000, "{} in the archive", archive.len());
    println!("{rounds} kills of the program, of the server too: {server_dies}");
    for (name, ours) in found {
        assert_each_once(name, &ours, &archive);
    }
}

/// Wants every event of the archive once among ours.
fn assert_each_once(name: &str, ours: &[Value], archive: &[Value]) {
    let theirs: HashSet<_> = archive.iter().map(identity).collect();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for event in ours {
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

/// The events of a file, as far as it is whole: more may be under way, and it may be about to get
/// its name.
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

fn start(source: &str, out: &Path, folder: &Path, arguments: &str) -> Running {
    let out = File::options().create(true).append(true).open(out).unwrap();
    Rocketman::tail(source)
        .with("--cursor-file cursor.json --max-backoff 200ms --max-retries 1000")
        .with(arguments)
        .inside(folder)
        .stdout(out)
        .start_elsewhere()
}
