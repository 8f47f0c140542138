//! Why a consumer's wishes are refused.

use crate::{error::ParseError, wire::v2::MAX_PARAMETERS};

/// Why a query or a message is refused.
#[derive(Debug, thiserror::Error)]
pub(in crate::serve) enum OptionsError {
    #[error("the query is not well encoded: a % needs two hexadecimal digits")]
    Encoding,
    #[error("there are more than {MAX_PARAMETERS} query parameters")]
    Parameters,
    #[error("{0}")]
    Name(#[from] ParseError),
    #[error("{0} are too many: at most {1} values")]
    TooMany(&'static str, usize),
    #[error("cursor is not a number: write what an event's cursor or time_us says")]
    Cursor,
    #[error("cursor is negative")]
    NegativeCursor,
}
