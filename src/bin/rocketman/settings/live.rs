//! A live stream to be served: where it comes from, what of it is kept, and where.

use std::{path::PathBuf, time::SystemTime};

#[cfg(feature = "nats")]
use super::nats::{StreamAddress, of_environment};
use super::{
    Environment, SettingsError,
    beginning::beginning_if_new,
    filter::Wanted,
    in_state_directory, refuse_address,
    source::{cache_folder, endpoints, is_nats, servers},
};
use crate::args::{FilterArgs, LiveArgs, Retain};
#[cfg(feature = "nats")]
use rocketman::source::nats::NatsSourceSettings;
use rocketman::{
    Shown,
    event::Start,
    filter::Filter,
    serve::Retention,
    source::jetstream::{JetstreamSettings, Proxies},
};

/// How much is kept by default: some hours of the public network, or a quarter of one.
const KEPT_BYTES: u64 = 10 << 30;
const TEMPORARY_BYTES: u64 = 1 << 30;

/// Where a live stream comes from.
#[derive(Debug)]
pub(crate) enum Upstream {
    Jetstream(Box<JetstreamSettings>),
    #[cfg(feature = "nats")]
    Nats(Box<NatsSourceSettings>),
    Stdin,
}

/// A live stream to be served.
#[derive(Debug)]
pub(crate) struct LiveSettings {
    pub(crate) upstream: Upstream,
    pub(crate) filter: Filter,
    /// Where it is kept; `None` for temporary files.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) retention: Retention,
    /// What is read, in words.
    pub(crate) what: String,
}

/// Whether a source is a live stream, and no file.
pub(super) fn is_live(source: &str) -> bool {
    source == "-" || source.contains("://") || is_nats(source)
}

impl LiveSettings {
    /// Checks everything that can be checked without the network.
    pub(super) fn resolve(
        sources: &[String],
        args: LiveArgs,
        environment: &Environment,
        now: SystemTime,
    ) -> Result<Self, SettingsError> {
        if let Some(other) = sources.iter().find(|source| !is_live(source)) {
            return Err(SettingsError::MixedLive(Shown::address(other).to_string()));
        }
        let LiveArgs {
            store,
            retain,
            begin,
            collection,
            did,
            kind,
        } = args;
        if let Some(folder) = &store {
            refuse_address("--store", folder)?;
        }
        let wanted = FilterArgs {
            collection,
            did,
            kind,
            op: Vec::new(),
            shard: None,
            max_message_size: None,
        };
        let wanted = Wanted::resolve(wanted, environment)?;
        let start_if_new = beginning_if_new(begin.as_deref(), true, now)?;
        let default_bytes = match store {
            Some(_) => KEPT_BYTES,
            None => TEMPORARY_BYTES,
        };
        let Retain { age, bytes } = retain.unwrap_or(Retain {
            age: None,
            bytes: Some(default_bytes),
        });
        let filter = wanted.filter(false);
        let (upstream, what) = upstream(sources, wanted, start_if_new, environment)?;
        Ok(Self {
            upstream,
            filter,
            folder: store.map(|folder| in_state_directory(folder, environment)),
            retention: Retention { age, bytes },
            what,
        })
    }
}

fn upstream(
    sources: &[String],
    wanted: Wanted,
    start_if_new: Option<Start>,
    environment: &Environment,
) -> Result<(Upstream, String), SettingsError> {
    if let Some(stdin) = sources.iter().find(|source| *source == "-") {
        return match (sources, start_if_new) {
            ([_], None) => Ok((Upstream::Stdin, "stdin".to_owned())),
            ([_], Some(_)) => Err(SettingsError::BeginOfStdin),
            _ => Err(SettingsError::MixedLive(stdin.clone())),
        };
    }
    if let Some(address) = sources.iter().find(|source| is_nats(source)) {
        return nats(address, sources, start_if_new, environment);
    }
    let endpoints = endpoints(sources)?;
    let what = servers(&endpoints);
    let proxies = Proxies::from_env(environment.lookup());
    proxies.check(&endpoints).map_err(SettingsError::Proxy)?;
    let settings = JetstreamSettings {
        endpoints,
        collections: wanted.collections,
        dids: wanted.dids,
        kinds: wanted.kinds,
        start_if_new,
        proxies,
        cache_folder: cache_folder(environment),
        ..JetstreamSettings::default()
    };
    Ok((Upstream::Jetstream(Box::new(settings)), what))
}

#[cfg(feature = "nats")]
fn nats(
    address: &str,
    sources: &[String],
    start_if_new: Option<Start>,
    environment: &Environment,
) -> Result<(Upstream, String), SettingsError> {
    if sources.len() > 1 {
        let other = sources.iter().find(|source| *source != address);
        let other = Shown::address(other.map_or(address, String::as_str));
        return Err(SettingsError::MixedNats(other.to_string()));
    }
    let StreamAddress {
        servers,
        stream,
        subjects,
        context,
    } = StreamAddress::parse(address)?;
    let connection = of_environment(&servers, context.as_deref(), environment)?;
    let settings = NatsSourceSettings {
        subjects,
        start_if_new,
        // A message of another kind is no event that anybody could be sent.
        events_only: true,
        ..NatsSourceSettings::new(connection, stream)
    };
    let what = super::stream::describe(&settings);
    Ok((Upstream::Nats(Box::new(settings)), what))
}

#[cfg(not(feature = "nats"))]
fn nats(
    address: &str,
    _: &[String],
    _: Option<Start>,
    _: &Environment,
) -> Result<(Upstream, String), SettingsError> {
    Err(SettingsError::WithoutNats(
        Shown::address(address).to_string(),
    ))
}
