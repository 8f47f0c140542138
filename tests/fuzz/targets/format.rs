//! A format, and events in it, whatever they hold: nothing panics, a row for people is one line,
//! and nothing reaches a terminal that it acts upon.
//!
//! Input: the format, as it is typed, up to the first line end; then events, a line each. Those
//! that are no events are stepped over, as on the wire.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rocketman::{event::Batch, fuzzing::formatted, sink::LineFormat};

/// The width of the terminal.
const COLUMNS: usize = 40;

fuzz_target!(|input: &[u8]| {
    let (format, lines) = match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[][..]),
    };
    let format = String::from_utf8_lossy(format);
    let mut batch = Batch::new();
    for line in lines.split(|byte| *byte == b'\n') {
        batch.push(line).ok();
    }
    for format in ["human", "pretty"] {
        let format = format.parse().expect("it is one");
        check(&format, &batch);
        check_shown(&format, &batch);
    }
    match format.parse::<LineFormat>() {
        Ok(format) => check(&format, &batch),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    for format in [
        LineFormat::csv(&format, true),
        LineFormat::tsv(&format, true),
    ]
    .into_iter()
    .flatten()
    {
        check(&format, &batch);
    }
});

fn check(format: &LineFormat, batch: &Batch) {
    for event in batch.events() {
        formatted(format, &event, None);
        formatted(format, &event, Some(COLUMNS));
    }
}

/// Forms whose every byte is ours or the event's, and escaped; what a template has between its
/// fields is what its user typed.
fn check_shown(format: &LineFormat, batch: &Batch) {
    for event in batch.events() {
        let shown = formatted(format, &event, Some(COLUMNS));
        let shown = std::str::from_utf8(&shown).expect("a terminal is shown text");
        let acts = |c: char| c.is_control() && c != '\n';
        assert!(!shown.contains(acts), "{shown:?}");
        assert!(shown.ends_with('\n'), "{shown:?}");
        if *format == LineFormat::human() {
            assert_eq!(shown.matches('\n').count(), 1, "{shown:?}");
        }
    }
}
