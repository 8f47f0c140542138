//! Whether what is served is alive, for a supervisor that asks `/healthz`.

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
    pub(super) fn answer(&self) -> Answer {
        let is_alive = self.upstream.is_none_or(Stats::is_alive);
        let (status, word) = if is_alive {
            (200, "alive")
        } else {
            (503, "dead")
        };
        let Self {
            description,
            consumers,
            sent,
            ..
        } = self;
        let upstream = self.upstream.map_or(String::new(), |stats| {
            format!(", upstream: {}", upstream(stats, is_alive))
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

    /// Status and body of the answer.
    fn answer(upstream: Option<&Stats>) -> (u16, String) {
        let health = Health {
            description: "invented events",
            upstream,
            consumers: 2,
            sent: 31,
        };
        let answer = health.answer();
        let body = String::from_utf8(answer.body.into_owned()).unwrap();
        (answer.status, body)
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
