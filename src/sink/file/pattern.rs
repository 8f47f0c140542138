//! The name of a file, or the pattern of many names.
//!
//! A pattern is a path with the time (`%Y`, `%m`, …, in UTC), `{collection}` and `{n}` in it. It
//! can tell the names that it could have made from all others, so that nobody else's files are ever
//! touched.

mod calendar;
mod slot;

use std::{
    ffi::{OsStr, OsString},
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

pub(super) use self::slot::Slot;
use self::{
    calendar::{LETTERS, civil, text_of, width},
    slot::DIGITS,
};
use super::sanitize::{self, OTHERS, PARTIAL};
use crate::{
    error::ParseError,
    platform::{OsStrExt, OsStringExt},
};

/// A path that a file sink writes to: one file, or as many as the pattern makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    /// A directive of strftime, by its letter.
    Time(u8),
    Collection,
    Number,
}

/// A pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    /// An unknown directive.
    #[error("'{0}' is no part of a time; there are %Y %y %m %d %j %H %M %S %s %G %V %u %F %R %T")]
    Directive(String),
    /// An unknown name in braces.
    #[error("'{0}' is not known; there are {{collection}} and {{n}}")]
    Name(String),
    /// The number is there twice.
    #[error("{{n}} can be there once, and {{collection}} twice")]
    Repeated,
    /// The number is part of a folder's name.
    #[error("{{n}} has to be in the name of the file, not of a folder")]
    NumberedFolder,
    /// There is nothing after the last slash.
    #[error("it names a folder and no file")]
    NoFile,
    /// The name is like that of an unfinished file.
    #[error("names that end in {PARTIAL}, or have .+ in them, are those of unfinished files")]
    Partial,
}

crate::error::parse_error!(PatternError);

impl Pattern {
    /// Reads a pattern. `%%` is a percent sign.
    pub fn parse(path: &Path) -> Result<Self, ParseError> {
        let mut rest = path.as_os_str().as_bytes();
        let mut pieces = Vec::new();
        while let Some((byte, behind)) = rest.split_first() {
            rest = match byte {
                b'%' => directive(behind, &mut pieces)?,
                b'{' => named(behind, &mut pieces)?,
                _ => {
                    push_text(&mut pieces, &[*byte]);
                    behind
                }
            };
        }
        let pattern = Self { pieces };
        pattern.check()?;
        Ok(pattern)
    }

    /// A path as it is, whatever is in it.
    pub fn fixed(path: &Path) -> Self {
        Self {
            pieces: vec![Piece::Text(path.as_os_str().as_bytes().to_vec())],
        }
    }

    /// The same with `{n}` before the suffixes of the file's name, if there is no number in it yet.
    pub fn numbered(path: &Path) -> Result<Self, ParseError> {
        let plain = Self::parse(path)?;
        if plain.has(&Piece::Number) {
            return Ok(plain);
        }
        let name = path.file_name().unwrap_or_default().as_bytes();
        let stem = without_suffix(name, |suffix| matches!(suffix, b"gz" | b"zst"));
        let stem = without_suffix(stem, |suffix| {
            !suffix.is_empty() && suffix.iter().all(u8::is_ascii_alphanumeric)
        });
        let suffixes = name.get(stem.len()..).unwrap_or_default();
        let name = OsString::from_vec([stem, b".{n}", suffixes].concat());
        Self::parse(&path.with_file_name(name))
    }

    /// The path, where it is just one.
    pub fn as_fixed(&self) -> Option<PathBuf> {
        match self.pieces.as_slice() {
            [Piece::Text(text)] => Some(OsStr::from_bytes(text).into()),
            _ => None,
        }
    }

    /// Whether there is a file for each collection.
    pub fn has_collection(&self) -> bool {
        self.has(&Piece::Collection)
    }

    /// The suffix of the names, which says how files are compressed.
    pub(super) fn suffix(&self) -> &[u8] {
        match self.pieces.last() {
            Some(Piece::Text(text)) => {
                let dot = text.iter().rposition(|byte| *byte == b'.');
                dot.and_then(|dot| text.get(dot + 1..)).unwrap_or_default()
            }
            _ => &[],
        }
    }

