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
        let recorded = Recorded {
            speed,
            rebase,
            repeat,
        };
        // A recording may come over stdin; nothing that is live can be played.
        let is_played = |source: &str| source == "-" && recorded.given().is_some();
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
            let exit_flag = exit_at_end.then_some("--exit-at-end");
            if let Some(flag) = recorded.given().or(exit_flag) {
                return Err(SettingsError::ForRecordings(flag, "demo:"));
            }
            Served::Demo(demo)
        } else if is_live {
            if let Some(flag) = recorded.given() {
                return Err(SettingsError::ForRecordings(flag, "a live stream"));
            }
            let live = LiveSettings::resolve(&source, live, environment, now)?;
            Served::Live(Box::new(live))
        } else if is_archive {
            recorded.archive(source, calls)?
        } else {
            recorded.recordings(source)?
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

/// What was said of how recordings are played.
struct Recorded {
    speed: Option<Speed>,
    rebase: bool,
    repeat: bool,
}

impl Recorded {
    /// The first of its flags that was typed.
    fn given(&self) -> Option<&'static str> {
        let speed = self.speed.as_ref().map(|_| "--speed");
        speed.or_else(|| self.moved())
    }

    /// The same of those that move times or begin again.
    fn moved(&self) -> Option<&'static str> {
        let rebase = self.rebase.then_some("--rebase");
        rebase.or_else(|| self.repeat.then_some("--loop"))
    }

    /// Segment files, which are served as they are.
    fn archive(self, source: Vec<String>, calls: CallSettings) -> Result<Served, SettingsError> {
        if let Some(flag) = self.moved() {
            let what = "an archive of segment files";
            return Err(SettingsError::ForRecordings(flag, what));
        }
        let files = segments::files_of(&source, false);
        of_recordings(files.iter().map(PathBuf::as_path))?;
        let paths = source.into_iter().map(PathBuf::from).collect();
        let speed = self.speed.unwrap_or(Speed::Max).factor();
        Ok(Served::Archive(paths, speed, calls))
    }

    /// Files of lines.
    fn recordings(self, source: Vec<String>) -> Result<Served, SettingsError> {
        of_recordings(source.iter().map(Path::new))?;
        let paths = source.into_iter().map(PathBuf::from).collect();
        let playback = Playback {
            speed: self.speed.unwrap_or(Speed::Factor(1.0)).factor(),
            rebase: self.rebase,
            repeat: self.repeat,
        };
        Ok(Served::Recordings(paths, playback))
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
