//! What was found, for scripts: one object a line. The names are the keys of `--json`, which
//! scripts rely on.

use std::{collections::BTreeMap, ops::RangeInclusive};

use serde::Serialize;

use rocketman::{
    Shown,
    segment::{Holding, Inspection, Seam, SegmentError},
};

#[derive(Serialize)]
struct Listed<'a> {
    r#type: &'static str,
    file: String,
    state: &'static str,
    why: Option<String>,
    bytes: Option<u64>,
    checksum: Option<String>,
    blocks: Option<u32>,
    events: Option<u64>,
    accounts: Option<u64>,
    first_number: Option<u64>,
    last_number: Option<u64>,
    first_time_us: Option<i64>,
    last_time_us: Option<i64>,
    collections: Option<BTreeMap<&'a str, Collection>>,
    kinds: Option<Kinds>,
    torn_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Collection {
    events: Option<u64>,
    blocks: String,
}

#[derive(Serialize)]
struct Kinds {
    create: u64,
    update: u64,
    delete: u64,
    identity: u64,
    account: u64,
    sync: u64,
    create_resync: u64,
}

#[derive(Serialize)]
struct Between {
    r#type: &'static str,
    after: String,
    before: String,
    first_number: Option<u64>,
    last_number: Option<u64>,
    files: Option<u64>,
}

/// A file that can be read.
pub(super) fn file(found: &Inspection) -> String {
    let collection = |holding: &Holding| Collection {
        events: holding.events,
        blocks: blocks(&holding.blocks),
    };
    let collections = found.collections.iter();
    let kinds = found.kinds.map(|kinds| Kinds {
        create: kinds.create,
        update: kinds.update,
        delete: kinds.delete,
        identity: kinds.identity,
        account: kinds.account,
        sync: kinds.sync,
        create_resync: kinds.create_resync,
    });
    line(&Listed {
        r#type: "file",
        file: found.path.to_string_lossy().into_owned(),
        state: if found.is_sealed { "sealed" } else { "active" },
        why: None,
        bytes: Some(found.bytes),
        checksum: found.checksum.map(|checksum| format!("{checksum:016x}")),
        blocks: Some(found.blocks),
        events: Some(found.events),
        accounts: Some(found.accounts),
        first_number: found.numbers.as_ref().map(|range| *range.start()),
        last_number: found.numbers.as_ref().map(|range| *range.end()),
        first_time_us: found.times_us.as_ref().map(|range| *range.start()),
        last_time_us: found.times_us.as_ref().map(|range| *range.end()),
        collections: Some(
            collections
                .map(|(name, holding)| (&**name, collection(holding)))
                .collect(),
        ),
        kinds,
        torn_bytes: (!found.is_sealed).then_some(found.torn_bytes),
    })
}

/// A file that cannot.
pub(super) fn damaged(error: &SegmentError) -> String {
    line(&Listed {
        r#type: "file",
        file: error.path().to_string_lossy().into_owned(),
        state: "damaged",
        why: Some(Shown::error(error).to_string()),
        bytes: None,
        checksum: None,
        blocks: None,
        events: None,
        accounts: None,
        first_number: None,
        last_number: None,
        first_time_us: None,
        last_time_us: None,
        collections: None,
        kinds: None,
        torn_bytes: None,
    })
}

/// What is wrong between two files.
pub(super) fn seam(seam: &Seam) -> String {
    let (r#type, after, before, numbers, files) = match seam {
        Seam::Hole {
            after,
            before,
            numbers,
            files,
        } => ("hole", after, before, numbers.clone(), *files),
        Seam::Misplaced { first, second } => ("misplaced", first, second, None, None),
        _ => return String::new(),
    };
    line(&Between {
        r#type,
        after: after.to_string_lossy().into_owned(),
        before: before.to_string_lossy().into_owned(),
        first_number: numbers.as_ref().map(|range| *range.start()),
        last_number: numbers.as_ref().map(|range| *range.end()),
        files,
    })
}

/// `0-3,7`.
pub(super) fn blocks(ranges: &[RangeInclusive<u32>]) -> String {
    let shown = ranges
        .iter()
        .map(|range| match (range.start(), range.end()) {
            (start, end) if start == end => start.to_string(),
            (start, end) => format!("{start}-{end}"),
        });
    shown.collect::<Vec<_>>().join(",")
}

fn line(object: &impl Serialize) -> String {
    serde_json::to_string(object).expect("plain data with string keys is always JSON") + "\n"
}
