//! What is in the rows of a file, derived anew, and held against what its footer says.

use std::collections::{HashMap, HashSet};

use super::super::{
    bloom::{AccountHash, Bloom},
    collections::{CollectionIndex, has, marker},
    error::{Damage, Name},
    header::SegmentHeader,
    row::{Kind, Row},
};

/// How many events of each kind there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KindCounts {
    /// Records that were created.
    pub create: u64,
    /// Records that were replaced.
    pub update: u64,
    /// Records that were deleted.
    pub delete: u64,
    /// News of identities.
    pub identity: u64,
    /// News of accounts.
    pub account: u64,
    /// New states of whole repositories.
    pub sync: u64,
    /// Records that a repository held when it was read anew.
    pub create_resync: u64,
}

/// What was counted of a file.
#[derive(Debug, Default)]
pub(super) struct Tally {
    kinds: KindCounts,
    /// By their hashes: a file has millions.
    accounts: HashSet<AccountHash>,
    /// Each name of the index, with its place there.
    places: HashMap<Vec<u8>, usize>,
    /// How many events of each, and whether the block at hand has any.
    counts: Vec<u32>,
    in_block: Vec<bool>,
}

/// The name under which the footer lists a row.
pub(super) fn name_of<'a>(row: &Row<'a>) -> &'a [u8] {
    marker(row.kind).unwrap_or(row.collection)
}

impl Tally {
    /// For a file that has this index.
    pub(super) fn of(index: &CollectionIndex) -> Self {
        let names = index.iter().enumerate();
        Self {
            places: names.map(|(at, (name, _))| (name.to_vec(), at)).collect(),
            counts: vec![0; index.len()],
            in_block: vec![false; index.len()],
            ..Self::default()
        }
    }

    /// Counts a row, and nothing else.
    pub(super) fn count(&mut self, row: &Row<'_>) {
        let kinds = &mut self.kinds;
        let count = match row.kind {
            Kind::Create => &mut kinds.create,
            Kind::Update => &mut kinds.update,
            Kind::Delete => &mut kinds.delete,
            Kind::Identity => &mut kinds.identity,
            Kind::Account => &mut kinds.account,
            Kind::Sync => &mut kinds.sync,
            Kind::CreateResync => &mut kinds.create_resync,
        };
        *count += 1;
        if !row.did.is_empty() {
            self.accounts.insert(AccountHash::of(row.did));
        }
    }

    /// Counts a row of a sealed file: the blooms must not deny its account, and its collection must
    /// be among those that the block is said to have.
    pub(super) fn add(
        &mut self,
        row: &Row<'_>,
        listed: &[u8],
        blooms: [Option<Bloom<'_>>; 2],
    ) -> Result<(), Damage> {
        self.count(row);
        let hash = AccountHash::of(row.did);
        let is_denied = |bloom: Bloom<'_>| !bloom.may_hold(hash);
        if !row.did.is_empty() && blooms.into_iter().flatten().any(is_denied) {
            return Err(Damage::Denied(row.seq));
        }
        // What a marker says, and a collection beside it, are both listed.
        for name in [marker(row.kind).unwrap_or_default(), row.collection] {
            if !name.is_empty() {
                let is_counted = name == row.collection;
                self.add_name(name, listed, is_counted)?;
            }
        }
        Ok(())
    }

    fn add_name(&mut self, name: &[u8], listed: &[u8], is_counted: bool) -> Result<(), Damage> {
        let unlisted = Damage::Unlisted(Name::new(name));
        let at = *self.places.get(name).ok_or(unlisted)?;
        if !has(listed, at) {
            return Err(unlisted);
        }
        if let (Some(is_there), Some(count)) = (self.in_block.get_mut(at), self.counts.get_mut(at))
        {
            *is_there = true;
            *count += u32::from(is_counted);
        }
        Ok(())
    }

    /// Ends a block: all that it is said to have was there.
    pub(super) fn end_block(&mut self, listed: &[u8]) -> Result<(), Damage> {
        let is_all = self
            .in_block
            .iter()
            .enumerate()
            .all(|(at, is_there)| *is_there || !has(listed, at));
        self.in_block.fill(false);
        is_all.then_some(()).ok_or(Damage::Listed)
    }

    /// Ends the file: everything was counted in the same way.
    pub(super) fn finish(
        &self,
        index: &CollectionIndex,
        header: &SegmentHeader,
    ) -> Result<(), Damage> {
        if self.places.len() != index.len() {
            return Err(Damage::Collections);
        }
        let mut counts = index.iter().zip(&self.counts);
        if !counts.all(|((_, said), counted)| said == *counted) {
            return Err(Damage::Counted);
        }
        let is_all = self.accounts() == u64::from(header.accounts);
        is_all.then_some(()).ok_or(Damage::Accounts)
    }

    pub(super) fn kinds(&self) -> KindCounts {
        self.kinds
    }

    pub(super) fn accounts(&self) -> u64 {
        self.accounts.len() as u64
    }

    pub(super) fn events(&self) -> u64 {
        let kinds = &self.kinds;
        let commits = kinds.create + kinds.update + kinds.delete + kinds.create_resync;
        commits + kinds.identity + kinds.account + kinds.sync
    }
}
