//! A look at servers: are they there, which kind are they, how fast, how far behind, how far back.
//!
//! Each server is asked over three connections. The first is a live one: times, ping, the newest
//! event, compression. When it is open, the second asks for events of long ago, and its first event
//! tells how far back the server goes; the third asks for the dictionary of the v2 wire, of which the
//! beginning is read. Each is closed as soon as it has told that.

mod report;
mod wire;

use std::time::Duration;

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

pub use self::report::{ProbeError, ProbeReport, WireCompression};
use self::wire::Sample;
pub(super) use self::wire::Wire;
use super::{
    connect::ConnectError,
    dictionary::Dictionary,
    endpoint::{Endpoint, WireVersion},
    handshake::{self, REFUSAL, Upgraded},
    inflate::Inflater,
    settings::{JetstreamSettings, MAX_FRAME_BYTES},
    v1, v2,
};
use crate::{
    error::MemberError,
    event::{Point, now_us},
    log::chain,
    wire::{
        dial::{Connector, Stream},
        v2::DICTIONARY_PATH,
    },
};

/// The earliest time that a cursor can name; smaller ones are numbers (protocol reference, section
/// 1.5).
///
/// Servers of both kinds answer it with the oldest event that they give, and without a complaint.
pub(super) const LONG_AGO: u64 = 1_000_000_000_000_000;

/// No clock counts as far as a duration can say; a look is over long before.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// A `Date` has whole seconds, and clocks that differ by less than this are taken to agree.
const CLOCKS_AGREE_US: i64 = 2_000_000;

/// By how much the beginnings of two live connections may differ that are opened at one time.
const SIDE_BY_SIDE_US: u64 = 1_000_000;

/// Looks at all servers of the settings at the same time, and returns a report of each, in the
/// order of the endpoints. The proxies and the user agent count too, and nothing else does.
///
/// Each takes at most about `timeout`; a server without events takes all of it. After each,
/// `answered` hears how many are done.
pub async fn probe(
    settings: &JetstreamSettings,
    timeout: Duration,
    mut answered: impl FnMut(usize),
) -> Result<Vec<ProbeReport>, MemberError> {
    let endpoints = &settings.endpoints;
    let mut connector = Connector::new(settings.proxies.clone(), settings.user_agent.clone());
    for endpoint in endpoints {
        connector.prepare(endpoint.address(), endpoint)?;
    }
    let connector = &connector;
    let mut probes: FuturesUnordered<_> = endpoints
        .iter()
        .enumerate()
        .map(|(idx, endpoint)| {
            // Made before any time is taken, for it takes some itself.
            let inflater = Inflater::new(MAX_FRAME_BYTES);
            async move {
                let probe = Probe {
                    connector,
                    endpoint,
                    timeout,
                    deadline: Instant::now() + timeout.min(LONGEST),
                };
                (idx, probe.run(inflater).await)
            }
        })
        .collect();
    let mut reports = Vec::with_capacity(endpoints.len());
    while let Some(report) = probes.next().await {
        reports.push(report);
        answered(reports.len());
    }
    drop(probes);
    reports.sort_by_key(|(idx, _)| *idx);
    Ok(reports.into_iter().map(|(_, report)| report).collect())
}

/// The look at one server.
struct Probe<'a> {
    connector: &'a Connector,
    endpoint: &'a Endpoint,
    timeout: Duration,
    deadline: Instant,
}

