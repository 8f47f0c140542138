//! A server that fails in every way that `serve` knows, damaged files, and files that are rewritten
//! while they are read.

use std::{collections::HashMap, fs, path::Path};

use super::{archive::Archive, events, replay, seq};
use crate::{
    soak::is_soak,
    support::{
        program::Rocketman,
        segment_file::{MadeRow, body, created, frame, sealed},
        serve::Serving,
    },
};

/// Faults that end, each often enough to be met.
const FAULTS: [&str; 8] = [
    "archive-errors=1/4",
    "archive-429=1/8",
    "archive-cut=1/3",
    "archive-stall=1/6",
    "archive-200=1/2",
    "archive-416=1/4",
    "archive-etag@1",
    "archive-etag@5",
];

/// All of them at once, each as often as on a bad day.
const ALL: &str = "--fault archive-errors=1/20 --fault archive-429=1/40 --fault archive-cut=1/20 \
                   --fault archive-stall=1/40 --fault archive-200=1/20 --fault archive-416=1/20 \
                   --fault archive-etag@9";

/// How a stall is given up soon, and a failure tried again.
const IMPATIENT: &str = "-q --frame-timeout 300ms --max-backoff 20ms";

/// An account with some events, in fewer blocks than a plan makes a whole file of.
fn rare_account(archive: &Archive) -> (String, Vec<&str>) {
    let mut lines: HashMap<String, Vec<&str>> = HashMap::new();
    for line in &archive.lines {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let did = event["did"].as_str().unwrap().to_owned();
        lines.entry(did).or_default().push(line);
    }
    let rare = lines.into_iter().filter(|(_, lines)| lines.len() == 5);
    rare.min().unwrap()
}

#[test]
fn under_each_fault_and_all_every_event_comes_once() {
    let archive = Archive::of(if is_soak() { 40_000 } else { 20_000 });
    let (did, of_one) = rare_account(&archive);
    let faults = FAULTS.map(|fault| format!("--fault {fault}"));
    for faults in faults.iter().map(String::as_str).chain([ALL]) {
        let serve = || archive.serve(&format!("{faults} --fault seed=3"));
        let server = serve();
        let all = archive.replay_of(&server, IMPATIENT).succeed();
        assert!(all.lines() == archive.lines, "{faults}");
        // Single blocks meet each fault on its own in long runs alone.
        if faults != ALL && !is_soak() {
            continue;
        }
        let server = serve();
        let flags = format!("{IMPATIENT} -d {did}");
        let one = archive.replay_of(&server, &flags).succeed();
        assert_eq!(one.lines(), of_one, "{faults}");
    }
}

#[test]
fn what_is_elsewhere_is_fetched_there() {
    let archive = Archive::of(10_000);
    let other = archive.serve("");
    let fault = format!("--fault archive-redirect=http://{}", other.address());
    let server = archive.serve(&fault);
    let all = archive.replay_of(&server, "-q").succeed();
    assert!(all.lines() == archive.lines);
}

#[test]
fn a_server_that_never_sends_a_part_is_given_up() {
    // More than is taken in place of a part.
    const LARGE: u64 = 25;
    let folder = tempfile::tempdir().unwrap();
    let blocks: Vec<_> = (0..LARGE).map(block).collect();
    write(folder.path(), &sealed(&blocks));
    let serve = Rocketman::new(["serve", "--fault", "archive-200=1/1"]);
    let server = Serving::start(serve.arg(folder.path()));
    let service = format!("http://{}", server.address());
    let flags = format!("{IMPATIENT} --before-seq {}", LARGE * 100);
    let run = replay(&service, &flags).run();
    run.assert_says(
        1,
        &[
            "cannot get bytes 0 to 256 of",
            "seg_0000000000.jss",
            "all of the file in place of a part",
        ],
    );
}

/// As many rows as a block of a server has bytes of: some 200 kB that no compression makes less.
fn block(n: u64) -> Vec<MadeRow> {
    let mut random = fastrand::Rng::with_seed(n);
    let rows = (0..100).map(|at| {
        let mut row = created(n * 100 + at + 1, "app.example.note");
        row.payload = [0xa1, 0x61, b'a', 0x59, 0x07, 0xd0].to_vec();
        row.payload.extend((0..2000).map(|_| random.u8(..)));
        row
    });
    rows.collect()
}

