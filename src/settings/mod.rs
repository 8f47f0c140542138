//! From what was typed, and the environment, to what is to be done: every check across flags, and every default.

mod cursor;
mod filter;
mod probe;
mod serve;

use std::{
    ffi::OsString,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

pub(crate) use self::cursor::{CursorSettings, Target};
use self::filter::{Wanted, or_variable};
pub(crate) use self::{
    probe::ProbeSettings,
    serve::{ServeSettings, Served},
};
use crate::{
    cli::{ConnectionArgs, OnGapArg, OperationArgs, OutputArgs, PositionArgs, StopArgs, TailArgs},
    event::{LineRules, NameError, Start, StartError, parse_time, show_time},
    filter::Filter,
    pipeline::PipelineSettings,
    serve::{Demo, DemoError, FaultError, Feed},
    source::{
        BadEventFile,
        jetstream::{Endpoint, EndpointError, JetstreamSettings, OnGap, Proxies, ProxyError},
    },
};

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    Stdout {
        print0: bool,
    },
    File(PathBuf),
    Exec {
        program: OsString,
        arguments: Vec<OsString>,
    },
}

/// All that `rocketman tail` needs to begin.
#[derive(Debug)]
pub(crate) struct TailSettings {
    pub(crate) source: JetstreamSettings,
    pub(crate) filter: Filter,
    pub(crate) output: Output,
    pub(crate) cursor_file: Option<PathBuf>,
    pub(crate) pipeline: PipelineSettings,
    pub(crate) metrics_addr: Option<SocketAddr>,
    /// The stream to invent, where that is the source.
    pub(crate) demo: Option<Demo>,
    /// What is read, with which effective filter, from where: the first line on stderr.
    pub(crate) introduction: String,
}

/// What was asked for makes no sense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("{flag}")]
    Name {
        flag: &'static str,
        #[source]
        source: NameError,
    },
    #[error("{flag}: {given} are too many: a server takes at most {most}")]
    TooMany {
        flag: &'static str,
        given: usize,
        most: usize,
    },
    #[error("--did: cannot read '{}'", path.display())]
    DidFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("--did: line {line} of '{}'", path.display())]
    DidLine {
        path: PathBuf,
        line: usize,
        #[source]
        source: NameError,
    },
    #[error("--did: '{}' names no account", .0.display())]
    NoDid(PathBuf),
    #[error("{flag}")]
    Start {
        flag: &'static str,
        #[source]
        source: StartError,
    },
    #[error("VALUE: {0} lies in the future")]
    Future(String),
    #[error("VALUE: '{0}' is no place: servers count from 1, and there is nothing before 1970")]
    Nothing(String),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error("--fault")]
    Fault(#[from] FaultError),
    #[error("demo: stands alone: '{0}' cannot be read with it")]
    MixedDemo(String),
    #[error("'{0}' is a server, and only recordings and demo: can be served")]
    ServesNoServers(String),
    #[error("{0} is for recordings, and demo: is none")]
    ForRecordings(&'static str),
    #[error("the environment's proxy cannot be used")]
    Proxy(#[from] ProxyError),
    #[error("{variable}: '{value}' is none of {}", allowed.join(", "))]
    Variable {
        variable: &'static str,
        value: String,
        allowed: &'static [&'static str],
    },
    #[error("--op speaks of commits, and --kind leaves them out")]
    OperationsWithoutCommits,
    #[error("--until {until} is not after --since {since}")]
    EndBeforeStart { until: String, since: String },
    #[error("--print0 is for stdout; a file gets one line an event")]
    Print0ToFile,
    #[error("--bad-events: cannot open '{}'", path.display())]
    BadEvents {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl SettingsError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::TooMany { flag: "--collection" | "ROCKETMAN_COLLECTION", .. } => Some("use prefixes such as 'app.bsky.*', or no --collection and a filter behind the pipe".to_owned()),
            Self::TooMany { .. } => Some("run several processes, each with a part of the accounts".to_owned()),
            Self::NoDid(_) => Some("write one DID a line; an empty list would mean every account".to_owned()),
            Self::Proxy(_) => Some("set it to http://HOST:PORT, or name the server in NO_PROXY".to_owned()),
            Self::Future(_) => Some("to begin with what comes next, set it to 0s".to_owned()),
            Self::Nothing(_) => Some("give a time or an age; for all that a server has, an age such as 30d".to_owned()),
            Self::OperationsWithoutCommits => Some("add --kind commit, or leave --op off".to_owned()),
            Self::Demo(_) => Some("try demo: alone, or demo:?rate=1000&seed=7".to_owned()),
            Self::ServesNoServers(_) => Some("record it first: rocketman tail SOURCE -o FILE".to_owned()),
            Self::ForRecordings("--speed") => Some("say how fast it is with demo:?rate=1000".to_owned()),
            Self::ForRecordings(_) => Some("record it first: rocketman tail demo: -n 10000 -o FILE".to_owned()),
            Self::MixedDemo(_) => Some("run two processes, one for each".to_owned()),
            _ => None,
        }
    }
}

