//! Enums of the library that a later version may add to.

use crate::support::code_below;

/// Enums of which a user is to name every variant, so that a new one is a change that they notice.
///
/// Those of events, beginnings and the pace of a feed are handled case by case; the rest are two
/// ways, or the formats of files.
const CLOSED: [&str; 7] = [
    "Change",
    "Place",
    "Start",
    "FeedPosition",
    "Schedule",
    "AnyFeed",
    "FrameFormat",
];

/// Every public enum of a file without `#[non_exhaustive]`.
fn closed_in(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut can_grow = false;
    for line in text.lines().map(str::trim_start) {
        if let Some(rest) = line.strip_prefix("pub enum ") {
            let name = rest.split(|c: char| !c.is_alphanumeric()).next();
            if !can_grow {
                found.extend(name.map(str::to_owned));
            }
        }
        let is_attribute = line.starts_with("#[") || line.starts_with("///");
        can_grow = line == "#[non_exhaustive]" || (can_grow && is_attribute);
    }
    found
}

#[test]
fn a_later_version_may_add_to_the_enums_of_the_library() {
    let planted = "#[non_exhaustive]\n#[derive(Debug)]\npub enum A {}\n\npub enum B<T> {}\n";
    assert_eq!(closed_in(planted), ["B"]);
    // The program has no users, and what fuzz targets reach neither.
    let found: Vec<_> = code_below("src")
        .filter(|(path, _)| !path.contains("/bin/") && !path.contains("/fuzzing"))
        .flat_map(|(_, text)| closed_in(&text))
        .collect();
    let new: Vec<_> = found
        .iter()
        .filter(|name| !CLOSED.contains(&name.as_str()))
        .collect();
    assert!(
        new.is_empty(),
        "no variant can be added to these: {new:?}; make them #[non_exhaustive], or list them"
    );
    for name in CLOSED {
        assert!(found.iter().any(|found| found == name), "no enum {name}");
    }
}
