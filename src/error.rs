//! The kinds of failure that callers can act on. Nothing here names a member of the library.

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
