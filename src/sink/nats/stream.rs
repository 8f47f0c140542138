//! The stream: whether it can keep what is promised, how it is made, and what its last message is.

use std::{collections::VecDeque, time::Duration};

use async_nats::jetstream::stream::{Config, Info};
use futures_util::StreamExt;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;
use tracing::info;

use super::{
    StreamError,
    message::{MessageFormat, Tail, time_of},
};
use crate::{
    error::MemberError,
    event::{Identity, Origin, micros},
    log::{STATE, chain, printable},
    nats::{Connection, NO_SUCH_MESSAGE, NatsError, RequestFailed, Stored, StreamPlan, covers},
};

/// Looks at the stream, makes it if that is wanted, and refuses it if it cannot keep what is
/// promised.
pub(super) async fn open(
    connection: &Connection,
    stream: &str,
    format: &MessageFormat,
    plan: Option<&StreamPlan>,
) -> Result<Info, MemberError> {
    let subjects = || vec![format!("{}.>", format.prefix())];
    let about = "Events of the atproto record stream, written by rocketman";
    let info = connection.look_at_or_make(stream, plan, subjects, about);
    let info = info.await?;
    check(&info.config, format)?;
    Ok(info)
}

fn check(config: &Config, format: &MessageFormat) -> Result<(), StreamError> {
    let prefix = format.prefix();
    let stream = printable(&config.name);
    let unfit = |stream, why| Err(StreamError::Unfit { stream, why });
    if config.mirror.is_some() {
        return unfit(stream, "is a mirror, which nobody can write to");
    }
    if config
        .sources
        .as_ref()
        .is_some_and(|sources| !sources.is_empty())
    {
        let why = "is also filled from other streams, so that it has several writers";
        return unfit(stream, why);
    }
    if config.sealed {
        return unfit(stream, "is sealed");
    }
    if config.no_ack {
        return Err(StreamError::NoAcks { stream });
    }
    let is_covered = |subject: &String| covers(subject, prefix);
    if !format.keeps_subjects() && !config.subjects.iter().any(is_covered) {
        return Err(StreamError::NoSubjects {
            stream,
            subjects: printable(&config.subjects.join(", ")),
            needed: format!("{}.>", printable(prefix)),
        });
    }
    Ok(())
}

/// Whether it is this stream that events come from.
pub(super) fn is_origin(info: &Info, origin: &Origin) -> bool {
    let created = Timestamp::from_nanosecond(info.created.unix_timestamp_nanos());
    let instance = created.map(|created| format!("{created:.9}")).ok();
    let name = origin.host.rsplit('/').next();
    &*origin.source == "nats" && name == Some(&*info.config.name) && instance == origin.instance
}

/// The last message.
pub(super) async fn tail(
    connection: &Connection,
    stream: &str,
    info: &Info,
) -> Result<Tail, NatsError> {
    let seq = info.state.last_sequence;
    if seq == 0 {
        return Ok(Tail::default());
    }
    let subject = format!("STREAM.MSG.GET.{stream}");
    match connection
        .request::<Stored>(&subject, &json!({ "seq": seq }))
        .await
    {
        Ok(stored) => Ok(Tail::read(seq, &stored.message)),
        Err(RequestFailed::Answer(error)) if error.error_code().0 == NO_SUCH_MESSAGE => Ok(Tail {
            seq,
            is_gone: true,
            ..Tail::default()
        }),
        Err(failed) => {
            let action = format!("read the last message of the stream '{stream}'");
            Err(connection.failed(failed, &action))
        }
    }
}

/// How many of the last events are asked for at once, beginning with the very last.
const PAGE_MESSAGES: u64 = 20_000;

/// How many are known at most: more than the public network has in a minute.
const MAX_RECENT_IDS: usize = 100_000;

/// How long the next of them may take, and all together; it is only for what a source sends again,
/// and only where it cannot tell.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);
const READ_BACK_TIMEOUT: Duration = Duration::from_secs(60);

/// The last events of the stream in their order, those of the last page and all that are older than
/// the last one by at most `back`, as far as they can be had.
pub(super) async fn recent(
    connection: &Connection,
    stream: &str,
    info: &Info,
    back: Duration,
) -> Vec<Identity> {
    let mut pages = VecDeque::new();
    let read = read_recent(connection, stream, info, back, &mut pages);
    let read = timeout(READ_BACK_TIMEOUT, read).await;
    if let Err(why) = read.unwrap_or_else(|_| Err("it takes too long".to_owned())) {
        let stream = printable(stream);
        info!(target: STATE, stream, why, "the last events of the stream '{stream}' cannot be read back: {why}; if the server renumbers its events, they may come again");
    }
    pages.into_iter().flatten().collect()
}

