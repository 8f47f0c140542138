//! Why what was asked for makes no sense, and what to do about it.

use std::{io, path::PathBuf, time::Duration};

use super::mistaken::{Mistaken, hint_of_collection, hint_of_did};
use rocketman::{
    MemberError, ParseError,
    serve::{DemoError, FaultError, GateError},
};

/// What was asked for makes no sense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("{flag}")]
    Did {
        flag: &'static str,
        text: String,
        #[source]
        source: ParseError,
    },
    #[error("{flag}")]
    Collection {
        flag: &'static str,
        text: String,
        #[source]
        source: ParseError,
    },
    #[error("'{text}' is {}: a SOURCE is a server to read from", mistaken.word())]
    Mistaken { text: String, mistaken: Mistaken },
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
        source: ParseError,
    },
    #[error("--did: '{}' names no account", .0.display())]
    NoDid(PathBuf),
    #[error("{flag}")]
    Start {
        flag: &'static str,
        #[source]
        source: ParseError,
    },
    #[error("--begin is for a cursor that is kept, and none is")]
    BeginWithoutCursor,
    #[error("{flag}: {time} lies in the future")]
    Future { flag: &'static str, time: String },
    #[error("VALUE: '{0}' is no place: servers count from 1, and there is nothing before 1970")]
    Nothing(String),
    #[error(transparent)]
    Endpoint(ParseError),
    #[error(transparent)]
    Query(ParseError),
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error("--fault")]
    Fault(#[from] FaultError),
    #[error("{0}")]
    Gate(&'static str, #[source] GateError),
    #[error("demo: stands alone: '{0}' cannot be read with it")]
    MixedDemo(String),
    #[error("a live stream is served by itself: '{0}' cannot be served with it")]
    MixedLive(String),
    #[error("{0} is for live streams, and the source is not one")]
    ForLive(&'static str),
    #[error("{0} is for archive calls, and there are none {1}")]
    ForArchive(String, &'static str),
    #[error("--begin is for what can be read again, and stdin cannot")]
    BeginOfStdin,
    #[cfg(feature = "nats")]
    #[error("a stream of NATS stands alone: '{0}' cannot be read with it")]
    MixedNats(String),
    #[error("'{0}' is a stream of NATS, and only Jetstream servers are possible here")]
    OnlyJetstream(String),
    #[error("segment files are read by themselves: '{0}' cannot be read with them")]
    MixedSegments(String),
    #[error(
        "'{0}' has no archive: the history of a service is replayed, https://HOST, or segment files"
    )]
    NoReplay(String),
    #[error("the archive of a service is read by itself: '{0}' cannot be read with it")]
    MixedArchive(String),
    #[error("'{0}' is one wire, and the archive belongs to the service")]
    NoArchive(String),
    #[error(
        "--on-gap replay reads the archive of a service, and there is not one service as the source"
    )]
    ReplayOfGaps,
    #[error("{0} is for the archive of a service, and the source is none")]
    ForHistory(&'static str),
    #[error("{from} holds no key")]
    ArchiveKey { from: String, source: ParseError },
    #[error("--key-file: cannot read '{}'", path.display())]
    KeyFile { path: PathBuf, source: io::Error },
    #[error("{0} is for segment files, and the source is none")]
    ForSegments(&'static str),
    #[error("--before-seq {before} leaves nothing after --after-seq {after}")]
    NoNumbers { after: u64, before: u64 },
    #[error("'{path}' is of segment files, and rocketman {command} reads lines")]
    SegmentsForLines { command: &'static str, path: String },
    #[error("{0} is for servers, and segment files are on the disk")]
    NotForSegments(&'static str),
    #[error("{0} is for streams of NATS, and the source is not one")]
    ForNats(&'static str),
    #[cfg(feature = "nats")]
    #[error("{0} is for servers of NATS, and neither SOURCE, --output nor --cursor-kv names one")]
    ForServers(&'static str),
    #[cfg(feature = "nats")]
    #[error("{flag} is for a cursor in a bucket of NATS, and '{}' is a file", path.display())]
    ForKeys { flag: &'static str, path: PathBuf },
    #[cfg(feature = "nats")]
    #[error(
        "--on-gap fail does not go with --durable: what limits remove before any worker had it is not missed"
    )]
    GapOfDurable,
    #[error(
        "{place}: '{text}' is not where a rocketman listens: it is HOST:PORT, a port of this machine, or http://HOST:PORT"
    )]
    HealthAddress { place: &'static str, text: String },
    #[error("{0}: port 0 stands for any that was free")]
    AnyPort(&'static str),
    #[error("whom to ask is not said")]
    NoHealthAddress,
    #[error("--allow-host is for loopback addresses, and at {0} any host is answered")]
    AnyHost(std::net::SocketAddr),
    #[cfg(feature = "nats")]
    #[error("{0} is for Jetstream servers, and the source is a stream of NATS")]
    ForJetstream(&'static str),
    #[cfg(feature = "nats")]
    #[error("the subject has '{{shard}}' in it, and no --shard says which")]
    NoShard,
    #[cfg(feature = "nats")]
    #[error(
        "--durable: '{0}' is not the name of a consumer: it has to be of printable characters, without blanks, dots, '*', '>' and slashes"
    )]
    Durable(String),
    #[cfg(feature = "nats")]
    #[error("--envelope always hides events, and {0} has to look into them")]
    EnvelopeHides(&'static str),
    #[cfg(not(feature = "nats"))]
    #[error("'{0}' is an address of NATS, and this build has no NATS")]
    WithoutNats(String),
    #[cfg(feature = "nats")]
    #[error(transparent)]
    Nats(#[from] super::nats::ServerError),
    #[error(transparent)]
    Table(#[from] super::table::TableFlagError),
    #[error(transparent)]
    Http(#[from] super::http::HttpFlagError),
    #[error(transparent)]
    Comply(#[from] super::comply::ComplyFlagError),
    #[error("{0} is for recordings, and {1} is not one")]
    ForRecordings(&'static str, &'static str),
    #[error("the environment's proxy cannot be used")]
    Proxy(#[source] ParseError),
    #[error("{variable}: '{value}' is none of {}", allowed.join(", "))]
    Variable {
        variable: &'static str,
        value: String,
        allowed: &'static [&'static str],
    },
    #[error("--threads {0}: events of a server are inflated on 1 or 2 cores")]
    Threads(u8),
    #[error("--threads 2 inflates on a second core, and --no-compress leaves nothing to inflate")]
    NothingToInflate,
    #[error("{0} speaks of commits, and --kind leaves them out")]
    WithoutCommits(&'static str),
    #[error("--until {until} is not after {flag} {from}")]
    EndBeforeStart {
        until: String,
        flag: &'static str,
        from: String,
    },
    #[error(
        "nothing can be compared yet: an event waits {} for the other server, so give --since further back, or a smaller --slack",
        humantime::format_duration(*.0)
    )]
    NothingSettled(Duration),
    #[error("stdin is named twice, and can only be read once")]
    StdinTwice,
    #[error("--until {0} lies in the past, and the stream begins now")]
    EndBeforeNow(String),
    #[error("--print0 is for stdout; a file gets one line an event")]
    Print0ToFile,
    #[error("{flag}")]
    Format {
        flag: &'static str,
        #[source]
        source: ParseError,
    },
    #[error("--format {0} is a table, and no --fields say of what")]
    NoFields(String),
    #[error("{0} is for --format csv or tsv")]
    ForTables(&'static str),
    #[error("--format does not go with {0}")]
    FormatWith(&'static str),
    #[error("--output: '{}' ends in .{suffix}, and its rows are those of no --format {suffix}", path.display())]
    NoTable { path: PathBuf, suffix: String },
    #[error("--output: '{}'", path.display())]
    Pattern {
        path: PathBuf,
        #[source]
        source: ParseError,
    },
    #[error("--output: '{}' ends in .{suffix}, which is not written here", path.display())]
    Suffix { path: PathBuf, suffix: String },
    #[error("{flag}: '{}' ends in .{suffix}, and what is written is plain lines", path.display())]
    NotCompressed {
        flag: &'static str,
        path: PathBuf,
        suffix: String,
    },
    #[error("{what}: '{text}' is an address, and no file")]
    Address { what: &'static str, text: String },
    #[error("'{}' cannot be both {} and {}", path.display(), roles[0], roles[1])]
    SameFile {
        path: PathBuf,
        roles: [&'static str; 2],
    },
    #[cfg(feature = "nats")]
    #[error("stream '{stream}' cannot be both {} and {}", roles[0], roles[1])]
    SameStream {
        stream: String,
        roles: [&'static str; 2],
    },
    #[error("{0} is for output files")]
    ForFiles(&'static str),
    #[error("{0} is for files that end in .parquet, .zst or .gz")]
    ForCompressed(&'static str),
    #[error("--compression-level: {0} is too much for .gz, which takes 1 to 9")]
    GzipLevel(u32),
    #[error("{0} is for names with {{collection}} in them")]
    ForCollections(&'static str),
    #[error("--in-flight is for --exec-mode stream; a program for each event has one")]
    InFlight,
    #[error("{0} is the name of one event, and with --exec-mode stream a program gets many")]
    NameInStream(&'static str),
    #[error("--exec: the name of the program is empty")]
    NoProgram,
    #[error("--exec: cannot start '{program}'")]
    Program {
        program: String,
        /// Its first word is a program.
        is_a_line: bool,
        #[source]
        source: io::Error,
    },
    #[error("--exec: cannot start '{program}', whose first line names '{interpreter}'")]
    Interpreter {
        program: String,
        interpreter: String,
        /// The line ends as those of Windows do.
        ends_in_cr: bool,
        #[source]
        source: io::Error,
    },
    #[error("--exec: cannot start '{0}': it is a text, and its first line names no interpreter")]
    NoInterpreter(String),
    #[cfg(feature = "nats")]
    #[error("--on-undeliverable")]
    UndeliverableLetter(#[source] MemberError),
    #[error("--on-exec-error")]
    DeadLetter(#[source] MemberError),
    #[cfg(feature = "nats")]
    #[error("--output: the subject '{0}' is a pattern, and events are written to subjects")]
    Wildcard(String),
    #[cfg(feature = "nats")]
    #[error("--output: there is one subject that all others are written below")]
    Prefixes,
    #[cfg(feature = "nats")]
    #[error(
        "--partitions puts a number behind a prefix, and messages of a stream keep their subjects"
    )]
    NoPrefix,
    #[cfg(feature = "nats")]
    #[error("--create-stream: messages of a stream keep their subjects, and none is named")]
    NoSubjects,
    #[cfg(feature = "nats")]
    #[error("{0} is for an output to a stream of NATS")]
    NoStream(&'static str),
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
            Self::Table(error) => error.hint().map(str::to_owned),
            Self::Http(error) => error.hint().map(str::to_owned),
            Self::TooMany { .. } => Some("use prefixes such as 'app.bsky.*', or no --collection and a filter behind the pipe".to_owned()),
            Self::NoDid(_) => Some("write one DID a line; an empty list would mean every account".to_owned()),
            Self::Proxy(_) => Some("set it to http://HOST:PORT, or name the server in NO_PROXY".to_owned()),
            Self::Start { source, .. } => source.hint().map(str::to_owned),
            Self::EndBeforeNow(_) => Some("say where to begin with --since, or go on from a --cursor-file".to_owned()),
            Self::BeginWithoutCursor => Some("keep one with --cursor-file, or begin every run there with --cursor or --since".to_owned()),
            Self::Future { flag: "VALUE", .. } => Some("to begin with what comes next, set it to 0s".to_owned()),
            Self::Future { .. } => Some("write a time such as 2026-11-23T10:00:00Z, or an age such as 2h".to_owned()),
            Self::Nothing(_) => Some("give a time or an age; for all that a server has, an age such as 30d".to_owned()),
            Self::SegmentsForLines { command: "check", .. } => Some("rocketman inspect --verify says whether segment files are whole".to_owned()),
            Self::SegmentsForLines { .. } => Some("make lines of them: rocketman replay DIR -o FILE.ndjson.zst".to_owned()),
            Self::NothingToInflate | Self::FormatWith("--raw") => Some("leave one of the two off".to_owned()),
            Self::WithoutCommits(flag) => Some(format!("add --kind commit, or leave {flag} off")),
            Self::Did { text, .. } => hint_of_did(text),
            Self::DidFile { path, source } if source.kind() == io::ErrorKind::NotFound => {
                let name = path.to_string_lossy();
                hint_of_did(&name).or_else(|| Some("what follows the @ is the name of a file".to_owned()))
            }
            Self::Collection { text, .. } => hint_of_collection(text),
            Self::Mistaken { text, mistaken } => Some(mistaken.hint(text)),
            Self::Endpoint(source) => source.hint().map(str::to_owned),
            Self::NoProgram => Some("name a program; if its name comes out of a variable, that one is not set".to_owned()),
            Self::Program { is_a_line: true, .. } => Some("leave the quotes off: --exec takes a program and its arguments, and no line of a shell".to_owned()),
            Self::Program { .. } => Some("give it a program on your PATH, or the path of one that may be executed".to_owned()),
            Self::Interpreter { ends_in_cr: true, .. } => Some("its lines end in carriage returns, as on Windows: take them out, for example with dos2unix".to_owned()),
            Self::Interpreter { .. } => Some("write the path of one that is there, or #!/usr/bin/env and its name for one on your PATH".to_owned()),
            Self::NoInterpreter(_) => Some("begin it with a line such as #!/bin/sh, or name both: --exec sh FILE".to_owned()),
            Self::InFlight => Some("add --exec-mode stream, or run several with --jobs".to_owned()),
            Self::NameInStream(_) => Some("leave it out, and have the program read it from the line".to_owned()),
            Self::Query(_) => Some("say what to read with --collection, --did, --cursor and the other flags".to_owned()),
            Self::Demo(_) => Some("try demo: alone, or demo:?rate=1000&seed=7".to_owned()),
            Self::MixedLive(_) | Self::MixedSegments(_) | Self::MixedArchive(_) | Self::MixedDemo(_) => Some("run two processes, one for each".to_owned()),
            Self::ForLive(_) => Some("name one: a server such as https://HOST, a stream of NATS, or - for stdin".to_owned()),
            Self::ForArchive(..) => Some("serve a folder of segment files on both wires: rocketman serve DIR".to_owned()),
            Self::ForRecordings("--speed", "demo:") => Some("say how fast it is with demo:?rate=1000".to_owned()),
            Self::ForRecordings(_, "demo:") => Some("record it first: rocketman tail demo: -n 10000 -o FILE".to_owned()),
            Self::ForRecordings(..) => Some("record it first: rocketman tail SOURCE -o FILE".to_owned()),
            Self::OnlyJetstream(_) => Some("nats stream info STREAM looks at one; rocketman tail SOURCE --cursor N begins at a message".to_owned()),
            #[cfg(feature = "nats")]
            Self::ForServers(_) => Some("leave it off; streams are written nats://HOST/STREAM, and keys nats://HOST/BUCKET/KEY".to_owned()),
            #[cfg(feature = "nats")]
            Self::ForKeys { .. } => Some("leave it off; a key is written nats://HOST/BUCKET/KEY".to_owned()),
            #[cfg(feature = "nats")]
            Self::GapOfDurable => Some("leave one of the two off".to_owned()),
            Self::AnyPort(_) => Some("name the one that it says at its start, or give it one with --metrics-addr or --listen".to_owned()),
            Self::NoHealthAddress => Some("name what rocketman tail was given as --metrics-addr, or rocketman serve as --listen: rocketman health 127.0.0.1:9090".to_owned()),
            Self::AnyHost(_) => Some("listen at 127.0.0.1, or leave it off".to_owned()),
            Self::ForNats(_) => Some("name one as the SOURCE: nats://HOST/STREAM".to_owned()),
            #[cfg(feature = "nats")]
            Self::EnvelopeHides(_) => Some("choose messages by their subject instead: nats://HOST/STREAM?subject=FILTER".to_owned()),
            #[cfg(not(feature = "nats"))]
            Self::WithoutNats(_) => Some("build it with --features nats".to_owned()),
            #[cfg(feature = "nats")]
            Self::Nats(error) => error.hint().map(str::to_owned),
            #[cfg(feature = "nats")]
            Self::MixedNats(_) => Some("run two processes, one for each".to_owned()),
            Self::NotForSegments(_) | Self::ForSegments(_) => Some("leave it off".to_owned()),
            Self::NoReplay(_) => Some("streams are read by rocketman tail; a file of such a name is written ./NAME".to_owned()),
            Self::NoArchive(_) => Some("write https://HOST, or http://HOST for one without TLS".to_owned()),
            Self::ReplayOfGaps => Some("name it: rocketman tail https://HOST --on-gap replay".to_owned()),
            Self::ForHistory(_) => Some("leave it off, or name a service: rocketman replay https://HOST".to_owned()),
            Self::ArchiveKey { .. } => Some("it is one line of text, as the operator of the archive gave it; see bsky.network/account for the public one".to_owned()),
            Self::KeyFile { .. } => Some("name a file with the key and nothing else".to_owned()),
            Self::Comply(error) => Some(error.hint().to_owned()),
            Self::NoFields(format) => Some(format!("name them: --format {format} --fields did,commit.rkey,commit.record.text")),
            Self::ForTables(_) => Some("add --format csv, or leave it off".to_owned()),
            Self::FormatWith("--print0") => Some("leave --print0 off, and end a template with \\0".to_owned()),
            Self::FormatWith("--exec-mode stream") => Some("such a program answers line by line: leave --format off, and have it read what it needs from the line".to_owned()),
            Self::FormatWith(_) => Some("leave --format off: a stream holds events as they are".to_owned()),
            Self::NoTable { suffix, .. } => Some(format!("add --format {suffix} --fields did,commit.rkey,commit.record.text, or end it in .ndjson")),
            Self::Pattern { .. } => Some("write %% for a percent sign".to_owned()),
            Self::Suffix { .. } => Some("end it in .zst or .gz to have it compressed, in .ndjson for plain lines, or pipe stdout into the program that makes it".to_owned()),
            Self::NotCompressed { suffix, .. } => Some(format!("leave .{suffix} off")),
            Self::Address { what: "--output", .. } => Some("events go to stdout, to files, to programs, to sqlite:FILE, to https://HOST/PATH, to clickhouse://HOST/DATABASE/TABLE, and to streams of NATS: nats://HOST/STREAM".to_owned()),
            Self::Address { what: "--cursor-file", .. } => Some("a key of NATS is nats://HOST/BUCKET/KEY, and tail is given it with --cursor-kv; a file of such a name is written ./NAME".to_owned()),
            Self::Address { .. } => Some("name a file; one of such a name is written ./NAME".to_owned()),
            Self::SameFile { .. } => Some("give each a file of its own".to_owned()),
            #[cfg(feature = "nats")]
            Self::SameStream { .. } => Some("read from one stream, and write to another".to_owned()),
            Self::ForFiles(_) => Some("name one: --output FILE".to_owned()),
            Self::ForCompressed("--checkpoint") => Some("other files are made durable at the pace of the cursor: --save-interval".to_owned()),
            #[cfg(feature = "nats")]
            Self::Wildcard(_) => Some("name the words that all subjects are to begin with: ?subject=atproto".to_owned()),
            #[cfg(feature = "nats")]
            Self::NoPrefix => Some("put one before them: --output 'nats:STREAM?subject=PREFIX'".to_owned()),
            #[cfg(feature = "nats")]
            Self::NoSubjects => Some("name them in the SOURCE (nats:STREAM?subject=SUBJECT), or a prefix before them in --output".to_owned()),
            #[cfg(feature = "nats")]
            Self::NoStream(_) => Some("write to one with --output nats://HOST/STREAM".to_owned()),
            _ => None,
        }
    }
}
