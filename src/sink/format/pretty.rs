//! JSON over several lines, for people. What is no JSON comes out as it is, only spread.

use super::paint::{BLUE, GREEN, MAGENTA, PLAIN, Style, YELLOW, paint};

/// What lies deeper stays on one line, or a line of brackets would become a square of blanks.
const MAX_DEPTH: usize = 16;

/// Appends the JSON over several lines, with the end of the last.
pub(super) fn write(json: &[u8], has_colors: bool, out: &mut Vec<u8>) {
    let mut spread = Spread {
        out,
        has_colors,
        depth: 0,
    };
    let mut rest = json.trim_ascii_start();
    while let Some(&first) = rest.first() {
        let (len, next) = match first {
            b'"' => string(rest),
            b'{' | b'}' | b'[' | b']' | b',' | b':' => (1, rest.get(1..)),
            _ => word(rest),
        };
        let token = rest.get(..len).unwrap_or_default();
        rest = next.unwrap_or_default().trim_ascii_start();
        spread.add(token, rest.first().copied());
    }
    out.push(b'\n');
}

/// How long a string is with its quotes, and what follows.
fn string(text: &[u8]) -> (usize, Option<&[u8]>) {
    let mut at = 1;
    while let Some(found) = text
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        at += found;
        if text.get(at) == Some(&b'"') {
            return (at + 1, text.get(at + 1..));
        }
        at += 2;
    }
    (text.len(), None)
}

/// How long a number or a word is, and what follows.
fn word(text: &[u8]) -> (usize, Option<&[u8]>) {
    let is_end = |byte: &u8| {
        matches!(byte, b'"' | b'{' | b'}' | b'[' | b']' | b',' | b':') || byte.is_ascii_whitespace()
    };
    let len = text.iter().position(is_end).unwrap_or(text.len());
    (len, text.get(len..))
}

struct Spread<'a> {
    out: &'a mut Vec<u8>,
    has_colors: bool,
    depth: usize,
}

impl Spread<'_> {
    /// Adds a token, before a token that begins with `next`.
    fn add(&mut self, token: &[u8], next: Option<u8>) {
        let is_empty = matches!((token, next), (b"{", Some(b'}')) | (b"[", Some(b']')));
        match token {
            b"{" | b"[" => {
                self.paint(token, PLAIN);
                self.depth += 1;
                if !is_empty {
                    self.begin_line();
                }
            }
            b"}" | b"]" => {
                self.depth = self.depth.saturating_sub(1);
                if !matches!(self.out.last(), Some(b'{' | b'[')) {
                    self.begin_line_above();
                }
                self.paint(token, PLAIN);
            }
            b"," => {
                self.paint(token, PLAIN);
                self.begin_line();
            }
            b":" => self.paint(b": ", PLAIN),
            [b'"', ..] if next == Some(b':') => self.paint(token, BLUE),
            [b'"', ..] => self.paint(token, GREEN),
            [b't' | b'f' | b'n', ..] => self.paint(token, MAGENTA),
            _ => self.paint(token, YELLOW),
        }
    }

    fn paint(&mut self, token: &[u8], style: Style) {
        let style = if self.has_colors { style } else { PLAIN };
        paint(token, style, self.out);
    }

    fn begin_line(&mut self) {
        if self.depth <= MAX_DEPTH {
            self.out.push(b'\n');
            self.out.extend(std::iter::repeat_n(b' ', 2 * self.depth));
        }
    }

    /// Begins the line of a closing bracket.
    fn begin_line_above(&mut self) {
        if self.depth < MAX_DEPTH {
            self.begin_line();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn pretty(json: &str) -> String {
        let mut out = Vec::new();
        write(json.as_bytes(), false, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn it_is_spread_as_usual() {
        for json in [
            r#"{"a":1,"b":[true,null,{"c":"x\"y, {"}],"d":{},"e":[],"f":[[]]}"#,
            r#"{"a":[1,[2,[3]]]}"#,
            "{}",
        ] {
            let value: Value = serde_json::from_str(json).unwrap();
            let usual = serde_json::to_string_pretty(&value).unwrap() + "\n";
            assert_eq!(pretty(json), usual);
            assert_eq!(pretty(&usual), usual, "white space changes nothing");
        }
    }

    #[test]
    fn deep_nesting_costs_no_more_than_the_text() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let spread = pretty(&deep);
        assert!(spread.len() < deep.len() + 2000, "{}", spread.len());
        let bytes: String = spread.split_whitespace().collect();
        assert_eq!(bytes, deep);
    }

    #[test]
    fn colours_are_around_words_only() {
        let mut out = Vec::new();
        write(br#"{"a":"b","c":[1,true]}"#, true, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("\x1b[34m\"a\"\x1b[0m: \x1b[32m\"b\"\x1b[0m,"),
            "{text}"
        );
        assert!(text.contains("\x1b[33m1\x1b[0m"), "{text}");
        assert!(text.contains("\x1b[35mtrue\x1b[0m"), "{text}");
    }

    proptest! {
        #[test]
        fn any_text_is_spread_without_harm(text: Vec<u8>) {
            write(&text, true, &mut Vec::new());
        }
    }
}
