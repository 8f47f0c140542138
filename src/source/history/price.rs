//! What a replay would cost, before anything of it is read.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::{
    History, HistorySettings,
    beginning::Found,
    calls::{Generation, ListedSegment, Mode, PlannedFile},
    client::Client,
    error::HistoryError,
    fetch::Fetched,
};
use crate::{
    error::MemberError,
    event::{Kind, Place, Trail},
    segment::{BlockInflater, CollectionIndex, HEADER_BYTES, Outline, SegmentError},
    source::{
        Source,
        segments::{ReplayError, Wanted},
    },
};

/// How many events a server puts into a block.
const BLOCK_EVENTS: u64 = 4096;

/// What the index of blocks takes for each.
const ENTRY_BYTES: u64 = 52;

/// How many files are looked at for how much is read beside what is wanted.
const SAMPLED_FILES: usize = 3;

/// Files by their names.
type Files = HashMap<String, ListedSegment>;

/// What a replay would cost.
#[derive(Debug, Clone)]
pub struct Price {
    /// The service.
    pub url: String,
    /// The first number that is read, which lies behind the last one where nothing is.
    pub from: u64,
    /// The last one, which is that of the archive at present, or the one that was asked for.
    pub to: u64,
    /// All of the archive.
    pub archive: Amount,
    /// What was asked for, first, and what may be asked for in its place.
    pub choices: Vec<Choice>,
    /// The files of the first choice, whole, as a copy of them takes.
    pub whole: Amount,
    /// Bytes that the operator allows at once, and then a second; `None` where it does not say.
    pub quota: Option<(u64, u64)>,
    /// Events that are read for each one that is wanted, by the files that were looked at; `None`
    /// where all are wanted, or nothing says.
    pub over_read: Option<f64>,
    /// What finding this out took.
    pub spent_bytes: u64,
}

/// A choice of kinds, and what it would cost.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Only these kinds; empty means all.
    pub kinds: Vec<Kind>,
    /// What is read.
    pub amount: Amount,
    /// How long that takes by the operator's limits; `None` where they are not known.
    pub time: Option<Duration>,
}

/// How much is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Amount {
    /// Files of which something is read.
    pub files: u64,
    /// Blocks that are read.
    pub blocks: u64,
    /// Bytes of files.
    pub bytes: u64,
    /// Bytes and blocks are not known exactly: only how long whole files are is.
    pub is_estimate: bool,
}

impl History {
    /// What a replay by these settings would cost, from a saved place on where there is one.
    /// Nothing is read but plans, the list of files, and of some files how often they have each
    /// collection.
    pub async fn price(
        settings: HistorySettings,
        saved: Option<(&Place, &Trail)>,
    ) -> Result<Price, MemberError> {
        let mut history = Self::new(settings);
        if let Some((place, trail)) = saved {
            history.resume(place, trail, true)?;
        }
        let client = history.client()?;
        let files = history.listing.files(&client).await?.to_vec();
        let archive = Amount {
            files: files.len() as u64,
            blocks: files.iter().map(blocks_of).sum(),
            bytes: files.iter().map(|file| file.size_bytes).sum(),
            is_estimate: false,
        };
        let files: Files = files
            .into_iter()
            .map(|file| (file.name.clone(), file))
            .collect();
        history.find_end(&client).await?;
        let found = match history.find(&client).await? {
            Found::Archive(from) => history.settings.bounds(from.seq, from.since_us),
            Found::Live => history.settings.bounds(u64::MAX, None),
        };
        let from = *found.numbers.start();
        let mut choices = Vec::new();
        let (mut to, mut over_read) = (0, None);
        let mut whole = Amount::default();
        let live = &history.settings.live;
        let asked = history.settings.archive_kinds().to_vec();
        let mut kinds = vec![asked.clone()];
        if !live.collections.is_empty() && !asked.is_empty() {
            kinds.push(Vec::new());
        }
        for kinds in kinds {
            history.settings.archive_kinds = Some(kinds.clone());
            let (planned, tip) = history.plan_all(&client, from).await?;
            let amount = amount(&planned, &files);
            if kinds == asked {
                to = tip;
                whole = whole_files(&planned, &files);
                let live = &history.settings.live;
                let wanted = Wanted::new(&live.collections, &kinds, &live.dids, found.clone());
                let has_sample = !live.collections.is_empty() && live.dids.is_empty();
                if has_sample {
                    over_read = sample(&client, &planned, &files, &wanted).await?;
                }
            }
            let time = client.meter.time_for(amount.bytes);
            choices.push(Choice {
                kinds,
                amount,
                time,
            });
        }
        Ok(Price {
            url: client.url(),
            from: from.min(to.saturating_add(1)),
            to,
            archive,
            choices,
            whole,
            quota: client.meter.quota(),
            over_read,
            spent_bytes: client.meter.received(),
        })
    }

