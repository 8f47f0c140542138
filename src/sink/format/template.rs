//! A template: text as it is to be written, with parts of the event in it.

use std::io::Write as _;

use super::clock::Clock;
use crate::{
    event::{
        Event, Kind,
        field::Field,
        json::{Value, unescape},
    },
    sink::terminal::{show_json, show_text},
};

/// What is written one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// As it is, escapes resolved.
    Bytes(Vec<u8>),
    Part(Part),
    Field(Field),
    /// As it stands in the line, or `null`.
    Json(Field),
}

/// A part of an event that has a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Collection,
    Did,
    Line,
    Quoted,
    Rkey,
    Kind,
    TimeUs,
    Number,
    Operation,
    Rev,
    LocalTime,
    UtcTime,
    Uri,
}

/// The letter of each part, and what it is, in the order of the letters.
const LETTERS: [(char, Part, &str); 13] = [
    ('c', Part::Collection, "collection"),
    ('d', Part::Did, "account (DID)"),
    ('j', Part::Line, "the line of JSON"),
    ('J', Part::Quoted, "the line as a JSON string"),
    ('k', Part::Rkey, "record key"),
    ('K', Part::Kind, "kind"),
    ('m', Part::TimeUs, "microseconds"),
    ('n', Part::Number, "the server's number"),
    ('o', Part::Operation, "operation"),
    ('r', Part::Rev, "revision"),
    ('t', Part::LocalTime, "time of day here, 10:14:43"),
    ('T', Part::UtcTime, "UTC, 2026-11-29T10:14:43.123456Z"),
    ('u', Part::Uri, "at:// address of the record"),
];

pub(super) fn letters() -> impl ExactSizeIterator<Item = (char, &'static str)> {
    LETTERS.into_iter().map(|(letter, _, what)| (letter, what))
}

impl Part {
    fn of(letter: char) -> Option<Self> {
        let mut parts = LETTERS.into_iter();
        parts.find_map(|(of, part, _)| (of == letter).then_some(part))
    }
}

impl Template {
    /// Reads a template.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (mut pieces, mut bytes) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some(at) = rest.find(['%', '\\']) {
            let (plain, special) = rest.split_at(at);
            bytes.extend_from_slice(plain.as_bytes());
            let piece = match special.strip_prefix('%') {
                Some(special) => part(special)?,
                None => escape(special.strip_prefix('\\').unwrap_or_default())?,
            };
            rest = piece.1;
            match piece.0 {
                Piece::Bytes(more) => bytes.extend_from_slice(&more),
                piece => {
                    if !bytes.is_empty() {
                        pieces.push(Piece::Bytes(std::mem::take(&mut bytes)));
                    }
                    pieces.push(piece);
                }
            }
        }
        bytes.extend_from_slice(rest.as_bytes());
        if !bytes.is_empty() {
            pieces.push(Piece::Bytes(bytes));
        }
        Ok(Self(pieces))
    }

    /// Whether what is written of an event ends with a line end.
    pub(super) fn ends_lines(&self) -> bool {
        matches!(self.0.last(), Some(Piece::Bytes(bytes)) if bytes.ends_with(b"\n"))
    }

    /// Appends what is written of an event. `text` is memory for a while.
    pub(super) fn write(
        &self,
        event: &Event<'_>,
        is_shown: bool,
        clock: &mut Clock,
        text: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) {
        for piece in &self.0 {
            text.clear();
            match piece {
                Piece::Bytes(bytes) => {
                    // The user's own, colours included.
                    out.extend_from_slice(bytes);
                    continue;
                }
                Piece::Part(Part::Line) if is_shown => {
                    show_json(event.line(), out);
                    continue;
                }
                Piece::Part(part) => part.write(event, clock, text),
                Piece::Json(field) => match field.of(event) {
                    Some(Value::Text(raw)) => {
                        text.push(b'"');
                        text.extend_from_slice(raw);
                        text.push(b'"');
                    }
                    Some(Value::Other(json)) => text.extend_from_slice(json),
                    None => text.extend_from_slice(b"null"),
                },
                Piece::Field(field) => match field.of(event) {
                    Some(Value::Text(raw)) => unescape(raw, text),
                    Some(Value::Other(json)) => text.extend_from_slice(json),
                    None => {}
                },
            }
            if is_shown {
                show_text(text, out);
            } else {
                out.extend_from_slice(text);
            }
        }
    }
}

