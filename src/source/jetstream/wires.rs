//! Which wire each server has, and with which dictionary it compresses.
//!
//! One request tells both: a service that has the v2 wire gives its dictionary to everybody, also
//! while it is not ready for more. Only 404 and 501 mean that there is no such wire; everything else
//! is trouble of that server and proves nothing. Trouble with a dictionary never ends anything:
//! events are then read plain.

use std::{collections::HashMap, time::Duration};

use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout},
};
use tracing::{debug, info, warn};

use super::{
    connect::ConnectError,
    dictionary::{Cache, Dictionary, MAX_BYTES},
    endpoint::{Endpoint, WireVersion},
    handshake::{self, Document, Most},
    inflate::Inflater,
};
use crate::{
    log::{STATE, chain},
    wire::{dial::Connector, v2::param::DICTIONARY_ID},
};

/// How long a dictionary may take, where the wire is known.
const DICTIONARY_TIMEOUT: Duration = Duration::from_secs(3);

/// How much is read of what is to be a dictionary: enough to see that it is too large.
const BODY: Most = Most {
    bytes: MAX_BYTES + 1,
    time: DICTIONARY_TIMEOUT,
};

/// A server that had the v1 wire alone is asked again after this time, when it is connected to.
const V1_FOR: Duration = Duration::from_secs(60);

/// After trouble with its dictionary a server is read plain for this time.
const PLAIN_FOR: Duration = Duration::from_secs(3600);

/// A dictionary that is replaced so soon after the last one is of no use.
const RENEWED_WITHIN: Duration = Duration::from_secs(60);

/// How a server is to be read.
#[derive(Debug, Clone)]
pub(super) struct Spoken {
    pub(super) version: WireVersion,
    /// Of the v2 wire; without one it is read plain.
    pub(super) dictionary: Option<Dictionary>,
}

impl Spoken {
    fn plain(version: WireVersion) -> Self {
        Self {
            version,
            dictionary: None,
        }
    }
}

/// What is known of each server, by its address.
#[derive(Debug)]
pub(super) struct Wires {
    cache: Cache,
    known: HashMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    version: WireVersion,
    since: Instant,
    offer: Offer,
    renewed: Option<Instant>,
}

/// What is to be done about a dictionary.
#[derive(Debug, Clone)]
enum Offer {
    /// To ask for it.
    Ask,
    /// To use it.
    Use(Dictionary),
    /// To ask for another one than that of this id; the server may have named it.
    Renew { retired: u32, named: Option<u32> },
    /// Since then, to do without.
    Plain(Instant),
}

/// How a dictionary is asked for.
enum Ask<'a> {
    /// Unless it is still this one.
    Unless(Option<&'a Dictionary>),
    /// Around whatever keeps answers.
    AroundCaches,
    Of(u32),
}

/// What came of it.
enum Answer {
    Dictionary(Dictionary),
    /// There is no such place: the status.
    Absent(u16),
    /// Nothing that can be used, and why.
    Useless(String),
}

impl Wires {
    pub(super) fn new(cache: Cache) -> Self {
        Self {
            cache,
            known: HashMap::new(),
        }
    }

    /// The wire that was found last, for a connection beside the main one.
    pub(super) fn version(&self, endpoint: &Endpoint) -> WireVersion {
        let known = || self.known.get(&endpoint.to_string());
        let version = endpoint
            .wire()
            .or_else(|| known().map(|known| known.version));
        version.unwrap_or(WireVersion::V1)
    }

    /// The id of the dictionary that is used with a server.
    pub(super) fn dictionary_of(&self, endpoint: &Endpoint) -> Option<u32> {
        match &self.known.get(&endpoint.to_string())?.offer {
            Offer::Use(dictionary) => Some(dictionary.id()),
            _ => None,
        }
    }

