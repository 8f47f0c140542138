//! Where a run over an archive begins: what was asked for, or what was saved.

use std::sync::Arc;

use tracing::{info, warn};

use super::{
    History, Phase,
    calls::Asked,
    client::Client,
    download::Download,
    error::HistoryError,
    ledger::Ledger,
    meter::Meter,
    pool::Pool,
    seek::{first_within, last_before},
    verify::{Verdict, verify},
};
use crate::{
    error::MemberError,
    event::{Place, Point, Position, Start, Trail, micros, now_us, show_time},
    log::STATE,
    source::{
        ReadError,
        jetstream::JetstreamSettings,
        segments::{Run, Wanted},
    },
    stats::Progress,
    wire::dial::Connector,
};

/// How far this machine's clock may be behind that of a server.
const CLOCK_TOLERANCE_US: u64 = 60_000_000;

/// The most accounts that a plan is asked for; where there are more, all is read, and filtered here.
pub(super) const MAX_DIDS: usize = JetstreamSettings::MAX_DIDS;

/// Where to begin.
#[derive(Debug, Clone)]
pub(super) enum Begin {
    /// Where the user said; `None` with the first event there is.
    Start(Option<Start>),
    /// Where an earlier run came to, or somebody put the cursor.
    Place(Box<(Place, Trail)>),
}

/// The part of the archive that is read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct From {
    pub(super) seq: u64,
    pub(super) since_us: Option<u64>,
}

/// Where the reading begins.
pub(super) enum Found {
    Archive(From),
    /// The archive does not go so far: its socket does.
    Live,
}

