//! `rocketman cursor set` and `rewind`: puts a cursor elsewhere, whole or not at all, and never
//! under the hands of a running process.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use humantime::format_duration;
use tracing::{info, warn};

use crate::settings::TimeUs;
use crate::{failure::Failure, settings::CursorAt, settings::Target, terminal::status_line::ago};
use rocketman::{
    Error, ErrorKind, PipelineSettings,
    cursor::{CursorStore, Saved},
    event::{FileMark, Origin, Place, Start, Trail},
};

/// Why a cursor stays where it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MoveError {
    #[error("there is no {0}")]
    Missing(CursorAt),
    #[error("no run has a place in database '{}'", .0.display())]
    NoPlace(PathBuf),
    #[error("{seq} is a number of one particular server, and there is no {at} that says of which")]
    NoServer { seq: u64, at: CursorAt },
    #[error("{seq} is a number of one particular server, and {at} names none")]
    AnyServer { seq: u64, at: CursorAt },
    #[error("{at} stands at number {seq}, whose time only its server knows")]
    NoTime { seq: u64, at: CursorAt },
    #[error("{} before {from} lies before 1970", format_duration(*back))]
    TooFar { from: String, back: Duration },
    #[error(
        "{at} counts on {}, and elsewhere in the stream events would come twice or not at all",
        list(files)
    )]
    HasFiles { at: CursorAt, files: Vec<FileMark> },
}

impl From<MoveError> for Failure {
    fn from(error: MoveError) -> Self {
        let hint = error.hint();
        Self::new(ErrorKind::Usage, error).hint(hint)
    }
}

impl MoveError {
    /// What to do about it.
    fn hint(&self) -> String {
        match self {
            Self::NoPlace(_) => {
                "rocketman tail keeps one there, and rocketman fold needs none".to_owned()
            }
            Self::Missing(at) => format!(
                "to make one, say where to begin: rocketman cursor set '{}' 2h",
                at.name()
            ),
            Self::NoServer { .. } | Self::AnyServer { .. } => {
                "name the server with --source, or give a time such as 2h".to_owned()
            }
            Self::NoTime { at, .. } => format!(
                "say where to begin: rocketman cursor set '{}' 2h",
                at.name()
            ),
            Self::TooFar { .. } => "servers keep a day or a day and a half".to_owned(),
            Self::HasFiles { .. } => {
                "with --forget-files it is moved all the same: the files stay as they are, and what is read next is appended".to_owned()
            }
        }
    }
}

/// Puts the cursor there, and says from where to where.
pub(crate) async fn run(
    at: &CursorAt,
    target: &Target,
    forget_files: bool,
) -> Result<ExitCode, Failure> {
    at.in_time(put(at, target, forget_files)).await
}

async fn put(at: &CursorAt, target: &Target, forget_files: bool) -> Result<ExitCode, Failure> {
    let found = at.look().await.map_err(Error::Cursor)?;
    if found.in_use != Some(true) {
        // Before a lock or a claim is made, so that what is refused leaves nothing behind.
        moved(at, found.saved.as_ref(), target, forget_files)?;
    }
    let mut store = at.open().map_err(Error::Cursor)?;
    let before = store.load().await.map_err(Error::Cursor)?;
    let after = moved(at, before.as_ref(), target, forget_files)?;
    store.save(&after).await.map_err(Error::Cursor)?;
    log_move(at, before.as_ref(), &after.place, target);
    Ok(ExitCode::SUCCESS)
}

/// What is to be saved.
fn moved(
    at: &CursorAt,
    before: Option<&Saved>,
    target: &Target,
    forget_files: bool,
) -> Result<Saved, MoveError> {
    let place = match (target, before) {
        (Target::Start(start, named), before) => set_to(at, before, *start, named.as_ref())?,
        (Target::Back(back), Some(before)) => back_from(at, before, *back)?,
        (Target::Back(_), None) => return Err(MoveError::Missing(at.clone())),
    };
    let files = before.map_or(&[][..], |before| &before.files);
    if !files.is_empty() && !forget_files {
        return Err(MoveError::HasFiles {
            at: at.clone(),
            files: files.to_vec(),
        });
    }
    Ok(Saved {
        place,
        // From here on everything is wanted, whatever was read before.
        trail: Trail::default(),
        filter: before.and_then(|before| before.filter.clone()),
        files: Vec::new(),
        note: None,
    })
}

