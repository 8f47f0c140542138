//! How far a run has come whose end is known from its beginning on, in words.

use std::{collections::VecDeque, time::Duration};

use indicatif::{HumanBytes, HumanCount};
use tokio::time::Instant;

use crate::settings::TimeUs;
use rocketman::Progress;

/// Sooner than this nothing can be said of the rest.
const MIN_ELAPSED: Duration = Duration::from_secs(1);

/// What was longer ago says nothing of the rest: an archive gives much at once, and then little.
const WINDOW: Duration = Duration::from_secs(30);

/// How far it was of late, and when.
#[derive(Debug, Default)]
pub(super) struct Course {
    recent: VecDeque<(Instant, f64)>,
}

impl Course {
    /// How long the rest will take, if it goes on as it went of late.
    pub(super) fn left(&mut self, progress: &Progress) -> Option<Duration> {
        let (now, done) = (Instant::now(), progress.fraction());
        let last = self.recent.back();
        if last.is_none_or(|(at, _)| now.duration_since(*at) >= MIN_ELAPSED) {
            self.recent.push_back((now, done));
        }
        let is_old = |(at, _): &(Instant, f64)| now.duration_since(*at) >= WINDOW;
        while self.recent.get(1).is_some_and(is_old) {
            self.recent.pop_front();
        }
        let (began, before) = *self.recent.front()?;
        let (elapsed, gained) = (now.duration_since(began), done - before);
        if elapsed < MIN_ELAPSED || gained <= 0.0 || done >= 1.0 {
            return None;
        }
        Duration::try_from_secs_f64(elapsed.as_secs_f64() * (1.0 - done) / gained).ok()
    }
}

/// `number 1,234 (12%), 2026-08-04T10:00:00Z, 1.20 GiB of 9.90 GiB read`.
pub(super) fn describe(progress: &Progress, read_bytes: u64) -> String {
    let number = HumanCount(progress.number);
    let percent = (progress.fraction() * 100.0).floor();
    let date = match progress.time_us {
        0 => String::new(),
        time_us => format!(", {}", to_the_second(time_us)),
    };
    let read = share(progress, read_bytes);
    format!("number {number} ({percent}%){date}, {read}")
}

/// `1.20 GiB of 9.90 GiB read`; `1.20 GiB read` where nobody knows how much there is.
pub(crate) fn share(progress: &Progress, read_bytes: u64) -> String {
    let (read, all) = (HumanBytes(read_bytes), HumanBytes(progress.bytes));
    match progress.bytes {
        0 => format!("{read} read"),
        _ => format!("{read} of {all} read"),
    }
}

fn to_the_second(time_us: u64) -> String {
    let text = TimeUs(time_us).to_string();
    let seconds = text.split(['.', 'Z']).next().unwrap_or_default();
    format!("{seconds}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: u64) -> Progress {
        Progress {
            number,
            first: 1,
            last: 1000,
            time_us: 1_800_000_000_123_456,
            bytes: 4 << 30,
        }
    }

    #[test]
    fn number_date_and_bytes_are_shown() {
        assert_eq!(
            describe(&at(251), 1 << 30),
            "number 251 (25%), 2027-01-15T08:00:00Z, 1.00 GiB of 4.00 GiB read"
        );
        let unread = Progress {
            time_us: 0,
            ..at(1)
        };
        assert_eq!(
            describe(&unread, 512),
            "number 1 (0%), 512 B of 4.00 GiB read"
        );
        let unknown = Progress {
            bytes: 0,
            ..at(251)
        };
        assert_eq!(share(&unknown, 512), "512 B read");
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_takes_as_long_as_numbers_took_of_late() {
        let mut course = Course::default();
        assert_eq!(course.left(&at(101)), None);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(course.left(&at(101)), None, "nothing was read yet");
        let left = course.left(&at(551)).unwrap();
        assert_eq!(left.as_secs(), 10, "450 in 10 s, and 450 are left");
        assert_eq!(course.left(&at(2000)), None, "the end is reached");
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_at_once_is_forgotten() {
        let mut course = Course::default();
        for number in [1, 401].into_iter().chain((411..=801).step_by(10)) {
            course.left(&at(number));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        // Ten a second, and 200 are left.
        let left = course.left(&at(801)).unwrap().as_secs_f64();
        assert!((19.0..22.0).contains(&left), "{left}");
    }
}
