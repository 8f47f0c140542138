//! What was found, for people: a line for each file, and at the end the collections of all.

use std::{collections::BTreeMap, ops::RangeInclusive};

use indicatif::{HumanBytes, HumanCount};

use super::shown;
use crate::settings::TimeUs;
use rocketman::{
    Shown,
    segment::{Inspection, Seam},
};

/// One line.
pub(super) fn file(found: &Inspection) -> String {
    let state = if found.is_sealed { "sealed" } else { "active" };
    let mut parts = vec![
        state.to_owned(),
        counted(u64::from(found.blocks), ["block", "blocks"]),
        counted(found.events, ["event", "events"]),
        counted(found.accounts, ["account", "accounts"]),
    ];
    parts.extend(found.numbers.as_ref().map(numbers));
    parts.extend(found.times_us.as_ref().map(times));
    parts.push(HumanBytes(found.bytes).to_string());
    if found.torn_bytes > 0 {
        parts.push(format!(
            "of which the last {} are no whole block",
            found.torn_bytes
        ));
    }
    format!("{}: {}\n", shown(&found.path), parts.join(", "))
}

/// What is wrong between two files.
pub(super) fn seam(seam: &Seam) -> String {
    match seam {
        Seam::Hole {
            after,
            before,
            numbers,
            files,
        } => {
            let files = files.map(|files| counted(files, ["file", "files"]));
            let numbers = numbers.as_ref().map(self::numbers);
            let missing: Vec<_> = files.into_iter().chain(numbers).collect();
            format!(
                "hole after {}: {} missing before {}\n",
                shown(after),
                missing.join(", "),
                shown(before)
            )
        }
        Seam::Misplaced { first, second } => format!(
            "misplaced: the numbers of {} do not come before those of {} alone\n",
            shown(first),
            shown(second)
        ),
        _ => String::new(),
    }
}

fn numbers(range: &RangeInclusive<u64>) -> String {
    match (range.start(), range.end()) {
        (start, end) if start == end => format!("number {start}"),
        (start, end) => format!("numbers {start} to {end}"),
    }
}

fn times(range: &RangeInclusive<i64>) -> String {
    let time = |time_us: i64| match u64::try_from(time_us) {
        Ok(time_us) => TimeUs(time_us).to_string(),
        Err(_) => format!("{time_us} µs"),
    };
    format!("{} to {}", time(*range.start()), time(*range.end()))
}

/// What all files hold.
#[derive(Debug, Default)]
pub(super) struct Total {
    blocks: u64,
    events: u64,
    bytes: u64,
    collections: BTreeMap<String, (Option<u64>, u64)>,
}

impl Total {
    pub(super) fn add(&mut self, found: &Inspection) {
        self.blocks += u64::from(found.blocks);
        self.events += found.events;
        self.bytes += found.bytes;
        for (name, holding) in &found.collections {
            let n: u64 = holding
                .blocks
                .iter()
                .map(|range| u64::from(range.end() - range.start()) + 1)
                .sum();
            let (events, blocks) = self.collections.entry(name.clone()).or_insert((Some(0), 0));
            *events = events.zip(holding.events).map(|(sum, events)| sum + events);
            *blocks += n;
        }
    }

    /// The sum of several files, and the collections, those with most events first.
    pub(super) fn text(&self, files: usize) -> String {
        let mut text = String::new();
        if files > 1 {
            text = format!(
                "{}: {}, {}, {}\n",
                counted(files as u64, ["file", "files"]),
                counted(self.blocks, ["block", "blocks"]),
                counted(self.events, ["event", "events"]),
                HumanBytes(self.bytes),
            );
        }
        let mut rows: Vec<_> = self.collections.iter().collect();
        rows.sort_by_key(|(_, (events, _))| std::cmp::Reverse(events.unwrap_or(0)));
        if !rows.is_empty() {
            text += "\n      EVENTS    BLOCKS  COLLECTION\n";
        }
        let row = |(name, (events, blocks)): (&String, &(Option<u64>, u64))| {
            let events = events.map_or_else(|| "?".to_owned(), |n| HumanCount(n).to_string());
            let (blocks, name) = (HumanCount(*blocks).to_string(), Shown::text(name));
            format!("{events:>12}  {blocks:>8}  {name}\n")
        };
        text.extend(rows.into_iter().map(row));
        text
    }
}

/// `1 event`, `1,240 events`.
fn counted(n: u64, [one, many]: [&str; 2]) -> String {
    format!("{} {}", HumanCount(n), if n == 1 { one } else { many })
}
