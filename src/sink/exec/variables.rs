//! What a program is told about its event besides the line: names in its environment.

use std::ffi::{OsStr, OsString};

use crate::event::Event;

/// The longest name that is put into the environment: what atproto allows for an AT URI, its longest. With far longer ones
/// no program could be started at all.
const LONGEST: usize = 8 * 1024;

/// What a program is told besides the line. Control characters cannot be in it: NUL ends an environment string.
/// A name that is too long to be one is left empty.
pub(super) fn variables(event: &Event<'_>) -> impl Iterator<Item = (&'static OsStr, OsString)> {
    let text = |text: &str| match text.len() {
        0..=LONGEST => text.chars().filter(|c| !c.is_control()).collect(),
        _ => String::new(),
    };
    [
        ("ROCKETMAN_EVENT_KIND", event.kind().as_str().to_owned()),
        ("ROCKETMAN_EVENT_DID", text(event.did())),
        ("ROCKETMAN_EVENT_COLLECTION", text(event.collection())),
        (
            "ROCKETMAN_EVENT_OPERATION",
            event
                .operation()
                .map(|operation| operation.as_str().to_owned())
                .unwrap_or_default(),
        ),
        ("ROCKETMAN_EVENT_RKEY", text(event.rkey())),
        ("ROCKETMAN_EVENT_TIME_US", event.time_us().to_string()),
        (
            "ROCKETMAN_EVENT_CURSOR",
            event.seq().map(|seq| seq.to_string()).unwrap_or_default(),
        ),
        (
            "ROCKETMAN_EVENT_URI",
            event.uri().map(|uri| text(&uri)).unwrap_or_default(),
        ),
    ]
    .into_iter()
    .map(|(name, value)| (OsStr::new(name), OsString::from(value)))
}
