//! What a user of NATS meets, each in one line.

use std::{io, path::PathBuf};

use crate::error::{ErrorKind, MemberError, Reason};

/// Why something that NATS was needed for cannot be done.
///
/// No secret is in any of its texts, and what a server said is escaped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NatsError {
    /// A file of the user's cannot be read.
    #[error("cannot read the {what} '{}'", path.display())]
    File {
        /// What it is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of the user's does not hold what it should.
    #[error("the {what} '{}' holds none", path.display())]
    Empty {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The seed of a JWT is not one.
    #[error("the seed of the login is not that of an nkey")]
    Seed,
    /// A login that is asked for anew cannot be had.
    #[error("cannot read {name}")]
    Login {
        /// What it is called.
        name: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No server could be reached, or did what was asked, within the allowed tries.
    #[error("gave up on {servers} after {tries} failed {}", if *tries == 1 { "try" } else { "tries in a row" })]
    Unreachable {
        /// The servers.
        servers: String,
        /// How often it was tried.
        tries: u32,
        /// Why the last try failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server does not let this user in.
    #[error("{servers} does not let {user} in: {answer}")]
    LockedOut {
        /// The servers.
        servers: String,
        /// How the user was shown to be one, without a secret.
        user: String,
        /// What the server said.
        answer: String,
    },
    /// TLS cannot be set up, or the server's certificate is not trusted.
    #[error("no TLS with {servers}")]
    Tls {
        /// The servers.
        servers: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server is of a version that lacks what is needed.
    #[error("{servers} is a NATS server {version}, and 2.10 or newer is needed")]
    TooOld {
        /// The servers.
        servers: String,
        /// Its version, escaped.
        version: String,
    },
    /// There is no JetStream, or this account may not use it.
    #[error("{servers} has no JetStream for this account{}", answer.as_ref().map_or(String::new(), |answer| format!(": {answer}")))]
    NoJetStream {
        /// The servers.
        servers: String,
        /// What the server said, if anything.
        answer: Option<String>,
    },
    /// There is no such stream.
    #[error("{servers} has no stream '{stream}'")]
    NoStream {
        /// The servers.
        servers: String,
        /// The stream.
        stream: String,
    },
    /// The stream is a work queue, whose messages are there for one consumer, and until it
    /// acknowledges them.
    #[error(
        "{servers} has '{stream}' as a work queue, which cannot be read without acknowledgements"
    )]
    Queue {
        /// The servers.
        servers: String,
        /// The stream.
        stream: String,
    },
    /// The user may not do that.
    #[error("{servers} does not allow it: {answer}")]
    Forbidden {
        /// The servers.
        servers: String,
        /// What the server said.
        answer: String,
    },
    /// A limit of the account or of the server is reached.
    #[error("cannot {action}: {servers} has reached a limit: {answer}")]
    Limit {
        /// What was tried.
        action: String,
        /// The servers.
        servers: String,
        /// What the server said.
        answer: String,
    },
    /// The server said no to a request.
    #[error("cannot {action}: {servers} says: {answer}")]
    Answer {
        /// What was tried.
        action: String,
        /// The servers.
        servers: String,
        /// What the server said, and its number of that error.
        answer: String,
    },
    /// An event cannot be put where it was to go.
    #[error("cannot insert '{subject}' into the stream '{stream}': {why}")]
    Misplaced {
        /// The stream.
        stream: String,
        /// The subject.
        subject: String,
        /// What is wrong.
        why: String,
    },
    /// An event is larger than the stream or the server takes.
    #[error("cannot insert {bytes} bytes into the stream '{stream}': {why}")]
    TooLarge {
        /// The stream.
        stream: String,
        /// The size of its payload.
        bytes: usize,
        /// Which limit it met.
        why: String,
    },
    /// The server cannot do it just now: a cluster has no leader, or there is too much to do.
    #[error("cannot {action} just now at {servers}: {answer}")]
    Unavailable {
        /// What was tried.
        action: String,
        /// The servers.
        servers: String,
        /// What the server said, or what is known without that.
        answer: String,
    },
    /// A request was not answered.
    #[error("cannot {action}: {servers} did not answer")]
    Silent {
        /// What was tried.
        action: String,
        /// The servers.
        servers: String,
    },
    /// Something in the client library that does not happen.
    #[error("cannot {action}")]
    Client {
        /// What was tried.
        action: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl NatsError {
    /// What kind of failure it is.
    fn kind(&self) -> ErrorKind {
        match self {
            Self::File { .. }
            | Self::Empty { .. }
            | Self::Seed
            | Self::Login { .. }
            | Self::TooOld { .. }
            | Self::NoJetStream { .. }
            | Self::NoStream { .. }
            | Self::Queue { .. }
            | Self::Misplaced { .. }
            | Self::TooLarge { .. }
            | Self::Tls { .. } => ErrorKind::Usage,
            Self::Unreachable { .. } => ErrorKind::Unreachable,
            Self::LockedOut { .. } | Self::Forbidden { .. } => ErrorKind::Refused,
            Self::Limit { .. }
            | Self::Answer { .. }
            | Self::Unavailable { .. }
            | Self::Silent { .. }
            | Self::Client { .. } => ErrorKind::Failed,
        }
    }

    fn reason(&self) -> Option<Reason> {
        let reason = match self {
            Self::Unreachable { .. } => Reason::NatsUnreachable,
            Self::LockedOut { .. } => Reason::NatsLockedOut,
            Self::Tls { .. } => Reason::NatsTls,
            Self::TooOld { .. } => Reason::NatsTooOld,
            Self::NoJetStream { .. } => Reason::NatsNoJetStream,
            Self::NoStream { stream, .. } => Reason::NatsNoStream {
                stream: stream.clone(),
            },
            Self::Queue { .. } => Reason::NatsQueue,
            Self::Forbidden { .. } => Reason::NatsForbidden,
            Self::Limit { .. } => Reason::NatsLimit,
            Self::Unavailable { .. } => Reason::NatsUnavailable,
            Self::Silent { .. } => Reason::NatsSilent,
            Self::File { .. }
            | Self::Empty { .. }
            | Self::Seed
            | Self::Login { .. }
            | Self::Answer { .. }
            | Self::Misplaced { .. }
            | Self::TooLarge { .. }
            | Self::Client { .. } => return None,
        };
        Some(reason)
    }

    /// Whether it may be different in a moment, so that it is tried again also at the start.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Silent { .. })
    }
}

impl From<NatsError> for MemberError {
    fn from(error: NatsError) -> Self {
        let reason = error.reason();
        Self::new(error.kind(), error).because(reason)
    }
}
