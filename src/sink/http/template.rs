//! A body of one's own: a text with one place for all events of a request.

use super::parcel::Item;
use crate::{
    error::ParseError,
    sink::format::{Formatter, LineFormat, unescaped},
};

/// What the place of the events begins with.
const PLACE: &str = "%{";

/// A text with a place for the events of a request, such as `{"records":[%{,}]}`.
///
/// `%{…}` stands for all of them, each in its form, with what is in the braces between two of them.
/// `\n`, `\t`, `\r`, `\0`, `\xNN`, `\\` and `%%` are single characters, there as well; all else is
/// sent as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyTemplate {
    before: Vec<u8>,
    between: Vec<u8>,
    after: Vec<u8>,
    format: LineFormat,
}

impl BodyTemplate {
    /// Reads a template for events in this form.
    pub fn parse(text: &str, format: LineFormat) -> Result<Self, ParseError> {
        let refused = |why: &str| ParseError::new(why);
        let (before, rest) = split(text).ok_or_else(|| {
            refused("it has no place for the events: write %{,} there, with what stands between two of them in the braces")
        })?;
        let (between, after) = rest
            .split_once('}')
            .ok_or_else(|| refused("'%{' has no '}': write %{,} where the events stand"))?;
        if split(after).is_some() {
            return Err(refused(
                "the events have one place, and '%{' is there twice",
            ));
        }
        let bytes = |text: &str| unescaped(text).map_err(ParseError::new);
        Ok(Self {
            before: bytes(before)?,
            between: bytes(between)?,
            after: bytes(after)?,
            format,
        })
    }

    /// What the endpoint is told that it gets.
    pub(super) fn content_type(&self) -> &'static str {
        let first = self.before.trim_ascii_start().first();
        if matches!(first, Some(b'{' | b'[')) {
            "application/json"
        } else {
            "text/plain; charset=utf-8"
        }
    }

    pub(super) fn body_of(&self, items: &[Item]) -> Vec<u8> {
        let mut formatter = Formatter::new(&self.format);
        let mut body = self.before.clone();
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                body.extend_from_slice(&self.between);
            }
            match &mut formatter {
                None => body.extend_from_slice(item.event.line()),
                Some(formatter) => {
                    formatter.begin();
                    formatter.add(&item.event.event());
                    body.append(formatter.lines_mut());
                }
            }
        }
        body.extend_from_slice(&self.after);
        body
    }
}

/// What stands before the first place of a text, and what behind its beginning.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find('%')?;
        let special = text.get(at..)?;
        if let Some(rest) = special.strip_prefix(PLACE) {
            return Some((text.get(..at)?, rest));
        }
        // A percent sign is written twice.
        from = at + if special.starts_with("%%") { 2 } else { 1 };
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::event::OwnedEvent;

    fn body(text: &str, format: &str) -> String {
        let items: Vec<_> = (1..=2)
            .map(|n| Item {
                number: n,
                lane: 0,
                event: OwnedEvent::from_line(format!(
                    r#"{{"did":"did:plc:a","time_us":{n},"kind":"account"}}"#
                ))
                .unwrap(),
                taken: Instant::now(),
            })
            .collect();
        let template = BodyTemplate::parse(text, format.parse().unwrap()).unwrap();
        String::from_utf8(template.body_of(&items)).unwrap()
    }

    #[tokio::test]
    async fn the_events_stand_in_their_place() {
        let line = |n: u64| format!(r#"{{"did":"did:plc:a","time_us":{n},"kind":"account"}}"#);
        let all = format!(r#"{{"a":[{},{}]}}"#, line(1), line(2));
        assert_eq!(body(r#"{"a":[%{,}]}"#, "json"), all);
        assert_eq!(body(r"100 %%\t%{\n-\x7d\n}.", "%m%%"), "100 %\t1%\n-}\n2%.");
        assert_eq!(body("%{}", "%m"), "12");
    }

    #[test]
    fn a_kind_goes_by_how_the_text_begins() {
        for (text, kind) in [
            (r#"{"a":[%{,}]}"#, "application/json"),
            (" [%{,}]", "application/json"),
            ("%{,}", "text/plain; charset=utf-8"),
        ] {
            let template = BodyTemplate::parse(text, LineFormat::default()).unwrap();
            assert_eq!(template.content_type(), kind);
        }
    }

    #[test]
    fn a_text_without_one_place_is_refused() {
        for (text, why) in [
            ("", "no place for the events"),
            ("%%{,}", "no place for the events"),
            ("[%{,]", "has no '}'"),
            ("%{,}%{,}", "there twice"),
            ("%d%{,}", "'%d' means nothing in it"),
            (r"\q%{,}", "'\\q' means nothing"),
        ] {
            let error = BodyTemplate::parse(text, LineFormat::default()).unwrap_err();
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }
}
