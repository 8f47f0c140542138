//! `rocketman cursor show`: what a cursor says, and what has become of the files it counts on.
//!
//! Reads and never writes, so that a process that has the cursor goes on as if nothing were.

use std::{fmt::Write as _, fs, io, path::Path};

use serde::Serialize;

use crate::settings::TimeUs;
use crate::{
    command::cursor::set::{MoveError, escaped},
    failure::Failure,
    platform::inode,
    settings::CursorAt,
    terminal::status_line::ago,
};
use rocketman::{
    Error,
    cursor::{Glimpse, Saved},
    event::{FileMark, Identity, Place, Position},
    table::sqlite,
};

/// All that is shown. The names are the keys of `--json`, which scripts rely on.
#[derive(Debug, Serialize)]
struct Report {
    file: Option<String>,
    key: Option<String>,
    place: &'static str,
    source: Option<String>,
    host: Option<String>,
    seq: Option<u64>,
    time_us: Option<u64>,
    time: Option<String>,
    age_seconds: Option<i64>,
    highest_us: Option<u64>,
    highest: Option<String>,
    first_us: Option<u64>,
    others: Vec<ServerReport>,
    identity: Option<Identity>,
    filter: Option<String>,
    files: Vec<FileReport>,
    in_use: Option<bool>,
}

/// Another server, and how far it was read.
#[derive(Debug, Serialize)]
struct ServerReport {
    source: String,
    host: String,
    seq: Option<u64>,
    time_us: u64,
    time: String,
}

/// An output file, as the cursor counts it and as it is.
#[derive(Debug, Serialize)]
struct FileReport {
    path: String,
    inode: u64,
    bytes: u64,
    length: Option<u64>,
    state: FileState,
}

/// What has become of an output file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum FileState {
    Same,
    Longer,
    Shorter,
    Missing,
    Other,
    Unreadable,
    Complete,
}

/// What stdout is to get.
pub(crate) async fn run(at: &CursorAt, json: bool) -> Result<String, Failure> {
    let look = async { Ok(at.look().await.map_err(Error::Cursor)?) };
    let Glimpse { saved, in_use } = at.in_time(look).await?;
    let saved = saved.ok_or_else(|| MoveError::Missing(at.clone()))?;
    let report = Report::new(at, &saved, in_use, TimeUs::now().0);
    Ok(report.text(json))
}

/// The same of the places in a database.
pub(crate) fn of_table(path: &Path, json: bool) -> Result<String, Failure> {
    let places = sqlite::look(path).map_err(Error::Cursor)?;
    if places.is_empty() {
        return Err(MoveError::NoPlace(path.to_owned()).into());
    }
    let mut texts = Vec::new();
    for Glimpse { saved, in_use } in places {
        let at = CursorAt::File(path.to_owned());
        let report = saved.map(|saved| Report::new(&at, &saved, in_use, TimeUs::now().0));
        texts.extend(report.map(|report| report.text(json)));
    }
    Ok(texts.join(if json { "" } else { "\n" }))
}

impl Report {
    /// With a line end.
    fn text(&self, json: bool) -> String {
        let text = if json {
            serde_json::to_string(self).expect("plain data with string keys is always JSON")
        } else {
            self.for_people()
        };
        text + "\n"
    }

    fn new(at: &CursorAt, saved: &Saved, in_use: Option<bool>, now_us: u64) -> Self {
        let Saved {
            place,
            trail,
            filter,
            files,
            note: _,
        } = saved;
        let known = |us: u64| (us > 0).then_some(us);
        let (kind, identity) = match place {
            Place::Reached(position) => match position.point.identity {
                Some(identity) => ("event", Some(identity)),
                None => ("beginning", None),
            },
            Place::Time { .. } => ("time", None),
            Place::Seq { .. } => ("seq", None),
        };
        let age = |time_us: u64| {
            let us = i128::from(now_us) - i128::from(time_us);
            i64::try_from(us / 1_000_000).ok()
        };
        Self {
            file: at.file(),
            key: at.key(),
            place: kind,
            source: place.origin().map(|origin| origin.source.to_string()),
            host: place.origin().map(|origin| origin.host.clone()),
            seq: place.seq(),
            time_us: place.time_us(),
            time: place.time_us().map(|time_us| TimeUs(time_us).to_string()),
            age_seconds: place.time_us().and_then(age),
            highest_us: known(trail.highest_us),
            highest: known(trail.highest_us).map(|time_us| TimeUs(time_us).to_string()),
            first_us: known(trail.first_us),
            others: trail.others.iter().map(ServerReport::new).collect(),
            identity,
            filter: filter.clone(),
            files: files.iter().map(FileReport::new).collect(),
            in_use,
        }
    }

