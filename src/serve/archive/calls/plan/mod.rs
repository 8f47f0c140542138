//! What of an archive a filter needs: whole files, and ranges of their blocks, page by page.
//!
//! As servers plan: never too little, and too much where blocks are mixed or a bloom cannot tell.

mod request;
mod select;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

pub(super) use self::request::PlanRequest;
use self::select::{Selection, Selector};
use super::shelf::{Edition, Named, Shelf};
use crate::segment::{SegmentError, segment_name};

/// A page of a plan.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Plan {
    /// Where the next page goes on, behind this number.
    planned_through_seq: u64,
    /// How far all pages go.
    sealed_tip_seq: u64,
    segments: Vec<Planned>,
    stats: Stats,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Planned {
    name: String,
    index: u64,
    checksum: String,
    min_seq: u64,
    max_seq: u64,
    mode: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blocks: Vec<Range>,
}

/// Blocks, the last one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Range {
    first: u32,
    last: u32,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    segments_examined: usize,
    segments_matched: usize,
    blocks_matched: u64,
    entries: usize,
}

/// Plans until a page has this many entries; it has one at least. Given up once nobody waits for it.
pub(super) fn make(
    shelf: &Shelf,
    request: &PlanRequest,
    (most, edition): (usize, Edition),
    gone: &CancellationToken,
) -> Result<Plan, SegmentError> {
    let mut plan = Plan {
        sealed_tip_seq: request.capped(shelf.tip()),
        ..Plan::default()
    };
    let mut selector = Selector::new(request);
    let mut through = None;
    for named in shelf.iter() {
        if gone.is_cancelled() {
            break;
        }
        plan.stats.segments_examined += 1;
        if !request.reaches(named.min_seq, named.max_seq) {
            continue;
        }
        let selection = selector.select(named)?;
        if selection.selected == 0 {
            continue;
        }
        let checksum = named.shown(selection.checksum, edition)?;
        if let Some(last) = plan.add(named, checksum, &selection, most) {
            through = Some(last);
            break;
        }
    }
    // What was cut short goes on behind its last entry.
    plan.planned_through_seq = through.unwrap_or(plan.sealed_tip_seq);
    Ok(plan)
}

impl Plan {
    /// Adds what was selected of a file. Where not all of it has room, the number that the page
    /// reaches.
    fn add(
        &mut self,
        named: &Named,
        checksum: String,
        selection: &Selection,
        most: usize,
    ) -> Option<u64> {
        let mut planned = Planned {
            name: segment_name(named.index),
            index: named.index,
            checksum,
            min_seq: named.min_seq,
            max_seq: named.max_seq,
            mode: "segment",
            blocks: Vec::new(),
        };
        let is_full = |stats: &Stats| stats.entries >= most.max(1);
        if selection.is_dense() {
            if is_full(&self.stats) {
                return Some(self.planned_through_seq);
            }
            self.stats.entries += 1;
            self.stats.segments_matched += 1;
            self.stats.blocks_matched += u64::from(selection.selected);
            self.planned_through_seq = named.max_seq;
            self.segments.push(planned);
            return None;
        }
        planned.mode = "blocks";
        let mut is_cut = false;
        for (range, max_seq) in &selection.ranges {
            is_cut = is_full(&self.stats);
            if is_cut {
                break;
            }
            self.stats.entries += 1;
            self.stats.blocks_matched += u64::from(range.last - range.first + 1);
            self.planned_through_seq = *max_seq;
            planned.blocks.push(*range);
        }
        if !planned.blocks.is_empty() {
            self.stats.segments_matched += 1;
            self.segments.push(planned);
        }
        is_cut.then_some(self.planned_through_seq)
    }
}
