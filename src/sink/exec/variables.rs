//! What a program gets of its event besides the line: names in its environment.

use std::ffi::{OsStr, OsString};

use crate::event::{Event, Operation};

/// The longest name that is put into the environment: what atproto allows for an AT URI, its
/// longest. With far longer ones no program could be started at all.
const MAX_NAME_BYTES: usize = 8 * 1024;

/// The names of the variables, so that those in our own environment can be left out.
pub(super) const NAMES: [&str; 8] = [
    "ROCKETMAN_EVENT_KIND",
    "ROCKETMAN_EVENT_DID",
    "ROCKETMAN_EVENT_COLLECTION",
    "ROCKETMAN_EVENT_OPERATION",
    "ROCKETMAN_EVENT_RKEY",
    "ROCKETMAN_EVENT_TIME_US",
    "ROCKETMAN_EVENT_CURSOR",
    "ROCKETMAN_EVENT_URI",
];

/// A name of the event for a program. Control characters cannot be in it: NUL ends strings there.
/// One that is too long to be a name is left empty.
pub(super) fn text(text: &str) -> String {
    match text.len() {
        0..=MAX_NAME_BYTES => text.chars().filter(|c| !c.is_control()).collect(),
        _ => String::new(),
    }
}

/// The variables for an event.
pub(super) fn variables(event: &Event<'_>) -> impl Iterator<Item = (&'static OsStr, OsString)> {
    let operation = event.operation().map(Operation::as_str);
    let values = [
        event.kind().as_str().to_owned(),
        text(event.did()),
        text(event.collection()),
        operation.unwrap_or_default().to_owned(),
        text(event.rkey()),
        event.time_us().to_string(),
        event.seq().map(|seq| seq.to_string()).unwrap_or_default(),
        event.uri().map(|uri| text(&uri)).unwrap_or_default(),
    ];
    NAMES
        .into_iter()
        .zip(values)
        .map(|(name, value)| (OsStr::new(name), OsString::from(value)))
}
