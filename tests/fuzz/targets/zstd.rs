//! A binary message to the bytes of an event.
//!
//! Input: which cap and how much room there already is, whether the rest is a frame or is made one,
//! where that is then damaged and how, and the rest.

#![no_main]

use std::{cell::RefCell, collections::HashMap};

use libfuzzer_sys::fuzz_target;
use rocketman::{event::BadEvent, fuzzing::Inflate};
use rocketman_fuzz::choice;
use zstd::{bulk::Compressor, zstd_safe::CParameter};

const CAPS: [usize; 6] = [1, 200, 4095, 4096, 40_000, 300_000];

const ROOM: [usize; 4] = [0, 300, 5000, 400_000];

const DICTIONARY: &[u8] = include_bytes!("../../../src/wire/dictionary/v1.zdict");

thread_local! {
    /// One for each cap, used again and again as in a run.
    static INFLATERS: RefCell<HashMap<usize, Inflate>> = RefCell::default();
    static COMPRESSOR: RefCell<Compressor<'static>> =
        RefCell::new(Compressor::with_dictionary(1, DICTIONARY).expect("a good dictionary"));
}

fuzz_target!(|input: &[u8]| {
    let mut input = input;
    let sizes = usize::from(choice(&mut input));
    let cap = CAPS[sizes % CAPS.len()];
    let room = ROOM[sizes / CAPS.len() % ROOM.len()];
    let how = choice(&mut input);
    if how.is_multiple_of(2) {
        check(input, cap, room).ok();
        return;
    }
    let (at, mask) = (choice(&mut input), choice(&mut input));
    let text = input.repeat(usize::from(how >> 3) + 1);
    let frame = deflate(&text, how);
    let result = check(&frame, cap, room);
    if text.len() <= cap {
        assert_eq!(result, Ok(text));
    } else {
        assert_eq!(result, Err(BadEvent::TooLarge));
    }
    // Two frames in one message, and a frame with one byte changed.
    check(&frame.repeat(2), cap, room).ok();
    let mut damaged = frame;
    let at = usize::from(at) * damaged.len() / 256;
    damaged[at] ^= mask;
    check(&damaged, cap, room).ok();
});

fn deflate(text: &[u8], how: u8) -> Vec<u8> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        let flag = |bit: u8| how & bit != 0;
        compressor
            .set_parameter(CParameter::ContentSizeFlag(flag(2)))
            .expect("a known parameter");
        compressor
            .set_parameter(CParameter::ChecksumFlag(flag(4)))
            .expect("a known parameter");
        compressor.compress(text).expect("there is memory enough")
    })
}

/// Inflates behind something, and again where there is other room: what comes out depends on the
/// frame alone.
fn check(frame: &[u8], cap: usize, room: usize) -> Result<Vec<u8>, BadEvent> {
    let [tight, roomy] = [0, room].map(|room| {
        let mut out = Vec::with_capacity(6 + room);
        out.extend_from_slice(b"before");
        let result = INFLATERS.with_borrow_mut(|inflaters| {
            let inflater = inflaters.entry(cap).or_insert_with(|| Inflate::new(cap));
            inflater.inflate(frame, &mut out)
        });
        assert!(out.starts_with(b"before"));
        assert!(out.len() <= 6 + cap, "more than the cap");
        assert!(
            out.capacity() <= 2 * (6 + cap) + room,
            "more room than needed"
        );
        assert!(result.is_ok() || out.len() == 6, "something is left behind");
        result.map(|()| out.split_off(6))
    });
    // Of what is too large and damaged, either may be noticed first.
    assert_eq!(
        tight.as_ref().ok(),
        roomy.as_ref().ok(),
        "it depends on the room"
    );
    tight
}
