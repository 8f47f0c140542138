//! From a message to a line: an event goes through as it is, anything else is put into an envelope.
//!
//! The envelope is `{seq, subject, time, headers, type, key, data}`, always with all of them and in this order. Type and key are
//! what rjet makes of a message: the number in its header `reflex_type`, and its subject.

use std::{collections::BTreeMap, io::Write};

use async_nats::HeaderMap;
use data_encoding::BASE64;
use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};

use super::delivery::Delivery;
use crate::{
    event::{BadEvent, Batch, Envelope, Identity, Kind, LineRules, Point, Span, tidy},
    nats::{Carried, TYPE_HEADER},
};

/// What is put into an envelope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Enveloping {
    /// Every message.
    Always,
    /// Every message that is not an event of a Jetstream.
    #[default]
    Auto,
    /// No message: each payload is a line.
    Never,
    /// No message: each goes as it is into a [stream](crate::sink::nats::NatsSinkSettings::carried), and is of no use to any other sink.
    Carried,
}

/// A message in its envelope, for those who parse lines: `event.parse::<Enveloped<Order>>()`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Enveloped<T = serde_json::Value> {
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
    /// What rjet calls the foreign id: the subject.
    pub key: String,
    /// The payload: JSON, a text, or Base64.
    pub data: T,
    /// `base64` where the payload is no text.
    pub encoding: Option<String>,
}

/// What is known of a message of a stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    /// Its number in the stream.
    pub(super) seq: u64,
    /// When the server stored it, in nanoseconds since 1970.
    pub(super) time_ns: u64,
    pub(super) subject: &'a str,
    pub(super) headers: Option<&'a HeaderMap>,
    pub(super) payload: &'a [u8],
}

impl<'a> Message<'a> {
    pub(super) fn new(message: &'a async_nats::Message, delivery: Delivery) -> Self {
        Self {
            seq: delivery.seq,
            time_ns: delivery.time_ns,
            subject: &message.subject,
            headers: message.headers.as_ref(),
            payload: &message.payload,
        }
    }

    /// The message in its envelope.
    pub(super) fn enveloped(&self, rules: LineRules) -> Vec<u8> {
        let mut line = Vec::new();
        self.wrap(&mut line, rules);
        line
    }

    /// Writes its line behind those of the batch, and reads the envelope. It becomes an event by [`Batch::keep`], or goes by [`Batch::cut`].
    ///
    /// An event keeps its own time; its number is that of the stream.
    pub(super) fn write(
        &self,
        batch: &mut Batch,
        enveloping: Enveloping,
        rules: LineRules,
    ) -> Result<Envelope, BadEvent> {
        if enveloping == Enveloping::Carried {
            return Ok(self.carry(batch, rules));
        }
        let start = batch.buffer().len();
        if enveloping != Enveloping::Always && self.may_be_event() {
            batch.buffer().extend_from_slice(self.payload);
            match batch.read(start, rules) {
                Ok(mut envelope) => {
                    envelope.point.seq = Some(self.seq);
                    if envelope.point.time_us == 0 {
                        envelope.point.time_us = self.time_us();
                    }
                    return Ok(envelope);
                }
                Err(_) => batch.cut(start),
            }
        }
        match enveloping {
            Enveloping::Never => self.write_payload(batch.buffer(), rules)?,
            Enveloping::Always | Enveloping::Auto | Enveloping::Carried => {
                self.wrap(batch.buffer(), rules);
            }
        }
        Ok(self.envelope(batch.add_name(self.subject)))
    }

    /// Writes it as it is. What an event says of itself is for filters; which message it is, its number says, so that the copy has
    /// each one of them.
    fn carry(&self, batch: &mut Batch, rules: LineRules) -> Envelope {
        let start = batch.buffer().len();
        Carried::write_head(batch.buffer(), self.subject, self.headers);
        let payload = batch.buffer().len();
        batch.buffer().extend_from_slice(self.payload);
        let of_message = self.envelope(Span::default());
        if self.may_be_event() {
            let rules = LineRules { raw: true, ..rules };
            if let Ok(event) = batch.read(payload, rules) {
                let by = payload - start;
                let mut point = of_message.point;
                if event.point.time_us > 0 {
                    point.time_us = event.point.time_us;
                }
                return Envelope {
                    did: event.did.shifted(by),
                    collection: event.collection.shifted(by),
                    rkey: event.rkey.shifted(by),
                    rev: event.rev.shifted(by),
                    point,
                    ..event
                };
            }
        }
        Envelope {
            rkey: batch.add_name(self.subject),
            ..of_message
        }
    }

