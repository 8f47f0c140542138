//! What the fuzz targets reach, and nobody else: compiled only for them, under `cfg(fuzzing)`.
//!
//! It decides nothing: it only makes nameable what is private. What has to hold stands in the targets, `tests/fuzz/targets`.

#![allow(missing_docs, reason = "nobody else sees it")]

use std::{
    ffi::OsString,
    path::Path,
    time::{Duration, SystemTime},
};

use clap::Parser;

/// What `serve` reads.
pub mod served {
    pub use crate::serve::fuzzing::{Asked, messages, query, request, served, update};
}
pub use crate::source::jetstream::fuzzing::{
    Answered, Begins, Came, Frames, Inflate, Known, Verdict, ask, request, route,
};
use crate::{
    cli::{Cli, Command},
    cursor::{CursorError, Saved, contents},
    event::{Envelope, Kind, Operation, Point, Start, envelope, scan},
    filter::Filter,
    log::chain,
    pipeline::PipelineSettings,
    settings::{
        CursorSettings, ProbeSettings, ServeSettings, SourceSettings, TailSettings, Target,
    },
    source::jetstream::{Endpoint, JetstreamSettings},
};

/// An envelope with its names.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    pub kind: Kind,
    pub operation: Option<Operation>,
    pub point: Point,
    /// DID, collection, record key and revision.
    pub names: [Vec<u8>; 4],
}

impl Read {
    fn new(envelope: &Envelope, line: &[u8], side: &[u8]) -> Self {
        let Envelope {
            kind,
            operation,
            point,
            did,
            collection,
            rkey,
            rev,
        } = *envelope;
        Self {
            kind,
            operation,
            point,
            names: [did, collection, rkey, rev].map(|span| span.of(line, side).to_vec()),
        }
    }
}

/// The fast way into an envelope.
pub fn scanned(line: &[u8]) -> Option<Read> {
    scan::commit(line).map(|envelope| Read::new(&envelope, line, &[]))
}

/// As much of a line as the fast way looks at, closed.
pub fn looked_at(line: &[u8]) -> Option<Vec<u8>> {
    let envelope = scan::commit(line)?;
    let names = line.get(..envelope.rkey.end())?;
    Some([names, b"\"}}"].concat())
}

/// The checked way into an envelope.
pub fn parsed(line: &[u8]) -> Option<Read> {
    let mut side = b"of another event".to_vec();
    let envelope = envelope::read(line, &mut side).ok()?;
    Some(Read::new(&envelope, line, &side))
}

/// What a cursor file says.
pub fn parse_cursor(text: &[u8]) -> Result<Saved, CursorError> {
    contents::parse(Path::new("cursor"), text)
}

/// What is written into a cursor file.
pub fn cursor_contents(saved: &Saved) -> Vec<u8> {
    contents::text(saved)
}

/// What a command would begin with.
#[derive(Debug)]
pub enum Resolved {
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
pub fn resolve(
    arguments: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (String, String)>,
    now: SystemTime,
) -> Option<Result<Resolved, String>> {
    let command = Cli::try_parse_from(arguments).ok()?.command;
    let environment = variables.into_iter().collect();
    let resolved = match command {
        Command::Tail(mut args) => {
            args.output.bad_events = None;
            args.exec.on_exec_error = None;
            TailSettings::resolve(*args, &environment, now).map(|settings| {
                let (source, is_demo) = match settings.source {
                    SourceSettings::Jetstream(source) => (source, false),
                    SourceSettings::Demo(_, source) => (source, true),
                    #[cfg(feature = "nats")]
                    SourceSettings::Nats(_) => return Resolved::Other,
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
        Command::Probe(args) => {
            ProbeSettings::resolve(args, &environment).map(|settings| Resolved::Probe {
                endpoints: settings.endpoints,
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
        Command::Serve(args) => ServeSettings::resolve(args, &environment).map(|_| Resolved::Other),
        Command::Check(_) | Command::Completions { .. } | Command::Man { .. } => {
            Ok(Resolved::Other)
        }
    };
    Some(resolved.map_err(|error| format!("{}\n{:?}", chain(&error), error.hint())))
}
