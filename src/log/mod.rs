//! Log messages: their targets, how often one is said, and the text of errors, of addresses and of
//! the network made safe for a screen.

pub(crate) mod address;
pub(crate) mod outage;
pub(crate) mod throttle;

/// See [`PipelineSettings::STATE_TARGET`](crate::PipelineSettings::STATE_TARGET).
pub(crate) const STATE: &str = "rocketman::state";

/// See [`ExecSettings::STDERR_TARGET`](crate::sink::ExecSettings::STDERR_TARGET).
pub(crate) const CHILD_STDERR: &str = "rocketman::program";

/// An error and all its causes on one line, escaped: a cause may hold text from the network.
///
/// `Display` of this library's errors never repeats the cause, so that this is the way to print
/// one.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Some libraries repeat their cause; a reader needs it once.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    printable(&text)
}

/// The text with everything escaped that a terminal acts upon, or that turns its other characters
/// around.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| match c {
            '"' | '\'' | '\\' => vec![c],
            other => other.escape_debug().collect(),
        })
        .collect()
}

/// The same for what is JSON already, in which such characters can only stand within texts: it
/// stays the same JSON.
pub(crate) fn printable_json(json: &str) -> String {
    let escaped = |c: char| {
        let mut units = [0; 2];
        let units = c.encode_utf16(&mut units).iter();
        let units: Vec<_> = units.map(|unit| format!("\\u{unit:04x}")).collect();
        units.concat()
    };
    let is_plain = |c: char| (c.is_ascii() && c != '\u{7f}') || c.escape_debug().len() == 1;
    let shown = |c: char| if is_plain(c) { c.into() } else { escaped(c) };
    json.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::MemberError;

    #[test]
    fn escaped_json_is_the_same_json() {
        let text = "a\u{9b}2J\u{202e}\u{e0001}é🚀\u{1b}\n\u{7f}";
        let json = serde_json::to_string(text).unwrap();
        let escaped = printable_json(&json);
        assert_eq!(escaped, r#""a\u009b2J\u202e\udb40\udc01é🚀\u001b\n\u007f""#);
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
    }

    #[test]
    fn an_error_and_its_causes_are_escaped() {
        let cause = std::io::Error::other("IO error: nats: \u{1b}]0;x\u{7}\u{9b}31m");
        let error = MemberError::caused("gave up", cause);
        assert_eq!(
            chain(&error),
            r"gave up: IO error: nats: \u{1b}]0;x\u{7}\u{9b}31m"
        );
    }

    #[test]
    fn what_a_terminal_acts_upon_is_escaped_and_nothing_else() {
        let text = "a \"b\" 'c' \\d é 漢 🚀";
        assert_eq!(printable(text), text);
        assert_eq!(
            printable("\u{1b}[2J\n\u{9b}m\u{202e}\u{200b}"),
            r"\u{1b}[2J\n\u{9b}m\u{202e}\u{200b}"
        );
    }
}
