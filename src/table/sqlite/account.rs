//! What becomes of accounts: whether they can be seen, what they are called, and from where on
//! their records count.

use rusqlite::{Connection, params};
use serde::Deserialize;

use super::OnAccountGone;
use crate::event::{Event, Kind};

const NOTE_ACCOUNT: &str = "
INSERT INTO accounts (did, active, status, hidden, seq, time) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (did) DO UPDATE SET
  active = excluded.active, status = excluded.status, hidden = excluded.hidden,
  seq = excluded.seq, time = excluded.time
WHERE CASE WHEN excluded.seq > 0 AND accounts.seq > 0
  THEN excluded.seq >= accounts.seq ELSE excluded.time >= accounts.time END";

const NOTE_HANDLE: &str = "
INSERT INTO handles (did, handle, seq, time) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (did) DO UPDATE SET handle = excluded.handle, seq = excluded.seq, time = excluded.time
WHERE CASE WHEN excluded.seq > 0 AND handles.seq > 0
  THEN excluded.seq >= handles.seq ELSE excluded.time >= handles.time END";

/// The latest of each numbering counts.
const NOTE_FLOOR: &str = "
INSERT INTO rocketman_floors (did, kind, numbering, seq, time, rev) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (did, kind, numbering) DO UPDATE SET
  seq = excluded.seq, time = excluded.time, rev = excluded.rev
WHERE CASE WHEN excluded.seq IS NOT NULL AND rocketman_floors.seq IS NOT NULL
  THEN excluded.seq > rocketman_floors.seq ELSE excluded.time > rocketman_floors.time END";

/// Of the account 1, what lies before the floor of kind 2 and numbering 3 with the number 4, the
/// time 5 and the revision 6.
const EMPTY: &str = "
DELETE FROM all_records WHERE did = ?1 AND CASE
  WHEN numbering = ?3 AND seq IS NOT NULL AND ?4 IS NOT NULL THEN seq < ?4
  WHEN ?2 = 'deleted' THEN time < ?5
  ELSE rev < ?6 END";

/// The same of what is known of removed records: nothing brings them back behind the floor.
const FORGET: &str = "
DELETE FROM rocketman_deleted WHERE uri >= 'at://' || ?1 || '/' AND uri < 'at://' || ?1 || '0'
AND numbering = ?3 AND seq < ?4 AND ?2 = 'deleted'";

/// How accounts are gone by a status that passes again.
const HIDDEN: [&str; 3] = ["takendown", "suspended", "deactivated"];

/// From where on the records of an account count.
#[derive(Debug, Clone, Copy)]
enum Floor {
    Deleted,
    Synced,
}

/// Adds what is no commit. Returns whether it was understood.
pub(super) fn add(
    connection: &Connection,
    event: &Event<'_>,
    policy: OnAccountGone,
    numbering: Option<i64>,
) -> rusqlite::Result<bool> {
    match event.kind() {
        Kind::Account => add_account(connection, event, policy, numbering),
        Kind::Identity => add_identity(connection, event),
        Kind::Sync => add_sync(connection, event, numbering),
        Kind::Commit | Kind::Other => Ok(true),
    }
}

fn add_account(
    connection: &Connection,
    event: &Event<'_>,
    policy: OnAccountGone,
    numbering: Option<i64>,
) -> rusqlite::Result<bool> {
    let Ok(Some(account)) = event.account() else {
        return Ok(false);
    };
    let status = account.status.as_deref().filter(|_| !account.active);
    let is_deleted = status == Some("deleted");
    let is_hidden = status.is_some_and(|status| HIDDEN.contains(&status));
    let (removes, hides) = match policy {
        OnAccountGone::Follow => (is_deleted, is_hidden),
        OnAccountGone::Hide => (false, is_deleted || is_hidden),
        OnAccountGone::Remove => (is_deleted || is_hidden, false),
        OnAccountGone::Keep => (false, false),
    };
    connection.prepare_cached(NOTE_ACCOUNT)?.execute(params![
        event.did(),
        account.active,
        account.status,
        hides,
        account.seq.map(u64::cast_signed),
        time_of(account.time.as_deref(), event),
    ])?;
    if removes {
        set_floor(connection, event, Floor::Deleted, "", numbering)?;
    }
    Ok(true)
}

fn add_identity(connection: &Connection, event: &Event<'_>) -> rusqlite::Result<bool> {
    let Ok(Some(identity)) = event.identity() else {
        return Ok(false);
    };
    connection.prepare_cached(NOTE_HANDLE)?.execute(params![
        event.did(),
        identity.handle,
        identity.seq.map(u64::cast_signed),
        time_of(identity.time.as_deref(), event),
    ])?;
    Ok(true)
}

fn add_sync(
    connection: &Connection,
    event: &Event<'_>,
    numbering: Option<i64>,
) -> rusqlite::Result<bool> {
    #[derive(Deserialize)]
    struct Line {
        sync: Sync,
    }
    #[derive(Deserialize)]
    struct Sync {
        #[serde(default)]
        rev: String,
    }
    let Ok(Line { sync }) = event.parse() else {
        return Ok(false);
    };
    set_floor(connection, event, Floor::Synced, &sync.rev, numbering)?;
    Ok(true)
}

fn set_floor(
    connection: &Connection,
    event: &Event<'_>,
    floor: Floor,
    rev: &str,
    numbering: Option<i64>,
) -> rusqlite::Result<()> {
    let kind = match floor {
        Floor::Deleted => "deleted",
        Floor::Synced => "sync",
    };
    let seq = event.seq().map(u64::cast_signed);
    let time = event.time_us().cast_signed();
    // Events without an origin have a numbering of their own.
    let numbering = numbering.unwrap_or_default();
    let values = params![event.did(), kind, numbering, seq, time, rev];
    connection.prepare_cached(NOTE_FLOOR)?.execute(values)?;
    connection.prepare_cached(EMPTY)?.execute(values)?;
    connection
        .prepare_cached(FORGET)?
        .execute(params![event.did(), kind, numbering, seq])?;
    Ok(())
}

/// The upstream's time in microseconds since 1970, or else the server's.
fn time_of(time: Option<&str>, event: &Event<'_>) -> i64 {
    let time = time.and_then(|time| time.parse::<jiff::Timestamp>().ok());
    time.map_or(
        event.time_us().cast_signed(),
        jiff::Timestamp::as_microsecond,
    )
}
