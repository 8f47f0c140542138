//! JSON to DAG-CBOR: the bytes that the text of a record stands for.

use data_encoding::{BASE64, BASE64_NOPAD};

use super::{
    CborError, Cid, MAX_DEPTH, MAX_LEN, MAX_RECORD, RECORD_TOO_LONG,
    json::Json,
    key_order,
    read::{FLOAT, Reader, TOO_DEEP, TOO_LARGE},
};

/// Encodes records. It keeps the room that it needed for those before.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    /// Of the maps that are open: the members so far.
    members: Vec<Member>,
    /// A text without its escapes, or the bytes that one stands for.
    plain: Vec<u8>,
}

/// Where a member begins and ends in what is appended, and its key in between.
#[derive(Debug, Clone, Copy)]
struct Member {
    start: usize,
    key: usize,
    value: usize,
    end: usize,
}

impl Encoder {
    /// Appends the bytes of the record whose JSON this is. What was appended of one that is refused
    /// is taken away.
    pub(crate) fn append(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), CborError> {
        let start = out.len();
        self.members.clear();
        let encoded = self.whole(text, out);
        if encoded.is_err() {
            out.truncate(start);
        }
        encoded
    }

    fn whole(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), CborError> {
        if text.len() > MAX_RECORD {
            return Err(CborError::new(MAX_RECORD, RECORD_TOO_LONG));
        }
        let mut json = Json::new(text);
        self.value(&mut json, 1, out)?;
        json.blanks();
        if !json.is_at_end() {
            return Err(json.error("more text after the record"));
        }
        Ok(())
    }

    fn value(
        &mut self,
        json: &mut Json<'_>,
        depth: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), CborError> {
        json.blanks();
        if depth > MAX_DEPTH {
            return Err(json.error(TOO_DEEP));
        }
        match json.peek() {
            Some(b'"') => self.text(json, out).map(|_| ()),
            Some(b'{') => self.map(json, depth, out),
            Some(b'[') => self.list(json, depth, out),
            Some(b'-' | b'0'..=b'9') => integer(json, out),
            _ => {
                let words = [(&b"true"[..], 0xf5), (b"false", 0xf4), (b"null", 0xf6)];
                let word = words.iter().find(|(word, _)| json.eat(word));
                let (_, byte) = word.ok_or(json.error("no value where there has to be one"))?;
                out.push(*byte);
                Ok(())
            }
        }
    }

    fn list(
        &mut self,
        json: &mut Json<'_>,
        depth: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), CborError> {
        const LIST: u8 = 4;
        let start = out.len();
        out.push(0);
        let mut n_values = 0;
        json.eat(b"[");
        while json.goes_on(n_values, b']')? {
            self.value(json, depth + 1, out)?;
            n_values += 1;
        }
        if n_values as u64 > MAX_LEN {
            return Err(json.error(TOO_LONG));
        }
        let (head, n_bytes) = head(LIST, n_values);
        out.splice(start..=start, head.into_iter().take(n_bytes));
        Ok(())
    }

    fn map(&mut self, json: &mut Json<'_>, depth: u32, out: &mut Vec<u8>) -> Result<(), CborError> {
        let (at, first, start) = (json.at(), self.members.len(), out.len());
        let mut n_members = 0;
        json.eat(b"{");
        // Room for the head of a map of few.
        out.push(0);
        while json.goes_on(n_members, b'}')? {
            let member = out.len();
            let key = self.text(json, out)?;
            json.blanks();
            if !json.eat(b":") {
                return Err(json.error("no colon where there has to be one"));
            }
            let value = out.len();
            json.blanks();
            // A text may stand for a link or bytes with its map, which is known at the end of it.
            let is_deepest_text = depth == MAX_DEPTH && json.peek() == Some(b'"');
            self.value(json, depth + u32::from(!is_deepest_text), out)?;
            self.members.push(Member {
                start: member,
                key: value - key,
                value,
                end: out.len(),
            });
            n_members += 1;
        }
        let is_stand_in = n_members == 1 && self.stand_in(at, start, out)?;
        if !is_stand_in {
            if depth == MAX_DEPTH && n_members > 0 {
                return Err(CborError::new(at, TOO_DEEP));
            }
            self.sort(at, first, start, out)?;
        }
        self.members.truncate(first);
        Ok(())
    }

