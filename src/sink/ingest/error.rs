//! What an ingestor's failure is to the run.

use crate::error::BoxError;

/// An ingestor failed on an event, or several.
#[derive(Debug, thiserror::Error)]
#[error("ingestor '{name}' failed on {event}")]
pub struct IngestorFailed {
    /// What it is for.
    pub name: String,
    /// The event, as its address or its account.
    pub event: String,
    /// What it said.
    #[source]
    pub source: BoxError,
}
