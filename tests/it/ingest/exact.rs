//! The example that reads one collection by its exact name: killed in the middle, slow, and against
//! the official server.

use std::{
    collections::HashSet,
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::start;
use crate::support::{
    events::{post, posts},
    jetstream::Server,
    program::Running,
    wait_until,
    world::World,
};

const TOTAL: u64 = 4000;

const KILLS: usize = 4;

/// What it prints of an event.
fn printed(event: &serde_json::Value) -> String {
    let commit = &event["commit"];
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let [did, rev, rkey] = [&event["did"], &commit["rev"], &commit["rkey"]].map(text);
    format!("{rev} at://{did}/app.bsky.feed.post/{rkey}")
}

/// The lines of events among those of the process that it is in.
fn events(text: &str) -> impl Iterator<Item = String> {
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole
        .lines()
        .filter(|line| line.contains(" at://"))
        .map(str::to_owned)
}

/// Starts it, and kills it once it has printed this many events and the cursor has moved. Returns
/// all that it printed.
fn until_killed(server: &str, folder: &Path, count: usize) -> Vec<String> {
    let cursor = || fs::read_to_string(folder.join("ingestor.cursor")).unwrap_or_default();
    let before = cursor();
    let mut running = start("ingestor", server, folder);
    let mut lines = Vec::new();
    while lines.len() < count {
        lines.extend(Some(running.line()).filter(|line| line.contains(" at://")));
    }
    wait_until("a saved cursor", || cursor() != before);
    lines.extend(events(&running.kill()));
    lines
}

#[test]
fn the_ingestor_that_is_killed_loses_nothing() {
    // No connection but the last brings it to the end.
    let connections = AtomicUsize::new(0);
    let server = Server::every(move |request| {
        let from = request.cursor().map_or(0, |seq| seq - 1);
        let is_last = connections.fetch_add(1, Relaxed) == KILLS;
        let end = if is_last { TOTAL } else { from + 400 };
        let mut connection = request.accept();
        connection.send_all((from..end).map(post));
        connection.until_closed();
    });
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for _ in 0..KILLS {
        seen.extend(until_killed(&server.url(), folder.path(), 200));
    }
    let mut last = start("ingestor", &server.url(), folder.path());
    let end = printed(&serde_json::from_str(&post(TOTAL - 1)).unwrap());
    while seen.last() != Some(&end) {
        seen.extend(Some(last.line()).filter(|line| line.contains(" at://")));
    }
    last.kill();
    let different: HashSet<_> = seen.iter().collect();
    assert_eq!(different.len() as u64, TOTAL, "of {} in all", seen.len());
    let asked = server.requests();
    assert_eq!(asked.len(), KILLS + 1);
    assert!(!asked[0].contains("cursor="), "{asked:?}");
    for request in &asked {
        assert!(
            request.contains("wantedCollections=app.bsky.feed.post"),
            "{request}"
        );
    }
    for request in &asked[1..] {
        assert!(request.contains("cursor="), "{request}");
    }
}

#[test]
fn a_slow_ingestor_is_named_on_its_stderr() {
    let server = Server::every(posts(TOTAL));
    let folder = tempfile::tempdir().unwrap();
    let mut running: Running = start("ingestor", &server.url(), folder.path());
    // A pipe that nobody empties holds a thousand lines; the next one waits.
    while !running.line().contains(" at://") {}
    std::thread::sleep(std::time::Duration::from_millis(500));
    running.lines(2000);
    running.message("ingestor 'app.bsky.feed.post' is slow");
    running.kill();
}

#[test]
fn the_ingestor_loses_nothing_of_the_official_server() {
    let Some(world) = World::start("the_ingestor_loses_nothing_of_the_official_server") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for _ in 0..KILLS {
        seen.extend(until_killed(&world.url(), folder.path(), 100));
    }
    let cursor = fs::read_to_string(folder.path().join("ingestor.cursor")).unwrap();
    let cursor: serde_json::Value = serde_json::from_str(&cursor).unwrap();
    let archive = world.archive_up_to(cursor["seq"].as_u64().unwrap());
    let posts: Vec<_> = archive
        .iter()
        .filter(|event| event["commit"]["collection"] == "app.bsky.feed.post")
        .map(printed)
        .collect();
    let first = posts.iter().position(|line| *line == seen[0]).unwrap();
    let seen: HashSet<_> = seen.into_iter().collect();
    let last = posts.iter().rposition(|line| seen.contains(line)).unwrap();
    let lost: Vec<_> = posts[first..=last]
        .iter()
        .filter(|line| !seen.contains(*line))
        .collect();
    assert!(last - first > 300, "{} posts", last - first);
    assert!(
        lost.is_empty(),
        "{} of {} are lost",
        lost.len(),
        last - first
    );
}
