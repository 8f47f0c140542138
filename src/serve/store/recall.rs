//! What a store says of its last events to the run that fills it again: where upstream the last one
//! stands, and which came in the minute before.

use std::time::Duration;

use super::{read, segment::Stretch};
use crate::{
    event::{LineRules, Point, Position, read_envelope},
    serve::feed::FeedError,
};

/// How far back events are known at the start.
pub(super) const RECALL: Duration = Duration::from_secs(60);

/// How many bytes of events are read back at most.
pub(super) const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Where the last event of a stretch came from.
pub(super) fn last_position(stretch: &Stretch) -> Result<Option<Position>, FeedError> {
    let mut last = None;
    let note = |note: super::note::BatchNote| {
        last = note.upstream;
    };
    read::each(stretch, |_, _| (), note)?;
    Ok(last)
}

/// The events of these stretches, of which none is missing since this time.
pub(super) fn points(stretches: &[Stretch], since_us: u64) -> Result<Vec<Point>, FeedError> {
    let mut points = Vec::new();
    let mut side = Vec::new();
    for stretch in stretches {
        let line = |_, line: &[u8]| {
            side.clear();
            let rules = LineRules::default();
            if let Ok(envelope) = read_envelope(line, &mut side, rules) {
                points.push(Point {
                    // What is in the line is ours, and not of the server that it is asked for.
                    seq: None,
                    time_us: envelope.point.time_us.max(since_us),
                    ..envelope.point
                });
            }
        };
        read::each(stretch, line, |_| ())?;
    }
    Ok(points)
}
