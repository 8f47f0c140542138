//! What `rocketman serve` needs, from what was typed.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    CallSettings, Environment, LiveSettings, SettingsError, demo::demo, filter::or_variable,
    live::is_live, roles::of_recordings, segments,
};
use crate::args::{ServeArgs, Speed};
use rocketman::serve::{Demo, Faults, HostPattern, OriginPattern, Playback, ServerSettings};

/// What is to be served.
#[derive(Debug)]
pub(crate) enum Served {
    Demo(Demo),
    Recordings(Vec<PathBuf>, Playback),
    /// Segment files, how many seconds of them pass in one (none for no waits), and how they are
    /// fetched.
    Archive(Vec<PathBuf>, Option<f64>, CallSettings),
    Live(Box<LiveSettings>),
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
        now: SystemTime,
    ) -> Result<Self, SettingsError> {
        let ServeArgs {
            source,
            listen,
            allow_host,
            allow_origin,
            legacy,
            live,
            calls,
            speed,
            rebase,
            repeat,
            exit_at_end,
            fault,
        } = args;
        check_host_flag(&allow_host, listen)?;
        let faults = Faults::parse(&fault)?;
        let playback_flag = [
            ("--speed", speed.is_some()),
            ("--rebase", rebase),
            ("--loop", repeat),
        ]
        .into_iter()
        .find_map(|(flag, is_given)| is_given.then_some(flag));
        let exit_flag = exit_at_end.then_some("--exit-at-end");
        // A recording may come over stdin; nothing that is live can be played.
        let is_played = |source: &str| source == "-" && playback_flag.is_some();
        let demo = demo(&source)?;
        let is_live = demo.is_none()
            && source
                .iter()
                .any(|source| is_live(source) && !is_played(source));
        if let (false, Some(flag)) = (is_live, live.given()) {
            return Err(SettingsError::ForLive(flag));
        }
        let is_archive = demo.is_none() && !is_live && segments::are_segments(&source, false)?;
        let calls = CallSettings::resolve(calls, &faults, is_archive, legacy)?;
        let served = if let Some(demo) = demo {
            if let Some(flag) = playback_flag.or(exit_flag) {
                return Err(SettingsError::ForRecordings(flag, "demo:"));
            }
            Served::Demo(demo)
        } else if is_live {
            if let Some(flag) = playback_flag {
                return Err(SettingsError::ForRecordings(flag, "a live stream"));
            }
            let live = LiveSettings::resolve(&source, live, environment, now)?;
            Served::Live(Box::new(live))
        } else if is_archive {
            let unfit = [("--rebase", rebase), ("--loop", repeat)];
            if let Some((flag, _)) = unfit.into_iter().find(|(_, is_given)| *is_given) {
                return Err(SettingsError::ForRecordings(
                    flag,
                    "an archive of segment files",
                ));
            }
            let files = segments::files_of(&source, false);
            of_recordings(files.iter().map(PathBuf::as_path))?;
            let paths = source.into_iter().map(PathBuf::from).collect();
            Served::Archive(paths, speed.unwrap_or(Speed::Max).factor(), calls)
        } else {
            let playback = Playback {
                speed: speed.unwrap_or(Speed::Factor(1.0)).factor(),
                rebase,
                repeat,
            };
            of_recordings(source.iter().map(Path::new))?;
            Served::Recordings(source.into_iter().map(PathBuf::from).collect(), playback)
        };
        Ok(Self {
            served,
            listen,
            server: ServerSettings {
                legacy,
                exit_at_end,
                faults,
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
