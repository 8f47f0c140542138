//! Subjects: which are sound, which are taken by which pattern, and how one is shown.

use crate::log::printable;

/// How much of a text of the network is shown, in characters.
const EXCERPT_CHARS: usize = 200;

/// A text of the network, escaped and bounded.
pub(crate) fn excerpt(text: &str) -> String {
    printable(&text.chars().take(EXCERPT_CHARS).collect::<String>())
}

/// Whether messages can be sent to it.
pub(super) fn is_subject(subject: &str) -> bool {
    let is_word = |word: &str| {
        let is_wildcard = word == "*" || word == ">";
        !word.is_empty()
            && !is_wildcard
            && !word.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    subject.split('.').all(is_word)
}

/// Whether a stream's subject takes everything below the prefix.
pub(crate) fn covers(subject: &str, prefix: &str) -> bool {
    let mut words = subject.split('.');
    for word in prefix.split('.') {
        match words.next() {
            Some(">") => return true,
            Some(own) if own == "*" || own == word => {}
            _ => return false,
        }
    }
    words.next() == Some(">") && words.next().is_none()
}

/// Whether a stream's subject takes this one.
pub(crate) fn takes(pattern: &str, subject: &str) -> bool {
    let mut words = subject.split('.');
    for word in pattern.split('.') {
        match words.next() {
            Some(_) if word == ">" => return true,
            Some(own) if word == "*" || own == word => {}
            _ => return false,
        }
    }
    words.next().is_none()
}

/// Whether any subject is taken by both patterns.
pub(crate) fn meet(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        match (one.next(), other.next()) {
            (Some(">"), Some(_)) | (Some(_), Some(">")) | (None, None) => return true,
            (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_words_between_dots() {
        for subject in ["a", "orders.17.created", "s.é", "a.b*", "$KV.b.k"] {
            assert!(is_subject(subject), "{subject}");
        }
        for subject in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "a b",
            "a.*",
            ">",
            "a.>",
            "a\r\nPUB b 0",
            "a\tb",
        ] {
            assert!(!is_subject(subject), "{subject:?}");
        }
    }

    #[test]
    fn a_subject_covers_a_prefix_when_it_takes_everything_below_it() {
        for (subject, prefix, expected) in [
            ("at.>", "at", true),
            (">", "at", true),
            ("at.>", "at.x", true),
            ("*.>", "at", true),
            ("*.x.>", "at.x", true),
            ("at", "at", false),
            ("at.*", "at", false),
            ("at.commit.>", "at", false),
            ("other.>", "at", false),
            ("at.>", "atproto", false),
        ] {
            assert_eq!(covers(subject, prefix), expected, "{subject} {prefix}");
        }
    }

    #[test]
    fn a_subject_takes_what_servers_take_by_it() {
        for (pattern, subject, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.b.c", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            (">", "a", true),
            ("*.b", "a.c", false),
        ] {
            assert_eq!(takes(pattern, subject), expected, "{pattern} {subject}");
        }
    }

    #[test]
    fn patterns_meet_where_a_subject_is_taken_by_both() {
        for (one, other, expected) in [
            ("a.b", "a.b", true),
            ("a.*", "a.b", true),
            ("a.*", "*.b", true),
            ("a.>", "*.b.c", true),
            (">", "a", true),
            ("a.>", "a", false),
            ("a.b", "a.b.c", false),
            ("a.*", "a.b.c", false),
            ("a.>", "b.>", false),
            ("a.b,a.c", "a.>", true),
            ("a.b,a.c", "a.b", false),
        ] {
            assert_eq!(meet(one, other), expected, "{one} {other}");
            assert_eq!(meet(other, one), expected, "{other} {one}");
        }
    }
}
