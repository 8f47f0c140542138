//! What an archive is asked and answers: plans, the list of its files, files and blocks.
//!
//! Protocol reference, sections 2.5 to 2.8.

use std::{path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::segment::is_segment;

/// What is wanted of an archive. Lists that are empty stand for everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) kinds: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) collections: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dids: Vec<String>,
    /// Only what has a higher number.
    pub(super) after_seq: u64,
    /// Only what has a number up to this one, which is never 0: that would be everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) before_seq: Option<u64>,
}

/// A part of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlanPage {
    /// The next page is about what has a higher number.
    pub(super) planned_through_seq: u64,
    /// The highest number of the archive, or what was asked for as the last one.
    pub(super) sealed_tip_seq: u64,
    #[serde(default)]
    pub(super) segments: Vec<PlannedFile>,
}

/// What is to be read of one file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlannedFile {
    pub(super) name: String,
    pub(super) checksum: String,
    pub(super) min_seq: u64,
    pub(super) max_seq: u64,
    pub(super) mode: Mode,
    #[serde(default)]
    pub(super) blocks: Vec<Blocks>,
}

/// Whether all of a file is read, or some blocks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Mode {
    Segment,
    Blocks,
}

/// Blocks that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Blocks {
    pub(super) first: u32,
    pub(super) last: u32,
}

/// A page of the list of all files.
#[derive(Debug, Deserialize)]
pub(super) struct ListPage {
    /// Asks for the next page.
    pub(super) cursor: Option<String>,
    #[serde(default)]
    pub(super) segments: Vec<ListedSegment>,
}

/// What the list says of a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedSegment {
    pub(super) name: String,
    pub(super) size_bytes: u64,
    pub(super) checksum: String,
    pub(super) event_count: u64,
    pub(super) min_seq: u64,
    pub(super) max_seq: u64,
    pub(super) min_witnessed_at: i64,
    pub(super) max_witnessed_at: i64,
}

/// One generation of a file: what is fetched of it has to be of the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Generation {
    pub(super) name: String,
    /// 16 hexadecimal digits, by which the server names the generation.
    pub(super) checksum: String,
    pub(super) min_seq: u64,
    /// What errors call the file.
    pub(super) path: Arc<Path>,
}

/// The longest name of a file: those of servers have 18 letters.
const MAX_NAME_BYTES: usize = 64;

impl Generation {
    /// Of a file of this service; `None` where the name or the checksum cannot be one.
    pub(super) fn new(service: &str, file: &PlannedFile) -> Option<Self> {
        let PlannedFile {
            name,
            checksum,
            min_seq,
            ..
        } = file;
        let is_name = is_segment(Path::new(name))
            && name.len() <= MAX_NAME_BYTES
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
        let is_checksum = checksum.len() == 16
            && checksum
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (is_name && is_checksum).then(|| Self {
            name: name.clone(),
            checksum: checksum.clone(),
            min_seq: *min_seq,
            path: Path::new(&format!("{service}/{name}")).into(),
        })
    }

    /// How the server names the file.
    pub(super) fn etag(&self) -> String {
        format!("\"{}\"", self.checksum)
    }

    /// How the server names a block.
    pub(super) fn block_etag(&self, block: u32) -> String {
        format!("\"{}:{block}\"", self.checksum)
    }

    /// The checksum as a number, as the header of the file has it.
    pub(super) fn number(&self) -> Option<u64> {
        u64::from_str_radix(&self.checksum, 16).ok()
    }
}

impl PlanPage {
    /// Whether it may answer what was asked: files in their order that lie within what it is about.
    pub(super) fn is_possible(&self, asked: &Asked) -> bool {
        let tip = asked.before_seq.unwrap_or(self.sealed_tip_seq);
        let mut after = asked.after_seq;
        for (n, file) in self.segments.iter().enumerate() {
            // The place after which it was asked for may lie within the first.
            let follows = n == 0 || file.min_seq > after;
            if !follows || !file.is_possible(after) || file.min_seq > tip {
                return false;
            }
            after = file.max_seq;
        }
        let reaches = self.segments.is_empty() || self.planned_through_seq >= after.min(tip);
        reaches && self.planned_through_seq <= self.sealed_tip_seq
    }
}

