//! Items of DAG-CBOR, one after the other: heads, and the bytes that belong to them.

use super::CborError;

/// The head of an item: what it is, and its number, length, tag or value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) major: u8,
    /// The five bits of the first byte that say how the argument is written.
    pub(crate) info: u8,
    pub(crate) argument: u64,
}

/// A place in bytes of DAG-CBOR.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(super) fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    pub(crate) fn error(&self, what: &'static str) -> CborError {
        CborError::new(self.at, what)
    }

    /// The head of the next item, in its only canonical form.
    #[inline]
    pub(crate) fn head(&mut self) -> Result<Head, CborError> {
        let &first = self.bytes.get(self.at).ok_or(self.error(CUT))?;
        let (major, info) = (first >> 5, first & 31);
        if info < 24 {
            self.at += 1;
            let argument = u64::from(info);
            return Ok(Head {
                major,
                info,
                argument,
            });
        }
        self.long_head(major, info)
    }

    /// A head whose argument follows in bytes of its own.
    fn long_head(&mut self, major: u8, info: u8) -> Result<Head, CborError> {
        let n_bytes = match info {
            24..=27 => 1_usize << (info - 24),
            31 => return Err(self.error("a length that is not said")),
            _ => return Err(self.error("a head that means nothing")),
        };
        let bytes = self.bytes.get(self.at + 1..self.at + 1 + n_bytes);
        let bytes = bytes.ok_or(self.error(CUT))?;
        let argument = bytes
            .iter()
            .fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        // The floats of major 7 are their bits.
        let least = match n_bytes {
            1 => 24,
            n => 1 << (n * 4),
        };
        if major != 7 && argument < least {
            return Err(self.error("a number that has a shorter form"));
        }
        self.at += 1 + n_bytes;
        Ok(Head {
            major,
            info,
            argument,
        })
    }

    /// The bytes of the item whose head was just read.
    #[inline]
    pub(crate) fn take(&mut self, n_bytes: u64) -> Result<&'a [u8], CborError> {
        let end = usize::try_from(n_bytes).ok();
        let end = end.and_then(|n_bytes| self.at.checked_add(n_bytes));
        let bytes = end.and_then(|end| self.bytes.get(self.at..end));
        let bytes = bytes.ok_or(self.error(CUT))?;
        self.at += bytes.len();
        Ok(bytes)
    }

    /// The text whose length is this.
    #[inline]
    pub(crate) fn text_of(&mut self, n_bytes: u64) -> Result<&'a [u8], CborError> {
        let at = self.at;
        let text = self.take(n_bytes)?;
        if simdutf8::basic::from_utf8(text).is_err() {
            return Err(CborError::new(at, "a text that is not UTF-8"));
        }
        Ok(text)
    }

    /// A text.
    pub(crate) fn text(&mut self) -> Result<&'a [u8], CborError> {
        let at = self.at;
        match self.head()? {
            Head {
                major: 3, argument, ..
            } => self.text_of(argument),
            _ => Err(CborError::new(at, "no text where there has to be one")),
        }
    }

    /// A key of which only the known ones are looked at.
    pub(crate) fn known_key(&mut self) -> Result<&'a [u8], CborError> {
        let at = self.at;
        match self.head()? {
            Head {
                major: 3, argument, ..
            } => self.take(argument),
            _ => Err(CborError::new(at, "a key that is no text")),
        }
    }

    /// An integer of 64 bits.
    pub(crate) fn integer(&mut self) -> Result<i64, CborError> {
        let at = self.at;
        let head = self.head()?;
        let number = i64::try_from(head.argument);
        match (head.major, number) {
            (0, Ok(number)) => Ok(number),
            (1, Ok(number)) => Ok(-1 - number),
            (0 | 1, Err(_)) => Err(CborError::new(at, TOO_LARGE)),
            _ => Err(CborError::new(at, "no integer where there has to be one")),
        }
    }

    pub(crate) fn boolean(&mut self) -> Result<bool, CborError> {
        let value = match self.bytes.get(self.at) {
            Some(0xf4) => false,
            Some(0xf5) => true,
            _ => return Err(self.error("neither true nor false where there has to be one")),
        };
        self.at += 1;
        Ok(value)
    }

    /// Steps over a null.
    pub(crate) fn null(&mut self) -> bool {
        let is_null = self.bytes.get(self.at) == Some(&0xf6);
        self.at += usize::from(is_null);
        is_null
    }

    /// How many members the map has that begins here.
    pub(crate) fn map(&mut self) -> Result<u64, CborError> {
        let at = self.at;
        match self.head()? {
            Head {
                major: 5, argument, ..
            } => Ok(argument),
            _ => Err(CborError::new(at, "no map where there has to be one")),
        }
    }

    /// Steps over an item and all that is in it.
    pub(crate) fn skip(&mut self) -> Result<(), CborError> {
        let mut open = [0_u64; MAX_SKIPPED];
        let mut depth = 0;
        let mut n_left = 1_u64;
        loop {
            while n_left == 0 {
                if depth == 0 {
                    return Ok(());
                }
                depth -= 1;
                n_left = open.get(depth).copied().unwrap_or_default();
            }
            n_left -= 1;
            let at = self.at;
            let head = self.head()?;
            match head.major {
                2 | 3 => _ = self.take(head.argument)?,
                4 | 5 => {
                    let place = open.get_mut(depth);
                    *place.ok_or(CborError::new(at, TOO_DEEP))? = n_left;
                    depth += 1;
                    n_left = head.argument.saturating_mul(u64::from(head.major - 3));
                }
                6 => n_left = n_left.saturating_add(1),
                7 if matches!(head.info, 25 | 26) => return Err(CborError::new(at, FLOAT)),
                _ => {}
            }
        }
    }
}

/// How deeply what is stepped over may be nested.
const MAX_SKIPPED: usize = 32;

const CUT: &str = "it ends too early";
pub(super) const TOO_DEEP: &str = "values nested too deeply";
pub(super) const TOO_LARGE: &str = "an integer of more than 64 bits";
pub(super) const FLOAT: &str = "a number with a fraction, which no record may have";
