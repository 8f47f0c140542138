//! Where in a stream something stands.
//!
//! A number alone is never a position: a `seq` means nothing on another server, so it always travels with its [`Origin`].

use std::{borrow::Cow, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::Identity;

/// Which stream a position belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The kind of source, `jetstream` for example.
    pub source: Cow<'static, str>,
    /// What tells two streams of that kind apart: the server's URL without its query.
    pub host: String,
}

/// The place of one event in the stream of one origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The event's number, where the server counts.
    pub seq: Option<u64>,
    /// The server's time of the event, in microseconds since 1970.
    pub time_us: u64,
    /// Which event stands here; `None` when the point is a mere beginning, and the event at it is still wanted.
    pub identity: Option<Identity>,
}

/// A point together with the stream it belongs to: what a cursor store keeps.
///
/// It names the last event that is done with. A resume starts *at* it, inclusively, and expects to meet that event again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The stream.
    pub origin: Origin,
    /// The place in it.
    pub point: Point,
}

/// How much of an unfinished file is counted by a position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMark {
    /// The file, as an absolute path.
    #[serde(with = "super::path")]
    pub path: PathBuf,
    /// The file's inode number, so that another file of the same name is not taken for it.
    pub inode: u64,
    /// The bytes that were durable at the position.
    pub bytes: u64,
}
