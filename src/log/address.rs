//! Showing what was typed as an address, or where one was typed by mistake, without what may be
//! secret in it.

use std::{error::Error, fmt};

use crate::log::{chain, printable, printable_json};

/// The most characters that are shown.
const LONGEST: usize = 200;

/// The same of what should have been a word or two.
#[cfg(feature = "serve")]
const SHORT: usize = 80;

/// A text of a person, of the network or of another program, made safe for a screen and a log: all
/// that a terminal acts upon is escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    /// All of a text.
    pub fn text(text: &str) -> Self {
        Self(printable(text))
    }

    /// All of a text that is JSON: it stays the same JSON.
    pub fn json(json: &str) -> Self {
        Self(printable_json(json))
    }

    /// An error and all its causes, on one line.
    ///
    /// `Display` of this library's errors never repeats the cause, so that this is the way to show
    /// one.
    pub fn error(error: &(dyn Error + 'static)) -> Self {
        Self(chain(error))
    }

    /// An address, as it was typed and shortened. What stands before an '@', or behind a '?' or a
    /// '#', may be secret, and is left out.
    pub fn address(text: &str) -> Self {
        Self(without_secrets(text))
    }

    /// What is hardly ever an address: only where it looks like one is anything left out.
    pub fn word(text: &str) -> Self {
        Self(without_address(text))
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What was typed, shortened and escaped. What stands before an '@', or behind a '?' or a '#', is
/// left out.
pub(crate) fn without_secrets(text: &str) -> String {
    let is_scheme = |scheme: &str| {
        scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => (format!("{scheme}://"), rest),
        _ => (String::new(), text),
    };
    let hidden = match (rest.find(['?', '#']), rest.rfind('@')) {
        (None, None) => rest.to_owned(),
        (None, Some(at)) => format!("…{}", rest.get(at..).unwrap_or_default()),
        // What is before the '@' may be a password, and what is behind it may be a part of the
        // query.
        (Some(query), Some(at)) if query < at => "…".to_owned(),
        (Some(query), at) => {
            let from = at.unwrap_or(0);
            let sign = rest.get(query..=query).unwrap_or_default();
            let before = if at.is_some() { "…" } else { "" };
            format!(
                "{before}{}{sign}…",
                rest.get(from..query).unwrap_or_default()
            )
        }
    };
    let shown: String = scheme.chars().chain(hidden.chars()).take(LONGEST).collect();
    printable(&shown)
}

/// The same for what is hardly ever an address: only where it looks like one is anything left out.
pub(crate) fn without_address(text: &str) -> String {
    if text.contains("://") {
        return without_secrets(text);
    }
    printable(text)
}

/// The same of what should have been a word or two.
#[cfg(feature = "serve")]
pub(crate) fn in_short(text: &str) -> String {
    without_address(text).chars().take(SHORT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_is_never_shown() {
        for (text, shown) in [
            ("wss://h/subscribe", "wss://h/subscribe"),
            ("h:6008", "h:6008"),
            ("nats://h/F?token=S", "nats://h/F?…"),
            ("wss://h/subscribe?key=S#S", "wss://h/subscribe?…"),
            ("wss://h/#S", "wss://h/#…"),
            ("https://u:S@h", "https://…@h"),
            ("https://u:S@h/x?key=S", "https://…@h/x?…"),
            ("nats://a,tls://u:S@h/F", "nats://…@h/F"),
            ("nats+tls://S@h/F", "nats+tls://…@h/F"),
            ("u:S@h y", "…@h y"),
            ("wss://h/x?key=S@S", "wss://…"),
            ("wss://u:S?S@h", "wss://…"),
            ("u:S@x://h", "…@x://h"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
        ] {
            assert_eq!(without_secrets(text), shown, "{text}");
        }
        assert_eq!(without_secrets(&"x".repeat(999)).len(), LONGEST);
        assert_eq!(without_address("did:web:a?b@c"), "did:web:a?b@c");
        assert_eq!(without_address("https://u:S@h"), "https://…@h");
    }
}
