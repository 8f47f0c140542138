//! What a program says on stderr: told line by line with its name before it, and the end of it kept for who asks why it failed.

use tracing::info;

use crate::log::{CHILD_STDERR, printable};

/// What is told at once of a line that does not end.
const PIECE: usize = 4 * 1024;

/// How much of the end is kept.
const KEPT: usize = 4 * 1024;

/// A program's stderr.
#[derive(Debug)]
pub(super) struct Voice {
    program: String,
    unfinished: Vec<u8>,
    end: Vec<u8>,
}

impl Voice {
    /// Nothing was said yet.
    pub(super) fn new(program: String) -> Self {
        Self {
            program,
            unfinished: Vec::new(),
            end: Vec::new(),
        }
    }

    /// Hears some bytes, and tells the lines that end with them.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        self.end.extend_from_slice(bytes);
        if self.end.len() > 2 * KEPT {
            self.end.drain(..self.end.len() - KEPT);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(line) => {
                    self.unfinished.extend_from_slice(line);
                    self.tell();
                }
                None => self.unfinished.extend_from_slice(piece),
            }
            if self.unfinished.len() > PIECE {
                self.tell();
            }
        }
    }

    /// Tells a last line without an end.
    pub(super) fn finish(&mut self) {
        if !self.unfinished.is_empty() {
            self.tell();
        }
    }

    /// The end of all that was said.
    pub(super) fn end(&self) -> String {
        let start = self.end.len().saturating_sub(KEPT);
        let end = self.end.get(start..).unwrap_or_default();
        String::from_utf8_lossy(end).trim_end().to_owned()
    }

    fn tell(&mut self) {
        for piece in self.unfinished.chunks(PIECE) {
            let line = readable(piece);
            info!(target: CHILD_STDERR, program = self.program, "{}: {line}", self.program);
        }
        if self.unfinished.is_empty() {
            info!(target: CHILD_STDERR, program = self.program, "{}: ", self.program);
        }
        self.unfinished.clear();
    }
}

/// What programs print may come from the network.
fn readable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let parts: Vec<_> = text
        .trim_end_matches('\r')
        .split('\t')
        .map(printable)
        .collect();
    parts.join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_bounded() {
        let mut voice = Voice::new("each".to_owned());
        voice.hear(b"first\n");
        for _ in 0..100 {
            voice.hear(&[b'x'; 1000]);
        }
        voice.hear(b"\nlast\n");
        voice.finish();
        let end = voice.end();
        assert!(end.ends_with("x\nlast") && end.len() <= KEPT, "{end}");
        assert!(voice.unfinished.is_empty() && voice.end.len() <= 2 * KEPT);
    }

    #[test]
    fn what_a_terminal_acts_upon_is_escaped_and_tabs_stay() {
        assert_eq!(readable(b"a\tb\x1b[2J\xff\r"), "a\tb\\u{1b}[2J\u{fffd}");
    }
}
