//! What is made of a first event that comes later than was asked for, once it is known how far back
//! the server goes.

use tracing::{info, warn};

use super::{
    Jetstream,
    aside::{Floor, Found},
    read_state::Question,
    resume::Doubt,
};
use crate::{
    error::MemberError,
    event::show_time,
    log::STATE,
    source::{OnGap, ReadError},
};

/// The number of the first event that a server ever had.
const FIRST_SEQ: u64 = 1;

/// Before its first event a server may have a hole of this many usual distances between numbers, and
/// still have all that there was.
const HOLE: u64 = 100;

/// What a look at the server says of a doubt.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    /// The server has what was asked for, and it is something else that made the first event come
    /// late.
    Nothing,
    /// It begins later, and nothing from before is known to be missing.
    Begins(u64),
    /// It no longer has what lies between these times.
    Gap(u64, u64),
    /// It no longer has what lies between these numbers.
    NumberGap(u64, u64),
    /// It begins later, by no more than a hole in its numbers.
    Hole(u64, u64),
    /// It gave no answer.
    Unknown,
}

fn find(doubt: Doubt, floor: Option<Floor>) -> Finding {
    let Some(Floor {
        first,
        is_busy,
        spacing,
    }) = floor
    else {
        return Finding::Unknown;
    };
    match (doubt, first.seq) {
        (Doubt::Number(_), None) => Finding::Unknown,
        (Doubt::Number(asked), Some(seq)) if asked < seq => {
            let is_hole = seq - asked <= spacing.saturating_mul(HOLE);
            match asked {
                _ if !is_hole => Finding::NumberGap(asked, seq),
                // All that there is.
                FIRST_SEQ => Finding::Nothing,
                _ => Finding::Hole(asked, seq),
            }
        }
        (Doubt::Number(_), Some(_)) => Finding::Nothing,
        (Doubt::Time(from_us) | Doubt::Reached(from_us), _) if first.time_us <= from_us => {
            Finding::Nothing
        }
        (Doubt::Reached(from_us), _) => Finding::Gap(from_us, first.time_us),
        // On a stream that is quiet, or at the beginning of one, a pause is no sign of a loss.
        (Doubt::Time(asked_us), seq) if is_busy && seq != Some(FIRST_SEQ) => {
            Finding::Gap(asked_us, first.time_us)
        }
        (Doubt::Time(_), _) => Finding::Begins(first.time_us),
    }
}

impl Jetstream {
    /// Has the server of the present connection asked how far back it goes.
    pub(super) fn ask(&mut self, question: Question) {
        let within = self.settings.connect_timeout;
        let endpoint = self.rotation.current();
        let server = (endpoint, self.wires.version(endpoint));
        self.aside
            .learn_floor(&self.connector, server, question, within);
    }

    /// Waits until it is known how far back the server goes. That is where a gap is to be the end:
    /// nothing after it is delivered before.
    pub(super) async fn end_doubts(&mut self) -> Result<(), MemberError> {
        while let Some(found) = self.aside.next().await {
            self.conclude(found)?;
        }
        self.is_doubtful = false;
        self.state.resume.clear_doubts();
        Ok(())
    }

    /// Draws the conclusion from what was seen beside the main connection. A gap is the end where
    /// that was asked for.
    pub(super) fn conclude(&mut self, found: Found) -> Result<(), MemberError> {
        match found {
            Found::Floor(question, floor) => self.settle_doubt(question, floor),
            Found::Sight(sight) => {
                self.name_collections(sight);
                Ok(())
            }
        }
    }

    fn settle_doubt(
        &mut self,
        question: Question,
        floor: Option<Floor>,
    ) -> Result<(), MemberError> {
        let url = self.rotation.current().to_string();
        let finding = find(question.doubt, floor);
        let is_gap = matches!(finding, Finding::Gap(..) | Finding::NumberGap(..));
        if is_gap && !self.state.may_pause {
            self.state.stats.add_gaps(1);
        }
        let fails = self.settings.on_gap == OnGap::Fail && !self.state.may_pause;
        match finding {
            Finding::Nothing => {}
            Finding::Begins(time_us) => {
                let begins = show_time(time_us);
                info!(target: STATE, url, begins, "{url} begins at {begins}; nothing before that is known to be missing");
            }
            Finding::Gap(from_us, to_us) if fails => {
                return Err(ReadError::Gap {
                    url,
                    from_us,
                    to_us,
                }
                .into());
            }
            Finding::NumberGap(from, to) if fails => {
                return Err(ReadError::NumberGap {
                    stream: url,
                    from,
                    to,
                    why: "no longer has the events in between",
                }
                .into());
            }
            Finding::Gap(..) | Finding::NumberGap(..) | Finding::Hole(..) | Finding::Unknown => {
                self.report_gap(&url, &finding, question);
            }
        }
        Ok(())
    }

