//! Names of the event in a program's arguments: `{did}` and its like are replaced, in one pass, and
//! by no shell.
//!
//! Anything else in braces stays as it is. What is put in is not looked at again, so that a name
//! can hold no further name.

use std::ffi::{OsStr, OsString};

use super::variables::text;
use crate::{
    event::Event,
    platform::{OsStrExt, OsStringExt},
};

/// What can be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Did,
    Collection,
    Rkey,
    Uri,
    TimeUs,
}

const NAMES: [(&str, Name); 5] = [
    ("{did}", Name::Did),
    ("{collection}", Name::Collection),
    ("{rkey}", Name::Rkey),
    ("{uri}", Name::Uri),
    ("{time_us}", Name::TimeUs),
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Name(Name),
}

/// One argument.
#[derive(Debug, Clone)]
pub(super) struct Argument(Vec<Piece>);

impl Argument {
    /// Finds the names in it.
    pub(super) fn parse(argument: &OsStr) -> Self {
        let mut rest = argument.as_bytes();
        let mut pieces = Vec::new();
        let mut plain = Vec::new();
        while let Some((first, behind)) = rest.split_first() {
            let name = NAMES
                .iter()
                .find(|(name, _)| rest.starts_with(name.as_bytes()));
            if let Some((text, name)) = name {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
                pieces.push(Piece::Name(*name));
                rest = rest.get(text.len()..).unwrap_or_default();
            } else {
                plain.push(*first);
                rest = behind;
            }
        }
        pieces.push(Piece::Text(plain));
        Self(pieces)
    }

    /// The argument for this event. A name that the event does not have is empty.
    pub(super) fn fill(&self, event: &Event<'_>) -> OsString {
        let mut filled = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => filled.extend_from_slice(text),
                Piece::Name(name) => filled.extend_from_slice(name.of(event).as_bytes()),
            }
        }
        OsString::from_vec(filled)
    }
}

impl Name {
    fn of(self, event: &Event<'_>) -> String {
        match self {
            Self::Did => text(event.did()),
            Self::Collection => text(event.collection()),
            Self::Rkey => text(event.rkey()),
            Self::Uri => event.uri().map(|uri| text(&uri)).unwrap_or_default(),
            Self::TimeUs => event.time_us().to_string(),
        }
    }
}

/// The first name of an event that an argument holds.
pub(super) fn name_in(argument: &OsStr) -> Option<&'static str> {
    let named = Argument::parse(argument).0;
    NAMES
        .iter()
        .find(|(_, name)| named.contains(&Piece::Name(*name)))
        .map(|(text, _)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Batch;

    fn filled(argument: &str, rkey: &str) -> String {
        let line = format!(
            r#"{{"did":"did:plc:a","time_us":7,"kind":"commit","commit":{{"rev":"3k","operation":"delete","collection":"a.b.c","rkey":"{rkey}"}}}}"#
        );
        let mut batch = Batch::new();
        batch.push(line.as_bytes()).unwrap();
        let argument = Argument::parse(OsStr::new(argument));
        let filled = argument.fill(&batch.events().next().unwrap());
        filled.into_string().unwrap()
    }

    #[test]
    fn each_name_is_replaced_wherever_it_stands() {
        let all = "{did}/{collection}/{rkey}:{uri} {time_us}{time_us}";
        let wanted = "did:plc:a/a.b.c/3l:at://did:plc:a/a.b.c/3l 77";
        assert_eq!(filled(all, "3l"), wanted);
    }

    #[test]
    fn braces_that_name_nothing_stay() {
        for argument in [
            "", "{", "{}", "{did", "{{x}", "{DID}", "{ did }", "{rev}", "é{",
        ] {
            assert_eq!(filled(argument, "3l"), argument);
        }
        assert_eq!(filled("{{did}}", "3l"), "{did:plc:a}");
    }

    #[test]
    fn what_is_put_in_is_not_replaced_again_and_is_bounded() {
        assert_eq!(filled("{rkey}", "{did}"), "{did}");
        assert_eq!(filled("<{rkey}>", r"\u0000a\n\u001b"), "<a>");
        assert_eq!(filled("<{rkey}>", &"x".repeat(200_000)), "<>");
    }

    #[test]
    fn an_argument_that_names_something_is_known() {
        assert_eq!(name_in(OsStr::new("--key={rkey}")), Some("{rkey}"));
        assert_eq!(name_in(OsStr::new("{}")), None);
    }
}
