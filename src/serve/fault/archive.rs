//! Faults of the calls by which an archive is fetched: which of them meet the nth call.

use std::num::NonZeroU64;

use url::Url;

use super::{FaultError, nothing, number, set, share};
use crate::serve::random::Random;

/// A number of calls, of how many.
type Share = Option<(u64, NonZeroU64)>;

/// What goes wrong with calls of an archive. They are counted over all connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ArchiveFaults {
    errors: Share,
    too_many: Share,
    cut: Share,
    stall: Share,
    whole: Share,
    unsatisfiable: Share,
    /// Behind which call all files are another generation.
    etag: Option<NonZeroU64>,
    /// The origin at which files and blocks are to be fetched.
    redirect: Option<String>,
    refuse_authorization: Option<()>,
    /// A fault that was typed.
    named: Option<&'static str>,
}

/// What meets one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::serve) struct CallFaults {
    /// The status that it gets instead of its answer.
    pub(in crate::serve) status: Option<u16>,
    /// When to come back, where that is said: in seconds, or by the clock.
    pub(in crate::serve) is_by_clock: bool,
    /// A range is answered with the whole.
    pub(in crate::serve) is_whole: bool,
    /// A range is answered as if it lay behind the end.
    pub(in crate::serve) is_unsatisfiable: bool,
    /// Files are another generation.
    pub(in crate::serve) is_rewritten: bool,
    /// Where files and blocks are to be fetched instead.
    pub(in crate::serve) redirect: Option<String>,
    pub(in crate::serve) end: Option<End>,
}

/// How an answer ends too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) struct End {
    /// The connection stays open, and nothing more comes.
    pub(in crate::serve) is_silent: bool,
    /// Where, as a number to be brought below the length.
    place: u64,
}

impl End {
    /// How many come of this many bytes.
    pub(in crate::serve) fn of(self, bytes: u64) -> u64 {
        let product = u128::from(self.place) * u128::from(bytes);
        u64::try_from(product >> 64).unwrap_or_default()
    }
}

impl ArchiveFaults {
    /// Sets a fault; false where it is none of these.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<bool, FaultError> {
        let (of, name) = match name {
            "archive-errors" => (&mut self.errors, "archive-errors"),
            "archive-429" => (&mut self.too_many, "archive-429"),
            "archive-cut" => (&mut self.cut, "archive-cut"),
            "archive-stall" => (&mut self.stall, "archive-stall"),
            "archive-200" => (&mut self.whole, "archive-200"),
            "archive-416" => (&mut self.unsatisfiable, "archive-416"),
            "archive-etag" => {
                set(&mut self.etag, "archive-etag", value, number)?;
                return Ok(self.is_named("archive-etag"));
            }
            "archive-redirect" => {
                set(&mut self.redirect, "archive-redirect", value, origin)?;
                return Ok(self.is_named("archive-redirect"));
            }
            "archive-refuse-authorization" => {
                const NAME: &str = "archive-refuse-authorization";
                set(&mut self.refuse_authorization, NAME, value, nothing)?;
                return Ok(self.is_named(NAME));
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

    /// Whether a call that says who asks is refused.
    pub(super) fn refuses_authorization(&self) -> bool {
        self.refuse_authorization.is_some()
    }

    /// What meets the nth call, counted from 1, by the sequence of a seed.
    pub(super) fn of_call(&self, seed: u64, n: u64) -> CallFaults {
        // Each fault has a sequence of its own, whatever others there are.
        let drawn = |share: Share, of: u64| {
            let mut random = Random::new(seed ^ (of << 56), n);
            let hits = share.is_some_and(|(m, of)| random.below(of.get()) < m);
            hits.then(|| random.number())
        };
        let (error, too_many) = (drawn(self.errors, 1), drawn(self.too_many, 2));
        let [cut, stall] = [(self.cut, 3, false), (self.stall, 4, true)]
            .map(|(share, of, is_silent)| drawn(share, of).map(|place| End { is_silent, place }));
        CallFaults {
            status: error
                .map(|drawn| if drawn % 2 == 0 { 500 } else { 503 })
                .or(too_many.map(|_| 429)),
            is_by_clock: error.or(too_many).is_some_and(|drawn| drawn & 2 == 0),
            is_whole: drawn(self.whole, 5).is_some(),
            is_unsatisfiable: drawn(self.unsatisfiable, 6).is_some(),
            is_rewritten: self.etag.is_some_and(|after| n > after.get()),
            redirect: self.redirect.clone(),
            end: cut.or(stall),
        }
    }
}

/// An origin as browsers write it: `http://HOST:PORT`.
fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let origin = url.origin().ascii_serialization();
    let is_origin =
        matches!(url.scheme(), "http" | "https") && text.trim_end_matches('/') == origin;
    is_origin.then_some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(faults: &[(&str, &str)]) -> ArchiveFaults {
        let mut parsed = ArchiveFaults::default();
        for (name, value) in faults {
            assert!(parsed.set(name, value).unwrap());
        }
        parsed
    }

    #[test]
    fn the_same_seed_meets_the_same_calls() {
        let faults = parse(&[("archive-errors", "1/20"), ("archive-cut", "1/10")]);
        let all = |seed| -> Vec<_> { (1..2000).map(|n| faults.of_call(seed, n)).collect() };
        let calls = all(1);
        assert_eq!(calls, all(1));
        assert_ne!(calls, all(2));
        let n = |is: &dyn Fn(&CallFaults) -> bool| calls.iter().filter(|call| is(call)).count();
        assert!((70..130).contains(&n(&|call| call.status.is_some())));
        assert!((150..250).contains(&n(&|call| call.end.is_some())));
        for status in [500, 503] {
            assert!(n(&|call| call.status == Some(status)) > 20);
        }
        // One fault more changes nothing of the others.
        let more = parse(&[
            ("archive-416", "1/2"),
            ("archive-errors", "1/20"),
            ("archive-cut", "1/10"),
        ]);
        let same = (1..2000).all(|n| {
            let (one, other) = (faults.of_call(1, n), more.of_call(1, n));
            (one.status, one.end) == (other.status, other.end)
        });
        assert!(same);
    }

    #[test]
    fn an_answer_ends_before_its_end() {
        let faults = parse(&[("archive-stall", "1/1")]);
        for n in 1..1000 {
            let end = faults.of_call(0, n).end.unwrap();
            assert!(end.is_silent && end.of(100) < 100 && end.of(0) == 0);
        }
    }

    #[test]
    fn a_generation_is_another_one_behind_its_call() {
        let faults = parse(&[("archive-etag", "5")]);
        assert!(!faults.of_call(0, 5).is_rewritten && faults.of_call(0, 6).is_rewritten);
        assert_eq!(faults.named(), Some("archive-etag"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (name, value, words) in [
            ("archive-errors", "5%", "M/N"),
            ("archive-cut", "2/1", "M/N"),
            ("archive-etag", "0", "a number from 1 on"),
            ("archive-redirect", "127.0.0.1:80", "an origin"),
            ("archive-redirect", "http://a.example/path", "an origin"),
            ("archive-refuse-authorization", "1", "nothing"),
        ] {
            let error = ArchiveFaults::default().set(name, value).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
        let twice = |faults: &mut ArchiveFaults| faults.set("archive-429", "1/2");
        let mut faults = ArchiveFaults::default();
        assert_eq!(twice(&mut faults), Ok(true));
        assert_eq!(twice(&mut faults), Err(FaultError::Twice("archive-429")));
        assert_eq!(faults.set("other", ""), Ok(false));
    }
}