impl PlannedFile {
    /// Whether the numbers and the blocks are possible.
    pub(super) fn is_possible(&self, after: u64) -> bool {
        let blocks = self.blocks.iter();
        let rises = blocks
            .clone()
            .zip(blocks.clone().skip(1))
            .all(|(one, next)| one.last < next.first);
        self.min_seq <= self.max_seq
            && self.max_seq > after
            && rises
            && blocks.clone().all(|blocks| blocks.first <= blocks.last)
            && (self.mode == Mode::Segment || !self.blocks.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_asked_for_as_servers_read_it() {
        let asked = Asked {
            kinds: vec!["commit"],
            collections: vec!["a.b.*".to_owned()],
            after_seq: 7,
            ..Asked::default()
        };
        let text = serde_json::to_string(&asked).unwrap();
        let expected = r#"{"kinds":["commit"],"collections":["a.b.*"],"afterSeq":7}"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn names_and_checksums_of_strangers_are_checked() {
        let of = |name: &str, sum: &str| {
            let file = PlannedFile {
                name: name.to_owned(),
                checksum: sum.to_owned(),
                min_seq: 1,
                max_seq: 2,
                mode: Mode::Segment,
                blocks: Vec::new(),
            };
            Generation::new("https://a.example", &file)
        };
        let good = of("seg_000000002a.jss", "00000000000000ff").unwrap();
        assert_eq!(good.etag(), "\"00000000000000ff\"");
        assert_eq!(good.block_etag(3), "\"00000000000000ff:3\"");
        assert_eq!(good.number(), Some(255));
        for (name, sum) in [
            ("../seg.jss", "00000000000000ff"),
            ("seg.jss&x=1", "00000000000000ff"),
            ("seg.txt", "00000000000000ff"),
            ("seg.jss", "00000000000000FF"),
            ("seg.jss", "ff"),
        ] {
            assert_eq!(of(name, sum), None, "{name} {sum}");
        }
    }

    #[test]
    fn files_of_a_plan_follow_each_other() {
        let page = |through, files: &[(u64, u64)]| PlanPage {
            planned_through_seq: through,
            sealed_tip_seq: 30,
            segments: files
                .iter()
                .map(|(min_seq, max_seq)| PlannedFile {
                    name: "seg_0.jss".to_owned(),
                    checksum: String::new(),
                    min_seq: *min_seq,
                    max_seq: *max_seq,
                    mode: Mode::Segment,
                    blocks: Vec::new(),
                })
                .collect(),
        };
        let asked = |after_seq, before_seq| Asked {
            after_seq,
            before_seq,
            ..Asked::default()
        };
        for (through, files, after, before) in [
            (30, &[(1, 10), (11, 30)][..], 0, None),
            (10, &[(1, 10)], 5, None),
            (25, &[(21, 30)], 0, Some(25)),
            (30, &[], 40, None),
        ] {
            let is_possible = page(through, files).is_possible(&asked(after, before));
            assert!(is_possible, "{through} {files:?}");
        }
        for (through, files, after, before) in [
            (30, &[(1, 10), (1, 10)][..], 0, None),
            (30, &[(1, 10), (10, 30)], 0, None),
            (30, &[(11, 30), (1, 10)], 0, None),
            (10, &[(1, 10)], 10, None),
            (5, &[(1, 10)], 0, None),
            (30, &[(26, 30)], 0, Some(25)),
            (31, &[], 0, None),
        ] {
            let is_possible = page(through, files).is_possible(&asked(after, before));
            assert!(!is_possible, "{through} {files:?}");
        }
    }

    #[test]
    fn blocks_of_a_plan_rise() {
        let text = r#"{"name":"seg_0.jss","index":1,"checksum":"00000000000000ff","minSeq":3,"maxSeq":9,"mode":"blocks","blocks":[{"first":0,"last":4},{"first":6,"last":6}]}"#;
        let file: PlannedFile = serde_json::from_str(text).unwrap();
        assert!(file.is_possible(2) && !file.is_possible(9));
        let mut swapped = file.clone();
        swapped.blocks.reverse();
        let mut none = file;
        none.blocks.clear();
        assert!(!swapped.is_possible(0) && !none.is_possible(0));
    }
}