/// A beginning of the named stream, or else of the one that the cursor was of.
fn set_to(
    at: &CursorAt,
    before: Option<&Saved>,
    start: Start,
    named: Option<&Origin>,
) -> Result<Place, MoveError> {
    let kept = before.and_then(|before| before.place.origin());
    let at = || at.clone();
    match (start, named.or(kept).cloned()) {
        (Start::Time(time_us), origin) => Ok(Place::Time { time_us, origin }),
        (Start::Seq(seq), Some(origin)) => Ok(Place::Seq { seq, origin }),
        (Start::Seq(seq), None) if before.is_some() => Err(MoveError::AnyServer { seq, at: at() }),
        (Start::Seq(seq), None) => Err(MoveError::NoServer { seq, at: at() }),
    }
}

/// A time before the highest that was read. Numbers and events belong to the place and are left
/// behind.
fn back_from(at: &CursorAt, before: &Saved, back: Duration) -> Result<Place, MoveError> {
    let Saved { place, trail, .. } = before;
    let highest_us = Some(trail.highest_us).filter(|highest_us| *highest_us > 0);
    let from_us = highest_us
        .or(place.time_us())
        .ok_or_else(|| MoveError::NoTime {
            seq: place.seq().unwrap_or_default(),
            at: at.clone(),
        })?;
    match from_us.checked_sub(TimeUs::micros(back)) {
        None | Some(0) => Err(MoveError::TooFar {
            from: stands_at(before),
            back,
        }),
        Some(time_us) => Ok(Place::Time {
            time_us,
            origin: place.origin().cloned(),
        }),
    }
}

/// The highest time that was read, or else the place.
fn stands_at(saved: &Saved) -> String {
    match saved.trail.highest_us {
        0 => saved.place.to_string(),
        highest_us => TimeUs(highest_us).to_string(),
    }
}

/// One line for the new place, and one for each file that is counted on no more.
fn log_move(at: &CursorAt, before: Option<&Saved>, to: &Place, target: &Target) {
    let (file, key, name) = (at.file(), at.key(), at.name());
    let what = if key.is_some() { "key" } else { "file" };
    let age = to
        .time_us()
        .map_or(String::new(), |time_us| format!(" ({})", ago(time_us)));
    let host = match to {
        Place::Seq { origin, .. } => format!(" of {}", escaped(&origin.host)),
        Place::Reached(_) | Place::Time { .. } => String::new(),
    };
    let from = before.map(stands_at);
    match (target, &from) {
        (Target::Back(back), Some(from)) => {
            let back = format_duration(*back);
            info!(target: PipelineSettings::STATE_TARGET, file, key, from, %to, "moved '{name}' back by {back}: from {from} to {to}{age}{host}");
        }
        (_, Some(from)) => {
            info!(target: PipelineSettings::STATE_TARGET, file, key, from, %to, "set '{name}' to {to}{age}{host}; it was at {from}");
        }
        (_, None) => {
            info!(target: PipelineSettings::STATE_TARGET, file, key, %to, "set '{name}' to {to}{age}{host}; it is a new {what}");
        }
    }
    for mark in before.map_or(&[][..], |before| &before.files) {
        let output = escaped(&mark.path.to_string_lossy());
        warn!(target: PipelineSettings::STATE_TARGET, output, "'{output}' stays as it is, and the cursor no longer counts on it: events may be in it twice, or not at all");
    }
}

/// Text from a cursor, which anything may have written.
pub(crate) fn escaped(text: &str) -> String {
    text.escape_debug().to_string()
}

/// The first of the files, and how many more there are.
fn list(files: &[FileMark]) -> String {
    let Some(first) = files.first() else {
        return String::new();
    };
    let others = match files.len() - 1 {
        0 => String::new(),
        1 => " and 1 other output file".to_owned(),
        n => format!(" and {n} other output files"),
    };
    format!(
        "output file '{}'{others}",
        escaped(&first.path.to_string_lossy())
    )
}
