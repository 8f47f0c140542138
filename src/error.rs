//! The kinds of failure that callers can act on, and the shape of the errors of a pipeline's
//! members. Nothing here names a member of the library.

mod reason;

use std::{fmt, io};

pub use self::reason::Reason;

/// The kinds of failure that callers can act on: one for each exit code of the program, and no
/// more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
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

impl ErrorKind {
    /// What a refusal of a file means that was only just to be opened: with another name, or once
    /// the folder is made, it is no more.
    pub(crate) fn of_refusal(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::InvalidFilename => Self::Usage,
            _ => Self::Failed,
        }
    }
}

/// Why something that was given is not of the form that is needed: a text that cannot be read, a
/// list that no server takes, or a record of another shape. `Display` says what is wrong, and what
/// to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ParseError {
    text: String,
    hint: Option<String>,
    /// It is an event that is wrong, and nothing that the program was given.
    is_of_event: bool,
}

impl ParseError {
    pub(crate) fn new(error: impl fmt::Display) -> Self {
        let text = error.to_string();
        Self {
            text,
            hint: None,
            is_of_event: false,
        }
    }

    /// An event is not what it was asked for as: the fault of its author.
    pub(crate) fn of_event(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            hint: None,
            is_of_event: true,
        }
    }

    /// Whether the author of an event is at fault.
    pub(crate) fn is_of_event(&self) -> bool {
        self.is_of_event
    }

    pub(crate) fn with_hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }

    /// What to write instead, where that can be told.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// Lets an error of a kind of text be a [`ParseError`].
macro_rules! parse_error {
    ($name:ident) => {
        impl From<$name> for $crate::error::ParseError {
            fn from(error: $name) -> Self {
                Self::new(error)
            }
        }
    };
}
pub(crate) use parse_error;

/// Any error of a member.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A sentence of its own before a cause.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Caused {
    what: String,
    source: BoxError,
}

impl Caused {
    pub(crate) fn new(what: impl fmt::Display, source: impl Into<BoxError>) -> Self {
        Self {
            what: what.to_string(),
            source: source.into(),
        }
    }
}

/// Why a source ended for good, why a sink takes no more, or why a cursor cannot be kept or read.
///
/// `Display` and [`source`](std::error::Error::source) are those of the member's own error, which
/// `downcast_ref` finds again. Which member it was says the [`Error`](crate::Error) of the run.
#[derive(Debug)]
pub struct MemberError {
    kind: ErrorKind,
    reason: Option<Box<Reason>>,
    error: BoxError,
}

impl MemberError {
    /// An error of this kind.
    pub fn new(
        kind: ErrorKind,
        error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            reason: None,
            error: error.into(),
        }
    }

    /// Any error, or a mere text: the run failed.
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Failed, error)
    }

    /// The same, with a sentence before its cause.
    pub fn caused(
        what: impl fmt::Display,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::other(Caused::new(what, cause))
    }

    /// Of a sink: the reader of the output went away. That is an end, not a failure.
    pub fn closed() -> Self {
        Self::other(Closed)
    }

    /// Says what exactly it was.
    pub(crate) fn because(self, reason: impl Into<Option<Reason>>) -> Self {
        let reason = reason.into().map(Box::new);
        Self { reason, ..self }
    }

    /// The same, of another kind.
    pub(crate) fn with_kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What exactly it was, for a member of this library; `None` where nothing more can be told.
    pub fn reason(&self) -> Option<&Reason> {
        self.reason.as_deref()
    }

    /// Whether the reader of a sink's output went away.
    pub fn is_closed(&self) -> bool {
        self.downcast_ref::<Closed>().is_some()
    }

    /// The member's own error, if it is of this type.
    pub fn downcast_ref<E: std::error::Error + 'static>(&self) -> Option<&E> {
        self.error.downcast_ref()
    }
}

impl fmt::Display for MemberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for MemberError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl From<io::Error> for MemberError {
    fn from(error: io::Error) -> Self {
        Self::other(error)
    }
}

/// The reader of the output went away.
#[derive(Debug, thiserror::Error)]
#[error("stdout was closed by its reader")]
struct Closed;