    /// All pages of a plan, and the last number of it.
    pub(super) async fn plan_all(
        &mut self,
        client: &Client,
        from: u64,
    ) -> Result<(Vec<PlannedFile>, u64), MemberError> {
        let mut asked = self.asked(from.saturating_sub(1));
        let mut files = Vec::new();
        let sealed = self.listing.files(client).await?.iter();
        let sealed = sealed.map(|file| file.max_seq).max().unwrap_or(0);
        let last = self.end.map_or(sealed, |end| end.min(sealed));
        if from > last {
            // A server refuses to plan what is no range.
            return Ok((files, last));
        }
        loop {
            let page = client.plan(&asked).await?;
            let tip = page.sealed_tip_seq;
            files.extend(page.segments);
            if page.planned_through_seq >= tip {
                return Ok((files, tip));
            }
            if page.planned_through_seq <= asked.after_seq {
                return Err(HistoryError::Plan(client.url()).into());
            }
            asked.after_seq = page.planned_through_seq;
            asked.before_seq = Some(tip).filter(|tip| *tip > 0);
        }
    }
}

/// How many blocks a file has: as many as it had before it was compacted.
fn blocks_of(file: &ListedSegment) -> u64 {
    let numbers = file.max_seq.saturating_sub(file.min_seq) + 1;
    numbers.div_ceil(BLOCK_EVENTS)
}

fn whole_files(planned: &[PlannedFile], files: &Files) -> Amount {
    let mut names: Vec<_> = planned.iter().map(|file| &file.name).collect();
    names.dedup();
    let listed = names.iter().filter_map(|name| files.get(*name));
    Amount {
        files: names.len() as u64,
        blocks: listed.clone().map(blocks_of).sum(),
        bytes: listed.map(|file| file.size_bytes).sum(),
        is_estimate: false,
    }
}

fn amount(planned: &[PlannedFile], files: &Files) -> Amount {
    let mut amount = Amount::default();
    for file in planned {
        amount.files += 1;
        let Some(listed) = files.get(&file.name) else {
            amount.is_estimate = true;
            continue;
        };
        let all = blocks_of(listed);
        if file.mode == Mode::Segment {
            amount.blocks += all;
            amount.bytes += listed.size_bytes;
            continue;
        }
        let n = file.n_blocks().min(all);
        amount.is_estimate = true;
        amount.blocks += n;
        amount.bytes += listed.size_bytes * n / all.max(1);
        if file.is_read_in_ranges() {
            amount.bytes += HEADER_BYTES as u64 + all * ENTRY_BYTES;
        }
    }
    amount
}

/// How many events are read for each one that is wanted, by some of the files.
async fn sample(
    client: &Arc<Client>,
    planned: &[PlannedFile],
    files: &Files,
    wanted: &Wanted,
) -> Result<Option<f64>, MemberError> {
    let step = planned.len().div_ceil(SAMPLED_FILES).max(1);
    let (mut read, mut kept) = (0, 0);
    for file in planned.iter().step_by(step) {
        let Some(listed) = files.get(&file.name) else {
            continue;
        };
        let generation = Generation::new(&client.url(), file);
        let generation = generation.ok_or_else(|| HistoryError::Plan(client.url()))?;
        let Fetched::Here(index) = client.collections(&generation).await? else {
            continue;
        };
        kept += index
            .iter()
            .filter(|(name, _)| wanted.names(name))
            .map(|(_, events)| u64::from(events))
            .sum::<u64>();
        read += match file.mode {
            Mode::Segment => listed.event_count,
            Mode::Blocks => listed.event_count * file.n_blocks() / blocks_of(listed).max(1),
        };
    }
    #[expect(clippy::cast_precision_loss, reason = "a ratio of two or three digits")]
    let ratio = read as f64 / kept as f64;
    Ok((kept > 0).then_some(ratio.max(1.0)))
}

impl Client {
    /// Which collections a file has, and how many events of each.
    async fn collections(
        &self,
        generation: &Generation,
    ) -> Result<Fetched<CollectionIndex>, MemberError> {
        let path = &generation.path;
        let failed = |error: SegmentError| MemberError::from(ReplayError::from(error));
        let Fetched::Here((header, size)) = self.range(generation, 0, HEADER_BYTES as u64).await?
        else {
            return Ok(Fetched::Changed);
        };
        let checksum = generation.number().unwrap_or_default();
        let outline = Outline::read(path, &header, size, checksum).map_err(failed)?;
        let header = outline.header;
        if header.collections_at >= size {
            return Ok(Fetched::Changed);
        }
        let index = self.range(generation, header.collections_at, size).await?;
        let Fetched::Here((index, _)) = index else {
            return Ok(Fetched::Changed);
        };
        let mut inflater = BlockInflater::default();
        let index = CollectionIndex::read(&index, header.blocks, &mut inflater);
        let index = index.map_err(|fault| failed(SegmentError::new(path, None, fault)))?;
        Ok(Fetched::Here(index))
    }
}
