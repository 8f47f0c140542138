//! What a gap in a stream means.

/// What a gap means: events that a server no longer has, so that they cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnGap {
    /// It is logged, and reading goes on after it.
    Warn,
    /// It is the end; the saved cursor stays before it.
    Fail,
}
