//! What an ingestor's failure is to the run.

use crate::error::BoxError;

/// An ingestor failed on an event, or several.
#[derive(Debug, thiserror::Error)]
#[error("ingestor '{name}' failed on {event}")]
pub(super) struct IngestorFailed {
    /// What it is for.
    pub(super) name: String,
    /// The event, as its address or its account.
    pub(super) event: String,
    /// What it said.
    #[source]
    pub(super) source: BoxError,
}
