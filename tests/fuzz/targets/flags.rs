//! What can be typed: a whole command line with its environment, and single values.
//!
//! Input: how the rest is used, and the rest: one argument or `NAME=VALUE` a line; or a single
//! value; or a file of accounts.

#![no_main]

use std::{
    ffi::OsString,
    fs,
    os::unix::ffi::OsStringExt,
    path::PathBuf,
    sync::LazyLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use libfuzzer_sys::fuzz_target;
use rocketman::{
    PipelineSettings, Shown,
    event::{CollectionPattern, Did, Start},
    filter::Filter,
    source::jetstream::{Endpoint, JetstreamSettings},
};
use rocketman_fuzz::choice;

#[allow(dead_code, unused_imports, reason = "the program uses the rest")]
#[path = "../../../src/bin/rocketman/args/mod.rs"]
mod args;
#[allow(dead_code, unused_imports, reason = "the program uses the rest")]
#[path = "../../../src/bin/rocketman/platform/mod.rs"]
mod platform;
#[allow(dead_code, unused_imports, reason = "the program uses the rest")]
#[path = "../../../src/bin/rocketman/settings/mod.rs"]
mod settings;

use self::{
    args::{Cli, Command, TailArgs},
    settings::{
        CompareSettings, ComplySettings, CursorSettings, Environment, FoldSettings, HealthAddress,
        HealthSettings, ProbeSettings, ServeSettings, SettingsError, SourceSettings, TailSettings,
        Target, TimeUs,
    },
};

/// The last time that RFC 3339 can show in every time zone: the end of 9999, less a day and two
/// hours.
const LAST_TIME_US: u64 = 253_402_207_200_000_000;

static DIDS: LazyLock<PathBuf> = LazyLock::new(|| {
    std::env::temp_dir().join(format!("rocketman-fuzz-dids-{}", std::process::id()))
});

fuzz_target!(|input: &[u8]| {
    let mut input = input;
    match choice(&mut input) % 4 {
        0 => {
            if let Ok(text) = str::from_utf8(input) {
                value(text);
            }
        }
        1 => file_of_dids(input),
        2 => command_line(vec!["rocketman".into()], input),
        _ => command_line(vec!["rocketman".into(), "tail".into()], input),
    }
});

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// One value, as a time, a cursor and a name.
fn value(text: &str) {
    let time = TimeUs::parse(text, now()).map(|time| time.0);
    let start = Start::parse(text, now());
    if let Ok(time_us) = time {
        assert_eq!(start, Ok(Start::Time(time_us)), "a time is a cursor too");
    }
    match start {
        Ok(Start::Seq(seq)) => assert!(seq < 1_000_000_000_000_000 && text.parse() == Ok(seq)),
        Ok(Start::Time(time_us)) => {
            let again = TimeUs::parse(&TimeUs(time_us).to_string(), now()).map(|time| time.0);
            assert!(time_us > LAST_TIME_US || again == Ok(time_us), "{again:?}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(collection) = CollectionPattern::parse(text) {
        assert_eq!(
            (collection.as_str(), collection.to_string().as_str()),
            (text, text)
        );
        let prefix = collection.prefix();
        assert!(
            prefix.is_none_or(
                |prefix| text.strip_suffix('*') == Some(prefix) && prefix.ends_with('.')
            )
        );
    }
    if let Ok(did) = Did::parse(text) {
        assert_eq!((did.as_str(), did.to_string().as_str()), (text, text));
    }
}

/// A file of accounts names those that are in it, or is refused.
fn file_of_dids(contents: &[u8]) {
    fs::write(&*DIDS, contents).expect("the folder for temporary files can be written");
    let arguments =
        ["rocketman", "tail", "-d", &format!("@{}", DIDS.display())].map(OsString::from);
    match resolve(arguments, [], now()).expect("a good command line") {
        Ok(Resolved::Tail { source, .. }) => {
            let dids = &source.dids;
            assert!(!dids.is_empty() && dids.len() <= JetstreamSettings::MAX_DIDS);
            let text = String::from_utf8_lossy(contents);
            assert!(dids.iter().all(|did| text.contains(did.as_str())));
            assert!(dids.is_sorted());
        }
        Ok(_) => unreachable!("it is tail"),
        Err(message) => assert!(message.contains("--did"), "{message}"),
    }
}

fn command_line(mut arguments: Vec<OsString>, input: &[u8]) {
    let mut variables = Vec::new();
    for line in input.split(|byte| *byte == b'\n') {
        // Whatever file is named, no file of this machine is read.
        let line = match line.iter().position(|byte| *byte == b'@') {
            Some(at) => &line[..at],
            None => line,
        };
        let variable = str::from_utf8(line)
            .ok()
            .and_then(|line| line.split_once('='));
        match variable
            .filter(|(name, _)| name.ends_with("_PROXY") || name.starts_with("ROCKETMAN_"))
        {
            Some((name, value)) => variables.push((name.to_owned(), value.to_owned())),
            None => arguments.push(OsString::from_vec(line.to_vec())),
        }
    }
    match resolve(arguments, variables, now()) {
        Some(Ok(resolved)) => makes_sense(&resolved),
        Some(Err(message)) => assert!(!message.is_empty()),
        None => {}
    }
}

fn makes_sense(resolved: &Resolved) {
    match resolved {
        Resolved::Tail {
            source,
            filter,
            pipeline,
            introduction,
            is_demo,
        } => {
            assert_eq!(source.endpoints.is_empty(), *is_demo);
            assert!(source.max_frame_bytes > 0);
            assert!(source.collections.len() <= JetstreamSettings::MAX_COLLECTIONS);
            assert!(source.dids.len() <= JetstreamSettings::MAX_DIDS);
            if let (Some(Start::Time(since)), Some(until)) = (source.start, pipeline.until_us) {
                assert!(since < until);
            }
            assert!(introduction.contains(filter.description()));
            for duration in [source.frame_timeout, pipeline.save_every, pipeline.grace] {
                assert!(Instant::now().checked_add(duration).is_some());
            }
            let [frame_timeout, save_every] = [source.frame_timeout, pipeline.save_every];
            assert!(!source.connect_timeout.is_zero() && !frame_timeout.is_zero());
            assert!(!save_every.is_zero());
        }
        Resolved::Probe { endpoints, timeout } => {
            assert!(!endpoints.is_empty() && !timeout.is_zero());
        }
        Resolved::Cursor(start) => {
            let now_us = TimeUs::of(now()).map(|time| time.0);
            match start {
                Some(Start::Seq(seq)) => assert_ne!(*seq, 0),
                Some(Start::Time(time_us)) => {
                    assert!((1..=now_us.unwrap() + 60_000_000).contains(time_us))
                }
                None => {}
            }
        }
        Resolved::Other => {}
    }
}

/// What a command would begin with.
#[derive(Debug)]
enum Resolved {
    Tail {
        source: Box<JetstreamSettings>,
        filter: Box<Filter>,
        pipeline: PipelineSettings,
        introduction: String,
        is_demo: bool,
    },
    Probe {
        endpoints: Vec<Endpoint>,
        timeout: Duration,
    },
    /// Where a cursor is to be set to, if that is what is asked for.
    Cursor(Option<Start>),
    Other,
}

/// Parses a command line and checks it; `None` where it cannot be parsed. It makes no file.
fn resolve(
    arguments: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (String, String)>,
    now: SystemTime,
) -> Option<Result<Resolved, String>> {
    let command = Cli::try_parse_from(arguments).ok()?.command;
    let environment: Environment = variables.into_iter().collect();
    let resolved = match command {
        Command::Tail(args) => resolve_tail(*args, &environment, now),
        Command::Replay(args) => resolve_tail((*args).into(), &environment, now),
        Command::Probe(args) => {
            ProbeSettings::resolve(args, &environment).map(|settings| Resolved::Probe {
                endpoints: settings.servers.endpoints,
                timeout: settings.timeout,
            })
        }
        Command::Cursor { command } => {
            CursorSettings::resolve(command, &environment, now).map(|settings| match settings {
                CursorSettings::Move {
                    target: Target::Start(start, _),
                    ..
                } => Resolved::Cursor(Some(start)),
                _ => Resolved::Cursor(None),
            })
        }
        Command::Serve(args) => {
            ServeSettings::resolve(*args, &environment, now).map(|_| Resolved::Other)
        }
        Command::Compare(args) => {
            CompareSettings::resolve(*args, &environment, now).map(|_| Resolved::Other)
        }
        Command::Fold(args) => FoldSettings::resolve(*args, &environment).map(|_| Resolved::Other),
        Command::Comply(args) => {
            ComplySettings::resolve(args, &environment).map(|_| Resolved::Other)
        }
        Command::Health(args) => HealthSettings::resolve(args, &environment).map(|settings| {
            assert!(!settings.addresses.is_empty());
            for HealthAddress { host, port, path } in &settings.addresses {
                assert!(*port > 0 && !host.is_empty() && path.starts_with('/'));
                // They stand in the head of a request as they are.
                let mut letters = host.chars().chain(path.chars());
                assert!(
                    letters.all(|letter| letter.is_ascii_graphic()),
                    "{host} {path}"
                );
            }
            Resolved::Other
        }),
        Command::Check(_)
        | Command::Inspect(_)
        | Command::Pack(_)
        | Command::Completions { .. }
        | Command::Man { .. } => Ok(Resolved::Other),
    };
    Some(
        resolved
            .map_err(|error| format!("{}\n{:?}", Shown::error(&error).to_string(), error.hint())),
    )
}

/// What `tail` resolves to, and `replay`, which is `tail` with another source.
fn resolve_tail(
    mut args: TailArgs,
    environment: &Environment,
    now: SystemTime,
) -> Result<Resolved, SettingsError> {
    args.output.bad_events = None;
    args.exec.on_exec_error = None;
    args.history.key_file = None;
    TailSettings::resolve(args, environment, now).map(|settings| {
        let (source, is_demo) = match settings.source {
            SourceSettings::Jetstream(source) => (source, false),
            SourceSettings::Demo(_, source) => (source, true),
            #[cfg(feature = "nats")]
            SourceSettings::Nats(_) => return Resolved::Other,
            SourceSettings::Segments(_) => return Resolved::Other,
            SourceSettings::History(source)
            | SourceSettings::Price(source)
            | SourceSettings::Download(source, _) => {
                // The archive belongs to one service.
                let endpoints = &source.live.endpoints;
                assert!(endpoints.len() == 1 && endpoints.iter().all(Endpoint::is_service));
                return Resolved::Other;
            }
        };
        Resolved::Tail {
            source: Box::new(source),
            filter: Box::new(settings.filter),
            pipeline: settings.pipeline,
            introduction: settings.introduction,
            is_demo,
        }
    })
}