impl Probe<'_> {
    async fn run(&self, inflater: Inflater) -> ProbeReport {
        let mut report = ProbeReport::new(self.endpoint.clone());
        let opened = timeout_at(self.deadline, self.open_live(&mut report))
            .await
            .unwrap_or(Err(ConnectError::TimedOut(self.timeout)));
        let mut live = match opened {
            Ok(upgraded) => Wire::new(upgraded, self.version(), Some(inflater)),
            Err(error) => {
                report.error = Some(ProbeError::of_connect(error, self.endpoint));
                return report;
            }
        };
        let clock_ahead_us = report.clock_ahead_us.unwrap_or_default();
        let (sample, oldest, of_v2) = tokio::join!(
            live.sample(self.deadline, clock_ahead_us),
            timeout_at(self.deadline, self.oldest()),
            timeout_at(self.deadline, self.v2()),
        );
        (report.has_v2, report.dictionary) = match of_v2.unwrap_or(OfV2::Unknown) {
            OfV2::Unknown => (None, None),
            OfV2::Absent => (Some(false), None),
            OfV2::Dictionary(id) => (Some(true), Some(id)),
        };
        note(&mut report, &sample, oldest.unwrap_or_default());
        report.error = sample.into_error(self.timeout);
        report
    }

    /// Opens the live connection, and notes how long that takes and what the clock says.
    async fn open_live(&self, report: &mut ProbeReport) -> Result<Upgraded<Stream>, ConnectError> {
        let began = Instant::now();
        let stream = self.connector.open(self.endpoint.address()).await?;
        report.connect = Some(began.elapsed());
        let (began, began_us) = (Instant::now(), now_us());
        let upgraded = self.upgrade(stream, None, Inflater::AVAILABLE).await?;
        report.upgrade = Some(began.elapsed());
        report.clock_ahead_us = upgraded
            .date_us
            .map(|date_us| clock_ahead(date_us, began_us, now_us()));
        Ok(upgraded)
    }

    /// The oldest event that the server gives.
    async fn oldest(&self) -> Option<Point> {
        let oldest = match self.open_long_ago().await {
            Ok(upgraded) => {
                Wire::new(upgraded, self.version(), None)
                    .first_event()
                    .await
            }
            Err(error) => Err(ProbeError::of_connect(error, self.endpoint)),
        };
        oldest
            .inspect_err(|error| {
                debug!(endpoint = %self.endpoint, error = chain(error), "it does not tell how far back it goes");
            })
            .ok()
    }

    async fn open_long_ago(&self) -> Result<Upgraded<Stream>, ConnectError> {
        let stream = self.connector.open(self.endpoint.address()).await?;
        self.upgrade(stream, Some(LONG_AGO), false).await
    }

    /// A service is looked at over the wire that all of them have.
    fn version(&self) -> WireVersion {
        self.endpoint.wire().unwrap_or(WireVersion::V1)
    }

    async fn upgrade(
        &self,
        stream: Stream,
        cursor: Option<u64>,
        compress: bool,
    ) -> Result<Upgraded<Stream>, ConnectError> {
        let version = self.version();
        let wanted = v1::Wanted {
            compress,
            ..v1::Wanted::default()
        };
        let query = match version {
            WireVersion::V1 => wanted.request(cursor).query,
            WireVersion::V2 => v2::Wanted::default().query(cursor),
        };
        let user_agent = self.connector.user_agent();
        Ok(handshake::upgrade(stream, self.endpoint, version, &query, user_agent).await?)
    }

    /// What the server says of its v2 wire.
    async fn v2(&self) -> OfV2 {
        let answer = async {
            let stream = self.connector.open(self.endpoint.address()).await?;
            let user_agent = self.connector.user_agent();
            let get = handshake::get(
                stream,
                self.endpoint,
                DICTIONARY_PATH,
                "",
                user_agent,
                REFUSAL,
            );
            Ok::<_, ConnectError>(get.await?)
        };
        match answer.await {
            Ok(answer) => OfV2::of(answer.status, &answer.body),
            Err(error) => {
                debug!(endpoint = %self.endpoint, error = chain(&error), "it does not tell whether it has the v2 wire");
                OfV2::Unknown
            }
        }
    }
}

/// Notes what the events tell.
fn note(report: &mut ProbeReport, sample: &Sample, oldest: Option<Point>) {
    report.ping = sample.ping;
    report.newest_time_us = sample.newest_time_us;
    report.behind = sample.behind;
    report.compression = sample.compression;
    report.sends_cursor = sample
        .sends_cursor
        .or(oldest.map(|oldest| oldest.seq.is_some()));
    let Some(oldest) = oldest else {
        return;
    };
    report.oldest_time_us = Some(oldest.time_us);
    // A server that does not go back answers with what is live. Both connections are opened side
    // by side, so either may be the first to see its event.
    let is_live = sample
        .first_time_us
        .is_some_and(|first| oldest.time_us.saturating_add(SIDE_BY_SIDE_US) >= first);
    report.window = Some(if is_live {
        Duration::ZERO
    } else {
        age(oldest.time_us, report.clock_ahead_us.unwrap_or_default())
    });
}

/// How old an event of this time is by the server's clock; none where it is newer than that.
fn age(time_us: u64, clock_ahead_us: i64) -> Duration {
    let server_us = now_us().saturating_add_signed(clock_ahead_us.saturating_neg());
    Duration::from_micros(server_us.saturating_sub(time_us))
}

/// How far this machine's clock is ahead of the server's, whose `Date` was made at some time
/// between a request and its answer; 0 where the clocks may agree.
fn clock_ahead(date_us: u64, asked_us: u64, answered_us: u64) -> i64 {
    let ahead = |local_us: u64| {
        let local_us = i64::try_from(local_us).unwrap_or(i64::MAX);
        local_us.saturating_sub(i64::try_from(date_us).unwrap_or(i64::MAX))
    };
    // The second of the date may have been over but for a moment.
    let (least, most) = (
        ahead(asked_us).saturating_sub(1_000_000),
        ahead(answered_us),
    );
    if least <= CLOCKS_AGREE_US && most >= -CLOCKS_AGREE_US {
        return 0;
    }
    least.midpoint(most)
}

