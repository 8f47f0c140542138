//! What pages name: tests that hold an invariant, dependencies, keys of a line.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use super::{Page, root};
use crate::support::{code_below, program::Rocketman};

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Rows of the tables that name what holds an invariant.
fn held_rows(page: &Page) -> impl Iterator<Item = &str> {
    let after = page.text.split("| what holds | held by |\n").skip(1);
    after.flat_map(|table| table.lines().skip(1).take_while(|row| row.starts_with('|')))
}

/// The name alone is that of another crate, and what is left out has to be known.
#[test]
fn the_library_page_says_what_to_depend_on() {
    let page = Page::read("docs/library.md");
    let begins = |start: &str| page.text.lines().find(|line| line.starts_with(start));
    let dependency = begins("rocketman = ").unwrap();
    assert!(
        dependency.contains("path = ") && !dependency.contains("version"),
        "{dependency}"
    );
    assert!(begins("tokio = ").is_some() && begins("serde = ").is_some());
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let default = manifest
        .lines()
        .find_map(|line| line.strip_prefix("default = ["))
        .unwrap();
    let features = default.trim_end_matches(']').replace('"', "`");
    let said = format!("Without default features ({features})");
    assert!(page.text.contains(&said), "{said}");
    let readme = Page::read("README.md").text;
    assert!(readme.contains("`cargo add rocketman` fetch another crate"));
}

#[test]
fn what_holds_an_invariant_exists() {
    let code = code_below("src").chain(code_below("tests/it"));
    let all: String = code.map(|(_, text)| text).collect();
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut n_tests = 0;
    for page in Page::all() {
        for row in held_rows(&page) {
            let (_, held_by) = row.trim_end_matches(" |").rsplit_once(" | ").unwrap();
            for name in quoted(held_by) {
                let exists = if name.contains('/') || name.contains('.') {
                    root().join(name).exists()
                } else if name.contains(' ') || manifest.contains(name) {
                    true
                } else {
                    n_tests += 1;
                    all.contains(&format!("fn {name}("))
                };
                assert!(exists, "{}: there is no {name}", page.path);
            }
        }
    }
    assert!(n_tests > 40, "{n_tests}");
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, rest) = manifest.split_once("\n[dependencies]\n").unwrap();
    let rows = Page::read("docs/decisions/dependencies.md").text;
    let crates: Vec<_> = rows
        .lines()
        .filter_map(|row| row.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|names| names.split(", "))
        .map(|name| name.split(' ').next().unwrap_or_default())
        .collect();
    let lines = rest.lines().take_while(|line| !line.starts_with('['));
    for line in lines.filter(|line| line.contains(" = ")) {
        let (name, _) = line.split_once(" = ").unwrap();
        assert!(crates.contains(&name), "no reason for {name}");
    }
}

/// The paths of the members of an event, but not those inside a record.
fn keys(prefix: &str, value: &Value, found: &mut BTreeSet<String>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        let path = format!("{prefix}{key}");
        match value {
            Value::Object(_) if path != "commit.record" => keys(&format!("{path}."), value, found),
            _ => drop(found.insert(path)),
        }
    }
}

#[test]
fn every_key_of_a_line_is_explained() {
    let call = Rocketman::new(["tail", "demo:?rate=max"]);
    let output = call.with("--kind all -n 5000").succeed();
    let mut found = BTreeSet::new();
    for line in output.lines() {
        keys("", &serde_json::from_str(line).unwrap(), &mut found);
    }
    let page = Page::read("docs/line.md").text;
    let rows = page.lines().filter_map(|row| row.strip_prefix("| "));
    let explained: BTreeSet<_> = rows
        .flat_map(|row| quoted(row.split(" | ").next().unwrap()).map(str::to_owned))
        .collect();
    assert_eq!(explained.symmetric_difference(&found).next(), None);
}
