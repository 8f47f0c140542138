//! Who you are and where the servers are, as the `nats` command knows it: its variables, and its
//! files of contexts.
//!
//! What is given wins over variables, variables win over the context, and the context over what
//! holds without one.

mod login;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rocketman::{
    Shown,
    nats::{Login, NatsSettings},
};
use serde::Deserialize;

use self::login::Candidates;
use super::{ServerError, address};

/// The key of a context that names the servers.
const URL: &str = "url";

/// A context file of the `nats` command (ADR-21). Keys that it may have besides are of no
/// importance here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Context {
    url: String,
    token: String,
    user: String,
    password: String,
    creds: String,
    nkey: String,
    cert: String,
    key: String,
    ca: String,
    nsc: String,
    jetstream_domain: String,
    jetstream_api_prefix: String,
    inbox_prefix: String,
    user_jwt: String,
    user_seed: String,
    tls_first: bool,
    socks_proxy: String,
}

/// What may be given besides variables and contexts. Nothing of it is secret.
#[derive(Debug, Clone, Default)]
pub(crate) struct NatsOverrides {
    /// The name of a context, or the path of its file.
    pub(crate) context: Option<String>,
    /// Use no context at all.
    pub(crate) no_context: bool,
    /// A credentials file.
    pub(crate) creds: Option<PathBuf>,
    /// A file with the seed of an nkey.
    pub(crate) nkey: Option<PathBuf>,
    /// The client's certificate.
    pub(crate) tls_cert: Option<PathBuf>,
    /// The key of the client's certificate.
    pub(crate) tls_key: Option<PathBuf>,
    /// The certificates that servers are trusted by, instead of the platform's.
    pub(crate) tls_ca: Option<PathBuf>,
    /// Begin with TLS before the server has said anything.
    pub(crate) tls_first: bool,
    /// The JetStream domain.
    pub(crate) js_domain: Option<String>,
    /// What requests to JetStream begin with instead of `$JS.API`.
    pub(crate) js_api_prefix: Option<String>,
    /// What inboxes begin with instead of `_INBOX`.
    pub(crate) inbox_prefix: Option<String>,
    /// How the connection is called in the server's lists.
    pub(crate) name: Option<String>,
    /// How long a request may take.
    pub(crate) timeout: Option<Duration>,
}

