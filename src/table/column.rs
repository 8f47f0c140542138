//! Columns of one's own: a value of the line, by its pointer, as a type.

use std::{borrow::Cow, fmt, str::FromStr};

use crate::{
    error::ParseError,
    event::{
        Event,
        field::{Field, text},
        json::Value,
    },
    log::address::Shown,
};

/// The longest name of a column.
const MAX_NAME: usize = 63;

/// The names of what a table has by itself, in any of its forms.
const TAKEN: [&str; 17] = [
    "cid",
    "collection",
    "detail",
    "did",
    "hidden",
    "id",
    "identity",
    "kind",
    "numbering",
    "operation",
    "record",
    "rev",
    "rkey",
    "rowid",
    "seq",
    "time",
    "uri",
];

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnType {
    /// A string.
    Text,
    /// A number without a fraction, in 64 bits with a sign.
    Integer,
    /// Any number, in 64 bits.
    Real,
    /// `true` or `false`.
    Boolean,
    /// A string that is a time as of RFC 3339, in microseconds since 1970.
    Time,
    /// Any value, as JSON.
    Json,
}

impl ColumnType {
    /// All of them, and their words on the command line.
    pub const ALL: [(Self, &str); 6] = [
        (Self::Text, "text"),
        (Self::Integer, "integer"),
        (Self::Real, "real"),
        (Self::Boolean, "boolean"),
        (Self::Time, "time"),
        (Self::Json, "json"),
    ];
}

/// A column that the user of a table adds to it.
///
/// ```
/// use rocketman::table::{Column, ColumnType};
///
/// let text: Column = "text=/commit/record/text".parse()?;
/// let width: Column = "width:integer=/commit/record/embed/aspectRatio/width".parse()?;
/// assert_eq!((text.name(), text.column_type()), ("text", ColumnType::Text));
/// assert_eq!(width.column_type(), ColumnType::Integer);
/// # Ok::<_, rocketman::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    name: String,
    kind: ColumnType,
    path: String,
    field: Field,
}

/// The value of one event in a column.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Cell<'a> {
    /// The event has none, or `null`.
    Missing,
    /// It is of another type, or cannot be held: a number beyond 64 bits, half a pair of
    /// surrogates.
    Unfit,
    /// Text, or JSON.
    Text(Cow<'a, str>),
    /// A number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// A truth value.
    Boolean(bool),
    /// A time in microseconds since 1970; earlier ones are negative.
    Time(i64),
}

impl Column {
    /// Its name: a letter or `_`, then letters, digits and `_`, at most 63 of them.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its values are.
    pub fn column_type(&self) -> ColumnType {
        self.kind
    }

    /// Where its values are, as it was typed.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value of an event.
    pub fn cell<'a>(&self, event: &Event<'a>) -> Cell<'a> {
        let Some(value) = self.field.of(event) else {
            return Cell::Missing;
        };
        self.typed(value).unwrap_or(Cell::Unfit)
    }

    fn typed<'a>(&self, value: Value<'a>) -> Option<Cell<'a>> {
        Some(match (self.kind, value) {
            (ColumnType::Text, Value::Text(raw)) => Cell::Text(text(raw)?),
            (ColumnType::Time, Value::Text(raw)) => {
                let time: jiff::Timestamp = text(raw)?.parse().ok()?;
                Cell::Time(time.as_microsecond())
            }
            (ColumnType::Json, Value::Text(raw)) => {
                Cell::Text(format!("\"{}\"", str::from_utf8(raw).ok()?).into())
            }
            (ColumnType::Json, Value::Other(json)) => Cell::Text(str::from_utf8(json).ok()?.into()),
            (ColumnType::Integer, Value::Other(json)) => {
                Cell::Integer(serde_json::from_slice(json).ok()?)
            }
            (ColumnType::Real, Value::Other(json)) => {
                Cell::Real(serde_json::from_slice(json).ok()?)
            }
            (ColumnType::Boolean, Value::Other(json)) => Cell::Boolean(match json {
                b"true" => true,
                b"false" => false,
                _ => return None,
            }),
            _ => return None,
        })
    }
}

/// Reads `NAME=POINTER` or `NAME:TYPE=POINTER`.
impl FromStr for Column {
    type Err = ParseError;

    fn from_str(typed: &str) -> Result<Self, ParseError> {
        let shown = Shown::address(typed);
        let Some((head, path)) = typed.split_once('=') else {
            return Err(ParseError::new(format!(
                "'{shown}' is no column: write NAME=POINTER or NAME:TYPE=POINTER, such as text=/commit/record/text"
            )));
        };
        let (name, word) = head.split_once(':').unwrap_or((head, "text"));
        let known = ColumnType::ALL
            .into_iter()
            .find(|(_, known)| *known == word);
        let Some((column_type, _)) = known else {
            let words = ColumnType::ALL.map(|(_, word)| word).join(", ");
            return Err(ParseError::new(format!(
                "'{}' in '{shown}' is no type of a column: choose one of {words}",
                Shown::address(word)
            )));
        };
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            kind: column_type,
            path: path.to_owned(),
            field: Field::parse(path).map_err(ParseError::new)?,
        })
    }
}

