//! A message in an envelope: `{seq, subject, time, headers, type, key, data}`, always with all of
//! them and in this order.
//!
//! Type and key are what rjet makes of a message: the number in its header `reflex_type`, and its
//! subject.

use std::{collections::BTreeMap, io::Write};

use data_encoding::BASE64;
use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};

use super::{line::tidy_from, message::NatsMessage};
use crate::event::LineRules;

/// A message in its envelope, for those who parse lines: `event.parse::<Wrapped<Order>>()`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Wrapped<T = serde_json::Value> {
    /// Its number in the stream.
    pub seq: u64,
    /// Its subject.
    pub subject: String,
    /// When it was stored, as RFC 3339 with nanoseconds.
    pub time: String,
    /// All values of each header.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The number in the header `reflex_type`; 0 without it, and `None` where it is no number.
    #[serde(rename = "type")]
    pub event_type: Option<i64>,
    /// What rjet calls the foreign ID: the subject, unless a [`NatsSource::key`](super::NatsSource::key) made
    /// it.
    pub key: String,
    /// The payload: JSON, a text, or Base64.
    pub data: T,
    /// `base64` where the payload is no text.
    pub encoding: Option<String>,
}

impl NatsMessage<'_> {
    /// The message in its envelope.
    pub(super) fn enveloped(&self, rules: LineRules) -> Vec<u8> {
        let mut line = Vec::new();
        self.wrap(&mut line, rules);
        line
    }

    /// Writes its envelope.
    pub(super) fn wrap(&self, line: &mut Vec<u8>, rules: LineRules) {
        push(line, format_args!("{{\"seq\":{},\"subject\":", self.seq));
        text(line, self.subject);
        line.extend_from_slice(b",\"time\":\"");
        match Timestamp::from_nanosecond(i128::from(self.time_ns)) {
            Ok(time) => push(line, format_args!("{time:.9}")),
            // No clock of a server shows that.
            Err(_) => push(line, format_args!("{}", self.time_ns)),
        }
        line.extend_from_slice(b"\",\"headers\":{");
        self.write_headers(line);
        line.extend_from_slice(b"},\"type\":");
        match self.event_type() {
            Some(number) => push(line, format_args!("{number}")),
            None => line.extend_from_slice(b"null"),
        }
        line.extend_from_slice(b",\"key\":");
        text(line, self.key());
        self.write_data(line, rules);
        line.push(b'}');
    }

    /// The payload where it is JSON, else as text; what is not even that in Base64, which is then
    /// said.
    fn write_data(&self, line: &mut Vec<u8>, rules: LineRules) {
        let Ok(payload) = simdutf8::basic::from_utf8(self.payload) else {
            line.extend_from_slice(b",\"encoding\":\"base64\",\"data\":\"");
            push(
                line,
                format_args!("{}", BASE64.encode_display(self.payload)),
            );
            line.push(b'"');
            return;
        };
        line.extend_from_slice(b",\"data\":");
        if serde_json::from_str::<IgnoredAny>(payload).is_err() {
            text(line, payload);
            return;
        }
        let start = line.len();
        line.extend_from_slice(payload.trim_ascii().as_bytes());
        if !rules.raw {
            // Between the parts of JSON a line end is a blank, and inside a text it cannot be.
            tidy_from(line, start);
        }
    }

    /// All values of each header, by name: a map has no order, and the same message has to be the
    /// same line.
    fn write_headers(&self, line: &mut Vec<u8>) {
        let Some(headers) = self.headers else {
            return;
        };
        let mut headers: Vec<_> = headers.iter().collect();
        headers.sort_unstable_by_key(|(name, _)| AsRef::<[u8]>::as_ref(*name));
        for (n, (name, values)) in headers.into_iter().enumerate() {
            if n > 0 {
                line.push(b',');
            }
            text(line, AsRef::<str>::as_ref(name));
            line.extend_from_slice(b":[");
            for (n, value) in values.iter().enumerate() {
                if n > 0 {
                    line.push(b',');
                }
                text(line, value.as_str());
            }
            line.push(b']');
        }
    }
}

fn text(line: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(line, text).expect("a text is always JSON, and memory can be written to");
}

fn push(line: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    line.write_fmt(arguments).expect("memory can be written to");
}
