//! What of an address, of the variables or of a context of NATS cannot be used. No text of it shows
//! what may be secret.

use std::{io, path::PathBuf};

use rocketman::MemberError;

/// What of an address, of the variables or of a context of NATS cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    /// Not an address of NATS.
    #[error("'{text}' is not {what}: write {example}")]
    NoAddress {
        /// What was typed.
        text: String,
        /// What it was to be.
        what: &'static str,
        /// What that looks like.
        example: &'static str,
    },
    /// The address carries a user name, a password or a token, which would end up in process lists
    /// and logs.
    #[error("the address of host '{0}' carries a user name, password or token")]
    Secret(String),
    /// The servers do not speak the same.
    #[error(
        "'{0}' mixes WebSocket servers with others: a connection moves between servers of one kind"
    )]
    Mixed(String),
    /// A name that no stream can have.
    #[error(
        "'{0}' is not the name of a stream: it has to be of printable characters, without blanks, dots, '*', '>' and slashes"
    )]
    Stream(String),
    /// A malformed subject.
    #[error("'{0}' is not a subject: it has to be of words separated by dots, without blanks")]
    Subject(String),
    /// A bucket or a key that cannot be.
    #[error(transparent)]
    Key(#[from] MemberError),
    /// A query parameter that there is not.
    #[error("the address has no parameter '{name}'; there is {known}")]
    Parameter {
        /// The parameter.
        name: String,
        /// Those that there are.
        known: &'static str,
    },
    /// The same parameter again.
    #[error("the parameter '{0}' is there twice")]
    Twice(String),
    /// There is no such context.
    #[error("there is no context '{name}': '{}' does not exist", path.display())]
    NoContext {
        /// The name, escaped.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file of a context cannot be read.
    #[error("cannot read the context '{}'", path.display())]
    ContextFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A context file is no JSON object of texts.
    #[error("the context '{}' is damaged", path.display())]
    Context {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A context asks for something that is not supported.
    #[error("the context '{}' has '{key}', which is not supported", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
    },
    /// A variable does not hold what it should.
    #[error("{name}{} is {what}", if text.is_empty() { String::new() } else { format!(": '{text}'") })]
    Variable {
        /// The variable, or the context's key.
        name: &'static str,
        /// What it holds, escaped; nothing where it may be secret.
        text: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A certificate without its key, or the other way round.
    #[error("{there} is set, and {missing} is not")]
    HalfTls {
        /// What is there.
        there: &'static str,
        /// What belongs to it.
        missing: &'static str,
    },
    /// A JWT without its seed, or the other way round.
    #[error("{there} is set, and {missing} is not")]
    Half {
        /// What is there.
        there: &'static str,
        /// What belongs to it.
        missing: &'static str,
    },
}

impl ServerError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Secret(_) => {
                "leave it out of the address and set NATS_USER and NATS_PASSWORD, NATS_TOKEN, or NATS_CREDS to a credentials file"
            }
            Self::NoContext { .. } => {
                "nats context ls shows those that there are; --no-context does without"
            }
            Self::Context { .. } => "nats context edit opens it, and --no-context does without",
            Self::Unsupported {
                key: "socks_proxy", ..
            } => {
                "nothing of NATS goes through a SOCKS proxy here: name a server that can be reached without, and take it out of the context with nats context edit"
            }
            Self::Unsupported { .. } => {
                "write the credentials into the context as creds, nkey, token, or user and password"
            }
            Self::HalfTls { .. } => "give both: --tlscert and --tlskey",
            Self::Half { .. } => "set both, or NATS_CREDS to a credentials file, which holds both",
            _ => return None,
        })
    }
}
