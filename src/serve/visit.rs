//! A connection that has to say what it wants, and where it waits meanwhile.

use std::{net::SocketAddr, sync::Arc};

use tokio::sync::Semaphore;

use crate::serve::listen::PendingRequest;

/// A connection that has to say what it wants.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) peer: SocketAddr,
    /// Gone once the request is answered.
    pub(super) pending: PendingRequest,
    pub(super) places: Arc<Semaphore>,
}
