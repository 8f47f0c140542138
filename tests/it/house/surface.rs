//! What the library makes public is listed in `public_api.txt`, so that a review sees each change
//! of it.
//!
//! Read from rustdoc's JSON, which stable Rust writes only when it is made to: `.ci/run` does, and
//! names the file in `ROCKETMAN_RUSTDOC_JSON`. How to bring the list up to date: CONTRIBUTING.md.

use std::{collections::BTreeSet, fmt::Write, fs, path::Path};

/// How many items there may be that are neither of `serve` nor of `probe`: it may fall, and not
/// rise.
const MAX_ITEMS: usize = 168;

const LIST: &str = "tests/it/house/public_api.txt";

/// The public API, an item a line; `None`, with the reason printed, where it is not at hand.
fn surface() -> Option<String> {
    let Some(path) = std::env::var_os("ROCKETMAN_RUSTDOC_JSON") else {
        println!("the public API: skipped, for ROCKETMAN_RUSTDOC_JSON is not set");
        return None;
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let api = public_api::Builder::from_rustdoc_json(path)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .unwrap();
    let mut lines = String::new();
    for item in api.items() {
        writeln!(lines, "{item}").unwrap();
    }
    Some(lines.replace("rocketman::", ""))
}

#[test]
fn the_public_api_is_the_one_that_is_listed() {
    let Some(surface) = surface() else { return };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(LIST);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(&path, &surface).unwrap();
    }
    let listed = fs::read_to_string(&path).unwrap();
    let (was, is): (BTreeSet<_>, BTreeSet<_>) =
        (listed.lines().collect(), surface.lines().collect());
    let gone: Vec<_> = was.difference(&is).collect();
    let new: Vec<_> = is.difference(&was).collect();
    assert!(
        listed == surface,
        "{LIST} is stale (see CONTRIBUTING.md)\ngone: {gone:#?}\nnew: {new:#?}"
    );
}

/// The items that rustdoc lists, as `path::Name`: types, traits, functions and constants of
/// modules.
fn items(surface: &str) -> BTreeSet<&str> {
    let kinds = [
        "struct ", "enum ", "trait ", "fn ", "const ", "type ", "use ",
    ];
    let lines = surface.lines();
    let lines = lines.map(|line| line.trim_start_matches("#[non_exhaustive] "));
    let rest = lines.filter_map(|line| line.strip_prefix("pub "));
    let named = rest.filter_map(|line| {
        let line = line
            .trim_start_matches("const fn ")
            .trim_start_matches("async ");
        let (kind, rest) = line.split_once(' ')?;
        let name = rest.split(['<', '(', ':']).next()?;
        let path = rest.split(['<', '(', ' ']).next()?;
        let path = path.trim_end_matches(':');
        let parent = path.rsplit_once("::").map_or("", |(parent, _)| parent);
        // What belongs to a type is no item of its own.
        let is_member = parent.rsplit("::").next()?.starts_with(char::is_uppercase);
        let is_item = kinds.contains(&format!("{kind} ").as_str()) && !name.is_empty();
        // A type alias and a re-export of another crate are listed by what they stand for.
        let is_foreign = path.starts_with("alloc::");
        (is_item && !is_member && !is_foreign).then_some(path)
    });
    named.collect()
}

#[test]
fn the_public_api_does_not_grow_without_a_reason() {
    let Some(surface) = surface() else { return };
    let all = items(&surface);
    let own: Vec<_> = all
        .iter()
        .filter(|path| !path.starts_with("serve::") && !path.to_lowercase().contains("probe"))
        .collect();
    let n_items = own.len();
    assert!(n_items <= MAX_ITEMS, "{n_items} items: {own:#?}");
    assert!(n_items > 50, "the list is not read well: {own:#?}");
}

#[test]
fn members_of_types_are_no_items_of_their_own() {
    let surface = "pub mod event\npub struct event::Batch\npub fn event::Batch::new() -> Self\n\
                   #[non_exhaustive] pub enum event::Kind\npub event::Kind::Commit\npub fn event::now_us() -> u64\n\
                   pub type event::Batch::Error = u8\npub const event::MAX: usize\nimpl event::Batch\n";
    let expected = ["event::Batch", "event::Kind", "event::MAX", "event::now_us"];
    assert_eq!(items(surface), BTreeSet::from(expected));
}
