//! Why a connection was lost.

use std::time::Duration;

use super::{read_state::Halt, slow::UnderWay, socket::SocketError, stranger::Stranger};
use crate::{event::v2::Notice, log::printable};

/// A connection whose first messages are no events, this many of them, brings none at all.
pub(super) const STRANGE: u64 = 100;

/// Why a connection was lost.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("the server closed the connection ({0})")]
    Closed(String),
    #[error("the server ends the connection: {}", said(.0))]
    Notice(Notice),
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error("nothing was received for {}", humantime::format_duration(*.0))]
    Silent(Duration),
    #[error("a message of {} bytes took longer than {} to arrive", message.bytes(), humantime::format_duration(*limit))]
    Slow { limit: Duration, message: UnderWay },
    #[error("no event came for {}, although it answers{}", humantime::format_duration(*after), looks(*like))]
    Quiet {
        after: Duration,
        /// What came instead of events, if anything did.
        like: Option<Stranger>,
    },
    #[error("none of its first {STRANGE} messages is an event: {0}")]
    Strange(Stranger),
    #[error(transparent)]
    Halted(#[from] Halt),
}

impl Lost {
    /// One word for it, for machines; `None` where we let go of the connection ourselves, to ask
    /// otherwise or to end.
    pub(super) fn cause(&self) -> Option<&'static str> {
        Some(match self {
            Self::Closed(_) => "closed",
            Self::Notice(_) => "notice",
            Self::Socket(SocketError::Io(_)) => "broken",
            Self::Socket(SocketError::Eof) => "ended",
            Self::Socket(SocketError::Protocol(_)) => "protocol",
            Self::Silent(_) => "silent",
            Self::Slow { .. } => "slow",
            Self::Quiet { .. } => "quiet",
            Self::Strange(_) => "no_events",
            Self::Halted(_) => return None,
        })
    }
}

/// What a server says, bounded and escaped.
pub(super) fn said(notice: &Notice) -> String {
    let Notice { name, message } = notice;
    let text = match message.as_str() {
        "" => name.clone(),
        message => format!("{name}: {message}"),
    };
    printable(&text.chars().take(300).collect::<String>())
}

fn looks(like: Option<Stranger>) -> String {
    like.map_or(String::new(), |like| format!(": {like}"))
}
