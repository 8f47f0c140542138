//! What ClickHouse means by its numbers of errors.

/// Whose matter an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sink::http) enum Sort {
    /// A row cannot be held.
    Content,
    /// The server has too much to do, or lacks something for now.
    Passing,
    /// The statement is not one that it runs: for this user, or with this table.
    Endpoint,
}

/// What an error of this number, with this status of the answer, is about. What is not known here
/// is the statement's, which loses nothing, or the server's.
pub(in crate::sink::http) fn sort(code: u32, status: u16) -> Sort {
    match code {
        // Cannot parse a text, an escape sequence, a quoted string, the input, a date, a time.
        6 | 25 | 26 | 27 | 38 | 41 => Sort::Content,
        // A wrong type, out of bounds, no conversion, no number, wrong data, too long a string.
        53 | 69 | 70 | 72 | 117 | 131 => Sort::Content,
        // No null allowed, a decimal's overflow, no truth value, a constraint.
        349 | 407 | 467 | 469 => Sort::Content,
        // A time-out, too many queries, of the socket, of the network, memory.
        159 | 202 | 209 | 210 | 241 => Sort::Passing,
        // Read-only for now, no space, too many parts, too few replicas, an unknown outcome.
        242 | 243 | 252 | 285 | 319 => Sort::Passing,
        // No thread, too large a delay, the keeper.
        439 | 574 | 999 => Sort::Passing,
        _ if (500..600).contains(&status) || status == 408 || status == 429 => Sort::Passing,
        _ => Sort::Endpoint,
    }
}
