//! The text of a page: its macros, and what in a text they would act upon.

use std::fmt::Write;

/// The text of a page so far.
#[derive(Default)]
pub(super) struct Page(pub(super) String);

impl Page {
    /// A line of macros, as it is.
    pub(super) fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    pub(super) fn section(&mut self, title: &str) {
        self.line(&format!(".SH \"{}\"", escaped(title)));
    }

    /// A line of text.
    pub(super) fn text(&mut self, text: &str) {
        let escaped = escaped(text);
        // What begins like a macro is not one.
        let guard = if escaped.starts_with(['.', '\'']) {
            "\\&"
        } else {
            ""
        };
        self.line(&format!("{guard}{escaped}"));
    }

    /// A paragraph; a table, whose lines are all indented, keeps its lines.
    pub(super) fn paragraph(&mut self, text: &str) {
        if !text.lines().all(|line| line.starts_with("  ")) {
            return self.text(&joined(text));
        }
        self.line(".nf");
        text.lines().for_each(|line| self.text(line));
        self.line(".fi");
    }

    /// Paragraphs, with blank lines between them.
    pub(super) fn paragraphs(&mut self, text: &str) {
        for (n, paragraph) in text.split("\n\n").enumerate() {
            if n > 0 {
                self.line(".PP");
            }
            self.text(&joined(paragraph));
        }
    }

    /// The text before or after the help: headings that end in a colon, and below them paragraphs,
    /// commands, or words with what they mean.
    pub(super) fn blocks(&mut self, text: &str) {
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if line.is_empty() {
                continue;
            }
            let Some(heading) = line.strip_suffix(':').filter(|_| !line.starts_with(' ')) else {
                let mut paragraph = line.to_owned();
                while let Some(next) =
                    lines.next_if(|next| !next.is_empty() && !next.ends_with(':'))
                {
                    write!(paragraph, " {}", next.trim()).expect("a String takes it");
                }
                self.section("NOTES");
                self.text(&paragraph);
                continue;
            };
            self.section(title(heading));
            let mut body = Vec::new();
            while let Some(next) = lines.next_if(|next| next.starts_with(' ')) {
                body.push(next);
            }
            match heading {
                "Examples" => self.commands_of_a_shell(&body),
                _ => self.entries(&body),
            }
        }
    }

    fn commands_of_a_shell(&mut self, lines: &[&str]) {
        self.line(".nf");
        for line in lines {
            self.text(line.trim());
        }
        self.line(".fi");
    }

    /// Lines of a word, two blanks or more, and what it means, which may go on or begin below; or
    /// paragraphs of two blanks.
    fn entries(&mut self, lines: &[&str]) {
        let is_indented = |line: &&&str| line.starts_with("    ");
        for (at, line) in lines.iter().enumerate() {
            let inner = line.trim();
            let goes_on = lines.get(at + 1).is_some_and(|next| is_indented(&next));
            match inner.split_once("  ") {
                _ if is_indented(&line) => self.text(inner),
                Some((word, meaning)) => {
                    self.line(".TP");
                    self.line(&format!("\\fB{}\\fR", escaped(word)));
                    self.text(meaning.trim());
                }
                None if goes_on => {
                    self.line(".TP");
                    self.line(&format!("\\fB{}\\fR", escaped(inner)));
                }
                None => self.text(inner),
            }
        }
    }
}

/// The sections that every reader of manuals looks for have their usual names.
fn title(heading: &str) -> &str {
    match heading {
        "Examples" => "EXAMPLES",
        "Environment" => "ENVIRONMENT",
        "Exit codes" => "EXIT STATUS",
        "Files" => "FILES",
        other => other,
    }
}

/// A paragraph on one line.
fn joined(paragraph: &str) -> String {
    paragraph.split('\n').collect::<Vec<_>>().join(" ")
}

/// Text in which nothing is a request: what roff acts upon is escaped, and hyphens can be searched.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '"' => escaped.push_str("\\(dq"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            '`' => escaped.push_str("\\(ga"),
            '…' => escaped.push_str("..."),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_roff_acts_upon_is_text() {
        let mut page = Page::default();
        page.text(".SH 'a' \\-b");
        page.text("'no macro");
        assert_eq!(page.0, "\\&.SH \\(aqa\\(aq \\e\\-b\n\\(aqno macro\n");
    }
}
