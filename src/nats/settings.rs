//! All that a connection needs: servers, a login, TLS. Secrets are in it, and never shown.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use crate::{error::BoxError, log::printable};

/// Where a server is when nothing says so.
const DEFAULT_SERVER: &str = "nats://127.0.0.1:4222";

/// How a user shows to be one. Neither `Debug` nor `Display` shows what is secret.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Login {
    /// Not at all.
    #[default]
    Nobody,
    /// A name and a password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A token.
    Token(String),
    /// A file with a JWT and a seed.
    Credentials(PathBuf),
    /// A file with the seed of an nkey.
    Nkey(PathBuf),
    /// A JWT, and the seed of the nkey it is for.
    Jwt {
        /// The JWT.
        jwt: String,
        /// The seed.
        seed: String,
    },
    /// What this says, asked anew for each connection, so that it may change while it runs.
    Anew {
        /// What messages call it.
        name: String,
        /// May block.
        read: Arc<dyn Fn() -> Result<Self, BoxError> + Send + Sync>,
    },
}

/// Logins that are asked for anew are the same where they are called the same.
impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nobody, Self::Nobody) => true,
            (
                Self::Password { user, password },
                Self::Password {
                    user: u,
                    password: p,
                },
            ) => (user, password) == (u, p),
            (Self::Jwt { jwt, seed }, Self::Jwt { jwt: j, seed: s }) => (jwt, seed) == (j, s),
            (Self::Token(one), Self::Token(other))
            | (Self::Anew { name: one, .. }, Self::Anew { name: other, .. }) => one == other,
            (Self::Credentials(one), Self::Credentials(other))
            | (Self::Nkey(one), Self::Nkey(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Login {}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({self})")
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("a user without credentials"),
            Self::Password { user, .. } => write!(f, "the user '{}'", printable(user)),
            Self::Token(_) => f.write_str("the token"),
            Self::Credentials(path) => write!(f, "the credentials of '{}'", path.display()),
            Self::Nkey(path) => write!(f, "the nkey of '{}'", path.display()),
            Self::Jwt { .. } => f.write_str("the JWT"),
            Self::Anew { name, .. } => f.write_str(name),
        }
    }
}

/// All that a connection needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsSettings {
    /// The servers, without user names and passwords.
    pub servers: Vec<String>,
    /// How the connection is called in the server's lists.
    pub name: String,
    /// How the user shows to be one.
    pub login: Login,
    /// The client's certificate and its key.
    pub tls_identity: Option<(PathBuf, PathBuf)>,
    /// The certificates that servers are trusted by, instead of the platform's.
    pub tls_ca: Option<PathBuf>,
    /// Begin with TLS before the server has said anything.
    pub tls_first: bool,
    /// The JetStream domain.
    pub js_domain: Option<String>,
    /// What requests to JetStream begin with instead of `$JS.API`.
    pub js_api_prefix: Option<String>,
    /// What inboxes begin with instead of `_INBOX`.
    pub inbox_prefix: Option<String>,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// Give up after this number of failed tries in a row to connect for the first time; `None` for
    /// never.
    pub max_retries: Option<u32>,
    /// The longest wait between two of them.
    pub max_backoff: Duration,
}

impl Default for NatsSettings {
    fn default() -> Self {
        Self {
            servers: vec![DEFAULT_SERVER.to_owned()],
            name: "rocketman".to_owned(),
            login: Login::Nobody,
            tls_identity: None,
            tls_ca: None,
            tls_first: false,
            js_domain: None,
            js_api_prefix: None,
            inbox_prefix: None,
            request_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(10),
            max_retries: None,
            max_backoff: Duration::from_secs(30),
        }
    }
}

impl NatsSettings {
    /// A connection to this server, without a login.
    pub fn new(server: impl Into<String>) -> Self {
        Self {
            servers: vec![server.into()],
            ..Self::default()
        }
    }

    /// The servers, for messages.
    pub fn shown(&self) -> String {
        printable(&self.servers.join(","))
    }
}