/// What a server says of its v2 wire when it is asked for the dictionary.
#[derive(Debug, PartialEq, Eq)]
enum OfV2 {
    /// It may be a passing trouble.
    Unknown,
    Absent,
    /// It is there, and this is the id of its dictionary.
    Dictionary(u32),
}

impl OfV2 {
    /// What an answer says. Of the body the beginning is enough.
    fn of(status: u16, body: &[u8]) -> Self {
        match status {
            200 if body.len() < 8 => Self::Unknown,
            200 => Dictionary::parse(body)
                .map_or(Self::Absent, |dictionary| Self::Dictionary(dictionary.id())),
            404 | 405 | 410 | 501 => Self::Absent,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn a_look_can_be_sent_to_another_thread() {
        fn assert_send(_: impl Send) {}
        let settings = JetstreamSettings::default();
        assert_send(probe(&settings, Duration::ZERO, drop));
    }

    #[test]
    fn clocks_that_may_agree_do() {
        let date = 1_800_000_000 * SECOND;
        // Made at the end of its second, or just before the answer came; with two seconds of
        // tolerance.
        for (asked, answered) in [
            (date, date + 1),
            (date + 3 * SECOND, date + 3 * SECOND),
            (date - 2 * SECOND, date - 2 * SECOND),
            (date - 9 * SECOND, date + 9 * SECOND),
        ] {
            assert_eq!(clock_ahead(date, asked, answered), 0);
        }
        let ahead = |local: u64| clock_ahead(date, local - 1000, local + 1000);
        assert_eq!(ahead(date + 7200 * SECOND), 7_199_500_000);
        assert_eq!(ahead(date - 7200 * SECOND), -7_200_500_000);
        assert!(clock_ahead(u64::MAX, 0, 0) < 0);
        assert!(clock_ahead(0, u64::MAX, u64::MAX) > 0);
    }

    #[test]
    fn ages_are_those_of_the_servers_clock() {
        let hour = Duration::from_secs(3600);
        let is_close = |age: Duration, expected: Duration| age.abs_diff(expected) < hour / 2;
        assert!(is_close(age(now_us(), -3_600_000_000), hour));
        assert!(is_close(age(now_us() - 7_200_000_000, 3_600_000_000), hour));
        assert_eq!(age(now_us(), 3_600_000_000), Duration::ZERO);
        assert_eq!(age(u64::MAX, i64::MIN), Duration::ZERO);
        assert_eq!(age(0, i64::MAX), Duration::ZERO);
    }

    #[test]
    fn what_is_live_is_no_window_whichever_connection_saw_it_first() {
        let now = now_us();
        let window = |first_time_us: u64, oldest_time_us: u64| {
            let endpoint = "ws://127.0.0.1:6008/subscribe".parse().unwrap();
            let mut report = ProbeReport::new(endpoint);
            let sample = Sample {
                first_time_us: Some(first_time_us),
                ..Sample::default()
            };
            let oldest = Point {
                seq: None,
                time_us: oldest_time_us,
                identity: None,
            };
            note(&mut report, &sample, Some(oldest));
            report.window.unwrap()
        };
        assert_eq!(window(now, now + 400), Duration::ZERO);
        assert_eq!(window(now, now - 400), Duration::ZERO);
        let hour = Duration::from_secs(3600);
        assert!(window(now, now - 3_600_000_000) >= hour);
    }

    #[test]
    fn only_a_dictionary_proves_the_v2_wire() {
        let dictionary = b"\x37\xa4\x30\xec\x05\x00\x00\x00 and so on";
        let cases: [(u16, &[u8], OfV2); 9] = [
            (200, dictionary, OfV2::Dictionary(5)),
            (200, b"<html>welcome</html>", OfV2::Absent),
            (200, br#"{"segments":[]}"#, OfV2::Absent),
            (200, &dictionary[..7], OfV2::Unknown),
            (200, b"", OfV2::Unknown),
            (404, b"404 page not found\n", OfV2::Absent),
            (501, br#"{"error":"MethodNotImplemented"}"#, OfV2::Absent),
            (503, br#"{"error":"ServiceUnavailable"}"#, OfV2::Unknown),
            (401, dictionary, OfV2::Unknown),
        ];
        for (status, body, expected) in cases {
            let found = OfV2::of(status, body);
            assert_eq!(found, expected, "{status} {}", body.escape_ascii());
        }
    }
}