    /// The same pattern in this folder, unless it is absolute.
    pub(super) fn within(&self, folder: &Path) -> Self {
        let first = match self.pieces.first() {
            Some(Piece::Text(text)) => text.as_slice(),
            _ => &[],
        };
        if first.starts_with(b"/") {
            return self.clone();
        }
        let mut text = folder.as_os_str().as_bytes().to_vec();
        text.push(b'/');
        text.extend_from_slice(first.strip_prefix(b"./").unwrap_or(first));
        let rest = self.pieces.iter().skip(usize::from(!first.is_empty()));
        Self {
            pieces: [Piece::Text(text)]
                .into_iter()
                .chain(rest.cloned())
                .collect(),
        }
    }

    /// What the time says in all names: when it changes, all files are complete.
    pub(super) fn time_text(&self, time_us: u64) -> Vec<u8> {
        let time = civil(time_us);
        let mut text = Vec::new();
        for piece in &self.pieces {
            if let Piece::Time(letter) = piece {
                text.extend_from_slice(text_of(*letter, time, time_us).as_bytes());
                text.push(b' ');
            }
        }
        text
    }

    /// Where an event goes.
    pub(super) fn slot(&self, time_us: u64, collection: &[u8]) -> Slot {
        self.filled(time_us, &sanitize::sanitize(collection))
    }

    /// Where events of collections go that have no file of their own.
    pub(super) fn shared_slot(&self, time_us: u64) -> Slot {
        self.filled(time_us, OTHERS.as_bytes())
    }

    fn filled(&self, time_us: u64, collection: &[u8]) -> Slot {
        let time = civil(time_us);
        let mut slot = Slot {
            before: Vec::new(),
            after: None,
        };
        for piece in &self.pieces {
            let text = slot.after.as_mut().unwrap_or(&mut slot.before);
            match piece {
                Piece::Text(piece) => text.extend_from_slice(piece),
                Piece::Time(letter) => {
                    text.extend_from_slice(text_of(*letter, time, time_us).as_bytes());
                }
                Piece::Collection => text.extend_from_slice(collection),
                Piece::Number => slot.after = Some(Vec::new()),
            }
        }
        slot
    }

    /// The same pattern with this time in it, which makes names of no other time.
    pub(super) fn at(&self, time_us: u64) -> Self {
        let time = civil(time_us);
        let mut pieces = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => push_text(&mut pieces, text),
                Piece::Time(letter) => {
                    push_text(&mut pieces, text_of(*letter, time, time_us).as_bytes());
                }
                Piece::Collection | Piece::Number => pieces.push(piece.clone()),
            }
        }
        Self { pieces }
    }

    /// The slot and the number of a name that this pattern could have made; `None` for any other.
    pub(super) fn slot_of(&self, path: &Path) -> Option<(Slot, Option<u64>)> {
        let path = path.as_os_str().as_bytes();
        let number = matched(&self.pieces, path, 0)?;
        if number.is_empty() {
            let slot = Slot {
                before: path.to_vec(),
                after: None,
            };
            return Some((slot, None));
        }
        let digits = str::from_utf8(path.get(number.clone())?).ok()?;
        let slot = Slot {
            before: path.get(..number.start)?.to_vec(),
            after: Some(path.get(number.end..)?.to_vec()),
        };
        Some((slot, Some(digits.parse().ok()?)))
    }

    fn has(&self, wanted: &Piece) -> bool {
        self.pieces.contains(wanted)
    }

    fn check(&self) -> Result<(), PatternError> {
        let count = |wanted: &Piece| self.pieces.iter().filter(|piece| *piece == wanted).count();
        if count(&Piece::Number) > 1 || count(&Piece::Collection) > 2 {
            return Err(PatternError::Repeated);
        }
        let number = self.pieces.iter().position(|piece| *piece == Piece::Number);
        let behind = number
            .and_then(|at| self.pieces.get(at..))
            .unwrap_or_default();
        let has_slash = |piece: &Piece| matches!(piece, Piece::Text(text) if text.contains(&b'/'));
        if behind.iter().any(has_slash) {
            return Err(PatternError::NumberedFolder);
        }
        let is_like_partial = |piece: &Piece| matches!(piece, Piece::Text(text) if memchr::memmem::find(text, b".+").is_some());
        if self.as_fixed().is_none() && self.pieces.iter().any(is_like_partial) {
            return Err(PatternError::Partial);
        }
        match self.pieces.last() {
            Some(Piece::Text(text)) if self.as_fixed().is_none() => {
                if text.ends_with(b"/") {
                    return Err(PatternError::NoFile);
                }
                if text.ends_with(PARTIAL.as_bytes()) {
                    return Err(PatternError::Partial);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// As it was typed.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_fixed = self.as_fixed().is_some();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => {
                    let text = String::from_utf8_lossy(text);
                    if is_fixed {
                        f.write_str(&text)?;
                    } else {
                        f.write_str(&text.replace('%', "%%"))?;
                    }
                }
                Piece::Time(letter) => write!(f, "%{}", char::from(*letter))?,
                Piece::Collection => f.write_str("{collection}")?,
                Piece::Number => f.write_str("{n}")?,
            }
        }
        Ok(())
    }
}

