//! What of a file is wanted: which of its blocks have to be read, and which of their rows become
//! lines.
//!
//! Only what is certainly not wanted is left out here; the pipeline's filter has the last word.

use std::collections::HashSet;

use super::settings::Bounds;
use crate::{
    event::{self, CollectionPattern, Did},
    segment::{AccountHash, Bloom, CollectionIndex, Kind, Row, has_bit},
};

/// Which rows are wanted.
#[derive(Debug)]
pub(in crate::source) struct Wanted {
    pub(super) bounds: Bounds,
    collections: Vec<CollectionPattern>,
    kinds: Vec<event::Kind>,
    dids: HashSet<Box<[u8]>>,
    hashes: Vec<AccountHash>,
}

/// Which entries of a file's collection index are wanted; none where all are.
#[derive(Debug)]
pub(super) struct Chosen(Option<Vec<u8>>);

impl Wanted {
    /// Commits of these collections, and events of these kinds and accounts; empty means all.
    pub(in crate::source) fn new(
        collections: &[CollectionPattern],
        kinds: &[event::Kind],
        accounts: &[Did],
        bounds: Bounds,
    ) -> Self {
        let of_all = Self {
            bounds,
            collections: collections.to_vec(),
            kinds: kinds.to_vec(),
            hashes: Vec::new(),
            dids: HashSet::new(),
        };
        of_all.of_accounts(accounts)
    }

    /// The numbers and times that are wanted.
    pub(in crate::source) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The same of these accounts.
    pub(in crate::source) fn of_accounts(&self, accounts: &[Did]) -> Self {
        let dids = accounts.iter().map(|did| did.as_str().as_bytes());
        Self {
            bounds: self.bounds.clone(),
            collections: self.collections.clone(),
            kinds: self.kinds.clone(),
            hashes: dids.clone().map(AccountHash::of).collect(),
            dids: dids.map(Box::from).collect(),
        }
    }

    /// Whether all accounts are wanted.
    pub(super) fn has_all_accounts(&self) -> bool {
        self.dids.is_empty()
    }

    fn has_kind(&self, kind: event::Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    fn has_collection(&self, collection: &[u8]) -> bool {
        self.collections.is_empty()
            || self
                .collections
                .iter()
                .any(|pattern| match pattern.prefix() {
                    Some(prefix) => collection.starts_with(prefix.as_bytes()),
                    None => collection == pattern.as_str().as_bytes(),
                })
    }

    /// Whether a row may become a line.
    #[inline]
    pub(super) fn has(&self, row: &Row<'_>) -> bool {
        let is_of_kind = match row.kind {
            Kind::Identity => self.has_kind(event::Kind::Identity),
            Kind::Account => self.has_kind(event::Kind::Account),
            Kind::Sync => self.has_kind(event::Kind::Sync),
            _ => self.has_kind(event::Kind::Commit) && self.has_collection(row.collection),
        };
        is_of_kind
            && self.bounds.have(row.seq, row.witnessed_at)
            && (self.dids.is_empty() || self.dids.contains(row.did))
    }

    /// Whether an entry of a collection index is wanted.
    pub(in crate::source) fn names(&self, name: &[u8]) -> bool {
        match name {
            b"$identity" => self.has_kind(event::Kind::Identity),
            b"$account" => self.has_kind(event::Kind::Account),
            b"$sync" => self.has_kind(event::Kind::Sync),
            name => self.has_kind(event::Kind::Commit) && self.has_collection(name),
        }
    }

    /// What of a collection index is wanted.
    pub(super) fn choose(&self, index: &CollectionIndex) -> Chosen {
        if self.kinds.is_empty() && self.collections.is_empty() {
            return Chosen(None);
        }
        let mut chosen = vec![0; index.len().div_ceil(8)];
        for (at, (name, _)) in index.iter().enumerate() {
            if let (true, Some(byte)) = (self.names(name), chosen.get_mut(at / 8)) {
                *byte |= 1 << (at % 8);
            }
        }
        Chosen(Some(chosen))
    }

    /// Whether a bloom leaves it open that a wanted account is there.
    pub(super) fn may_be_in(&self, bloom: &[u8]) -> bool {
        let Some(bloom) = Bloom::read(bloom) else {
            return true;
        };
        self.has_all_accounts() || self.hashes.iter().any(|hash| bloom.may_hold(*hash))
    }
}

impl Chosen {
    /// Whether anything of a file is wanted.
    pub(super) fn has_any(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|chosen| chosen.iter().any(|byte| *byte != 0))
    }

    /// Whether anything of a block is, which has these collections.
    pub(super) fn meets(&self, mask: &[u8]) -> bool {
        let Some(chosen) = &self.0 else { return true };
        (0..chosen.len() * 8).any(|at| has_bit(chosen, at) && has_bit(mask, at))
    }
}
