//! Files of one command line that something is written to: none has two roles, since one would
//! overwrite the other.

use std::path::{Path, PathBuf};

use super::{
    Environment, SettingsError, filter::or_variable, http, in_state_directory, segments, table,
};
#[cfg(feature = "nats")]
use crate::args::NatsArgs;
use crate::args::{ExecArgs, FileArgs, OnExecErrorArg, OnUndeliverableArg, TailArgs};
use rocketman::{
    Shown,
    cursor::FileCursor,
    segment::is_segment,
    sink::{FileSettings, Pattern},
};

/// Where stdout and stderr go, also where they were redirected to a file.
pub(crate) const STDOUT: &str = "/dev/stdout";
pub(crate) const STDERR: &str = "/dev/stderr";

/// A file, and what it is on the command line.
struct Role {
    what: &'static str,
    path: PathBuf,
    is_written: bool,
}

impl Role {
    fn written(what: &'static str, path: impl Into<PathBuf>) -> Self {
        Self {
            what,
            path: path.into(),
            is_written: true,
        }
    }

    fn read(what: &'static str, path: impl Into<PathBuf>) -> Self {
        Self {
            is_written: false,
            ..Self::written(what, path)
        }
    }
}

/// Refuses a file in two roles of `rocketman tail`, and returns those that no output file may be.
pub(super) fn of_tail(
    args: &TailArgs,
    environment: &Environment,
) -> Result<Vec<PathBuf>, SettingsError> {
    let mut roles = standard();
    if let Some(path) = &args.position.cursor_file {
        add_cursor(&in_state_directory(path.clone(), environment), &mut roles);
    }
    if let Some(path) = &args.output.bad_events {
        let mut aside = path.clone().into_os_string();
        aside.push(".1");
        roles.push(Role::written("--bad-events", path));
        roles.push(Role::written("what --bad-events puts aside", aside));
    }
    let ExecArgs { on_exec_error, .. } = &args.exec;
    if let Some(OnExecErrorArg::DeadLetter(path)) = on_exec_error {
        roles.push(Role::written("the file of --on-exec-error", path));
    }
    if let Some(OnExecErrorArg::DeadLetter(path)) = &args.http.on_http_error {
        roles.push(Role::written("the file of --on-http-error", path));
    }
    if let Some(path) = &args.http.http_header_file {
        roles.push(Role::read("--http-header-file", path));
    }
    if let Some(path) = &args.http.http_sign_file {
        roles.push(Role::read("--http-sign-file", path));
    }
    if let Some(OnUndeliverableArg::DeadLetter(path)) = &args.stream.on_undeliverable {
        roles.push(Role::written("the file of --on-undeliverable", path));
    }
    for list in &args.filter.did {
        roles.extend(list.strip_prefix('@').map(|path| Role::read("--did", path)));
    }
    #[cfg(feature = "nats")]
    add_credentials(&args.nats, &mut roles);
    check(&roles)?;
    let mut others: Vec<_> = roles.iter().map(|role| role.path.clone()).collect();
    if let Some(path) = fixed_output(args) {
        roles.push(Role::written("--output", path));
        check(&roles)?;
    }
    let sources = or_variable(args.source.clone(), "ROCKETMAN_SOURCE", environment);
    let files = segments::files_of(&sources, args.is_replay);
    check_read("a segment file", &files, &roles)?;
    // Names that end as those of segment files are refused as outputs anyway.
    others.extend(files.into_iter().filter(|path| !is_segment(path)));
    Ok(others)
}

/// Refuses what is printed of a cursor in the cursor itself.
pub(super) fn of_cursor(path: &Path) -> Result<(), SettingsError> {
    let mut roles = standard();
    add_cursor(path, &mut roles);
    check(&roles)
}

/// Refuses what is printed of a key in a file that says who you are.
#[cfg(feature = "nats")]
pub(super) fn of_key(args: &NatsArgs) -> Result<(), SettingsError> {
    let mut roles = standard();
    add_credentials(args, &mut roles);
    check(&roles)
}

