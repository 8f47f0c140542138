//! The plan of the house: no circles between files, and no import that the invariants of
//! ARCHITECTURE.md forbid.
//!
//! A file uses another where a path in it leads to an item that is defined there, however it was
//! re-exported on the way. What only tests or fuzz targets compile does not count. What a module
//! declares or re-exports of its own children is no use, and a module may use what its ancestors
//! define themselves: both are how a folder is one thing.

mod circles;
mod flags;
mod growing;
mod measures;
mod planted;
mod surface;
mod test_names;
mod tokens;
mod tree;

use std::{collections::BTreeSet, fs};

use self::{circles::circles, tree::Tree};
use crate::support::code_below;

/// A rule: what the files of some rooms do not use. Rooms are modules of the root.
struct Rule {
    rooms: &'static [&'static str],
    /// Rooms, or crates.
    forbidden: &'static [&'static str],
}

/// Crates that only the program uses.
const PROGRAM_CRATES: [&str; 5] = [
    "clap",
    "clap_complete",
    "indicatif",
    "metrics_exporter_prometheus",
    "tracing_subscriber",
];

const RULES: [Rule; 8] = [
    // Events are known to all, and know nobody.
    Rule {
        rooms: &["event"],
        forbidden: &[
            "cursor", "filter", "nats", "pipeline", "serve", "sink", "source", "stats",
        ],
    },
    // The connection to NATS knows no events.
    Rule {
        rooms: &["nats"],
        forbidden: &[
            "cursor", "event", "filter", "pipeline", "serve", "sink", "source",
        ],
    },
    // The four members of a pipeline do not know each other, and none the pipeline.
    Rule {
        rooms: &["source"],
        forbidden: &["cursor", "filter", "pipeline", "serve", "sink"],
    },
    Rule {
        rooms: &["filter"],
        forbidden: &["cursor", "pipeline", "serve", "sink", "source"],
    },
    Rule {
        rooms: &["sink"],
        forbidden: &["cursor", "filter", "pipeline", "serve", "source"],
    },
    Rule {
        rooms: &["cursor"],
        forbidden: &["filter", "pipeline", "serve", "sink", "source"],
    },
    // Bytes of the wire mean nothing yet.
    Rule {
        rooms: &["wire"],
        forbidden: &[
            "cursor", "event", "filter", "nats", "pipeline", "serve", "sink", "source",
        ],
    },
    // What systems do differently is the same for all.
    Rule {
        rooms: &["platform"],
        forbidden: &[
            "cursor", "event", "filter", "nats", "pipeline", "serve", "sink", "source",
        ],
    },
];

/// What a rule forbids and is right all the same: messages that cannot be delivered go into a file
/// of the sinks', and whether a collection that was asked for ever comes is found by the filter's
/// own set of names, which costs least.
const ALLOWED: [(&str, &str); 3] = [
    ("src/source/jetstream/matches.rs", "filter"),
    ("src/source/nats/acks.rs", "sink"),
    ("src/source/nats/undeliverable.rs", "sink"),
];

/// Imports that a rule forbids, from a file to a room. Each has to go; one that is gone leaves this
/// list.
const KNOWN_IMPORTS: [(&str, &str); 0] = [];

/// Uses of one file by another that close a circle. Each has to go; one that closes none leaves
/// this list.
const KNOWN_USES: [(&str, &str); 0] = [];

/// Our crates: the library, and the program.
const ROOTS: [&str; 2] = ["src/lib.rs", "src/bin/rocketman/main.rs"];

fn text_of(file: &str) -> Option<String> {
    fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).ok()
}