    /// What a message is that is no event of a Jetstream: of no account, of another kind, and with its subject for a key.
    fn envelope(&self, key: Span) -> Envelope {
        Envelope {
            kind: Kind::Other,
            operation: None,
            point: Point {
                seq: Some(self.seq),
                time_us: self.time_us(),
                identity: Some(Identity::of_message(self.seq, self.payload)),
            },
            did: Span::default(),
            collection: Span::default(),
            rkey: key,
            rev: Span::default(),
        }
    }

    fn time_us(&self) -> u64 {
        self.time_ns / 1000
    }

    /// A look that spares most other messages a whole parse.
    fn may_be_event(&self) -> bool {
        self.payload.starts_with(b"{\"did\":\"")
            || (self.payload.trim_ascii_start().first() == Some(&b'{')
                && memchr::memmem::find(self.payload, b"\"time_us\"").is_some())
    }

    fn write_payload(&self, line: &mut Vec<u8>, rules: LineRules) -> Result<(), BadEvent> {
        if rules.validate && serde_json::from_slice::<IgnoredAny>(self.payload).is_err() {
            return Err(BadEvent::NotJson);
        }
        if !rules.raw && simdutf8::basic::from_utf8(self.payload).is_err() {
            return Err(BadEvent::NotUtf8);
        }
        let start = line.len();
        line.extend_from_slice(self.payload);
        if !rules.raw {
            tidy_from(line, start);
        }
        Ok(())
    }

    fn wrap(&self, line: &mut Vec<u8>, rules: LineRules) {
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
        text(line, self.subject);
        self.write_data(line, rules);
        line.push(b'}');
    }

    /// The payload where it is JSON, else as text; what is not even that in Base64, which is then said.
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

    /// All values of each header, by name: a map has no order, and the same message has to be the same line.
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

    /// What rjet calls the type: 0 without the header, and nothing where that is no number.
    fn event_type(&self) -> Option<i64> {
        match self.headers.and_then(|headers| headers.get(TYPE_HEADER)) {
            Some(number) => number.as_str().trim().parse().ok(),
            None => Some(0),
        }
    }
}

/// Line ends become blanks, and those at the end go.
fn tidy_from(line: &mut Vec<u8>, start: usize) {
    let len = line.get_mut(start..).map_or(0, tidy);
    line.truncate(start + len);
}

fn text(line: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(line, text).expect("a text is always JSON, and memory can be written to");
}

