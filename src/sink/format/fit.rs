//! How much of a text goes into a row of a terminal.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Stands at the end of a row that was cut.
pub(super) const CUT: &str = "…";

/// How many bytes of a text fit into these columns, and whether that is less than all: then there
/// is room for [`CUT`]. What a reader takes for one character is not cut apart.
pub(super) fn fit(text: &str, columns: usize) -> (usize, bool) {
    let (mut at, mut used, mut cut_at) = (0, 0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let n_simple = simple(rest, columns - used + 1);
        if n_simple > 0 {
            if used < columns {
                cut_at = at + n_simple.min(columns - used - 1);
            }
            at += n_simple;
            used += n_simple;
        } else {
            let character = rest.graphemes(true).next().unwrap_or(rest);
            if used < columns {
                cut_at = at;
            }
            at += character.len();
            used += width(character);
        }
        if used > columns {
            return (cut_at, true);
        }
        if used < columns {
            cut_at = at;
        }
    }
    (text.len(), false)
}

/// How many bytes, of at most `most`, are characters of their own and a column wide. One that is
/// not ASCII may belong to the one before.
fn simple(text: &str, most: usize) -> usize {
    let is_simple = |byte: &u8| (0x20..0x7f).contains(byte);
    let bytes = text.as_bytes();
    let n = bytes.iter().take(most).take_while(|byte| is_simple(byte));
    let n = n.count();
    match bytes.get(n) {
        Some(byte) if !byte.is_ascii() => n.saturating_sub(1),
        _ => n,
    }
}

/// How wide a character is at most. A terminal that knows nothing of characters made of others
/// shows them side by side, and a row that is too long would go on in the next.
fn width(character: &str) -> usize {
    let apart = character.chars().filter_map(UnicodeWidthChar::width).sum();
    character.width().max(apart)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &str, columns: usize) -> String {
        let (len, is_cut) = fit(text, columns);
        let mark = if is_cut { CUT } else { "" };
        format!("{}{mark}", text.get(..len).unwrap())
    }

    #[test]
    fn a_row_is_cut_between_characters_to_its_columns() {
        for (text, columns, expected) in [
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abcde…"),
            ("", 6, ""),
            ("abcdef", 1, "…"),
            ("漢字漢字", 8, "漢字漢字"),
            ("漢字漢字", 7, "漢字漢…"),
            ("漢字漢字", 6, "漢字…"),
            ("x漢字", 3, "x…"),
            ("e\u{301}e\u{301}e\u{301}", 3, "e\u{301}e\u{301}e\u{301}"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("abce\u{301}", 4, "abce\u{301}"),
            ("a👨\u{200d}👩\u{200d}👧b", 7, "a…"),
            ("a👨\u{200d}👩\u{200d}👧b", 8, "a👨\u{200d}👩\u{200d}👧b"),
            ("🇩🇪🇫🇷", 3, "🇩🇪…"),
            ("h\u{e9}llo 🚀", 8, "h\u{e9}llo 🚀"),
            ("h\u{e9}llo 🚀", 7, "h\u{e9}llo …"),
        ] {
            assert_eq!(cut(text, columns), expected, "{text} in {columns}");
        }
    }

    proptest! {
        #[test]
        fn no_row_is_wider_than_its_columns(text in "[ -~]{0,9}\\PC{0,9}[a-z🚀漢\u{301}\u{200d}]{0,9}", columns in 1_usize..30) {
            let cut = cut(&text, columns);
            prop_assert!(cut.width() <= columns, "{cut:?}");
            let whole = text.graphemes(true).map(width).sum::<usize>();
            prop_assert_eq!(whole <= columns, cut == text);
        }
    }
}