#[test]
fn files_do_not_know_each_other_in_circles() {
    let trees = ROOTS.into_iter().filter(|root| text_of(root).is_some());
    let edges: BTreeSet<_> = trees
        .flat_map(|root| Tree::new(root, &text_of).edges())
        .collect();
    let known: BTreeSet<_> = KNOWN_USES.map(owned).into_iter().collect();
    let left: BTreeSet<_> = edges.difference(&known).cloned().collect();
    let found = circles(&left);
    assert!(found.is_empty(), "files that know each other: {found:#?}");
    for used in &known {
        let mut with_it = left.clone();
        with_it.extend(edges.get(used).cloned());
        let closes = !circles(&with_it).is_empty();
        assert!(
            closes,
            "{used:?} closes no circle any more: take it off the list"
        );
    }
}

#[test]
fn rooms_keep_to_what_they_may_know() {
    let found = forbidden_imports(&Tree::new("src/lib.rs", &text_of));
    let known: BTreeSet<_> = KNOWN_IMPORTS
        .into_iter()
        .chain(ALLOWED)
        .map(owned)
        .collect();
    let new: Vec<_> = found.difference(&known).collect();
    assert!(
        new.is_empty(),
        "imports that ARCHITECTURE.md forbids: {new:#?}"
    );
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(
        gone.is_empty(),
        "these imports are gone, take them off the list: {gone:?}"
    );
}

#[test]
fn rules_are_about_rooms_that_are_there() {
    let tree = Tree::new("src/lib.rs", &text_of);
    let rooms: BTreeSet<_> = tree.files().map(room).collect();
    let mut ruled = RULES
        .iter()
        .flat_map(|rule| rule.rooms.iter().chain(rule.forbidden));
    let gone = ruled.find(|room| !rooms.contains(**room));
    assert_eq!(gone, None, "there is no such room");
}

/// What stands for one operating system.
const OF_SYSTEMS: [&str; 6] = [
    "os::unix",
    "os::fd",
    "os::windows",
    "rustix::",
    "cfg(unix)",
    "cfg(windows)",
];

#[test]
fn systems_differ_in_one_room() {
    let mut n_files = 0;
    for (path, code) in code_below("src") {
        if path.contains("platform/") || path.ends_with("tests.rs") || path.contains("/tests/") {
            continue;
        }
        n_files += 1;
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        for word in OF_SYSTEMS {
            assert!(!code.contains(word), "{path} has {word}: see platform/");
        }
    }
    assert!(n_files > 200, "{n_files}");
}

fn owned((from, to): (&str, &str)) -> (String, String) {
    (from.to_owned(), to.to_owned())
}

/// The module of the root that a file belongs to.
fn room(file: &str) -> &str {
    let below = file.strip_prefix("src/").unwrap_or(file);
    let (room, _) = below.split_once(['/', '.']).unwrap_or((below, ""));
    room
}

/// The imports that a rule forbids: which file uses which room or crate.
fn forbidden_imports(tree: &Tree) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let program = tree.behind("cli");
    for file in tree.files() {
        let here = room(file);
        if program.contains(here) || here == "lib" {
            continue;
        }
        let used: BTreeSet<_> = tree.uses(file);
        let used: BTreeSet<_> = used.iter().map(|target| room(target)).collect();
        let rules = RULES.iter().filter(|rule| rule.rooms.contains(&here));
        let forbidden = rules
            .flat_map(|rule| rule.forbidden)
            .copied()
            .chain(program.iter().map(String::as_str));
        let rooms = forbidden.filter(|room| used.contains(room));
        let crates = PROGRAM_CRATES
            .into_iter()
            .filter(|name| tree.names(file, name));
        found.extend(
            rooms
                .chain(crates)
                .map(|name| (file.to_owned(), name.to_owned())),
        );
    }
    found
}

/// See docs/decisions/dependencies.md: `cargo update` would bring the large ones.
#[test]
fn the_lock_file_keeps_the_small_tables_of_host_names() {
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    assert!(lock.contains("name = \"idna_adapter\""));
    assert!(
        !lock.contains("name = \"icu_"),
        "cargo update --package idna_adapter --precise 1.1.0"
    );
}