const BLOCKS: u64 = 12;

fn write(folder: &Path, file: &[u8]) {
    let new = folder.join("new");
    fs::write(&new, file).unwrap();
    fs::rename(new, folder.join("seg_0000000000.jss")).unwrap();
}

fn serve(folder: &Path) -> Serving {
    Serving::start(Rocketman::new(["serve"]).arg(folder))
}

fn numbers(rows: &[MadeRow]) -> Vec<u64> {
    rows.iter().map(|row| row.seq).collect()
}

#[test]
fn a_file_compacted_meanwhile_goes_on_at_its_next_block() {
    let folder = tempfile::tempdir().unwrap();
    let before: Vec<_> = (0..BLOCKS).map(block).collect();
    // Where a block begins and ends stays, whatever is taken out of it.
    let is_left = |row: &&MadeRow| matches!(row.seq % 100, 0 | 1) || row.seq.is_multiple_of(3);
    let after: Vec<Vec<_>> = before
        .iter()
        .map(|rows| rows.iter().filter(is_left).cloned().collect())
        .collect();
    write(folder.path(), &sealed(&before));
    let server = serve(folder.path());
    let service = format!("http://{}", server.address());
    let flags = format!("--before-seq {} --max-rate 600K", BLOCKS * 100);
    let mut run = replay(&service, &flags).start();
    let mut lines = run.lines(150);
    write(folder.path(), &sealed(&after));
    let output = run.finish();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    lines.extend(output.stdout.lines().map(str::to_owned));
    let came: Vec<u64> = lines
        .iter()
        .map(|line| seq(&serde_json::from_str(line).unwrap()))
        .collect();
    let is_of_both = (1..before.len()).any(|n| {
        let (old, new) = (before.iter().take(n), after.iter().skip(n));
        came == old
            .chain(new)
            .flat_map(|rows| numbers(rows))
            .collect::<Vec<_>>()
    });
    assert!(is_of_both, "{came:?}");
}

#[test]
fn a_damaged_block_ends_the_run_behind_the_last_good_event() {
    const DAMAGED: u64 = 7;
    let folder = tempfile::tempdir().unwrap();
    let blocks: Vec<_> = (0..BLOCKS).map(block).collect();
    let good = sealed(&blocks);
    let frame = frame(&body(&block(DAMAGED)));
    let at = good.windows(frame.len()).position(|part| part == frame);
    let mut damaged = good.clone();
    damaged[at.unwrap() + frame.len() / 2] ^= 1;
    write(folder.path(), &damaged);
    let server = serve(folder.path());
    let service = format!("http://{}", server.address());
    let place = tempfile::tempdir().unwrap();
    let run = || {
        let flags = format!(
            "--before-seq {} --cursor-file c -o out.ndjson",
            BLOCKS * 100
        );
        replay(&service, &flags).inside(place.path()).run()
    };
    let came = || {
        let stdout = fs::read_to_string(place.path().join("out.ndjson")).unwrap();
        let lines = stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        lines.map(|event| seq(&event)).collect::<Vec<_>>()
    };
    run().assert_says(1, &["seg_0000000000.jss", "block 7"]);
    assert_eq!(came(), (1..=DAMAGED * 100).collect::<Vec<_>>());
    write(folder.path(), &good);
    assert_eq!(run().code, Some(0));
    assert_eq!(came(), (1..=BLOCKS * 100).collect::<Vec<_>>());
}

#[test]
fn a_file_that_is_always_another_one_is_given_up_by_name() {
    let archive = Archive::of(10_000);
    let server = archive.serve("--fault archive-416=1/1");
    let run = archive.replay_of(&server, IMPATIENT).run();
    run.assert_says(
        1,
        &[
            "block 0 of",
            "seg_0000000000.jss",
            "each time it is asked for",
        ],
    );
    assert!(events(&run).is_empty());
}
