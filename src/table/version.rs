//! Versions of records: which commit wrote what is kept, and nothing of its content. And how many of
//! them are taken out of a file.

use crate::event::{Event, Operation};

/// A version of a record, by the commit that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordVersion<'a> {
    /// The account.
    pub did: &'a str,
    /// The record's collection.
    pub collection: &'a str,
    /// The record's key.
    pub rkey: &'a str,
    /// The revision of the account's repository.
    pub rev: &'a str,
    /// The server's number of the event, where it counts.
    pub seq: Option<u64>,
    /// When the server got the event, in microseconds since 1970.
    pub time_us: u64,
}

impl<'a> RecordVersion<'a> {
    /// What an event wrote; `None` of one that holds no record.
    pub fn of(event: &Event<'a>) -> Option<Self> {
        let writes = matches!(
            event.operation(),
            Some(Operation::Create | Operation::Update)
        );
        writes.then(|| Self {
            did: event.did(),
            collection: event.collection(),
            rkey: event.rkey(),
            rev: event.rev(),
            seq: event.seq(),
            time_us: event.time_us(),
        })
    }
}

/// What was found in a file from which records are taken out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// All events.
    pub events: u64,
    /// Those that are taken out.
    pub removed: u64,
}
