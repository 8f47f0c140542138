//! `rocketman compare`: reads two servers or recordings, and says what one of them misses.

mod matching;
mod report;
mod side;
mod tally;
mod which;

use std::process::ExitCode;

use indicatif::HumanCount;
use tracing::{info, warn};

use self::{
    matching::{Matching, TooFarApart},
    report::{Named, Report, missing_line},
    side::{Side, SideError},
    tally::Tally,
    which::{Each, Which},
};
use crate::settings::TimeUs;
use crate::{
    failure::{Failure, INTERRUPTED},
    hints,
    settings::CompareSettings,
    signals::{Signals, StopSignal},
    terminal::{print, print_json},
};
use rocketman::{ErrorKind, PipelineSettings, event::Batch, filter::Filter, source::Flow};

/// Why two are not the same, or are not compared.
#[derive(Debug, thiserror::Error)]
enum CompareError {
    #[error("{}", missing(.0))]
    Missing(Each<u64>),
    #[error("there is no time that both have: {0}")]
    NoWindow(String),
    #[error(
        "the two are too far apart: more than a million events came from one and not from the other"
    )]
    TooFarApart,
    #[error("stopped by {0} before the end")]
    Stopped(&'static str),
    #[error(transparent)]
    Side(SideError),
}

/// How many events each misses.
fn missing(missing: &Each<u64>) -> String {
    let events = |n: u64| match n {
        1 => "1 event".to_owned(),
        n => format!("{} events", HumanCount(n)),
    };
    let is_or_are = |n: u64| if n == 1 { "is" } else { "are" };
    match *missing {
        Each { a: 0, b } => format!("{} that A has {} missing in B", events(b), is_or_are(b)),
        Each { a, b: 0 } => format!("{} that B has {} missing in A", events(a), is_or_are(a)),
        Each { a, b } => format!(
            "{} {} missing in A, and {} in B",
            events(a),
            is_or_are(a),
            HumanCount(b)
        ),
    }
}

impl From<CompareError> for Failure {
    fn from(error: CompareError) -> Self {
        let hint = match &error {
            CompareError::NoWindow(_) => {
                Some("compare a longer time (--since), or give less of it at both ends (--slack)")
            }
            CompareError::TooFarApart => Some("compare with a filter, or with less --slack"),
            _ => None,
        };
        let hint = hint.map(str::to_owned).or_else(|| match &error {
            CompareError::Side(SideError::Run(error)) if error.kind() != ErrorKind::Unreachable => {
                hints::of_run(error)
            }
            _ => None,
        });
        let kind = match &error {
            CompareError::Side(SideError::Recording(_)) => ErrorKind::Usage,
            CompareError::Side(SideError::Run(error)) => error.kind(),
            _ => ErrorKind::Failed,
        };
        Self::new(kind, error).hint(hint)
    }
}

/// Reads both, and shows what differs.
pub(crate) async fn run(settings: CompareSettings) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen().map_err(Failure::system("listen for signals"))?;
    tokio::select! {
        compared = compare(settings) => compared,
        signal = signals.next() => match signal {
            StopSignal::Interrupt => Ok(ExitCode::from(INTERRUPTED)),
            other => Err(CompareError::Stopped(other.name()).into()),
        },
    }
}

async fn compare(settings: CompareSettings) -> Result<ExitCode, Failure> {
    let CompareSettings {
        sides: [(name_a, a), (name_b, b)],
        filter,
        from_us,
        until_us,
        slack_us,
        json,
    } = settings;
    info!(target: PipelineSettings::STATE_TARGET, "comparing {}{}", filter.description(), span(from_us, until_us));
    let open = |compared| Side::open(compared).map_err(CompareError::Side);
    let mut comparison = Comparison {
        sides: Each {
            a: open(a)?,
            b: open(b)?,
        },
        has_ended: Each::default(),
        filter,
        read_until_us: until_us.saturating_add(slack_us),
        slack_us,
        matching: Matching::new(from_us, until_us, slack_us),
        tally: Tally::new(slack_us),
        named: Named::default(),
        json,
    };
    comparison.read().await?;
    comparison.close().await;
    comparison.report(Each {
        a: &name_a,
        b: &name_b,
    })
}

/// The time that is compared, where it has a beginning or an end.
fn span(from_us: u64, until_us: u64) -> String {
    let from = (from_us > 0).then(|| format!(" from {}", TimeUs(from_us)));
    let until = (until_us < u64::MAX).then(|| format!(" up to {}", TimeUs(until_us)));
    [from, until].into_iter().flatten().collect()
}

/// A comparison under way.
struct Comparison {
    sides: Each<Side>,
    has_ended: Each<bool>,
    filter: Filter,
    /// Nothing later than this is of use.
    read_until_us: u64,
    slack_us: u64,
    matching: Matching,
    tally: Tally,
    named: Named,
    json: bool,
}

