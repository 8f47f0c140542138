//! One event a row, for people: when, what, who, and what it is about.

use std::fmt::Write as _;

use super::{
    clock::Clock,
    fit::{CUT, fit},
    paint::{BLUE, CYAN, DIM, GREEN, MAGENTA, PLAIN, RED, Style, YELLOW, paint},
};
use crate::{
    event::{
        Event, Kind, Operation,
        field::record,
        json::{Value, member, unescape},
    },
    sink::terminal::{acts, may_act},
};

/// In how many columns an account is shown whole.
const WIDE: usize = 110;

/// What is shown of an account elsewhere, besides the mark: enough to tell a few apart.
const SHORT_DID: usize = 15;

/// Most collections are shorter, so that what follows stands in a column.
const COLLECTION_COLUMNS: usize = 12;

/// Stands for a line end within a text.
const LINE_END: char = '↵';

/// Memory for more than a usual row is given back.
const KEPT_BYTES: usize = 64 * 1024;

/// Writes rows.
#[derive(Debug)]
pub(super) struct Rows {
    /// How wide they may be.
    columns: Option<usize>,
    has_colors: bool,
    clock: Clock,
    /// The row that is written, without colours.
    row: String,
    /// Where its parts end, and how they are shown.
    parts: Vec<(usize, Style)>,
    unescaped: Vec<u8>,
}

impl Rows {
    pub(super) fn new(has_colors: bool) -> Self {
        Self {
            columns: None,
            has_colors,
            clock: Clock::new(),
            row: String::new(),
            parts: Vec::new(),
            unescaped: Vec::new(),
        }
    }

    /// Cuts rows to this width.
    pub(super) fn set_columns(&mut self, columns: usize) {
        self.columns = Some(columns);
    }

