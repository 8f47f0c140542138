//! Where events come from, and from which place on, from what was typed.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{SettingsError, filter::Wanted, serve};
use crate::{
    cli::{ConnectionArgs, OnGapArg},
    event::{LineRules, Start, parse_time},
    serve::{Demo, Feed},
    source::{
        BadEventFile,
        jetstream::{Endpoint, JetstreamSettings, OnGap, Proxies},
    },
};

/// What is read.
#[derive(Debug)]
pub(crate) enum SourceSettings {
    /// Jetstream servers.
    Jetstream(JetstreamSettings),
    /// A stream to invent, and how to read it; its endpoint is known once it is served.
    Demo(Demo, JetstreamSettings),
}

/// What flags say about a source besides its address and its connection.
pub(super) struct Reading {
    pub(super) start: Option<Start>,
    pub(super) rewind: Duration,
    pub(super) on_gap: OnGapArg,
    pub(super) exit_at_end: bool,
    pub(super) rules: LineRules,
    pub(super) bad_events: Option<PathBuf>,
}

impl SourceSettings {
    /// Checks the sources, and what was said about them, against each other. Nothing is connected to.
    pub(super) fn resolve(
        sources: &[String],
        reading: Reading,
        connection: ConnectionArgs,
        wanted: Wanted,
        variable: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let Reading {
            start,
            rewind,
            on_gap,
            exit_at_end,
            rules,
            bad_events,
        } = reading;
        if connection.no_compress && connection.threads > 1 {
            return Err(SettingsError::NothingToInflate);
        }
        let bad_events = bad_events.map(open_bad_events).transpose()?;
        let demo = serve::demo(sources)?;
        let settings = JetstreamSettings {
            endpoints: match demo {
                Some(_) => Vec::new(),
                None => endpoints(sources)?,
            },
            start,
            rewind,
            on_gap: match on_gap {
                OnGapArg::Warn => OnGap::Warn,
                OnGapArg::Fail => OnGap::Fail,
            },
            exit_at_end,
            rules,
            proxies: Proxies::from_env(variable)?,
            bad_events,
            ..resolve_connection(connection, wanted)
        };
        Ok(match demo {
            Some(demo) => Self::Demo(demo, settings),
            None => Self::Jetstream(settings),
        })
    }

    /// What is read, in words.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Jetstream(settings) => servers(&settings.endpoints),
            Self::Demo(demo, _) => demo.describe(),
        }
    }
}

fn open_bad_events(path: PathBuf) -> Result<Arc<BadEventFile>, SettingsError> {
    BadEventFile::open(&path)
        .map(Arc::new)
        .map_err(|source| SettingsError::BadEvents { path, source })
}

fn resolve_connection(args: ConnectionArgs, wanted: Wanted) -> JetstreamSettings {
    let ConnectionArgs {
        max_retries,
        max_backoff,
        connect_timeout,
        frame_timeout,
        max_message_size,
        max_frame_size,
        no_compress,
        threads,
    } = args;
    JetstreamSettings {
        collections: wanted.collections,
        dids: wanted.dids,
        max_message_bytes: max_message_size.unwrap_or_default(),
        max_frame_bytes: max_frame_size as usize,
        compress: !no_compress,
        threads,
        connect_timeout,
        frame_timeout,
        max_retries,
        max_backoff,
        ..JetstreamSettings::default()
    }
}

pub(super) fn start(
    since: Option<&str>,
    cursor: Option<&str>,
    now: SystemTime,
) -> Result<Option<Start>, SettingsError> {
    match (since, cursor) {
        (Some(since), _) => Ok(Some(Start::Time(time("--since", since, now)?))),
        (None, Some(cursor)) => {
            Start::parse(cursor, now)
                .map(Some)
                .map_err(|source| SettingsError::Start {
                    flag: "--cursor",
                    source,
                })
        }
        (None, None) => Ok(None),
    }
}

pub(super) fn time(flag: &'static str, text: &str, now: SystemTime) -> Result<u64, SettingsError> {
    parse_time(text, now).map_err(|source| SettingsError::Start { flag, source })
}

pub(super) fn endpoints(sources: &[String]) -> Result<Vec<Endpoint>, SettingsError> {
    if sources.is_empty() {
        return Ok(Endpoint::public());
    }
    Ok(sources
        .iter()
        .map(|source| Endpoint::parse(source))
        .collect::<Result<_, _>>()?)
}

fn servers(endpoints: &[Endpoint]) -> String {
    let first = endpoints
        .first()
        .map(ToString::to_string)
        .unwrap_or_default();
    match endpoints.len() {
        0 | 1 => first,
        2 => format!("{first} (or 1 other)"),
        n => format!("{first} (or {} others)", n - 1),
    }
}
