//! One save under way: it takes the store with it, and brings it back.

use std::{fmt, pin::Pin, time::Duration};

use tokio::time::timeout;

use crate::{
    cursor::{CursorStore, SaveError, Saved},
    error::MemberError,
};

/// How long a save may take before it counts as failed. It holds nothing up; it is a disk that
/// hangs, or a bucket that does not answer.
const SAVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A save under way.
pub(super) struct Saving<C>(Pin<Box<dyn Future<Output = Done<C>> + Send>>);

/// What has become of it.
pub(super) struct Done<C> {
    pub(super) store: C,
    pub(super) saved: Saved,
    pub(super) result: Result<(), MemberError>,
}

impl<C: CursorStore> Saving<C> {
    /// Nothing happens before [`Saving::done`] is awaited.
    pub(super) fn begin(mut store: C, saved: Saved) -> Self {
        Self(Box::pin(async move {
            let result = timeout(SAVE_TIMEOUT, store.save(&saved)).await;
            let result = result.unwrap_or(Err(SaveError::Unanswered(SAVE_TIMEOUT).into()));
            Done {
                store,
                saved,
                result,
            }
        }))
    }

    /// Resolves once, when it is done.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(super) async fn done(&mut self) -> Done<C> {
        self.0.as_mut().await
    }
}

impl<C> fmt::Debug for Saving<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Saving")
    }
}
