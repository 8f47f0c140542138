//! The library does not speak of flags: its fields have names, and what to type only the program
//! knows.

use std::{fs, path::Path};

/// What stands before a flag that is another program's.
const FOREIGN: &str = "nats stream ";

/// The lines of a file, tests aside, that name a flag, as `1: text`.
fn flags_in(text: &str) -> Vec<String> {
    let lines = text.lines().zip(1..);
    lines
        .take_while(|(line, _)| line.trim() != "#[cfg(test)]")
        .filter(|(line, _)| names_flag(line) && !line.contains(FOREIGN))
        .map(|(line, n)| format!("{n}: {}", line.trim()))
        .collect()
}

/// Whether two dashes and a letter begin a word.
fn names_flag(line: &str) -> bool {
    line.match_indices("--").any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let after = line.get(at + 2..).and_then(|after| after.chars().next());
        !before.is_some_and(|c| c == '-' || c.is_alphanumeric())
            && after.is_some_and(char::is_alphabetic)
    })
}

fn flags_below(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "bin" && name != "tests" {
                flags_below(&path, found);
            }
        } else if path.extension().is_some_and(|suffix| suffix == "rs") && name != "tests.rs" {
            let lines = flags_in(&fs::read_to_string(&path).unwrap());
            found.extend(
                lines
                    .iter()
                    .map(|line| format!("{}:{line}", path.display())),
            );
        }
    }
}

#[test]
fn no_word_of_the_library_is_a_flag() {
    let planted = "//! Allow it with --allow-host.\nlet a = b - -c; // a--b\n\
                   \"nats stream edit --ack\"\n\"(--max)\"\n#[cfg(test)]\n\"--late\"\n";
    assert_eq!(
        flags_in(planted),
        ["1: //! Allow it with --allow-host.", "4: \"(--max)\""]
    );
    let mut found = Vec::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    flags_below(&src, &mut found);
    assert!(
        found.is_empty(),
        "name the field, and let src/bin/rocketman/hints say the flag: {found:#?}"
    );
}
