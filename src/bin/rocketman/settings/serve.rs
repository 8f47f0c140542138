//! What `rocketman serve` needs, from what was typed.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    CallSettings, Environment, LiveSettings, ReceiverSettings, SettingsError, demo::demo,
    filter::or_variable, live::is_live, receiver, roles::of_recordings, segments,
};
use crate::args::{ServeArgs, Speed};
use rocketman::serve::{
    Demo, Faults, HostPattern, HttpReceiverSettings, OriginPattern, Playback, ServerSettings,
};

/// What is to be served.
#[derive(Debug)]
pub(crate) enum Served {
    Demo(Demo),
    Recordings(Vec<PathBuf>, Playback),
    /// Segment files, how many seconds of them pass in one (none for no waits), and how they are
    /// fetched.
    Archive(Vec<PathBuf>, Option<f64>, CallSettings),
    Live(Box<LiveSettings>),
    /// Nothing: events are received.
    Received(Box<ReceiverSettings>),
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
        let faults = Faults::parse(&args.fault)?;
        let others = only_for_serving(&args);
        let listens = receiver::listens(&args.receiver, &faults, &args.fault, others)?;
        let listen = listens.unwrap_or(args.listen);
        check_host_flag(&args.allow_host, listen)?;
        let server = ServerSettings {
            legacy: args.legacy,
            exit_at_end: args.exit_at_end,
            faults,
            allowed_hosts: allowed_hosts(args.allow_host.clone(), environment)?,
            allowed_origins: allowed_origins(args.allow_origin.clone(), environment)?,
            ..ServerSettings::default()
        };
        let served = if listens.is_some() {
            let receiver = HttpReceiverSettings {
                key_file: args.calls.key_file,
                faults: server.faults.clone(),
                allowed_hosts: server.allowed_hosts.clone(),
                allowed_origins: server.allowed_origins.clone(),
                ..HttpReceiverSettings::default()
            };
            let settings = ReceiverSettings::resolve(args.receiver, receiver, environment)?;
            Served::Received(Box::new(settings))
        } else {
            Served::resolve(args, &server, environment, now)?
        };
        Ok(Self {
            served,
            listen,
            server,
        })
    }
}

/// What was typed that has a meaning only where events are served.
fn only_for_serving(args: &ServeArgs) -> Option<&'static str> {
    let recorded = Recorded::of(args);
    let calls = [
        ("SOURCE", !args.source.is_empty()),
        ("--legacy", args.legacy),
        ("--exit-at-end", args.exit_at_end),
        ("--quota", args.calls.quota.is_some()),
        ("--plan-max-entries", args.calls.plan_max_entries.is_some()),
    ];
    let mut flags = calls.into_iter();
    let flag = flags.find_map(|(flag, is_given)| is_given.then_some(flag));
    flag.or(args.live.given()).or(recorded.given())
}

impl Served {
    fn resolve(
        args: ServeArgs,
        server: &ServerSettings,
        environment: &Environment,
        now: SystemTime,
    ) -> Result<Self, SettingsError> {
        let recorded = Recorded::of(&args);
        let ServeArgs {
            mut source,
            live,
            calls,
            exit_at_end,
            ..
        } = args;
        if source.is_empty() {
            source.push("demo:".to_owned());
        }
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
        let calls = CallSettings::resolve(calls, &server.faults, is_archive, server.legacy)?;
        if let Some(demo) = demo {
            let exit_flag = exit_at_end.then_some("--exit-at-end");
            if let Some(flag) = recorded.given().or(exit_flag) {
                return Err(SettingsError::ForRecordings(flag, "demo:"));
            }
            Ok(Self::Demo(demo))
        } else if is_live {
            if let Some(flag) = recorded.given() {
                return Err(SettingsError::ForRecordings(flag, "a live stream"));
            }
            let live = LiveSettings::resolve(&source, live, environment, now)?;
            Ok(Self::Live(Box::new(live)))
        } else if is_archive {
            recorded.archive(source, calls)
        } else {
            recorded.recordings(source)
        }
    }
}

/// What was said of how recordings are played.
struct Recorded {
    speed: Option<Speed>,
    rebase: bool,
    repeat: bool,
}

impl Recorded {
    fn of(args: &ServeArgs) -> Self {
        Self {
            speed: args.speed,
            rebase: args.rebase,
            repeat: args.repeat,
        }
    }

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

/// The origins whose pages are answered.
fn allowed_origins(
    typed: Vec<String>,
    environment: &Environment,
) -> Result<Vec<OriginPattern>, SettingsError> {
    or_variable(typed, "ROCKETMAN_ALLOW_ORIGIN", environment)
        .iter()
        .map(|text| OriginPattern::parse(text))
        .collect::<Result<_, _>>()
        .map_err(|source| SettingsError::Gate("--allow-origin", source))
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
