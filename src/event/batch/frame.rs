//! Usual frames of the v2 wire: cut to their lines and read in one go.

use super::{
    super::{BadEvent, Envelope, LineRules, decode, v2},
    Batch,
};

impl Batch {
    /// Writes the line of a frame of the v2 wire and reads its envelope in one go, where the frame
    /// is a usual one; else nothing is written.
    #[inline]
    pub(crate) fn parse_usual_frame(
        &mut self,
        frame: &[u8],
        rules: LineRules,
    ) -> Option<Result<Envelope, BadEvent>> {
        let start = self.lines.len();
        if rules.raw || rules.validate {
            return None;
        }
        let usual = v2::cut_usual(frame, &mut self.second, &mut self.lines)?;
        if decode::is_plain(self.tail(start)) {
            self.unescaped_before = self.unescaped.len();
            return Some(Ok(usual.envelope(self.tail(start))));
        }
        Some(self.parse_tail(start, rules))
    }
}
