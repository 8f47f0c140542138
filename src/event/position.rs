//! Where in a stream something stands.
//!
//! A number alone is never a position: a `seq` means nothing on another server, so it always
//! travels with its [`Origin`].

use std::{borrow::Cow, fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{Identity, show_time};

/// Which stream a position belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The kind of source, `jetstream` for example.
    pub source: Cow<'static, str>,
    /// What tells two streams of that kind apart: the server's URL without its query.
    pub host: String,
    /// When the stream was made, where the source knows: one that was deleted and made anew counts
    /// from 1 again under its old name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

/// The place of one event in the stream of one origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The event's number, where the server counts.
    pub seq: Option<u64>,
    /// The server's time of the event, in microseconds since 1970.
    pub time_us: u64,
    /// Which event stands here; `None` when the point is a mere beginning, and the event at it is
    /// still wanted.
    pub identity: Option<Identity>,
}

/// A point together with the stream it belongs to.
///
/// It names the last event that is done with. A resume starts *at* it, inclusively, and expects to
/// meet that event again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The stream.
    pub origin: Origin,
    /// The place in it.
    pub point: Point,
}

/// Where a run goes on: what a cursor store keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// Where an earlier run came to.
    Reached(Position),
    /// At the first event of this time or later, on whatever server: somebody put it there.
    Time {
        /// In microseconds since 1970.
        time_us: u64,
        /// The stream to begin with, where one is known. Another one is read from the same time on.
        origin: Option<Origin>,
    },
    /// At the event with this number, or the next one that is left: somebody put it there.
    Seq {
        /// The number.
        seq: u64,
        /// The only stream in which the number means something.
        origin: Origin,
    },
}

impl Place {
    /// The stream it belongs to; `None` for a time that is good for any.
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Reached(position) => Some(&position.origin),
            Self::Time { origin, .. } => origin.as_ref(),
            Self::Seq { origin, .. } => Some(origin),
        }
    }

    /// Its time, in microseconds since 1970; `None` for a number, whose time only its server knows.
    pub fn time_us(&self) -> Option<u64> {
        match self {
            Self::Reached(position) => Some(position.point.time_us),
            Self::Time { time_us, .. } => Some(*time_us),
            Self::Seq { .. } => None,
        }
    }

    /// Its number, where there is one.
    pub fn seq(&self) -> Option<u64> {
        match self {
            Self::Reached(position) => position.point.seq,
            Self::Time { .. } => None,
            Self::Seq { seq, .. } => Some(*seq),
        }
    }
}

/// The time, or else the number.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reached(Position { point, .. }) => f.write_str(&show_time(point.time_us)),
            Self::Time { time_us, .. } => f.write_str(&show_time(*time_us)),
            Self::Seq { seq, .. } => write!(f, "number {seq}"),
        }
    }
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
    /// The same of the journal beside it, which holds the open row group; `None` for a file that
    /// has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<u64>,
    /// Nothing more is written to it: it gets its name once a saved cursor says so.
    #[serde(default, skip_serializing_if = "is_default")]
    pub complete: bool,
    /// The events that were in it, where their number decides when the next file begins; otherwise
    /// 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub events: u64,
    /// The latest server time of any event so far, where it decides which file is written;
    /// otherwise 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub latest_us: u64,
    /// Where the events of the last minute begin in it, so that they can be read back; `None` where
    /// nobody has noted that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recent_from: Option<u64>,
}

impl FileMark {
    /// The first bytes of a file that is written to.
    pub fn new(path: PathBuf, inode: u64, bytes: u64) -> Self {
        Self {
            path,
            inode,
            bytes,
            journal: None,
            complete: false,
            events: 0,
            latest_us: 0,
            recent_from: None,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
