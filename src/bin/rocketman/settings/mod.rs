//! From what was typed, and the environment, to what is to be done: every check across flags, and
//! every default.

mod accounts;
mod address;
mod any_sink;
mod beginning;
mod calls;
mod compare;
mod comply;
mod cursor;
mod cursor_at;
mod demo;
mod environment;
mod error;
mod exec;
mod executable;
mod files;
mod filter;
mod fold;
mod format;
mod health;
mod history;
mod http;
mod live;
mod mistaken;
#[cfg(feature = "nats")]
mod nats;
mod output;
mod probe;
mod reading;
mod receiver;
mod roles;
mod segments;
mod serve;
mod source;
#[cfg(feature = "nats")]
mod stream;
#[cfg(feature = "nats")]
mod stream_roles;
mod suffix;
mod table;
mod tail;
mod time_us;

use std::path::{Path, PathBuf};

pub(crate) use self::{
    accounts::AccountFiles,
    calls::CallSettings,
    compare::{CompareSettings, Compared},
    comply::{ComplySettings, DeletionSource},
    cursor::{Cursor, CursorSettings, Target},
    cursor_at::CursorAt,
    environment::Environment,
    error::SettingsError,
    fold::FoldSettings,
    health::{HealthAddress, HealthSettings},
    live::{LiveSettings, Upstream},
    output::{AnySink, Output, Reopen},
    probe::ProbeSettings,
    receiver::ReceiverSettings,
    roles::{STDERR, STDOUT, of_recordings, of_segments, refuse_address},
    segments::refuse_segments,
    serve::{ServeSettings, Served},
    source::SourceSettings,
    tail::{MetricsSettings, TailSettings},
    time_us::TimeUs,
};

/// Where a service manager has made a folder for the state of a service, a relative path lies in
/// that folder (systemd.exec, `StateDirectory=`).
fn in_state_directory(path: PathBuf, environment: &Environment) -> PathBuf {
    match environment.get("STATE_DIRECTORY") {
        // Several folders are separated by colons; the first is the service's own.
        Some(folders) if !folders.is_empty() && path.is_relative() => {
            let first = folders.split(':').next().unwrap_or_default();
            Path::new(first).join(path)
        }
        _ => path,
    }
}
