//! A value in JSON text, found by its path without parsing what lies before it.
//!
//! A record is its author's word, so nothing here trusts it: what is no JSON is a value that is not
//! there. Nesting costs no stack.

/// A value as it stands in JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// What stands between the quotes of a string.
    Text(&'a [u8]),
    /// Everything else, as it is written.
    Other(&'a [u8]),
}

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    key: String,
    /// Which element of an array it means.
    index: Option<usize>,
}

impl Step {
    pub(crate) fn new(key: &str) -> Self {
        let is_number = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
        Self {
            key: key.to_owned(),
            index: key.parse().ok().filter(|_| is_number),
        }
    }
}

/// The value at the end of these steps; `None` where there is none, or `null`.
pub(crate) fn find<'a>(json: &'a [u8], steps: &[Step]) -> Option<Value<'a>> {
    let mut scan = Scan(json);
    for step in steps {
        match scan.first()? {
            b'{' => scan.enter_member(step.key.as_bytes())?,
            b'[' => scan.enter_element(step.index?)?,
            _ => return None,
        }
    }
    scan.value()
}

/// The value of a member of the object that the text begins with.
pub(crate) fn member<'a>(json: &'a [u8], key: &str) -> Option<Value<'a>> {
    let mut scan = Scan(json);
    if scan.first()? != b'{' {
        return None;
    }
    scan.enter_member(key.as_bytes())?;
    scan.value()
}

/// What is left of the text.
struct Scan<'a>(&'a [u8]);

/// Most strings are shorter, and are gone through without a call.
const SHORT: usize = 24;

impl<'a> Scan<'a> {
    /// The next byte that is no white space, which is skipped.
    #[inline]
    fn first(&mut self) -> Option<u8> {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.0 {
            self.0 = rest;
        }
        self.0.first().copied()
    }

    #[inline]
    fn skip(&mut self, n: usize) -> Option<&'a [u8]> {
        let (skipped, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(skipped)
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.first()? == byte).then(|| self.skip(1)).map(|_| ())
    }

    /// Skips a string, and returns what stands between its quotes.
    #[inline]
    fn string(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let mut at = 0;
        loop {
            let rest = self.0.get(at..)?;
            let short = rest.get(..SHORT).unwrap_or(rest);
            let is_end = |byte: &u8| matches!(byte, b'"' | b'\\');
            let end = short.iter().position(is_end);
            at += match end {
                Some(end) => end,
                None => short.len() + memchr::memchr2(b'"', b'\\', rest.get(short.len()..)?)?,
            };
            if self.0.get(at) == Some(&b'"') {
                let text = self.skip(at)?;
                self.skip(1)?;
                return Some(text);
            }
            at += 2;
        }
    }

    /// Skips a value of any kind.
    fn skip_value(&mut self) -> Option<()> {
        match self.first()? {
            b'"' => self.string().map(|_| ()),
            b'{' | b'[' => self.skip_nested(),
            _ => self.skip_word(),
        }
    }

    /// Skips an object or an array.
    fn skip_nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            let is_mark = |byte: &u8| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']');
            let at = self.0.iter().position(is_mark)?;
            self.skip(at)?;
            match self.0.first()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                _ => depth = depth.checked_sub(1)?,
            }
            self.skip(1)?;
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Skips a number, or one of the words of JSON.
    fn skip_word(&mut self) -> Option<()> {
        let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
        let end = self.0.iter().position(is_end).unwrap_or(self.0.len());
        self.skip(end).filter(|word| !word.is_empty()).map(|_| ())
    }

    /// Goes to the value of a member; the first, where there are several of that key.
    fn enter_member(&mut self, wanted: &[u8]) -> Option<()> {
        self.expect(b'{')?;
        loop {
            let key = self.string()?;
            self.expect(b':')?;
            if is_key(key, wanted) {
                return Some(());
            }
            self.skip_value()?;
            self.expect(b',')?;
        }
    }

    /// Goes to an element of an array.
    fn enter_element(&mut self, wanted: usize) -> Option<()> {
        self.expect(b'[')?;
        for _ in 0..wanted {
            self.skip_value()?;
            self.expect(b',')?;
        }
        (self.first()? != b']').then_some(())
    }

    fn value(&mut self) -> Option<Value<'a>> {
        if self.first()? == b'"' {
            return self.string().map(Value::Text);
        }
        let from = self.0;
        self.skip_value()?;
        let text = from.get(..from.len() - self.0.len())?;
        (text != b"null").then_some(Value::Other(text))
    }
}

#[inline]
fn is_key(key: &[u8], wanted: &[u8]) -> bool {
    if key.contains(&b'\\') {
        let mut text = Vec::new();
        unescape(key, &mut text);
        return text == wanted;
    }
    key == wanted
}

/// Appends what a string says whose escapes stand between its quotes. Half a pair of surrogates,
/// and an escape that is not one, become U+FFFD.
pub(crate) fn unescape(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr(b'\\', text) {
        let (plain, escape) = text.split_at(at);
        out.extend_from_slice(plain);
        let (c, len) = unescaped(escape.get(1..).unwrap_or_default());
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        text = escape.get(1 + len..).unwrap_or_default();
    }
    out.extend_from_slice(text);
}