/// Reads page after page, from the last one back.
async fn read_recent(
    connection: &Connection,
    stream: &str,
    info: &Info,
    back: Duration,
    pages: &mut VecDeque<Vec<Identity>>,
) -> Result<(), String> {
    let first_of_all = info.state.first_sequence.max(1);
    let (mut last, mut n_events, mut latest_us) = (info.state.last_sequence, 0, 0);
    while last >= first_of_all && n_events < MAX_RECENT_IDS {
        let first = last.saturating_sub(PAGE_MESSAGES - 1).max(first_of_all);
        let page = read_page(connection, stream, first, last - first + 1).await?;
        latest_us = page.latest_us.max(latest_us);
        n_events += page.ids.len();
        pages.push_front(page.ids);
        let is_without_times = page.latest_us == 0;
        if is_without_times || page.earliest_us < latest_us.saturating_sub(micros(back)) {
            break;
        }
        last = first - 1;
    }
    Ok(())
}

/// Some events of the stream, one after the other.
#[derive(Debug)]
struct Page {
    ids: Vec<Identity>,
    earliest_us: u64,
    latest_us: u64,
}

async fn read_page(
    connection: &Connection,
    stream: &str,
    first: u64,
    n: u64,
) -> Result<Page, String> {
    let said = |error: &dyn std::error::Error| printable(&error.to_string());
    let name = make_consumer(connection, stream, first).await?;
    let client = connection.client();
    let inbox = client.new_inbox();
    let mut messages = client
        .subscribe(inbox.clone())
        .await
        .map_err(|error| said(&error))?;
    let next = connection.api_subject(&format!("CONSUMER.MSG.NEXT.{stream}.{name}"));
    let request = json!({ "batch": n, "no_wait": true }).to_string();
    client
        .publish_with_reply(next, inbox, request.into())
        .await
        .map_err(|error| said(&error))?;
    let mut page = Page {
        ids: Vec::new(),
        earliest_us: u64::MAX,
        latest_us: 0,
    };
    // Where all of it is there, nothing says that it is the end.
    let mut left = n;
    while left > 0
        && let Some(message) = timeout(MESSAGE_TIMEOUT, messages.next())
            .await
            .map_err(|_| "nothing more comes of it".to_owned())?
    {
        if message.status.is_some() {
            break;
        }
        left -= 1;
        let header = |name: &str| {
            message
                .headers
                .as_ref()
                .and_then(|headers| headers.get(name))
        };
        let id = header("Nats-Msg-Id").and_then(|id| Identity::parse(id.as_str()));
        page.ids.extend(id);
        if let Some(time_us) = header("rocketman-cursor").and_then(|at| time_of(at.as_str())) {
            page.earliest_us = page.earliest_us.min(time_us);
            page.latest_us = page.latest_us.max(time_us);
        }
    }
    Ok(page)
}

/// Makes a consumer that begins with this message, and returns its name.
async fn make_consumer(
    connection: &Connection,
    stream: &str,
    first: u64,
) -> Result<String, String> {
    let wanted = json!({
        "stream_name": stream,
        "config": {
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": first,
            "ack_policy": "none",
            "headers_only": true,
            "mem_storage": true,
            "num_replicas": 1,
            "inactive_threshold": MESSAGE_TIMEOUT.as_nanos(),
        },
    });
    let subject = format!("CONSUMER.CREATE.{stream}");
    let made = connection.request::<Made>(&subject, &wanted).await;
    match made {
        Ok(Made { name }) => Ok(name),
        Err(failed) => Err(chain(&connection.failed(failed, "make a consumer of it"))),
    }
}

/// A consumer that was made.
#[derive(Deserialize)]
struct Made {
    name: String,
}

#[cfg(test)]
mod tests {
    use async_nats::jetstream::stream::Source;

    use super::*;
    use crate::{nats::NatsSettings, sink::nats::NatsSinkSettings};

    #[test]
    fn a_stream_that_cannot_keep_the_promise_is_refused_in_words() {
        let fit = StreamPlan::default().config("S", vec!["at.>".to_owned()], "");
        let format = |prefix: &str, carried| {
            let settings = NatsSinkSettings {
                prefix: prefix.to_owned(),
                carried,
                ..NatsSinkSettings::new(NatsSettings::default(), "S")
            };
            MessageFormat::new(&settings, "w")
        };
        assert!(check(&fit, &format("at", false)).is_ok());
        assert!(check(&fit, &format("", true)).is_ok());
        assert!(check(&fit, &format("b", true)).is_err());
        let changed = |change: fn(&mut Config)| {
            let mut config = fit.clone();
            change(&mut config);
            let error = check(&config, &format("at", false)).unwrap_err();
            error.to_string()
        };
        for (told, word) in [
            (changed(|config| config.sealed = true), "sealed"),
            (
                changed(|config| config.no_ack = true),
                "does not acknowledge",
            ),
            (
                changed(|config| config.mirror = Some(Source::default())),
                "mirror",
            ),
            (
                changed(|config| config.sources = Some(vec![Source::default()])),
                "several writers",
            ),
            (
                changed(|config| config.subjects = vec!["x.y".to_owned()]),
                "takes x.y",
            ),
        ] {
            assert!(told.contains(word), "{told}");
        }
    }
}