impl History {
    /// Plans what is read of the archive; where nothing of it is wanted, what follows that is next.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(super) async fn plan(&mut self) -> Result<Phase, MemberError> {
        let client = self.client()?;
        self.stats.set_host(&client.url());
        if self.settings.begins_live && self.turns == 0 {
            return Ok(Phase::Archived);
        }
        self.find_end(&client).await?;
        let from = match self.find(&client).await? {
            Found::Archive(from) => from,
            Found::Live => return Ok(Phase::Archived),
        };
        let bounds = self.settings.bounds(from.seq, from.since_us);
        let begin = *bounds.numbers.start();
        if self.before_seq().is_some_and(|end| begin > end) {
            return Ok(Phase::Archived);
        }
        let asked = self.asked(begin - 1);
        let page = client.plan(&asked).await?;
        let tip = page.sealed_tip_seq;
        self.check_end(tip, &client)?;
        if begin > tip {
            return Ok(Phase::Archived);
        }
        info!(target: STATE, from = begin, to = tip, "reading the archive of {}, numbers {begin} to {tip}", client.url());
        self.owe(&client.url(), begin).await?;
        let JetstreamSettings {
            collections, dids, ..
        } = &self.settings.live;
        let kinds = self.settings.archive_kinds();
        let wanted = Arc::new(Wanted::new(collections, kinds, dids, bounds));
        let ledger = Ledger::new(self.saves.clone());
        let most = self.settings.max_bytes;
        let steps = Download::new(client, asked, page, Arc::clone(&wanted), ledger, most)?;
        let progress = Progress {
            number: begin,
            first: begin,
            last: tip,
            time_us: 0,
            bytes: 0,
        };
        self.tip = tip;
        self.stats.set_connected(true);
        let run = Run::begin(steps, wanted, self.settings.rows(), progress, &self.origin);
        Ok(Phase::Archive(Box::new(run)))
    }

    /// What an archive is asked for after a number.
    pub(super) fn asked(&self, after_seq: u64) -> Asked {
        let live = &self.settings.live;
        let dids = live.dids.iter().map(|did| did.as_str().to_owned());
        let dids = if live.dids.len() > MAX_DIDS {
            Vec::new()
        } else {
            dids.collect()
        };
        let collections = live.collections.iter();
        Asked {
            kinds: self.settings.kinds(),
            collections: collections.map(|one| one.as_str().to_owned()).collect(),
            dids,
            after_seq,
            before_seq: self.before_seq(),
        }
    }

    /// The last number that is read, where that is known.
    pub(super) fn before_seq(&self) -> Option<u64> {
        let ends = [self.settings.before_seq, self.end];
        ends.into_iter().flatten().min()
    }

    /// Finds out whether what is wanted ends within the archive, and where.
    pub(super) async fn find_end(&mut self, client: &Client) -> Result<(), MemberError> {
        // No archive goes beyond the present: its list would cost a request for nothing.
        let until_us = self.settings.until_us.filter(|until| *until <= now_us());
        self.end = match until_us {
            Some(until_us) => last_before(self.listing.files(client).await?, until_us),
            None => None,
        };
        Ok(())
    }

    /// An end that was typed has to be one that the archive has.
    fn check_end(&self, tip: u64, client: &Client) -> Result<(), MemberError> {
        match self.settings.before_seq.filter(|before| *before > tip) {
            Some(asked) => Err(HistoryError::Beyond {
                asked,
                last: tip,
                url: client.url(),
            }
            .into()),
            None => Ok(()),
        }
    }

    /// How the archive is asked; opened once.
    pub(super) fn client(&mut self) -> Result<Arc<Client>, MemberError> {
        if let Some(client) = &self.client {
            return Ok(Arc::clone(client));
        }
        let live = &self.settings.live;
        let Some(endpoint) = live.endpoints.first() else {
            return Err(ReadError::Setup {
                what: "there is no server to read",
                source: "the settings have no endpoint".into(),
            }
            .into());
        };
        let connector = Connector::new(live.proxies.clone(), live.user_agent.clone());
        let key = self.settings.key.clone();
        let has_key = key.is_some();
        let pool = Pool::new(
            connector,
            endpoint.clone(),
            key,
            live.connect_timeout,
            live.frame_timeout,
        )?;
        let meter = Meter::new(self.settings.max_rate);
        let client = Client::new(
            pool,
            meter,
            live.max_retries,
            live.max_backoff,
            has_key,
            Arc::clone(&self.stats),
        );
        let client = Arc::new(client);
        self.client = Some(Arc::clone(&client));
        Ok(client)
    }

    pub(super) async fn find(&mut self, client: &Arc<Client>) -> Result<Found, MemberError> {
        match self.begin.clone() {
            Begin::Start(None) => Ok(Found::Archive(From::default())),
            Begin::Start(Some(Start::Seq(seq))) => Ok(Found::Archive(From {
                seq,
                since_us: None,
            })),
            Begin::Start(Some(Start::Time(time_us))) => {
                if time_us > now_us().saturating_add(CLOCK_TOLERANCE_US) {
                    return Err(HistoryError::Future(time_us).into());
                }
                self.find_time(client, time_us).await
            }
            Begin::Place(saved) => match *saved {
                (Place::Seq { seq, origin }, _) if origin.host == self.origin.host => {
                    let since_us = None;
                    Ok(Found::Archive(From { seq, since_us }))
                }
                (Place::Seq { seq, origin }, _) => {
                    let host = origin.host.escape_debug().to_string();
                    Err(ReadError::Elsewhere { seq, host }.into())
                }
                (Place::Time { time_us, .. }, _) => self.find_time(client, time_us).await,
                (Place::Reached(position), trail) => {
                    self.find_reached(client, &position, &trail).await
                }
            },
        }
    }

    async fn find_time(&mut self, client: &Client, time_us: u64) -> Result<Found, MemberError> {
        let files = self.listing.files(client).await?;
        let Some(first) = first_within(files, time_us, self.settings.until_us) else {
            return Ok(Found::Live);
        };
        info!(target: STATE, first, "times are those at which the server saw events, and for what was there before it the day of its first crawl: beginning with number {first}");
        Ok(Found::Archive(From {
            seq: first,
            since_us: Some(time_us),
        }))
    }

    /// Where the archive goes on after a saved place.
    async fn find_reached(
        &mut self,
        client: &Arc<Client>,
        position: &Position,
        trail: &Trail,
    ) -> Result<Found, MemberError> {
        let Point {
            seq,
            time_us,
            identity,
        } = position.point;
        let is_ours = position.origin.host == self.origin.host;
        let Some(seq) = seq.filter(|_| is_ours) else {
            info!(target: STATE, saved = position.origin.host, "the saved cursor is of another server; resuming by time");
            return self.find_by_time(client, time_us, trail).await;
        };
        if identity.is_none() {
            // A place between events: the archive itself was read up to there.
            let since_us = None;
            return Ok(Found::Archive(From { seq, since_us }));
        }
        let limit = self.settings.max_block_bytes;
        match verify(client, &position.point, seq, &trail.known, limit).await? {
            Verdict::Same => Ok(Found::Archive(From {
                seq: seq.saturating_add(1),
                since_us: None,
            })),
            Verdict::NotSealed => Ok(Found::Live),
            Verdict::Other => {
                warn!(target: STATE, seq, "the archive of {} has another event under number {seq} than was read there, or no longer has it; resuming by time", client.url());
                self.recent.expect(identity, time_us);
                self.find_by_time(client, time_us, trail).await
            }
        }
    }

    /// Some time before what was read; what is known of it comes again and is left out.
    async fn find_by_time(
        &mut self,
        client: &Client,
        time_us: u64,
        trail: &Trail,
    ) -> Result<Found, MemberError> {
        let highest_us = time_us.max(trail.highest_us);
        let rewind_us = micros(self.settings.live.rewind);
        let from_us = highest_us.saturating_sub(rewind_us).max(trail.first_us);
        let until_us = highest_us.saturating_add(rewind_us);
        let recalled = self.recalled.iter().filter_map(|point| point.identity);
        let known = trail.known.iter().copied().chain(recalled);
        self.recent.expect(known, until_us);
        info!(target: STATE, from = show_time(from_us), "resuming from {}", show_time(from_us));
        self.find_time(client, from_us).await
    }
}
