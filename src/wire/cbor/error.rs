//! Why bytes are no record, or a record has no text.

/// What is wrong with a record, and where in its bytes or in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at byte {at}: {what}")]
pub(crate) struct CborError {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

impl CborError {
    pub(super) fn new(at: usize, what: &'static str) -> Self {
        Self { at, what }
    }
}
