//! The library does not speak of flags: its fields have names, and what to type only the program
//! knows.

use crate::support::code_below;

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

#[test]
fn no_word_of_the_library_is_a_flag() {
    let planted = "//! Allow it with --allow-host.\nlet a = b - -c; // a--b\n\
                   \"nats stream edit --ack\"\n\"(--max)\"\n#[cfg(test)]\n\"--late\"\n";
    assert_eq!(
        flags_in(planted),
        ["1: //! Allow it with --allow-host.", "4: \"(--max)\""]
    );
    let found: Vec<_> = code_below("src")
        .filter(|(path, _)| !path.contains("/bin/") && !path.contains("/tests"))
        .flat_map(|(path, text)| {
            flags_in(&text)
                .into_iter()
                .map(move |line| format!("{path}:{line}"))
        })
        .collect();
    assert!(
        found.is_empty(),
        "name the field, and let src/bin/rocketman/hints say the flag: {found:#?}"
    );
}
