//! `rocketman cursor`: looking at cursor files, and moving them.

mod moved;
mod refusals;
mod shown;
mod tailed;

use serde_json::Value;

use super::*;

/// `rocketman cursor` with these arguments, which blanks separate, in this folder.
fn cursor(folder: &Path, arguments: &str) -> Rocketman {
    Rocketman::new(["cursor"]).with(arguments).inside(folder)
}

/// What `rocketman cursor show --json` says of the cursor file.
fn shown(folder: &Path) -> Value {
    let output = cursor(folder, "show --json cursor.json").succeed();
    assert_eq!((output.stdout.lines().count(), &*output.stderr), (1, ""));
    serde_json::from_str(&output.stdout).unwrap()
}

/// The names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn text(folder: &Path) -> String {
    fs::read_to_string(folder.join("cursor.json")).unwrap()
}
