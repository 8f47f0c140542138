//! A stream of NATS as the source, from what was typed and from what the `nats` command is set up
//! for.

use std::time::Duration;

use super::{
    Environment, SettingsError,
    filter::Wanted,
    nats::{Nats, StreamAddress},
    reading::{Reading, SHARD, open_bad_events},
    suffix,
};
use crate::args::{ConnectionArgs, EnvelopeArg, OnGapArg, OnUndeliverableArg, StreamArgs};
use rocketman::{
    Shown,
    filter::Shard,
    sink::DeadLetterFile,
    source::{
        OnGap,
        nats::{NatsSourceSettings, OnUndeliverable, WrapMode},
    },
};

/// The longest name of a consumer that a server takes.
const LONGEST_NAME: usize = 255;

/// Checks the address, and what was said about the source, against each other. Nothing is connected
/// to.
pub(super) fn resolve(
    address: &str,
    sources: &[String],
    reading: Reading,
    stream: StreamArgs,
    connection: ConnectionArgs,
    wanted: &Wanted,
    environment: &Environment,
) -> Result<NatsSourceSettings, SettingsError> {
    check_alone(address, sources)?;
    let StreamArgs {
        envelope,
        lag,
        durable,
        on_undeliverable,
    } = stream;
    if let Some(name) = durable.as_deref().filter(|name| !is_name(name)) {
        return Err(SettingsError::Durable(Shown::address(name).to_string()));
    }
    let wrap_mode = wrap_mode(envelope, reading.is_carried);
    let events_only = filter_flag(wanted);
    if let (Some(flag), WrapMode::Always) = (events_only, wrap_mode) {
        return Err(SettingsError::EnvelopeHides(flag));
    }
    let Reading {
        start,
        start_if_new,
        rewind,
        on_gap,
        exit_at_end,
        until_us: _,
        raw,
        validate,
        bad_events,
        segments: _,
        given,
        archive: _,
        is_carried: _,
    } = reading;
    let nats = Nats::new(&given, &connection, environment);
    check_flags(&connection, wanted)?;
    let StreamAddress {
        servers,
        stream,
        subjects,
        context,
    } = StreamAddress::parse(address)?;
    let of_shard = |subject: &String| of_shard(subject, wanted.shard);
    let subjects = subjects.iter().map(of_shard).collect::<Result<_, _>>()?;
    let settings = nats.settings(&servers, context.as_deref())?;
    Ok(NatsSourceSettings {
        subjects,
        start,
        start_if_new,
        rewind,
        exit_at_end,
        on_gap: match on_gap {
            None | Some(OnGapArg::Warn) => OnGap::Warn,
            Some(OnGapArg::Fail) => OnGap::Fail,
            Some(OnGapArg::Replay) => return Err(SettingsError::ReplayOfGaps),
        },
        wrap_mode,
        raw,
        validate,
        events_only: events_only.is_some(),
        durable,
        on_undeliverable: undeliverable(on_undeliverable)?,
        lag: lag.unwrap_or(Duration::ZERO),
        max_message_bytes: connection.max_frame_size as usize,
        frame_timeout: connection.frame_timeout,
        bad_events: bad_events.map(open_bad_events).transpose()?,
        ..NatsSourceSettings::new(settings, stream)
    })
}

/// Refuses another source beside it.
fn check_alone(address: &str, sources: &[String]) -> Result<(), SettingsError> {
    let other = sources.iter().find(|source| *source != address);
    let twice = (sources.len() > 1).then_some(address);
    match other.map(String::as_str).or(twice) {
        Some(other) => Err(SettingsError::MixedNats(Shown::address(other).to_string())),
        None => Ok(()),
    }
}

/// Refuses what is for Jetstream servers only.
fn check_flags(connection: &ConnectionArgs, wanted: &Wanted) -> Result<(), SettingsError> {
    let &ConnectionArgs {
        max_retries: _,
        max_backoff: _,
        connect_timeout: _,
        frame_timeout: _,
        quiet_timeout,
        max_frame_size: _,
        no_compress,
        threads,
    } = connection;
    let useless = [
        ("--max-message-size", wanted.max_bytes.is_some()),
        ("--quiet-timeout", quiet_timeout.is_some()),
        ("--no-compress", no_compress),
        ("--threads", threads > 1),
    ];
    match useless.into_iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(SettingsError::ForJetstream(flag)),
        None => Ok(()),
    }
}

fn wrap_mode(envelope: Option<EnvelopeArg>, is_carried: bool) -> WrapMode {
    match envelope {
        None if is_carried => WrapMode::Carried,
        None | Some(EnvelopeArg::Auto) => WrapMode::Auto,
        Some(EnvelopeArg::Always) => WrapMode::Always,
        Some(EnvelopeArg::Never) => WrapMode::Never,
    }
}

fn undeliverable(
    on_undeliverable: Option<OnUndeliverableArg>,
) -> Result<OnUndeliverable, SettingsError> {
    Ok(match on_undeliverable {
        None | Some(OnUndeliverableArg::Keep) => OnUndeliverable::Keep,
        Some(OnUndeliverableArg::Stop) => OnUndeliverable::Stop,
        Some(OnUndeliverableArg::Skip) => OnUndeliverable::Skip,
        Some(OnUndeliverableArg::DeadLetter(path)) => {
            suffix::check_plain("--on-undeliverable", &path)?;
            let file = DeadLetterFile::open(path);
            OnUndeliverable::DeadLetter(file.map_err(SettingsError::UndeliverableLetter)?)
        }
    })
}

fn of_shard(subject: &str, shard: Option<Shard>) -> Result<String, SettingsError> {
    match shard {
        _ if !subject.contains(SHARD) => Ok(subject.to_owned()),
        Some(shard) => Ok(subject.replace(SHARD, &(shard.number() - 1).to_string())),
        None => Err(SettingsError::NoShard),
    }
}

/// What a consumer may be called: it is a part of subjects.
fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && !"./\\*>".contains(c))
}

/// The subjects of the messages that are carried as they are into another stream; `None` where they
/// are made into lines.
pub(super) fn carried_subjects(sources: &[String], stream: &StreamArgs) -> Option<Vec<String>> {
    let [address] = sources else { return None };
    if stream.envelope.is_some() || !StreamAddress::is_meant(address) {
        return None;
    }
    // What is wrong with it is reported where the source is resolved.
    let subjects = StreamAddress::parse(address).map_or_else(|_| Vec::new(), |of| of.subjects);
    let subjects = subjects.iter().map(|subject| subject.replace(SHARD, "*"));
    Some(subjects.collect())
}

/// What is read, in words.
pub(super) fn describe(settings: &NatsSourceSettings) -> String {
    let NatsSourceSettings {
        connection,
        stream,
        subjects,
        ..
    } = settings;
    let only = match subjects.as_slice() {
        [] => String::new(),
        subjects => format!(" (subject {})", subjects.join(", ")),
    };
    format!("{}/{stream}{only}", connection.shown())
}

/// A part of the filter that looks into events, if there is one.
fn filter_flag(wanted: &Wanted) -> Option<&'static str> {
    let Wanted {
        collections,
        dids,
        account_files: _,
        kinds,
        operations,
        shard: _,
        max_bytes: _,
        hides_kinds: _,
        spares_archive: _,
        keeps_state: _,
    } = wanted;
    [
        ("--collection", collections.is_empty()),
        ("--did", dids.is_empty()),
        ("--op", operations.is_empty()),
        ("--kind", kinds.is_empty()),
    ]
    .into_iter()
    .find_map(|(flag, is_empty)| (!is_empty).then_some(flag))
}