impl Comparison {
    /// Reads both to their end, always the one that is behind.
    async fn read(&mut self) -> Result<(), Failure> {
        let mut batch = Batch::new();
        while let Some(which) = self.next() {
            batch.clear();
            let Each { a, b } = &mut self.sides;
            let (side, other) = match which {
                Which::A => (a, b),
                Which::B => (b, a),
            };
            let flow = tokio::select! {
                flow = side.read(&mut batch) => flow,
                () = other.idle() => continue,
            };
            for event in batch.events() {
                let taken = if self.filter.keeps(&event) {
                    self.matching.take(which, &event)
                } else {
                    self.matching.reach(which, event.time_us());
                    Ok(())
                };
                taken.map_err(|TooFarApart| CompareError::TooFarApart)?;
            }
            self.settle()?;
            let is_over = match flow.map_err(CompareError::Side)? {
                Flow::More => false,
                Flow::End => {
                    // Up to here there is nothing that did not come.
                    if let Some(end_us) = self.sides.of(which).end_us() {
                        self.matching.reach(which, end_us);
                    }
                    true
                }
                _ => {
                    let name = which.name().to_uppercase();
                    warn!(target: PipelineSettings::STATE_TARGET, "nothing more came from {name}, and it is not known up to when that is all");
                    true
                }
            };
            *self.has_ended.of_mut(which) |= is_over;
        }
        self.settle()
    }

    /// Which one is read next: the one that is behind. None where neither tells anything new.
    fn next(&self) -> Option<Which> {
        let latest = |which| self.matching.latest_us(which);
        let is_wanted = |which: Which| {
            let other = which.other();
            // It is only held against the other, which ends before.
            let is_of_use = !self.has_ended.of(other)
                || latest(which) <= latest(other).map(|us| us.saturating_add(self.slack_us));
            !self.has_ended.of(which)
                && is_of_use
                && latest(which).is_none_or(|us| us <= self.read_until_us)
        };
        let behind = if latest(Which::A) <= latest(Which::B) {
            Which::A
        } else {
            Which::B
        };
        [behind, behind.other()]
            .into_iter()
            .find(|which| is_wanted(*which))
    }

    /// Counts what is settled, and shows what is missing where it is shown at once.
    fn settle(&mut self) -> Result<(), Failure> {
        let mut lines = String::new();
        while let Some(settled) = self.matching.settle() {
            self.tally.add(&settled);
            if let Some((which, what)) = settled.missing {
                if self.json {
                    lines += &missing_line(which, settled.time_us, what);
                } else {
                    self.named.add(which, settled.time_us, &what);
                }
            }
        }
        if !lines.is_empty() {
            print_json(&lines)?;
        }
        Ok(())
    }

    async fn close(&mut self) {
        for which in Which::BOTH {
            let name = which.name().to_uppercase();
            match self.sides.of(which).bad_lines() {
                0 => {}
                1 => warn!(target: PipelineSettings::STATE_TARGET, "1 line of {name} is no event"),
                n => {
                    warn!(target: PipelineSettings::STATE_TARGET, bad_lines = n, "{} lines of {name} are no events", HumanCount(n));
                }
            }
        }
        self.sides.a.close().await;
        self.sides.b.close().await;
    }

    fn report(&self, sources: Each<&str>) -> Result<ExitCode, Failure> {
        let Some(window) = self.matching.window() else {
            return Err(CompareError::NoWindow(self.had()).into());
        };
        let report = Report {
            sources,
            window,
            tally: &self.tally,
            repeated: self.matching.repeated,
            reordered: self.matching.reordered,
        };
        if self.json {
            print_json(&report.json())?;
        } else {
            print(report.text(&self.named).as_bytes())?;
        }
        if self.tally.missing == Each::default() {
            if self.tally.both == 0 {
                warn!(target: PipelineSettings::STATE_TARGET, "neither has any of what is compared ({}), so nothing is known of it", self.filter.description());
            }
            return Ok(ExitCode::SUCCESS);
        }
        Err(CompareError::Missing(self.tally.missing).into())
    }

    /// What each brought, where they have nothing in common.
    fn had(&self) -> String {
        let had = Which::BOTH.map(|which| {
            let name = which.name().to_uppercase();
            match self.matching.latest_us(which) {
                None => format!("{name} brought nothing"),
                Some(us) => format!("{name} was read up to {}", TimeUs(us)),
            }
        });
        had.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_misses_something_is_said_and_not_who_misses_nothing() {
        for (a, b, said) in [
            (0, 16, "16 events that A has are missing in B"),
            (1, 0, "1 event that B has is missing in A"),
            (2000, 3, "2,000 events are missing in A, and 3 in B"),
            (1, 1, "1 event is missing in A, and 1 in B"),
        ] {
            assert_eq!(CompareError::Missing(Each { a, b }).to_string(), said);
        }
    }
}