fn push(line: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    line.write_fmt(arguments).expect("memory can be written to");
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"did":"did:plc:a","time_us":5,"cursor":77,"kind":"commit","commit":{"rev":"r","operation":"create","collection":"c.d.e","rkey":"k","record":{},"cid":"x"}}"#;

    fn message(payload: &[u8]) -> Message<'_> {
        Message {
            seq: 9,
            time_ns: 1_800_000_000_123_456_789,
            subject: "orders.new",
            headers: None,
            payload,
        }
    }

    fn written(
        message: &Message<'_>,
        enveloping: Enveloping,
    ) -> Result<(String, Envelope), BadEvent> {
        let mut batch = Batch::new();
        let envelope = message.write(&mut batch, enveloping, LineRules::default())?;
        let line = batch.tail(0).to_vec();
        batch.keep(0, envelope);
        Ok((String::from_utf8(line).unwrap(), envelope))
    }

    fn data(payload: &[u8]) -> String {
        let (line, _) = written(&message(payload), Enveloping::Auto).unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["seq"], 9);
        let (_, data) = line.split_once("\"key\":\"orders.new\",").unwrap();
        data.trim_end_matches('}').to_owned()
    }

    #[test]
    fn an_event_goes_through_byte_for_byte_with_the_number_of_the_stream() {
        for enveloping in [Enveloping::Auto, Enveloping::Never] {
            let (line, envelope) = written(&message(EVENT.as_bytes()), enveloping).unwrap();
            assert_eq!(line, EVENT);
            assert_eq!(envelope.kind, Kind::Commit);
            assert_eq!((envelope.point.seq, envelope.point.time_us), (Some(9), 5));
        }
        let reordered = r#" {"kind":"identity","time_us":6,"identity":{},"did":"did:plc:b"}"#;
        let (line, envelope) = written(&message(reordered.as_bytes()), Enveloping::Auto).unwrap();
        assert_eq!((line.as_str(), envelope.kind), (reordered, Kind::Identity));
    }

    #[test]
    fn anything_else_is_put_into_an_envelope() {
        let (line, envelope) = written(&message(b"{\"n\":\n1}\n"), Enveloping::Auto).unwrap();
        assert_eq!(
            line,
            r#"{"seq":9,"subject":"orders.new","time":"2027-01-15T08:00:00.123456789Z","headers":{},"type":0,"key":"orders.new","data":{"n": 1}}"#
        );
        assert_eq!(envelope.kind, Kind::Other);
        assert_eq!(
            (envelope.point.seq, envelope.point.time_us),
            (Some(9), 1_800_000_000_123_456)
        );
        let parsed: Enveloped = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (parsed.seq, parsed.event_type, parsed.encoding),
            (9, Some(0), None)
        );
        let (line, _) = written(&message(EVENT.as_bytes()), Enveloping::Always).unwrap();
        assert!(line.ends_with(&format!(r#""data":{EVENT}}}"#)), "{line}");
    }

    #[test]
    fn a_payload_is_json_or_text_or_base64() {
        for (payload, expected) in [
            (&b"[1, 2]"[..], r#""data":[1, 2]"#),
            (b" 12 ", r#""data":12"#),
            (b"\"a\"", r#""data":"a""#),
            (b"plain\ttext\n", r#""data":"plain\ttext\n""#),
            (b"{\"cut", r#""data":"{\"cut""#),
            (b"", r#""data":"""#),
            (b"\0\x1b[2J", r#""data":"\u0000\u001b[2J""#),
            (b"\xff\xfe", r#""encoding":"base64","data":"//4=""#),
        ] {
            assert_eq!(data(payload), expected);
        }
    }

    #[test]
    fn type_and_headers_are_told_as_rjet_reads_them() {
        let mut headers = HeaderMap::new();
        headers.insert("reflex_type", "7");
        headers.append("Also", "one");
        headers.append("Also", "t\"wo");
        let mut message = message(b"x");
        message.headers = Some(&headers);
        let (line, _) = written(&message, Enveloping::Auto).unwrap();
        let part = r#""headers":{"Also":["one","t\"wo"],"reflex_type":["7"]},"type":7,"#;
        assert!(line.contains(part), "{line}");
        let mut headers = headers.clone();
        headers.insert("reflex_type", "seven");
        message.headers = Some(&headers);
        let (line, _) = written(&message, Enveloping::Auto).unwrap();
        assert!(line.contains(r#""type":null,"#), "{line}");
    }

    #[test]
    fn a_carried_message_keeps_its_bytes_and_what_a_filter_looks_at() {
        let mut headers = HeaderMap::new();
        headers.insert("reflex_type", "7");
        let broken = EVENT.replacen(",\"kind\"", ",\r\n \"kind\"", 1) + "\r\n";
        for payload in [EVENT, &broken, "plain\ntext", ""] {
            let mut message = message(payload.as_bytes());
            message.headers = Some(&headers);
            let mut batch = Batch::new();
            batch.push(EVENT.as_bytes(), LineRules::default()).unwrap();
            let start = batch.buffer().len();
            let rules = LineRules::default();
            let envelope = message.write(&mut batch, Enveloping::Carried, rules);
            batch.keep(start, envelope.unwrap());
            let event = batch.events().nth(1).unwrap();
            let carried = Carried::parse(event.line()).unwrap();
            assert_eq!(carried.payload, payload.as_bytes());
            assert_eq!(carried.subject, "orders.new");
            assert_eq!(carried.headers, b"reflex_type: 7\r\n");
            let identity = Identity::of_message(9, payload.as_bytes());
            assert_eq!(event.point().identity, Some(identity));
            if payload.starts_with('{') {
                assert_eq!((event.did(), event.collection()), ("did:plc:a", "c.d.e"));
                assert_eq!((event.rkey(), event.time_us()), ("k", 5));
            } else {
                assert_eq!((event.kind(), event.key()), (Kind::Other, "orders.new"));
            }
        }
    }

    #[test]
    fn without_envelope_a_payload_is_a_line() {
        let never = |payload| written(&message(payload), Enveloping::Never).map(|(line, _)| line);
        assert_eq!(never(b"a\r\nb\n").unwrap(), "a  b");
        assert_eq!(never(b"").unwrap(), "");
        assert_eq!(never(b"\xff"), Err(BadEvent::NotUtf8));
    }

    #[test]
    fn equal_payloads_are_different_messages_and_a_message_is_the_same_in_every_form() {
        let one = written(&message(b"tick"), Enveloping::Auto)
            .unwrap()
            .1
            .point;
        let same = written(&message(b"tick"), Enveloping::Never)
            .unwrap()
            .1
            .point;
        let mut next = message(b"tick");
        next.seq += 1;
        let other = written(&next, Enveloping::Auto).unwrap().1.point;
        assert_eq!(one.identity, same.identity);
        assert_ne!(one.identity, other.identity);
    }
}
