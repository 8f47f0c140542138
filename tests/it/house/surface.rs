//! What the library makes public is listed in `public_api.txt`, so that a review sees each change
//! of it.
//!
//! Read from rustdoc's JSON, which stable Rust writes only when it is made to: `.ci/run` does, and
//! names the file in `ROCKETMAN_RUSTDOC_JSON`. How to bring the list up to date: CONTRIBUTING.md.

use std::{collections::BTreeSet, fmt::Write, fs, path::Path};

/// How many items there may be in rustdoc's list of all items, besides those of `serve`, of the
/// probe, of tables, of endpoints of HTTP, and of what reads recordings and segment files: it may fall, and not rise.
const MAX_ITEMS: usize = 80;

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

/// The items of rustdoc's list of all items, as `path::Name`: types, traits, functions, constants
/// and macros of modules, and what is passed on of other crates. What belongs to a type or a trait
/// is no item of its own.
///
/// The two lists are the same as long as nothing of the library's has two paths, which rustdoc
/// lists by one of them.
fn items(surface: &str) -> BTreeSet<&str> {
    surface.lines().filter_map(item).collect()
}

/// The path of the item that a line is about.
fn item(line: &str) -> Option<&str> {
    const KINDS: [&str; 9] = [
        "struct", "enum", "union", "trait", "fn", "const", "static", "type", "macro",
    ];
    let line = line.trim_start_matches("#[non_exhaustive] ");
    let mut words = line.strip_prefix("pub ")?.split(' ').peekable();
    if let Some(passed_on) = words.next_if_eq(&"use").and(words.peek()) {
        return Some(passed_on);
    }
    words.find(|word| KINDS.contains(word))?;
    // Of a `const fn`, both words are kinds.
    let path = words.find(|word| !KINDS.contains(word))?;
    let path = path.split(['<', '(', ';', '!']).next()?;
    let path = path.trim_end_matches(':');
    let (parent, _) = path.rsplit_once("::").unwrap_or_default();
    let is_member = |name: &str| name.starts_with(char::is_uppercase);
    let of_another_crate = ["alloc::", "core::", "std::"];
    let is_item = !parent.split("::").any(is_member)
        && !of_another_crate.iter().any(|name| path.starts_with(name))
        && path.starts_with(|c: char| c.is_alphabetic());
    is_item.then_some(path)
}

#[test]
fn the_public_api_does_not_grow_without_a_reason() {
    let Some(surface) = surface() else { return };
    let all = items(&surface);
    let is_own = |path: &&&str| {
        // `Progress` is that of segment files: nothing else knows its end from the beginning on.
        let is_recording = path.starts_with("compressed::")
            || path.contains("segment")
            || path.starts_with("source::history")
            || **path == "Progress";
        let is_report = path.to_lowercase().contains("probe") || path.ends_with("WireCompression");
        let is_table = path.starts_with("table::") || path.starts_with("sink::http");
        !path.starts_with("serve::") && !is_report && !is_recording && !is_table
    };
    let own: Vec<_> = all.iter().filter(is_own).collect();
    let n_items = own.len();
    assert!(n_items <= MAX_ITEMS, "{n_items} items: {own:#?}");
    assert!(n_items > 50, "the list is not read well: {own:#?}");
}

#[test]
fn members_of_types_are_no_items_of_their_own() {
    let surface = "pub mod event\npub struct event::Batch\npub fn event::Batch::new() -> Self\n\
                   #[non_exhaustive] pub enum event::Kind\npub event::Kind::Commit\npub fn event::now_us() -> u64\n\
                   pub type event::Batch::Error = u8\npub const event::MAX: usize\nimpl event::Batch\n\
                   pub use Stream\npub fn &mut S::name(&self)\npub const fn event::Batch::empty() -> Self\n\
                   pub fn alloc::boxed::Box<S>::name(&self)\npub async fn event::read<R>(R)\n";
    let expected = [
        "Stream",
        "event::Batch",
        "event::Kind",
        "event::MAX",
        "event::now_us",
        "event::read",
    ];
    assert_eq!(items(surface), BTreeSet::from(expected));
}
