//! Segment files: whatever their bytes, they are read within bounds or refused.
//!
//! Input: how the rest is used, and the rest: a file as it stands, a file whose checksum is made
//! right before it is read, or what a block holds inflated.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rocketman::fuzzing::segment;
use rocketman_fuzz::choice;
use serde::{Deserialize, de::IgnoredAny};

fuzz_target!(|input: &[u8]| {
    let mut input = input;
    match choice(&mut input) % 3 {
        0 => read(input),
        1 => read(&segment::resealed(input)),
        _ => block(input),
    }
});

/// What verifies is read as often as it says, in order and within its ranges.
fn read(file: &[u8]) {
    let Some(found) = segment::verified(file) else {
        return;
    };
    let numbers = found.numbers;
    assert_eq!(numbers.len() as u64, found.events);
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    let range = found.range.unwrap_or(1..=0);
    assert!(numbers.iter().all(|seq| range.contains(seq)), "{numbers:?}");
}

/// The rows of a block take all of it, and no more, and their lines are JSON.
fn block(body: &[u8]) {
    let Some(rows) = segment::rows(body) else {
        return;
    };
    let texts: usize = rows.iter().map(|(texts, _)| texts).sum();
    assert_eq!(4 + 34 * rows.len() + texts, body.len());
    for line in rows.into_iter().filter_map(|(_, line)| line) {
        let mut json = serde_json::Deserializer::from_slice(&line);
        IgnoredAny::deserialize(&mut json).expect("JSON");
        json.end().expect("nothing else");
    }
}