/// Refuses what is printed in a recording that is read meanwhile.
pub(crate) fn of_recordings<'a>(
    recordings: impl IntoIterator<Item = &'a Path>,
) -> Result<(), SettingsError> {
    let recordings = recordings
        .into_iter()
        .filter(|path| *path != Path::new("-"));
    let recordings: Vec<_> = recordings.map(Path::to_owned).collect();
    for path in &recordings {
        refuse_address("a recording", path)?;
    }
    check_read("a recording", &recordings, &standard())
}

/// The same of segment files.
pub(crate) fn of_segments(files: &[PathBuf]) -> Result<(), SettingsError> {
    check_read("a segment file", files, &standard())
}

/// Refuses files that are read where they have another role in which they are written.
fn check_read(what: &'static str, files: &[PathBuf], roles: &[Role]) -> Result<(), SettingsError> {
    let written: Vec<_> = roles.iter().filter(|role| role.is_written).collect();
    for path in files {
        let other = written
            .iter()
            .find(|role| FileSettings::is_same_file(path, &role.path));
        if let Some(other) = other {
            return Err(SettingsError::SameFile {
                path: path.clone(),
                roles: [other.what, what],
            });
        }
    }
    Ok(())
}

fn standard() -> Vec<Role> {
    vec![
        Role::written("stdout", STDOUT),
        Role::written("stderr", STDERR),
    ]
}

fn add_cursor(path: &Path, roles: &mut Vec<Role>) {
    let names = [
        "--cursor-file",
        "the lock of --cursor-file",
        "the next version of --cursor-file",
    ];
    // A path that leads nowhere is refused where it is opened.
    let files = FileCursor::files(path).into_iter().flatten();
    roles.extend(
        names
            .into_iter()
            .zip(files)
            .map(|(what, path)| Role::written(what, path)),
    );
}

#[cfg(feature = "nats")]
fn add_credentials(args: &NatsArgs, roles: &mut Vec<Role>) {
    let files = [
        ("--creds", &args.creds),
        ("--nkey", &args.nkey),
        ("--tlscert", &args.tlscert),
        ("--tlskey", &args.tlskey),
        ("--tlsca", &args.tlsca),
    ];
    for (what, path) in files {
        roles.extend(path.as_ref().map(|path| Role::read(what, path)));
    }
}

/// Whether an output is a stream of NATS; a path would hardly begin like that.
pub(super) fn is_stream(output: &Path) -> bool {
    let text = output.to_str().unwrap_or_default();
    ["nats:", "nats+", "tls://", "ws://", "wss://"]
        .iter()
        .any(|start| text.starts_with(start))
}

/// The one file of `--output`, if it is one. The names of a pattern are looked at when they are
/// made.
fn fixed_output(args: &TailArgs) -> Option<PathBuf> {
    let FileArgs {
        rotate_size,
        rotate_every,
        rotate_count,
        ..
    } = args.files;
    let rotates = rotate_size.is_some() || rotate_every.is_some() || rotate_count.is_some();
    let path = args.output.output.as_deref();
    let path = path.filter(|path| *path != Path::new("-") && !rotates)?;
    if is_stream(path) || http::address(path).is_some() {
        return None;
    }
    if let Some(database) = table::database(path) {
        return Some(database.to_owned());
    }
    Pattern::parse(path).ok()?.as_fixed()
}

/// Refuses an address in place of a file; one with a password in it would be shown by whatever
/// fails on it.
pub(crate) fn refuse_address(what: &'static str, path: &Path) -> Result<(), SettingsError> {
    match path.to_str() {
        Some(text) if text.contains("://") || text.starts_with("sqlite:") => {
            Err(SettingsError::Address {
                what,
                text: Shown::address(text).to_string(),
            })
        }
        _ => Ok(()),
    }
}

/// Refuses two roles of which one is written to. What is only read may be the same, and stdout and
/// stderr often are.
fn check(roles: &[Role]) -> Result<(), SettingsError> {
    for role in roles {
        refuse_address(role.what, &role.path)?;
    }
    for (at, role) in roles.iter().enumerate() {
        let before = roles.iter().take(at).find(|other| {
            let are_standard = other.what == "stdout" && role.what == "stderr";
            (role.is_written || other.is_written)
                && !are_standard
                && FileSettings::is_same_file(&role.path, &other.path)
        });
        if let Some(other) = before {
            return Err(SettingsError::SameFile {
                path: role.path.clone(),
                roles: [other.what, role.what],
            });
        }
    }
    Ok(())
}
