//! A line to the row that it stands for.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Kind, Row, TooLong};
use crate::wire::cbor::{CborError, Cid, Encoder};

/// Why a line is no row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnlineError {
    /// It cannot be read.
    #[error("it is not an event")]
    NoEvent(#[source] serde_json::Error),
    /// Segment files have nothing for it.
    #[error("it is {0}, which no segment file can hold")]
    Unknown(String),
    /// Something is missing.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// Its record, or what was said of the account, is nothing that a repository holds.
    #[error("it holds what no repository can hold")]
    Record(#[source] CborError),
    #[error("{0}")]
    TooLong(TooLong),
    /// The record was changed on its way, or never was as the line has it.
    #[error("its cid is not that of its record")]
    Cid,
}

impl UnlineError {
    /// Whether the line is an event, whose content cannot be trusted.
    pub(crate) fn is_of_content(&self) -> bool {
        matches!(self, Self::Record(_) | Self::Cid | Self::Missing(CID))
    }
}

const CID: &str = "cid";

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    did: Cow<'a, str>,
    time_us: i64,
    cursor: Option<u64>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    commit: Option<Commit<'a>>,
    #[serde(borrow)]
    identity: Option<&'a RawValue>,
    #[serde(borrow)]
    account: Option<&'a RawValue>,
    #[serde(borrow)]
    sync: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Commit<'a> {
    #[serde(borrow)]
    rev: Cow<'a, str>,
    #[serde(borrow)]
    operation: Cow<'a, str>,
    #[serde(borrow)]
    collection: Cow<'a, str>,
    #[serde(borrow)]
    rkey: Cow<'a, str>,
    #[serde(borrow)]
    record: Option<&'a RawValue>,
    #[serde(borrow)]
    cid: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Sync<'a> {
    #[serde(borrow)]
    rev: Cow<'a, str>,
}

/// Reads lines. It keeps the room that it needed for those before.
#[derive(Debug, Default)]
pub(crate) struct LineReader {
    encoder: Encoder,
    payload: Vec<u8>,
}

impl LineReader {
    /// Gives `take` the row of a line, and the number of the line where it has one; the number of
    /// the row is left to it.
    pub(crate) fn read<T>(
        &mut self,
        line: &[u8],
        take: impl FnOnce(Row<'_>, Option<u64>) -> T,
    ) -> Result<T, UnlineError> {
        let line: Line<'_> = serde_json::from_slice(line).map_err(UnlineError::NoEvent)?;
        let mut row = Row {
            seq: 0,
            witnessed_at: line.time_us,
            indexed_at: 0,
            kind: Kind::Sync,
            collection: b"",
            did: line.did.as_bytes(),
            rkey: b"",
            rev: b"",
            payload: b"",
        };
        self.payload.clear();
        let mut sync_rev = Cow::default();
        match &*line.kind {
            "commit" => {
                let commit = line.commit.as_ref().ok_or(UnlineError::Missing("commit"))?;
                row.kind = self.commit(commit)?;
                row.collection = commit.collection.as_bytes();
                row.rkey = commit.rkey.as_bytes();
                row.rev = commit.rev.as_bytes();
            }
            "identity" => {
                row.kind = Kind::Identity;
                self.encode(line.identity.ok_or(UnlineError::Missing("identity"))?)?;
            }
            "account" => {
                row.kind = Kind::Account;
                self.encode(line.account.ok_or(UnlineError::Missing("account"))?)?;
            }
            "sync" => {
                let sync = line.sync.ok_or(UnlineError::Missing("sync"))?;
                self.encode(sync)?;
                let sync: Sync<'_> =
                    serde_json::from_str(sync.get()).map_err(UnlineError::NoEvent)?;
                sync_rev = sync.rev;
                row.rev = sync_rev.as_bytes();
            }
            other => return Err(UnlineError::Unknown(format!("of kind {}", excerpt(other)))),
        }
        row.payload = &self.payload;
        let taken = take(row, line.cursor);
        drop(sync_rev);
        Ok(taken)
    }

    fn commit(&mut self, commit: &Commit<'_>) -> Result<Kind, UnlineError> {
        let kind = match &*commit.operation {
            "create" => Kind::Create,
            "update" => Kind::Update,
            "delete" => return Ok(Kind::Delete),
            other => {
                return Err(UnlineError::Unknown(format!(
                    "a commit that is a {}",
                    excerpt(other)
                )));
            }
        };
        self.encode(commit.record.ok_or(UnlineError::Missing("record"))?)?;
        let cid = commit.cid.as_ref().ok_or(UnlineError::Missing(CID))?;
        let is_its_own = Cid::of_record(&self.payload).text() == cid.as_bytes();
        is_its_own.then_some(kind).ok_or(UnlineError::Cid)
    }

    fn encode(&mut self, json: &RawValue) -> Result<(), UnlineError> {
        let encoded = self
            .encoder
            .append(json.get().as_bytes(), &mut self.payload);
        encoded.map_err(UnlineError::Record)
    }
}

/// As much of a word of a stranger as a message needs.
fn excerpt(word: &str) -> String {
    format!(
        "'{}'",
        crate::log::printable(&word.chars().take(40).collect::<String>())
    )
}

#[cfg(test)]
mod tests;
