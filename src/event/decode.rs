//! From the bytes of one message to one event of a batch, or to the reason why not.

use serde::de::IgnoredAny;

use super::{BadEvent, Envelope, Point, envelope, scan, v2};

/// What is done to a line on its way into a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LineRules {
    /// Keep the payload as it came, raw line ends included, and take frames of the v2 wire for
    /// events.
    pub(crate) raw: bool,
    /// Parse all of it, records included, and refuse what is not JSON.
    pub(crate) validate: bool,
}

/// Whether a line ends where an object ends and has nothing but printable ASCII in it, as most
/// lines do: then it is tidy and text.
///
/// Half of what it costs to look for line ends and then to check the text.
pub(crate) fn is_plain(line: &[u8]) -> bool {
    let (chunks, rest) = line.as_chunks::<32>();
    // The last bytes are looked at twice rather than one by one.
    let rest = line.last_chunk::<32>().map_or(rest, |last| last);
    line.last() == Some(&b'}') && are_printable(chunks.as_flattened()) && are_printable(rest)
}

/// Without a branch, so that many bytes are looked at in one step, and by index, which is several
/// times as fast where nothing is optimised.
fn are_printable(bytes: &[u8]) -> bool {
    let (mut all, mut at) = (true, 0);
    while at < bytes.len() {
        all &= matches!(bytes[at], b' '..=0x7f);
        at += 1;
    }
    all
}

/// Whether there is a control character anywhere: a line end, a tab, or what JSON has no room for.
pub(crate) fn has_control(line: &[u8]) -> bool {
    let (chunks, rest) = line.as_chunks::<32>();
    // As in `is_plain`.
    let rest = line.last_chunk::<32>().map_or(rest, |last| last);
    are_control(chunks.as_flattened()) || are_control(rest)
}

fn are_control(bytes: &[u8]) -> bool {
    let (mut least, mut at) = (u8::MAX, 0);
    while at < bytes.len() {
        if bytes[at] < least {
            least = bytes[at];
        }
        at += 1;
    }
    least < b' '
}

impl Point {
    /// Where the event of this line is, which is its JSON without a line end. All of it is parsed,
    /// records included.
    pub fn of_line(line: &[u8]) -> Result<Self, BadEvent> {
        let rules = LineRules {
            raw: true,
            validate: true,
        };
        envelope(line, &mut Vec::new(), rules).map(|envelope| envelope.point)
    }
}

/// Reads the envelope of a line that is already tidy.
pub(crate) fn envelope(
    line: &[u8],
    side: &mut Vec<u8>,
    rules: LineRules,
) -> Result<Envelope, BadEvent> {
    text_envelope(line, side, rules, has_control(line))
}

/// The same, where it is known whether there is a control character in it.
pub(crate) fn text_envelope(
    line: &[u8],
    side: &mut Vec<u8>,
    rules: LineRules,
    has_control: bool,
) -> Result<Envelope, BadEvent> {
    if line.trim_ascii_end().last() != Some(&b'}') {
        return Err(BadEvent::Envelope);
    }
    if simdutf8::basic::from_utf8(line).is_err() {
        return Err(BadEvent::NotUtf8);
    }
    plain_envelope(line, side, rules, has_control)
}

/// Whether the fast scan has read nothing that JSON does not allow in a name; behind the names it
/// looks at nothing.
pub(crate) fn are_names_printable(line: &[u8], envelope: &Envelope) -> bool {
    let names = line.get(..envelope.rkey.end());
    names.is_some_and(|names| !has_control(names))
}

/// Reads the envelope of a line that is plain, or checked as far. The scan is called in one place
/// only, so that it becomes part of this.
pub(crate) fn plain_envelope(
    line: &[u8],
    side: &mut Vec<u8>,
    rules: LineRules,
    has_control: bool,
) -> Result<Envelope, BadEvent> {
    if rules.validate && serde_json::from_slice::<IgnoredAny>(line).is_err() {
        return Err(BadEvent::NotJson);
    }
    match scan::commit(line) {
        Some(envelope) if !has_control || are_names_printable(line, &envelope) => Ok(envelope),
        _ => match envelope::read(line, side) {
            Ok(envelope) => Ok(envelope),
            Err(_) if rules.raw => v2::envelope(line, side),
            Err(_) => Err(BadEvent::Envelope),
        },
    }
}

