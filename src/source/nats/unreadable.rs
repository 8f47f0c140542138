//! Messages that the client library cannot take off the wire: it drops the connection at them, and
//! would do so again and again.
//!
//! It does not say why a connection was lost. What it cannot read is known, though, and the server
//! hands out a single message in a form that anybody can read: so the message where connections
//! were lost is fetched, and looked at by the library's own rules.

use std::{collections::BTreeMap, str::FromStr};

use async_nats::HeaderName;
use serde_json::{Value, json};

use crate::nats::{Connection, NO_SUCH_MESSAGE, RequestFailed, Stored, StoredMessage};

/// What the first line of headers begins with.
const VERSION: &str = "NATS/1.0";

impl StoredMessage {
    /// The first message from this number on that has one of these subjects; of any where there are
    /// none.
    pub(super) async fn next(
        connection: &Connection,
        stream: &str,
        subjects: &[String],
        seq: u64,
    ) -> Result<Option<Self>, RequestFailed> {
        let any = [">".to_owned()];
        let subjects = if subjects.is_empty() { &any } else { subjects };
        let mut first: Option<Self> = None;
        for subject in subjects {
            let request = json!({ "seq": seq, "next_by_subj": subject });
            let name = format!("STREAM.MSG.GET.{stream}");
            match connection.request::<Stored>(&name, &request).await {
                Ok(Stored { message }) => {
                    if first.as_ref().is_none_or(|first| message.seq < first.seq) {
                        first = Some(message);
                    }
                }
                Err(RequestFailed::Answer(error)) if error.error_code().0 == NO_SUCH_MESSAGE => {}
                Err(failed) => return Err(failed),
            }
        }
        Ok(first)
    }

    /// Why the client library cannot read it; `None` where it can.
    pub(super) async fn flaw(
        &self,
        connection: &Connection,
        stream: &str,
    ) -> Result<Option<&'static str>, RequestFailed> {
        if self.subject.contains(char::REPLACEMENT_CHARACTER) {
            // A subject may have that mark itself: then the message is found under it.
            let subject = [self.subject.clone()];
            let found = Self::next(connection, stream, &subject, self.seq).await?;
            if found.is_none_or(|found| found.seq != self.seq) {
                return Ok(Some("its subject is not UTF-8"));
            }
        }
        Ok(flaw(&self.subject, &self.headers()))
    }

    /// What it is, as far as it is kept of a bad message: its subject and number, its headers, its
    /// payload.
    pub(super) fn raw(&self) -> Vec<u8> {
        let first = format!("{} {}\r\n", self.subject, self.seq);
        [first.into_bytes(), self.headers(), self.payload()].concat()
    }

    /// The message in an envelope: with the headers that can be read, and beside them all of them
    /// in Base64.
    pub(super) fn enveloped(&self) -> Vec<u8> {
        let (headers, payload) = (self.headers(), self.payload());
        let text = String::from_utf8_lossy(&headers);
        let mut readable = BTreeMap::<&str, Vec<&str>>::new();
        for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
            readable.entry(name).or_default().push(value.trim());
        }
        let mut envelope = json!({
            "seq": self.seq,
            "subject": self.subject,
            "time": self.time,
            "headers": readable,
            "raw_headers": self.hdrs,
            "key": self.subject,
        });
        envelope["data"] = if let Ok(text) = str::from_utf8(&payload) {
            serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
        } else {
            envelope["encoding"] = "base64".into();
            Value::from(self.data.as_str())
        };
        serde_json::to_vec(&envelope).expect("plain data is always JSON")
    }
}

/// Why async-nats 0.51 cannot read a message with this subject and these headers.
fn flaw(subject: &str, headers: &[u8]) -> Option<&'static str> {
    if headers.is_empty() {
        return None;
    }
    if subject.chars().any(char::is_whitespace) {
        return Some("it has headers, and a blank of another script in its subject");
    }
    let Ok(headers) = str::from_utf8(headers) else {
        return Some("its headers are not UTF-8");
    };
    let mut lines = headers.lines();
    if !lines.next().is_some_and(|line| line.starts_with(VERSION)) {
        return Some("its headers do not begin with NATS/1.0");
    }
    let mut is_continued = false;
    for line in lines.filter(|line| !line.is_empty()) {
        if is_continued && line.starts_with(char::is_whitespace) {
            continue;
        }
        is_continued = true;
        match line.split_once(':') {
            None => return Some("a line of its headers has no colon"),
            Some((name, _)) if HeaderName::from_str(name).is_err() => {
                return Some("the name of a header has a blank, or a letter that is not ASCII");
            }
            Some(_) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_library_cannot_read_is_told() {
        let flawed: [(&str, &[u8]); 7] = [
            ("s.a\u{a0}b", b"NATS/1.0\r\nA: b\r\n\r\n"),
            ("s.a", b"NATS/1.0\r\nA: \xe9\r\n\r\n"),
            ("s.a", b"NATS/1.0\r\nA b: c\r\n\r\n"),
            ("s.a", "NATS/1.0\r\nÄ: c\r\n\r\n".as_bytes()),
            ("s.a", b"NATS/1.0\r\nA\r\n\r\n"),
            ("s.a", b"HTTP/1.1\r\nA: b\r\n\r\n"),
            ("s.a", b"\r\n"),
        ];
        for (subject, headers) in flawed {
            assert!(flaw(subject, headers).is_some(), "{subject} {headers:?}");
        }
        let fine: [(&str, &[u8]); 6] = [
            ("s.a\u{a0}b", b""),
            ("s.a", b"NATS/1.0\r\nA: b\r\nA:\r\n\r\n"),
            ("s.a", b"NATS/1.0\r\nA: b\r\n  c d\r\n\r\n"),
            ("s.a", "NATS/1.0\r\nA: ä\r\n\r\n".as_bytes()),
            ("s.\u{fffd}", b"NATS/1.0 503\r\n\r\n"),
            ("s.a", b"NATS/1.0 100 Idle Heartbeat\r\n\r\n"),
        ];
        for (subject, headers) in fine {
            assert_eq!(flaw(subject, headers), None, "{subject} {headers:?}");
        }
    }
}