    /// Puts a link or bytes in place of a map that stands for them; whether it did.
    fn stand_in(&mut self, at: usize, start: usize, out: &mut Vec<u8>) -> Result<bool, CborError> {
        let Some(&Member {
            key, value, end, ..
        }) = self.members.last()
        else {
            return Ok(false);
        };
        let name = out.get(key..value).unwrap_or_default();
        let is_link = name == b"$link";
        if !is_link && name != b"$bytes" {
            return Ok(false);
        }
        let text = Reader::new(out.get(value..end).unwrap_or_default()).text();
        let text = text.map_err(|_| CborError::new(at, "a $link or $bytes that is no text"))?;
        if is_link {
            let cid = Cid::parse(text).ok_or(CborError::new(at, "a $link that is no CID"))?;
            out.truncate(start);
            // Tag 42, then bytes that begin with a zero.
            out.extend_from_slice(&[0xd8, 42, 0x58, 37, 0]);
            out.extend_from_slice(cid.bytes());
        } else {
            let base64 = if text.ends_with(b"=") {
                BASE64
            } else {
                BASE64_NOPAD
            };
            let no_bytes = CborError::new(at, "$bytes that are not in Base64");
            let len = base64.decode_len(text.len()).map_err(|_| no_bytes)?;
            self.plain.clear();
            self.plain.resize(len, 0);
            let len = base64
                .decode_mut(text, &mut self.plain)
                .map_err(|_| no_bytes)?;
            self.plain.truncate(len);
            out.truncate(start);
            push_head(2, self.plain.len(), out);
            out.extend_from_slice(&self.plain);
        }
        Ok(true)
    }

    /// Puts the head of the map before its members, from `first` on, and those into the order of
    /// DAG-CBOR.
    fn sort(
        &mut self,
        at: usize,
        first: usize,
        start: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), CborError> {
        const MAP: u8 = 5;
        let members = self.members.get_mut(first..).unwrap_or_default();
        let key = |member: &Member| out.get(member.key..member.value).unwrap_or_default();
        let is_sorted = members.is_sorted_by(|one, two| key_order(key(one), key(two)).is_lt());
        if !is_sorted {
            members.sort_unstable_by(|one, two| key_order(key(one), key(two)));
            if members
                .windows(2)
                .any(|two| matches!(two, [one, two] if key(one) == key(two)))
            {
                return Err(CborError::new(at, "a key that is there twice"));
            }
        }
        if members.len() as u64 > MAX_LEN {
            return Err(CborError::new(at, TOO_LONG));
        }
        let (head, n_bytes) = head(MAP, members.len());
        if is_sorted && n_bytes == 1 {
            *out.get_mut(start).unwrap_or(&mut 0) = head[0];
            return Ok(());
        }
        let end = out.len();
        out.extend(head.into_iter().take(n_bytes));
        for member in members {
            out.extend_from_within(member.start..member.end);
        }
        out.copy_within(end.., start);
        // One byte was kept for the head.
        out.truncate(end - 1 + n_bytes);
        Ok(())
    }

    /// Appends a text; how long it is.
    fn text(&mut self, json: &mut Json<'_>, out: &mut Vec<u8>) -> Result<usize, CborError> {
        const TEXT: u8 = 3;
        let at = json.at();
        let plain = json.text(&mut self.plain)?.unwrap_or(&self.plain);
        if plain.len() as u64 > MAX_LEN {
            return Err(CborError::new(at, TOO_LONG));
        }
        if simdutf8::basic::from_utf8(plain).is_err() {
            return Err(CborError::new(at, "a text that is not UTF-8"));
        }
        push_head(TEXT, plain.len(), out);
        out.extend_from_slice(plain);
        Ok(plain.len())
    }
}

const TOO_LONG: &str = "a value longer than any record";

fn integer(json: &mut Json<'_>, out: &mut Vec<u8>) -> Result<(), CborError> {
    let at = json.at();
    let digits = json.digits();
    if matches!(json.peek(), Some(b'.' | b'e' | b'E')) {
        return Err(CborError::new(at, FLOAT));
    }
    if matches!(digits, b"" | b"-" | [b'0', _, ..] | [b'-', b'0', _, ..]) {
        return Err(CborError::new(at, "a number that is not written as one"));
    }
    let number = str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse::<i64>().ok());
    let number = number.ok_or(CborError::new(at, TOO_LARGE))?;
    // What is negative counts from minus one down.
    let (major, argument) = if number < 0 {
        (1, !number)
    } else {
        (0, number)
    };
    let (head, n_bytes) = head_of(major, argument.unsigned_abs());
    out.extend(head.into_iter().take(n_bytes));
    Ok(())
}

fn push_head(major: u8, len: usize, out: &mut Vec<u8>) {
    let (head, n_bytes) = head(major, len);
    out.extend_from_slice(head.get(..n_bytes).unwrap_or_default());
}

fn head(major: u8, len: usize) -> ([u8; 9], usize) {
    head_of(major, len as u64)
}

/// The shortest head, and how long it is.
fn head_of(major: u8, argument: u64) -> ([u8; 9], usize) {
    let bytes = argument.to_be_bytes();
    let (info, n_bytes) = match argument {
        0..24 => ((argument & 31) as u8, 0),
        24..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    let mut head = [0; 9];
    let (first, rest) = head.split_at_mut(1);
    first.copy_from_slice(&[major << 5 | info]);
    let written = bytes.get(8 - n_bytes..).unwrap_or_default();
    for (to, from) in rest.iter_mut().zip(written) {
        *to = *from;
    }
    (head, 1 + n_bytes)
}
