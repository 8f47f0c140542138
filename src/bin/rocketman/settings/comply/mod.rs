//! What `rocketman comply` needs, from what was typed.

mod error;

use std::path::{Path, PathBuf};

pub(crate) use self::error::ComplyFlagError;
use super::{
    Environment, SettingsError,
    filter::or_variable,
    history, in_state_directory,
    roles::of_recordings,
    source::{endpoints, is_nats},
    table,
};
use crate::args::{ComplyArgs, GoneArg};
use rocketman::{
    Shown,
    event::Kind,
    serve::Demo,
    source::{
        history::HistorySettings,
        jetstream::{Endpoint, JetstreamSettings, Proxies},
    },
};

/// How often a server is tried in vain.
const MAX_RETRIES: u32 = 5;

/// Where deletions are learnt from.
#[derive(Debug)]
pub(crate) enum DeletionSource {
    /// Recordings, tables, segment files, or a folder.
    Recorded(PathBuf),
    /// A database that holds a state.
    State(PathBuf),
    /// A server that has no archive.
    Server(Box<JetstreamSettings>),
    /// A service, whose archive has what its socket does not.
    Service(Box<HistorySettings>),
}

/// All that `rocketman comply` needs to begin.
#[derive(Debug)]
pub(crate) struct ComplySettings {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) deletions: Vec<DeletionSource>,
    pub(crate) cursor_files: Vec<PathBuf>,
    pub(crate) removes_hidden: bool,
    pub(crate) dry_run: bool,
    pub(crate) json: bool,
}

impl ComplySettings {
    /// Checks everything that can be checked without opening a file.
    pub(crate) fn resolve(
        args: ComplyArgs,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let ComplyArgs {
            path: paths,
            deletions,
            cursor_file,
            on_account_gone,
            dry_run,
            json,
        } = args;
        if paths.iter().any(|path| path == Path::new("-")) {
            return Err(ComplyFlagError::Stdin.into());
        }
        of_recordings(paths.iter().map(PathBuf::as_path))?;
        let deletions = or_variable(deletions, "ROCKETMAN_DELETIONS", environment);
        let deletions = deletions.into_iter().map(|text| source(text, environment));
        let cursor_files = cursor_file.into_iter();
        Ok(Self {
            paths,
            deletions: deletions.collect::<Result<_, _>>()?,
            cursor_files: cursor_files
                .map(|path| in_state_directory(path, environment))
                .collect(),
            removes_hidden: on_account_gone == Some(GoneArg::Remove),
            dry_run,
            json,
        })
    }
}

fn source(text: String, environment: &Environment) -> Result<DeletionSource, SettingsError> {
    let path = Path::new(&text);
    if let Some(path) = table::database(path) {
        return Ok(DeletionSource::State(path.to_owned()));
    }
    let is_address = text.contains("://") || is_nats(&text) || Demo::is_demo(&text);
    if !is_address && (text == "-" || text.contains('/') || path.exists()) {
        return Ok(DeletionSource::Recorded(path.to_owned()));
    }
    let sources = [text];
    let [text] = &sources;
    if Demo::is_demo(text) || is_nats(text) {
        return Err(ComplyFlagError::NoDeletions(Shown::address(text).to_string()).into());
    }
    let endpoints = endpoints(&sources)?;
    let proxies = Proxies::from_env(environment.lookup());
    proxies.check(&endpoints).map_err(SettingsError::Proxy)?;
    let is_service = endpoints.iter().all(Endpoint::is_service);
    let settings = JetstreamSettings {
        endpoints,
        kinds: vec![Kind::Commit, Kind::Account],
        exit_at_end: true,
        max_retries: Some(MAX_RETRIES),
        proxies,
        ..JetstreamSettings::default()
    };
    Ok(if is_service {
        let settings = history::after_gaps(&sources, settings, environment)?;
        DeletionSource::Service(Box::new(settings))
    } else {
        DeletionSource::Server(Box::new(settings))
    })
}