impl Part {
    fn write(self, event: &Event<'_>, clock: &mut Clock, out: &mut Vec<u8>) {
        let word = match self {
            Self::Collection => event.collection(),
            Self::Did => event.did(),
            Self::Rkey => event.rkey(),
            Self::Rev => event.rev(),
            Self::Kind => event.kind().as_str(),
            Self::Operation => event.operation().map_or("", |operation| operation.as_str()),
            Self::LocalTime => clock.local(event.time_us()),
            Self::UtcTime => return clock.write_utc(event.time_us(), out),
            Self::Line => return out.extend_from_slice(event.line()),
            // Writing to a Vec cannot fail.
            Self::Quoted => {
                return serde_json::to_writer(out, event.line_str()).unwrap_or_default();
            }
            Self::TimeUs => return write_number(event.time_us(), out),
            Self::Number => return event.seq().into_iter().for_each(|n| write_number(n, out)),
            Self::Uri => {
                if event.kind() == Kind::Commit {
                    for part in [
                        "at://",
                        event.did(),
                        "/",
                        event.collection(),
                        "/",
                        event.rkey(),
                    ] {
                        out.extend_from_slice(part.as_bytes());
                    }
                }
                return;
            }
        };
        out.extend_from_slice(word.as_bytes());
    }
}

fn write_number(number: u64, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    write!(out, "{number}").unwrap_or_default();
}

/// What follows a `%`, and what follows that.
fn part(text: &str) -> Result<(Piece, &str), String> {
    if let Some(path) = text.strip_prefix('{') {
        let (field, rest) = field(path)?;
        return Ok((Piece::Field(field), rest));
    }
    if let Some(path) = text.strip_prefix("J{") {
        let (field, rest) = field(path)?;
        return Ok((Piece::Json(field), rest));
    }
    let mut rest = text.chars();
    match rest.next() {
        Some('%') => Ok((Piece::Bytes(b"%".to_vec()), rest.as_str())),
        Some(letter) => {
            let part = Part::of(letter).ok_or_else(|| {
                let known = LETTERS.map(|(letter, ..)| letter.to_string()).join(" ");
                format!("'%{letter}' means nothing: there are {known}, %{{FIELD}}, and %% for a percent sign")
            })?;
            Ok((Piece::Part(part), rest.as_str()))
        }
        None => Err("a '%' stands at the end: write %% for a percent sign".to_owned()),
    }
}

/// A field up to its brace, and what follows that.
fn field(text: &str) -> Result<(Field, &str), String> {
    let Some((path, rest)) = text.split_once('}') else {
        return Err("'%{' has no '}': write a field such as %{commit.record.text}".to_owned());
    };
    Ok((Field::parse(path)?, rest))
}

/// A text without any event in it, escapes resolved.
#[cfg(feature = "http")]
pub(in crate::sink) fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut pieces = Template::parse(text)?.0.into_iter();
    match (pieces.next(), pieces.next()) {
        (None, _) => Ok(Vec::new()),
        (Some(Piece::Bytes(bytes)), None) => Ok(bytes),
        _ => {
            let letters = text.find('%').and_then(|at| text.get(at..at + 2));
            let letter = letters.unwrap_or("%");
            Err(format!(
                "'{letter}' means nothing in it: what is of each event stands in its format, and %% is a percent sign"
            ))
        }
    }
}

