//! A program's stderr: logged line by line after its name, and its end kept for messages about why
//! it failed.

use tracing::info;

use crate::log::{CHILD_STDERR, printable};

/// How much of a line without an end is logged at once.
const MAX_PIECE_BYTES: usize = 4 * 1024;

/// How much of the end is kept.
const TAIL_BYTES: usize = 4 * 1024;

/// A program's stderr.
#[derive(Debug)]
pub(super) struct StderrLog {
    program: String,
    unfinished: Vec<u8>,
    tail: Vec<u8>,
}

impl StderrLog {
    /// Nothing was written yet.
    pub(super) fn new(program: String) -> Self {
        Self {
            program,
            unfinished: Vec::new(),
            tail: Vec::new(),
        }
    }

    /// Adds some bytes, and logs the lines that end with them.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        if self.tail.len() > 2 * TAIL_BYTES {
            self.tail.drain(..self.tail.len() - TAIL_BYTES);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(line) => {
                    self.unfinished.extend_from_slice(line);
                    self.log_line();
                }
                None => self.unfinished.extend_from_slice(piece),
            }
            if self.unfinished.len() > MAX_PIECE_BYTES {
                self.log_line();
            }
        }
    }

    /// Logs a last line without an end.
    pub(super) fn finish(&mut self) {
        if !self.unfinished.is_empty() {
            self.log_line();
        }
    }

    /// The end of all that was written.
    pub(super) fn tail(&self) -> String {
        let start = self.tail.len().saturating_sub(TAIL_BYTES);
        let end = self.tail.get(start..).unwrap_or_default();
        String::from_utf8_lossy(end).trim_end().to_owned()
    }

    fn log_line(&mut self) {
        for piece in self.unfinished.chunks(MAX_PIECE_BYTES) {
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
        let mut log = StderrLog::new("each".to_owned());
        log.add(b"first\n");
        for _ in 0..100 {
            log.add(&[b'x'; 1000]);
        }
        log.add(b"\nlast\n");
        log.finish();
        let tail = log.tail();
        assert!(
            tail.ends_with("x\nlast") && tail.len() <= TAIL_BYTES,
            "{tail}"
        );
        assert!(log.unfinished.is_empty() && log.tail.len() <= 2 * TAIL_BYTES);
    }

    #[test]
    fn what_a_terminal_acts_upon_is_escaped_and_tabs_stay() {
        assert_eq!(readable(b"a\tb\x1b[2J\xff\r"), "a\tb\\u{1b}[2J\u{fffd}");
    }
}
