//! Which part of a representation a request asks for, and on which conditions (RFC 9110, sections
//! 13 and 14).

use jiff::{Timestamp, fmt::rfc2822};

use crate::wire::http::Headers;

/// What a request says of the representation that it wants.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    if_match: Option<String>,
    if_none_match: Option<String>,
    if_modified_since: Option<String>,
    if_unmodified_since: Option<String>,
    if_range: Option<String>,
    range: Option<String>,
}

/// A representation that there is.
#[derive(Debug)]
pub(super) struct Representation<'a> {
    /// With its quotes.
    pub(super) tag: &'a str,
    pub(super) modified: Option<Timestamp>,
    pub(super) bytes: u64,
}

/// What of it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    /// A number of bytes from a place on.
    Range {
        at: u64,
        n: u64,
    },
    /// The client has it already.
    NotModified,
    /// It is not the one that the client knows.
    Failed,
    /// There are no such bytes.
    OutOfRange,
}

impl Conditions {
    pub(super) fn of(headers: &Headers<'_>) -> Self {
        let all = |name: &str| {
            let values: Vec<_> = headers.texts(name).collect();
            (!values.is_empty()).then(|| values.join(","))
        };
        Self {
            if_match: all("if-match"),
            if_none_match: all("if-none-match"),
            if_modified_since: all("if-modified-since"),
            if_unmodified_since: all("if-unmodified-since"),
            if_range: all("if-range"),
            range: all("range"),
        }
    }

    /// Takes the request for one of the whole, by a fault.
    pub(super) fn forget_range(&mut self) {
        self.range = None;
    }

    /// Takes a range for one behind the end, by a fault.
    pub(super) fn miss_range(&mut self) {
        if let Some(range) = &mut self.range {
            *range = format!("bytes={}-", u64::MAX);
        }
    }

    /// What is sent of a representation.
    pub(super) fn part(&self, there: &Representation<'_>) -> Part {
        let has_changed_since = |date: &str| match (timestamp(date), there.modified) {
            (Some(date), Some(modified)) => modified.as_second() > date.as_second(),
            _ => false,
        };
        let is_known = match (&self.if_match, &self.if_unmodified_since) {
            (Some(tags), _) => has_tag(tags, there.tag, false),
            (None, Some(date)) => !has_changed_since(date),
            (None, None) => true,
        };
        if !is_known {
            return Part::Failed;
        }
        let has_it = match (&self.if_none_match, &self.if_modified_since) {
            (Some(tags), _) => has_tag(tags, there.tag, true),
            (None, Some(date)) => {
                timestamp(date).is_some() && there.modified.is_some() && !has_changed_since(date)
            }
            (None, None) => false,
        };
        if has_it {
            return Part::NotModified;
        }
        let is_same = self.if_range.as_deref().is_none_or(|validator| {
            let is_its_time = || {
                there.modified.is_some() && timestamp(validator) == whole_seconds(there.modified)
            };
            validator == there.tag || is_its_time()
        });
        match &self.range {
            Some(range) if is_same => part(range, there.bytes),
            _ => Part::Whole,
        }
    }
}

/// Whether a list of tags has this one, where weak ones count as well.
fn has_tag(tags: &str, tag: &str, weak: bool) -> bool {
    tags.split(',').map(str::trim).any(|known| {
        let strong = if weak {
            known.strip_prefix("W/").unwrap_or(known)
        } else {
            known
        };
        strong == tag || known == "*"
    })
}

fn timestamp(date: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(date).ok()
}

/// A date of a header has no fractions.
fn whole_seconds(time: Option<Timestamp>) -> Option<Timestamp> {
    Timestamp::from_second(time?.as_second()).ok()
}

