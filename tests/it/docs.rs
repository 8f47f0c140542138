//! README.md, ARCHITECTURE.md and docs/: their links lead somewhere, what they name exists, and
//! their commands work as printed.

mod blocks;
mod commands;
mod links;
mod names;
mod python;
mod schema;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The most that a page may hold that is read from top to bottom.
const MAX_BYTES: usize = 10 * 1024;

/// A page, by its path from the root of the repository.
struct Page {
    path: String,
    text: String,
}

impl Page {
    fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path));
        let text = text.unwrap_or_else(|error| panic!("{path}: {error}"));
        Self {
            path: path.to_owned(),
            text,
        }
    }

    /// All that users and contributors read.
    fn all() -> Vec<Self> {
        let mut paths = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]
            .map(str::to_owned)
            .to_vec();
        for folder in ["docs", "docs/decisions"] {
            for entry in fs::read_dir(root().join(folder)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if Path::new(&name).extension() == Some("md".as_ref()) {
                    paths.push(format!("{folder}/{name}"));
                }
            }
        }
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

#[test]
fn the_first_pages_are_short() {
    for path in ["README.md", "ARCHITECTURE.md"] {
        let n_bytes = Page::read(path).text.len();
        assert!(n_bytes <= MAX_BYTES, "{path} has {n_bytes} bytes");
    }
}
