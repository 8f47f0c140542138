//! What to do when a source cannot be read.

#[cfg(feature = "nats")]
use rocketman::source::nats::NatsSourceError;
use rocketman::source::{ReadError, SourceError, jetstream::JetstreamError};

const AFTER_GAP: &str = "to go on behind the gap, leave --on-gap fail off once";

pub(super) fn hint(error: &SourceError) -> Option<String> {
    if let Some(error) = error.downcast_ref() {
        return of_any(error).map(str::to_owned);
    }
    if let Some(error) = error.downcast_ref() {
        return of_jetstream(error);
    }
    #[cfg(feature = "nats")]
    {
        if let Some(error) = error.downcast_ref() {
            return of_messages(error).map(str::to_owned);
        }
        if let Some(error) = error.downcast_ref() {
            return super::of_nats(error);
        }
    }
    None
}

fn of_any(error: &ReadError) -> Option<&'static str> {
    Some(match error {
        ReadError::Unreachable { .. } => {
            "check the address and the network; without --max-retries it keeps trying"
        }
        ReadError::Foreign { .. } => "give each source a --cursor-file of its own",
        ReadError::Elsewhere { .. } => {
            "name that server as a SOURCE, or set the cursor to a time: rocketman cursor set FILE 2h"
        }
        ReadError::Gap { .. } | ReadError::NumberGap { .. } => AFTER_GAP,
        _ => return None,
    })
}

fn of_jetstream(error: &JetstreamError) -> Option<String> {
    let hint = match error {
        JetstreamError::Refused {
            hint: Some(hint), ..
        } => return Some(hint.clone()),
        JetstreamError::Refused { status: 400, .. } => {
            "the server does not accept what it was asked for: check --cursor, --collection and --did"
        }
        JetstreamError::LeftOut { .. } => AFTER_GAP,
        JetstreamError::NoSuchNumber { .. } => {
            "set the cursor to a time, or begin at one: rocketman cursor set FILE 2h, --since 2h"
        }
        JetstreamError::Future { .. } => {
            "write a time such as 2026-11-23T10:00:00Z, an age such as 2h, or microseconds since 1970, which have 16 digits"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(feature = "nats")]
fn of_messages(error: &NatsSourceError) -> Option<&'static str> {
    Some(match error {
        NatsSourceError::NoEvents { .. } => {
            "leave off --collection, --did, --kind, --op and --shard, and choose messages by their subject: nats://HOST/STREAM?subject=FILTER"
        }
        NatsSourceError::FilteredQueue { .. } => {
            "choose messages by their subject: nats://HOST/STREAM?subject=FILTER; or say with --on-undeliverable skip that what --collection, --did, --kind and --op drop may go"
        }
        NatsSourceError::Undeliverable { .. } => {
            "it stays in the stream; --on-undeliverable keep reads on without it, and skip or dead-letter=FILE takes it out"
        }
        _ => return None,
    })
}