    /// Learns how the next connection to a server is to be read, from the server where that is not
    /// known. An error says that the server cannot be reached.
    pub(super) async fn learn(
        &mut self,
        connector: &Connector,
        endpoint: &Endpoint,
        compress: bool,
    ) -> Result<Spoken, ConnectError> {
        let exact = endpoint.wire();
        let compress = compress && Inflater::AVAILABLE;
        let known = self.known.get(&endpoint.to_string());
        let offer = match (exact, known) {
            (Some(WireVersion::V1), _) => return Ok(Spoken::plain(WireVersion::V1)),
            (None, Some(known)) if known.version == WireVersion::V1 => {
                if known.since.elapsed() < V1_FOR {
                    return Ok(Spoken::plain(WireVersion::V1));
                }
                None
            }
            (Some(WireVersion::V2), _) | (_, Some(_)) if !compress => {
                return Ok(Spoken::plain(WireVersion::V2));
            }
            (_, Some(known)) => Some(known.offer.clone()),
            (Some(_), None) => Some(Offer::Ask),
            (None, None) => None,
        };
        let answer = match offer {
            None => self.detect(connector, endpoint).await?,
            Some(Offer::Use(dictionary)) => {
                return Ok(Spoken {
                    version: WireVersion::V2,
                    dictionary: Some(dictionary),
                });
            }
            Some(Offer::Plain(since)) if since.elapsed() < PLAIN_FOR => {
                return Ok(Spoken::plain(WireVersion::V2));
            }
            Some(offer) => self.dictionary(connector, endpoint, &offer).await,
        };
        Ok(self.settle(endpoint, answer, compress).await)
    }

    /// The server refused this dictionary, or uses another one: the next connection begins with
    /// another, or plain.
    pub(super) fn retire(&mut self, endpoint: &Endpoint, retired: u32, named: Option<u32>) {
        let known = self.know(endpoint, WireVersion::V2);
        let again = known.renewed.replace(Instant::now());
        let is_too_soon = again.is_some_and(|again| again.elapsed() < RENEWED_WITHIN);
        known.offer = if is_too_soon {
            say_plain(endpoint, "its dictionary is replaced again and again");
            Offer::Plain(Instant::now())
        } else {
            Offer::Renew { retired, named }
        };
    }

    /// The v2 wire turned out not to be there.
    pub(super) fn has_only_v1(&mut self, endpoint: &Endpoint, status: u16) {
        let is_new = self.version(endpoint) != WireVersion::V1
            || !self.known.contains_key(&endpoint.to_string());
        self.know(endpoint, WireVersion::V1);
        if is_new {
            info!(target: STATE, %endpoint, status, "{endpoint} does not have the v2 wire (HTTP {status}): reading its v1 wire");
        }
    }

    fn know(&mut self, endpoint: &Endpoint, version: WireVersion) -> &mut Known {
        let known = self.known.entry(endpoint.to_string()).or_insert(Known {
            version,
            since: Instant::now(),
            offer: Offer::Ask,
            renewed: None,
        });
        known.version = version;
        known.since = Instant::now();
        known
    }

    /// Asks a service for its dictionary, and so for its wires.
    async fn detect(
        &self,
        connector: &Connector,
        endpoint: &Endpoint,
    ) -> Result<Answer, ConnectError> {
        let cache = self.cache.clone();
        // A thread that is gone has found nothing.
        let kept = spawn_blocking(move || cache.latest()).await.ok().flatten();
        ask(connector, endpoint, &Ask::Unless(kept.as_ref())).await
    }

    /// Asks for the dictionary of a server of which the wire is known.
    async fn dictionary(
        &self,
        connector: &Connector,
        endpoint: &Endpoint,
        offer: &Offer,
    ) -> Answer {
        let asked = async {
            let Offer::Renew { retired, named } = offer else {
                return self.detect(connector, endpoint).await;
            };
            match (ask(connector, endpoint, &Ask::AroundCaches).await?, named) {
                (Answer::Dictionary(same), Some(id)) if same.id() == *retired => {
                    ask(connector, endpoint, &Ask::Of(*id)).await
                }
                (Answer::Dictionary(same), None) if same.id() == *retired => Ok(Answer::Useless(
                    format!("it refuses its own dictionary {retired}"),
                )),
                (answer, _) => Ok(answer),
            }
        };
        match timeout(DICTIONARY_TIMEOUT, asked).await {
            Ok(Ok(Answer::Absent(status))) => {
                Answer::Useless(format!("it gives no dictionary (HTTP {status})"))
            }
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Answer::Useless(format!("it gives no dictionary: {}", chain(&error))),
            Err(_) => Answer::Useless("it gives no dictionary in time".to_owned()),
        }
    }

