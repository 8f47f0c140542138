//! What `rocketman compare` needs, from what was typed.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::TimeUs;
use super::{
    Environment, SettingsError,
    beginning::{check_has_come, time},
    demo::demo,
    filter::Wanted,
    roles::of_recordings,
    segments::refuse_segments,
    source::endpoints,
};
use crate::args::CompareArgs;
use rocketman::{
    event::Start,
    filter::Filter,
    serve::Demo,
    source::jetstream::{JetstreamSettings, Proxies},
};

/// How far back it is compared by default.
const DEFAULT_SINCE: Duration = Duration::from_secs(600);

/// One of the two.
#[derive(Debug)]
pub(crate) enum Compared {
    Server(Box<JetstreamSettings>),
    Demo(Demo, Box<JetstreamSettings>),
    Recording(PathBuf),
}

/// All that `rocketman compare` needs to begin.
#[derive(Debug)]
pub(crate) struct CompareSettings {
    /// A and B, each with what was typed.
    pub(crate) sides: [(String, Compared); 2],
    pub(crate) filter: Filter,
    pub(crate) from_us: u64,
    pub(crate) until_us: u64,
    pub(crate) slack_us: u64,
    pub(crate) json: bool,
}

impl CompareSettings {
    /// Checks everything that can be checked without the network.
    pub(crate) fn resolve(
        args: CompareArgs,
        environment: &Environment,
        now: SystemTime,
    ) -> Result<Self, SettingsError> {
        let CompareArgs {
            a,
            b,
            filter,
            since,
            until,
            slack,
            json,
        } = args;
        let of_stdin = [&*a, &*b].into_iter().filter(|text| *text == "-").count();
        let of_stdin = of_stdin + usize::from(filter.did.iter().any(|did| did == "@-"));
        if of_stdin > 1 {
            return Err(SettingsError::StdinTwice);
        }
        refuse_segments("compare", &a)?;
        refuse_segments("compare", &b)?;
        let recordings = [&a, &b].into_iter().filter(|text| is_recording(text));
        of_recordings(recordings.map(Path::new))?;
        let wanted = Wanted::resolve(filter, environment)?;
        let is_recorded = is_recording(&a) || is_recording(&b);
        let slack_us = TimeUs::micros(slack);
        let now_us = TimeUs::of(now).map_or(0, |now| now.0);
        let from_us = match since {
            Some(since) => time("--since", &since, now)?,
            None if is_recorded => 0,
            None => now_us.saturating_sub(TimeUs::micros(DEFAULT_SINCE)),
        };
        if !is_recorded {
            check_has_come("--since", from_us, now)?;
        }
        let until_us = match &until {
            Some(until) => time("--until", until, now)?,
            None if is_recorded => u64::MAX,
            None => now_us.saturating_sub(slack_us),
        };
        if until_us <= from_us && until.is_none() {
            return Err(SettingsError::NothingSettled(slack));
        }
        if until_us <= from_us {
            return Err(SettingsError::EndBeforeStart {
                until: TimeUs(until_us).to_string(),
                flag: "--since",
                from: TimeUs(from_us).to_string(),
            });
        }
        let start_us = from_us.saturating_sub(slack_us);
        let side = |text: String| {
            let compared = side(&text, &wanted, start_us, environment)?;
            Ok::<_, SettingsError>((text, compared))
        };
        Ok(Self {
            sides: [side(a)?, side(b)?],
            filter: wanted.filter(false),
            from_us,
            until_us,
            slack_us,
            json,
        })
    }
}

/// Whether a file is meant rather than a server.
fn is_recording(text: &str) -> bool {
    let path = Path::new(text);
    let is_address = text.contains("://") || Demo::is_demo(text);
    !is_address && (text == "-" || text.contains('/') || path.exists())
}

fn side(
    text: &str,
    wanted: &Wanted,
    start_us: u64,
    environment: &Environment,
) -> Result<Compared, SettingsError> {
    if is_recording(text) {
        return Ok(Compared::Recording(text.into()));
    }
    let sources = [text.to_owned()];
    let demo = demo(&sources)?;
    let endpoints = match demo {
        Some(_) => Vec::new(),
        None => endpoints(&sources)?,
    };
    let proxies = Proxies::from_env(environment.lookup());
    proxies.check(&endpoints).map_err(SettingsError::Proxy)?;
    let settings = Box::new(JetstreamSettings {
        endpoints,
        collections: wanted.collections.clone(),
        dids: wanted.dids.clone(),
        start: Some(Start::Time(start_us)),
        exit_at_end: true,
        max_retries: Some(MAX_RETRIES),
        proxies,
        ..JetstreamSettings::default()
    });
    Ok(match demo {
        Some(demo) => Compared::Demo(demo, settings),
        None => Compared::Server(settings),
    })
}

/// A comparison is not worth waiting for as a stream is.
const MAX_RETRIES: u32 = 5;
