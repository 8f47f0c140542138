//! The calls by which the files of an archive are fetched: which there are, what of them a filter
//! needs, whole files, and blocks.
//!
//! Protocol reference, sections 2.5 to 2.8. What is answered comes from the file as it is then: one
//! that was compacted since the start is served as its new generation.

mod call;
mod conditions;
mod key;
mod listing;
mod plan;
mod quota;
mod reply;
mod shelf;
mod stored;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

pub use self::quota::Quota;
use self::{
    call::Asked,
    key::{Credential, Key},
    plan::PlanRequest,
    quota::Bucket,
    shelf::{Edition, Shelf},
    stored::{block, segment},
};
pub(in crate::serve) use self::{
    call::{BodyLength, Call},
    reply::Reply,
};
use super::{Archive, ArchiveError};
use crate::{
    segment::SegmentError,
    serve::{
        answer::{Answer, http_date},
        encoding::Wire,
        fault::CallFaults,
    },
};

/// How many plans are made at once: each reads footers of many files.
const MAX_PLANNING: usize = 2;

/// What archive calls are answered from, and how.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ArchiveCalls {
    /// The most entries on a page of a plan: whole files, and ranges of blocks.
    pub plan_max_entries: usize,
    key: Option<Key>,
    bucket: Option<Arc<Bucket>>,
    shelf: Arc<Shelf>,
    planning: Arc<Semaphore>,
    counts: Arc<Counts>,
}

/// What was fetched.
#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    bytes: AtomicU64,
    /// Calls that said who asks, where none may.
    authorized: AtomicU64,
}

impl ArchiveCalls {
    /// As many as servers have on a page.
    pub const PLAN_MAX_ENTRIES: usize = 100_000;

    /// Offers the files of an archive, each of which has to be named as servers name them.
    pub fn new(archive: &Archive) -> Result<Self, ArchiveError> {
        Ok(Self {
            plan_max_entries: Self::PLAN_MAX_ENTRIES,
            key: None,
            bucket: None,
            shelf: Arc::new(Shelf::new(archive.listed())?),
            planning: Arc::new(Semaphore::new(MAX_PLANNING)),
            counts: Arc::default(),
        })
    }

    /// Refuses calls that do not carry this key.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(Key::of(key.as_bytes()));
        self
    }

    /// Bounds how many bytes may be fetched, by all clients together.
    #[must_use]
    pub fn quota(mut self, quota: Quota) -> Self {
        self.bucket = Some(Arc::new(Bucket::new(quota)));
        self
    }

    /// What a call is answered that does not carry the key.
    pub(in crate::serve) fn refuse(&self, call: &Call) -> Option<Answer> {
        let key = self.key?;
        (call.credential != Credential::Bearer(key)).then(key::refused)
    }

    /// Counts a call, from 1 on.
    pub(in crate::serve) fn count_call(&self) -> u64 {
        self.counts.calls.fetch_add(1, Relaxed) + 1
    }

    /// Counts a call that says who asks where none may, from 1 on.
    pub(in crate::serve) fn count_authorized(&self) -> u64 {
        self.counts.authorized.fetch_add(1, Relaxed) + 1
    }

    /// Counts bytes of a body that were sent.
    pub(in crate::serve) fn count_sent(&self, bytes: u64) {
        self.counts.bytes.fetch_add(bytes, Relaxed);
        if let Some(bucket) = &self.bucket {
            bucket.spend(bytes);
        }
    }

    /// How many calls there were, and how many bytes of bodies they got.
    pub(in crate::serve) fn counted(&self) -> (u64, u64) {
        let Counts { calls, bytes, .. } = &*self.counts;
        (calls.load(Relaxed), bytes.load(Relaxed))
    }

    /// Waits until a call may be answered: few plans are made at once.
    pub(in crate::serve) async fn turn(&self, call: &Call) -> Option<OwnedSemaphorePermit> {
        if call.asked != Asked::Plan {
            return None;
        }
        Arc::clone(&self.planning).acquire_owned().await.ok()
    }

    /// Answers a call. Blocks the thread; a plan is given up once nobody waits for it.
    pub(in crate::serve) fn answer(
        &self,
        call: Call,
        body: &[u8],
        faults: &CallFaults,
        gone: &CancellationToken,
    ) -> Result<Reply, SegmentError> {
        let mut reply = match self.instead(&call, faults) {
            Some(answer) => answer.into(),
            None => self.asked(call, body, faults, gone)?,
        };
        if let Some(bucket) = &self.bucket {
            reply.answer = bucket.say(reply.answer);
        }
        Ok(reply)
    }

    /// What a call is answered instead of what it asks for.
    fn instead(&self, call: &Call, faults: &CallFaults) -> Option<Answer> {
        if let Some(status) = faults.status {
            let text = "refused on purpose, by a fault";
            let answer = Answer::of_status(Wire::V2, status, text);
            let retry = match status {
                500 => return Some(answer),
                _ if faults.is_by_clock => {
                    // Up to the second that begins then.
                    http_date(Timestamp::now() + Duration::from_secs(2))
                }
                _ => "1".to_owned(),
            };
            return Some(answer.header("Retry-After", &retry));
        }
        let wait = self.bucket.as_ref().map_or(Duration::ZERO, |b| b.wait());
        if wait > Duration::ZERO {
            let text = "more was fetched than the quota has";
            let answer = Answer::of_status(Wire::V2, 429, text);
            return Some(answer.header("Retry-After", &wait.as_secs().to_string()));
        }
        let is_redirected = matches!(call.asked, Asked::Segment { .. } | Asked::Block { .. });
        let origin = faults.redirect.as_ref().filter(|_| is_redirected)?;
        let location = [origin, &*call.target].concat();
        Some(Answer::text(302, "it is elsewhere, by a fault").header("Location", &location))
    }

    fn asked(
        &self,
        mut call: Call,
        body: &[u8],
        faults: &CallFaults,
        gone: &CancellationToken,
    ) -> Result<Reply, SegmentError> {
        let edition = if faults.is_rewritten {
            Edition::Rewritten
        } else {
            Edition::Stored
        };
        if faults.is_whole {
            call.conditions.forget_range();
        }
        if faults.is_unsatisfiable {
            call.conditions.miss_range();
        }
        let (shelf, asked_of) = (&*self.shelf, (&call.conditions, edition));
        match call.asked {
            Asked::Plan => match PlanRequest::parse(body) {
                Err(error) => Ok(Answer::from(&error).into()),
                Ok(request) => {
                    let rules = (self.plan_max_entries, edition);
                    Ok(Reply::json(&plan::make(shelf, &request, rules, gone)?))
                }
            },
            Asked::List { limit, from } => {
                let page = listing::page(shelf, from, limit, edition)?;
                Ok(Reply::json(&page))
            }
            Asked::Segment { index } => segment(shelf, index, asked_of),
            Asked::Block { index, block: at } => block(shelf, index, at, asked_of),
            Asked::Nothing(refused) => Ok(Answer::from(&refused).into()),
        }
    }
}