    async fn settle(&mut self, endpoint: &Endpoint, answer: Answer, compress: bool) -> Spoken {
        let dictionary = match answer {
            Answer::Absent(status) => {
                self.has_only_v1(endpoint, status);
                return Spoken::plain(WireVersion::V1);
            }
            Answer::Useless(why) => {
                if compress {
                    say_plain(endpoint, &why);
                }
                self.know(endpoint, WireVersion::V2).offer = Offer::Plain(Instant::now());
                return Spoken::plain(WireVersion::V2);
            }
            Answer::Dictionary(dictionary) => dictionary,
        };
        debug!(%endpoint, id = dictionary.id(), "it has the v2 wire");
        self.know(endpoint, WireVersion::V2).offer = Offer::Use(dictionary.clone());
        let (cache, kept) = (self.cache.clone(), dictionary.clone());
        // Whether it is kept makes no difference to this run.
        spawn_blocking(move || cache.keep(&kept)).await.ok();
        Spoken {
            version: WireVersion::V2,
            dictionary: Some(dictionary).filter(|_| compress),
        }
    }
}

fn say_plain(endpoint: &Endpoint, why: &str) {
    warn!(target: STATE, %endpoint, why, "{endpoint}: {why}; reading plain events, which are twice as long");
}

/// One request for a dictionary.
async fn ask(
    connector: &Connector,
    endpoint: &Endpoint,
    how: &Ask<'_>,
) -> Result<Answer, ConnectError> {
    let mut target = endpoint.dictionary_path();
    let headers = match how {
        Ask::Unless(Some(kept)) => format!("If-None-Match: \"zstd-dict-{}\"\r\n", kept.id()),
        Ask::Unless(None) => String::new(),
        Ask::AroundCaches => "Cache-Control: no-cache\r\nPragma: no-cache\r\n".to_owned(),
        Ask::Of(id) => {
            target = format!("{target}?{DICTIONARY_ID}={id}");
            String::new()
        }
    };
    let stream = connector.open(endpoint.address()).await?;
    let user_agent = connector.user_agent();
    let document = handshake::get(stream, endpoint, &target, &headers, user_agent, BODY).await?;
    Ok(match (document.status, how) {
        (200, _) => read(&document, how),
        (304, Ask::Unless(Some(kept))) => Answer::Dictionary((*kept).clone()),
        (404 | 501, _) => Answer::Absent(document.status),
        _ => return Err(document.into_error().into()),
    })
}

fn read(document: &Document, how: &Ask<'_>) -> Answer {
    let useless = |why: &str| Answer::Useless(why.to_owned());
    if document.body.len() > MAX_BYTES {
        return useless("its dictionary is larger than 1 MiB");
    }
    if !document.is_whole {
        return useless("its dictionary did not arrive whole");
    }
    let Some(dictionary) = Dictionary::parse(&document.body) else {
        return useless("what it gives for a dictionary is not one");
    };
    match how {
        Ask::Of(id) if *id != dictionary.id() => useless("it gives another dictionary than asked"),
        // A build without zstd has no use for one, and asks only which wire there is.
        _ if Inflater::AVAILABLE && Inflater::with(0, &dictionary).is_none() => {
            useless("its dictionary is damaged")
        }
        _ => Answer::Dictionary(dictionary),
    }
}

/// The id that a refusal of this dictionary names beside it: the last number in its text.
pub(super) fn named_beside(retired: u32, text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit())
        .rev()
        .filter_map(|digits| digits.parse().ok())
        .find(|id| *id != retired && *id != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_may_name_the_dictionary_that_is_right() {
        let text = r#"{"error":"UnknownZstdDictionary","message":"unknown 12345; the current dictionary id is 20260811"}"#;
        assert_eq!(named_beside(12345, text), Some(20_260_811));
        assert_eq!(named_beside(20_260_811, text), Some(12345));
        assert_eq!(
            named_beside(7, "7 is not known, 99999999999 and 0 neither"),
            None
        );
        assert_eq!(named_beside(7, ""), None);
    }
}
