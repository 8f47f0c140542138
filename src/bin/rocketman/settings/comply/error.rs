//! What makes no sense about an archive that is rewritten.

/// What makes no sense about an archive that is rewritten.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComplyFlagError {
    #[error("stdin cannot be rewritten")]
    Stdin,
    #[error("--deletions: '{0}' does not tell what was deleted")]
    NoDeletions(String),
}

impl ComplyFlagError {
    pub(in crate::settings) fn hint(&self) -> &'static str {
        match self {
            Self::Stdin => "name files and folders; a file of such a name is written ./-",
            Self::NoDeletions(_) => {
                "name a Jetstream server, files or folders of recordings, or sqlite:FILE; a file of such a name is written ./NAME"
            }
        }
    }
}
