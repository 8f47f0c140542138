//! What is known of a server after a look at it.

use std::{error::Error, io, time::Duration};

use super::super::{
    connect::ConnectError, endpoint::Endpoint, handshake::HandshakeError, lost::Lost, refusal,
};
use crate::{event::BadEvent, wire::dial::DialError};

/// What a look at one server told. `None` means that it did not tell.
#[derive(Debug)]
#[non_exhaustive]
pub struct ProbeReport {
    /// The server.
    pub endpoint: Endpoint,
    /// Why it cannot be used; `None` when it can.
    pub error: Option<ProbeError>,
    /// How long it took to look up the name, connect, and agree on TLS.
    pub connect: Option<Duration>,
    /// How long the upgrade to a WebSocket took.
    pub upgrade: Option<Duration>,
    /// How long a ping took, there and back.
    pub ping: Option<Duration>,
    /// How far this machine's clock is ahead of the server's, in microseconds; negative when it is
    /// behind, 0 when the two agree within two seconds.
    pub clock_ahead_us: Option<i64>,
    /// Whether events carry the server's own number, which the wire calls `cursor`: new servers
    /// count, legacy ones do not.
    pub sends_cursor: Option<bool>,
    /// Whether the v2 wire is there too.
    pub has_v2: Option<bool>,
    /// The id of the dictionary that the v2 wire compresses with.
    pub dictionary: Option<u32>,
    /// The time of the newest live event, in microseconds since 1970.
    pub newest_time_us: Option<u64>,
    /// How old that event was when it came, by the server's clock.
    pub behind: Option<Duration>,
    /// The time of the first event that was sent for a cursor of long ago, in microseconds since
    /// 1970.
    pub oldest_time_us: Option<u64>,
    /// How old that event was, by the server's clock: the server goes back at least as far. Zero
    /// when it sent what was live, to within a second.
    pub window: Option<Duration>,
    /// What came when compressed events were asked for.
    pub compression: Option<WireCompression>,
}

/// What a server sends when it is asked for compressed events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireCompression {
    /// Plain text.
    Plain,
    /// zstd with the dictionary of the wire; the sizes are those of the events that were looked at.
    Zstd {
        /// As they came.
        wire_bytes: u64,
        /// Inflated.
        event_bytes: u64,
    },
}

impl WireCompression {
    /// How many times smaller the events came than they are; `None` for plain ones.
    pub fn ratio(self) -> Option<f64> {
        let size = |bytes: u64| f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
        match self {
            Self::Plain => None,
            Self::Zstd {
                wire_bytes,
                event_bytes,
            } => Some(size(event_bytes) / size(wire_bytes.max(1))),
        }
    }
}

/// Why a server cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// Its name has no address, or nobody to ask for one answers.
    #[error("cannot look up the name")]
    Lookup(#[source] io::Error),
    /// There is no trust between us, or no TLS.
    #[error("TLS failed")]
    Tls(#[source] io::Error),
    /// It could not be reached in another way, or broke off before it sent an event.
    #[error(transparent)]
    Unreachable(Box<dyn Error + Send + Sync>),
    /// It answered with something else than the upgrade.
    #[error("HTTP {status}{}{}", from_server(": ", body), from_server(", moved to ", location.as_deref().unwrap_or_default()))]
    Status {
        /// The HTTP status.
        status: u16,
        /// The beginning of its reason, escaped.
        body: String,
        /// Where it sends us, escaped.
        location: Option<String>,
    },
    /// The connection was open, and neither an event nor the answer to a ping came.
    #[error("it opens a connection and says nothing within {}", humantime::format_duration(*.0))]
    Silent(Duration),
    /// Something came, and none of it was an event.
    #[error("what it sends is no event")]
    NoEvent(#[source] BadEvent),
}

impl ProbeError {
    /// Whether the server refused, and would refuse again.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Status { status, .. } if refusal::is_final(*status))
    }

    /// Why no connection to `endpoint` opened. Its name stands beside it in any case, and that of a
    /// proxy is named.
    pub(super) fn of_connect(error: ConnectError, endpoint: &Endpoint) -> Self {
        match error {
            ConnectError::Handshake(HandshakeError::Status {
                status,
                body,
                error: _,
                location,
                retry_after: _,
            }) => Self::Status {
                status,
                body,
                location,
            },
            ConnectError::Dial(DialError::Lookup { host, source }) if host == endpoint.host() => {
                Self::Lookup(source)
            }
            ConnectError::Dial(DialError::Tls { host: _, source }) => Self::Tls(source),
            other => Self::Unreachable(Box::new(other)),
        }
    }
}

impl From<Lost> for ProbeError {
    fn from(lost: Lost) -> Self {
        Self::Unreachable(Box::new(lost))
    }
}

impl ProbeReport {
    /// A report that knows nothing yet.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            error: None,
            connect: None,
            upgrade: None,
            ping: None,
            clock_ahead_us: None,
            sends_cursor: None,
            has_v2: None,
            dictionary: None,
            newest_time_us: None,
            behind: None,
            oldest_time_us: None,
            window: None,
            compression: None,
        }
    }
}

fn from_server(before: &str, text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("{before}{text}")
    }
}
