//! What the client library is told of a connection that is to be opened.

use std::{path::Path, time::Duration};

use async_nats::ConnectOptions;

use super::{Login, NatsError, NatsSettings};

/// How often a server is asked whether it is there; after two questions without an answer the connection counts as lost.
const PING: Duration = Duration::from_secs(10);

/// How to connect. Files are read here, so that one that is missing is told by its name.
pub(super) async fn options(settings: &NatsSettings) -> Result<ConnectOptions, NatsError> {
    let mut options = ConnectOptions::new()
        .name(&settings.name)
        .connection_timeout(settings.connect_timeout)
        .request_timeout(Some(settings.request_timeout))
        .ping_interval(PING);
    options = match &settings.login {
        Login::Nobody => options,
        Login::Password { user, password } => {
            options.user_and_password(user.clone(), password.reveal().to_owned())
        }
        Login::Token(token) => options.token(token.reveal().to_owned()),
        Login::Credentials(path) => {
            let what = "credentials file";
            let text = read(what, path).await?;
            let path = path.clone();
            options
                .credentials(&text)
                .map_err(|_| NatsError::Empty { what, path })?
        }
        Login::Nkey(path) => {
            let what = "nkey file";
            let text = read(what, path).await?;
            let seed = text
                .lines()
                .map(str::trim)
                .find(|line| line.starts_with("SU"));
            let path = path.clone();
            options.nkey(seed.ok_or(NatsError::Empty { what, path })?.to_owned())
        }
        Login::Jwt { jwt, seed } => {
            let (jwt, seed) = (jwt.reveal().trim(), seed.reveal().trim());
            let text = format!(
                "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
                 -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
            );
            options
                .credentials(&text)
                .map_err(|_| NatsError::Variable {
                    name: "NATS_SEED",
                    text: String::new(),
                    what: "not the seed of an nkey",
                })?
        }
    };
    if let Some(path) = &settings.tls_ca {
        read("file of certificates", path).await?;
        options = options
            .add_root_certificates(path.clone())
            .require_tls(true);
    }
    if let Some((cert, key)) = &settings.tls_identity {
        read("certificate", cert).await?;
        read("key", key).await?;
        options = options
            .add_client_certificate(cert.clone(), key.clone())
            .require_tls(true);
    }
    if settings.tls_first {
        options = options.tls_first();
    }
    if let Some(prefix) = &settings.inbox_prefix {
        options = options.custom_inbox_prefix(prefix);
    }
    Ok(options)
}

async fn read(what: &'static str, path: &Path) -> Result<String, NatsError> {
    let file = path.to_owned();
    let text = tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await;
    text.unwrap_or_else(|lost| Err(std::io::Error::other(lost)))
        .map_err(|source| NatsError::File {
            what,
            path: path.to_owned(),
            source,
        })
}
