//! The event that outlives its batch: how it is made, and what it says beyond its envelope.

use std::{fmt, str::FromStr, time::SystemTime};

use serde::de::DeserializeOwned;

use super::{BadEvent, Batch, Change, Event, OwnedEvent};
use crate::error::ParseError;

impl OwnedEvent {
    pub(super) fn new(event: Event<'_>) -> Self {
        let line = event.line();
        let mut unescaped = Vec::new();
        let envelope = event.envelope_beside(&mut unescaped);
        let text = match unescaped.as_slice() {
            [] => line.into(),
            unescaped => [line, unescaped].concat().into(),
        };
        Self {
            text,
            line_len: line.len(),
            envelope,
        }
    }

    /// Reads an event from its line of JSON, as a source does: for tests of what is done with
    /// events, and for lines that were kept.
    ///
    /// ```
    /// use rocketman::event::{Kind, OwnedEvent};
    ///
    /// let event = OwnedEvent::from_line(r#"{"did":"did:plc:a","time_us":1,"kind":"account","account":{"active":false}}"#)?;
    /// assert_eq!((event.kind(), event.did()), (Kind::Account, "did:plc:a"));
    /// # Ok::<(), rocketman::event::BadEvent>(())
    /// ```
    pub fn from_line(line: impl AsRef<[u8]>) -> Result<Self, BadEvent> {
        let mut batch = Batch::new();
        batch.push(line.as_ref())?;
        let event = batch.events().next().ok_or(BadEvent::Envelope)?;
        Ok(event.into_owned())
    }

    /// The event as one borrows it from a batch.
    pub fn event(&self) -> Event<'_> {
        let (line, unescaped) = self.text.split_at(self.line_len);
        Event {
            line,
            unescaped,
            envelope: &self.envelope,
        }
    }

    /// See [`Event::line`].
    pub fn line(&self) -> &[u8] {
        self.event().line()
    }

    /// See [`Event::line_str`].
    #[inline]
    pub fn line_str(&self) -> &str {
        self.event().line_str()
    }

    /// See [`Event::key`].
    pub fn key(&self) -> &str {
        self.event().key()
    }

    /// See [`Event::time`].
    pub fn time(&self) -> SystemTime {
        self.event().time()
    }

    /// See [`Event::uri`].
    pub fn uri(&self) -> Option<String> {
        self.event().uri()
    }

    /// See [`Event::parse`].
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        self.event().parse()
    }

    /// See [`Event::record`].
    pub fn record<T: DeserializeOwned>(&self) -> Result<Option<T>, ParseError> {
        self.event().record()
    }

    /// See [`Event::change`].
    pub fn change<T: DeserializeOwned>(&self) -> Result<Change<T>, ParseError> {
        self.event().change()
    }
}

/// See [`OwnedEvent::from_line`].
impl FromStr for OwnedEvent {
    type Err = BadEvent;

    fn from_str(line: &str) -> Result<Self, BadEvent> {
        Self::from_line(line)
    }
}

/// The line.
impl fmt::Display for OwnedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.event(), f)
    }
}

impl fmt::Debug for OwnedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.event(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Batch;

    #[test]
    fn it_equals_the_escaped_event_after_the_batch_is_gone() {
        let lines = [
            r#"{"did":"did:plc:a","time_us":1,"cursor":7,"kind":"commit","commit":{"rev":"r","operation":"create","collection":"app.bsky.feed.post","rkey":"1","record":{"text":"é"},"cid":"c"}}"#,
            r#"{"did":"did:plc:\u0061b","time_us":2,"kind":"commit","commit":{"rev":"\u0072v","operation":"delete","collection":"app.bsky\u002efeed.like","rkey":"2\u0033"}}"#,
            r#"{"time_us":3,"kind":"identity","did":"did:plc:\u0063","identity":{"seq":9}}"#,
        ];
        let mut batch = Batch::new();
        for line in lines {
            batch.push(line.as_bytes()).unwrap();
        }
        let told = |event: Event<'_>| {
            let names = [event.did(), event.collection(), event.rkey(), event.rev()];
            let names = names.map(str::to_owned);
            let point = *event.point();
            (
                event.line().to_vec(),
                names,
                point,
                event.kind(),
                event.uri(),
            )
        };
        let before: Vec<_> = batch.events().map(told).collect();
        let owned: Vec<_> = batch.events().map(Event::into_owned).collect();
        drop(batch);
        let after: Vec<_> = owned.iter().map(|owned| told(owned.event())).collect();
        assert_eq!(after, before);
        assert_eq!(
            owned[1].uri().as_deref(),
            Some("at://did:plc:ab/app.bsky.feed.like/23")
        );
        assert_eq!(owned[2].did(), "did:plc:c");
        assert_eq!(format!("{:?}", owned[0]), format!("{:?}", owned[0].event()));
    }

    #[test]
    fn an_event_is_made_of_a_line_and_shown_as_that_line() {
        let line = r#"{"did":"did:plc:a","time_us":1500000,"kind":"identity","identity":{"handle":"é.example"}}"#;
        let event: OwnedEvent = line.parse().unwrap();
        assert_eq!((event.line_str(), event.did()), (line, "did:plc:a"));
        assert_eq!(
            (event.to_string(), event.event().to_string()),
            (line.into(), line.into())
        );
        let since_1970 = event.time().duration_since(SystemTime::UNIX_EPOCH);
        assert_eq!(since_1970.unwrap().as_millis(), 1500);
        // The line end of a recording is no part of it.
        assert_eq!(
            OwnedEvent::from_line(format!("{line}\n"))
                .unwrap()
                .line_str(),
            line
        );
        let bad = [
            (&b"{}"[..], BadEvent::Envelope),
            (b"{\"did\":\"\xff\"}", BadEvent::NotUtf8),
        ];
        for (bytes, why) in bad {
            assert_eq!(OwnedEvent::from_line(bytes).unwrap_err(), why);
        }
    }
}
