//! Source text as words, marks and texts. Comments are left out, and so is what only tests or fuzz
//! targets compile.

use std::str::Chars;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Word(String),
    Mark(char),
    /// A literal string without an `r`.
    Text(String),
}

impl Token {
    pub fn is(&self, text: &str) -> bool {
        match self {
            Self::Word(word) => word == text,
            Self::Mark(mark) => text.chars().eq([*mark]),
            Self::Text(_) => false,
        }
    }
}

/// The tokens of a file.
pub fn tokens(text: &str) -> Vec<Token> {
    without_tests(&all_tokens(text))
}

fn all_tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.chars();
    loop {
        let before = rest.clone();
        let Some(first) = rest.next() else {
            return tokens;
        };
        match first {
            '/' if rest.as_str().starts_with('/') => {
                rest.by_ref().take_while(|c| *c != '\n').for_each(drop);
            }
            '/' if rest.as_str().starts_with('*') => block_comment(&mut rest),
            '"' => tokens.push(Token::Text(string(&mut rest))),
            '\'' => character(&mut rest),
            c if c.is_alphanumeric() || c == '_' => {
                let word: String = before
                    .clone()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                rest = before;
                rest.by_ref().take(word.chars().count()).for_each(drop);
                if matches!(word.as_str(), "r" | "br") && rest.as_str().starts_with(['"', '#']) {
                    raw_string(&mut rest);
                } else {
                    tokens.push(Token::Word(word));
                }
            }
            c if c.is_whitespace() => {}
            mark => tokens.push(Token::Mark(mark)),
        }
    }
}

fn block_comment(rest: &mut Chars<'_>) {
    let mut depth = 1;
    rest.next();
    while depth > 0 {
        match rest.next() {
            Some('/') if rest.as_str().starts_with('*') => depth += 1,
            Some('*') if rest.as_str().starts_with('/') => depth -= 1,
            Some(_) => continue,
            None => return,
        }
        rest.next();
    }
}

/// A literal string; what is escaped in it is left out.
fn string(rest: &mut Chars<'_>) -> String {
    let mut text = String::new();
    while let Some(c) = rest.next() {
        match c {
            '\\' => drop(rest.next()),
            '"' => break,
            c => text.push(c),
        }
    }
    text
}

fn raw_string(rest: &mut Chars<'_>) {
    let hashes = rest.clone().take_while(|c| *c == '#').count();
    let end = format!("\"{}", "#".repeat(hashes));
    let text = rest.as_str();
    let behind = text
        .get(hashes + 1..)
        .and_then(|text| text.split_once(&end));
    *rest = behind.map_or("", |(_, behind)| behind).chars();
}

/// A character, or the quote of a lifetime.
fn character(rest: &mut Chars<'_>) {
    let mut ahead = rest.clone();
    match (ahead.next(), ahead.next()) {
        (Some('\\'), _) => {
            rest.by_ref().take(2).for_each(drop);
            rest.by_ref().take_while(|c| *c != '\'').for_each(drop);
        }
        (Some(_), Some('\'')) => *rest = ahead,
        _ => {}
    }
}

/// The tokens without the items that are only for tests or fuzz targets.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let end = if token.is("#") {
            group_end(tokens, at + 1)
        } else {
            at
        };
        let attribute = &tokens[at..end];
        let has = |word| attribute.iter().any(|token| token.is(word));
        at = if has("cfg") && (has("test") || has("fuzzing")) && !has("not") {
            item_end(tokens, end)
        } else {
            kept.extend_from_slice(&tokens[at..end.max(at + 1)]);
            end.max(at + 1)
        };
    }
    kept
}

/// Where the item ends that begins here.
fn item_end(tokens: &[Token], mut at: usize) -> usize {
    while let Some(token) = tokens.get(at) {
        if token.is("{") {
            return group_end(tokens, at);
        }
        if token.is("(") || token.is("[") {
            at = group_end(tokens, at);
            continue;
        }
        at += 1;
        if token.is(";") {
            break;
        }
    }
    at
}

/// Where the brackets end that open here.
fn group_end(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        if ["(", "[", "{"].iter().any(|open| token.is(open)) {
            depth += 1;
        } else if [")", "]", "}"].iter().any(|close| token.is(close)) {
            depth -= 1;
        }
        if depth <= 0 {
            return at + 1;
        }
    }
    tokens.len()
}

#[test]
fn what_is_no_code_and_what_is_for_tests_is_left_out() {
    let text = r##"
        // use crate::a; "
        /* use /* crate::b; */ */
        #[cfg(feature = "cli")]
        mod kept<'a> { const S: &str = "use crate::c; \" "; const C: [char; 2] = ['"', '\'']; }
        const R: &str = r#"use crate::d; " "#;
        #[cfg(test)]
        #[allow(x)]
        mod tests { use crate::e; fn f() {} }
        #[cfg(all(test, unix))] use crate::f::{G};
        #[cfg(not(test))] fn end(_: [u8; 2]) {}
    "##;
    let words: Vec<_> = tokens(text)
        .into_iter()
        .filter_map(|token| match token {
            Token::Word(word) => Some(word),
            Token::Mark(_) | Token::Text(_) => None,
        })
        .collect();
    let expected =
        "cfg feature mod kept a const S str const C char 2 const R str cfg not test fn end _ u8 2";
    assert_eq!(words.join(" "), expected);
}
