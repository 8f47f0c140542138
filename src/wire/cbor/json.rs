//! Tokens of a text in JSON.

use super::CborError;

/// A place in a text.
pub(super) struct Json<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Json<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn error(&self, what: &'static str) -> CborError {
        CborError::new(self.at, what)
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline]
    pub(super) fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Whether this comes next; it is stepped over then.
    #[inline]
    pub(super) fn eat(&mut self, word: &[u8]) -> bool {
        let is_next = self.rest().starts_with(word);
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    /// Whether another value comes before the `end` of a list or a map that has `n_values` so far.
    pub(super) fn goes_on(&mut self, n_values: usize, end: u8) -> Result<bool, CborError> {
        self.blanks();
        if self.eat(&[end]) {
            return Ok(false);
        }
        if n_values > 0 {
            if !self.eat(b",") {
                return Err(self.error("neither a comma nor an end where there has to be one"));
            }
            self.blanks();
        }
        Ok(true)
    }

    /// An integer as it is written.
    pub(super) fn digits(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let sign = usize::from(rest.first() == Some(&b'-'));
        let digits = rest.iter().skip(sign);
        let len = sign + digits.take_while(|byte| byte.is_ascii_digit()).count();
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// A text, whose quote comes next. Where it has escapes, what they stand for is put into
    /// `plain` and nothing is given back.
    #[inline]
    pub(super) fn text(&mut self, plain: &mut Vec<u8>) -> Result<Option<&'a [u8]>, CborError> {
        if !self.eat(b"\"") {
            return Err(self.error("no text where there has to be one"));
        }
        let run = self.run()?;
        if self.eat(b"\"") {
            return Ok(Some(run));
        }
        plain.clear();
        plain.extend_from_slice(run);
        loop {
            self.escape(plain)?;
            plain.extend_from_slice(self.run()?);
            if self.eat(b"\"") {
                return Ok(None);
            }
        }
    }

    /// What stands for itself, up to a quote or an escape.
    fn run(&mut self) -> Result<&'a [u8], CborError> {
        let rest = self.rest();
        let len = memchr::memchr2(b'"', b'\\', rest);
        let len = len.ok_or(self.error("a text that does not end"))?;
        let run = rest.get(..len).unwrap_or_default();
        if run.iter().any(|&byte| byte < b' ') {
            return Err(self.error("a control character in a text"));
        }
        self.at += len;
        Ok(run)
    }

    /// Appends what the escape stands for that comes next.
    fn escape(&mut self, plain: &mut Vec<u8>) -> Result<(), CborError> {
        let no_escape = self.error("an escape that means nothing");
        self.at += 1;
        let byte = self.peek().ok_or(no_escape)?;
        self.at += 1;
        plain.push(match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let character = self.character().ok_or(no_escape)?;
                plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(no_escape),
        });
        Ok(())
    }

    /// The character whose code comes next, perhaps in two halves.
    fn character(&mut self) -> Option<char> {
        let unit = self.unit()?;
        if !(0xd800..0xe000).contains(&unit) {
            return char::from_u32(unit);
        }
        let second = self.eat(b"\\u").then(|| self.unit()).flatten()?;
        let is_pair = unit < 0xdc00 && (0xdc00..0xe000).contains(&second);
        is_pair
            .then(|| 0x1_0000 + ((unit & 0x3ff) << 10 | second & 0x3ff))
            .and_then(char::from_u32)
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4)?;
        self.at += 4;
        digits.iter().try_fold(0, |unit, &digit| {
            char::from(digit)
                .to_digit(16)
                .map(|digit| unit << 4 | digit)
        })
    }
}
