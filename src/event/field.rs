//! A part of an event that is asked for by its name: a path of keys, or a pointer of JSON.

#[cfg(any(
    feature = "http",
    feature = "parquet",
    feature = "segments",
    feature = "sqlite"
))]
use std::borrow::Cow;

use super::{
    Event,
    json::{Step, Value, find, member},
};
use crate::log::address::Shown;

/// A path into the line of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    steps: Vec<Step>,
    /// It leads into the record of a commit.
    is_of_record: bool,
}

/// Where most paths lead to.
const RECORD: [&str; 2] = ["commit", "record"];

impl Field {
    /// Reads `commit.record.text`, or `/commit/record/text` for keys with dots in them.
    pub(crate) fn parse(path: &str) -> Result<Self, String> {
        let keys: Vec<_> = match path.strip_prefix('/') {
            Some(pointer) => {
                let keys = pointer.split('/');
                keys.map(|key| key.replace("~1", "/").replace("~0", "~"))
                    .collect()
            }
            None => path.split('.').map(str::to_owned).collect(),
        };
        if !path.starts_with('/') && keys.iter().any(String::is_empty) {
            return Err(format!(
                "'{}' is not a field: write a path such as commit.record.text, or /commit/record/text",
                Shown::address(path)
            ));
        }
        Ok(Self {
            is_of_record: keys.len() > RECORD.len() && keys.iter().zip(RECORD).all(|(a, b)| a == b),
            steps: keys.iter().map(|key| Step::new(key)).collect(),
        })
    }

    /// The value of an event.
    pub(crate) fn of<'a>(&self, event: &Event<'a>) -> Option<Value<'a>> {
        if self.is_of_record {
            return find(record(event)?, self.steps.get(RECORD.len()..)?);
        }
        find(event.line(), &self.steps)
    }
}

/// The record of a commit, and whatever follows it.
pub(crate) fn record<'a>(event: &Event<'a>) -> Option<&'a [u8]> {
    // The order of servers.
    if let Some(record) = event.after_rkey().strip_prefix(b"\",\"record\":") {
        return Some(record);
    }
    match member(event.line(), RECORD[0])? {
        Value::Other(commit) => match member(commit, RECORD[1])? {
            Value::Other(record) => Some(record),
            Value::Text(_) => None,
        },
        Value::Text(_) => None,
    }
}

/// What a string says whose escapes stand between its quotes; `None` where that is no text, such as
/// half a pair of surrogates.
#[cfg(any(
    feature = "http",
    feature = "parquet",
    feature = "segments",
    feature = "sqlite"
))]
pub(crate) fn text(raw: &[u8]) -> Option<Cow<'_, str>> {
    if !raw.contains(&b'\\') {
        return str::from_utf8(raw).ok().map(Cow::Borrowed);
    }
    let quoted = [b"\"", raw, b"\""].concat();
    serde_json::from_slice(&quoted).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Batch;

    fn found(line: &str, path: &str) -> Option<String> {
        let mut batch = Batch::new();
        batch.push(line.as_bytes()).unwrap();
        let event = batch.events().next().unwrap();
        match Field::parse(path).unwrap().of(&event)? {
            Value::Text(text) | Value::Other(text) => String::from_utf8(text.to_vec()).ok(),
        }
    }

    #[test]
    fn a_field_is_found_whatever_the_order_of_keys() {
        let usual = r#"{"did":"did:plc:a","time_us":1,"kind":"commit","commit":{"rev":"r","operation":"create","collection":"a.b.c","rkey":"1","record":{"a.b":{"/":"x~"},"text":"hi"},"cid":"bafy"}}"#;
        let other = r#"{"commit":{"record":{"text":"hi","a.b":{"/":"x~"}},"cid":"bafy","rkey":"1","collection":"a.b.c","operation":"create","rev":"r"},"kind":"commit","time_us":1,"did":"did:plc:a"}"#;
        for line in [usual, other] {
            for (path, expected) in [
                ("did", Some("did:plc:a")),
                ("commit.rkey", Some("1")),
                ("commit.cid", Some("bafy")),
                ("commit.record.text", Some("hi")),
                ("/commit/record/text", Some("hi")),
                ("/commit/record/a.b/~1", Some("x~")),
                ("commit.record.cid", None),
                ("commit.record.a.b", None),
                ("/", None),
            ] {
                assert_eq!(found(line, path).as_deref(), expected, "{path} in {line}");
            }
        }
        let delete = usual.replace(
            r#","record":{"a.b":{"/":"x~"},"text":"hi"},"cid":"bafy""#,
            "",
        );
        assert_eq!(found(&delete, "commit.record.text"), None);
        for bad in ["", ".", "a..b", "commit."] {
            assert!(Field::parse(bad).is_err(), "{bad}");
        }
    }
}
