//! What was found, for people and for scripts.

use std::path::Path;

use indicatif::HumanCount;
use serde::Serialize;

use super::{
    CheckError,
    found::{Form, Found, State, is_unfinished},
};
use crate::settings::TimeUs;
use rocketman::compressed::FrameFormat;

/// All that is reported of a file. The names are the keys of `--json`, which scripts rely on.
#[derive(Serialize)]
struct Shown<'a> {
    file: String,
    form: &'static str,
    state: &'static str,
    why: Option<&'a str>,
    unfinished: bool,
    in_use: bool,
    bytes: u64,
    whole_bytes: u64,
    frames: Option<u64>,
    events: u64,
    messages: u64,
    bad_lines: u64,
    first_bad_line: Option<u64>,
    first_time_us: Option<u64>,
    last_time_us: Option<u64>,
    times_back: u64,
    numbers_back: u64,
    repeats: u64,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Torn => "torn",
            Self::Damaged => "damaged",
            Self::Unreadable => "unreadable",
            Self::Repaired => "repaired",
        }
    }

    fn is_good(self) -> bool {
        matches!(self, Self::Whole | Self::Repaired)
    }
}

impl Found {
    /// One object on a line.
    pub(super) fn json(&self, path: &Path) -> String {
        let tally = &self.tally;
        let shown = Shown {
            file: path.to_string_lossy().into_owned(),
            form: match self.form {
                Form::Lines(FrameFormat::Plain) => "plain",
                Form::Lines(FrameFormat::Gzip) => "gzip",
                Form::Lines(FrameFormat::Zstd) => "zstd",
                Form::Table => "parquet",
            },
            state: self.state.word(),
            why: self.why.as_deref(),
            unfinished: is_unfinished(path),
            in_use: self.is_in_use,
            bytes: self.bytes,
            whole_bytes: self.whole_bytes,
            frames: (self.form != Form::Lines(FrameFormat::Plain)).then_some(self.frames),
            events: tally.events,
            messages: tally.messages,
            bad_lines: tally.bad_lines,
            first_bad_line: tally.first_bad_line,
            first_time_us: tally.first_time_us,
            last_time_us: tally.last_time_us,
            times_back: tally.times_back,
            numbers_back: tally.numbers_back,
            repeats: tally.repeats,
        };
        serde_json::to_string(&shown).expect("plain data with string keys is always JSON") + "\n"
    }

    /// One line for people.
    pub(super) fn text(&self, path: &Path) -> String {
        let tally = &self.tally;
        let file = path.to_string_lossy().escape_debug().to_string();
        let mut parts = Vec::new();
        if self.state != State::Unreadable {
            parts.extend(contents(tally.events, tally.messages));
        }
        if let (Some(first), Some(last)) = (tally.first_time_us, tally.last_time_us) {
            parts.push(format!("{} to {}", TimeUs(first), TimeUs(last)));
        }
        for (n, what) in [
            (tally.repeats, ["repeat", "repeats"]),
            (
                tally.times_back,
                ["time that goes back", "times that go back"],
            ),
            (
                tally.numbers_back,
                ["number that goes back", "numbers that go back"],
            ),
            (
                tally.bad_lines,
                ["line that is not an event", "lines that are not events"],
            ),
        ] {
            if n > 0 {
                parts.push(counted(n, what));
            }
        }
        if let Some(line) = tally.first_bad_line {
            parts.push(format!("the first is line {line}"));
        }
        if self.is_in_use {
            parts.push("being written to".to_owned());
        }
        let surplus = self.bytes.saturating_sub(self.whole_bytes);
        match self.state {
            State::Torn if surplus == 0 => {}
            State::Repaired if surplus == 0 => parts.push("an empty frame was written".to_owned()),
            State::Torn => parts.push(format!("{surplus} bytes after byte {}", self.whole_bytes)),
            State::Repaired => parts.push(format!("{surplus} bytes cut off")),
            State::Whole | State::Damaged | State::Unreadable => {}
        }
        let why = match &self.why {
            Some(why) => format!(" ({why})"),
            None => String::new(),
        };
        parts.insert(0, format!("{}{why}", self.state.word()));
        format!("{file}: {}\n", parts.join(", "))
    }
}

/// What was found of all files.
#[derive(Debug, Default)]
pub(super) struct Total {
    files: usize,
    bad: usize,
    any_torn: bool,
    events: u64,
    messages: u64,
    repeats: u64,
    first_time_us: Option<u64>,
    last_time_us: Option<u64>,
}

impl Total {
    pub(super) fn add(&mut self, found: &Found) {
        let tally = &found.tally;
        self.files += 1;
        self.bad += usize::from(!found.state.is_good());
        self.any_torn |= found.state == State::Torn;
        self.events += tally.events;
        self.messages += tally.messages;
        self.repeats += tally.repeats;
        let times = [self.first_time_us, tally.first_time_us];
        self.first_time_us = times.into_iter().flatten().min();
        self.last_time_us = self.last_time_us.max(tally.last_time_us);
    }

    pub(super) fn text(&self) -> String {
        let times = match (self.first_time_us, self.last_time_us) {
            (Some(first), Some(last)) => {
                format!(", {} to {}", TimeUs(first), TimeUs(last))
            }
            _ => String::new(),
        };
        format!(
            "{}: {}{times}, {}\n",
            counted(self.files as u64, ["file", "files"]),
            contents(self.events, self.messages).join(", "),
            counted(self.repeats, ["repeat", "repeats"]),
        )
    }

    pub(super) fn error(&self) -> Option<CheckError> {
        (self.bad > 0).then_some(CheckError::Damaged {
            bad: self.bad,
            all: self.files,
            any_torn: self.any_torn,
        })
    }
}

/// What files hold: events, and messages of NATS that are not.
fn contents(events: u64, messages: u64) -> Vec<String> {
    let events = (events > 0 || messages == 0).then(|| counted(events, ["event", "events"]));
    let messages =
        (messages > 0).then(|| counted(messages, ["message of NATS", "messages of NATS"]));
    events.into_iter().chain(messages).collect()
}

/// `1 event`, `1,240 events`.
fn counted(n: u64, [one, many]: [&str; 2]) -> String {
    format!("{} {}", HumanCount(n), if n == 1 { one } else { many })
}