/// Several ranges at once are answered as if none was asked for, as any server may.
fn part(range: &str, bytes: u64) -> Part {
    let Some(range) = range.strip_prefix("bytes=") else {
        return Part::OutOfRange;
    };
    if range.contains(',') {
        return Part::Whole;
    }
    let number = |digits: &str| {
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|_| is_number)
    };
    let found = range.trim().split_once('-').and_then(|(first, last)| {
        if first.is_empty() {
            let n = number(last)?.min(bytes);
            return Some((bytes - n, n));
        }
        let first = number(first)?;
        let last = match last {
            "" => u64::MAX,
            digits => number(digits)?,
        };
        let n = last.checked_sub(first)?.saturating_add(1);
        Some((first, n.min(bytes.checked_sub(first)?)))
    });
    match found {
        Some((at, n)) if n > 0 => Part::Range { at, n },
        _ => Part::OutOfRange,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: &[(&'static str, &'static str)]) -> Part {
        let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
        let there = Representation {
            tag: "\"ab\"",
            modified: timestamp("Tue, 01 Sep 2026 10:00:00 GMT"),
            bytes: 100,
        };
        Conditions::of(&fields.collect()).part(&there)
    }

    #[test]
    fn a_range_is_of_what_is_there() {
        for (range, part) in [
            ("bytes=0-9", Part::Range { at: 0, n: 10 }),
            ("bytes=90-", Part::Range { at: 90, n: 10 }),
            ("bytes=90-200", Part::Range { at: 90, n: 10 }),
            ("bytes=-5", Part::Range { at: 95, n: 5 }),
            ("bytes=-500", Part::Range { at: 0, n: 100 }),
            (
                "bytes=99-18446744073709551615",
                Part::Range { at: 99, n: 1 },
            ),
            ("bytes=100-", Part::OutOfRange),
            ("bytes=-0", Part::OutOfRange),
            ("bytes=9-3", Part::OutOfRange),
            ("bytes=x-3", Part::OutOfRange),
            ("bytes=+1-3", Part::OutOfRange),
            ("lines=0-3", Part::OutOfRange),
            ("bytes=0-1,5-6", Part::Whole),
        ] {
            assert_eq!(asked(&[("Range", range)]), part, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_generation_is_the_whole() {
        let with = |validator| asked(&[("range", "bytes=0-0"), ("if-range", validator)]);
        assert_eq!(with("\"ab\""), Part::Range { at: 0, n: 1 });
        assert_eq!(
            with("Tue, 01 Sep 2026 10:00:00 GMT"),
            Part::Range { at: 0, n: 1 }
        );
        for other in ["\"ac\"", "W/\"ab\"", "Tue, 01 Sep 2026 10:00:01 GMT", "*"] {
            assert_eq!(with(other), Part::Whole, "{other}");
        }
    }

    #[test]
    fn conditions_are_of_the_tag_and_only_then_of_the_time() {
        let (before, then) = (
            "Tue, 01 Sep 2026 09:59:59 GMT",
            "Tue, 01 Sep 2026 10:00:00 GMT",
        );
        for (fields, part) in [
            (&[("if-match", "\"ac\", \"ab\"")][..], Part::Whole),
            (&[("if-match", "*")], Part::Whole),
            (&[("if-match", "\"ac\"")], Part::Failed),
            (&[("if-match", "W/\"ab\"")], Part::Failed),
            (&[("if-unmodified-since", before)], Part::Failed),
            (&[("if-unmodified-since", then)], Part::Whole),
            (&[("if-none-match", "\"ab\"")], Part::NotModified),
            (&[("if-none-match", "W/\"ab\"")], Part::NotModified),
            (&[("if-none-match", "*")], Part::NotModified),
            (&[("if-modified-since", then)], Part::NotModified),
            (&[("if-modified-since", before)], Part::Whole),
            (&[("if-modified-since", "soon")], Part::Whole),
            (
                &[("if-none-match", "\"ac\""), ("if-modified-since", then)],
                Part::Whole,
            ),
        ] {
            assert_eq!(asked(fields), part, "{fields:?}");
        }
    }
}