/// The character of an escape without its backslash, and how long it is.
fn unescaped(escape: &[u8]) -> (char, usize) {
    let simple = match escape.first() {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(&byte @ (b'"' | b'\\' | b'/')) => byte.into(),
        Some(b'u') => return unescaped_unit(escape),
        // What follows may begin a character of several bytes, and stays.
        _ => return (char::REPLACEMENT_CHARACTER, 0),
    };
    (simple, 1)
}

/// The character of `uXXXX`, or of a pair of them.
fn unescaped_unit(escape: &[u8]) -> (char, usize) {
    let Some(first) = unit(escape) else {
        return (char::REPLACEMENT_CHARACTER, 1);
    };
    let second = escape.get(5..).and_then(|rest| rest.strip_prefix(b"\\"));
    let second = second.and_then(unit);
    let units = [Some(first), second].into_iter().flatten();
    match char::decode_utf16(units).next() {
        Some(Ok(c)) if c.len_utf16() == 2 => (c, 11),
        Some(Ok(c)) => (c, 5),
        _ => (char::REPLACEMENT_CHARACTER, 5),
    }
}

/// The number in `uXXXX`.
fn unit(escape: &[u8]) -> Option<u16> {
    let digits = escape.strip_prefix(b"u")?.get(..4)?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    let digits = str::from_utf8(digits).ok().filter(|_| is_hex)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::*;

    const LINE: &str = r#"{"did":"did:plc:a","n":-1.5e3,"commit": {"record":{"a\u0062":"x","text":"q\"\\","langs":["de", {"k":[1,2]} ],"none":null,"yes":true}},"last":"z"}"#;

    fn found(path: &str) -> Option<String> {
        let steps: Vec<_> = path.split('.').map(Step::new).collect();
        let text = match find(LINE.as_bytes(), &steps)? {
            Value::Text(text) | Value::Other(text) => text,
        };
        Some(String::from_utf8(text.to_vec()).unwrap())
    }

    #[test]
    fn a_value_is_found_by_keys_and_indexes() {
        for (path, expected) in [
            ("did", "did:plc:a"),
            ("n", "-1.5e3"),
            ("commit.record.ab", "x"),
            ("commit.record.text", r#"q\"\\"#),
            ("commit.record.langs.0", "de"),
            ("commit.record.langs.1", r#"{"k":[1,2]}"#),
            ("commit.record.langs.1.k.1", "2"),
            ("commit.record.yes", "true"),
            ("last", "z"),
        ] {
            assert_eq!(found(path).as_deref(), Some(expected), "{path}");
        }
        for path in [
            "",
            "x",
            "did.x",
            "commit.record.none",
            "commit.record.langs.2",
            "commit.record.langs.x",
            "commit.record.langs.1.k.2",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn escapes_become_the_characters_they_stand_for() {
        for (text, expected) in [
            (r#"a\n\t\r\b\f\"\\\/z"#, "a\n\t\r\u{8}\u{c}\"\\/z"),
            (r"\u00e9\u0041", "éA"),
            (r"\ud83d\ude80!", "🚀!"),
            (r"\ud83d!", "\u{fffd}!"),
            (r"\ude80\u0041", "\u{fffd}A"),
            (r"\ud83d\ud83d\ude80", "\u{fffd}🚀"),
            (r"\u12", "\u{fffd}12"),
            (r"\é", "\u{fffd}é"),
            ("\\", "\u{fffd}"),
        ] {
            let mut out = Vec::new();
            unescape(text.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_looked_into_without_harm(text: Vec<u8>, path in "[a-c0-2]{0,3}") {
            let steps: Vec<_> = path.chars().map(|c| Step::new(&c.to_string())).collect();
            find(&text, &steps);
            unescape(&text, &mut Vec::new());
        }

        #[test]
        fn what_is_found_is_what_a_parser_finds(text: String, other: String, n: i64) {
            let json = serde_json::json!({"other": {"a": [other]}, "n": n, "deep": {"text": text}});
            let line = json.to_string();
            let steps = ["deep", "text"].map(Step::new);
            let Some(Value::Text(raw)) = find(line.as_bytes(), &steps) else {
                panic!("not found in {line}");
            };
            let mut found = Vec::new();
            unescape(raw, &mut found);
            prop_assert_eq!(String::from_utf8(found).unwrap(), text);
            let found = find(line.as_bytes(), &[Step::new("n")]);
            let n = n.to_string();
            prop_assert_eq!(found, Some(Value::Other(n.as_bytes())));
            let found = find(line.as_bytes(), &[Step::new("other")]);
            let Some(Value::Other(found)) = found else { panic!("not found in {line}") };
            prop_assert_eq!(serde_json::from_slice::<Json>(found).unwrap(), json["other"].clone());
        }
    }
}
