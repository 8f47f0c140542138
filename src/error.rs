//! What can end a run, and what kind of end that is.

use std::time::Duration;

use crate::{cursor::CursorError, sink::SinkError, source::SourceError};

/// The kinds of failure that callers can act on: one for each exit code of the program, and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Something failed while running.
    Failed,
    /// What was asked for makes no sense, or cannot be set up.
    Usage,
    /// The source could not be reached within the allowed retries.
    Unreachable,
    /// Events are missing that the server no longer has.
    Gap,
    /// The server refused, and would refuse again.
    Refused,
    /// The stream stands still or has fallen behind, by limits that were asked for.
    Stalled,
    /// Another process owns the cursor, or writes to the output file.
    CursorTaken,
}

/// Why a run failed.
///
/// `Display` says what failed; the cause is in [`source`](std::error::Error::source) and nowhere else.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The sink.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The cursor store.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// No event came for as long as was allowed.
    #[error("no event came for {}", humantime::format_duration(*limit))]
    Idle {
        /// How long it was waited.
        limit: Duration,
    },
    /// The stream is read further behind than was allowed.
    #[error("the stream is {:.0} s behind, more than the {} that are allowed", lag.as_secs_f64(), humantime::format_duration(*most))]
    Behind {
        /// How far behind it is.
        lag: Duration,
        /// How far it may be.
        most: Duration,
    },
    /// A stop was asked for, and the sink did not come to an end.
    #[error("{sink} did not take the rest within {}; the cursor stays at what it took", humantime::format_duration(*grace))]
    Hung {
        /// The sink.
        sink: String,
        /// How long it was waited for.
        grace: Duration,
    },
}

impl Error {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Source(error) => match error {
                SourceError::Unreachable { .. } => ErrorKind::Unreachable,
                SourceError::Refused { .. } => ErrorKind::Refused,
                SourceError::Gap { .. } | SourceError::NumberGap { .. } => ErrorKind::Gap,
                #[cfg(feature = "nats")]
                SourceError::Nats(error) => error.kind(),
                SourceError::Undeliverable { .. } | SourceError::Other(..) => ErrorKind::Failed,
                SourceError::Foreign { .. }
                | SourceError::Elsewhere { .. }
                | SourceError::NoSuchNumber { .. }
                | SourceError::Future { .. }
                | SourceError::NoEvents { .. }
                | SourceError::FilteredQueue { .. }
                | SourceError::Setup { .. } => ErrorKind::Usage,
            },
            Self::Cursor(error) if error.is_taken() => ErrorKind::CursorTaken,
            Self::Sink(SinkError::Reserved(_)) => ErrorKind::Usage,
            Self::Cursor(error) if error.is_irregular() => ErrorKind::Usage,
            #[cfg(feature = "nats")]
            Self::Cursor(CursorError::NoBucket { .. }) => ErrorKind::Usage,
            #[cfg(feature = "nats")]
            Self::Sink(SinkError::Nats(error)) | Self::Cursor(CursorError::Nats(error)) => {
                error.kind()
            }
            #[cfg(feature = "nats")]
            Self::Sink(SinkError::Stream(error)) => error.kind(),
            Self::Sink(SinkError::InUse(_)) => ErrorKind::CursorTaken,
            Self::Idle { .. } | Self::Behind { .. } => ErrorKind::Stalled,
            Self::Sink(_) | Self::Cursor(_) | Self::Hung { .. } => ErrorKind::Failed,
        }
    }

    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Source(SourceError::Refused { hint, .. }) => hint.clone(),
            Self::Source(SourceError::Unreachable { .. }) => Some(
                "check the address and the network; without --max-retries it keeps trying"
                    .to_owned(),
            ),
            Self::Source(SourceError::Foreign { .. }) => {
                Some("give each source a --cursor-file of its own".to_owned())
            }
            Self::Source(SourceError::Elsewhere { .. }) => Some(
                "name that server as a SOURCE, or set the cursor to a time: rocketman cursor set FILE 2h"
                    .to_owned(),
            ),
            Self::Source(SourceError::NoSuchNumber { .. }) => {
                Some("set the cursor to a time, or begin at one: rocketman cursor set FILE 2h, --since 2h".to_owned())
            }
            Self::Source(SourceError::Future { .. }) => Some(
                "write a time such as 2026-11-23T10:00:00Z, an age such as 2h, or microseconds since 1970, which have 16 digits"
                    .to_owned(),
            ),
            Self::Source(SourceError::NoEvents { .. }) => Some(
                "leave off --collection, --did, --kind, --op and --shard, and choose messages by their subject: nats://HOST/STREAM?subject=FILTER"
                    .to_owned(),
            ),
            Self::Source(SourceError::FilteredQueue { .. }) => Some(
                "choose messages by their subject: nats://HOST/STREAM?subject=FILTER; or say with --on-undeliverable skip that what --collection, --did, --kind and --op drop may go"
                    .to_owned(),
            ),
            Self::Source(SourceError::Undeliverable { .. }) => Some(
                "it stays in the stream; --on-undeliverable keep reads on without it, and skip or dead-letter=FILE takes it out"
                    .to_owned(),
            ),
            Self::Source(SourceError::Gap { .. } | SourceError::NumberGap { .. }) => {
                Some("to go on behind the gap, leave --on-gap fail off once".to_owned())
            }
            #[cfg(feature = "nats")]
            Self::Source(SourceError::Nats(error)) => error.hint(),
            Self::Source(SourceError::Setup { .. } | SourceError::Other(..)) => None,
            Self::Sink(error) => error.hint(),
            Self::Cursor(error) => error.hint(),
            Self::Idle { .. } => Some(
                "it can be started again where it was, with a cursor file; allow more with --idle-timeout"
                    .to_owned(),
            ),
            Self::Behind { .. } => Some(
                "look at what takes the events, or at the network; allow more with --max-lag"
                    .to_owned(),
            ),
            Self::Hung { .. } => {
                Some("allow it more time with --grace, or look at what reads it".to_owned())
            }
        }
    }
}