fn push_text(pieces: &mut Vec<Piece>, more: &[u8]) {
    match pieces.last_mut() {
        Some(Piece::Text(text)) => text.extend_from_slice(more),
        _ => pieces.push(Piece::Text(more.to_vec())),
    }
}

/// Reads what follows a percent sign, and returns what is left.
fn directive<'a>(rest: &'a [u8], pieces: &mut Vec<Piece>) -> Result<&'a [u8], PatternError> {
    let (letter, behind) = rest.split_first().unwrap_or((&b' ', rest));
    match letter {
        b'%' => push_text(pieces, b"%"),
        b'F' => combined(pieces, b"Ymd", b"-"),
        b'R' => combined(pieces, b"HM", b":"),
        b'T' => combined(pieces, b"HMS", b":"),
        letter if LETTERS.contains(letter) => pieces.push(Piece::Time(*letter)),
        _ => {
            let end = rest.len().min(1);
            let letter = String::from_utf8_lossy(rest.get(..end).unwrap_or_default());
            let shown = format!("%{letter}").escape_debug().to_string();
            return Err(PatternError::Directive(shown));
        }
    }
    Ok(behind)
}

fn combined(pieces: &mut Vec<Piece>, letters: &[u8], between: &[u8]) {
    for (at, letter) in letters.iter().enumerate() {
        if at > 0 {
            push_text(pieces, between);
        }
        pieces.push(Piece::Time(*letter));
    }
}

/// Reads what follows an opening brace, and returns what is left. A brace that is never closed is
/// text.
fn named<'a>(rest: &'a [u8], pieces: &mut Vec<Piece>) -> Result<&'a [u8], PatternError> {
    let Some(end) = rest.iter().position(|byte| *byte == b'}') else {
        push_text(pieces, b"{");
        return Ok(rest);
    };
    let (name, behind) = (rest.get(..end), rest.get(end + 1..));
    match name.unwrap_or_default() {
        b"collection" => pieces.push(Piece::Collection),
        b"n" => pieces.push(Piece::Number),
        other => {
            let shown = format!("{{{}}}", String::from_utf8_lossy(other));
            return Err(PatternError::Name(shown.escape_debug().to_string()));
        }
    }
    Ok(behind.unwrap_or_default())
}

/// The name without its last suffix, if that is such a one and something is before it.
fn without_suffix(name: &[u8], is_wanted: impl Fn(&[u8]) -> bool) -> &[u8] {
    let dot = name.iter().rposition(|byte| *byte == b'.');
    match dot.and_then(|dot| Some((name.get(..dot)?, name.get(dot + 1..)?))) {
        Some((stem, suffix)) if !stem.is_empty() && is_wanted(suffix) => stem,
        _ => name,
    }
}

/// Where the number is (nowhere, if there is none) when the pieces make exactly the path from `at`
/// on.
fn matched(pieces: &[Piece], path: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = path.get(at..)?;
    let Some((piece, behind)) = pieces.split_first() else {
        return rest.is_empty().then_some(0..0);
    };
    let n_digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let lengths = match piece {
        Piece::Text(text) => {
            rest.starts_with(text).then_some(())?;
            text.len()..=text.len()
        }
        Piece::Time(letter) => match width(*letter) {
            Some(width) => {
                (n_digits >= width).then_some(())?;
                width..=width
            }
            None => 1..=n_digits,
        },
        Piece::Collection => 1..=rest.iter().take_while(|byte| **byte != b'/').count(),
        Piece::Number => DIGITS..=n_digits,
    };
    // The longest comes first: a number takes all of its digits.
    lengths.rev().find_map(|length| {
        let taken = rest.get(..length)?;
        if *piece == Piece::Collection && !sanitize::is_safe(taken) {
            return None;
        }
        let number = matched(behind, path, at + length)?;
        Some(match piece {
            Piece::Number => at..at + length,
            _ => number,
        })
    })
}

#[cfg(test)]
mod tests;
