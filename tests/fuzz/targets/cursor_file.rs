//! A cursor file: whatever is understood is written and understood again.
//!
//! Input: the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rocketman::fuzzing::{cursor_contents, parse_cursor};

fuzz_target!(|text: &[u8]| {
    match parse_cursor(text) {
        Ok(saved) => {
            assert_ne!(saved.place.time_us(), Some(0));
            assert!(saved.place.time_us().is_some() || saved.place.seq() > Some(0));
            let written = cursor_contents(&saved);
            assert!(written.ends_with(b"}\n"));
            let again = parse_cursor(&written).expect("what was written is a cursor");
            assert_eq!(saved, again);
            assert_eq!(written, cursor_contents(&again));
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
        }
    }
});
