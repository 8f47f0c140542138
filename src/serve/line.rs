//! Where the two numbers of a line stand that a server may change: its time, and its `cursor`.

use std::{io::Write, ops::Range};

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The places of `time_us` and `cursor` in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// The digits of the time.
    time: Range<usize>,
    /// The digits of the number, and all that goes when it goes: its key, and the comma beside it.
    cursor: Option<(Range<usize>, Range<usize>)>,
}

#[derive(Deserialize)]
struct Numbers<'a> {
    #[serde(borrow)]
    time_us: &'a RawValue,
    #[serde(borrow, default, deserialize_with = "present")]
    cursor: Option<&'a RawValue>,
}

/// A value that is there, even if it is null: only nothing at all is `None`.
pub(super) fn present<'de, D: Deserializer<'de>>(
    value: D,
) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(value).map(Some)
}

impl Layout {
    /// Finds them; `None` where the line is no event.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        Self::scan(line).or_else(|| Self::parse(line))
    }

    /// In the servers' own order: `did`, `time_us`, perhaps `cursor`, then `kind`.
    fn scan(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"{\"did\":\"")?;
        let quote = memchr::memchr2(b'"', b'\\', rest)?;
        let rest = rest.get(quote..)?.strip_prefix(b"\",\"time_us\":")?;
        let at = line.len() - rest.len();
        let time = at..at + digits(rest);
        let rest = line.get(time.end..)?;
        let Some(number) = rest.strip_prefix(b",\"cursor\":") else {
            return rest
                .starts_with(b",\"kind\":")
                .then_some(Self { time, cursor: None });
        };
        let at = line.len() - number.len();
        let value = at..at + digits(number);
        let is_expected = !time.is_empty()
            && !value.is_empty()
            && line.get(value.end..)?.starts_with(b",\"kind\":");
        is_expected.then(|| Self {
            cursor: Some((value.clone(), time.end..value.end)),
            time,
        })
    }

    /// In any order.
    fn parse(line: &[u8]) -> Option<Self> {
        let numbers: Numbers<'_> = serde_json::from_slice(line).ok()?;
        let range = |text: &str| {
            let start = text.as_ptr() as usize - line.as_ptr() as usize;
            start..start + text.len()
        };
        let time = range(numbers.time_us.get());
        let cursor = match numbers.cursor {
            None => None,
            Some(cursor) => {
                let value = range(cursor.get());
                let key = key_before(line.get(..value.start)?)?;
                let before = line.get(..key)?.trim_ascii_end();
                let behind = line.get(value.end..)?;
                let whole = if before.ends_with(b",") {
                    before.len() - 1..value.end
                } else {
                    let comma = memchr::memchr(b',', behind)?;
                    key..value.end + comma + 1
                };
                Some((value, whole))
            }
        };
        Some(Self { time, cursor })
    }

    /// Appends the line with another time, and with this number or none.
    pub(super) fn rewrite(&self, line: &[u8], time_us: u64, seq: Option<u64>, out: &mut Vec<u8>) {
        let mut edits = [
            (self.time.clone(), Edit::Value(time_us)),
            (0..0, Edit::None),
        ];
        edits[1] = match (&self.cursor, seq) {
            (Some((value, _)), Some(seq)) => (value.clone(), Edit::Value(seq)),
            (Some((_, whole)), None) => (whole.clone(), Edit::None),
            (None, Some(seq)) => (self.time.end..self.time.end, Edit::Member(seq)),
            (None, None) => (self.time.end..self.time.end, Edit::None),
        };
        edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut from = 0;
        for (range, edit) in edits {
            out.extend_from_slice(line.get(from..range.start).unwrap_or_default());
            // Writing to a Vec cannot fail.
            match edit {
                Edit::Value(number) => write!(out, "{number}").ok(),
                Edit::Member(number) => write!(out, ",\"cursor\":{number}").ok(),
                Edit::None => None,
            };
            from = range.end;
        }
        out.extend_from_slice(line.get(from..).unwrap_or_default());
    }
}

/// Where the key begins that stands before a value. It may be written with escapes, but has no
/// quote in it.
fn key_before(line: &[u8]) -> Option<usize> {
    let line = line.trim_ascii_end().strip_suffix(b":")?;
    let key = line.trim_ascii_end().strip_suffix(b"\"")?;
    memchr::memrchr(b'"', key)
}

enum Edit {
    Value(u64),
    Member(u64),
    None,
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(line: &str, time_us: u64, seq: Option<u64>) -> String {
        let layout = Layout::read(line.as_bytes()).unwrap();
        if let Some(scanned) = Layout::scan(line.as_bytes()) {
            assert_eq!(Layout::parse(line.as_bytes()), Some(scanned), "{line}");
        }
        let mut out = Vec::new();
        layout.rewrite(line.as_bytes(), time_us, seq, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_replaced_added_and_taken_away_in_any_order() {
        let cases = [
            (
                r#"{"did":"a","time_us":1,"cursor":22,"kind":"x"}"#,
                Some(3),
                r#"{"did":"a","time_us":9,"cursor":3,"kind":"x"}"#,
            ),
            (
                r#"{"did":"a","time_us":1,"cursor":22,"kind":"x"}"#,
                None,
                r#"{"did":"a","time_us":9,"kind":"x"}"#,
            ),
            (
                r#"{"did":"a","time_us":1,"kind":"x"}"#,
                Some(3),
                r#"{"did":"a","time_us":9,"cursor":3,"kind":"x"}"#,
            ),
            (
                r#"{"did":"a","time_us":1,"kind":"x"}"#,
                None,
                r#"{"did":"a","time_us":9,"kind":"x"}"#,
            ),
            (
                r#"{"cursor":22,"kind":"x","did":"a","time_us":1}"#,
                Some(3),
                r#"{"cursor":3,"kind":"x","did":"a","time_us":9}"#,
            ),
            (
                r#"{"cursor":22,"kind":"x","did":"a","time_us":1}"#,
                None,
                r#"{"kind":"x","did":"a","time_us":9}"#,
            ),
            (
                r#"{"kind":"x", "time_us" : 1 , "cursor" : 22}"#,
                None,
                r#"{"kind":"x", "time_us" : 9 }"#,
            ),
            (
                r#"{"kind":"x","time_us":1}"#,
                Some(3),
                r#"{"kind":"x","time_us":9,"cursor":3}"#,
            ),
        ];
        for (line, seq, expected) in cases {
            assert_eq!(rewritten(line, 9, seq), expected, "{line}");
        }
    }

    #[test]
    fn a_key_that_is_written_with_escapes_goes_with_its_number() {
        for (line, expected) in [
            (
                r#"{"kind":"\"cursor\"","curs\u006fr" : 5,"time_us":1}"#,
                r#"{"kind":"\"cursor\"","time_us":9}"#,
            ),
            (
                r#"{"\u0063ursor":5,"kind":"x","time_us":1}"#,
                r#"{"kind":"x","time_us":9}"#,
            ),
        ] {
            assert_eq!(rewritten(line, 9, None), expected);
        }
    }

    #[test]
    fn a_record_that_speaks_of_cursors_is_left_alone() {
        let line = r#"{"record":{"cursor":1,"time_us":2},"time_us":1,"cursor":22}"#;
        let expected = r#"{"record":{"cursor":1,"time_us":2},"time_us":9,"cursor":3}"#;
        assert_eq!(rewritten(line, 9, Some(3)), expected);
    }
}
