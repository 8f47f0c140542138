//! What `rocketman probe` needs, from what was typed.

use std::time::Duration;

use super::{SettingsError, filter::or_variable, source::endpoints};
use crate::{
    cli::ProbeArgs,
    source::jetstream::{Endpoint, Proxies},
};

/// All that `rocketman probe` needs to begin.
#[derive(Debug)]
pub(crate) struct ProbeSettings {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) proxies: Proxies,
    pub(crate) timeout: Duration,
    pub(crate) json: bool,
}

impl ProbeSettings {
    /// Checks everything that can be checked without the network. `variable` looks up the environment.
    pub(crate) fn resolve(
        args: ProbeArgs,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let ProbeArgs {
            source,
            timeout,
            json,
        } = args;
        let endpoints = endpoints(&or_variable(source, "ROCKETMAN_SOURCE", &variable))?;
        let proxies = Proxies::from_env(&variable);
        proxies.check(&endpoints)?;
        Ok(Self {
            endpoints,
            proxies,
            timeout,
            json,
        })
    }
}
