//! Where events come from, and from which place on, from what was typed.

use std::path::PathBuf;

pub(super) use super::address::is_nats;
#[cfg(feature = "nats")]
use super::stream as nats_stream;
use super::{
    Environment, SettingsError,
    demo::demo,
    filter::Wanted,
    history,
    mistaken::Mistaken,
    reading::{Reading, is_of_shard, open_bad_events},
    segments,
};
use crate::args::{ConnectionArgs, OnGapArg, StreamArgs};
#[cfg(feature = "nats")]
use rocketman::source::nats::NatsSourceSettings;
use rocketman::{
    Shown,
    event::{Kind, Start},
    serve::{Demo, Feed},
    source::{
        OnGap,
        history::HistorySettings,
        jetstream::{Endpoint, JetstreamSettings, Proxies},
        segments::SegmentsSettings,
    },
};

/// On how many cores events of a server are inflated.
const MAX_THREADS: u8 = 2;

/// What is read.
#[derive(Debug)]
pub(crate) enum SourceSettings {
    /// Jetstream servers.
    Jetstream(JetstreamSettings),
    /// A stream to invent, and how to read it; its endpoint is known once it is served.
    Demo(Demo, JetstreamSettings),
    /// A stream of NATS.
    #[cfg(feature = "nats")]
    Nats(Box<NatsSourceSettings>),
    /// Segment files.
    Segments(Box<SegmentsSettings>),
    /// The archive of a service.
    History(Box<HistorySettings>),
    /// The same, of which nothing is read but what it would cost.
    Price(Box<HistorySettings>),
    /// The same, copied into a folder.
    Download(Box<HistorySettings>, PathBuf),
}

impl SourceSettings {
    /// Checks the sources, and what was said about them, against each other. Nothing is connected
    /// to.
    pub(super) fn resolve(
        sources: &[String],
        reading: Reading,
        stream: StreamArgs,
        connection: ConnectionArgs,
        wanted: Wanted,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        if let Some(address) = sources.iter().find(|source| is_nats(source)) {
            #[cfg(feature = "nats")]
            return nats_stream::resolve(
                address,
                sources,
                reading,
                stream,
                connection,
                &wanted,
                environment,
            )
            .map(|settings| Self::Nats(Box::new(settings)));
            #[cfg(not(feature = "nats"))]
            return Err(SettingsError::WithoutNats(
                Shown::address(address).to_string(),
            ));
        }
        refuse_for_nats(stream)?;
        if let Some(args) = reading.segments {
            let settings = segments::resolve(sources, args, reading, &connection, wanted)?;
            return Ok(Self::Segments(Box::new(settings)));
        }
        Self::servers(sources, reading, connection, wanted, environment)
    }

    /// Servers, or a stream to invent.
    fn servers(
        sources: &[String],
        reading: Reading,
        mut connection: ConnectionArgs,
        wanted: Wanted,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let Reading {
            start,
            start_if_new,
            rewind,
            on_gap,
            exit_at_end,
            until_us,
            raw,
            validate,
            bad_events,
            segments: _,
            archive,
            #[cfg(feature = "nats")]
                given: _,
            #[cfg(feature = "nats")]
                is_carried: _,
        } = reading;
        let threads = connection.threads;
        if archive.is_some() {
            connection.threads = threads.min(MAX_THREADS);
        }
        if connection.threads > MAX_THREADS {
            return Err(SettingsError::Threads(connection.threads));
        }
        if connection.no_compress && connection.threads > 1 {
            return Err(SettingsError::NothingToInflate);
        }
        let sync_events = wanted.keeps_state;
        let archive_kinds = wanted.spares_archive.then(|| vec![Kind::Commit]);
        let bad_events = bad_events.map(open_bad_events).transpose()?;
        let demo = demo(sources)?;
        let endpoints = match demo {
            Some(_) => Vec::new(),
            None => endpoints(sources)?,
        };
        let proxies = Proxies::from_env(environment.lookup());
        proxies.check(&endpoints).map_err(SettingsError::Proxy)?;
        let settings = JetstreamSettings {
            endpoints,
            start,
            start_if_new,
            rewind,
            on_gap: warn_or_fail(on_gap),
            exit_at_end,
            raw,
            validate,
            proxies,
            bad_events,
            cache_folder: cache_folder(environment),
            ..resolve_connection(connection, wanted)
        };
        if let Some((segments, args)) = archive {
            let settings = HistorySettings {
                archive_kinds,
                sync_events,
                until_us,
                threads,
                ..history::resolve(sources, &args, segments, settings, environment)?
            };
            let settings = Box::new(settings);
            return Ok(match args.download {
                Some(folder) => Self::Download(settings, folder),
                None if args.plan => Self::Price(settings),
                None => Self::History(settings),
            });
        }
        if on_gap == Some(OnGapArg::Replay) {
            let settings = HistorySettings {
                sync_events,
                ..history::after_gaps(sources, settings, environment)?
            };
            return Ok(Self::History(Box::new(settings)));
        }
        Ok(match demo {
            Some(demo) => Self::Demo(demo, settings),
            None => Self::Jetstream(settings),
        })
    }

