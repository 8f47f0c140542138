//! From a message to a line: an event goes through as it is, anything else is put into an envelope.

use serde::de::IgnoredAny;

use super::message::NatsMessage;
use crate::{
    event::{BadEvent, Batch, Envelope, Identity, Kind, LineRules, Point, Span, tidy},
    nats::Carried,
};

/// What is put into an envelope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WrapMode {
    /// Every message.
    Always,
    /// Every message that is not an event of a Jetstream.
    #[default]
    Auto,
    /// No message: each payload is a line.
    Never,
    /// No message: each goes as it is into a
    /// [stream](crate::sink::nats::NatsSinkSettings::carried), and is of no use to any other sink.
    Carried,
}

impl NatsMessage<'_> {
    /// Writes its line after those of the batch, and reads the envelope. It becomes an event by
    /// [`Batch::commit_tail`], or goes by [`Batch::discard_tail`].
    ///
    /// An event keeps its own time; its number is that of the stream.
    pub(super) fn write(
        &self,
        batch: &mut Batch,
        wrap_mode: WrapMode,
        rules: LineRules,
    ) -> Result<Envelope, BadEvent> {
        if wrap_mode == WrapMode::Carried {
            return Ok(self.carry(batch, rules));
        }
        let start = batch.buffer().len();
        if wrap_mode != WrapMode::Always && self.may_be_event() {
            batch.buffer().extend_from_slice(self.payload);
            match batch.parse_tail(start, rules) {
                Ok(mut envelope) => {
                    envelope.point.seq = Some(self.seq);
                    if envelope.point.time_us == 0 {
                        envelope.point.time_us = self.time_us();
                    }
                    return Ok(envelope);
                }
                Err(_) => batch.discard_tail(start),
            }
        }
        match wrap_mode {
            WrapMode::Never => self.write_payload(batch.buffer(), rules)?,
            WrapMode::Always | WrapMode::Auto | WrapMode::Carried => {
                self.wrap(batch.buffer(), rules);
            }
        }
        Ok(self.envelope(batch.add_name(self.key())))
    }

    /// Writes it as it is. What an event says of itself is for filters; which message it is, its
    /// number says, so that the copy has each one of them.
    fn carry(&self, batch: &mut Batch, rules: LineRules) -> Envelope {
        let start = batch.buffer().len();
        Carried::write_head(batch.buffer(), self.subject, self.headers);
        let payload = batch.buffer().len();
        batch.buffer().extend_from_slice(self.payload);
        let of_message = self.envelope(Span::default());
        if self.may_be_event() {
            let rules = LineRules { raw: true, ..rules };
            if let Ok(event) = batch.parse_tail(payload, rules) {
                let by = payload - start;
                let mut point = of_message.point;
                if event.point.time_us > 0 {
                    point.time_us = event.point.time_us;
                }
                let mut event = Envelope { point, ..event };
                for name in event.names_mut() {
                    *name = name.shifted(by);
                }
                return event;
            }
        }
        Envelope {
            rkey: batch.add_name(self.key()),
            ..of_message
        }
    }

    /// What a message is that is no event of a Jetstream: of no account, of another kind, and with
    /// its own key.
    fn envelope(&self, key: Span) -> Envelope {
        let point = Point {
            seq: Some(self.seq),
            time_us: self.time_us(),
            identity: Some(Identity::of_message(self.seq, self.payload)),
        };
        Envelope {
            rkey: key,
            ..Envelope::bare(Kind::Other, point)
        }
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
}

/// Line ends become blanks, and those at the end go.
pub(super) fn tidy_from(line: &mut Vec<u8>, start: usize) {
    let len = line.get_mut(start..).map_or(0, tidy);
    line.truncate(start + len);
}

#[cfg(test)]
mod tests;