    /// A line for each thing there is to say.
    fn for_people(&self) -> String {
        let source = self.source.as_deref().map(escaped).unwrap_or_default();
        let server = self.host.as_deref().map_or_else(
            || "any server".to_owned(),
            |host| format!("{} ({source})", escaped(host)),
        );
        let mut lines = vec![("server", server)];
        if let (Some(time), Some(time_us)) = (&self.time, self.time_us) {
            lines.push(("time", format!("{time} ({})", ago(time_us))));
        }
        if let Some(seq) = self.seq {
            lines.push(("number", seq.to_string()));
        }
        if let (Some(highest), Some(highest_us)) = (&self.highest, self.highest_us) {
            lines.push(("highest", format!("{highest} ({})", ago(highest_us))));
        }
        lines.push(("next run", self.next_run().to_owned()));
        lines.extend(
            self.others
                .iter()
                .map(|other| ("elsewhere", other.for_people())),
        );
        lines.push((
            "filter",
            self.filter
                .as_deref()
                .map_or_else(|| "none yet".to_owned(), escaped),
        ));
        lines.extend(self.files.iter().map(|file| ("output", file.for_people())));
        let in_use = match self.in_use {
            Some(true) => "yes, by a running process",
            Some(false) => "no",
            None if self.key.is_some() => "cannot tell: this user may not ask its owner",
            None => "cannot tell: its lock cannot be read",
        };
        lines.push(("in use", in_use.to_owned()));
        let mut text = String::new();
        for (label, value) in lines {
            // Writing to a String cannot fail.
            write!(text, "\n{label:<9} {value}").ok();
        }
        text.split_off(1)
    }

    /// How a run goes on from here.
    fn next_run(&self) -> &'static str {
        match (self.place, self.seq) {
            ("event", Some(_)) => {
                "goes on after the event of this number, which has to come again first"
            }
            ("event", None) => "goes on after the event of this time, which comes again first",
            ("beginning", Some(_)) => {
                "begins with the event of this number, which is not delivered yet"
            }
            ("beginning", None) => "begins with the first event of this time or later",
            ("time", _) => "begins with the first event of this time or later, as it was set",
            _ => {
                "begins with the event of this number, or the next one that is left, as it was set"
            }
        }
    }
}

impl ServerReport {
    fn new(position: &Position) -> Self {
        let Position { origin, point } = position;
        Self {
            source: origin.source.to_string(),
            host: origin.host.clone(),
            seq: point.seq,
            time_us: point.time_us,
            time: TimeUs(point.time_us).to_string(),
        }
    }

    fn for_people(&self) -> String {
        let (host, time) = (escaped(&self.host), &self.time);
        match self.seq {
            Some(seq) => format!("{host}: number {seq}, {time}"),
            None => format!("{host}: {time}"),
        }
    }
}

impl FileReport {
    fn new(mark: &FileMark) -> Self {
        let (length, state) = match fs::metadata(&mark.path) {
            // It has its name by now, or gets it with the next run.
            Err(_) if mark.complete => (None, FileState::Complete),
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => (None, FileState::Missing),
            Err(_) => (None, FileState::Unreadable),
            Ok(metadata) if inode(&metadata) != mark.inode => {
                (Some(metadata.len()), FileState::Other)
            }
            Ok(metadata) => {
                let state = match metadata.len().cmp(&mark.bytes) {
                    std::cmp::Ordering::Less => FileState::Shorter,
                    std::cmp::Ordering::Equal => FileState::Same,
                    std::cmp::Ordering::Greater => FileState::Longer,
                };
                (Some(metadata.len()), state)
            }
        };
        Self {
            path: mark.path.to_string_lossy().into_owned(),
            inode: mark.inode,
            bytes: mark.bytes,
            length,
            state,
        }
    }

    fn for_people(&self) -> String {
        let length = self.length.unwrap_or_default();
        let state = match self.state {
            FileState::Same => "matches the cursor".to_owned(),
            FileState::Longer => format!(
                "and {} more that the cursor does not count",
                length - self.bytes
            ),
            FileState::Shorter => format!("but the file has only {length}"),
            FileState::Missing => "but the file is missing".to_owned(),
            FileState::Other => "but another file has its name now".to_owned(),
            FileState::Unreadable => "but the file cannot be read".to_owned(),
            FileState::Complete => "complete".to_owned(),
        };
        format!("'{}': {} bytes, {state}", escaped(&self.path), self.bytes)
    }
}
