//! Faults of a receiver of webhooks: which of them meet the nth request.

use std::num::NonZeroU64;

use super::{FaultError, number, set, share};
use crate::{event::Event, serve::random::Random};

/// A number of requests, of how many.
type Share = Option<(u64, NonZeroU64)>;

/// What goes wrong with requests. They are counted over all connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ReceiverFaults {
    errors: Share,
    /// With how long is asked for, in seconds.
    too_many: Option<(u64, NonZeroU64, u64)>,
    stall: Share,
    cut: Share,
    close: Share,
    slow: Share,
    /// The record key of what is never accepted.
    refuse: Option<String>,
    /// How many requests a key is good for.
    expire: Option<NonZeroU64>,
    /// A fault that was typed.
    named: Option<&'static str>,
}

/// What meets one request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::serve) struct RequestFaults {
    /// The status that it gets instead of being accepted.
    pub(in crate::serve) status: Option<u16>,
    /// How many seconds it is asked to wait.
    pub(in crate::serve) retry_after: Option<u64>,
    /// There is no answer.
    pub(in crate::serve) silence: Option<Silence>,
    /// The connection is closed behind the answer, without a word about it.
    pub(in crate::serve) closes: bool,
    /// The body is read slowly.
    pub(in crate::serve) is_slow: bool,
}

/// How a request gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) struct Silence {
    /// The connection stays open.
    pub(in crate::serve) is_open: bool,
    /// The events are taken nevertheless.
    pub(in crate::serve) is_taken: bool,
}

impl ReceiverFaults {
    /// Sets a fault; false where it is none of these.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<bool, FaultError> {
        let (of, name) = match name {
            "sink-errors" => (&mut self.errors, "sink-errors"),
            "sink-stall" => (&mut self.stall, "sink-stall"),
            "sink-cut" => (&mut self.cut, "sink-cut"),
            "sink-close" => (&mut self.close, "sink-close"),
            "sink-slow" => (&mut self.slow, "sink-slow"),
            "sink-429" => {
                set(&mut self.too_many, "sink-429", value, too_many)?;
                return Ok(self.is_named("sink-429"));
            }
            "sink-refuse" => {
                set(&mut self.refuse, "sink-refuse", value, record_key)?;
                return Ok(self.is_named("sink-refuse"));
            }
            "sink-expire" => {
                set(&mut self.expire, "sink-expire", value, number)?;
                return Ok(self.is_named("sink-expire"));
            }
            _ => return Ok(false),
        };
        set(of, name, value, share)?;
        Ok(self.is_named(name))
    }

    fn is_named(&mut self, name: &'static str) -> bool {
        self.named = Some(name);
        true
    }

    /// One of these faults that was typed.
    pub(super) fn named(&self) -> Option<&'static str> {
        self.named
    }

    /// Whether an event is never accepted.
    pub(super) fn refuses(&self, event: &Event<'_>) -> bool {
        let refused = self.refuse.as_deref();
        refused.is_some_and(|rkey| rkey == event.rkey())
    }

    /// How many requests a key is good for.
    pub(super) fn expires_after(&self) -> Option<NonZeroU64> {
        self.expire
    }

    /// What meets the nth request, counted from 1, by the sequence of a seed.
    pub(super) fn of_request(&self, seed: u64, n: u64) -> RequestFaults {
        // Each fault has a sequence of its own, whatever others there are.
        let drawn = |share: Share, of: u64| {
            let mut random = Random::new(seed ^ (of << 48), n);
            let hits = share.is_some_and(|(m, of)| random.below(of.get()) < m);
            hits.then(|| random.number())
        };
        let share_of_429 = self.too_many.map(|(m, of, _)| (m, of));
        let too_many = drawn(share_of_429, 1).and(self.too_many);
        let error = drawn(self.errors, 2).map(|drawn| if drawn & 1 == 0 { 500 } else { 503 });
        let [stall, cut] =
            [(self.stall, 3, true), (self.cut, 4, false)].map(|(share, of, open)| {
                drawn(share, of).map(|drawn| Silence {
                    is_open: open,
                    is_taken: drawn & 1 == 0,
                })
            });
        RequestFaults {
            status: too_many.map(|_| 429).or(error),
            retry_after: too_many.map(|(_, _, seconds)| seconds),
            silence: stall.or(cut),
            closes: drawn(self.close, 5).is_some(),
            is_slow: drawn(self.slow, 6).is_some(),
        }
    }
}

/// A share, and for how many seconds is asked.
fn too_many(text: &str) -> Option<(u64, NonZeroU64, u64)> {
    let (text, seconds) = match text.split_once(':') {
        Some((text, seconds)) => (text, seconds.parse().ok()?),
        None => (text, 1),
    };
    let (m, of) = share(text)?;
    Some((m, of, seconds))
}

fn record_key(text: &str) -> Option<String> {
    let is_key = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_key.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(faults: &[(&str, &str)]) -> ReceiverFaults {
        let mut parsed = ReceiverFaults::default();
        for (name, value) in faults {
            assert_eq!(parsed.set(name, value), Ok(true), "{name}");
        }
        parsed
    }

    #[test]
    fn each_fault_meets_its_share_of_requests() {
        let faults = parse(&[
            ("sink-errors", "1/10"),
            ("sink-429", "1/20:3"),
            ("sink-stall", "1/10"),
            ("sink-cut", "1/10"),
            ("sink-close", "1/10"),
            ("sink-slow", "1/10"),
        ]);
        let all: Vec<_> = (1..=10_000).map(|n| faults.of_request(7, n)).collect();
        let n_with = |is_so: fn(&RequestFaults) -> bool| all.iter().filter(|f| is_so(f)).count();
        for (name, n, share) in [
            ("500", n_with(|f| f.status == Some(500)), 475),
            ("503", n_with(|f| f.status == Some(503)), 475),
            ("429", n_with(|f| f.status == Some(429)), 500),
            (
                "stall",
                n_with(|f| f.silence.is_some_and(|s| s.is_open)),
                1000,
            ),
            (
                "cut",
                n_with(|f| f.silence.is_some_and(|s| !s.is_open)),
                900,
            ),
            (
                "taken",
                n_with(|f| f.silence.is_some_and(|s| s.is_taken)),
                950,
            ),
            ("close", n_with(|f| f.closes), 1000),
            ("slow", n_with(|f| f.is_slow), 1000),
        ] {
            assert!(n.abs_diff(share) < share / 5, "{name}: {n}");
        }
        assert!(
            all.iter()
                .all(|f| f.retry_after == f.status.filter(|s| *s == 429).map(|_| 3))
        );
        let again: Vec<_> = (1..=10_000).map(|n| faults.of_request(7, n)).collect();
        assert_eq!(all, again);
        assert_ne!(
            all,
            (1..=10_000)
                .map(|n| faults.of_request(8, n))
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_fault_without_a_good_value_is_refused() {
        for (name, value) in [
            ("sink-errors", "2/1"),
            ("sink-429", "1/2:x"),
            ("sink-429", "1:2"),
            ("sink-refuse", ""),
            ("sink-refuse", "a b"),
            ("sink-expire", "0"),
        ] {
            let mut faults = ReceiverFaults::default();
            assert!(faults.set(name, value).is_err(), "{name}={value}");
        }
        assert_eq!(ReceiverFaults::default().set("cut-every", "1"), Ok(false));
    }
}
