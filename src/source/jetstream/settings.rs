//! How Jetstream servers are to be read.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{Endpoint, Proxies};
use crate::{
    error::ParseError,
    event::{CollectionPattern, Did, Kind, LineRules, Start},
    source::{BadEventFile, OnGap},
    wire::dial::user_agent,
};

/// The largest event that is accepted unless told otherwise; those of servers stay far below.
pub(super) const MAX_FRAME_BYTES: usize = 8 * 1024 * 1024;

/// How to read from Jetstream servers. The defaults read everything, live, from the public
/// instances.
#[derive(Debug, Clone)]
pub struct JetstreamSettings {
    /// The servers, best first; the next one is tried when one cannot be reached. At least one.
    pub endpoints: Vec<Endpoint>,
    /// The collections the server is asked for; empty for all. At most
    /// [`MAX_COLLECTIONS`](Self::MAX_COLLECTIONS).
    pub collections: Vec<CollectionPattern>,
    /// The accounts the server is asked for; empty for all. Where they are more than a server takes,
    /// it is asked for all, and those of others have to be dropped by a
    /// [filter](crate::filter::Filter::dids).
    pub dids: Vec<Did>,
    /// The kinds a server of the v2 wire is asked for, besides what moves the place on; empty for
    /// all. A filter makes sure of them: [`Filter::kinds`](crate::filter::Filter::kinds).
    pub kinds: Vec<Kind>,
    /// The server is asked to leave out events whose JSON is larger than this, in bytes; 0 for no
    /// limit. A filter makes sure of it:
    /// [`Filter::max_bytes`](crate::filter::Filter::max_bytes).
    pub max_message_bytes: u32,
    /// The largest event that is accepted, in bytes, inflated or not.
    pub max_frame_bytes: usize,
    /// Whether to ask for compressed events. Plain ones are understood in any case.
    pub compress: bool,
    /// Where dictionaries of the v2 wire are kept between runs, if anywhere.
    pub cache_folder: Option<PathBuf>,
    /// On how many threads a backlog of compressed events is inflated: 1 or 2. The second one
    /// sleeps while events come singly.
    pub threads: u8,
    /// Where to begin, whatever was saved.
    pub start: Option<Start>,
    /// Where to begin when nothing was saved yet; a run that goes on from a saved place does not
    /// look at it, nor does one with a `start`.
    pub start_if_new: Option<Start>,
    /// How far a resume by time goes back from the highest time that was read.
    pub rewind: Duration,
    /// Whether to end at the moment the run began, by the first server's clock.
    pub exit_at_end: bool,
    /// With `exit_at_end`, where only some accounts are read: a silence of this length is taken for
    /// the end. Elsewhere the end is assumed when every server was silent for `quiet_timeout`, a
    /// single one twice.
    pub end_silence: Duration,
    /// Keep each line as it came: raw line ends within it, which otherwise become spaces, and frames
    /// of the v2 wire, which otherwise become lines as the v1 wire has them.
    pub raw: bool,
    /// Parse all of each event, its record included, and leave out what is not JSON, as a bad event.
    pub validate: bool,
    /// What a gap means.
    pub on_gap: OnGap,
    /// How long a connection may take to open, from the name look-up to the upgrade.
    pub connect_timeout: Duration,
    /// How long nothing may be received on a connection, not even a part of a message or a ping.
    pub frame_timeout: Duration,
    /// How long a message that keeps arriving may take. One that takes longer again and again is
    /// stepped over.
    pub message_timeout: Duration,
    /// How long a connection may bring no event, whether it is wanted or not, before the next
    /// server is tried. Only time in which it is waited for counts, and nothing of it where only
    /// some accounts are read.
    pub quiet_timeout: Duration,
    /// How long live events may come without one of a collection that was asked for, before a name
    /// that may be meant is looked for.
    pub unmatched_after: Duration,
    /// How many tries in a row may fail after the first; `None` for no end.
    pub max_retries: Option<u32>,
    /// The longest wait between two tries.
    pub max_backoff: Duration,
    /// The `User-Agent` of every request, by default `rocketman/` and its version. A server's
    /// operator learns from it whom to ask about a client, so name your service, and where you can
    /// be reached: `likes-counter/1.2 (+https://likes.example)`. One that no request has room for
    /// ends the run at its beginning.
    pub user_agent: String,
    /// The proxies between us and the servers.
    pub proxies: Proxies,
    /// Where messages that are no events are kept, if anywhere.
    pub bad_events: Option<Arc<BadEventFile>>,
}

impl JetstreamSettings {
    /// Everything from these servers, best first; from the public ones where none is named.
    ///
    /// ```
    /// use rocketman::source::jetstream::JetstreamSettings;
    ///
    /// let settings = JetstreamSettings::of(std::env::args().skip(1))?;
    /// # drop(settings);
    /// # Ok::<(), rocketman::ParseError>(())
    /// ```
    pub fn of<T: AsRef<str>>(servers: impl IntoIterator<Item = T>) -> Result<Self, ParseError> {
        let parsed = servers
            .into_iter()
            .map(|server| Endpoint::parse(server.as_ref()));
        let endpoints: Vec<_> = parsed.collect::<Result<_, _>>()?;
        let usual = Self::default();
        Ok(Self {
            endpoints: if endpoints.is_empty() {
                usual.endpoints
            } else {
                endpoints
            },
            ..usual
        })
    }

    /// The most collections a server takes.
    pub const MAX_COLLECTIONS: usize = 100;

    /// The most accounts a server takes.
    pub const MAX_DIDS: usize = 10_000;

    /// What is done to each line.
    pub(super) fn rules(&self) -> LineRules {
        LineRules {
            raw: self.raw,
            validate: self.validate,
        }
    }
}

impl Default for JetstreamSettings {
    fn default() -> Self {
        Self {
            endpoints: Endpoint::public(),
            collections: Vec::new(),
            dids: Vec::new(),
            kinds: Vec::new(),
            max_message_bytes: 0,
            max_frame_bytes: MAX_FRAME_BYTES,
            compress: true,
            cache_folder: None,
            threads: 1,
            start: None,
            start_if_new: None,
            rewind: Duration::from_secs(60),
            exit_at_end: false,
            end_silence: Duration::from_secs(60),
            raw: false,
            validate: false,
            on_gap: OnGap::Warn,
            connect_timeout: Duration::from_secs(10),
            frame_timeout: Duration::from_secs(75),
            // The largest message takes 14 kB/s.
            message_timeout: Duration::from_secs(600),
            quiet_timeout: Duration::from_secs(60),
            unmatched_after: Duration::from_secs(60),
            max_retries: None,
            max_backoff: Duration::from_secs(30),
            user_agent: user_agent::DEFAULT.to_owned(),
            proxies: Proxies::default(),
            bad_events: None,
        }
    }
}
