//! What `rocketman tail` needs, from what was typed.

use std::{
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use super::TimeUs;
use super::{
    AccountFiles, Cursor, Environment, Output, SettingsError, SourceSettings,
    beginning::{beginning, beginning_if_new, end},
    filter::{Wanted, or_variable},
    history,
    http::HttpFlags,
    in_state_directory,
    reading::Reading,
    roles::{self, is_stream},
    segments,
    serve::{allowed_hosts, check_host_flag},
    table::{self, TableFlags},
};
#[cfg(feature = "nats")]
use super::{
    nats::{self, Nats},
    source::is_nats,
    stream::carried_subjects,
    stream_roles,
};
#[cfg(feature = "nats")]
use crate::args::OnGapArg;
use crate::args::{FateArgs, OperationArgs, StopArgs, TailArgs};
use rocketman::{PipelineSettings, event::Start, filter::Filter, serve::HostPattern};

/// Where the metrics page is, and which hosts it answers there.
#[derive(Debug)]
pub(crate) struct MetricsSettings {
    pub(crate) address: SocketAddr,
    pub(crate) hosts: Vec<HostPattern>,
}

/// All that `rocketman tail` needs to begin.
#[derive(Debug)]
pub(crate) struct TailSettings {
    pub(crate) source: SourceSettings,
    pub(crate) filter: Filter,
    pub(crate) output: Output,
    pub(crate) cursor: Cursor,
    pub(crate) pipeline: PipelineSettings,
    /// With which probability deliveries fail on purpose, and the seed of that.
    pub(crate) fate: Option<(f64, u64)>,
    pub(crate) metrics: Option<MetricsSettings>,
    /// Where accounts may be read again.
    pub(crate) account_files: Option<AccountFiles>,
    /// What is read, with which effective filter, from where: the first line on stderr.
    pub(crate) introduction: String,
}

impl TailSettings {
    /// Checks everything that can be checked without the network. `now` is what ages are counted
    /// from.
    pub(crate) fn resolve(
        args: TailArgs,
        environment: &Environment,
        now: SystemTime,
    ) -> Result<Self, SettingsError> {
        let reserved = check(&args, environment)?;
        let is_kept = keeps_cursor(&args);
        let keeps_state = table::is_state(&args);
        let TailArgs {
            source,
            is_replay,
            filter,
            segments,
            history,
            position,
            #[cfg(feature = "nats")]
            kv_cursor,
            mut output,
            files,
            table,
            exec,
            http,
            stop,
            stream,
            connection,
            #[cfg(feature = "nats")]
            nats,
            #[cfg(feature = "nats")]
            stream_sink,
            operation,
            fate: FateArgs { fate, fate_seed },
        } = args;
        let kept = kept(position.cursor_file, environment);
        let (metrics, lag_alert) = watched(operation, environment)?;
        let wanted = Wanted::resolve(filter, environment)?.of_state(keeps_state);
        let typed = beginning(position.since.as_deref(), position.cursor.as_deref(), now)?;
        let start = typed.map(|typed| typed.start);
        let sources = or_variable(source, "ROCKETMAN_SOURCE", environment);
        let archive = history::among(&sources, is_replay, segments, history)?;
        let segments = segments::among(&sources, is_replay, segments)?;
        let are_segments = segments.is_some() || archive.is_some();
        let start_if_new = beginning_if_new(position.begin.as_deref(), is_kept, now)?;
        // What is on the disk begins before now.
        let until_us = end(stop.until.as_deref(), typed, is_kept || are_segments, now)?;
        let filter = wanted.filter(SourceSettings::is_shared_out(&sources));
        let (hint, account_files) = (wanted.hint(archive.is_some()), wanted.account_files.clone());
        let bad_events = output.bad_events.take();
        #[cfg(feature = "nats")]
        let given = nats::given(nats);
        let address = super::output::take_address(&mut output)?;
        let (raw, validate) = (output.raw, output.validate);
        let tables = TableFlags::new(table, environment, &sources);
        let http = HttpFlags::new(http, environment);
        let output = Output::resolve(output, &files, exec, http, tables, reserved)?;
        #[cfg(feature = "nats")]
        let carried = carried_subjects(&sources, &stream).filter(|_| address.is_some());
        #[cfg(feature = "nats")]
        let is_carried = carried.is_some();
        #[cfg(feature = "nats")]
        let nats = Nats::new(&given, &connection, environment);
        #[cfg(feature = "nats")]
        let output = nats.output(address, output, stream_sink, start.is_some(), carried)?;
        #[cfg(feature = "nats")]
        let kept = nats.cursor(kv_cursor)?.map_or(kept, Cursor::of_key);
        #[cfg(not(feature = "nats"))]
        refuse_nats(address.as_deref())?;
        let output = output.recalling(position.rewind);
        let reading = Reading {
            start,
            start_if_new,
            rewind: position.rewind,
            on_gap: position.on_gap,
            exit_at_end: stop.exit_at_end,
            until_us,
            raw,
            validate,
            bad_events,
            #[cfg(feature = "nats")]
            given,
            segments,
            archive,
            #[cfg(feature = "nats")]
            is_carried,
        };
        let source =
            SourceSettings::resolve(&sources, reading, stream, connection, wanted, environment)?;
        #[cfg(feature = "nats")]
        stream_roles::check(&source, &output, &kept)?;
        let if_new = source.start_if_new(start_if_new);
        let output = output.of_stream(source.stream(), &filter);
        let from = from(start, if_new, &kept, output.keeper());
        // Files and archives leave out by themselves what is later.
        let until_us = until_us.filter(|_| !are_segments);
        let pipeline = limits(&stop, until_us, lag_alert, position.save_interval);
        let introduction = introduction(&source.describe(), &filter, hint, &from) + output.remark();
        Ok(Self {
            source,
            filter,
            output,
            cursor: kept,
            pipeline,
            fate: fate.map(|likely| (likely, fate_seed.unwrap_or_else(|| fastrand::u64(..)))),
            metrics,
            account_files,
            introduction,
        })
    }
}

/// Refuses what does not go together, before any file is opened, let alone made. Returns files that
/// no output file may be.
fn check(args: &TailArgs, environment: &Environment) -> Result<Vec<PathBuf>, SettingsError> {
    table::check_cursor(args)?;
    let reserved = roles::of_tail(args, environment)?;
    #[cfg(feature = "nats")]
    refuse_useless(args, environment)?;
    Ok(reserved)
}

/// The file that keeps the place, if one was named.
fn kept(file: Option<PathBuf>, environment: &Environment) -> Cursor {
    file.map_or(Cursor::Nowhere, |path| {
        Cursor::File(in_state_directory(path, environment))
    })
}

/// Whether something keeps the place between two runs.
fn keeps_cursor(args: &TailArgs) -> bool {
    #[cfg(feature = "nats")]
    let has_key = args.kv_cursor.cursor_kv.is_some();
    #[cfg(not(feature = "nats"))]
    let has_key = false;
    has_key
        || args.position.cursor_file.is_some()
        || args.stream.durable.is_some()
        || args.output.output.as_deref().is_some_and(is_stream)
        || args
            .output
            .output
            .as_deref()
            .is_some_and(|output| table::database(output).is_some())
}

/// Refuses flags of NATS where nothing is of NATS, and where they exclude each other.
#[cfg(feature = "nats")]
fn refuse_useless(args: &TailArgs, environment: &Environment) -> Result<(), SettingsError> {
    let sources = or_variable(args.source.clone(), "ROCKETMAN_SOURCE", environment);
    let has_servers = args.kv_cursor.cursor_kv.is_some()
        || args.output.output.as_deref().is_some_and(is_stream)
        || sources.iter().any(|source| is_nats(source));
    if let (Some(flag), false) = (args.nats.typed, has_servers) {
        return Err(SettingsError::ForServers(flag));
    }
    if args.stream.durable.is_some() && args.position.on_gap == Some(OnGapArg::Fail) {
        return Err(SettingsError::GapOfDurable);
    }
    Ok(())
}

/// When the run ends, and how long its end may take.
fn limits(
    args: &StopArgs,
    until_us: Option<u64>,
    lag_alert: Option<Duration>,
    save_every: Duration,
) -> PipelineSettings {
    let &StopArgs {
        count,
        exit_at_end: _,
        until: _,
        duration,
        idle_timeout,
        max_lag,
        grace,
    } = args;
    PipelineSettings {
        count,
        duration,
        idle_timeout,
        max_lag,
        grace,
        until_us,
        lag_alert,
        save_every,
        ..PipelineSettings::default()
    }
}

/// Refuses an address of NATS, which this build cannot write to.
#[cfg(not(feature = "nats"))]
fn refuse_nats(address: Option<&str>) -> Result<(), SettingsError> {
    match address.map(rocketman::Shown::address) {
        Some(address) => Err(SettingsError::WithoutNats(address.to_string())),
        None => Ok(()),
    }
}

/// How it is watched over: the metrics page, and the lag that is alarming.
fn watched(
    args: OperationArgs,
    environment: &Environment,
) -> Result<(Option<MetricsSettings>, Option<Duration>), SettingsError> {
    let OperationArgs {
        metrics_addr,
        allow_host,
        lag_alert,
    } = args;
    if let Some(address) = metrics_addr {
        check_host_flag(&allow_host, address)?;
    }
    let hosts = allowed_hosts(allow_host, environment)?;
    let metrics = metrics_addr.map(|address| MetricsSettings { address, hosts });
    Ok((metrics, lag_alert))
}

fn from(
    start: Option<Start>,
    if_new: Option<Start>,
    cursor: &Cursor,
    keeper: Option<&str>,
) -> String {
    if let Some(start) = start {
        return from_start(start);
    }
    let if_new = if_new.map_or_else(|| "from now on".to_owned(), from_start);
    match cursor {
        Cursor::File(path) if path.exists() => format!("from the cursor in '{}'", path.display()),
        #[cfg(feature = "nats")]
        Cursor::Kv(settings) => format!("from the cursor '{}', or {if_new}", settings.address),
        Cursor::Nowhere | Cursor::File(_) => match keeper {
            Some(keeper) => format!("from {keeper}, or {if_new}"),
            None => if_new,
        },
    }
}

fn from_start(start: Start) -> String {
    match start {
        Start::OLDEST => "from the oldest event on".to_owned(),
        Start::Time(time_us) => format!("from {}", TimeUs(time_us)),
        Start::Seq(seq) => format!("from number {seq}"),
    }
}

fn introduction(what: &str, filter: &Filter, hint: &str, from: &str) -> String {
    format!("reading {what}: {}, {from}{hint}", filter.description())
}
