//! What `rocketman probe` needs, from what was typed.

use std::time::Duration;

use super::{Environment, SettingsError, filter::or_variable, source::endpoints};
use crate::args::ProbeArgs;
use rocketman::source::jetstream::{JetstreamSettings, Proxies};

/// All that `rocketman probe` needs to begin.
#[derive(Debug)]
pub(crate) struct ProbeSettings {
    /// Which servers, and through which proxies.
    pub(crate) servers: JetstreamSettings,
    pub(crate) timeout: Duration,
    pub(crate) json: bool,
}

impl ProbeSettings {
    /// Checks everything that can be checked without the network.
    pub(crate) fn resolve(
        args: ProbeArgs,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let ProbeArgs {
            source,
            timeout,
            json,
        } = args;
        let endpoints = endpoints(&or_variable(source, "ROCKETMAN_SOURCE", environment))?;
        let proxies = Proxies::from_env(environment.lookup());
        proxies.check(&endpoints).map_err(SettingsError::Proxy)?;
        Ok(Self {
            servers: JetstreamSettings {
                endpoints,
                proxies,
                ..JetstreamSettings::default()
            },
            timeout,
            json,
        })
    }
}
