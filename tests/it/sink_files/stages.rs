//! Where in the life of a table a kill came: before and behind its row groups, its footer, the save
//! that counts it, and its name.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use serde_json::Value;

use crate::support::recorded::files_below;

/// How often a kill came at each step of a file.
#[derive(Default)]
pub struct Stages(BTreeMap<&'static str, u32>);

impl Stages {
    /// A row group is in the file, and the cursor counts its lines in the journal.
    pub const GROUP: &str = "group, no save";
    /// The footer is in the file, and the cursor counts less.
    pub const FOOTER: &str = "footer, no save";
    /// The cursor counts a complete file that has no name.
    pub const SAVED: &str = "save, no name";
    /// The file has its name, and the cursor does not know.
    pub const NAMED: &str = "name, no later save";

    /// Looks at what a kill left.
    pub fn note(&mut self, out: &Path, cursor: &Path) {
        let text = fs::read_to_string(cursor).unwrap_or_default();
        let cursor: Value = serde_json::from_str(&text).unwrap_or_default();
        let marks = cursor["files"].as_array().cloned().unwrap_or_default();
        let is_partial = |path: &Path| path.to_str().unwrap().ends_with(".partial");
        for path in files_below(out).iter().filter(|path| is_partial(path)) {
            // Both are absolute.
            let is_of = |mark: &&Value| Path::new(mark["path"].as_str().unwrap()) == path;
            let mark = marks.iter().find(is_of);
            let bytes = fs::read(path).unwrap();
            let counted = mark.and_then(|mark| mark["bytes"].as_u64()).unwrap_or(0);
            let is_whole = bytes.len() > 8 && bytes.ends_with(b"PAR1");
            let is_counted = counted >= bytes.len() as u64;
            let stage = match (is_whole, is_counted) {
                (true, true) => Self::SAVED,
                (true, false) => Self::FOOTER,
                (false, false) if bytes.len() > 4 => Self::GROUP,
                (false, _) => continue,
            };
            *self.0.entry(stage).or_default() += 1;
        }
        let is_named = |mark: &&Value| {
            let path = Path::new(mark["path"].as_str().unwrap());
            mark["complete"] == true && is_partial(path) && !path.exists()
        };
        let n_named = marks.iter().filter(is_named).count();
        if n_named > 0 {
            *self.0.entry(Self::NAMED).or_default() += 1;
        }
    }

    /// Adds those of another game.
    pub fn add(&mut self, other: &Self) {
        for (stage, n) in &other.0 {
            *self.0.entry(stage).or_default() += n;
        }
    }

    /// How often a kill came there.
    pub fn of(&self, stage: &str) -> u32 {
        self.0.get(stage).copied().unwrap_or(0)
    }
}

impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (stage, n) in &self.0 {
            write!(f, "; {stage}: {n}")?;
        }
        Ok(())
    }
}