fn check_name(name: &str) -> Result<(), ParseError> {
    let shown = Shown::address(name);
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins = name
        .bytes()
        .next()
        .is_some_and(|byte| !byte.is_ascii_digit());
    if !begins || name.len() > MAX_NAME || !name.bytes().all(is_word) {
        return Err(ParseError::new(format!(
            "'{shown}' cannot name a column: use a letter or _, then letters, digits and _, at most {MAX_NAME}"
        )));
    }
    let lower = name.to_ascii_lowercase();
    if TAKEN.contains(&lower.as_str()) {
        return Err(ParseError::new(format!(
            "'{shown}' cannot name a column, as tables have one of that name already"
        )));
    }
    Ok(())
}

/// As it is typed, with its type.
impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = ColumnType::ALL
            .into_iter()
            .find(|(known, _)| *known == self.kind);
        let (_, word) = known.unwrap_or((ColumnType::Text, "text"));
        write!(f, "{}:{word}={}", self.name, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::OwnedEvent;

    const LINE: &str = r#"{"did":"did:plc:a","time_us":7,"kind":"commit","commit":{"rev":"3k","operation":"create","collection":"a.b.c","rkey":"k","record":{"text":"a\n\"b\"","n":12,"big":18446744073709551616,"half":"\ud800","x":1.5,"yes":true,"none":null,"at":"2027-01-15T08:00:00.123456+00:00","list":["ü",{}]},"cid":"bafy"}}"#;

    fn cell(typed: &str) -> Cell<'static> {
        let event = OwnedEvent::from_line(LINE).unwrap();
        let column: Column = typed.parse().unwrap();
        assert_eq!(column.to_string().parse(), Ok(column.clone()));
        match column.cell(&event.event()) {
            Cell::Text(text) => Cell::Text(text.into_owned().into()),
            Cell::Integer(n) => Cell::Integer(n),
            Cell::Real(x) => Cell::Real(x),
            Cell::Boolean(is) => Cell::Boolean(is),
            Cell::Time(us) => Cell::Time(us),
            Cell::Missing => Cell::Missing,
            Cell::Unfit => Cell::Unfit,
        }
    }

    #[test]
    fn a_value_is_of_the_type_that_was_asked_for_or_none() {
        let record = |column: &str, path: &str| cell(&format!("{column}=/commit/record/{path}"));
        assert_eq!(record("a", "text"), Cell::Text("a\n\"b\"".into()));
        assert_eq!(record("a:integer", "n"), Cell::Integer(12));
        assert_eq!(record("a:real", "n"), Cell::Real(12.0));
        assert_eq!(record("a:real", "x"), Cell::Real(1.5));
        assert_eq!(record("a:boolean", "yes"), Cell::Boolean(true));
        assert_eq!(record("a:time", "at"), Cell::Time(1_800_000_000_123_456));
        assert_eq!(record("a:json", "list"), Cell::Text(r#"["ü",{}]"#.into()));
        assert_eq!(record("a:json", "text"), Cell::Text(r#""a\n\"b\"""#.into()));
        assert_eq!(cell("a=did"), Cell::Text("did:plc:a".into()));
        for missing in ["none", "nowhere", "text/x"] {
            assert_eq!(record("a", missing), Cell::Missing, "{missing}");
        }
        for (kind, path) in [
            ("a", "n"),
            ("a", "half"),
            ("a", "list"),
            ("a:integer", "big"),
            ("a:integer", "x"),
            ("a:integer", "text"),
            ("a:boolean", "n"),
            ("a:time", "text"),
            ("a:real", "yes"),
        ] {
            assert_eq!(record(kind, path), Cell::Unfit, "{kind} {path}");
        }
    }

    #[test]
    fn what_is_no_column_is_refused_with_what_to_write() {
        for (typed, expected) in [
            ("text", "NAME=POINTER"),
            ("a:varchar=/x", "text, integer, real, boolean, time, json"),
            ("1a=/x", "cannot name a column"),
            ("a b=/x", "cannot name a column"),
            ("=/x", "cannot name a column"),
            ("Time=/x", "have one of that name"),
            ("a=x..y", "is not a field"),
        ] {
            let error = typed.parse::<Column>().unwrap_err().to_string();
            assert!(error.contains(expected), "{typed}: {error}");
        }
    }
}