    /// Whether the server of these sources is asked for nothing but our shard.
    pub(super) fn is_shared_out(sources: &[String]) -> bool {
        let mut sources = sources.iter();
        sources.any(|source| is_nats(source) && is_of_shard(source))
    }

    /// What to call a stream that is invented in this process.
    pub(crate) fn demo_name(&self) -> Option<String> {
        matches!(self, Self::Demo(..)).then(|| "demo:".to_owned())
    }

    /// Where a run without a saved cursor begins: servers from now on, files from their beginning.
    pub(super) fn start_if_new(&self, start: Option<Start>) -> Option<Start> {
        match self {
            Self::History(settings) if settings.begins_live => start,
            Self::Segments(_) | Self::History(_) | Self::Price(_) | Self::Download(..) => {
                start.or(Some(Start::OLDEST))
            }
            _ => start,
        }
    }

    /// Which streams have one place in common: it is found again on every server.
    pub(super) fn stream(&self) -> String {
        match self {
            Self::Jetstream(_) | Self::History(_) | Self::Price(_) | Self::Download(..) => {
                "jetstream".to_owned()
            }
            Self::Demo(demo, _) => demo.describe(),
            #[cfg(feature = "nats")]
            Self::Nats(_) => self.describe(),
            Self::Segments(_) => "segments".to_owned(),
        }
    }

    /// What is read, in words.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Jetstream(settings) => servers(&settings.endpoints),
            Self::Demo(demo, _) => demo.describe(),
            #[cfg(feature = "nats")]
            Self::Nats(settings) => nats_stream::describe(settings),
            Self::Segments(settings) => segments::describe(settings),
            Self::History(settings) | Self::Price(settings) | Self::Download(settings, _) => {
                history::describe(settings)
            }
        }
    }
}

/// What a gap means of which no archive knows more.
fn warn_or_fail(on_gap: Option<OnGapArg>) -> OnGap {
    match on_gap {
        None | Some(OnGapArg::Warn | OnGapArg::Replay) => OnGap::Warn,
        Some(OnGapArg::Fail) => OnGap::Fail,
    }
}

/// Refuses what only a stream of NATS is read with.
fn refuse_for_nats(stream: StreamArgs) -> Result<(), SettingsError> {
    let StreamArgs {
        envelope,
        lag,
        durable,
        on_undeliverable: _,
    } = stream;
    let flags = [
        ("--envelope", envelope.is_some()),
        ("--lag", lag.is_some()),
        ("--durable", durable.is_some()),
    ];
    match flags.into_iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(SettingsError::ForNats(flag)),
        None => Ok(()),
    }
}

fn resolve_connection(args: ConnectionArgs, wanted: Wanted) -> JetstreamSettings {
    let ConnectionArgs {
        max_retries,
        max_backoff,
        connect_timeout,
        frame_timeout,
        quiet_timeout,
        max_frame_size,
        no_compress,
        threads,
    } = args;
    let defaults = JetstreamSettings::default();
    JetstreamSettings {
        collections: wanted.collections,
        dids: wanted.dids,
        kinds: wanted.kinds,
        max_message_bytes: wanted.max_bytes.unwrap_or_default(),
        max_frame_bytes: max_frame_size as usize,
        compress: !no_compress,
        threads,
        connect_timeout,
        frame_timeout,
        quiet_timeout: quiet_timeout.unwrap_or(defaults.quiet_timeout),
        max_retries,
        max_backoff,
        ..defaults
    }
}

/// The user's folder for what can be had again.
pub(super) fn cache_folder(environment: &Environment) -> Option<PathBuf> {
    let folder = |name| environment.get(name).map(PathBuf::from);
    let absolute = folder("XDG_CACHE_HOME").filter(|folder| folder.is_absolute());
    let home = || folder("HOME").filter(|home| home.is_absolute());
    let below = if cfg!(target_os = "macos") {
        "Library/Caches"
    } else {
        ".cache"
    };
    let caches = absolute.or_else(|| Some(home()?.join(below)))?;
    Some(caches.join("rocketman"))
}

pub(super) fn endpoints(sources: &[String]) -> Result<Vec<Endpoint>, SettingsError> {
    if sources.is_empty() {
        return Ok(Endpoint::public());
    }
    if let Some(address) = sources.iter().find(|source| is_nats(source)) {
        return Err(SettingsError::OnlyJetstream(
            Shown::address(address).to_string(),
        ));
    }
    let mistaken = |source: &String| Some((source.clone(), Mistaken::of_source(source)?));
    if let Some((text, mistaken)) = sources.iter().find_map(mistaken) {
        return Err(SettingsError::Mistaken { text, mistaken });
    }
    let endpoint = |source: &String| {
        let has_query = source.contains(['?', '#']);
        Endpoint::parse(source).map_err(if has_query {
            SettingsError::Query
        } else {
            SettingsError::Endpoint
        })
    };
    sources.iter().map(endpoint).collect()
}

pub(super) fn servers(endpoints: &[Endpoint]) -> String {
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
