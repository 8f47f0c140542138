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

/// The program and the server are killed at the same moment, five times: what is in the files is
/// exact all the same.
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
            // One over each wire.
            let source = match name {
                "plain" => world.service(),
                _ => world.url(),
            };
            Rocketman::tail(&source)
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
    assert!(archive.len() > 3000, "{} in the archive", archive.len());
    for (name, ours) in [("plain", plain), ("zst", compressed)] {
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
