//! DAG-CBOR to JSON, as the official server prints a record: members in the order of their names,
//! `$link` and `$bytes`.

use data_encoding::BASE64_NOPAD;

use super::{
    CborError, Cid, MAX_DEPTH, MAX_LEN, MAX_RECORD, RECORD_TOO_LONG, key_order, push_integer,
    push_text,
    read::{FLOAT, Head, Reader, TOO_DEEP, TOO_LARGE},
};

/// Prints records. It keeps the room that it needed for those before.
#[derive(Debug, Default)]
pub(crate) struct Printer {
    /// Of the maps that are open: the members that are printed, each with a comma behind it.
    members: Vec<Member>,
}

/// Where a member's key stands in the record, and where its text begins and ends behind that of the
/// record.
#[derive(Debug, Clone, Copy)]
struct Member {
    key: (u32, u32),
    text: (u32, u32),
}

/// The record that is printed.
struct Record<'a> {
    reader: Reader<'a>,
    /// Where its text begins.
    text: usize,
}

impl Printer {
    /// Appends the JSON of a record, which has to be all of these bytes. What was appended of one
    /// that is refused is taken away.
    pub(crate) fn append(&mut self, record: &[u8], out: &mut Vec<u8>) -> Result<(), CborError> {
        let text = out.len();
        self.members.clear();
        let printed = self.whole(record, out);
        if printed.is_err() {
            out.truncate(text);
        }
        printed
    }

    fn whole(&mut self, record: &[u8], out: &mut Vec<u8>) -> Result<(), CborError> {
        if record.len() > MAX_RECORD {
            return Err(CborError::new(MAX_RECORD, RECORD_TOO_LONG));
        }
        let mut record = Record {
            reader: Reader::new(record),
            text: out.len(),
        };
        self.value(&mut record, 1, out)?;
        if !record.reader.is_at_end() {
            return Err(record.reader.error("more bytes after the record"));
        }
        Ok(())
    }

    fn value(
        &mut self,
        record: &mut Record<'_>,
        depth: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), CborError> {
        let reader = &mut record.reader;
        let at = reader.at();
        if depth > MAX_DEPTH {
            return Err(CborError::new(at, TOO_DEEP));
        }
        if out.len() - record.text > MAX_RECORD {
            return Err(CborError::new(at, "its text is longer than any record"));
        }
        let head = reader.head()?;
        let Head {
            major, argument, ..
        } = head;
        if matches!(major, 2..=5) && argument > MAX_LEN {
            return Err(CborError::new(at, "a value longer than any record"));
        }
        match major {
            0 | 1 => {
                let number = i64::try_from(argument);
                let number = number.map_err(|_| CborError::new(at, TOO_LARGE))?;
                push_integer(if major == 0 { number } else { -1 - number }, out);
            }
            2 => push_bytes(reader.take(argument)?, out),
            3 => push_text(reader.text_of(argument)?, out),
            4 => {
                out.push(b'[');
                for n in 0..argument {
                    if n > 0 {
                        out.push(b',');
                    }
                    self.value(record, depth + 1, out)?;
                }
                out.push(b']');
            }
            5 => self.map(record, argument, depth, out)?,
            6 => push_link(reader, at, argument, out)?,
            _ => out.extend_from_slice(match head.info {
                20 => b"false",
                21 => b"true",
                22 => b"null",
                25..=27 => return Err(CborError::new(at, FLOAT)),
                _ => return Err(CborError::new(at, "a value that no record may have")),
            }),
        }
        Ok(())
    }

    fn map(
        &mut self,
        record: &mut Record<'_>,
        n_members: u64,
        depth: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), CborError> {
        let first = self.members.len();
        out.push(b'{');
        let start = out.len();
        let mut last: Option<&[u8]> = None;
        let mut is_sorted = true;
        for _ in 0..n_members {
            let text = out.len();
            let at = record.reader.at();
            let key = key(&mut record.reader)?;
            let end = record.reader.at();
            if let Some(last) = last {
                if key_order(last, key).is_ge() {
                    return Err(CborError::new(
                        at,
                        "a key that is there twice or out of order",
                    ));
                }
                is_sorted &= last < key;
            }
            last = Some(key);
            push_text(key, out);
            out.push(b':');
            self.value(record, depth + 1, out)?;
            out.push(b',');
            self.members.push(Member {
                key: (offset(end - key.len()), offset(end)),
                text: (offset(text - record.text), offset(out.len() - record.text)),
            });
        }
        if !is_sorted {
            self.sort(record, first, start, out);
        }
        self.members.truncate(first);
        if n_members > 0 {
            out.pop();
        }
        out.push(b'}');
        Ok(())
    }

    /// Puts the members from `first` on, whose text begins at `start`, into the order of their
    /// keys: DAG-CBOR has the shorter ones first.
    fn sort(&mut self, record: &Record<'_>, first: usize, start: usize, out: &mut Vec<u8>) {
        let members = self.members.get_mut(first..).unwrap_or_default();
        let key = |member: &Member| {
            let (from, to) = member.key;
            record.reader.slice(from as usize, to as usize)
        };
        members.sort_unstable_by(|one, other| key(one).cmp(key(other)));
        let end = out.len();
        for Member {
            text: (from, to), ..
        } in members
        {
            out.extend_from_within(record.text + *from as usize..record.text + *to as usize);
        }
        out.copy_within(end.., start);
        out.truncate(end);
    }
}

/// A place in a record or its text, which are not as long as that.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[inline]
fn key<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], CborError> {
    let at = reader.at();
    match reader.head()? {
        Head {
            major: 3, argument, ..
        } if argument <= MAX_LEN => reader.text_of(argument),
        _ => Err(CborError::new(at, "a key that is no text")),
    }
}

fn push_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"$bytes\":\"");
    let start = out.len();
    out.resize(start + BASE64_NOPAD.encode_len(bytes.len()), 0);
    BASE64_NOPAD.encode_mut(bytes, out.get_mut(start..).unwrap_or_default());
    out.extend_from_slice(b"\"}");
}

fn push_link(
    reader: &mut Reader<'_>,
    at: usize,
    tag: u64,
    out: &mut Vec<u8>,
) -> Result<(), CborError> {
    const LINK: u64 = 42;
    if tag != LINK {
        return Err(CborError::new(at, "a tag that is not that of a link"));
    }
    let no_link = CborError::new(at, "a link that is no identifier of a record or a file");
    let Head {
        major: 2, argument, ..
    } = reader.head()?
    else {
        return Err(no_link);
    };
    let (0, cid) = reader.take(argument)?.split_first().ok_or(no_link)? else {
        return Err(no_link);
    };
    let cid = Cid::from_bytes(cid).ok_or(no_link)?;
    out.extend_from_slice(b"{\"$link\":\"");
    out.extend_from_slice(&cid.text());
    out.extend_from_slice(b"\"}");
    Ok(())
}
