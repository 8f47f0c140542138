//! What `rocketman serve` needs, from what was typed.

use std::{net::SocketAddr, path::PathBuf};

use super::{Environment, SettingsError, filter::or_variable};
use crate::args::{ServeArgs, Speed};
use rocketman::{
    Shown,
    serve::{Demo, Faults, HostPattern, OriginPattern, Playback, ServerSettings},
};

/// What is to be served.
#[derive(Debug)]
pub(crate) enum Served {
    Demo(Demo),
    Recordings(Vec<PathBuf>, Playback),
}

/// All that `rocketman serve` needs to begin.
#[derive(Debug)]
pub(crate) struct ServeSettings {
    pub(crate) served: Served,
    pub(crate) listen: SocketAddr,
    pub(crate) server: ServerSettings,
}

impl ServeSettings {
    /// Checks everything that can be checked without opening anything.
    pub(crate) fn resolve(
        args: ServeArgs,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let ServeArgs {
            source,
            listen,
            allow_host,
            allow_origin,
            legacy,
            speed,
            rebase,
            repeat,
            exit_at_end,
            fault,
        } = args;
        check_host_flag(&allow_host, listen)?;
        if let Some(server) = source.iter().find(|source| source.contains("://")) {
            return Err(SettingsError::ServesNoServers(
                Shown::address(server).to_string(),
            ));
        }
        let served = if let Some(demo) = demo(&source)? {
            for (flag, is_given) in [
                ("--speed", speed.is_some()),
                ("--rebase", rebase),
                ("--loop", repeat),
                ("--exit-at-end", exit_at_end),
            ] {
                if is_given {
                    return Err(SettingsError::ForRecordings(flag));
                }
            }
            Served::Demo(demo)
        } else {
            let playback = Playback {
                speed: match speed {
                    None => Some(1.0),
                    Some(Speed::Factor(factor)) => Some(factor),
                    Some(Speed::Max) => None,
                },
                rebase,
                repeat,
            };
            Served::Recordings(source.into_iter().map(PathBuf::from).collect(), playback)
        };
        Ok(Self {
            served,
            listen,
            server: ServerSettings {
                legacy,
                exit_at_end,
                faults: Faults::parse(&fault)?,
                allowed_hosts: allowed_hosts(allow_host, environment)?,
                allowed_origins: or_variable(allow_origin, "ROCKETMAN_ALLOW_ORIGIN", environment)
                    .iter()
                    .map(|text| OriginPattern::parse(text))
                    .collect::<Result<_, _>>()
                    .map_err(|source| SettingsError::Gate("--allow-origin", source))?,
                ..ServerSettings::default()
            },
        })
    }
}

/// Refuses hosts that were typed for a listener that answers any.
pub(super) fn check_host_flag(typed: &[String], listen: SocketAddr) -> Result<(), SettingsError> {
    if !typed.is_empty() && !listen.ip().to_canonical().is_loopback() {
        return Err(SettingsError::AnyHost(listen));
    }
    Ok(())
}

/// The hosts that a listener on a loopback address answers.
pub(super) fn allowed_hosts(
    typed: Vec<String>,
    environment: &Environment,
) -> Result<Vec<HostPattern>, SettingsError> {
    or_variable(typed, "ROCKETMAN_ALLOW_HOST", environment)
        .iter()
        .map(|text| HostPattern::parse(text))
        .collect::<Result<_, _>>()
        .map_err(|source| SettingsError::Gate("--allow-host", source))
}

/// The one source that is a demo, if it is one.
pub(super) fn demo(sources: &[String]) -> Result<Option<Demo>, SettingsError> {
    let Some(demo) = sources.iter().find(|source| Demo::is_demo(source)) else {
        return Ok(None);
    };
    let demo = Demo::parse(demo)?;
    match sources
        .iter()
        .find(|source| !Demo::is_demo(source))
        .or(sources.get(1))
    {
        None => Ok(Some(demo)),
        // What is asked of a demo is no secret.
        Some(other) if Demo::is_demo(other) => {
            Err(SettingsError::MixedDemo(Shown::word(other).to_string()))
        }
        Some(other) => Err(SettingsError::MixedDemo(Shown::address(other).to_string())),
    }
}
