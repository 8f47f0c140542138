//! The recipes in Python, over tables of invented events.

use std::process::Command;

use super::Page;
use crate::support::program::Rocketman;

/// The Python to ask is that of `ROCKETMAN_PYTHON`, or `python3`.
#[test]
fn the_recipes_over_parquet_work_as_printed() {
    let python = std::env::var("ROCKETMAN_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let page = Page::read("docs/recipes.md");
    let blocks = page.blocks();
    let recipe = blocks.iter().find(|block| block.info == "python parquet");
    let text = &recipe.expect("there is a recipe").text;
    let imports = text.lines().filter(|line| line.starts_with("import "));
    let imports = imports.collect::<Vec<_>>().join("\n") + "\nimport pyarrow";
    let has = Command::new(&python).arg("-c").arg(imports).output();
    if !has.is_ok_and(|has| has.status.success()) {
        println!("skipped: {python} has no duckdb, pandas, polars and pyarrow");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    Rocketman::new(["tail", "demo:", "--since", "30m", "-n", "300"])
        .with("-c app.bsky.feed.post --column text=/commit/record/text -o posts.parquet")
        .inside(folder.path())
        .succeed();
    let run = Command::new(&python)
        .arg("-c")
        .arg(text)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
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
