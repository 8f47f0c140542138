//! The calls by which the files of an archive are fetched: which there are, what of them a filter
//! needs, whole files, and blocks.
//!
//! Protocol reference, sections 2.5 to 2.8. What is answered comes from the file as it is then: one
//! that was compacted since the start is served as its new generation.

mod call;
mod conditions;
mod listing;
mod plan;
mod reply;
mod shelf;
mod stored;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use self::{
    call::Asked,
    plan::PlanRequest,
    shelf::Shelf,
    stored::{block, segment},
};
pub(in crate::serve) use self::{
    call::{BodyLength, Call},
    reply::Reply,
};
use super::{Archive, ArchiveError};
use crate::{segment::SegmentError, serve::answer::Answer};

/// How many plans are made at once: each reads footers of many files.
const MAX_PLANNING: usize = 2;

/// What archive calls are answered from, and how.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ArchiveCalls {
    /// The most entries on a page of a plan: whole files, and ranges of blocks.
    pub plan_max_entries: usize,
    shelf: Arc<Shelf>,
    planning: Arc<Semaphore>,
}

impl ArchiveCalls {
    /// As many as servers have on a page.
    pub const PLAN_MAX_ENTRIES: usize = 100_000;

    /// Offers the files of an archive, each of which has to be named as servers name them.
    pub fn new(archive: &Archive) -> Result<Self, ArchiveError> {
        Ok(Self {
            plan_max_entries: Self::PLAN_MAX_ENTRIES,
            shelf: Arc::new(Shelf::new(archive.listed())?),
            planning: Arc::new(Semaphore::new(MAX_PLANNING)),
        })
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
        call: &Call,
        body: &[u8],
        gone: &CancellationToken,
    ) -> Result<Reply, SegmentError> {
        match &call.asked {
            Asked::Plan => match PlanRequest::parse(body) {
                Err(error) => Ok(Answer::from(&error).into()),
                Ok(request) => {
                    let plan = plan::make(&self.shelf, &request, self.plan_max_entries, gone)?;
                    Ok(Reply::json(&plan))
                }
            },
            Asked::List { limit, from } => {
                Ok(Reply::json(&listing::page(&self.shelf, *from, *limit)?))
            }
            Asked::Segment { index } => segment(&self.shelf, *index, &call.conditions),
            Asked::Block { index, block: at } => block(&self.shelf, *index, *at, &call.conditions),
            Asked::Nothing(refused) => Ok(Answer::from(refused).into()),
        }
    }
}
