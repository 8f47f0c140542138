//! How a connection to a client ended.

use std::{io, time::Duration};

use super::feed::FeedError;

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Disconnect {
    #[error("it left")]
    Gone,
    #[error("the connection broke")]
    Broken(#[from] io::Error),
    #[error("it took nothing for {}", humantime::format_duration(*.0))]
    Slow(Duration),
    #[error("it was {0} events behind and did not get on")]
    Behind(u64),
    #[error("it fell behind what is kept: event {0} is gone")]
    Forgotten(u64),
    #[error("it did not answer a ping within {}", humantime::format_duration(*.0))]
    Silent(Duration),
    #[error("a message of it was not whole within {}", humantime::format_duration(*.0))]
    Unfinished(Duration),
    #[error("with its filter, all consumers together would hold more than {0} bytes of memory")]
    OverBudget(usize),
    #[error("it was cut on purpose")]
    Cut,
    #[error("closed with {0}")]
    Closed(u16),
    #[error("the feed failed")]
    Feed(#[from] FeedError),
}
