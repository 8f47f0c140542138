//! The recipes in Python, over tables of invented events.

use std::process::Command;

use super::Page;
use crate::support::program::Rocketman;

/// Runs a recipe in a folder with a table, if Python has what it imports; returns what it prints.
///
/// The Python to ask is that of `ROCKETMAN_PYTHON`, or `python3`.
fn run(info: &str, more: &str) -> Option<String> {
    let python = std::env::var("ROCKETMAN_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let page = Page::read("docs/recipes.md");
    let blocks = page.blocks();
    let recipe = blocks.iter().find(|block| block.info == info);
    let text = &recipe.expect("there is a recipe").text;
    let imports = text.lines().filter(|line| line.starts_with("import "));
    let imports = imports.collect::<Vec<_>>().join("\n") + more;
    let has = Command::new(&python).arg("-c").arg(&imports).output();
    if !has.is_ok_and(|has| has.status.success()) {
        println!(
            "skipped: {python} has not all of: {}",
            imports.replace('\n', ", ")
        );
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    Rocketman::new(["tail", "demo:", "--since", "30m", "-n", "300"])
        .with("-c app.bsky.feed.post --column text=/commit/record/text -o posts.parquet")
        .inside(folder.path())
        .succeed();
    let mut command = Command::new(&python);
    let run = command.arg("-c").arg(text).current_dir(folder.path());
    let run = run.output().unwrap();
    let error = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{error}");
    Some(String::from_utf8(run.stdout).unwrap())
}

#[test]
fn the_recipes_over_parquet_work_as_printed() {
    let Some(said) = run("python parquet", "\nimport pyarrow") else {
        return;
    };
    for word in [
        "posts",
        "int64",
        "did:plc:demo",
        "text",
        "str",
        "Name: count",
    ] {
        assert!(said.contains(word), "{word} in {said}");
    }
}

#[test]
fn clickhouse_reads_tables_of_parquet() {
    let Some(said) = run("python clickhouse", "") else {
        return;
    };
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some("\"hour\",\"posts\""), "{said}");
    let posts = lines.filter_map(|line| line.rsplit_once(',')?.1.parse::<u64>().ok());
    assert_eq!(posts.sum::<u64>(), 300, "{said}");
}