/// An error and all its causes on one line, escaped: a cause may hold what somebody on the network said.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Some libraries repeat their cause; a reader needs it once.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    printable(&text)
}

/// The text without anything that a terminal acts upon, or that turns its other characters around.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| match c {
            '"' | '\'' | '\\' => vec![c],
            other => other.escape_debug().collect(),
        })
        .collect()
}

/// The same for what is JSON already, in which such characters can only stand within texts: it stays the same JSON.
#[cfg(feature = "cli")]
pub(crate) fn printable_json(json: &str) -> String {
    let escaped = |c: char| {
        let mut units = [0; 2];
        let units = c.encode_utf16(&mut units).iter();
        let units: Vec<_> = units.map(|unit| format!("\\u{unit:04x}")).collect();
        units.concat()
    };
    let is_plain = |c: char| c.is_ascii() || c.escape_debug().len() == 1;
    let shown = |c: char| if is_plain(c) { c.into() } else { escaped(c) };
    json.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "cli")]
    #[test]
    fn escaped_json_is_the_same_json() {
        let text = "a\u{9b}2J\u{202e}\u{e0001}é🚀\u{1b}\n";
        let json = serde_json::to_string(text).unwrap();
        let escaped = printable_json(&json);
        assert_eq!(escaped, r#""a\u009b2J\u202e\udb40\udc01é🚀\u001b\n""#);
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
    }

    #[test]
    fn an_error_and_its_causes_are_escaped() {
        let cause = std::io::Error::other("IO error: nats: \u{1b}]0;x\u{7}\u{9b}31m");
        let error = SinkError::Other("gave up".to_owned(), Some(cause.into()));
        assert_eq!(
            chain(&error),
            r"gave up: IO error: nats: \u{1b}]0;x\u{7}\u{9b}31m"
        );
    }

    #[test]
    fn what_a_terminal_acts_upon_is_escaped_and_nothing_else() {
        let text = "a \"b\" 'c' \\d é 漢 🚀";
        assert_eq!(printable(text), text);
        assert_eq!(
            printable("\u{1b}[2J\n\u{9b}m\u{202e}\u{200b}"),
            r"\u{1b}[2J\n\u{9b}m\u{202e}\u{200b}"
        );
    }
}
