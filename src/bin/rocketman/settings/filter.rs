//! The filter, from what was typed: names checked, files read, lists bounded.

use std::{collections::HashSet, hash::Hash};

use super::{
    Environment, SettingsError,
    accounts::{AccountFiles, Accounts},
};
use crate::args::{FilterArgs, KINDS, OPERATIONS};
use rocketman::{
    Shown,
    event::{CollectionPattern, Did, Kind, Operation},
    filter::{Filter, Shard},
    source::jetstream::JetstreamSettings,
};

/// The filter's parts, checked.
pub(super) struct Wanted {
    pub(super) collections: Vec<CollectionPattern>,
    pub(super) dids: Vec<Did>,
    /// Where accounts may be read again.
    pub(super) account_files: Option<AccountFiles>,
    pub(super) kinds: Vec<Kind>,
    pub(super) operations: Vec<Operation>,
    pub(super) shard: Option<Shard>,
    pub(super) max_bytes: Option<u32>,
    /// Kinds are left out that nobody spoke of.
    pub(super) hides_kinds: bool,
    /// What is told of accounts is wanted, and not worth reading all of an archive.
    pub(super) spares_archive: bool,
    /// It is for a state, which sync events are a part of whatever has them.
    pub(super) keeps_state: bool,
}

impl Wanted {
    pub(super) fn resolve(
        args: FilterArgs,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let FilterArgs {
            collection,
            did,
            kind,
            op,
            shard,
            max_message_size,
        } = args;
        let flag = spoken("--collection", &collection, "ROCKETMAN_COLLECTION");
        let collections: HashSet<_> = listed(collection, "ROCKETMAN_COLLECTION", environment)
            .into_iter()
            .map(|text| {
                CollectionPattern::parse(&text).map_err(|source| SettingsError::Collection {
                    flag,
                    text,
                    source,
                })
            })
            .collect::<Result<_, _>>()?;
        let collections = at_most(JetstreamSettings::MAX_COLLECTIONS, flag, collections)?;
        let flag = spoken("--did", &did, "ROCKETMAN_DID");
        let Accounts { all, files } =
            Accounts::resolve(listed(did, "ROCKETMAN_DID", environment), flag)?;
        let op = listed(op, "ROCKETMAN_OP", environment);
        let kind = listed(kind, "ROCKETMAN_KIND", environment);
        let hides_kinds = kind.is_empty() && !(collections.is_empty() && op.is_empty());
        let operations = chosen(
            "ROCKETMAN_OP",
            &op,
            &OPERATIONS,
            &Operation::ALL,
            Operation::as_str,
        )?;
        let kinds = match () {
            () if hides_kinds => vec![Kind::Commit],
            () => {
                let (all, named): (Vec<_>, Vec<_>) =
                    kind.into_iter().partition(|kind| kind == "all");
                // Checked beside "all" too, so that a typo never passes in silence.
                let kinds = chosen("ROCKETMAN_KIND", &named, &KINDS, &Kind::ALL, Kind::as_str)?;
                if all.is_empty() { kinds } else { Vec::new() }
            }
        };
        for (flag, is_given) in [
            ("--op", !operations.is_empty()),
            ("--collection", !collections.is_empty()),
        ] {
            if is_given && !kinds.is_empty() && !kinds.contains(&Kind::Commit) {
                return Err(SettingsError::WithoutCommits(flag));
            }
        }
        Ok(Self {
            collections,
            dids: all,
            account_files: files,
            kinds,
            operations,
            shard,
            max_bytes: max_message_size,
            hides_kinds,
            spares_archive: false,
            keeps_state: false,
        })
    }

    /// The same with what a state needs of accounts, if it is for one and nobody spoke of kinds.
    pub(super) fn of_state(mut self, keeps_state: bool) -> Self {
        self.keeps_state = keeps_state;
        if keeps_state && std::mem::take(&mut self.hides_kinds) {
            self.spares_archive = true;
            self.kinds
                .extend([Kind::Identity, Kind::Account, Kind::Sync]);
        }
        self
    }

    /// What to do about kinds that are left out, where some are.
    pub(super) fn hint(&self, reads_archive: bool) -> &'static str {
        if self.hides_kinds {
            "; add --kind all to keep account, identity and sync events"
        } else if self.spares_archive && reads_archive {
            "; of the archive their commits, and then what became of their accounts"
        } else {
            ""
        }
    }

    /// The filter that keeps it. Where the source is asked for the shard alone, there is nothing
    /// left to do but to name it.
    pub(super) fn filter(&self, is_shared_out: bool) -> Filter {
        let mut filter = Filter::new()
            .collections(self.collections.iter().cloned())
            .dids(self.dids.iter().cloned())
            .kinds(self.kinds.iter().copied())
            .operations(self.operations.iter().copied());
        if let Some(max_bytes) = self.max_bytes {
            filter = filter.max_bytes(max_bytes);
        }
        match self.shard {
            Some(shard) if is_shared_out => filter.of_sharded_source(shard),
            Some(shard) => filter.shard(shard),
            None => filter,
        }
    }
}

/// What to call a list in an error: its flag, or its variable where nothing was typed.
fn spoken(flag: &'static str, typed: &[String], variable: &'static str) -> &'static str {
    if typed.is_empty() { variable } else { flag }
}

/// A list from the command line, or else from its variable, separated by blanks.
pub(super) fn or_variable(list: Vec<String>, name: &str, environment: &Environment) -> Vec<String> {
    if !list.is_empty() {
        return list;
    }
    environment
        .get(name)
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

/// The same, its members also separated by commas, which no name of these has. Names of files may.
fn listed(list: Vec<String>, name: &str, environment: &Environment) -> Vec<String> {
    let split = |text: String| -> Vec<_> {
        if text.starts_with('@') {
            vec![text]
        } else {
            text.split(',').map(str::to_owned).collect()
        }
    };
    or_variable(list, name, environment)
        .into_iter()
        .flat_map(split)
        .collect()
}

/// The members in order.
fn at_most<T: Ord + Hash>(
    most: usize,
    flag: &'static str,
    set: HashSet<T>,
) -> Result<Vec<T>, SettingsError> {
    if set.len() > most {
        return Err(SettingsError::TooMany {
            flag,
            given: set.len(),
            most,
        });
    }
    let mut members: Vec<_> = set.into_iter().collect();
    members.sort_unstable();
    Ok(members)
}

/// The members that were named. The command line was checked against `allowed` already; the
/// variable was not.
fn chosen<T: Copy>(
    variable: &'static str,
    names: &[String],
    allowed: &'static [&'static str],
    members: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<Vec<T>, SettingsError> {
    let find = |wanted: &String| {
        let member = members
            .iter()
            .find(|member| allowed.contains(&wanted.as_str()) && name(**member) == wanted);
        member.copied().ok_or_else(|| SettingsError::Variable {
            variable,
            value: Shown::word(wanted).to_string(),
            allowed,
        })
    };
    names.iter().map(find).collect()
}
