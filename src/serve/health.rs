//! Whether what is served is alive and ready, for a supervisor that asks `/healthz` and `/readyz`.

use super::answer::Answer;
use crate::{log::address::Shown, stats::Stats};

/// What is known of a server and of what fills its feed.
#[derive(Debug)]
pub(super) struct Health<'a> {
    pub(super) description: &'a str,
    pub(super) upstream: Option<&'a Stats>,
    pub(super) consumers: u64,
    pub(super) sent: u64,
}

impl Health<'_> {
    /// 200 while it is alive, 503 at a standstill, and how things are in a line.
    pub(super) fn alive(&self) -> Answer {
        if self.is_alive() {
            self.answer(200, "alive")
        } else {
            self.answer(503, "dead")
        }
    }

    /// 200 since what fills the feed began to, 503 before, and how things are in a line.
    pub(super) fn ready(&self) -> Answer {
        if self.upstream.is_none_or(Stats::has_begun) {
            self.answer(200, "ready")
        } else {
            self.answer(503, "not ready")
        }
    }

    fn is_alive(&self) -> bool {
        self.upstream.is_none_or(Stats::is_alive)
    }

    fn answer(&self, status: u16, word: &str) -> Answer {
        let Self {
            description,
            consumers,
            sent,
            ..
        } = self;
        let upstream = self.upstream.map_or(String::new(), |stats| {
            format!(", upstream: {}", upstream(stats, self.is_alive()))
        });
        Answer::text(
            status,
            format!(
                "{word}: serving {description}, events sent: {sent}, consumers so far: {consumers}{upstream}"
            ),
        )
    }
}

fn upstream(stats: &Stats, is_alive: bool) -> String {
    if let Some(down) = stats.down_for() {
        let why = stats.last_error().unwrap_or_default();
        return format!("down {} s: {}", down.as_secs(), Shown::word(&why));
    }
    let how = match stats.lag() {
        _ if !stats.is_connected() => "connecting".to_owned(),
        Some(lag) => format!("read {:.1} s behind", lag.as_secs_f64()),
        None => "no event yet".to_owned(),
    };
    let standstill = if is_alive { "" } else { ", and nothing moves" };
    format!("{how}{standstill}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, advance};

    use super::*;

    fn health(upstream: Option<&Stats>) -> Health<'_> {
        Health {
            description: "invented events",
            upstream,
            consumers: 2,
            sent: 31,
        }
    }

    /// Status and body of the answer.
    fn answer(upstream: Option<&Stats>) -> (u16, String) {
        let answer = health(upstream).alive();
        let body = String::from_utf8(answer.body.into_owned()).unwrap();
        (answer.status, body)
    }

    #[test]
    fn it_is_ready_once_what_fills_the_feed_has_begun() {
        assert_eq!(health(None).ready().status, 200);
        let stats = Stats::unexported();
        let before = health(Some(&stats)).ready();
        assert_eq!(before.status, 503);
        assert!(before.body.starts_with(b"not ready: serving "));
        stats.add_connects(1);
        stats.set_down("HTTP 503".to_owned(), None);
        let after = health(Some(&stats)).ready();
        assert_eq!(after.status, 200);
        assert!(after.body.starts_with(b"ready: serving "));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_as_alive_as_what_fills_the_feed() {
        let served = "serving invented events, events sent: 31, consumers so far: 2";
        assert_eq!(answer(None), (200, format!("alive: {served}\n")));
        let stats = Stats::unexported();
        stats.set_alive_until(Instant::now() + Duration::from_secs(5));
        let says = |status, word, how| (status, format!("{word}: {served}, upstream: {how}\n"));
        assert_eq!(answer(Some(&stats)), says(200, "alive", "connecting"));
        stats.set_down("HTTP 503\u{1b}".to_owned(), None);
        advance(Duration::from_secs(3)).await;
        let down = r"down 3 s: HTTP 503\u{1b}";
        assert_eq!(answer(Some(&stats)), says(200, "alive", down));
        stats.set_connected(true);
        advance(Duration::from_secs(3)).await;
        let still = "no event yet, and nothing moves";
        assert_eq!(answer(Some(&stats)), says(503, "dead", still));
    }
}
