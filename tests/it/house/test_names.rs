//! Names of tests: short enough for a runner's list, and right where a page repeats them.

use std::{collections::BTreeSet, fs, path::Path};

use crate::support::code_below;

const MAX_NAME_CHARS: usize = 60;

/// A name with fewer words than this may be a key, a metric or a function.
const MIN_TEST_WORDS: usize = 4;

/// What else has as many words on pages: metrics, and a key of another program.
const OTHER_NAMES: [&str; 2] = ["rocketman_", "max_retry_interval_seconds"];

/// The names of the tests of a file.
fn tests_in(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
            found.extend(rest.split(['(', '<']).next());
            is_test = false;
        }
    }
    found
}

/// What a page names that can only be a test.
fn named_on(page: &str) -> impl Iterator<Item = &str> {
    let quoted = page.split('`').skip(1).step_by(2);
    quoted.filter(|name| {
        let is_word = |word: &str| {
            !word.is_empty()
                && word
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        name.split('_').count() >= MIN_TEST_WORDS
            && name.split('_').all(is_word)
            && !OTHER_NAMES.iter().any(|other| name.starts_with(other))
    })
}

fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [".", "docs", "docs/decisions"];
    let entries = folders.map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let paths = entries
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path());
    let pages = paths.filter(|path| path.extension().is_some_and(|suffix| suffix == "md"));
    pages
        .map(|path| {
            (
                path.display().to_string(),
                fs::read_to_string(&path).unwrap(),
            )
        })
        .collect()
}

#[test]
fn tests_have_short_names_and_pages_name_those_that_exist() {
    let planted = "#[test]\n#[ignore]\nfn a() {\nfn b() {\n  #[tokio::test(start_paused)]\n  \
                   async fn c() {\n#[test]\nfn d(x in 0..9) {\n";
    assert_eq!(tests_in(planted), ["a", "c", "d"]);
    let planted = "`a_b` and `one_two_three_four`, `A_b_c_d`, `a_b_c_d(e)`, `rocketman_a_b_c_d`";
    assert!(named_on(planted).eq(["one_two_three_four"]));

    let code = code_below("src").chain(code_below("tests"));
    let files: Vec<_> = code.collect();
    let tests: BTreeSet<_> = files.iter().flat_map(|(_, text)| tests_in(text)).collect();
    assert!(tests.len() > 1000, "{}", tests.len());
    let long: Vec<_> = tests
        .iter()
        .filter(|name| name.len() > MAX_NAME_CHARS)
        .collect();
    assert!(long.is_empty(), "say it shorter: {long:#?}");
    for (path, text) in pages() {
        for name in named_on(&text) {
            assert!(tests.contains(name), "{path}: there is no test {name}");
        }
    }
}
