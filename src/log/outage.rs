//! Times without a connection, and how often they are mentioned: once when one begins, at growing
//! distances while it lasts, and once when it is over.

use std::{error::Error, time::Duration};

use tokio::time::Instant;

use crate::log::printable;

/// After how long an outage is mentioned again; after the last of them, each time that long again.
const REMINDERS: [Duration; 3] = [
    Duration::from_secs(60),
    Duration::from_secs(600),
    Duration::from_secs(3600),
];

/// The time since a connection was lost, or could not be made, and what was said of it.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    since: Option<Instant>,
    was_said: bool,
    /// Up to which age of the outage nothing is to be said of it.
    said_for: Duration,
    /// What was not said of the latest failure.
    unsaid: Option<String>,
}

/// What is to be said of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mention {
    /// That there is an outage.
    First,
    /// That it still lasts, after this time.
    Reminder(Duration),
    /// Nothing.
    None,
}

impl Outage {
    /// There is no connection from now on, unless there was none before.
    pub(crate) fn begin(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// Decides what is to be said of a failure, after which nothing can be said for as long as
    /// `wait`.
    pub(crate) fn mention(&mut self, wait: Duration) -> Mention {
        let age = self.since.get_or_insert_with(Instant::now).elapsed();
        let next = age.saturating_add(wait);
        if self.was_said && next < reminder_after(self.said_for) {
            return Mention::None;
        }
        let mention = if self.was_said {
            Mention::Reminder(age)
        } else {
            Mention::First
        };
        self.was_said = true;
        self.said_for = next;
        self.unsaid = None;
        mention
    }

    /// Whether there is one.
    #[cfg(feature = "nats")]
    pub(crate) fn lasts(&self) -> bool {
        self.since.is_some()
    }

    /// Whether there is one, and something was said of it.
    pub(crate) fn was_said(&self) -> bool {
        self.was_said
    }

    /// Keeps what was not said of a failure.
    pub(crate) fn keep_unsaid(&mut self, text: String) {
        self.unsaid = Some(text);
    }

    /// There is a connection again, or nobody waits for one: how long there was none.
    pub(crate) fn end(&mut self) -> Option<Duration> {
        let age = self.since.map(|since| since.elapsed());
        *self = Self::default();
        age
    }

    /// The run is over: how long there was no connection, and why, as far as that was not said.
    pub(crate) fn end_unsaid(&mut self) -> Option<(Duration, String)> {
        let unsaid = self.unsaid.take();
        let age = self.end();
        age.zip(unsaid)
    }
}

/// The age of the next reminder that comes after this age.
fn reminder_after(age: Duration) -> Duration {
    let next = REMINDERS.into_iter().find(|reminder| *reminder > age);
    next.unwrap_or_else(|| {
        let last = REMINDERS.last().map_or(0, Duration::as_secs);
        Duration::from_secs((age.as_secs() / last + 1) * last)
    })
}

/// A time without a connection, as it is said.
pub(crate) fn lasted(age: Duration) -> String {
    match age.as_secs() {
        0..10 => format!("{:.1} s", age.as_secs_f64()),
        seconds @ 10..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

/// When it is tried again, as it is said after "trying again".
pub(crate) fn after(wait: Duration) -> String {
    if wait < Duration::from_millis(50) {
        "at once".to_owned()
    } else {
        format!("in {}", lasted(wait))
    }
}

/// What is at the bottom of an error, in the fewest words.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut root = error;
    while let Some(cause) = root.source() {
        root = cause;
    }
    printable(bare(&root.to_string()))
}

/// The text of an error of the system, without its number and without what led there.
fn bare(text: &str) -> &str {
    let text = text
        .split_once(" (os error ")
        .map_or(text, |(text, _)| text);
    text.strip_prefix("failed to lookup address information: ")
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_mentioned_at_growing_distances() {
        let mut outage = Outage::default();
        let step = Duration::from_secs(20);
        let mut minutes = Vec::new();
        for tries in 0..1000_u32 {
            match outage.mention(step) {
                Mention::First => assert_eq!(tries, 0),
                Mention::Reminder(age) => minutes.push((age + step).as_secs() / 60),
                Mention::None => {}
            }
            advance(step).await;
        }
        assert_eq!(minutes, [1, 10, 60, 120, 180, 240, 300]);
        assert_eq!(outage.end(), Some(step * 1000));
        assert_eq!(outage.mention(step), Mention::First, "it is another one");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_a_reminder_is_mentioned_before_it() {
        let mut outage = Outage::default();
        assert_eq!(outage.mention(Duration::from_secs(1)), Mention::First);
        assert_eq!(
            outage.mention(30 * MINUTE),
            Mention::Reminder(Duration::ZERO)
        );
        advance(30 * MINUTE).await;
        assert_eq!(outage.mention(MINUTE), Mention::None);
        assert_eq!(outage.mention(30 * MINUTE), Mention::Reminder(30 * MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_said_is_said_at_the_end() {
        let mut outage = Outage::default();
        assert_eq!(outage.end_unsaid(), None);
        outage.mention(MINUTE / 60);
        assert_eq!(outage.end_unsaid(), None, "all of it was said");
        outage.mention(MINUTE / 60);
        advance(MINUTE / 2).await;
        outage.keep_unsaid("refused".to_owned());
        let unsaid = outage.end_unsaid();
        assert_eq!(unsaid, Some((MINUTE / 2, "refused".to_owned())));
        assert_eq!(outage.end(), None);
    }

    #[test]
    fn a_root_cause_is_short() {
        let refused = std::io::Error::from_raw_os_error(111);
        let error = crate::MemberError::caused("cannot reach it", refused);
        assert_eq!(root_cause(&error), "Connection refused");
        let outages = [31, 119, 120, 7199, 7200].map(|s| lasted(Duration::from_secs(s)));
        assert_eq!(outages, ["31 s", "119 s", "2 min", "119 min", "2 h"]);
    }

    #[test]
    fn a_wait_that_nobody_notices_is_none() {
        for (millis, said) in [
            (0, "at once"),
            (49, "at once"),
            (50, "in 0.1 s"),
            (12_000, "in 12 s"),
        ] {
            assert_eq!(after(Duration::from_millis(millis)), said);
        }
    }
}
