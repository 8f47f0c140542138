//! How webhooks are received, from what was typed.

use std::{net::SocketAddr, path::PathBuf};

use super::{Environment, SettingsError, http};
use crate::args::ReceiverArgs;
use rocketman::{
    serve::{Faults, HttpReceiverSettings},
    sink::http::SigningSecrets,
};

/// What receives events.
#[derive(Debug)]
pub(crate) struct ReceiverSettings {
    pub(crate) receiver: HttpReceiverSettings,
    /// A file with the secrets.
    pub(crate) sign_file: Option<PathBuf>,
}

/// Where webhooks are received, if that is what was asked for. `others` are what was typed that
/// has a meaning only where events are served, and `typed` are all faults.
pub(super) fn listens(
    args: &ReceiverArgs,
    faults: &Faults,
    typed: &[String],
    others: Option<&'static str>,
) -> Result<Option<SocketAddr>, SettingsError> {
    let Some(address) = args.http_sink else {
        let sign_file = args
            .http_sign_file
            .as_ref()
            .map(|_| "--http-sign-file".to_owned());
        let fault = faults.of_receiver().map(|fault| format!("--fault {fault}"));
        return match sign_file.or(fault) {
            Some(flag) => Err(http::HttpFlagError::NoReceiver(flag).into()),
            None => Ok(None),
        };
    };
    let is_of_receiver = |fault: &&String| fault.starts_with("sink-") || fault.starts_with("seed=");
    let foreign = typed.iter().find(|fault| !is_of_receiver(fault));
    let foreign = foreign.map(|fault| format!("--fault {fault}"));
    match others.map(str::to_owned).or(foreign) {
        Some(flag) => Err(http::HttpFlagError::NotReceived(flag).into()),
        None => Ok(Some(address)),
    }
}

impl ReceiverSettings {
    pub(super) fn resolve(
        args: ReceiverArgs,
        receiver: HttpReceiverSettings,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        if receiver.faults.expires() && receiver.key_file.is_none() {
            return Err(http::HttpFlagError::NoKeyToExpire.into());
        }
        let secrets = environment.get(http::SECRETS).map(SigningSecrets::parse);
        let secrets = secrets
            .transpose()
            .map_err(|source| http::HttpFlagError::Header {
                from: http::SECRETS,
                source,
            })?;
        Ok(Self {
            receiver: HttpReceiverSettings {
                secrets,
                ..receiver
            },
            sign_file: args.http_sign_file,
        })
    }
}