    fn report_gap(&self, url: &str, finding: &Finding, question: Question) {
        let first = question.first;
        let (from, to) = match (finding, question.doubt) {
            (Finding::Gap(from_us, to_us), _) => (show_time(*from_us), show_time(*to_us)),
            (Finding::NumberGap(from, to) | Finding::Hole(from, to), _) => {
                (from.to_string(), to.to_string())
            }
            (_, Doubt::Time(from_us) | Doubt::Reached(from_us)) => {
                (show_time(from_us), show_time(first.time_us))
            }
            (_, Doubt::Number(from)) => {
                (from.to_string(), first.seq.unwrap_or_default().to_string())
            }
        };
        if *finding == Finding::Unknown {
            warn!(target: STATE, from, to, "GAP? from={from} to={to}: cannot tell whether events are missing, as {url} does not say how far back it goes");
        } else if matches!(finding, Finding::Hole(..)) {
            warn!(target: STATE, from, to, "GAP? from={from} to={to}: cannot tell whether events are missing, as numbers have holes");
        } else if self.state.may_pause {
            warn!(target: STATE, from, to, "GAP? from={from} to={to}: cannot tell whether events are missing, as only some accounts are read");
        } else {
            warn!(target: STATE, from, to, "GAP from={from} to={to}: the server no longer has the events in between");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Point;

    const SECOND: u64 = 1_000_000;
    const NOON: u64 = 1_800_000_000 * SECOND;

    fn floor(seq: Option<u64>, time_us: u64, is_busy: bool) -> Floor {
        let first = Point {
            seq,
            time_us,
            identity: None,
        };
        Floor {
            first,
            is_busy,
            spacing: 2,
        }
    }

    #[test]
    fn a_gap_needs_evidence() {
        let (asked, later) = (NOON, NOON + 3600 * SECOND);
        let cases = [
            (None, Finding::Unknown),
            (Some(floor(None, asked, true)), Finding::Nothing),
            (Some(floor(None, later, true)), Finding::Gap(asked, later)),
            (
                Some(floor(Some(7), later, true)),
                Finding::Gap(asked, later),
            ),
            (Some(floor(None, later, false)), Finding::Begins(later)),
            (Some(floor(Some(1), later, true)), Finding::Begins(later)),
        ];
        for (floor, expected) in cases {
            assert_eq!(find(Doubt::Time(asked), floor), expected, "{floor:?}");
        }
        for (at, expected) in [
            (asked, Finding::Nothing),
            (later, Finding::Gap(asked, later)),
        ] {
            assert_eq!(
                find(Doubt::Reached(asked), Some(floor(Some(1), at, false))),
                expected
            );
        }
        let cases = [
            (None, Finding::Unknown),
            (Some(floor(None, NOON, true)), Finding::Unknown),
            (Some(floor(Some(99), NOON, false)), Finding::Nothing),
            (Some(floor(Some(100), NOON, false)), Finding::Nothing),
            (Some(floor(Some(101), NOON, false)), Finding::Hole(100, 101)),
            (Some(floor(Some(300), NOON, false)), Finding::Hole(100, 300)),
            (
                Some(floor(Some(301), NOON, false)),
                Finding::NumberGap(100, 301),
            ),
        ];
        for (floor, expected) in cases {
            assert_eq!(find(Doubt::Number(100), floor), expected, "{floor:?}");
        }
        // What is asked for is all that there is.
        let all = |seq| find(Doubt::Number(1), Some(floor(Some(seq), NOON, true)));
        assert_eq!(all(201), Finding::Nothing);
        assert_eq!(all(202), Finding::NumberGap(1, 202));
    }
}
