//! kill -9 at any moment: each file is the old one or the new one, and the next run does the rest.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::{archive, comply, history};
use crate::support::recorded::files_below;

/// How often a run is killed in the suite, and once by hand.
fn rounds() -> usize {
    if std::env::var_os("ROCKETMAN_SOAK").is_some() {
        1000
    } else {
        20
    }
}

/// The bytes of all files, by their name in the archive.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let archive = folder.join("archive");
    let is_of_archive = |path: &Path| !path.file_name().unwrap().to_string_lossy().starts_with('.');
    let files = files_below(&archive).into_iter();
    let files = files.filter(|path| is_of_archive(path));
    let name = |path: &Path| {
        path.strip_prefix(&archive)
            .unwrap()
            .to_string_lossy()
            .into_owned()
    };
    files
        .map(|path| (name(&path), fs::read(&path).unwrap()))
        .collect()
}

fn restore(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in files {
        fs::write(folder.join("archive").join(name), bytes).unwrap();
    }
}

#[test]
fn a_killed_run_leaves_each_file_old_or_new() {
    let folder = tempfile::tempdir().unwrap();
    archive(folder.path(), &history(9, 3_000));
    let old = files(folder.path());
    comply(folder.path(), "archive").succeed();
    let new = files(folder.path());
    assert!(old.keys().eq(new.keys()) && old.iter().zip(&new).all(|(old, new)| old.1 != new.1));
    restore(folder.path(), &old);
    let mut rng = fastrand::Rng::with_seed(3);
    let (mut n_on, mut n_drafts, mut n_old) = (0, 0, old.len());
    for round in 1..=rounds() {
        let mut running = comply(folder.path(), "archive").start();
        // Each line is of a file that is done.
        running.lines(rng.usize(0..=n_old));
        thread::sleep(Duration::from_millis(rng.u64(0..40)));
        running.kill();
        let found = files(folder.path());
        assert!(found.keys().eq(old.keys()), "round {round}");
        let is_new: Vec<_> = found
            .iter()
            .map(|(name, bytes)| {
                assert!(
                    *bytes == old[name] || *bytes == new[name],
                    "round {round}: {name}"
                );
                *bytes == new[name]
            })
            .collect();
        let n_new = is_new.iter().filter(|is_new| **is_new).count();
        n_on += usize::from(old.len() - n_new < n_old);
        let beside = files_below(folder.path());
        let is_draft = |path: &&PathBuf| path.extension().is_some_and(|suffix| suffix == "comply");
        n_drafts += beside.iter().filter(is_draft).count();
        n_old = old.len() - n_new;
        if n_old == 0 {
            restore(folder.path(), &old);
            n_old = old.len();
        }
    }
    let rounds = rounds();
    println!("{n_on} of {rounds} runs got on, and {n_drafts} were killed over a file");
    assert!(n_on > rounds / 4 && n_drafts > 0);
    comply(folder.path(), "archive").succeed();
    assert_eq!(files(folder.path()), new);
    assert_eq!(files_below(&folder.path().join("archive")).len(), new.len());
}
