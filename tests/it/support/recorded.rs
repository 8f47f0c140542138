//! What is in output files, read with the tools that everyone has.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::rows::rows;

/// Every file below a folder, in the order of their names.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The name of a file without what says that it is unfinished.
pub fn finished_name(path: &Path) -> String {
    let name = path.file_name().unwrap().to_str().unwrap();
    let name = name.strip_suffix(".partial").unwrap_or(name);
    name.split_once(".+")
        .map_or(name, |(name, _)| name)
        .to_owned()
}

/// The text of a file, inflated by zstdcat or zcat, or by the crates where they are missing.
pub fn read(path: &Path) -> String {
    let name = finished_name(path);
    match name.rsplit_once('.').map(|(_, suffix)| suffix) {
        Some("zst") => unpack("zstdcat", path).unwrap_or_else(|| {
            let mut text = String::new();
            let file = File::open(path).unwrap();
            let mut decoder = zstd::stream::read::Decoder::new(file).unwrap();
            decoder.read_to_string(&mut text).unwrap();
            text
        }),
        Some("gz") => unpack("zcat", path).unwrap_or_else(|| {
            let mut text = String::new();
            let file = File::open(path).unwrap();
            let mut decoder = flate2::read::MultiGzDecoder::new(file);
            decoder.read_to_string(&mut text).unwrap();
            text
        }),
        _ => fs::read_to_string(path).unwrap(),
    }
}

/// `None` where there is no such tool.
fn unpack(tool: &str, path: &Path) -> Option<String> {
    let mut child = Command::new(tool)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let bytes = fs::read(path).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feed = std::thread::spawn(move || stdin.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap().unwrap();
    assert!(
        output.status.success(),
        "{tool} < {}: {output:?}",
        path.display()
    );
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The number that each event of a file has, in its order.
pub fn numbers(path: &Path) -> Vec<u64> {
    if finished_name(path).ends_with(".parquet") {
        let rows = rows(path);
        return rows
            .iter()
            .map(|row| row["seq"].as_u64().unwrap())
            .collect();
    }
    let text = read(path);
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "{}",
        path.display()
    );
    text.lines()
        .map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["cursor"].as_u64().unwrap()
        })
        .collect()
}

/// Asserts that the files below a folder hold each event up to this number once, and each file in
/// order. Returns how many files there are.
#[track_caller]
pub fn assert_each_once(folder: &Path, last: u64) -> usize {
    let files = files_below(folder);
    let mut all = Vec::new();
    for file in &files {
        let numbers = numbers(file);
        assert!(numbers.is_sorted(), "{}", file.display());
        all.extend(numbers);
    }
    all.sort_unstable();
    for (number, expected) in all.iter().zip(1..) {
        assert_eq!(
            *number,
            expected,
            "among {} events in {files:#?}",
            all.len()
        );
    }
    assert_eq!(all.len() as u64, last, "{files:#?}");
    files.len()
}