/// What follows a backslash, and what follows that.
fn escape(text: &str) -> Result<(Piece, &str), String> {
    let mut rest = text.chars();
    let byte = match rest.next() {
        Some('n') => b'\n',
        Some('t') => b'\t',
        Some('r') => b'\r',
        Some('0') => 0,
        Some('\\') => b'\\',
        Some('x') => {
            let digits = rest
                .as_str()
                .get(..2)
                .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            let byte = byte.ok_or("'\\x' takes two digits, such as \\x1b")?;
            let rest = rest.as_str().get(2..).unwrap_or_default();
            return Ok((Piece::Bytes(vec![byte]), rest));
        }
        other => {
            let typed = other.map(String::from).unwrap_or_default();
            return Err(format!(
                "'\\{typed}' means nothing: there are \\n, \\t, \\r, \\0, \\xNN, and \\\\ for a backslash"
            ));
        }
    };
    Ok((Piece::Bytes(vec![byte]), rest.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Batch;

    const POST: &str = r#"{"did":"did:plc:a","time_us":1800000000123456,"cursor":7,"kind":"commit","commit":{"rev":"3k","operation":"create","collection":"app.bsky.feed.post","rkey":"3l","record":{"text":"a\nb\u001b \"c\"","n":[1, 2]},"cid":"bafy"}}"#;
    const ACCOUNT: &str =
        r#"{"did":"did:plc:a","time_us":1,"kind":"account","account":{"active":true}}"#;

    fn written(template: &str, line: &str, is_shown: bool) -> Vec<u8> {
        let mut batch = Batch::new();
        batch.push(line.as_bytes()).unwrap();
        let event = batch.events().next().unwrap();
        let (mut text, mut out) = (Vec::new(), Vec::new());
        let template = Template::parse(template).unwrap();
        template.write(&event, is_shown, &mut Clock::new(), &mut text, &mut out);
        out
    }

    #[test]
    fn each_letter_is_a_part_of_the_event() {
        for (template, expected) in [
            ("%c|%d|%k|%K", "app.bsky.feed.post|did:plc:a|3l|commit"),
            ("%m %n %o %r", "1800000000123456 7 create 3k"),
            ("%T", "2027-01-15T08:00:00.123456Z"),
            ("%u", "at://did:plc:a/app.bsky.feed.post/3l"),
            ("%j", POST),
            ("%J{commit.record.text}", r#""a\nb\u001b \"c\"""#),
            ("%J{commit.record.n}%J{none}", "[1, 2]null"),
            ("100 %%", "100 %"),
            ("%{did} %{commit.record.n}", "did:plc:a [1, 2]"),
            ("%{/commit/record/n/1}%{none}%{commit.none}.", "2."),
            ("%{commit.record.text}", "a\nb\u{1b} \"c\""),
        ] {
            let written = written(template, POST, false);
            assert_eq!(String::from_utf8(written).unwrap(), expected, "{template}");
        }
        let quoted = written("%J", POST, false);
        assert_eq!(serde_json::from_slice::<String>(&quoted).unwrap(), POST);
        let clock = Clock::new().local(1_800_000_000_123_456).to_owned();
        assert_eq!(written("%t", POST, false), clock.as_bytes());
        let empty = written("%c%k%n%o%r%u%{commit.rkey}", ACCOUNT, false);
        assert_eq!(empty, b"");
    }

    #[test]
    fn escapes_are_bytes_and_all_else_stands_as_it_is() {
        assert_eq!(
            written(r"\n\t\r\0\\\x1b\xffé", POST, false),
            b"\n\t\r\0\\\x1b\xff\xc3\xa9"
        );
        assert!(Template::parse(r"%d\n").unwrap().ends_lines());
        for open in [r"%d", r"\n%d", r"%d\n ", ""] {
            assert!(!Template::parse(open).unwrap().ends_lines(), "{open}");
        }
    }

    #[test]
    fn what_a_terminal_acts_upon_is_only_the_templates_own() {
        let written = written("\\x1b[1m%{commit.record.text} %j", POST, true);
        let text = String::from_utf8(written).unwrap();
        assert_eq!(text, format!("\x1b[1ma\nb\\u001b \"c\" {POST}"));
    }

    #[test]
    fn what_means_nothing_is_refused_with_what_does() {
        for (template, words) in [
            (
                "%q",
                "'%q' means nothing: there are c d j J k K m n o r t T u, %{FIELD}",
            ),
            ("%é", "'%é' means nothing"),
            ("100%", "%% for a percent sign"),
            ("%{did", "'%{' has no '}'"),
            (
                "%{}",
                "'' is not a field: write a path such as commit.record.text",
            ),
            (r"\q", "'\\q' means nothing: there are \\n"),
            ("\\", "'\\' means nothing"),
            (r"\x1", "'\\x' takes two digits"),
            (r"\xé1", "'\\x' takes two digits"),
        ] {
            let error = Template::parse(template).unwrap_err();
            assert!(error.contains(words), "{template}: {error}");
        }
    }
}
