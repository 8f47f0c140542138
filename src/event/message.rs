//! A message of NATS that is no event, as the line in an envelope that was recorded of it.

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};

use super::{Identity, Point};

/// What every such line has, and events do not.
#[derive(Deserialize)]
struct Line {
    seq: u64,
    #[serde(rename = "subject")]
    _subject: IgnoredAny,
    time: String,
    #[serde(rename = "headers")]
    _headers: BTreeMap<String, Vec<IgnoredAny>>,
    #[serde(rename = "type")]
    _event_type: Option<i64>,
    #[serde(rename = "key")]
    _key: IgnoredAny,
    #[serde(rename = "data")]
    _data: IgnoredAny,
}

impl Point {
    /// Where the message of NATS is that this line was recorded of; `None` for a line that is not
    /// the envelope of one.
    pub fn of_message(line: &[u8]) -> Option<Self> {
        if !line.starts_with(b"{\"seq\":") {
            return None;
        }
        let message: Line = serde_json::from_slice(line).ok()?;
        let time: jiff::Timestamp = message.time.parse().ok()?;
        Some(Self {
            seq: Some(message.seq),
            time_us: u64::try_from(time.as_microsecond()).ok()?,
            identity: Some(Identity::of_rest(line)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_envelope_of_a_message_is_one() {
        let line = r#"{"seq":9,"subject":"a\"b","time":"2027-01-15T08:00:00.123456789Z","headers":{"H":["1"]},"type":null,"key":"a","data":{"n":1}}"#;
        let point = Point::of_message(line.as_bytes()).unwrap();
        assert_eq!((point.seq, point.time_us), (Some(9), 1_800_000_000_123_456));
        assert_ne!(
            point.identity,
            Point::of_message(line.replace("9,", "8,").as_bytes())
                .unwrap()
                .identity
        );
        for other in [
            "",
            "{}",
            r#"{"seq":9}"#,
            line.strip_suffix("1}}").unwrap(),
            &line.replace("\"time\":\"", "\"time\":\"x"),
            &line.replace("\"data\"", "\"dat\""),
        ] {
            assert!(Point::of_message(other.as_bytes()).is_none(), "{other}");
        }
    }
}
