//! Reaching the cursor that `rocketman cursor` is about: a file, or a key in a bucket of NATS.

#[cfg(feature = "nats")]
use std::time::Duration;

#[cfg(feature = "nats")]
use crate::hints::of_nats;
use crate::{command::tail::members::AnyCursorStore, failure::Failure, settings::CursorAt};
#[cfg(feature = "nats")]
use rocketman::{Error, Reason};
use rocketman::{
    MemberError,
    cursor::{FileCursor, Glimpse},
};

/// A command that waits for a server in vain ends after this time, whatever it waits for.
#[cfg(feature = "nats")]
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

impl CursorAt {
    /// Reads it without claiming it. Nothing is made or changed, and a process that has it goes on
    /// as if nothing were.
    #[cfg_attr(
        not(feature = "nats"),
        expect(clippy::unused_async, reason = "only a server is waited for")
    )]
    pub(crate) async fn look(&self) -> Result<Glimpse, MemberError> {
        match self {
            Self::File(path) => FileCursor::look(path),
            #[cfg(feature = "nats")]
            Self::Key(settings) => settings.cursor().look().await,
        }
    }

    /// The store that is to be written to. It is ours from here on, or once it was loaded.
    pub(crate) fn open(&self) -> Result<AnyCursorStore, MemberError> {
        Ok(match self {
            Self::File(path) => AnyCursorStore::File(FileCursor::open(path)?),
            #[cfg(feature = "nats")]
            Self::Key(settings) => AnyCursorStore::Kv(Box::new(settings.cursor())),
        })
    }

    /// Has a command end, also where a server lets it wait.
    pub(crate) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        match self {
            Self::File(_) => work.await,
            #[cfg(feature = "nats")]
            Self::Key(settings) => {
                if let Ok(done) = tokio::time::timeout(COMMAND_TIMEOUT, work).await {
                    return done;
                }
                let (address, servers) = (&settings.address, settings.nats.shown());
                let silent = format!("cannot use the cursor '{address}': {servers} did not answer");
                let failure = Failure::from(Error::Cursor(MemberError::other(silent)));
                Err(failure.hint(of_nats(&Reason::NatsSilent)))
            }
        }
    }
}
