//! A replay between two times: which events come, and what is not fetched for them.

use rocketman::event::Start;

use super::{archive::Archive, replay};
use crate::support::{cable::Cable, program::Output, tap::Tap};

/// Files of the archive under test, and events of each.
const FILES: u32 = 4;
const EVENTS: usize = 5_000;

fn archive() -> Archive {
    Archive::in_files(FILES * 5_000, FILES)
}

fn time_us(line: &str) -> u64 {
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    event["time_us"].as_u64().unwrap()
}

/// The time of an event as it is typed.
fn time_of(archive: &Archive, event: usize) -> String {
    Start::Time(time_us(&archive.lines[event])).to_string()
}

/// The lines from one event on and before another, by their times.
fn between(archive: &Archive, from: usize, to: usize) -> Vec<&String> {
    let times = time_us(&archive.lines[from])..time_us(&archive.lines[to]);
    let lines = archive.lines.iter();
    lines
        .filter(|line| times.contains(&time_us(line)))
        .collect()
}

/// What a run of the archive wrote, and how many bytes the server sent for it.
fn run(archive: &Archive, flags: &str) -> (Output, u64) {
    let cable = Cable::to(archive.port());
    let service = format!("http://127.0.0.1:{}", cable.port);
    let run = replay(&service, flags).inside(archive.path()).succeed();
    (run, cable.passed())
}

#[test]
fn until_spares_the_files_after_it_and_the_socket() {
    let archive = archive();
    let (_, all) = run(&archive, "--before-seq 20000");
    // In the middle of the second file, so that half of the archive is read.
    let flags = format!("--until {}", time_of(&archive, EVENTS * 3 / 2));
    let (some, bytes) = run(&archive, &flags);
    assert!(some.lines() == between(&archive, 0, EVENTS * 3 / 2));
    assert!(bytes * 10 < all * 6, "{bytes} of {all}");
    let (follow, _) = run(&archive, &format!("{flags} --follow -c app.bsky.feed.like"));
    assert!(follow.lines().len() < some.lines().len());

    let tap = Tap::before(archive.port());
    let service = format!("http://127.0.0.1:{}", tap.port);
    replay(&service, &flags).succeed();
    let requests = tap.requests();
    let sockets = requests.iter().filter(|head| head.contains("subscribe"));
    assert_eq!(sockets.count(), 0, "{requests:#?}");
}

#[test]
fn a_plan_until_a_time_prices_what_is_read() {
    let archive = archive();
    let until = time_of(&archive, EVENTS * 3 / 2);
    let (plan, _) = run(&archive, &format!("--plan --until {until}"));
    let words = "numbers 1 to 10,000";
    assert!(plan.stdout.contains(words), "{}", plan.stdout);
    let row = plan
        .lines()
        .into_iter()
        .find(|line| line.starts_with("what is asked for"));
    let row: Vec<_> = row.unwrap().split_whitespace().collect();
    // Whole files, of which there are two.
    assert!(row.contains(&"2"), "{row:?}");

    // What was there before the archive costs nothing, and is not asked of the socket.
    let first = time_of(&archive, 0);
    let (plan, _) = run(&archive, &format!("--plan --until {first}"));
    assert!(plan.stdout.contains("numbers 1 to 0"), "{}", plan.stdout);
    let (nothing, _) = run(&archive, &format!("--until {first}"));
    assert_eq!(nothing.stdout, "");
}

#[test]
fn since_spares_the_files_before_it() {
    let archive = archive();
    let (_, all) = run(&archive, "--before-seq 20000");
    let (from, to) = (EVENTS * 5 / 2, EVENTS * 4);
    let since = time_of(&archive, from);
    let (rest, bytes) = run(&archive, &format!("--since {since} --before-seq 20000"));
    assert!(rest.lines() == archive.lines[from..to]);
    assert!(bytes * 10 < all * 6, "{bytes} of {all}");

    let (from, to) = (EVENTS * 5 / 4, EVENTS * 7 / 4);
    let (since, until) = (time_of(&archive, from), time_of(&archive, to));
    let (within, bytes) = run(&archive, &format!("--since {since} --until {until}"));
    assert!(within.lines() == between(&archive, from, to));
    assert!(bytes * 10 < all * 4, "{bytes} of {all}");
}

#[test]
fn a_run_until_a_time_goes_on_and_ends_there() {
    let archive = archive();
    let until = time_of(&archive, EVENTS * 3 / 2);
    let flags = format!("--until {until} --cursor-file c -o out.ndjson");
    run(&archive, &format!("{flags} -n 3000"));
    for _ in 0..2 {
        run(&archive, &flags);
        let text = std::fs::read_to_string(archive.path().join("out.ndjson")).unwrap();
        assert!(text.lines().eq(between(&archive, 0, EVENTS * 3 / 2)));
    }
}
