//! The client library's options for a connection that is to be opened.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{AuthError, ConnectOptions};

use super::{NatsError, NatsSettings, login};

/// Why the login could not be put together for the last try, if it could not.
pub(super) type Refusal = Arc<Mutex<Option<String>>>;

/// How often a server is asked whether it is there; after two questions without an answer the
/// connection counts as lost.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// How to connect. Files are read here, so that a missing one is named in the error, and again for
/// each connection: those of TLS by the client library, those of the login by `login`. Why one of
/// them was of no use then is put into `refusal`.
pub(super) async fn options(
    settings: &NatsSettings,
    refusal: &Refusal,
) -> Result<ConnectOptions, NatsError> {
    blocking({
        let login = settings.login.clone();
        move || login::read(&login).map(drop)
    })
    .await?;
    let (login, refusal) = (settings.login.clone(), Arc::clone(refusal));
    let mut options = ConnectOptions::with_auth_callback(move |nonce| {
        let (login, refusal) = (login.clone(), Arc::clone(&refusal));
        async move {
            let auth = login::auth(login, nonce).await;
            let why = auth.as_ref().err().cloned();
            *refusal.lock().unwrap_or_else(PoisonError::into_inner) = why;
            auth.map_err(AuthError::new)
        }
    })
    .name(&settings.name)
    .connection_timeout(settings.connect_timeout)
    .request_timeout(Some(settings.request_timeout))
    .ping_interval(PING_INTERVAL);
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

async fn read(what: &'static str, path: &Path) -> Result<(), NatsError> {
    let path = path.to_owned();
    blocking(move || login::read_file(what, &path).map(drop)).await
}

async fn blocking(
    work: impl FnOnce() -> Result<(), NatsError> + Send + 'static,
) -> Result<(), NatsError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|lost| {
        Err(NatsError::Client {
            action: "read a file".to_owned(),
            source: lost.into(),
        })
    })
}
