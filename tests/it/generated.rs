//! Completions and manual are what the command line says.
//!
//! After a change to the command line: `UPDATE_GENERATED=1 cargo test --test it generated`.

use std::{fs, path::Path};

use crate::support::program::Rocketman;

#[test]
fn completions_are_what_the_command_line_says() {
    for (file, shell) in [
        ("rocketman.bash", "bash"),
        ("_rocketman", "zsh"),
        ("rocketman.fish", "fish"),
    ] {
        let printed = Rocketman::new(["completions", shell]).succeed().stdout;
        compare("completions", file, printed.as_bytes());
    }
    expect_no_others("completions", 3);
}

#[test]
fn the_manual_is_what_the_command_line_says() {
    let folder = tempfile::tempdir().unwrap();
    let call = Rocketman::new(["man", "--dir"]).arg(folder.path());
    call.succeed();
    let mut n_pages = 0;
    for page in fs::read_dir(folder.path()).unwrap() {
        let page = page.unwrap();
        let name = page.file_name().into_string().unwrap();
        compare("man", &name, &fs::read(page.path()).unwrap());
        n_pages += 1;
    }
    assert!(n_pages > 5, "{n_pages}");
    expect_no_others("man", n_pages);
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