impl TailSettings {
    /// Checks everything that can be checked without the network. `variable` looks up the environment; `now` is what ages are counted from.
    pub(crate) fn resolve(
        args: TailArgs,
        variable: impl Fn(&str) -> Option<String>,
        now: SystemTime,
    ) -> Result<Self, SettingsError> {
        let TailArgs {
            source,
            filter,
            position,
            mut output,
            stop,
            connection,
            operation: OperationArgs { metrics_addr },
        } = args;
        let PositionArgs {
            since,
            cursor_file,
            cursor,
            on_gap,
            save_interval,
            rewind,
        } = position;
        let StopArgs {
            count,
            exit_at_end,
            until,
            duration,
            idle_timeout,
            max_lag,
            grace,
        } = stop;
        let cursor_file = cursor_file.map(|path| in_state_directory(path, &variable));
        let wanted = Wanted::resolve(filter, &variable)?;
        let start = start(since.as_deref(), cursor.as_deref(), now)?;
        let until_us = until
            .as_deref()
            .map(|until| time("--until", until, now))
            .transpose()?;
        if let (Some(until_us), Some(Start::Time(since_us))) = (until_us, start)
            && until_us <= since_us
        {
            return Err(SettingsError::EndBeforeStart {
                until: show_time(until_us),
                since: show_time(since_us),
            });
        }
        let filter = Filter::new(
            &wanted.collections,
            &wanted.dids,
            &wanted.kinds,
            &wanted.operations,
        );
        let hides_kinds = wanted.hides_kinds;
        let bad_events = output.bad_events.take();
        let bad_events = bad_events.map(open_bad_events).transpose()?;
        let (output, rules) = resolve_output(output)?;
        let sources = or_variable(source, "ROCKETMAN_SOURCE", &variable);
        let demo = serve::demo(&sources)?;
        let source = JetstreamSettings {
            endpoints: match demo {
                // Known when it is served.
                Some(_) => Vec::new(),
                None => endpoints(&sources)?,
            },
            start,
            rewind,
            on_gap: match on_gap {
                OnGapArg::Warn => OnGap::Warn,
                OnGapArg::Fail => OnGap::Fail,
            },
            exit_at_end,
            rules,
            proxies: Proxies::from_env(&variable)?,
            bad_events,
            ..resolve_connection(connection, wanted)
        };
        let what = demo
            .as_ref()
            .map_or_else(|| servers(&source.endpoints), Feed::describe);
        let from = beginning(source.start, cursor_file.as_deref());
        let introduction = introduction(&what, &filter, hides_kinds, &from);
        let pipeline = PipelineSettings {
            count,
            until_us,
            duration,
            idle_timeout,
            max_lag,
            save_every: save_interval,
            grace,
        };
        Ok(Self {
            source,
            filter,
            output,
            cursor_file,
            pipeline,
            metrics_addr,
            demo,
            introduction,
        })
    }
}

fn resolve_output(args: OutputArgs) -> Result<(Output, LineRules), SettingsError> {
    let OutputArgs {
        output,
        exec,
        raw,
        print0,
        validate,
        bad_events: _,
    } = args;
    let mut exec = exec.into_iter();
    let output = match (exec.next(), output) {
        (Some(program), _) => Output::Exec {
            program,
            arguments: exec.collect(),
        },
        (None, Some(path)) if path != Path::new("-") => Output::File(path),
        (None, _) => Output::Stdout { print0 },
    };
    if print0 && matches!(output, Output::File(_)) {
        return Err(SettingsError::Print0ToFile);
    }
    Ok((output, LineRules { raw, validate }))
}

/// Where a service manager has made a folder for the state of a service, a relative path lies in that folder (systemd.exec, `StateDirectory=`).
fn in_state_directory(path: PathBuf, variable: &impl Fn(&str) -> Option<String>) -> PathBuf {
    match variable("STATE_DIRECTORY") {
        // Several folders are separated by colons; the first is the service's own.
        Some(folders) if !folders.is_empty() && path.is_relative() => {
            let first = folders.split(':').next().unwrap_or_default();
            Path::new(first).join(path)
        }
        _ => path,
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
    } = args;
    JetstreamSettings {
        collections: wanted.collections,
        dids: wanted.dids,
        max_message_bytes: max_message_size.unwrap_or_default(),
        max_frame_bytes: max_frame_size as usize,
        compress: !no_compress,
        connect_timeout,
        frame_timeout,
        max_retries,
        max_backoff,
        ..JetstreamSettings::default()
    }
}

fn start(
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

fn time(flag: &'static str, text: &str, now: SystemTime) -> Result<u64, SettingsError> {
    parse_time(text, now).map_err(|source| SettingsError::Start { flag, source })
}

fn endpoints(sources: &[String]) -> Result<Vec<Endpoint>, SettingsError> {
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

fn beginning(start: Option<Start>, cursor_file: Option<&Path>) -> String {
    match (start, cursor_file) {
        (Some(Start::Time(time_us)), _) => format!("from {}", show_time(time_us)),
        (Some(Start::Seq(seq)), _) => format!("from number {seq}"),
        (None, Some(path)) if path.exists() => {
            format!("from the cursor in '{}'", path.display())
        }
        (None, _) => "from now on".to_owned(),
    }
}

fn introduction(what: &str, filter: &Filter, hides_kinds: bool, from: &str) -> String {
    let hint = if hides_kinds {
        "; add --kind all to keep account, identity and sync events"
    } else {
        ""
    };
    format!("reading {what}: {}, {from}{hint}", filter.description())
}
