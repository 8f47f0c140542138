//! How large things may be: files, and the first sight of `src/`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// How many lines a file of code has at most, tests included.
const MAX_LINES: usize = 400;

/// How many rooms there are at most in `src/`, as files, folders, or both.
const MAX_ROOMS: usize = 20;

/// How many files there are at most in `src/` beside its folders.
const MAX_LOOSE_FILES: usize = 8;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn within(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// All files of Rust below the folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (folders, files): (Vec<_>, Vec<_>) =
        within(folder).into_iter().partition(|path| path.is_dir());
    let below = folders.iter().flat_map(|folder| self::files(folder));
    let here = files.into_iter();
    here.filter(|path| path.extension().is_some_and(|suffix| suffix == "rs"))
        .chain(below)
        .collect()
}

#[test]
fn files_are_short_enough_to_be_read_at_once() {
    let all = ["src", "tests", "examples"]
        .into_iter()
        .flat_map(|folder| files(&root().join(folder)));
    let mut n = 0;
    for path in all {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        assert!(lines <= MAX_LINES, "{name} has {lines} lines");
        n += 1;
    }
    assert!(n > 500, "{n} files");
}

#[test]
fn the_first_sight_of_the_code_is_few_rooms() {
    let entries = within(&root().join("src"));
    let (folders, loose): (Vec<_>, Vec<_>) = entries.iter().partition(|path| path.is_dir());
    assert!(
        folders.len() > 8 && loose.len() <= MAX_LOOSE_FILES,
        "{loose:?}"
    );
    let rooms: BTreeSet<_> = entries.iter().map(|path| path.file_stem()).collect();
    assert!(rooms.len() <= MAX_ROOMS, "{} rooms: {rooms:?}", rooms.len());
}