/// Turns raw line ends, which would tear the line, into spaces, and returns the length without
/// trailing white space.
pub(crate) fn tidy(line: &mut [u8]) -> usize {
    let len = line.trim_ascii_end().len();
    let mut from = 0;
    while let Some(found) = line
        .get(from..len)
        .and_then(|rest| memchr::memchr2(b'\n', b'\r', rest))
    {
        if let Some(byte) = line.get_mut(from + found) {
            *byte = b' ';
        }
        from += found + 1;
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_is_tidy_and_text() {
        let pieces: [&[u8]; 12] = [
            b"{\"a\":1,",
            b"0123456789abcdefghijklmnopqrstuvwxyz",
            b" ",
            b"\n",
            b"\r",
            b"\t",
            b"\x7f",
            "\u{e9}\u{1f680}".as_bytes(),
            b"\xc3",
            b"\xff",
            b"\0",
            b"}",
        ];
        let mut random = fastrand::Rng::with_seed(3);
        let mut n_plain = 0;
        for _ in 0..50_000 {
            let mut line = Vec::new();
            for _ in 0..random.u8(..8) {
                let piece = match random.u8(..20) {
                    0 => random.usize(..pieces.len()),
                    _ => random.usize(..2),
                };
                line.extend_from_slice(pieces[piece]);
            }
            line.extend_from_slice(pieces[random.usize(pieces.len() - 2..pieces.len())]);
            let mut tidied = line.clone();
            let len = tidy(&mut tidied);
            tidied.truncate(len);
            if is_plain(&line) {
                n_plain += 1;
                assert_eq!(tidied, line);
                assert!(str::from_utf8(&line).is_ok());
            } else {
                let ends = line.last() == Some(&b'}');
                let is_unusual = |byte: &u8| *byte < b' ' || *byte > 0x7f;
                assert!(!ends || line.iter().any(is_unusual), "{line:?}");
            }
        }
        assert!(n_plain > 1000, "{n_plain}");
        assert!(!is_plain(b""));
    }

    fn read(line: &str, rules: LineRules) -> Result<Envelope, BadEvent> {
        envelope(line.as_bytes(), &mut Vec::new(), rules)
    }

    #[test]
    fn a_control_character_in_a_name_is_no_envelope() {
        for control in ["\0", "\t", "\n", "\r", "\x1f"] {
            let line = |rkey: &str, text: &str| {
                format!(
                    r#"{{"did":"did:plc:é","time_us":1,"kind":"commit","commit":{{"rev":"r","operation":"create","collection":"a.b.c","rkey":"{rkey}","record":"{text}"}}}}"#
                )
            };
            let raw = LineRules {
                raw: true,
                validate: false,
            };
            for rules in [LineRules::default(), raw] {
                let named = read(&line(control, ""), rules);
                assert_eq!(named.unwrap_err(), BadEvent::Envelope, "{control:?}");
                // What is inside of a record is the server's word.
                assert!(read(&line("k", control), rules).is_ok(), "{control:?}");
            }
            let validate = LineRules {
                raw: false,
                validate: true,
            };
            let checked = read(&line("k", control), validate);
            assert_eq!(checked.unwrap_err(), BadEvent::NotJson);
        }
    }

    #[test]
    fn a_control_character_is_found_wherever_it_stands() {
        for len in 1..100 {
            assert!(!has_control(&vec![b' '; len]) && !has_control(&vec![0xff; len]));
            for at in 0..len {
                let mut line = vec![0x7f; len];
                line[at] = 0x1f;
                assert!(has_control(&line), "{at} of {len}");
            }
        }
    }

    #[test]
    fn a_time_or_number_beyond_what_servers_count_is_bad() {
        let numbers = [
            (0, true),
            (i64::MAX.cast_unsigned(), true),
            (1 << 63, false),
        ];
        for (number, is_good) in numbers {
            for (time_us, cursor) in [(number, 1), (1, number)] {
                for (kind, rest) in [
                    (
                        "commit",
                        r#","commit":{"rev":"r","operation":"create","collection":"a.b.c","rkey":"k"}"#,
                    ),
                    ("identity", ""),
                ] {
                    let line = format!(
                        r#"{{"did":"did:plc:a","time_us":{time_us},"cursor":{cursor},"kind":"{kind}"{rest}}}"#
                    );
                    let found = read(&line, LineRules::default());
                    assert_eq!(found.is_ok(), is_good, "{line}");
                }
            }
        }
    }
}
