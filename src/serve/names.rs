//! A list of names that a consumer wants: read one by one, and each kept once, so that a list takes
//! no more memory than what is kept of it.

use std::{collections::BTreeSet, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, SeqAccess, Visitor},
};

use super::options::OptionsError;
use crate::{
    error::ParseError,
    event::{CollectionPattern, Did},
    source::jetstream::JetstreamSettings,
};

/// What a list is made of.
pub(super) trait Name: Ord + Sized {
    /// What the list is called.
    const LIST: &'static str;
    /// How many values are read before those that are there twice are counted as one.
    const MAX_VALUES: usize;
    /// How many different ones there may be.
    const MAX_NAMES: usize;

    fn parse(text: &str) -> Result<Self, ParseError>;
}

impl Name for CollectionPattern {
    const LIST: &'static str = "wantedCollections";
    const MAX_VALUES: usize = 10_000;
    const MAX_NAMES: usize = JetstreamSettings::MAX_COLLECTIONS;

    fn parse(text: &str) -> Result<Self, ParseError> {
        Self::parse_as_server(text)
    }
}

impl Name for Did {
    const LIST: &'static str = "wantedDids";
    const MAX_VALUES: usize = 1_000_000;
    const MAX_NAMES: usize = JetstreamSettings::MAX_DIDS;

    fn parse(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

/// A list that is being read.
#[derive(Debug)]
pub(super) struct NameList<N> {
    names: BTreeSet<N>,
    n_values: usize,
    error: Option<OptionsError>,
}

impl<N> Default for NameList<N> {
    fn default() -> Self {
        Self {
            names: BTreeSet::new(),
            n_values: 0,
            error: None,
        }
    }
}

impl<N: Name> NameList<N> {
    /// Adds a value. Behind the first one that is refused nothing is kept.
    pub(super) fn add(&mut self, text: &str) {
        if self.error.is_some() {
            return;
        }
        self.n_values += 1;
        let result = if self.n_values > N::MAX_VALUES {
            Err(OptionsError::TooMany(N::LIST, N::MAX_VALUES))
        } else {
            N::parse(text).map_err(OptionsError::from)
        };
        let result = result.and_then(|name| {
            self.names.insert(name);
            if self.names.len() > N::MAX_NAMES {
                return Err(OptionsError::TooMany(N::LIST, N::MAX_NAMES));
            }
            Ok(())
        });
        if let Err(error) = result {
            self.names.clear();
            self.error = Some(error);
        }
    }

    /// All of them, or why there is none.
    pub(super) fn finish(self) -> Result<Vec<N>, OptionsError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.names.into_iter().collect()),
        }
    }
}

impl<'de, N: Name> Deserialize<'de> for NameList<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Values(PhantomData))
    }
}

/// Reads the values of a list.
struct Values<N>(PhantomData<N>);

impl<'de, N: Name> Visitor<'de> for Values<N> {
    type Value = NameList<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of names")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<NameList<N>, A::Error> {
        let mut list = NameList::default();
        while values.next_element_seed(Value(&mut list))?.is_some() {}
        Ok(list)
    }
}

/// Reads one value, and adds it.
struct Value<'a, N>(&'a mut NameList<N>);

impl<'de, N: Name> DeserializeSeed<'de> for Value<'_, N> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<N: Name> Visitor<'_> for Value<'_, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.add(text);
        Ok(())
    }
}
