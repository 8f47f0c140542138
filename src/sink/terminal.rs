//! Text on its way to a terminal, without anything that it acts upon.
//!
//! What a terminal would act upon, or what turns text around, becomes an escape of JSON (`\u009b`),
//! so that a line stays the same JSON. Only standard output does this, and only where it is a
//! terminal; rows for people have it everywhere.

use std::io::Write as _;

/// Appends the text, in which `end` ends each line, to `shown`.
pub(super) fn show(text: &[u8], end: u8, shown: &mut Vec<u8>) {
    for line in text.split_inclusive(|byte| *byte == end) {
        let (body, end) = match line.split_last() {
            Some((last, body)) if *last == end => (body, &line[body.len()..]),
            _ => (line, &[][..]),
        };
        show_json(body, shown);
        shown.extend_from_slice(end);
    }
}

/// Appends one line of JSON to `shown`, as the same JSON.
pub(super) fn show_json(line: &[u8], shown: &mut Vec<u8>) {
    if line.iter().copied().any(may_act) {
        show_line(line, shown);
    } else {
        shown.extend_from_slice(line);
    }
}

/// Appends any text to `shown`; line ends and tabs stay.
pub(super) fn show_text(text: &[u8], shown: &mut Vec<u8>) {
    if !text.iter().copied().any(may_act) {
        shown.extend_from_slice(text);
        return;
    }
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '\n' | '\t' => shown.extend(u8::try_from(c)),
            c if acts(c) => write!(shown, "\\u{:04x}", u32::from(c)).unwrap_or_default(),
            c => shown.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Whether a character that a terminal acts upon may begin with this byte.
pub(super) fn may_act(byte: u8) -> bool {
    matches!(byte, 0..0x20 | 0x7f | 0xc2 | 0xd8 | 0xe2)
}

fn show_line(line: &[u8], shown: &mut Vec<u8>) {
    let (mut is_in_string, mut is_escaped) = (false, false);
    for chunk in line.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                // Between strings JSON has no escapes, and a blank means the same.
                '\t' | '\n' | '\r' if !is_in_string => shown.push(b' '),
                // Writing to a Vec cannot fail.
                c if acts(c) => write!(shown, "\\u{:04x}", u32::from(c)).unwrap_or_default(),
                c => shown.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
            is_in_string ^= c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
        }
        if !chunk.invalid().is_empty() {
            shown.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// Whether a terminal acts upon it (C0, DEL, C1), or it turns other characters around or begins a
/// line.
pub(super) fn acts(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn shown(text: &str, end: u8) -> String {
        let mut shown = Vec::new();
        show(text.as_bytes(), end, &mut shown);
        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn control_characters_are_escaped_and_the_json_is_the_same() {
        let all: String = ('\0'..='\u{fff}').chain('\u{2000}'..='\u{20ff}').collect();
        // As a careless server writes it: only what ends the string is escaped.
        let text = all.replace('\\', "\\\\").replace('"', "\\\"");
        let line = format!("{{\"a\\\\\":\"{text}\",\t\"b\":\r1}}");
        let seen = shown(&(line.replace('\n', " ") + "\n"), b'\n');
        let body = seen.strip_suffix('\n').unwrap();
        assert!(!body.chars().any(acts), "{body}");
        let value: Value = serde_json::from_str(body).unwrap();
        assert_eq!(value["a\\"], all.replace('\n', " "));
        assert_eq!(value["b"], 1);
    }

    #[test]
    fn what_is_harmless_stays_as_it_is() {
        let harmless =
            "{\"text\":\"h\u{e9}llo \u{a9} \u{2026} \u{628} \u{200d} \u{1f680} \\u001b\"}\n{}\n";
        assert_eq!(shown(harmless, b'\n'), harmless);
        assert_eq!(shown("{}\0{\"a\":\"b\"}\0", 0), "{}\0{\"a\":\"b\"}\0");
    }

    #[test]
    fn each_line_is_looked_at_by_itself() {
        // A quote that is missing in the first says nothing of the second.
        let text = "{\"a\u{9b}\n\t{\"b\":\"\u{202e}\"}\n";
        assert_eq!(shown(text, b'\n'), "{\"a\\u009b\n {\"b\":\"\\u202e\"}\n");
        assert_eq!(shown("a\nb\x1b\0", 0), "a b\\u001b\0");
        let mut shown = Vec::new();
        show(b"\x1ba\x80\n", b'\n', &mut shown);
        assert_eq!(shown, "\\u001ba\u{fffd}\n".as_bytes());
    }
}