/// Puts together what was given, the environment's variables and the selected context.
/// `context` is that of the address and wins over the one that was given.
pub(super) fn resolve(
    servers: &[String],
    context: Option<&str>,
    given: &NatsOverrides,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<NatsSettings, ServerError> {
    let defaults = NatsSettings::default();
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let home = variable("HOME").map(PathBuf::from);
    let file = |text: String| expand(&text, home.as_deref());
    let file_of_context = context_file(context, given, &variable, home.as_deref())?;
    let found = match &file_of_context {
        Some(file) => file.read()?,
        None => Context::default(),
    };
    let (urls, from) = match (servers, variable("NATS_URL")) {
        ([_, ..], _) => (servers.join(","), "address"),
        ([], Some(urls)) => (urls, "NATS_URL"),
        ([], None) if !found.url.is_empty() => (found.url.clone(), URL),
        ([], None) => (defaults.servers.join(","), URL),
    };
    let (servers, in_url) = split_urls(&urls, from)?;
    let by_hand = by_hand(given, &variable, &file);
    let login = match (by_hand.login()?, in_url, file_of_context) {
        (Some(login), _, _) => login,
        (None, Some(login), _) if from != URL => login,
        (None, _, Some(file)) => {
            let has_url = from == URL;
            match login_of(&found, home.as_deref(), has_url)? {
                Login::Nobody => Login::Nobody,
                first => anew(file, home.clone(), has_url, &first),
            }
        }
        (None, _, None) => Login::Nobody,
    };
    let path = |given: &Option<PathBuf>, name, in_context: &str| {
        let named = given.clone().or_else(|| variable(name).map(&file));
        named.or_else(|| some(in_context).map(&file))
    };
    let tls_cert = path(&given.tls_cert, "NATS_CERT", &found.cert);
    let tls_key = path(&given.tls_key, "NATS_KEY", &found.key);
    let tls_ca = path(&given.tls_ca, "NATS_CA", &found.ca);
    let given_text =
        |given: &Option<String>, in_context: &str| given.clone().or_else(|| some(in_context));
    Ok(NatsSettings {
        servers,
        name: given.name.clone().unwrap_or(defaults.name),
        login,
        tls_identity: tls_identity(tls_cert, tls_key)?,
        tls_ca,
        tls_first: given.tls_first || found.tls_first,
        js_domain: given_text(&given.js_domain, &found.jetstream_domain),
        js_api_prefix: given_text(&given.js_api_prefix, &found.jetstream_api_prefix),
        inbox_prefix: given_text(&given.inbox_prefix, &found.inbox_prefix),
        request_timeout: given.timeout.unwrap_or(defaults.request_timeout),
        connect_timeout: defaults.connect_timeout,
        max_retries: defaults.max_retries,
        max_backoff: defaults.max_backoff,
    })
}

/// What the client shows of itself, which is both of them or neither.
fn tls_identity(
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Result<Option<(PathBuf, PathBuf)>, ServerError> {
    let (there, missing) = match (cert, key) {
        (Some(cert), Some(key)) => return Ok(Some((cert, key))),
        (None, None) => return Ok(None),
        (Some(_), None) => ("the certificate", "its key (tls_key)"),
        (None, Some(_)) => ("the key", "its certificate (tls_cert)"),
    };
    Err(ServerError::HalfTls { there, missing })
}

/// The login of a context, whose file is read anew for each connection. `first` is what it was when
/// it was read first.
fn anew(file: ContextFile, home: Option<PathBuf>, has_url: bool, first: &Login) -> Login {
    Login::Anew {
        name: format!("{first} of the context '{}'", file.path.display()),
        read: Arc::new(move || Ok(login_of(&file.read()?, home.as_deref(), has_url)?)),
    }
}

/// What the flags name for a login, or else the variables.
fn by_hand(
    given: &NatsOverrides,
    variable: &impl Fn(&str) -> Option<String>,
    file: &impl Fn(String) -> PathBuf,
) -> Candidates {
    if given.creds.is_some() || given.nkey.is_some() {
        return Candidates {
            creds: given.creds.clone(),
            nkey: given.nkey.clone(),
            ..Candidates::default()
        };
    }
    Candidates {
        user: variable("NATS_USER"),
        password: variable("NATS_PASSWORD"),
        creds: variable("NATS_CREDS").map(file),
        nkey: variable("NATS_NKEY").map(file),
        token: variable("NATS_TOKEN"),
        jwt: variable("NATS_JWT"),
        seed: variable("NATS_SEED"),
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// A path as the `nats` command reads it: `~` is the home folder.
fn expand(text: &str, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}

/// The file of the context that is meant, if one is.
fn context_file(
    context: Option<&str>,
    given: &NatsOverrides,
    variable: &impl Fn(&str) -> Option<String>,
    home: Option<&Path>,
) -> Result<Option<ContextFile>, ServerError> {
    let config = match variable("XDG_CONFIG_HOME") {
        Some(folder) => Some(PathBuf::from(folder)),
        None => home.map(|home| home.join(".config")),
    };
    let folder = config.unwrap_or_default().join("nats");
    let named = match context {
        Some(name) => Some(name.to_owned()),
        None if given.no_context => return Ok(None),
        None => given.context.clone().or_else(|| variable("NATS_CONTEXT")),
    };
    let name = match named {
        Some(name) => name,
        None => match std::fs::read_to_string(folder.join("context.txt")) {
            Ok(name) if !name.trim().is_empty() => name.trim().to_owned(),
            _ => return Ok(None),
        },
    };
    let path = if Path::new(&name).is_absolute() {
        PathBuf::from(&name)
    } else if name.contains(['/', '\\']) || name.contains("..") {
        return Err(ServerError::Variable {
            name: "context",
            text: Shown::address(&name).to_string(),
            what: "neither the name of a context nor the whole path of its file",
        });
    } else {
        folder.join("context").join(format!("{name}.json"))
    };
    Ok(Some(ContextFile { name, path }))
}

/// A context, and where it is.
struct ContextFile {
    name: String,
    path: PathBuf,
}

impl ContextFile {
    fn read(&self) -> Result<Context, ServerError> {
        let path = || self.path.clone();
        let text = std::fs::read(&self.path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ServerError::NoContext {
                name: Shown::address(&self.name).to_string(),
                path: path(),
            },
            _ => ServerError::ContextFile {
                path: path(),
                source,
            },
        })?;
        let context: Context = serde_json::from_slice(&text).map_err(|source| {
            let path = path();
            ServerError::Context { path, source }
        })?;
        for (key, value) in [("nsc", &context.nsc), ("socks_proxy", &context.socks_proxy)] {
            if !value.is_empty() {
                return Err(ServerError::Unsupported { path: path(), key });
            }
        }
        Ok(context)
    }
}

/// The login of a context: what stands in its URL, if that counts, and else what its keys say.
fn login_of(context: &Context, home: Option<&Path>, has_url: bool) -> Result<Login, ServerError> {
    if has_url && !context.url.is_empty() {
        let (_, in_url) = split_urls(&context.url, URL)?;
        if let Some(login) = in_url {
            return Ok(login);
        }
    }
    let file = |text: String| expand(&text, home);
    let candidates = Candidates {
        user: some(&context.user),
        password: some(&context.password),
        creds: some(&context.creds).map(file),
        nkey: some(&context.nkey).map(file),
        token: some(&context.token),
        jwt: some(&context.user_jwt),
        seed: some(&context.user_seed),
    };
    Ok(candidates.login()?.unwrap_or_default())
}

/// The servers of a list, each without what stands before its '@', and the first login that stood
/// there.
fn split_urls(urls: &str, from: &'static str) -> Result<(Vec<String>, Option<Login>), ServerError> {
    let mut login = None;
    let refused = |what| ServerError::Variable {
        name: from,
        text: String::new(),
        what,
    };
    let servers = urls
        .split(',')
        .map(|url| {
            let url = url.trim();
            let (scheme, authority) = url.split_once("://").unwrap_or(("nats", url));
            let (userinfo, host) = match authority.rsplit_once('@') {
                Some((userinfo, host)) => (Some(userinfo), host),
                None => (None, authority),
            };
            if let Some(userinfo) = userinfo.filter(|_| login.is_none()) {
                login = Some(in_url(userinfo).ok_or_else(|| refused("not a list of servers"))?);
            }
            address::server(scheme, host.trim_end_matches('/'))?
                .ok_or_else(|| refused("not a list of servers such as nats://HOST:4222"))
        })
        .collect::<Result<_, _>>()?;
    Ok((servers, login))
}

/// What stands before the '@' of a URL: `USER:PASSWORD`, or a token.
fn in_url(userinfo: &str) -> Option<Login> {
    let decoded = |text: &str| {
        let bytes = percent_decoded(text)?;
        String::from_utf8(bytes).ok()
    };
    Some(match userinfo.split_once(':') {
        Some((user, password)) => Login::Password {
            user: decoded(user)?,
            password: decoded(password)?,
        },
        None => Login::Token(decoded(userinfo)?),
    })
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            let digits = str::from_utf8(&digits).ok()?;
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests;