    /// Appends the row of an event, with its line end.
    pub(super) fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        self.row.clear();
        self.parts.clear();
        self.row.push_str(self.clock.local(event.time_us()));
        self.end_part(DIM);
        match event.kind() {
            Kind::Commit => self.add_commit(event),
            Kind::Identity => self.add_account(event, "identity", "handle"),
            Kind::Account => self.add_account(event, "account", "status"),
            Kind::Sync => self.add_account(event, "sync", "rev"),
            Kind::Other => self.add_other(event),
        }
        let (len, is_cut) = match self.columns {
            Some(columns) => fit(&self.row, columns),
            None => (self.row.len(), false),
        };
        self.paint(len, out);
        if is_cut {
            out.extend_from_slice(CUT.as_bytes());
        }
        out.push(b'\n');
        self.row.shrink_to(KEPT_BYTES);
        self.unescaped.shrink_to(KEPT_BYTES);
    }

    fn add_commit(&mut self, event: &Event<'_>) {
        let (word, style) = match event.operation() {
            Some(Operation::Create) => ("create", GREEN),
            Some(Operation::Update) => ("update", YELLOW),
            Some(Operation::Delete) => ("delete", RED),
            Some(Operation::Other) | None => ("other ", PLAIN),
        };
        self.add(word, style);
        let collection = event.collection();
        let short = collection.strip_prefix("app.bsky.");
        let short = short.unwrap_or(collection);
        self.add_padded(short, COLLECTION_COLUMNS);
        self.add_did(event.did());
        let is_gone = event.operation() == Some(Operation::Delete);
        let record = record(event).filter(|_| !is_gone);
        if !record.is_some_and(|record| self.add_record(collection, record)) {
            self.add(event.rkey(), PLAIN);
        }
    }

    /// Adds what a record of a usual collection says. Returns whether it was anything.
    fn add_record(&mut self, collection: &str, record: &[u8]) -> bool {
        match collection {
            "app.bsky.feed.post" => self.add_post(record),
            "app.bsky.feed.like" | "app.bsky.feed.repost" => {
                let Some(Value::Other(subject)) = member(record, "subject") else {
                    return false;
                };
                self.add_text(member(subject, "uri"), "")
            }
            "app.bsky.graph.follow" | "app.bsky.graph.block" | "app.bsky.graph.listblock" => {
                self.add_text(member(record, "subject"), "")
            }
            "app.bsky.actor.profile" => {
                let has_name = self.add_text(member(record, "displayName"), "\"");
                self.add_text(member(record, "description"), "") || has_name
            }
            "app.bsky.graph.list" | "app.bsky.graph.starterpack" => {
                let has_name = self.add_text(member(record, "name"), "\"");
                self.add_text(after_last(member(record, "purpose"), b'#'), "") || has_name
            }
            "app.bsky.graph.listitem" => {
                let has_subject = self.add_text(member(record, "subject"), "");
                self.add_text(member(record, "list"), "") || has_subject
            }
            _ => false,
        }
    }

    /// Adds what a post says, and for one without words what it shows.
    fn add_post(&mut self, record: &[u8]) -> bool {
        match member(record, "text") {
            Some(Value::Text([])) => {}
            text => return self.add_text(text, "\""),
        }
        self.add("\"\"", PLAIN);
        if let Some(Value::Other(embed)) = member(record, "embed") {
            self.add_text(after_last(member(embed, "$type"), b'.'), "");
        }
        true
    }

    /// Adds an event of an account, with one thing of what it says.
    fn add_account(&mut self, event: &Event<'_>, kind: &str, key: &str) {
        self.add_kind(kind);
        self.add_did(event.did());
        let Some(Value::Other(payload)) = member(event.line(), kind) else {
            return;
        };
        let has_text = self.add_text(member(payload, key), "");
        match member(payload, "active") {
            Some(Value::Other(b"true")) if !has_text => self.add("active", GREEN),
            Some(Value::Other(b"false")) if !has_text => self.add("inactive", PLAIN),
            _ => {}
        }
    }

    /// Adds an event of a kind that is not known, or a message that is no event.
    fn add_other(&mut self, event: &Event<'_>) {
        if event.is_of_nobody() {
            self.add_kind("message");
            self.add(event.rkey(), PLAIN);
            self.add_text(member(event.line(), "data"), "");
            return;
        }
        let kind = match member(event.line(), "kind") {
            Some(Value::Text(kind)) => String::from_utf8_lossy(kind),
            _ => "other".into(),
        };
        self.add_kind(&kind);
        self.add_did(event.did());
    }

    /// Adds the kind of an event that is no commit, where those have operation and collection.
    fn add_kind(&mut self, kind: &str) {
        self.add_padded(kind, "create ".len() + COLLECTION_COLUMNS);
        if let Some((_, style)) = self.parts.last_mut() {
            *style = MAGENTA;
        }
    }

    fn add_padded(&mut self, text: &str, columns: usize) {
        self.add(text, CYAN);
        let padding = columns.saturating_sub(text.len());
        self.row.extend(std::iter::repeat_n(' ', padding));
    }

    fn add_did(&mut self, did: &str) {
        let is_narrow = self.columns.is_some_and(|columns| columns < WIDE);
        match did.get(..SHORT_DID) {
            Some(short) if is_narrow && did.len() > SHORT_DID + 1 => {
                self.row.push(' ');
                self.end_part(PLAIN);
                push_shown(short, &mut self.row);
                self.row.push_str(CUT);
                self.end_part(BLUE);
            }
            _ => self.add(did, BLUE),
        }
    }

    /// Adds a part, after a blank.
    fn add(&mut self, text: &str, style: Style) {
        self.row.push(' ');
        self.end_part(PLAIN);
        push_shown(text, &mut self.row);
        self.end_part(style);
    }

    /// Adds what a value says, between these quotes. Returns whether it was anything.
    fn add_text(&mut self, value: Option<Value<'_>>, quotes: &str) -> bool {
        let bytes = match value {
            None | Some(Value::Text([])) => return false,
            Some(Value::Other(json)) => json,
            Some(Value::Text(text)) if !text.contains(&b'\\') => text,
            Some(Value::Text(text)) => {
                self.unescaped.clear();
                unescape(text, &mut self.unescaped);
                &self.unescaped
            }
        };
        self.row.push(' ');
        self.row.push_str(quotes);
        match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => push_shown(text, &mut self.row),
            Err(_) => push_shown(&String::from_utf8_lossy(bytes), &mut self.row),
        }
        self.row.push_str(quotes);
        self.end_part(PLAIN);
        true
    }

    fn end_part(&mut self, style: Style) {
        self.parts.push((self.row.len(), style));
    }

    /// Appends the first bytes of the row, each part in its colour.
    fn paint(&self, len: usize, out: &mut Vec<u8>) {
        let row = self.row.as_bytes();
        if !self.has_colors {
            out.extend_from_slice(row.get(..len).unwrap_or_default());
            return;
        }
        let mut start = 0;
        for (end, style) in &self.parts {
            let part = row.get(start..len.min(*end)).unwrap_or_default();
            paint(part, *style, out);
            start = *end;
        }
    }
}

/// What follows the last of these bytes in a text.
fn after_last(value: Option<Value<'_>>, byte: u8) -> Option<Value<'_>> {
    match value? {
        Value::Text(text) => {
            let at = memchr::memrchr(byte, text).map_or(0, |at| at + 1);
            text.get(at..).map(Value::Text)
        }
        Value::Other(_) => None,
    }
}

/// Appends a text as a part of one row, without what a terminal acts upon.
fn push_shown(text: &str, row: &mut String) {
    if !text.bytes().any(may_act) {
        row.push_str(text);
        return;
    }
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => row.push(LINE_END),
            '\t' => row.push(' '),
            // Writing to a String cannot fail.
            c if acts(c) => write!(row, "\\u{:04x}", u32::from(c)).unwrap_or_default(),
            c => row.push(c),
        }
    }
}

#[cfg(test)]
mod tests;
