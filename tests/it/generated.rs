//! Completions and manual are what the command line says.
//!
//! After a change to the command line: `UPDATE_GENERATED=1 cargo test --test it generated`.

use std::{fs, path::Path};

use clap_complete::Shell;
use rocketman::cli;

#[test]
fn completions_are_what_the_command_line_says() {
    for (file, shell) in [
        ("rocketman.bash", Shell::Bash),
        ("_rocketman", Shell::Zsh),
        ("rocketman.fish", Shell::Fish),
    ] {
        compare("completions", file, &cli::completions(shell));
    }
    expect_no_others("completions", 3);
}

#[test]
fn the_manual_is_what_the_command_line_says() {
    let pages = cli::man_pages().unwrap();
    for (file, page) in &pages {
        compare("man", file, page);
    }
    expect_no_others("man", pages.len());
}

fn compare(folder: &str, file: &str, expected: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join(file);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, expected).unwrap();
    }
    let found = fs::read(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{folder}/{file} is stale: run UPDATE_GENERATED=1 cargo test --test it generated"
    );
}

fn expect_no_others(folder: &str, n: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    assert_eq!(
        fs::read_dir(path).unwrap().count(),
        n,
        "{folder}/ holds files that nothing makes"
    );
}
