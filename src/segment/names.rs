//! The segment files of a folder, by name.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What the name of a segment file ends in.
const SUFFIX: &str = "jss";

/// What is said of a copied folder.
pub(super) const MANIFEST: &str = "manifest.json";

/// How a server names its files: this, and the index of the file in 10 digits of base 36.
const PREFIX: &str = "seg_";

const INDEX_DIGITS: usize = 10;

/// Whether this is the name of a segment file.
pub fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|suffix| suffix == SUFFIX)
}

/// Whether this is the name of what is said of a copied folder.
pub fn is_manifest(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == MANIFEST)
}

/// A segment file, or all that lie in a folder, in the order of their names. Folders within it are
/// not looked into.
pub fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if is_segment(&path) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Which file of an archive it is, by its name.
pub(crate) fn index(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let digits = name
        .strip_prefix(PREFIX)?
        .strip_suffix(SUFFIX)?
        .strip_suffix('.')?;
    let is_index = digits.len() == INDEX_DIGITS
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    u64::from_str_radix(digits, 36).ok().filter(|_| is_index)
}

/// The name of that file of an archive.
pub(crate) fn name(index: u64) -> String {
    let mut digits = [b'0'; INDEX_DIGITS];
    let mut rest = index;
    for digit in digits.iter_mut().rev() {
        let value = u32::try_from(rest % 36).unwrap_or_default();
        *digit = char::from_digit(value, 36).map_or(b'0', |letter| letter as u8);
        rest /= 36;
    }
    format!("{PREFIX}{}.{SUFFIX}", digits.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_server_says_which_file_it_is() {
        let index = |name: &str| index(Path::new(name));
        assert_eq!(index("x/seg_0000000000.jss"), Some(0));
        assert_eq!(index("seg_00000000z1.jss"), Some(35 * 36 + 1));
        for name in [
            "seg_1.jss",
            "seg_00000000A1.jss",
            "seg_0000000001jss",
            "0000000001.jss",
            "..",
        ] {
            assert_eq!(index(name), None, "{name}");
        }
        for number in [0, 35, 36, 12_345_678] {
            assert_eq!(index(&name(number)), Some(number));
        }
    }
}
