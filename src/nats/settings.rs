//! All that a connection needs: servers, a login, TLS. Secrets are in it, and never shown.

use std::{fmt, path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::log::printable;

/// Where a server is when nothing says so.
pub(super) const DEFAULT_SERVER: &str = "nats://127.0.0.1:4222";

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub(super) String);

impl Secret {
    /// Keeps a text from being shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// How a user shows to be one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
        password: Secret,
    },
    /// A token.
    Token(Secret),
    /// A file with a JWT and a seed.
    Credentials(PathBuf),
    /// A file with the seed of an nkey.
    Nkey(PathBuf),
    /// A JWT, and the seed of the nkey it is for.
    Jwt {
        /// The JWT.
        jwt: Secret,
        /// The seed.
        seed: Secret,
    },
    /// What a context says, whose file is read anew for each connection; made by
    /// [`NatsSettings::resolve`].
    #[non_exhaustive]
    Context {
        /// The file.
        path: PathBuf,
        /// What `~` in it means.
        home: Option<PathBuf>,
        /// What stands in its URL counts too.
        has_url: bool,
        /// What it was when it was read first.
        first: Box<Self>,
    },
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
            Self::Context { path, first, .. } => {
                write!(f, "{first} of the context '{}'", path.display())
            }
        }
    }
}

/// What may be given besides variables and contexts. Nothing of it is secret.
#[derive(Debug, Clone, Default)]
pub struct NatsOverrides {
    /// The name of a context, or the path of its file.
    pub context: Option<String>,
    /// Use no context at all.
    pub no_context: bool,
    /// A credentials file.
    pub creds: Option<PathBuf>,
    /// A file with the seed of an nkey.
    pub nkey: Option<PathBuf>,
    /// The client's certificate.
    pub tls_cert: Option<PathBuf>,
    /// The key of the client's certificate.
    pub tls_key: Option<PathBuf>,
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
    /// How the connection is called in the server's lists.
    pub name: Option<String>,
    /// How long a request may take.
    pub timeout: Option<Duration>,
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
